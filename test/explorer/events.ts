// What may happen next in a state, within the bounds; and each of them in words.

import type { RaftMessage } from "../../src/actors/messages.ts";
import type { NodeId } from "../../src/actors/scalars.ts";
import { canAsk, nextWish } from "./clients.ts";
import { raftOf } from "./node.ts";
import { itemOf } from "./plain.ts";
import { says } from "./rules.ts";
import {
  askAt,
  historyOf,
  nodeAt,
  type Packet,
  passTime,
  type Spent,
  type System,
  strike,
  type World,
} from "./world.ts";

export type Event =
  /** `again`: the packet stays on the wire, and will arrive once more. */
  | { readonly type: "deliver"; readonly packet: number; readonly again: boolean }
  | { readonly type: "lose"; readonly packet: number }
  | { readonly type: "arrow"; readonly at: number; readonly arrow: string }
  | { readonly type: "flush"; readonly at: number }
  | { readonly type: "crash"; readonly at: number }
  | { readonly type: "timer"; readonly at: number; readonly timer: string; readonly costs: "timeouts" | "beats" }
  | { readonly type: "ask"; readonly client: number; readonly node: NodeId };

/** What each timer counts as. A timer that is not here never runs out: it would only refuse what takes too long. */
const costs: Readonly<Record<string, "timeouts" | "beats">> = {
  "raft/election": "timeouts",
  "raft/transfer": "timeouts",
  "lease/tick": "timeouts",
  "raft/heartbeat": "beats",
  "raft/confirm": "beats",
  "gateway/retry": "beats",
};

/** Everything that may happen next, always in the same order. */
export function eventsOf(system: System, world: World): Event[] {
  const { bounds } = system;
  const { spent } = world;
  const events: Event[] = [];
  const packets = inOrder(system, world.wire);
  for (const packet of packets) events.push({ type: "deliver", packet, again: false });
  for (const at of system.ids.keys()) events.push(...eventsAt(system, world, at));
  for (const [client, script] of system.scripts.entries()) {
    const state = historyOf(system, world).clients[client];
    const wish = state === undefined ? null : nextWish(script, state);
    if (state === undefined || wish === null || !canAsk(wish, state)) continue;
    for (const node of script.at)
      if (listens(system, world, node, wish.type)) events.push({ type: "ask", client, node });
  }
  if (spent.repeats < bounds.repeats) {
    for (const packet of packets) events.push({ type: "deliver", packet, again: true });
  }
  if (spent.losses < bounds.losses) for (const packet of packets) events.push({ type: "lose", packet });
  return events;
}

/** By what they say: numbers depend on what was explored before, and a way must be the same in every exploration. */
function inOrder({ packets: { texts } }: System, wire: readonly number[]): number[] {
  const packets = [...new Set(wire)];
  return packets.length < 2 ? packets : packets.sort((a, b) => ((texts[a] as string) < (texts[b] as string) ? -1 : 1));
}

/** What is put to raft itself is dropped by whoever does not lead. */
function listens(system: System, world: World, node: NodeId, wish: string): boolean {
  if (wish !== "propose" && wish !== "read") return true;
  return raftOf(nodeAt(system, world, system.ids.indexOf(node))).role.type === "leader";
}

function eventsAt(system: System, world: World, at: number): Event[] {
  const { bounds } = system;
  const { spent } = world;
  const node = nodeAt(system, world, at);
  const events: Event[] = [];
  if (node.disk.queued.length > 0) events.push({ type: "flush", at });
  for (const arrow of [...node.arrows.keys()].sort()) events.push({ type: "arrow", at, arrow });
  for (const timer of [...node.timers.keys()].sort()) {
    const kind = costs[timer];
    if (kind === undefined || spent[kind] >= bounds[kind]) continue;
    if (timer === "raft/election" && (raftOf(node).term >= bounds.terms || isMirrored(system, world, at))) continue;
    events.push({ type: "timer", at, timer, costs: kind });
  }
  if (spent.crashes < bounds.crashes) events.push({ type: "crash", at });
  return events;
}

/** Nodes that are alike when exploration begins may as well campaign for the first time in the order of their names. */
function isMirrored(system: System, world: World, at: number): boolean {
  const { nodes, term } = system.alike;
  const place = nodes.indexOf(system.ids[at] as NodeId);
  return nodes.slice(0, Math.max(place, 0)).some((id) => {
    const node = nodeAt(system, world, system.ids.indexOf(id));
    const raft = raftOf(node);
    return node.starts === 1 && raft.term === term && raft.role.type === "follower";
  });
}

const spending = (world: World, what: keyof Spent): World => ({
  ...world,
  spent: { ...world.spent, [what]: world.spent[what] + 1 },
});

