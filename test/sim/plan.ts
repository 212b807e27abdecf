// The plan of a seed: what is good and bad about its world, who asks for what, and what goes wrong. One seed gives one plan.
// Half of all plans are drawn from everything there is; the others are about one rivalry each, see rivalries.ts.

import { millis } from "../../src/actors/scalars.ts";
import type { Manners } from "./clients.ts";
import type { Copying } from "./copy.ts";
import { allDeeds, allFaults, allTraps, brisk, calmPlan, type Fault, type Plan, type QueueWork } from "./plan-shape.ts";
import { createRandom, type Random } from "./random.ts";
import { rivalries } from "./rivalries.ts";

export { calmPlan, type Fault, type Plan, type QueueWork, type Workload } from "./plan-shape.ts";

/** Elections all the time: five nodes that die and come back at once, time out together, and hear each other late. */
export function stormyPlan(seed: number): Plan {
  const calm = calmPlan(seed);
  return {
    ...calm,
    kind: "storm",
    nodes: 5,
    node: { ...calm.node, electionMsMax: millis(520) },
    weather: { ...calm.weather, tailChance: 0.4, tailMax: 500, overtakeChance: 0.5 },
    workload: { ...calm.workload, thinkMax: 2000 },
    faults: ["crash"],
    faultEveryMs: 100,
    faultMsMax: 5000,
  };
}

/** Three nodes, clients at work, and nothing goes wrong: by this the speed of the simulator is measured. */
export const peacefulPlan = (seed: number): Plan => ({ ...calmPlan(seed), copying: copyingOf(seed) });

/** Clocks outside the bound: they may run at any rate, and stand still. Only tokens are promised then. */
export function wildClockPlan(seed: number): Plan {
  const drawn = drawPlan(seed);
  const faults = ["clockRate", "pause", "crash", "partition"] as const;
  return { ...drawn, kind: "clocks", clockError: 0.9, tokensOnly: true, faults, faultEveryMs: 500 };
}

/** Everything goes wrong for a while and is healed, again and again: what must be well then must be so soon. Wires are quick,
 *  so that elections are not split three times in a row; see liveness.ts for the bounds. */
export function livenessPlan(seed: number): Plan {
  const plan = livenessWithoutQueues(seed);
  const random = createRandom(seed, "liveness of queues");
  return random.chance(0.5) ? plan : livenessOfQueues(plan, random);
}

/** What a leader mostly outlives; and what has it stop proposing, and then go on. */
const lasting: readonly Fault[] = ["badWeather", "unreachable", "slowLink", "slowDisk", "stall", "clockRate"];
const inVain: readonly Fault[] = ["handOver", "handOver", "badWeather", "badWeather", "oneWay", "unreachable"];

/** The same where most wait: for longer than it may take until they are served. What was asked is remembered for as long as a
 *  client may repeat it; else a late repeat would be granted what its client knows nothing of and never gives back. */
function livenessOfQueues(plan: Plan, random: Random): Plan {
  const workload = { ...plan.workload, stateless: 1, leased: 1, repeating: 0, watching: 1 };
  const queues = {
    ...drawQueues({ ...plan, workload }, random),
    waitMax: random.pick([10_000, 100_000, 100_000]),
    holdMax: random.pick([10, 100, 300]),
    vanishChance: random.pick([0.05, 0.15]),
  };
  return {
    ...plan,
    kind: "liveness of queues",
    // In two of three seeds most leaders last, or hand over in vain: then nothing but patience brings back what was lost.
    faults: random.pick([plan.faults, lasting, inVain]),
    cluster: { ...plan.cluster, requestsRemembered: 5000 },
    manners: { ...plan.manners, echoMax: Math.min(plan.manners.echoMax, 3000) },
    node: roomy(plan),
    workload,
    queues,
  };
}

function livenessWithoutQueues(seed: number): Plan {
  const drawn = drawPlan(seed);
  const random = createRandom(seed, "liveness");
  const brief = { delayMax: 3, tailMax: 100, detectMax: 50 };
  return {
    ...drawn,
    kind: "liveness",
    nodes: random.pick([3, 3, 5]),
    node: { ...drawn.node, inflightMax: 1000 },
    pace: { ...drawn.pace, latenessMax: 1 },
    disk: { ...drawn.disk, flushMax: Math.min(drawn.disk.flushMax, 5) },
    weather: { ...drawn.weather, ...brief },
    manners: { ...drawn.manners, delayMax: 3, budgetMin: 300, budgetMax: 800, patience: 60_000 },
    workload: { ...drawn.workload, vanishChance: 0.2, ttlMin: 1000, ttlMax: 3000, holdMax: 300 },
    faults: drawn.faults.length > 2 ? drawn.faults : allFaults,
    faultyMs: random.pick([3000, 6000, 12_000]),
    faultEveryMs: random.pick([100, 300, 700]),
    heals: 4,
  };
}

/** The plan of a seed. Of every two, one is about a rivalry; in one of three there are queues. */
export function planOf(seed: number): Plan {
  const random = createRandom(seed, "queues");
  const plan = planWithoutQueues(seed);
  if (!random.chance(1 / 3)) return plan;
  return { ...plan, kind: `${plan.kind} and queues`, node: roomy(plan), queues: drawQueues(plan, random) };
}

/** The same, with such clients only whose every lock has a history that can be searched for an order: those who take one lock
 *  under a lease of its own, and those who look. A repeat that comes after its request was forgotten is a request of its own,
 *  which no history knows; so what was asked is remembered for long. */
export function recordedPlan(seed: number): Plan {
  const plan = planWithoutQueues(seed);
  return {
    ...plan,
    kind: `${plan.kind}, recorded`,
    cluster: { ...plan.cluster, requestsRemembered: 5000 },
    workload: { ...plan.workload, stateless: 5, leased: 0, repeating: 0, watching: 2 },
  };
}

