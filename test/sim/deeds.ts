// What is done to nodes, disks and links when a fault strikes; each deed undoes itself a drawn time later, unless everything
// has been healed meanwhile. Which deed is done when stands in faults.ts.

import type { ActorName } from "../../src/actors/messages.ts";
import type { NodeId } from "../../src/actors/scalars.ts";
import { createTrap } from "./ambush.ts";
import { type Cluster, crash, diskOf, goOn, nodeOf, start, stop } from "./cluster.ts";
import type { Coverage } from "./coverage.ts";
import { block, partition, slowDown, unblock, unblockAll } from "./network.ts";
import { post } from "./node.ts";
import type { Deed, Fault } from "./plan-shape.ts";
import { scheduleIn } from "./schedule.ts";

export interface Nemesis {
  readonly cluster: Cluster;
  isOver: boolean;
  /** How many of each kind have struck. */
  readonly struck: Map<Fault, number>;
  /** And in which state of the cluster. */
  readonly coverage: Coverage;
}

/** Ends a fault, unless everything has been healed meanwhile. */
export function afterwards(nemesis: Nemesis, span: number, undo: () => void): void {
  scheduleIn(nemesis.cluster.timetable, span, () => {
    if (!nemesis.isOver) undo();
  });
}

/** How long a fault lasts. */
export const drawSpan = ({ cluster }: Nemesis): number => cluster.random.between(50, cluster.plan.faultMsMax);

export const threads: readonly (readonly ActorName[])[] = [
  ["clients", "gateway"],
  ["peers"],
  ["raft", "storage"],
  ["lock"],
  ["lease"],
];

/** kill -9, and a start some time later; at times so soon that the others never notice. */
export function fell(nemesis: Nemesis, victims: readonly NodeId[], isBrief = nemesis.cluster.random.chance(0.3)): void {
  const { cluster } = nemesis;
  const { random } = cluster;
  const down = isBrief ? random.between(1, 50) : drawSpan(nemesis);
  for (const id of victims) {
    crash(cluster, id);
    afterwards(nemesis, down + random.between(0, victims.length > 1 ? 500 : 0), () => {
      if (!nodeOf(cluster, id).isRunning) start(cluster, id);
    });
  }
}

