// What goes wrong, and when. Each fault begins at a drawn moment and ends by itself a drawn time later; several may overlap.
// `heal` ends them all at once.

import type { ActorName } from "../../src/actors/messages.ts";
import type { NodeId } from "../../src/actors/scalars.ts";
import {
  askToHandOver,
  type Cluster,
  crash,
  currentLeader,
  diskOf,
  goOn,
  nodeOf,
  start,
  startAll,
  stop,
} from "./cluster.ts";
import { block, checkLinks, partition, unblock, unblockAll } from "./network.ts";
import { setClockRate } from "./node.ts";
import type { Fault } from "./plan.ts";
import { schedule, scheduleIn } from "./schedule.ts";

export interface Nemesis {
  readonly cluster: Cluster;
  isOver: boolean;
  /** How many of each kind have struck. */
  readonly struck: Map<Fault, number>;
}

/** Lets the faults of the plan strike from now on until `until`. */
export function unleash(cluster: Cluster, until: number): Nemesis {
  const nemesis: Nemesis = { cluster, isOver: false, struck: new Map() };
  const { random, plan, timetable } = cluster;
  const next = (): void => {
    if (plan.faults.length === 0 || timetable.now >= until || nemesis.isOver) return;
    const fault = random.pick(plan.faults);
    nemesis.struck.set(fault, (nemesis.struck.get(fault) ?? 0) + 1);
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
    Object.assign(diskOf(cluster, id).pace, cluster.plan.disk, { stallChance: 0 });
  }
  cluster.crowd.unreachable.clear();
  cluster.crowd.manners.lossChance = 0;
  Object.assign(cluster.network.weather, cluster.plan.weather, { lossChance: 0, tailChance: 0 });
  unblockAll(cluster.network);
  startAll(cluster);
  checkLinks(cluster.network);
}

/** Ends a fault, unless everything has been healed meanwhile. */
function afterwards(nemesis: Nemesis, span: number, undo: () => void): void {
  scheduleIn(nemesis.cluster.timetable, span, () => {
    if (!nemesis.isOver) undo();
  });
}

/** The leader more often than chance would have it: there it hurts most. */
function pickVictim(cluster: Cluster): NodeId {
  const leader = currentLeader(cluster);
  return leader !== null && cluster.random.chance(0.5) ? leader : cluster.random.pick(cluster.ids);
}

const threads: readonly (readonly ActorName[])[] = [
  ["clients", "gateway"],
  ["peers"],
  ["raft", "storage"],
  ["lock"],
  ["lease"],
];

function strike(nemesis: Nemesis, fault: Fault): void {
  const { cluster } = nemesis;
  const { random, network, ids } = cluster;
  const victim = pickVictim(cluster);
  const others = ids.filter((id) => id !== victim);
  const span = (): number => random.between(50, cluster.plan.faultMsMax);
  switch (fault) {
    case "crash":
      return fell(nemesis, [victim]);
    case "crashAll":
      return fell(nemesis, ids);
    case "pause":
      return halt(nemesis, victim, { span: span() });
    case "stall":
      return halt(nemesis, victim, { span: span() / 3, actors: random.pick(threads) });
    case "partition": {
      // The victim alone, or with some others: a leader with a minority goes on writing what will never be committed.
      const cut = [victim, ...random.shuffle(others).slice(0, random.below(ids.length - 1))];
      const rest = ids.filter((id) => !cut.includes(id));
      cluster.witness.befell?.(`${cut.join(" ")} cut off from ${rest.join(" ")}`);
      partition(network, cut, rest);
      return afterwards(nemesis, span(), () => unblockAll(network));
    }
    case "oneWay": {
      if (others.length === 0) return;
      const other = random.pick(others);
      const [from, to] = random.chance(0.5) ? [victim, other] : [other, victim];
      cluster.witness.befell?.(`nothing passes from ${from} to ${to}`);
      block(network, from, to);
      return afterwards(nemesis, span(), () => unblock(network, from, to));
    }
    case "slowDisk": {
      const { pace } = diskOf(cluster, victim);
      const { flushMin, flushMax } = cluster.plan.disk;
      const factor = random.pick([10, 100]);
      cluster.witness.befell?.(`the disk of ${victim} is ${factor} times as slow`);
      Object.assign(pace, { flushMin: flushMin * factor, flushMax: flushMax * factor });
      return afterwards(nemesis, span(), () => void Object.assign(pace, cluster.plan.disk));
    }
    case "badWeather":
      cluster.witness.befell?.("bad weather");
      Object.assign(network.weather, { lossChance: 0.3, repeatChance: 0.3, overtakeChance: 0.5, tailChance: 0.2 });
      return afterwards(nemesis, span(), () => void Object.assign(network.weather, cluster.plan.weather));
    case "clockRate": {
      const rate = 1 + random.between(-cluster.plan.clockError, cluster.plan.clockError);
      cluster.witness.befell?.(`the clock of ${victim} now runs at ${rate}`);
      return setClockRate(nodeOf(cluster, victim), rate);
    }
    case "handOver":
      return askToHandOver(cluster, victim);
    case "unreachable":
      cluster.witness.befell?.(`no client reaches ${victim}`);
      cluster.crowd.unreachable.add(victim);
      return afterwards(nemesis, span(), () => void cluster.crowd.unreachable.delete(victim));
  }
}

/** kill -9, and a start some time later. */
function fell(nemesis: Nemesis, victims: readonly NodeId[]): void {
  const { cluster } = nemesis;
  // At times so short that the others never notice.
  const down = cluster.random.chance(0.3)
    ? cluster.random.between(1, 50)
    : cluster.random.between(50, cluster.plan.faultMsMax);
  for (const id of victims) {
    crash(cluster, id);
    afterwards(nemesis, down + cluster.random.between(0, victims.length > 1 ? 500 : 0), () => {
      if (!nodeOf(cluster, id).isRunning) start(cluster, id);
    });
  }
}

/** SIGSTOP and SIGCONT, of a node or of one of its threads. */
function halt(
  nemesis: Nemesis,
  victim: NodeId,
  { span, actors }: { span: number; actors?: readonly ActorName[] },
): void {
  const { cluster } = nemesis;
  const node = nodeOf(cluster, victim);
  if (!node.isRunning) return;
  const { epoch } = node;
  stop(cluster, victim, actors);
  afterwards(nemesis, span, () => {
    if (node.epoch === epoch) goOn(cluster, victim, actors);
  });
}