function without(wire: readonly number[], packet: number): number[] {
  const at = wire.indexOf(packet);
  return [...wire.slice(0, at), ...wire.slice(at + 1)];
}

/** The state after an event. Throws a `Violation` if a rule is broken. */
export function follow(system: System, world: World, event: Event): World {
  switch (event.type) {
    case "deliver": {
      const packet = itemOf(system.packets, event.packet);
      const left = event.again ? spending(world, "repeats") : { ...world, wire: without(world.wire, event.packet) };
      return arrive(system, left, packet, String(event.packet));
    }
    case "lose":
      return { ...spending(world, "losses"), wire: without(world.wire, event.packet) };
    case "arrow":
      return strike(system, world, event.at, { name: event.arrow, event: { type: "arrow", arrow: event.arrow } });
    case "flush":
      return strike(system, world, event.at, { name: "flush", event: { type: "flush" } });
    case "crash":
      return crash(system, spending(world, "crashes"), event.at);
    case "timer": {
      const due = nodeAt(system, world, event.at).timers.get(event.timer) ?? world.now;
      const later = passTime(system, spending(world, event.costs), due);
      return strike(system, later, event.at, { name: event.timer, event: { type: "timer", timer: event.timer } });
    }
    case "ask":
      return askAt(system, world, event);
  }
}

function arrive(system: System, world: World, { from, to, cargo }: Packet, name: string): World {
  const at = system.ids.indexOf(to);
  switch (cargo.type) {
    case "raft": {
      const letter = { type: "received", from, message: cargo.message };
      return strike(system, world, at, { name, event: { type: "letter", from: "peers", to: "raft", letter } });
    }
    case "forward": {
      const letter = { type: "forwarded", from, requests: cargo.requests };
      return strike(system, world, at, { name, event: { type: "letter", from: "peers", to: "gateway", letter } });
    }
    case "reply": {
      const letter = { type: "replied", from, answers: cargo.answers };
      return strike(system, world, at, { name, event: { type: "letter", from: "peers", to: "gateway", letter } });
    }
  }
}

/** The others' gateways see the connection break and come back. */
function crash(system: System, world: World, broken: number): World {
  let next = strike(system, world, broken, { name: "crash", event: { type: "crash" } });
  if (system.host.actors.gateway === undefined) return next;
  const node = system.ids[broken] as NodeId;
  for (const at of system.ids.keys()) {
    if (at === broken) continue;
    for (const clientAddress of [null, `${node}:9090`]) {
      const letter = { type: "link", node, clientAddress };
      const event = { type: "letter", from: "peers", to: "gateway", letter } as const;
      next = strike(system, next, at, { name: `link ${node} ${clientAddress}`, event });
    }
  }
  return next;
}

// In words.

export function describe(system: System, world: World, event: Event): string {
  switch (event.type) {
    case "deliver":
      return `${event.again ? "deliver and repeat" : "deliver"} ${packetText(itemOf(system.packets, event.packet))}`;
    case "lose":
      return `lose ${packetText(itemOf(system.packets, event.packet))}`;
    case "arrow":
      return `hand over ${event.arrow.replace(">", "→")} of ${system.ids[event.at]}`;
    case "flush":
      return `flush ${system.ids[event.at]}: ${writeText(system, world, event.at)}`;
    case "crash":
      return `crash ${system.ids[event.at]}`;
    case "timer":
      return `time out ${system.ids[event.at]} ${event.timer}`;
    case "ask": {
      const script = system.scripts[event.client];
      const next = historyOf(system, world).clients[event.client]?.next ?? 0;
      return `ask ${event.node}, ${script?.name}: ${JSON.stringify(script?.wishes[next])}`;
    }
  }
}

function writeText(system: System, world: World, at: number): string {
  const write = nodeAt(system, world, at).disk.queued[0];
  const kept = write?.hardState == null ? [] : [`term ${write.hardState.term}, vote ${write.hardState.votedFor}`];
  const entries = (write?.entries ?? []).map(({ index, term, command }) => `${index}/${term} ${says(command)}`);
  return [...kept, ...entries].join("; ") || "nothing new";
}

function packetText({ from, to, cargo }: Packet): string {
  if (cargo.type !== "raft") return `${from}→${to} ${cargo.type} ${JSON.stringify(cargo)}`;
  return `${from}→${to} ${messageText(cargo.message)}`;
}

function messageText(message: RaftMessage): string {
  if (message.type !== "appendRequest") {
    const { type, ...fields } = message;
    return `${type} ${JSON.stringify(fields)}`;
  }
  const entries = message.entries.map(({ index, term, command }) => `${index}/${term} ${says(command)}`);
  const { term, previousIndex, previousTerm, commitIndex, round } = message;
  return `appendRequest of term ${term} after ${previousIndex}/${previousTerm}: [${entries.join(", ")}], commit ${commitIndex}, round ${round}`;
}
