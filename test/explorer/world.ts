// The whole of a small cluster as one value: its nodes, what is on its way between them, its clients, the history that the
// rules need, and what has been spent of the bounds. Parts that are equal are kept once and known by a number, and what an
// event does to a node is worked out once, however many states of the whole it happens in.

import type { RaftMessage, RaftToLock, RequestAnswer } from "../../src/actors/messages.ts";
import type { Answer } from "../../src/actors/operations.ts";
import type { NodeId } from "../../src/actors/scalars.ts";
import type { Cargo } from "../sim/network.ts";
import { answered, ask, type Script, type Spans } from "./clients.ts";
import { emptyHistory, forgetBeliefs, type History, withClient } from "./history.ts";
import { ageNode, blankNode, type Fact, type Host, type NodeEvent, type NodeState, raftOf, stepNode } from "./node.ts";
import { createPool, itemOf, numberOf, type Pool, toText } from "./plain.ts";
import {
  judgeCommitted,
  judgeDurable,
  judgeEnded,
  judgeLeader,
  judgeLogs,
  judgePromise,
  judgeQueues,
  judgeRead,
  judgeRenewals,
} from "./rules.ts";

/** How often what may go wrong does. */
export interface Bounds {
  readonly crashes: number;
  readonly losses: number;
  readonly repeats: number;
  /** Timers by which time passes: elections, ticks of leases. */
  readonly timeouts: number;
  /** Timers by which hardly any does: heartbeats, rounds, retries. */
  readonly beats: number;
  /** Nobody campaigns beyond this term. */
  readonly terms: number;
}

export type Spent = Omit<Bounds, "terms">;

export interface Packet {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly cargo: Cargo;
}

/** Nodes, packets and history by their numbers. */
export interface World {
  readonly nodes: readonly number[];
  /** Between nodes there is no order: sorted. */
  readonly wire: readonly number[];
  readonly history: number;
  readonly now: number;
  readonly spent: Spent;
}

export interface System {
  readonly ids: readonly NodeId[];
  readonly host: Host;
  readonly scripts: readonly Script[];
  readonly spans: Spans;
  readonly bounds: Bounds;
  /** Once nothing can crash any more, a flush is only a delay like that of the wire. */
  readonly flushesWhenSafe: boolean;
  /** Nodes that nothing tells apart when exploration begins, and their term then. */
  readonly alike: { readonly nodes: readonly NodeId[]; readonly term: number };
  readonly nodes: Pool<NodeState>;
  readonly packets: Pool<Packet>;
  readonly histories: Pool<History>;
  /** What each event does to each node. */
  readonly steps: Map<string, Step>;
  /** The history that follows from each step and each history. */
  readonly judged: Map<string, number>;
  /** Whether a packet means nothing any more to a node. */
  readonly inert: Map<string, boolean>;
  readonly aged: Map<string, number>;
  /** Pairs of nodes whose logs have been compared. */
  readonly compared: Set<string>;
}

interface Step {
  readonly number: number;
  readonly node: number;
  readonly facts: readonly Fact[];
  readonly sent: readonly number[];
  readonly stores: boolean;
}

interface Strike {
  readonly name: string;
  readonly event: NodeEvent;
}

export const createSystem = (
  parts: Pick<System, "ids" | "host" | "scripts" | "spans" | "bounds" | "flushesWhenSafe" | "alike">,
): System => ({
  ...parts,
  nodes: createPool(),
  packets: createPool(),
  histories: createPool(),
  steps: new Map(),
  judged: new Map(),
  inert: new Map(),
  aged: new Map(),
  compared: new Set(),
});

export const keyOf = ({ nodes, wire, history, now, spent }: World): string =>
  `${nodes.join(",")}|${wire.join(",")}|${history}|${now}|${spent.crashes},${spent.losses},${spent.repeats},${spent.timeouts},${spent.beats}`;

export const nodeAt = (system: System, world: World, at: number): NodeState =>
  itemOf(system.nodes, world.nodes[at] as number);

