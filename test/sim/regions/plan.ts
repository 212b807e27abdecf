// The plan of a seed for several regions: how many there are and how large, how far apart, who asks for what, what goes wrong
// within them and between them.

import type { Plan } from "../plan.ts";
import { calmPlan } from "../plan.ts";
import { allDeeds, allTraps, brisk, type Fault } from "../plan-shape.ts";
import { createRandom, type Random } from "../random.ts";
import type { WideWeather } from "./wide.ts";

/** What may befall regions and what lies between them; see faults.ts. */
export const wideFaults = [
  "cutOff",
  "cutOneWay",
  "cutPair",
  "crashRegion",
  "crashMost",
  "killLeader",
  "handOver",
  "ambush",
  "badWeather",
  "farther",
  "flapRegion",
] as const;
export type WideFault = (typeof wideFaults)[number];

/** At which letter an ambush of a region's leader springs. */
export const wideTraps = [
  "begin",
  "prepare",
  "accept",
  "conclude",
  "replies",
  "askPrepare",
  "askAccept",
  "askRenew",
  "replyPrepare",
  "replyAccept",
  "replyRenew",
  "renew",
  "answer",
  "expire",
] as const;
export type WideTrap = (typeof wideTraps)[number];

export interface RegionPlan {
  readonly seed: number;
  readonly kind: string;
  readonly regions: number;
  /** Of each region: the same for all but the seed. */
  readonly each: Plan;
  /** Latencies between regions are drawn up to this, for each direction. */
  readonly latencyMax: number;
  readonly weather: WideWeather;
  /** How often a client turns to another region first. */
  readonly roamChance: number;
  readonly faults: readonly WideFault[];
  readonly faultEveryMs: number;
  readonly faultMsMax: number;
  readonly traps: readonly WideTrap[];
  /** In how many regions things go wrong within. */
  readonly troubled: number;
}

/** Three healthy regions of three nodes each. */
export function calmRegions(seed: number): RegionPlan {
  const calm = calmPlan(seed);
  return {
    seed,
    kind: "calm",
    regions: 3,
    each: { ...calm, faultyMs: 10_000, workload: { ...calm.workload, namelessChance: 0 } },
    latencyMax: 40,
    weather: {
      jitter: 1,
      tailChance: 0,
      tailMax: 0,
      lossChance: 0,
      repeatChance: 0,
      overtakeChance: 0,
      detectMin: 1,
      detectMax: 50,
    },
    roamChance: 0,
    faults: [],
    faultEveryMs: 2000,
    faultMsMax: 5000,
    traps: wideTraps,
    troubled: 0,
  };
}

const innerFaults: readonly Fault[] = [
  "crash",
  "crashAll",
  "pause",
  "stall",
  "partition",
  "oneWay",
  "slowDisk",
  "handOver",
  "unreachable",
  "flap",
  "slowLink",
  "slowDisks",
  "failedFlush",
  "ambush",
];

/** The plan of a seed. */
export function regionPlanOf(seed: number): RegionPlan {
  const random = createRandom(seed, "regions");
  const calm = calmRegions(seed);
  const isRough = random.chance(0.6);
  const rough = (chance: number): number => (isRough ? random.between(0, chance) : 0);
  const shape = random.pick([
    { regions: 3, nodes: 3 },
    { regions: 3, nodes: 3 },
    { regions: 3, nodes: 1 },
    { regions: 3, nodes: 1 },
    { regions: 2, nodes: 1 },
    { regions: 5, nodes: 1 },
  ]);
  const atBound = random.chance(0.25);
  return {
    ...calm,
    kind: `${shape.regions}x${shape.nodes}`,
    regions: shape.regions,
    each: {
      ...eachOf(calm.each, random, rough),
      nodes: shape.nodes,
      clockError: atBound ? 0.0099 : 0.005,
      clocksAtBound: atBound,
    },
    latencyMax: random.pick([5, 40, 150]),
    weather: {
      ...calm.weather,
      jitter: random.pick([1, 10]),
      tailChance: rough(0.02),
      tailMax: random.pick([100, 1000, 4000]),
      lossChance: rough(0.05),
      repeatChance: rough(0.2),
      overtakeChance: rough(0.4),
      detectMax: random.pick([50, 1000]),
    },
    roamChance: random.pick([0, 0.1, 0.5]),
    faults: random.shuffle(wideFaults).slice(0, random.below(wideFaults.length + 1)),
    traps: random.shuffle(wideTraps).slice(0, 1 + random.below(wideTraps.length)),
    faultEveryMs: random.pick([500, 1500, 4000]),
    faultMsMax: random.pick([1000, 3000, 6000]),
    troubled: random.pick([0, 1, 1, shape.regions]),
  };
}

