// Whole nodes for traces: the behaviours as they ship, disks that are flushed by hand, wires that are emptied by hand, and a
// clock that moves when it is told to. Every letter becomes a line. There is no chance here: where a timer is drawn from a
// range, the first node draws the lower end, the last one the upper, and the others lie between.

import type { Behaviour } from "../../src/actors/actor.ts";
import type { Config, NodeConfig } from "../../src/actors/config.ts";
import { gateway } from "../../src/actors/gateway/receive.ts";
import { lease } from "../../src/actors/lease/receive.ts";
import { lock } from "../../src/actors/lock/receive.ts";
import type {
  ActorName,
  ForwardedRequest,
  GatewayToClients,
  GatewayToPeers,
  RaftMessage,
  RequestAnswer,
} from "../../src/actors/messages.ts";
import { raft } from "../../src/actors/raft/receive.ts";
import { type Instant, instant, millis, nodeId, regionId } from "../../src/actors/scalars.ts";
import { blankDisk, type Disk, flush, keep, load, loseUnflushed, type Said } from "./disk.ts";
import { answerText, letterText, messageText } from "./words.ts";

/** What travels between nodes. */
type Cargo =
  | { readonly type: "raft"; readonly message: RaftMessage }
  | { readonly type: "forwarded"; readonly requests: readonly ForwardedRequest[] }
  | { readonly type: "replied"; readonly answers: readonly RequestAnswer[] };

interface AnyEffect {
  readonly type: "send" | "setTimer" | "cancelTimer";
  readonly to?: ActorName;
  readonly letter?: { readonly type: string };
  readonly timer?: string;
  readonly min?: number;
  readonly max?: number;
}

interface Acting {
  readonly receive: (letter: unknown, now: Instant) => readonly AnyEffect[];
  /** What a test may look at. */
  readonly inspect: () => Readonly<Record<string, number | string>>;
}

interface Timer {
  readonly actor: ActorName;
  readonly timer: string;
  readonly due: number;
}

interface Letter {
  readonly from: ActorName;
  readonly to: ActorName;
  readonly letter: { readonly type: string };
}

export interface Node {
  readonly id: string;
  readonly disk: Disk;
  isUp: boolean;
  starts: number;
  actors: ReadonlyMap<ActorName, Acting>;
  timers: Map<string, Timer>;
  /** Letters on their way from actor to actor. */
  mailbox: Letter[];
  /** Which client waits for which call. */
  readonly calls: Map<number, string>;
}

/** A line of a trace. Routine is what happens all the time and tells nothing: heartbeats, their answers, timers set again. */
export interface Line {
  readonly text: string;
  readonly isRoutine: boolean;
}

export interface Cluster {
  readonly nodes: ReadonlyMap<string, Node>;
  readonly settings: Partial<NodeConfig>;
  /** By direction, as `a→b`. */
  readonly wires: Map<string, Cargo[]>;
  readonly cut: Set<string>;
  now: number;
  lines: Line[];
}

const hosting = <Self extends ActorName, State>(behaviour: Behaviour<Self, State>, config: Config): Acting => {
  const state = behaviour.start(config);
  type Message = Parameters<typeof behaviour.receive>[1];
  return {
    receive: (letter, now) => behaviour.receive(state, letter as Message, now) as unknown as readonly AnyEffect[],
    inspect: () => behaviour.inspect(state),
  };
};

export function createCluster(ids: readonly string[], settings: Partial<NodeConfig>): Cluster {
  const blank = (id: string): Node => ({
    id,
    disk: blankDisk(),
    isUp: false,
    starts: 0,
    actors: new Map(),
    timers: new Map(),
    mailbox: [],
    calls: new Map(),
  });
  const nodes = new Map(ids.map((id) => [id, blank(id)]));
  return { nodes, settings, wires: new Map(), cut: new Set(), now: 0, lines: [] };
}

export function nodeOf(cluster: Cluster, id: string): Node {
  const node = cluster.nodes.get(id);
  if (node === undefined) throw new Error(`no node ${id}`);
  return node;
}

const say = (cluster: Cluster, text: string, isRoutine = false): void => {
  cluster.lines.push({ text, isRoutine });
};

const configOf = (cluster: Cluster, node: Node): Config => ({
  cluster: {
    clusterId: "traced",
    regionId: regionId("here"),
    regions: [regionId("here")],
    voters: [...cluster.nodes.keys()].map(nodeId),
    clockRateErrorMax: 0.01,
    clockAllowanceMs: millis(50),
    requestsRemembered: 1000,
    digestEntries: 1000,
  },
  node: {
    nodeId: nodeId(node.id),
    incarnation: `${node.id}${node.starts}`,
    electionMsMin: millis(500),
    electionMsMax: millis(1000),
    heartbeatMs: millis(100),
    confirmMs: millis(5),
    appendEntriesMax: 8,
    appendsInflightMax: 4,
    snapshotEntries: 1000,
    trailingEntries: 100,
    sliceRecords: 100,
    inflightMax: 100,
    inflightBytesMax: 100_000,
    retryMs: millis(500),
    ...cluster.settings,
  },
});