export const historyOf = (system: System, world: World): History => itemOf(system.histories, world.history);

/** All nodes started, nothing said between them yet. */
export function firstWorld(system: System): World {
  const { host, ids, nodes, histories, scripts } = system;
  const started = (id: NodeId): NodeState =>
    stepNode(host, blankNode(id), { type: "crash" }, { now: 0, flushes: false }).node;
  return {
    nodes: ids.map((id) => numberOf(nodes, started(id))),
    wire: [],
    history: numberOf(histories, emptyHistory(scripts.length)),
    now: 0,
    spent: nothingSpent,
  };
}

export const nothingSpent: Spent = { crashes: 0, losses: 0, repeats: 0, timeouts: 0, beats: 0 };

/** Hands an event to a node, and judges what it does. `name` tells the event from all others. Throws a `Violation`. */
export function strike(system: System, world: World, at: number, { name, event }: Strike): World {
  const { steps, judged } = system;
  const flushes = system.flushesWhenSafe && world.spent.crashes >= system.bounds.crashes;
  const key = `${world.nodes[at]}|${world.now}|${flushes ? 1 : 0}|${name}`;
  let step = steps.get(key);
  if (step === undefined) {
    step = takeStep(system, nodeAt(system, world, at), event, { now: world.now, flushes });
    steps.set(key, step);
  }
  const { node, sent, stores } = step;
  const nodes = world.nodes.slice();
  nodes[at] = node;
  const judgedKey = `${world.history}|${step.number}|${world.now}`;
  let history = judged.get(judgedKey);
  if (history === undefined) {
    history = judge(system, world, step);
    judged.set(judgedKey, history);
  }
  if (stores || history !== world.history) {
    judgeDurable(
      itemOf(system.histories, history),
      nodes.map((number) => itemOf(system.nodes, number)),
    );
  }
  if (node !== world.nodes[at]) compareLogs(system, nodes, at);
  const wire = sent.length === 0 ? world.wire.slice() : [...world.wire, ...sent];
  return withoutInert(system, { ...world, nodes, wire, history });
}

function takeStep(system: System, before: NodeState, event: NodeEvent, at: { now: number; flushes: boolean }): Step {
  const { node, facts } = stepNode(system.host, before, event, at);
  const sent = facts.flatMap((fact) =>
    fact.type === "sent" ? [numberOf(system.packets, { from: node.id, to: fact.to, cargo: fact.cargo })] : [],
  );
  const stores = facts.some(({ type }) => type === "flushed");
  return { number: system.steps.size, node: numberOf(system.nodes, node), facts, sent, stores };
}

function judge(system: System, world: World, { node: number, facts }: Step): number {
  const node = itemOf(system.nodes, number);
  const former = historyOf(system, world);
  judgeQueues(node);
  let history = judgeLeader(former, node);
  for (const fact of facts) {
    if (fact.type === "sent") history = judgePromise(history, node.id, fact);
    else if (fact.type === "said") history = judgeSaid(system, history, { node, fact, now: world.now });
  }
  history = forgetBeliefs(nameRequests(history, node), world.now);
  return history === former ? world.history : numberOf(system.histories, history);
}

function judgeSaid(
  { scripts, spans }: System,
  history: History,
  { node, fact, now }: { node: NodeState; fact: Extract<Fact, { type: "said" }>; now: number },
): History {
  const { letter, term } = fact;
  switch (`${fact.from}>${fact.to}`) {
    case "raft>lock":
      judgeRead(history, node, { letter: letter as RaftToLock, term });
      return endReads(judgeCommitted(history, node, letter as RaftToLock), node, letter as RaftToLock);
    case "lock>lease":
      return judgeEnded(history, letter as Parameters<typeof judgeEnded>[1], now);
    case "lease>gateway":
      judgeRenewals(history, node, (letter as { answers: readonly RequestAnswer[] }).answers);
      return history;
    case "gateway>clients": {
      const said = letter as { type: string; call: number; answer: Answer };
      return said.type === "answered" ? answered(history, scripts, { ...said, spans, now }) : history;
    }
    default:
      return history;
  }
}

