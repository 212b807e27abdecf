// What goes wrong between regions, and with whole regions and their leaders; what goes wrong within a region is left to the
// faults of one cluster. Each fault ends by itself a drawn time later; `healWorld` ends them all.

import type { NodeId, RegionId } from "../../../src/actors/scalars.ts";
import { askToHandOver, type Cluster, crash, goOn, nodeOf, start, stop } from "../cluster.ts";
import { type Coverage, cover, statesOf } from "../coverage.ts";
import type { Nemesis as InnerNemesis } from "../deeds.ts";
import { heal, unleash } from "../faults.ts";
import { schedule, scheduleIn } from "../schedule.ts";
import type { WideFault } from "./plan.ts";
import { springs } from "./traps.ts";
import { way } from "./wide.ts";
import { clusterOf, leaderOfRegion, type World } from "./world.ts";

export interface Nemesis {
  readonly world: World;
  isOver: boolean;
  readonly struck: Map<string, number>;
  readonly coverage: Coverage;
  /** What goes wrong within each region. */
  readonly inner: InnerNemesis[];
}

/** How many faults of each kind have struck, within regions and between them; and in which state of the regions. */
export function countsOf({ struck, coverage, inner }: Nemesis): { struck: Map<string, number>; coverage: Coverage } {
  const sum = { struck: new Map(struck), coverage: new Map(coverage) };
  const add = (total: Map<string, number>, one: ReadonlyMap<string, number>): void => {
    for (const [name, count] of one) total.set(name, (total.get(name) ?? 0) + count);
  };
  for (const one of inner) {
    add(sum.struck, one.struck);
    add(sum.coverage, one.coverage);
  }
  return sum;
}

/** Lets the faults of the plan strike from now on until `until`. */
export function unleashWorld(world: World, until: number): Nemesis {
  const nemesis: Nemesis = { world, isOver: false, struck: new Map(), coverage: new Map(), inner: [] };
  const { random, plan, timetable } = world;
  const troubled = random.shuffle(world.ids).slice(0, plan.troubled);
  const latencies = [...world.wide.latencies];
  for (const id of world.ids) {
    const cluster = clusterOf(world, id);
    const calm: InnerNemesis = { cluster, isOver: false, struck: new Map(), coverage: new Map() };
    nemesis.inner.push(troubled.includes(id) ? unleash(cluster, until) : calm);
  }
  const next = (): void => {
    if (plan.faults.length === 0 || timetable.now >= until || nemesis.isOver) return;
    const fault = random.pick(plan.faults);
    nemesis.struck.set(fault, (nemesis.struck.get(fault) ?? 0) + 1);
    const states = [...world.regions.values()].flatMap((cluster) => statesOf(cluster, cluster.observer));
    cover(nemesis.coverage, fault, [...new Set(states)]);
    strike(nemesis, fault);
    scheduleIn(timetable, random.between(0, 2 * plan.faultEveryMs), next);
  };
  scheduleIn(timetable, random.between(0, plan.faultEveryMs), next);
  schedule(timetable, until, () => {
    nemesis.isOver = true;
    for (const one of nemesis.inner) heal(one);
    world.wide.blocked.clear();
    for (const [direction, latency] of latencies) world.wide.latencies.set(direction, latency);
    Object.assign(world.wide.weather, plan.weather, { lossChance: 0, tailChance: 0 });
  });
  return nemesis;
}

function afterwards({ world }: Nemesis, span: number, undo: () => void, nemesis?: Nemesis): void {
  scheduleIn(world.timetable, span, () => {
    if (nemesis?.isOver !== true) undo();
  });
}

const drawSpan = ({ world }: Nemesis): number => world.random.between(50, world.plan.faultMsMax);

/** Blocks directions for a while. */
function block(nemesis: Nemesis, ways: readonly string[], span = drawSpan(nemesis)): void {
  const { wide, trace } = nemesis.world;
  trace.befell?.(`nothing passes ${ways.join(" ")}`);
  for (const one of ways) wide.blocked.add(one);
  afterwards(
    nemesis,
    span,
    () => {
      for (const one of ways) wide.blocked.delete(one);
    },
    nemesis,
  );
}

const bothWays = (one: RegionId, others: readonly RegionId[]): string[] =>
  others.flatMap((other) => [way(one, other), way(other, one)]);