function eachOf(calm: Plan, random: Random, rough: (chance: number) => number): Plan {
  const isSmall = random.chance(0.6);
  const delayMax = random.pick([1, 3]);
  return {
    ...calm,
    cluster: { ...calm.cluster, requestsRemembered: random.pick([60, 200, 2000]), digestEntries: random.pick([1, 16]) },
    node: {
      ...calm.node,
      ...random.pick([calm.node, brisk]),
      snapshotEntries: isSmall ? random.pick([16, 64]) : 1000,
      trailingEntries: isSmall ? random.pick([0, 16]) : 200,
      sliceRecords: random.pick([8, 100]),
    },
    pace: { ...calm.pace, stallChance: rough(0.005), stallMax: 20, latenessMax: random.pick([1, 10]) },
    disk: { flushMin: 0.1, flushMax: random.pick([1, 5]), stallChance: rough(0.02), stallMax: 100 },
    weather: {
      ...calm.weather,
      delayMax,
      lossChance: rough(0.02),
      repeatChance: rough(0.05),
      overtakeChance: rough(0.2),
    },
    manners: {
      ...calm.manners,
      delayMax,
      lossChance: rough(0.05),
      echoChance: random.pick([0, 0, 0.1]),
      echoMax: random.pick([100, 3000, 15_000]),
      stayChance: random.pick([0.3, 0.8]),
    },
    workload: {
      ...calm.workload,
      stateless: 2 + random.below(5),
      leased: 1 + random.below(4),
      repeating: random.pick([0, 0, 1, 2]),
      lateRenewalChance: random.pick([0, 0, 0.3]),
      watching: random.below(3),
      locks: 1 + random.below(5),
      ttlMin: random.pick([1000, 2000]),
      ttlMax: random.pick([2000, 5000]),
      thinkMax: random.pick([20, 200, 1000]),
      holdMax: random.pick([10, 300, 3000]),
      vanishChance: random.pick([0, 0.05, 0.2]),
    },
    faults: random.shuffle(innerFaults).slice(0, 1 + random.below(innerFaults.length)),
    traps: allTraps,
    deeds: random.shuffle(allDeeds).slice(0, 1 + random.below(allDeeds.length)),
    faultEveryMs: random.pick([700, 2000, 6000]),
    faultMsMax: random.pick([1000, 3000]),
    faultyMs: 10_000,
    copying: "frozen",
  };
}

/** Three regions of one node each after one lock or two, with everything going wrong between them: much happens in little time. */
export function rivalRegions(seed: number): RegionPlan {
  const drawn = regionPlanOf(seed);
  const random = createRandom(seed, "rival regions");
  const { each } = drawn;
  return {
    ...drawn,
    kind: "rivals",
    regions: 3,
    each: {
      ...each,
      nodes: 1,
      workload: {
        ...each.workload,
        stateless: 3,
        leased: 3,
        repeating: 1,
        watching: 1,
        locks: 1 + random.below(3),
        ttlMin: 1000,
        ttlMax: 2000,
        thinkMax: random.pick([50, 300]),
        holdMax: random.pick([10, 1000]),
      },
      manners: { ...each.manners, echoChance: random.pick([0, 0.1]) },
      faultyMs: 8000,
    },
    latencyMax: random.pick([10, 40]),
    roamChance: random.pick([0, 0.3]),
    faults: random.shuffle(wideFaults).slice(0, 2 + random.below(5)),
    faultEveryMs: random.pick([300, 1000]),
    faultMsMax: random.pick([500, 2500]),
    traps: wideTraps,
    troubled: random.pick([0, 1]),
  };
}
