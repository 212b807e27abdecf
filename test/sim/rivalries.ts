// Plans that are each about one rivalry which weather alone hardly ever brings about: leaders that are overtaken in the middle
// of a sentence, votes and crashes, renewals against expiries, repeats against outcomes, two leaders' snapshots and logs.

import { millis } from "../../src/actors/scalars.ts";
import { brisk, type Plan } from "./plan-shape.ts";
import type { Random } from "./random.ts";

export interface Rivalry {
  readonly name: string;
  /** What this kind of plan has instead of what was drawn. */
  readonly shape: (drawn: Plan, random: Random) => Partial<Plan>;
}

const quick = { retryMs: millis(100), inflightMax: 1000 };

/** Brisk elections, short faults, clients that never rest. */
function scramble(drawn: Plan, random: Random): Partial<Plan> {
  return {
    nodes: random.pick([3, 5]),
    node: { ...drawn.node, ...brisk, ...quick },
    workload: { ...drawn.workload, stateless: 4, thinkMax: 100, holdMax: 50 },
    manners: { ...drawn.manners, delayMax: 3, budgetMin: 300, budgetMax: 1000 },
    weather: { ...drawn.weather, delayMax: random.pick([1, 10, 30]), detectMax: 50 },
    faultEveryMs: random.pick([100, 200, 400]),
    faultMsMax: random.pick([400, 800, 1500]),
  };
}

const rivals: Rivalry["shape"] = (drawn, random) => ({
  ...scramble(drawn, random),
  faults: ["partition", "crash", "oneWay", "pause", "flap"],
});

/** Leaders are cut off or die when they have just appended or just been elected, and come back soon: logs come to differ in
 *  several terms, and old entries are sent on by new leaders (Raft figure 8). */
const cutOffs: Rivalry["shape"] = (drawn, random) => {
  const base = scramble(drawn, random);
  return {
    ...base,
    node: { ...drawn.node, ...brisk, ...quick, appendEntriesMax: 1, appendsInflightMax: random.pick([1, 4]) },
    faults: ["ambush"],
    traps: ["appending", "leading"],
    deeds: ["crash", "blink", "cutOff", "mute"],
    faultEveryMs: random.pick([60, 120, 250]),
    faultMsMax: random.pick([300, 600, 1200]),
  };
};

/** Candidates and voters die between vote and flush and are back at once; elections collide all the time. */
const votes: Rivalry["shape"] = (drawn, random) => ({
  ...scramble(drawn, random),
  nodes: random.pick([3, 5, 5]),
  node: { ...drawn.node, ...brisk, ...quick, electionMsMax: millis(160) },
  weather: { ...drawn.weather, delayMax: 10, tailChance: 0.2, tailMax: 300, overtakeChance: 0.5, repeatChance: 0.3 },
  faults: ["ambush", "crash"],
  traps: ["voting", "campaigning", "leading"],
  deeds: ["blink", "blink", "crash", "mute", "cutOff"],
  faultEveryMs: random.pick([50, 100]),
  faultMsMax: 500,
});

/** Leadership is handed on all the time while letters inside the nodes are slow. */
const relays: Rivalry["shape"] = (drawn, random) => ({
  ...scramble(drawn, random),
  pace: { ...drawn.pace, stallChance: 0.2, stallMax: 30 },
  weather: { ...drawn.weather, delayMax: 1, detectMax: 50 },
  disk: { ...drawn.disk, flushMax: 1 },
  workload: { ...drawn.workload, watching: 4, leased: 3, thinkMax: 20, holdMax: 20 },
  faults: ["handOver", "handOver", "handOver", "stall", "ambush"],
  traps: ["handingOver", "leading"],
  faultEveryMs: random.pick([20, 50]),
  faultMsMax: 400,
});

/** The shortest leases, renewed and repeated about when they expire, on slow disks. */
const deadlines: Rivalry["shape"] = (drawn, random) => ({
  disk: { ...drawn.disk, flushMin: 5, flushMax: random.pick([20, 60, 100]) },
  workload: {
    ...drawn.workload,
    stateless: 1,
    leased: 4,
    repeating: 4,
    locks: 12,
    ttlMin: 1000,
    ttlMax: 1000,
    thinkMax: 100,
    vanishChance: 0.3,
    lateRenewalChance: 0.6,
  },
  faults: random.pick([[], ["slowDisk", "slowDisks"], ["ambush"], ["handOver", "pause", "stall"]] as const),
  traps: ["expiring", "renewing", "granting"],
  faultEveryMs: 2000,
  faultMsMax: 1500,
});

/** Requests that are repeated at the same node while its threads stand still, and long afterwards. */
const repeats: Rivalry["shape"] = (drawn, random) => ({
  nodes: 3,
  // One entry in each round trip would not even carry the repeats.
  node: { ...drawn.node, appendEntriesMax: 64, appendsInflightMax: 4 },
  manners: {
    ...drawn.manners,
    budgetMin: 100,
    budgetMax: 500,
    echoChance: 0.3,
    echoMax: random.pick([500, 3000, 9000]),
    stayChance: 0.8,
    lossChance: 0.1,
  },
  workload: { ...drawn.workload, repeating: 3, ttlMin: 1000, ttlMax: 3000, vanishChance: 0.4, locks: 8, thinkMax: 100 },
  faults: ["stall", "slowLink", "unreachable"],
  faultEveryMs: 300,
  faultMsMax: 1500,
});