function strike(nemesis: Nemesis, fault: WideFault): void {
  const { world } = nemesis;
  const { random, ids, wide, plan } = world;
  const victim = random.pick(ids);
  const others = ids.filter((id) => id !== victim);
  const other = random.pick(others);
  switch (fault) {
    case "cutOff":
      return block(nemesis, bothWays(victim, others));
    case "cutOneWay":
      return block(
        nemesis,
        others.map((one) => (random.chance(0.5) ? way(victim, one) : way(one, victim))),
      );
    case "cutPair":
      return block(nemesis, bothWays(victim, [other]));
    case "crashRegion":
      return fell(nemesis, clusterOf(world, victim), clusterOf(world, victim).ids);
    case "crashMost":
      for (const id of random.shuffle(ids).slice(0, 1 + random.below(ids.length))) {
        fell(nemesis, clusterOf(world, id), clusterOf(world, id).ids);
      }
      return;
    case "killLeader": {
      const leader = leaderOfRegion(world, victim);
      if (leader !== null) fell(nemesis, clusterOf(world, victim), [leader]);
      return;
    }
    case "handOver": {
      const leader = leaderOfRegion(world, victim);
      if (leader !== null && nodeOf(clusterOf(world, victim), leader).isRunning) {
        askToHandOver(clusterOf(world, victim), leader);
      }
      return;
    }
    case "ambush":
      return ambush(nemesis, random.chance(0.5) ? [victim] : ids);
    case "badWeather":
      Object.assign(wide.weather, { lossChance: 0.3, repeatChance: 0.3, overtakeChance: 0.5, tailChance: 0.2 });
      return afterwards(nemesis, drawSpan(nemesis), () => void Object.assign(wide.weather, plan.weather), nemesis);
    case "farther":
      wide.latencies.set(way(victim, other), random.between(1, plan.latencyMax * random.pick([1, 3])));
      return;
    case "flapRegion":
      return flap(nemesis, bothWays(victim, others));
  }
}

function flap(nemesis: Nemesis, ways: readonly string[]): void {
  const { world } = nemesis;
  const until = world.timetable.now + drawSpan(nemesis);
  const swing = (): void => {
    if (world.timetable.now >= until) return;
    block(nemesis, ways, world.random.between(5, 300));
    afterwards(nemesis, world.random.between(300, 800), swing, nemesis);
  };
  swing();
}

/** kill -9, and a start some time later. */
function fell(nemesis: Nemesis, cluster: Cluster, victims: readonly NodeId[]): void {
  const { random } = nemesis.world;
  const down = random.chance(0.3) ? random.between(1, 50) : drawSpan(nemesis);
  for (const id of victims) {
    crash(cluster, id);
    afterwards(
      nemesis,
      down + random.between(0, 200),
      () => {
        if (!nodeOf(cluster, id).isRunning) start(cluster, id);
      },
      nemesis,
    );
  }
}

const deeds = ["crash", "blink", "pause", "cutOff", "mute"] as const;

/** Lies in wait at the nodes of these regions; the first to write the letter meets it. */
function ambush(nemesis: Nemesis, regions: readonly RegionId[]): void {
  const { world } = nemesis;
  const { random, plan, timetable } = world;
  const trap = random.pick(plan.traps);
  const deed = random.pick(deeds);
  const wait = random.pick([0, 0, random.between(0, 2), random.between(0, 100)]);
  let isSprung = false;
  for (const region of regions) {
    const cluster = clusterOf(world, region);
    for (const id of cluster.ids) {
      const node = nodeOf(cluster, id);
      if (!node.isRunning) continue;
      const { epoch } = node;
      node.lookout = (from, to, letter) => {
        if (isSprung || !springs[trap](from, to, letter)) return;
        isSprung = true;
        scheduleIn(timetable, wait, () => {
          if (nemesis.isOver || node.epoch !== epoch) return;
          world.trace.befell?.(`ambush at ${trap}: ${deed} of ${id}`);
          perpetrate(nemesis, { deed, region, id });
        });
      };
    }
  }
}

function perpetrate(
  nemesis: Nemesis,
  { deed, region, id }: { deed: (typeof deeds)[number]; region: RegionId; id: NodeId },
): void {
  const { world } = nemesis;
  const cluster = clusterOf(world, region);
  const others = world.ids.filter((one) => one !== region);
  switch (deed) {
    case "crash":
    case "blink":
      return fell(nemesis, cluster, [id]);
    case "pause": {
      const node = nodeOf(cluster, id);
      const { epoch } = node;
      stop(cluster, id);
      return afterwards(
        nemesis,
        drawSpan(nemesis),
        () => {
          if (node.epoch === epoch) goOn(cluster, id);
        },
        nemesis,
      );
    }
    case "cutOff":
      return block(nemesis, bothWays(region, others));
    case "mute":
      return block(
        nemesis,
        others.map((one) => way(region, one)),
      );
  }
}
