// Everything that is fixed about a run before it begins: how many nodes, how good their disks, wires and clocks are, who
// asks for what, and what goes wrong.

import type { ClusterConfig, NodeConfig } from "../../src/actors/config.ts";
import { millis } from "../../src/actors/scalars.ts";
import type { Manners } from "./clients.ts";
import type { Copying } from "./copy.ts";
import type { DiskPace } from "./disk.ts";
import type { Weather } from "./network.ts";
import type { Pace } from "./node.ts";

/** What may befall a cluster; see faults.ts. */
export type Fault =
  | "crash"
  | "crashAll"
  | "pause"
  | "stall"
  | "partition"
  | "oneWay"
  | "slowDisk"
  | "badWeather"
  | "clockRate"
  | "handOver"
  | "unreachable"
  | "flap"
  | "slowLink"
  | "slowDisks"
  | "failedFlush"
  | "fullDisk"
  | "bitRot"
  | "ambush";

/** At which letter of a node an ambush springs. */
export type Trap =
  | "anyLetter"
  | "appending"
  | "voting"
  | "campaigning"
  | "leading"
  | "handingOver"
  | "installing"
  | "restoring"
  | "saving"
  | "granting"
  | "renewing"
  | "expiring";

/** What happens to the node then. */
export type Deed = "crash" | "blink" | "pause" | "stall" | "stallDoor" | "cutOff" | "mute";

export const allTraps: readonly Trap[] = [
  "anyLetter",
  "appending",
  "voting",
  "campaigning",
  "leading",
  "handingOver",
  "installing",
  "restoring",
  "saving",
  "granting",
  "renewing",
  "expiring",
];

/** All that any letter may lead to; `stallDoor` is for plans of its own. */
export const allDeeds: readonly Deed[] = ["crash", "blink", "pause", "stall", "cutOff", "mute"];

export const allFaults: readonly Fault[] = [
  "crash",
  "crashAll",
  "pause",
  "stall",
  "partition",
  "oneWay",
  "slowDisk",
  "badWeather",
  "clockRate",
  "handOver",
  "unreachable",
  "flap",
  "slowLink",
  "slowDisks",
  "failedFlush",
  "fullDisk",
  "bitRot",
  "ambush",
];

/** What the clients of a run do. Spans in milliseconds. */
export interface Workload {
  /** How many take one lock at a time by the stateless call. */
  readonly stateless: number;
  /** How many open a lease and hold several locks under it. */
  readonly leased: number;
  /** How many take one lock by the stateless call, never release it, and repeat the request about when it expires. */
  readonly repeating: number;
  /** How often a renewal is sent about when the lease expires, not long before. */
  readonly lateRenewalChance: number;
  /** How many only look. */
  readonly watching: number;
  readonly locks: number;
  readonly ttlMin: number;
  readonly ttlMax: number;
  readonly thinkMax: number;
  readonly holdMax: number;
  /** How often a holder vanishes instead of releasing. */
  readonly vanishChance: number;
  /** How often a request is sent without a request id. */
  readonly namelessChance: number;
}

/** What those clients do who wait for locks, take several, hold them in other modes, look and watch. Spans in milliseconds. */
export interface QueueWork {
  /** How many open a lease and wait for locks under it. */
  readonly waiting: number;
  /** How many take locks away, and ask for them. */
  readonly ruling: number;
  /** How many look at locks, queues and leases. */
  readonly looking: number;
  /** How many watch, and go on at another node now and then. */
  readonly watching: number;
  readonly locks: number;
  readonly waitMax: number;
  readonly thinkMax: number;
  readonly holdMax: number;
  readonly delayMax: number;
  /** How often a request is for several locks, in another mode than exclusive, of a higher priority, with a lock-delay. */
  readonly severalChance: number;
  readonly sharingChance: number;
  readonly priorityChance: number;
  readonly delayChance: number;
  /** How often a client cancels, repeats what it has asked, asks for more while it holds something, or vanishes. */
  readonly cancelChance: number;
  readonly repeatChance: number;
  readonly moreChance: number;
  readonly vanishChance: number;
}