// Starting and stopping.

export function startNode(cluster: Cluster, id: string): void {
  const node = nodeOf(cluster, id);
  node.starts += 1;
  node.isUp = true;
  const config = configOf(cluster, node);
  // The region actor is left out: with one region it stands aside.
  node.actors = new Map<ActorName, Acting>([
    ["gateway", hosting(gateway, config)],
    ["raft", hosting(raft, config)],
    ["lock", hosting(lock, config)],
    ["lease", hosting(lease, config)],
  ]);
  say(cluster, `${id} starts`);
  for (const said of load(node.disk)) fromStorage(cluster, node, said);
  run(cluster, node);
  for (const other of cluster.nodes.keys()) tellLinks(cluster, id, other);
}

/** kill -9: what was in memory or not flushed is gone, and calls of clients break. */
export function crashNode(cluster: Cluster, id: string): void {
  const node = nodeOf(cluster, id);
  node.isUp = false;
  node.actors = new Map();
  node.timers = new Map();
  node.mailbox = [];
  loseUnflushed(node.disk);
  say(cluster, `${id} is dead`);
  for (const client of node.calls.values()) say(cluster, `client ${client} loses its connection`);
  node.calls.clear();
  for (const other of cluster.nodes.keys()) tellLinks(cluster, id, other);
}

/** Both gateways hear whether their connection is up. */
export function tellLinks(cluster: Cluster, one: string, other: string): void {
  if (one === other) return;
  const isUp = nodeOf(cluster, one).isUp && nodeOf(cluster, other).isUp && !cluster.cut.has(`${one}→${other}`);
  for (const [at, far] of [
    [one, other],
    [other, one],
  ] as const) {
    const node = nodeOf(cluster, at);
    // Whoever starts has no connection yet, and need not be told so.
    if (!node.isUp || (!isUp && cluster.now === 0)) continue;
    hand(cluster, at, { from: "peers", to: "gateway", letter: link(far, isUp) });
  }
}

const link = (node: string, isUp: boolean) => ({ type: "link", node, clientAddress: isUp ? `${node}:9090` : null });

// Letters.

/** Hands a letter from outside to an actor; then everything happens in the node that follows from it. */
export function hand(cluster: Cluster, id: string, letter: Letter): void {
  const node = nodeOf(cluster, id);
  if (!node.isUp) return;
  post(cluster, node, letter);
  run(cluster, node);
}

function post(cluster: Cluster, node: Node, { from, to, letter }: Letter): void {
  if (to === "region") return;
  if (to === "peers") return transmit(cluster, node, letter as GatewayToPeers | { type: "send" });
  if (to === "clients") return toClients(cluster, node, letter as GatewayToClients);
  say(cluster, `  ${node.id} ${from} → ${to}: ${letterText(letter)}`);
  node.mailbox.push({ from, to, letter: structuredClone(letter) });
}

function run(cluster: Cluster, node: Node): void {
  for (;;) {
    const next = node.mailbox.shift();
    if (next !== undefined) {
      receive(cluster, node, next);
      continue;
    }
    // What is set to run out after no time runs out when the turn is over.
    const due = [...node.timers.values()].find((timer) => timer.due <= cluster.now);
    if (due === undefined) return;
    fire(cluster, node, due);
  }
}

function receive(cluster: Cluster, node: Node, { to, letter }: Letter): void {
  if (to === "storage") {
    for (const said of keep(node.disk, letter as Parameters<typeof keep>[1])) fromStorage(cluster, node, said);
    return;
  }
  const effects = node.actors.get(to)?.receive(letter, instant(cluster.now)) ?? [];
  for (const effect of effects) perform(cluster, node, { actor: to, effect });
}

const fromStorage = (cluster: Cluster, node: Node, { to, letter }: Said): void =>
  post(cluster, node, { from: "storage", to, letter });

function perform(cluster: Cluster, node: Node, { actor, effect }: { actor: ActorName; effect: AnyEffect }): void {
  const { to, letter, timer = "", min = 0, max = 0 } = effect;
  const name = `${actor} ${timer}`;
  if (effect.type === "cancelTimer") {
    if (node.timers.delete(name)) say(cluster, `  ${node.id} ${actor} stops timer ${timer}`);
  } else if (effect.type === "setTimer") {
    const span = draw(cluster, node, { min, max });
    node.timers.set(name, { actor, timer, due: cluster.now + span });
    say(cluster, `  ${node.id} ${actor} sets timer ${timer} to ${Math.ceil(span)} ms`, true);
  } else if (to !== undefined && letter !== undefined) {
    post(cluster, node, { from: actor, to, letter });
  }
}

