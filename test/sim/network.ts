// Everything between nodes: what the `peers` actors do, and what wires do to it. A message may be late, lost, repeated or
// overtaken; a direction between two nodes may be blocked. Gateways hear of links that come up and go down a while later,
// as they would from a keep-alive.

import type {
  ActorName,
  Envelope,
  ForwardedRequest,
  GatewayToPeers,
  RaftMessage,
  SendingReply,
} from "../../src/actors/messages.ts";
import type { NodeId } from "../../src/actors/scalars.ts";
import { throughCodec } from "./coded.ts";
import { copyLetter } from "./copy.ts";
import { bring, isPaused, post, type Resident, type SimNode } from "./node.ts";
import type { Random } from "./random.ts";
import { type Schedule, schedule, scheduleIn } from "./schedule.ts";
import type { Witness } from "./witness.ts";

export type Cargo =
  | { readonly type: "raft"; readonly message: RaftMessage }
  | { readonly type: "forward"; readonly requests: readonly ForwardedRequest[] }
  | { readonly type: "reply"; readonly answers: readonly SendingReply[] };

/** How wires behave; may be changed at any time. Spans in milliseconds. */
export interface Weather {
  delayMin: number;
  delayMax: number;
  /** How often a message takes up to `tailMax` instead. */
  tailChance: number;
  tailMax: number;
  lossChance: number;
  repeatChance: number;
  /** How often a message does not wait for those sent before it. */
  overtakeChance: number;
  /** After how long a gateway hears that a link has changed. */
  detectMin: number;
  detectMax: number;
}

export interface Network {
  readonly timetable: Schedule;
  readonly random: Random;
  readonly witness: Witness;
  readonly weather: Weather;
  readonly nodes: Map<NodeId, SimNode>;
  /** Messages become bytes and messages again on their way, by the codec that ships. */
  readonly coded?: boolean;
  /** Directions that nothing passes, as `from>to`. */
  readonly blocked: Set<string>;
  /** By how much longer messages take in a direction, in milliseconds. */
  readonly slow: Map<string, number>;
  /** When the last message that keeps its place arrives, by direction. */
  readonly lastArrival: Map<string, number>;
  /** What each gateway was last told of each link: `at>other`. */
  readonly told: Set<string>;
}

export const createNetwork = (
  parts: Pick<Network, "timetable" | "random" | "witness" | "weather" | "nodes" | "coded">,
): Network => ({
  ...parts,
  blocked: new Set(),
  slow: new Map(),
  lastArrival: new Map(),
  told: new Set(),
});

const direction = (from: NodeId, to: NodeId): string => `${from}>${to}`;

/** The `peers` actor of a node. */
export function peersOf(network: Network, self: NodeId): Resident {
  const receive = (letter: Envelope | GatewayToPeers, _from: ActorName): void => {
    switch (letter.type) {
      case "send":
        return transmit(network, self, letter.to, { type: "raft", message: letter.message });
      case "forward":
        return transmit(network, self, letter.to, { type: "forward", requests: letter.requests });
      case "reply":
        return transmit(network, self, letter.to, { type: "reply", answers: letter.answers });
    }
  };
  return { receive };
}

function transmit(network: Network, from: NodeId, to: NodeId, cargo: Cargo): void {
  const { random, weather, witness } = network;
  witness.transmitted?.(from, to, cargo);
  if (random.chance(weather.lossChance)) return;
  carry(network, from, to, network.coded === true ? throughCodec(cargo) : cargo);
  if (random.chance(weather.repeatChance)) carry(network, from, to, copyLetter(cargo, "plain"));
}

function carry(network: Network, from: NodeId, to: NodeId, cargo: Cargo): void {
  const { random, weather, timetable, lastArrival } = network;
  const way = direction(from, to);
  const delay = random.chance(weather.tailChance)
    ? random.between(weather.delayMax, weather.tailMax)
    : random.between(weather.delayMin, weather.delayMax);
  let arrival = timetable.now + delay + (network.slow.get(way) ?? 0);
  if (!random.chance(weather.overtakeChance)) {
    arrival = Math.max(arrival, lastArrival.get(way) ?? 0);
    lastArrival.set(way, arrival);
  }
  schedule(timetable, arrival, () => arrive(network, from, to, cargo));
}

function arrive(network: Network, from: NodeId, to: NodeId, cargo: Cargo): void {
  const node = network.nodes.get(to);
  if (node === undefined || !node.isRunning || network.blocked.has(direction(from, to))) return;
  switch (cargo.type) {
    case "raft":
      return bring(node, "peers", "raft", { type: "received", from, message: cargo.message });
    case "forward":
      return bring(node, "peers", "gateway", { type: "forwarded", from, requests: cargo.requests });
    case "reply":
      return bring(node, "peers", "gateway", { type: "replied", from, answers: cargo.answers });
  }
}

/** Nothing passes from `from` to `to` any more. */
export function block(network: Network, from: NodeId, to: NodeId): void {
  network.blocked.add(direction(from, to));
  checkLinks(network);
}

export function unblock(network: Network, from: NodeId, to: NodeId): void {
  network.blocked.delete(direction(from, to));
  checkLinks(network);
}

export function unblockAll(network: Network): void {
  network.blocked.clear();
  network.slow.clear();
  checkLinks(network);
}

/** Messages from `from` to `to` take `extra` milliseconds longer. */
export const slowDown = (network: Network, from: NodeId, to: NodeId, extra: number): void =>
  void network.slow.set(direction(from, to), extra);

/** Two groups that hear nothing of each other. */
export function partition(network: Network, one: readonly NodeId[], other: readonly NodeId[]): void {
  for (const a of one) {
    for (const b of other) {
      network.blocked.add(direction(a, b));
      network.blocked.add(direction(b, a));
    }
  }
  checkLinks(network);
}

/** A process that has just started knows of no link. */
export function forgetLinks(network: Network, of: NodeId): void {
  for (const other of network.nodes.keys()) network.told.delete(direction(of, other));
  // What was on its way to the former process is not waited for.
  checkLinks(network);
}

/** Has every gateway told, a while from now, of each link that is then not what it was last told. */
export function checkLinks(network: Network): void {
  const { nodes, random, timetable, weather } = network;
  for (const at of nodes.keys()) {
    for (const other of nodes.keys()) {
      if (at === other || isUp(network, at, other) === network.told.has(direction(at, other))) continue;
      scheduleIn(timetable, random.between(weather.detectMin, weather.detectMax), () => tell(network, at, other));
    }
  }
}

function isUp(network: Network, at: NodeId, other: NodeId): boolean {
  const { nodes, blocked } = network;
  const far = nodes.get(other);
  if (far === undefined || !far.isRunning || isPaused(far, "peers")) return false;
  return !blocked.has(direction(at, other)) && !blocked.has(direction(other, at));
}

function tell(network: Network, at: NodeId, other: NodeId): void {
  const { nodes, told } = network;
  const node = nodes.get(at);
  if (node === undefined || !node.isRunning) return;
  const up = isUp(network, at, other);
  const link = direction(at, other);
  if (up === told.has(link)) return;
  if (up) told.add(link);
  else told.delete(link);
  post(node, "peers", "gateway", { type: "link", node: other, clientAddress: up ? `${other}:9090` : null });
}
