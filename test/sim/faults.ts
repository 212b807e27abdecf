// What goes wrong, and when. Each fault begins at a drawn moment and ends by itself a drawn time later; several may overlap.
// `heal` ends them all at once.

import type { NodeId } from "../../src/actors/scalars.ts";
import { askToHandOver, type Cluster, currentLeader, diskOf, goOn, nodeOf, startAll } from "./cluster.ts";
import { cover, statesOf } from "./coverage.ts";
import {
  afterwards,
  ambush,
  cutOff,
  drawSpan,
  fell,
  fillDisk,
  flap,
  giveRoom,
  halt,
  type Nemesis,
  slowDisks,
  slowLink,
  threads,
} from "./deeds.ts";
import { block, checkLinks, unblock, unblockAll } from "./network.ts";
import { setClockRate } from "./node.ts";
import { rot } from "./operator.ts";
import type { Fault } from "./plan-shape.ts";
import { schedule, scheduleIn } from "./schedule.ts";

/** Lets the faults of the plan strike from now on until `until`, and counts them on from `former`. */
export function unleash(
  cluster: Cluster,
  until: number,
  { struck, coverage }: Pick<Nemesis, "struck" | "coverage"> = { struck: new Map(), coverage: new Map() },
): Nemesis {
  const nemesis: Nemesis = { cluster, isOver: false, struck, coverage };
  const { random, plan, timetable, crowd, network, disks } = cluster;
  // As they were before the last healing.
  Object.assign(crowd.manners, plan.manners);
  Object.assign(network.weather, plan.weather);
  for (const disk of disks.values()) Object.assign(disk.pace, plan.disk);
  const next = (): void => {
    if (plan.faults.length === 0 || timetable.now >= until || nemesis.isOver) return;
    const fault = random.pick(plan.faults);
    nemesis.struck.set(fault, (nemesis.struck.get(fault) ?? 0) + 1);
    cover(nemesis.coverage, fault, statesOf(cluster, cluster.observer));
    strike(nemesis, fault);
    scheduleIn(timetable, random.between(0, 2 * plan.faultEveryMs), next);
  };
  scheduleIn(timetable, random.between(0, plan.faultEveryMs), next);
  schedule(timetable, until, () => heal(nemesis));
  return nemesis;
}

/** Everything is well again: all run, all hear each other, disks and wires are as they were. */
export function heal(nemesis: Nemesis): void {
  const { cluster } = nemesis;
  nemesis.isOver = true;
  cluster.witness.befell?.("all is well again");
  for (const [id, node] of cluster.nodes) {
    if (node.isRunning) goOn(cluster, id);
    setClockRate(node, 1);
    node.lookout = null;
    Object.assign(diskOf(cluster, id).pace, cluster.plan.disk, { stallChance: 0 });
    giveRoom(cluster, id);
  }
  cluster.crowd.unreachable.clear();
  Object.assign(cluster.crowd.manners, { lossChance: 0, echoChance: 0 });
  Object.assign(cluster.network.weather, cluster.plan.weather, { lossChance: 0, tailChance: 0 });
  unblockAll(cluster.network);
  startAll(cluster);
  checkLinks(cluster.network);
}

/** The leader more often than chance would have it: there it hurts most. */
function pickVictim(cluster: Cluster): NodeId {
  const leader = currentLeader(cluster);
  return leader !== null && cluster.random.chance(0.5) ? leader : cluster.random.pick(cluster.ids);
}

function strike(nemesis: Nemesis, fault: Fault): void {
  const { cluster } = nemesis;
  const { random, network, ids } = cluster;
  const victim = pickVictim(cluster);
  const others = ids.filter((id) => id !== victim);
  const someOthers = (): readonly NodeId[] => (random.chance(0.5) ? others : others.slice(0, 1));
  switch (fault) {
    case "crash":
      return fell(nemesis, [victim]);
    case "crashAll":
      return fell(nemesis, ids);
    case "pause":
      return halt(nemesis, victim, { span: drawSpan(nemesis) });
    case "stall":
      return halt(nemesis, victim, { span: drawSpan(nemesis) / 3, actors: random.pick(threads) });
    case "partition":
      return cutOff(nemesis, victim);
    case "oneWay":
      return blockOneWay(nemesis, victim, others);
    case "flap":
      return flap(nemesis, victim, someOthers());
    case "slowLink":
      return slowLink(nemesis, victim, someOthers());
    case "slowDisk":
      return slowDisks(nemesis, [victim]);
    case "slowDisks":
      return slowDisks(nemesis, random.shuffle(ids).slice(0, Math.floor(ids.length / 2) + 1));
    case "failedFlush":
      diskOf(cluster, victim).ailments.failing = true;
      return;
    case "fullDisk":
      return fillDisk(nemesis, victim);
    case "bitRot":
      // One at a time, and never the only copy: an operator can only replace what the others have.
      if (ids.length < 3 || ids.some((id) => diskOf(cluster, id).ailments.rotten !== null)) return;
      return rot(cluster, victim, drawSpan(nemesis));
    case "badWeather":
      cluster.witness.befell?.("bad weather");
      Object.assign(network.weather, { lossChance: 0.3, repeatChance: 0.3, overtakeChance: 0.5, tailChance: 0.2 });
      return afterwards(nemesis, drawSpan(nemesis), () => void Object.assign(network.weather, cluster.plan.weather));
    case "clockRate":
      return changeClock(nemesis, victim);
    case "handOver":
      return askToHandOver(cluster, victim);
    case "unreachable":
      cluster.witness.befell?.(`no client reaches ${victim}`);
      cluster.crowd.unreachable.add(victim);
      return afterwards(nemesis, drawSpan(nemesis), () => void cluster.crowd.unreachable.delete(victim));
    case "ambush":
      return ambush(nemesis, random.chance(0.5) ? [victim] : ids);
  }
}

function blockOneWay(nemesis: Nemesis, victim: NodeId, others: readonly NodeId[]): void {
  if (others.length === 0) return;
  const { cluster } = nemesis;
  const other = cluster.random.pick(others);
  const [from, to] = cluster.random.chance(0.5) ? [victim, other] : [other, victim];
  cluster.witness.befell?.(`nothing passes from ${from} to ${to}`);
  block(cluster.network, from, to);
  afterwards(nemesis, drawSpan(nemesis), () => unblock(cluster.network, from, to));
}

function changeClock({ cluster }: Nemesis, victim: NodeId): void {
  const { random, plan } = cluster;
  // A virtual machine that is moved: its clock stands still.
  const standsStill = plan.tokensOnly && random.chance(0.2);
  const rate = standsStill ? 0 : 1 + random.between(-plan.clockError, plan.clockError);
  cluster.witness.befell?.(`the clock of ${victim} now runs at ${rate}`);
  setClockRate(nodeOf(cluster, victim), rate);
}