/** A read that was put to raft itself is over when raft lets it through: there is nobody to answer it. */
function endReads(history: History, node: NodeState, letter: RaftToLock): History {
  if (letter.type !== "read" || node.actors.has("lock")) return history;
  let result = history;
  for (const query of letter.queries) {
    if (!("requestId" in query)) continue;
    const at = result.clients.findIndex(({ waiting }) => waiting?.requestId === query.requestId);
    const client = result.clients[at];
    if (client !== undefined) result = withClient(result, at, { next: client.next + 1, waiting: null });
  }
  return result;
}

/** Reads and renewals go by an id that the gateway has chosen. */
function nameRequests(history: History, node: NodeState): History {
  const gateway = node.actors.get("gateway") as { calls: ReadonlyMap<number, string> } | undefined;
  let result = history;
  for (const [call, requestId] of gateway?.calls ?? []) {
    const at = result.clients.findIndex(({ waiting }) => waiting?.call === call && waiting.requestId !== requestId);
    const waiting = result.clients[at]?.waiting;
    if (waiting?.node === node.id) result = withClient(result, at, { waiting: { ...waiting, requestId } });
  }
  return result;
}

function compareLogs(system: System, nodes: readonly number[], at: number): void {
  const own = nodes[at] as number;
  for (const other of nodes) {
    const pair = `${own},${other}`;
    if (other === own || system.compared.has(pair)) continue;
    judgeLogs(itemOf(system.nodes, own), itemOf(system.nodes, other));
    system.compared.add(pair);
  }
}

/** Lets the time pass that a timer waits for. */
export function passTime(system: System, world: World, until: number): World {
  if (until <= world.now) return world;
  const nodes = world.nodes.map((number) => {
    const key = `${number}|${until}`;
    let aged = system.aged.get(key);
    if (aged === undefined) {
      aged = numberOf(system.nodes, ageNode(itemOf(system.nodes, number), until));
      system.aged.set(key, aged);
    }
    return aged;
  });
  const history = forgetBeliefs(historyOf(system, world), until);
  return { ...world, nodes, now: until, history: numberOf(system.histories, history) };
}

/** A client makes its next call. */
export function askAt(system: System, world: World, { client, node }: { client: number; node: NodeId }): World {
  const { scripts, spans, histories } = system;
  const asking = { script: scripts[client] as Script, at: client, node, spans, now: world.now };
  const { history, event } = ask(historyOf(system, world), asking);
  const asked = { ...world, history: numberOf(histories, history) };
  return strike(system, asked, system.ids.indexOf(node), { name: `ask ${toText(event)}`, event });
}

/** Drops what can never again mean anything to its receiver: answers of a term, or to a role, that is over for good. */
function withoutInert(system: System, world: World): World {
  const wire = world.wire.filter((packet) => {
    const { to, cargo } = itemOf(system.packets, packet);
    if (cargo.type !== "raft") return true;
    const node = world.nodes[system.ids.indexOf(to)] as number;
    const pair = `${packet},${node}`;
    let inert = system.inert.get(pair);
    if (inert === undefined) {
      inert = isInert(itemOf(system.nodes, node), cargo.message);
      system.inert.set(pair, inert);
    }
    return !inert;
  });
  return { ...world, wire: wire.sort((a, b) => a - b) };
}

function isInert(node: NodeState, message: RaftMessage): boolean {
  const { term, role } = raftOf(node);
  // Only what is on disk stays so over a crash.
  const reached = Math.min(term, node.disk.hardState.term);
  if (message.term > reached) return false;
  switch (message.type) {
    case "preVoteResponse":
      return message.granted || message.term < reached;
    case "voteResponse":
      return message.term < term || role.type !== "candidate" || role.pre;
    case "appendResponse":
      return message.term < term || role.type !== "leader";
    case "timeoutNow":
      return message.term < term;
    default:
      return false;
  }
}
