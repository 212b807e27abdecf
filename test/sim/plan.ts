// The plan of a seed: what is good and bad about its world, who asks for what, and what goes wrong. One seed gives one plan.
// Half of all plans are drawn from everything there is; the others are about one rivalry each, see rivalries.ts.

import { millis } from "../../src/actors/scalars.ts";
import type { Manners } from "./clients.ts";
import { allDeeds, allFaults, allTraps, brisk, calmPlan, type Plan } from "./plan-shape.ts";
import { createRandom, type Random } from "./random.ts";
import { rivalries } from "./rivalries.ts";

export { calmPlan, type Fault, type Plan, type Workload } from "./plan-shape.ts";

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

/** Clocks outside the bound: they may run at any rate, and stand still. Only tokens are promised then. */
export function wildClockPlan(seed: number): Plan {
  const drawn = drawPlan(seed);
  const faults = ["clockRate", "pause", "crash", "partition"] as const;
  return { ...drawn, kind: "clocks", clockError: 0.9, tokensOnly: true, faults, faultEveryMs: 500 };
}

/** The plan of a seed. Of every two, one is about a rivalry. */
export function planOf(seed: number): Plan {
  const drawn = drawPlan(seed);
  if (seed % 2 !== 0) return drawn;
  const random = createRandom(seed, "rivals");
  const kind = rivalries[(seed / 2) % rivalries.length] as (typeof rivalries)[number];
  return { ...drawn, ...kind.shape(drawn, random), kind: kind.name };
}

/** Late repeats of what clients have sent. */
const echoes = (random: Random): Pick<Manners, "echoChance" | "echoMax" | "stayChance"> => ({
  echoChance: random.pick([0, 0.05, 0.2]),
  echoMax: random.pick([100, 3000, 15_000]),
  stayChance: random.pick([0, 0.5]),
});

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
    kind: "weather",
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
    manners: { ...calm.manners, delayMax, lossChance: rough(0.05), ...echoes(random) },
    workload: {
      ...calm.workload,
      stateless: 1 + random.below(6),
      leased: random.below(4),
      repeating: random.pick([0, 0, 1, 2]),
      lateRenewalChance: random.pick([0, 0, 0.3]),
      watching: random.below(3),
      locks: 1 + random.below(8),
      ttlMin: random.pick([1000, 2000]),
      ttlMax: random.pick([2000, 10_000]),
      thinkMax,
      holdMax: random.pick([10, 300, 3000]),
      vanishChance: random.pick([0, 0.05, 0.2]),
    },
    unevenLogs: random.chance(0.3),
    copying: seed % 32 === 0 ? "structured" : seed % 8 === 3 ? "plain" : "frozen",
    faults: random.shuffle(allFaults).slice(0, random.below(allFaults.length + 1)),
    traps: random.shuffle(allTraps).slice(0, 1 + random.below(allTraps.length)),
    deeds: random.shuffle(allDeeds).slice(0, 1 + random.below(allDeeds.length)),
    faultEveryMs: random.pick([300, 700, 2000, 6000]),
    faultMsMax: random.pick([1000, 3000, 8000]),
  };
}