/** Leaders that differ in how much log they keep, slow disks, and followers that are always behind. */
const transfers: Rivalry["shape"] = (drawn, random) => ({
  ...scramble(drawn, random),
  node: {
    ...drawn.node,
    ...brisk,
    ...quick,
    snapshotEntries: 16,
    trailingEntries: random.pick([0, 4]),
    sliceRecords: 8,
    appendEntriesMax: random.pick([1, 4]),
  },
  cluster: { ...drawn.cluster, requestsRemembered: 100 },
  unevenLogs: true,
  disk: { ...drawn.disk, flushMin: 2, flushMax: random.pick([20, 60]), stallChance: 0.1, stallMax: 200 },
  weather: { ...drawn.weather, delayMax: 3, detectMax: 50, overtakeChance: 0.3, repeatChance: 0.2 },
  faults: ["ambush", "crash", "partition", "handOver"],
  traps: ["installing", "restoring", "saving", "leading"],
  faultEveryMs: random.pick([150, 400]),
  faultMsMax: random.pick([800, 1500]),
});

/** Every clock is as wrong as it may be, leases are long, and nothing else gets in their way. */
const bounds: Rivalry["shape"] = (drawn, random) => ({
  nodes: 3,
  clockError: 0.0099,
  clocksAtBound: true,
  pace: { ...drawn.pace, stallChance: 0, latenessMax: 1 },
  disk: { flushMin: 0.1, flushMax: 1, stallChance: 0, stallMax: 0 },
  weather: { ...drawn.weather, delayMax: 1, tailChance: 0, lossChance: 0 },
  manners: { ...drawn.manners, delayMax: 1, lossChance: 0, echoChance: 0 },
  workload: {
    ...drawn.workload,
    leased: 3,
    repeating: 2,
    locks: 12,
    ttlMin: 15_000,
    ttlMax: 30_000,
    thinkMax: 500,
    vanishChance: 0.5,
    lateRenewalChance: 0,
  },
  faultyMs: 60_000,
  faults: random.pick([[], ["handOver"]] as const),
  faultEveryMs: 10_000,
});

/** The door of a node stands still just when an answer is on its way to it, longer than clients wait: they ask again at this node
 *  and at others, and old answer, repeat and deadline wait there together. Who is granted a lock then keeps it to the end. */
const doors: Rivalry["shape"] = (drawn, random) => ({
  nodes: random.pick([1, 3, 3]),
  node: { ...drawn.node, ...brisk, retryMs: millis(random.pick([100, 5000])), inflightMax: 1000, appendEntriesMax: 64 },
  pace: { ...drawn.pace, stallChance: 0 },
  disk: { ...drawn.disk, flushMax: 1, stallChance: 0 },
  weather: { ...drawn.weather, delayMax: 3, tailChance: 0, lossChance: 0 },
  manners: {
    ...drawn.manners,
    delayMax: 3,
    lossChance: 0,
    echoChance: 0,
    stayChance: 0.5,
    budgetMin: 100,
    budgetMax: random.pick([150, 300]),
  },
  workload: {
    ...drawn.workload,
    stateless: 4,
    leased: 1,
    repeating: 4,
    watching: 0,
    locks: 20,
    ttlMin: 1000,
    ttlMax: 1200,
    thinkMax: 200,
    vanishChance: 0.8,
    namelessChance: 0,
  },
  faults: ["ambush"],
  traps: ["granting"],
  deeds: ["stallDoor"],
  faultEveryMs: random.pick([150, 400]),
  faultMsMax: random.pick([500, 900]),
});

/** One follower is always behind, its disk crawls, and wires keep messages back: requests that were sent before a snapshot come
 *  while storage replaces the log by it. */
const installs: Rivalry["shape"] = (drawn, random) => ({
  nodes: random.pick([3, 3, 5]),
  node: {
    ...drawn.node,
    ...quick,
    electionMsMin: millis(500),
    electionMsMax: millis(1000),
    heartbeatMs: millis(30),
    appendEntriesMax: random.pick([1, 4]),
    appendsInflightMax: 16,
    snapshotEntries: 8,
    trailingEntries: 0,
    sliceRecords: 1000,
  },
  cluster: { ...drawn.cluster, requestsRemembered: 100 },
  unevenLogs: random.chance(0.3),
  pace: { ...drawn.pace, stallChance: 0 },
  disk: { ...drawn.disk, flushMin: 5, flushMax: random.pick([20, 60]), stallChance: 0.2, stallMax: 300 },
  weather: {
    ...drawn.weather,
    delayMax: 3,
    tailChance: random.pick([0.1, 0.3]),
    tailMax: random.pick([200, 600]),
    lossChance: 0.1,
    overtakeChance: 0.9,
    detectMax: 50,
  },
  workload: { ...drawn.workload, stateless: 6, thinkMax: 30, holdMax: 10 },
  faults: ["flap", "slowLink", "slowDisk"],
  faultEveryMs: random.pick([150, 400]),
  faultMsMax: random.pick([400, 800]),
});

/** Disks that fail, fill up, rot and crawl. */
const disks: Rivalry["shape"] = (drawn, random) => ({
  nodes: random.pick([3, 3, 5]),
  disk: { ...drawn.disk, stallChance: 0.05, stallMax: 300 },
  faults: ["failedFlush", "fullDisk", "bitRot", "slowDisk", "slowDisks", "crash", "crashAll", "ambush"],
  traps: ["anyLetter", "appending", "saving", "restoring"],
  deeds: ["blink", "crash"],
  faultEveryMs: random.pick([300, 1000]),
});

export const rivalries: readonly Rivalry[] = [
  { name: "rivals", shape: rivals },
  { name: "cutOffs", shape: cutOffs },
  { name: "votes", shape: votes },
  { name: "relays", shape: relays },
  { name: "deadlines", shape: deadlines },
  { name: "repeats", shape: repeats },
  { name: "transfers", shape: transfers },
  { name: "bounds", shape: bounds },
  { name: "disks", shape: disks },
  { name: "doors", shape: doors },
  { name: "installs", shape: installs },
];