function draw({ nodes }: Cluster, { id }: Node, { min, max }: { min: number; max: number }): number {
  const ids = [...nodes.keys()];
  return ids.length === 1 ? min : min + ((max - min) * ids.indexOf(id)) / (ids.length - 1);
}

/** Lets a timer run out. */
export function fire(cluster: Cluster, node: Node, { actor, timer }: Timer): void {
  node.timers.delete(`${actor} ${timer}`);
  say(cluster, `${node.id} ${actor}: timer ${timer} runs out`, true);
  for (const effect of node.actors.get(actor)?.receive({ type: "timeout", timer }, instant(cluster.now)) ?? []) {
    perform(cluster, node, { actor, effect });
  }
  run(cluster, node);
}

function toClients(cluster: Cluster, node: Node, letter: GatewayToClients): void {
  if (letter.type === "answered") {
    say(cluster, `client ${node.calls.get(letter.call)} hears from ${node.id}: ${answerText(letter.answer)}`);
    node.calls.delete(letter.call);
  } else {
    say(cluster, `  ${node.id} gateway → clients: ${letterText(letter)}`);
  }
}

// Between nodes.

function transmit(cluster: Cluster, node: Node, letter: GatewayToPeers | { type: "send" }): void {
  const { to, ...what } = letter as { to: string } & Record<string, unknown>;
  const cargo: Cargo =
    what.type === "send"
      ? { type: "raft", message: what.message as RaftMessage }
      : what.type === "forward"
        ? { type: "forwarded", requests: what.requests as ForwardedRequest[] }
        : { type: "replied", answers: what.answers as RequestAnswer[] };
  const way = `${node.id}→${to}`;
  const isLost = cluster.cut.has(way) || !nodeOf(cluster, to).isUp;
  say(cluster, `  ${way} leaves: ${cargoText(cargo)}${isLost ? " (lost)" : ""}`, isLost || isRoutine(cargo));
  if (isLost) return;
  const wire = cluster.wires.get(way) ?? [];
  wire.push(structuredClone(cargo));
  cluster.wires.set(way, wire);
}

const cargoText = (cargo: Cargo): string => (cargo.type === "raft" ? messageText(cargo.message) : letterText(cargo));

const isRoutine = (cargo: Cargo): boolean =>
  cargo.type === "raft" &&
  ((cargo.message.type === "appendRequest" && cargo.message.entries.length === 0) ||
    (cargo.message.type === "appendResponse" && cargo.message.matchIndex !== null));

/** Takes everything off a wire; returns how much that was. */
export function drop(cluster: Cluster, way: string): number {
  const wire = cluster.wires.get(way) ?? [];
  for (const cargo of wire) say(cluster, `${way} is lost: ${cargoText(cargo)}`);
  cluster.wires.set(way, []);
  return wire.length;
}

/** Delivers the oldest message of a wire. */
export function deliverNext(cluster: Cluster, way: string): boolean {
  const cargo = cluster.wires.get(way)?.shift();
  if (cargo === undefined) return false;
  const [from, to] = way.split("→") as [string, string];
  const node = nodeOf(cluster, to);
  say(cluster, `${way} arrives: ${cargoText(cargo)}${node.isUp ? "" : " (lost)"}`, isRoutine(cargo));
  if (!node.isUp) return true;
  // Said already; what follows from it is not.
  const letter =
    cargo.type === "raft" ? { type: "received", from, message: cargo.message } : { ...cargo, from: nodeId(from) };
  node.mailbox.push({ from: "peers", to: cargo.type === "raft" ? "raft" : "gateway", letter });
  run(cluster, node);
  return true;
}

/** Flushes a disk, if there is anything to flush. */
export function flushNode(cluster: Cluster, id: string): boolean {
  const node = nodeOf(cluster, id);
  if (!node.isUp || node.disk.unflushed.length === 0) return false;
  say(cluster, `${id} storage has flushed`);
  for (const said of flush(node.disk)) fromStorage(cluster, node, said);
  run(cluster, node);
  return true;
}

/** Flushes and delivers, one after the other, until nothing is left to do at this moment. */
export function settle(cluster: Cluster): void {
  for (let isBusy = true; isBusy; ) {
    isBusy = false;
    for (const id of cluster.nodes.keys()) if (flushNode(cluster, id)) isBusy = true;
    for (const way of [...cluster.wires.keys()].sort()) {
      const count = cluster.wires.get(way)?.length ?? 0;
      for (let at = 0; at < count; at += 1) if (deliverNext(cluster, way)) isBusy = true;
    }
  }
}