/** SIGSTOP and SIGCONT, of a node or of one of its threads. */
export function halt(
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

/** Cuts off a node alone, or with some others: a leader with a minority goes on writing what will never be committed. */
export function cutOff(nemesis: Nemesis, victim: NodeId): void {
  const { cluster } = nemesis;
  const { ids, random, network } = cluster;
  const others = ids.filter((id) => id !== victim);
  const cut = [victim, ...random.shuffle(others).slice(0, random.below(ids.length - 1))];
  const rest = ids.filter((id) => !cut.includes(id));
  cluster.witness.befell?.(`${cut.join(" ")} cut off from ${rest.join(" ")}`);
  partition(network, cut, rest);
  afterwards(nemesis, drawSpan(nemesis), () => unblockAll(network));
}

/** The others hear nothing of the node any more, though it hears them. */
function mute(nemesis: Nemesis, victim: NodeId): void {
  const { cluster } = nemesis;
  const others = cluster.ids.filter((id) => id !== victim);
  cluster.witness.befell?.(`nothing of ${victim} is heard`);
  for (const other of others) block(cluster.network, victim, other);
  afterwards(nemesis, drawSpan(nemesis), () => {
    for (const other of others) unblock(cluster.network, victim, other);
  });
}

export function slowLink(nemesis: Nemesis, victim: NodeId, others: readonly NodeId[]): void {
  const { network, random, witness } = nemesis.cluster;
  const extra = random.pick([20, 100, 250, 600]);
  witness.befell?.(`messages of ${victim} to ${others.join(" ")} take ${extra} ms longer`);
  for (const other of others) slowDown(network, victim, other, extra);
  afterwards(nemesis, drawSpan(nemesis), () => {
    for (const other of others) slowDown(network, victim, other, 0);
  });
}

/** Links that come and go many times a second. */
export function flap(nemesis: Nemesis, victim: NodeId, others: readonly NodeId[]): void {
  const { cluster } = nemesis;
  const { network, random, timetable } = cluster;
  const until = timetable.now + drawSpan(nemesis);
  cluster.witness.befell?.(`the links of ${victim} to ${others.join(" ")} flap`);
  const swing = (isUp: boolean): void => {
    const isLast = timetable.now >= until;
    for (const other of others) {
      if (isUp || isLast) {
        unblock(network, victim, other);
        unblock(network, other, victim);
      } else partition(network, [victim], [other]);
    }
    if (!isLast) afterwards(nemesis, random.between(5, 200), () => swing(!isUp));
  };
  swing(false);
}

export function slowDisks(nemesis: Nemesis, victims: readonly NodeId[]): void {
  const { cluster } = nemesis;
  const { flushMin, flushMax } = cluster.plan.disk;
  const factor = cluster.random.pick([10, 100]);
  cluster.witness.befell?.(`the disks of ${victims.join(" ")} are ${factor} times as slow`);
  for (const id of victims) {
    const pace = { flushMin: flushMin * factor, flushMax: flushMax * factor };
    Object.assign(diskOf(cluster, id).pace, pace);
  }
  afterwards(nemesis, drawSpan(nemesis), () => {
    for (const id of victims) Object.assign(diskOf(cluster, id).pace, cluster.plan.disk);
  });
}

/** Room becomes scarce, and at times runs out before somebody makes more. */
export function fillDisk(nemesis: Nemesis, victim: NodeId): void {
  const { cluster } = nemesis;
  const { random } = cluster;
  const { ailments } = diskOf(cluster, victim);
  ailments.scarce = true;
  tellOfRoom(cluster, victim);
  const span = drawSpan(nemesis);
  if (random.chance(0.5)) {
    afterwards(nemesis, random.between(0, span), () => {
      ailments.full = ailments.scarce;
    });
  }
  afterwards(nemesis, span, () => giveRoom(cluster, victim));
}

export function giveRoom(cluster: Cluster, id: NodeId): void {
  const { ailments } = diskOf(cluster, id);
  ailments.full = false;
  ailments.failing = false;
  if (!ailments.scarce) return;
  ailments.scarce = false;
  tellOfRoom(cluster, id);
}

function tellOfRoom(cluster: Cluster, id: NodeId): void {
  const { scarce } = diskOf(cluster, id).ailments;
  cluster.witness.befell?.(`${id}: ${scarce ? "room is scarce" : "there is room again"}`);
  post(nodeOf(cluster, id), "storage", "gateway", { type: "room", scarce });
}

/** Lies in wait at these nodes; the first to write the letter meets it. */
export function ambush(nemesis: Nemesis, victims: readonly NodeId[]): void {
  const { cluster } = nemesis;
  const { random, plan, timetable } = cluster;
  const trap = random.pick(plan.traps);
  const deed = random.pick(plan.deeds);
  const springs = createTrap(trap, random.below);
  const wait = random.pick([0, 0, random.between(0, 2), random.between(0, 20)]);
  for (const id of victims) {
    const node = nodeOf(cluster, id);
    if (!node.isRunning) continue;
    const { epoch } = node;
    node.lookout = (from, to, letter) => {
      if (!springs(from, to, letter)) return;
      for (const other of victims) nodeOf(cluster, other).lookout = null;
      scheduleIn(timetable, wait, () => {
        if (nemesis.isOver || node.epoch !== epoch) return;
        cluster.witness.befell?.(`ambush at ${trap}: ${deed} of ${id}`);
        perpetrate(nemesis, deed, id);
      });
    };
  }
}

function perpetrate(nemesis: Nemesis, deed: Deed, victim: NodeId): void {
  switch (deed) {
    case "crash":
      return fell(nemesis, [victim], false);
    case "blink":
      return fell(nemesis, [victim], true);
    case "pause":
      return halt(nemesis, victim, { span: drawSpan(nemesis) });
    case "stall":
      return halt(nemesis, victim, { span: drawSpan(nemesis) / 3, actors: nemesis.cluster.random.pick(threads) });
    case "stallDoor":
      return halt(nemesis, victim, { span: drawSpan(nemesis), actors: ["clients", "gateway"] });
    case "cutOff":
      return cutOff(nemesis, victim);
    case "mute":
      return mute(nemesis, victim);
  }
}