/** The same, always with queues, and hardly anybody else. */
export function queuePlan(seed: number): Plan {
  const random = createRandom(seed, "queues");
  const plan = planWithoutQueues(seed);
  const workload = { ...plan.workload, stateless: 1, leased: 1, repeating: 0, watching: 1, ttlMin: 1000, ttlMax: 4000 };
  const node = roomy(plan);
  return { ...plan, kind: `queues, ${plan.kind}`, node, workload, queues: drawQueues({ ...plan, workload }, random) };
}

/** A log that takes one entry in each round trip cannot carry what so many clients ask for. */
const roomy = ({ node }: Plan): Plan["node"] =>
  node.appendEntriesMax * node.appendsInflightMax > 1 ? node : { ...node, appendsInflightMax: 4 };

function planWithoutQueues(seed: number): Plan {
  const drawn = drawPlan(seed);
  if (seed % 2 !== 0) return drawn;
  const random = createRandom(seed, "rivals");
  const kind = rivalries[(seed / 2) % rivalries.length] as (typeof rivalries)[number];
  return { ...drawn, ...kind.shape(drawn, random), kind: kind.name };
}

function drawQueues({ workload }: Plan, random: Random): QueueWork {
  return {
    waiting: 2 + random.below(7),
    ruling: random.pick([0, 1, 1]),
    looking: random.pick([0, 1]),
    watching: random.pick([1, 2, 3]),
    locks: Math.min(workload.locks, 1 + random.below(4)),
    waitMax: random.pick([500, 3000, 10_000]),
    thinkMax: random.pick([20, 200, 500]),
    holdMax: random.pick([10, 300, 1500]),
    delayMax: random.pick([200, 2000]),
    severalChance: random.pick([0, 0.3, 0.6]),
    sharingChance: random.pick([0, 0.3, 0.7]),
    priorityChance: random.pick([0, 0.1, 0.3]),
    delayChance: random.pick([0, 0.5]),
    cancelChance: random.pick([0, 0.1, 0.3]),
    repeatChance: random.pick([0, 0.2]),
    moreChance: random.pick([0, 0.2, 0.5]),
    vanishChance: random.pick([0, 0.05, 0.15]),
  };
}

/** Late repeats of what clients have sent: up to three times as late as a lease may last. */
const echoes = (random: Random, ttlMax: number): Pick<Manners, "echoChance" | "echoMax" | "stayChance"> => ({
  echoChance: random.pick([0, 0.05, 0.2]),
  echoMax: random.pick([100, ttlMax, 3 * ttlMax]),
  stayChance: random.pick([0, 0.5]),
});

/** Of every 64 runs one copies letters as threads do, two copy them cheaply, four freeze them; the others share them. */
function copyingOf(seed: number): Copying {
  const at = seed % 64;
  if (at === 0) return "structured";
  if (at % 32 === 3) return "plain";
  return at % 16 === 1 ? "frozen" : "shared";
}

function drawPlan(seed: number): Plan {
  const random = createRandom(seed, "plan");
  const calm = calmPlan(seed);
  const isRough = random.chance(0.6);
  const isSmall = random.chance(0.7);
  const rough = (chance: number): number => (isRough ? random.between(0, chance) : 0);
  const delayMax = random.pick([1, 3, 10, 40]);
  const thinkMax = random.pick([50, 200, 1000]);
  const ttlMax = random.pick([2000, 10_000]);
  const requestsRemembered = random.pick([100, 500, 2000]);
  return {
    ...calm,
    kind: "weather",
    nodes: random.pick([1, 3, 3, 3, 3, 5]),
    cluster: {
      ...calm.cluster,
      requestsRemembered,
      digestEntries: random.pick([1, 16, 16, 100]),
    },
    node: {
      ...calm.node,
      ...random.pick([calm.node, brisk]),
      appendEntriesMax: random.pick([1, 4, 64]),
      appendsInflightMax: random.pick([1, 4, 16]),
      snapshotEntries: isSmall ? random.pick([thinkMax < 200 ? 32 : 8, 64]) : 1000,
      trailingEntries: isSmall ? random.pick([0, 16]) : 200,
      // A snapshot is mostly what is remembered: some ten slices of it, or a few.
      sliceRecords: Math.ceil(requestsRemembered / random.pick([3, 12])),
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
    manners: { ...calm.manners, delayMax, lossChance: rough(0.05), ...echoes(random, ttlMax) },
    workload: {
      ...calm.workload,
      stateless: 1 + random.below(6),
      leased: random.below(4),
      repeating: random.pick([0, 0, 1, 2]),
      lateRenewalChance: random.pick([0, 0, 0.3]),
      watching: random.below(3),
      locks: 1 + random.below(8),
      ttlMin: random.pick([1000, 2000]),
      ttlMax,
      thinkMax,
      holdMax: random.pick([10, 300, 3000]),
      vanishChance: random.pick([0, 0.05, 0.2]),
    },
    unevenLogs: random.chance(0.3),
    copying: copyingOf(seed),
    // One of eight of either kind.
    coded: Math.floor(seed / 2) % 8 === 1,
    faults: random.shuffle(allFaults).slice(0, random.below(allFaults.length + 1)),
    traps: random.shuffle(allTraps).slice(0, 1 + random.below(allTraps.length)),
    deeds: random.shuffle(allDeeds).slice(0, 1 + random.below(allDeeds.length)),
    faultEveryMs: random.pick([300, 700, 2000, 6000]),
    faultMsMax: random.pick([1000, 3000, 8000]),
  };
}