export interface Plan {
  readonly seed: number;
  /** What the plan is meant to bring about, in one word. */
  readonly kind: string;
  readonly nodes: number;
  readonly cluster: Pick<
    ClusterConfig,
    "clockRateErrorMax" | "clockAllowanceMs" | "requestsRemembered" | "digestEntries"
  >;
  readonly node: Omit<NodeConfig, "nodeId" | "incarnation">;
  readonly pace: Pace;
  readonly disk: DiskPace;
  readonly weather: Weather;
  readonly manners: Manners;
  readonly workload: Workload;
  /** Null if nobody waits. */
  readonly queues: QueueWork | null;
  /** By how much the rate of a clock, of a node or a client, is wrong at most. */
  readonly clockError: number;
  /** All clocks are wrong by as much, in the bad direction: those of nodes fast, those of clients slow. */
  readonly clocksAtBound: boolean;
  /** Clocks are so wrong that only the promises about tokens are kept. */
  readonly tokensOnly: boolean;
  /** Every other node keeps its whole log. */
  readonly unevenLogs: boolean;
  readonly copying: Copying;
  /** Messages between nodes pass through the codec that ships. */
  readonly coded: boolean;
  readonly traps: readonly Trap[];
  readonly deeds: readonly Deed[];
  /** How often, before the end, everything is healed and must be well soon; 0 for a run that only ends well. */
  readonly heals: number;
  /** How long things go wrong (each time), and which of them do; a fault every so often on average. */
  readonly faultyMs: number;
  readonly faults: readonly Fault[];
  readonly faultEveryMs: number;
  /** How long a fault lasts at most. */
  readonly faultMsMax: number;
}

const nodeConfig: Plan["node"] = {
  electionMsMin: millis(500),
  electionMsMax: millis(1000),
  heartbeatMs: millis(80),
  confirmMs: millis(5),
  appendEntriesMax: 64,
  appendsInflightMax: 8,
  snapshotEntries: 64,
  trailingEntries: 16,
  sliceRecords: 8,
  inflightMax: 1000,
  inflightBytesMax: 1_000_000,
  retryMs: millis(300),
};

/** Elections three times as fast: more leaders in the same time. */
export const brisk = {
  electionMsMin: millis(150),
  electionMsMax: millis(300),
  heartbeatMs: millis(40),
  retryMs: millis(100),
};

/** A healthy three-node cluster with clients at work: the ground on which scripted scenarios stand. */
export const calmPlan = (seed: number): Plan => ({
  seed,
  kind: "calm",
  nodes: 3,
  cluster: { clockRateErrorMax: 0.01, clockAllowanceMs: millis(50), requestsRemembered: 500, digestEntries: 16 },
  node: nodeConfig,
  pace: { delayMin: 0.005, delayMax: 0.1, stallChance: 0, stallMax: 0, latenessMax: 1, hopChance: 0.1 },
  disk: { flushMin: 0.2, flushMax: 2, stallChance: 0, stallMax: 0 },
  weather: {
    delayMin: 0.2,
    delayMax: 2,
    tailChance: 0,
    tailMax: 0,
    lossChance: 0,
    repeatChance: 0,
    overtakeChance: 0,
    detectMin: 1,
    detectMax: 50,
  },
  manners: {
    delayMin: 0.2,
    delayMax: 2,
    lossChance: 0,
    echoChance: 0,
    echoMax: 0,
    stayChance: 0,
    budgetMin: 1000,
    budgetMax: 3000,
    patience: 8000,
  },
  workload: {
    stateless: 4,
    leased: 2,
    repeating: 0,
    lateRenewalChance: 0,
    watching: 1,
    locks: 5,
    ttlMin: 2000,
    ttlMax: 6000,
    thinkMax: 500,
    holdMax: 300,
    vanishChance: 0.02,
    namelessChance: 0.1,
  },
  queues: null,
  clockError: 0.005,
  clocksAtBound: false,
  tokensOnly: false,
  unevenLogs: false,
  copying: "frozen",
  coded: false,
  traps: allTraps,
  deeds: allDeeds,
  heals: 0,
  faultyMs: 30_000,
  faults: [],
  faultEveryMs: 2000,
  faultMsMax: 8000,
});
