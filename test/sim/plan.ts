// Everything that is fixed about a run before it begins: how many nodes, how good their disks, wires and clocks are, who
// asks for what, and what goes wrong. One seed gives one plan.

import type { ClusterConfig, NodeConfig } from "../../src/actors/config.ts";
import { millis } from "../../src/actors/scalars.ts";
import type { Manners } from "./clients.ts";
import type { Copying } from "./copy.ts";
import type { DiskPace } from "./disk.ts";
import type { Weather } from "./network.ts";
import type { Pace } from "./node.ts";
import { createRandom } from "./random.ts";

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
  | "unreachable";

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
];

/** What the clients of a run do. Spans in milliseconds. */
export interface Workload {
  /** How many take one lock at a time by the stateless call. */
  readonly stateless: number;
  /** How many open a lease and hold several locks under it. */
  readonly leased: number;
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

export interface Plan {
  readonly seed: number;
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
  /** By how much the rate of a clock, of a node or a client, is wrong at most. */
  readonly clockError: number;
  readonly copying: Copying;
  /** How long things go wrong, and which of them do; a fault every so often on average. */
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
const brisk = { electionMsMin: millis(150), electionMsMax: millis(300), heartbeatMs: millis(25), retryMs: millis(100) };

/** A healthy three-node cluster with clients at work: the ground on which scripted scenarios stand. */
export const calmPlan = (seed: number): Plan => ({
  seed,
  nodes: 3,
  cluster: { clockRateErrorMax: 0.01, clockAllowanceMs: millis(50), requestsRemembered: 500, digestEntries: 16 },
  node: nodeConfig,
  pace: { delayMin: 0.005, delayMax: 0.1, stallChance: 0, stallMax: 0, latenessMax: 1 },
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
  manners: { delayMin: 0.2, delayMax: 2, lossChance: 0, budgetMin: 1000, budgetMax: 3000, patience: 8000 },
  workload: {
    stateless: 4,
    leased: 2,
    watching: 1,
    locks: 5,
    ttlMin: 2000,
    ttlMax: 6000,
    thinkMax: 500,
    holdMax: 300,
    vanishChance: 0.02,
    namelessChance: 0.1,
  },
  clockError: 0.005,
  copying: "plain",
  faultyMs: 30_000,
  faults: [],
  faultEveryMs: 2000,
  faultMsMax: 8000,
});

/** Elections all the time: five nodes that die and come back at once, time out together, and hear each other late. */
export function stormyPlan(seed: number): Plan {
  const calm = calmPlan(seed);
  return {
    ...calm,
    nodes: 5,
    node: { ...calm.node, electionMsMax: millis(520) },
    weather: { ...calm.weather, tailChance: 0.4, tailMax: 500, overtakeChance: 0.5 },
    workload: { ...calm.workload, thinkMax: 2000 },
    faults: ["crash"],
    faultEveryMs: 100,
    faultMsMax: 5000,
  };
}

/** The plan of a seed: what is good and bad about the world is drawn, too. Every fourth is about leaders that change so
 *  often that logs come to differ. */
export function planOf(seed: number): Plan {
  const drawn = drawPlan(seed);
  if (seed % 4 !== 0) return drawn;
  const random = createRandom(seed, "rivals");
  return {
    ...drawn,
    nodes: random.pick([3, 5]),
    node: { ...drawn.node, ...brisk, inflightMax: 1000 },
    workload: { ...drawn.workload, stateless: 4, thinkMax: 100, holdMax: 50 },
    manners: { ...drawn.manners, delayMax: 3, budgetMin: 300, budgetMax: 1000 },
    weather: { ...drawn.weather, delayMax: random.pick([1, 10, 30]), detectMax: 50 },
    faults: ["partition", "crash", "oneWay", "pause"],
    faultEveryMs: random.pick([100, 200, 400]),
    faultMsMax: random.pick([400, 800, 1500]),
  };
}

function drawPlan(seed: number): Plan {
  const random = createRandom(seed, "plan");
  const calm = calmPlan(seed);
  const isRough = random.chance(0.6);
  const isSmall = random.chance(0.7);
  const rough = (chance: number): number => (isRough ? random.between(0, chance) : 0);
  const delayMax = random.pick([1, 3, 10, 40]);
  const thinkMax = random.pick([20, 200, 1000]);
  return {
    ...calm,
    nodes: random.pick([1, 3, 3, 3, 3, 5]),
    cluster: {
      ...calm.cluster,
      requestsRemembered: random.pick([100, 500, 2000]),
      digestEntries: random.pick([1, 16, 16, 100]),
    },
    node: {
      ...calm.node,
      ...random.pick([calm.node, brisk]),
      appendEntriesMax: random.pick([1, 4, 64]),
      appendsInflightMax: random.pick([1, 4, 16]),
      snapshotEntries: isSmall ? random.pick([thinkMax < 200 ? 32 : 8, 64]) : 1000,
      trailingEntries: isSmall ? random.pick([0, 16]) : 200,
      sliceRecords: random.pick([8, 100]),
      inflightMax: random.pick([3, 1000, 1000]),
    },
    pace: { ...calm.pace, stallChance: rough(0.01), stallMax: 20, latenessMax: random.pick([1, 10]) },
    disk: { flushMin: 0.1, flushMax: random.pick([1, 5, 20]), stallChance: rough(0.05), stallMax: 100 },
    weather: {
      ...calm.weather,
      delayMax,
      tailChance: rough(0.02),
      tailMax: random.pick([100, 400]),
      lossChance: rough(0.05),
      repeatChance: rough(0.1),
      overtakeChance: rough(0.3),
      detectMax: random.pick([50, 1000]),
    },
    manners: { ...calm.manners, delayMax, lossChance: rough(0.05) },
    workload: {
      ...calm.workload,
      stateless: 1 + random.below(6),
      leased: random.below(4),
      watching: random.below(3),
      locks: 1 + random.below(8),
      ttlMin: random.pick([1000, 2000]),
      ttlMax: random.pick([2000, 10_000]),
      thinkMax,
      holdMax: random.pick([10, 300, 3000]),
      vanishChance: random.pick([0, 0.05, 0.2]),
    },
    copying: seed % 16 === 0 ? "structured" : "plain",
    faults: random.shuffle(allFaults).slice(0, random.below(allFaults.length + 1)),
    faultEveryMs: random.pick([300, 700, 2000, 6000]),
    faultMsMax: random.pick([1000, 3000, 8000]),
  };
}
