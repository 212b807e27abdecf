// One node of the explorer: the states of its actors, the letters that wait inside it, its timers, its disk. A step hands it
// one event and has it settle: letters on eager arrows are delivered at once, in the order in which they were said. What
// matters outside comes back as facts.

import { noBallot } from "../../src/actors/ballots.ts";
import type { Config } from "../../src/actors/config.ts";
import type { ActorName, Entry, Envelope, HardState, RaftToStorage } from "../../src/actors/messages.ts";
import type { RaftState } from "../../src/actors/raft/state.ts";
import { fencingToken, type Instant, leaseId, logIndex, type NodeId, term } from "../../src/actors/scalars.ts";
import type { Cargo } from "../sim/network.ts";
import type { AnyEffect } from "../sim/node.ts";
import { check, Violation } from "../sim/witness.ts";
import { copyState } from "./plain.ts";

/** A behaviour whose state is kept elsewhere, so that it can be copied. */
export interface Actor {
  readonly start: (config: Config) => unknown;
  readonly receive: (state: unknown, letter: unknown, now: Instant) => readonly AnyEffect[];
}

export type Actors = Readonly<Partial<Record<ActorName, Actor>>>;

type Append = Extract<RaftToStorage, { type: "append" }>;

export interface Disk {
  hardState: HardState;
  entries: Entry[];
  /** Written and not flushed: a crash loses it. */
  queued: Append[];
}

export interface NodeState {
  readonly id: NodeId;
  starts: number;
  actors: Map<ActorName, unknown>;
  /** Letters that wait on arrows that are not eager, as `from>to`. */
  arrows: Map<string, unknown[]>;
  /** When a timer may run out, as `actor/timer`. */
  timers: Map<string, number>;
  readonly disk: Disk;
}

/** What is done to a node. */
export type NodeEvent =
  | { readonly type: "letter"; readonly from: ActorName; readonly to: ActorName; readonly letter: unknown }
  | { readonly type: "arrow"; readonly arrow: string }
  | { readonly type: "timer"; readonly timer: string }
  | { readonly type: "flush" }
  /** kill -9, and a start at once: a node that stays down is one that does not act. */
  | { readonly type: "crash" };

export type Fact =
  /** Something left for another node; `stored` and `lastIndex` are what the disk held then. */
  | {
      readonly type: "sent";
      readonly to: NodeId;
      readonly cargo: Cargo;
      readonly stored: HardState;
      readonly lastIndex: number;
    }
  /** An actor said something to another, while this node was in `term`. */
  | {
      readonly type: "said";
      readonly from: ActorName;
      readonly to: ActorName;
      readonly letter: unknown;
      readonly term: number;
    }
  | { readonly type: "flushed" };

/** How nodes are built. */
export interface Host {
  readonly actors: Actors;
  readonly configOf: (id: NodeId, starts: number) => Config;
  readonly peersOf: (id: NodeId) => readonly NodeId[];
  /** Arrows whose letters wait, each for an event of its own. */
  readonly slowArrows: ReadonlySet<string>;
  /** Timers that run out as soon as they may. */
  readonly promptTimers: ReadonlySet<string>;
}

interface Step {
  readonly host: Host;
  readonly node: NodeState;
  readonly now: number;
  readonly facts: Fact[];
  readonly mail: { readonly from: ActorName; readonly to: ActorName; readonly letter: unknown }[];
}

export const raftOf = (node: NodeState): RaftState => node.actors.get("raft") as RaftState;

/** A node that has never been started. */
export const blankNode = (id: NodeId): NodeState => ({
  id,
  starts: 0,
  actors: new Map(),
  arrows: new Map(),
  timers: new Map(),
  disk: { hardState: { term: term(0), votedFor: null }, entries: [], queued: [] },
});

/** What becomes of a node; the node given stays as it is. */
export function stepNode(
  host: Host,
  before: NodeState,
  event: NodeEvent,
  { now, flushes }: { readonly now: number; readonly flushes: boolean },
): { readonly node: NodeState; readonly facts: readonly Fact[] } {
  const step: Step = { host, node: copyState(before), now, facts: [], mail: [] };
  begin(step, event);
  settle(step, flushes);
  forgetAges(step.node, now);
  return { node: step.node, facts: step.facts };
}

/** The same node at a later moment. */
export function ageNode(before: NodeState, now: number): NodeState {
  const node = copyState(before);
  forgetAges(node, now);
  return node;
}

/** What is too long ago to matter is made equal: ages are only ever compared with the span of an election, and a timer that
 *  may run out may do so at any later moment. */
function forgetAges(node: NodeState, now: number): void {
  const raft = raftOf(node);
  const old = (now - raft.config.node.electionMsMax) as Instant;
  const recent = (moment: Instant): Instant => (moment > old ? moment : old);
  raft.leaderHeardAt = raft.leader === null ? old : recent(raft.leaderHeardAt);
  if (raft.role.type === "leader") {
    for (const follower of raft.role.followers.values()) follower.heardAt = recent(follower.heardAt);
  }
  for (const [timer, due] of node.timers) if (due < now) node.timers.set(timer, now);
}

function begin(step: Step, event: NodeEvent): void {
  const { node } = step;
  switch (event.type) {
    case "letter":
      step.mail.push(event);
      return;
    case "arrow": {
      const [from, to] = event.arrow.split(">") as [ActorName, ActorName];
      const [letter, ...others] = node.arrows.get(event.arrow) as unknown[];
      if (others.length === 0) node.arrows.delete(event.arrow);
      else node.arrows.set(event.arrow, others);
      step.mail.push({ from, to, letter });
      return;
    }
    case "timer":
      return runOut(step, event.timer);
    case "flush":
      return flush(step);
    case "crash":
      return restart(step);
  }
}

function settle(step: Step, flushes: boolean): void {
  const { node, mail, host, now } = step;
  for (;;) {
    for (let next = mail.shift(); next !== undefined; next = mail.shift()) hand(step, next.from, next.to, next.letter);
    const prompt = [...node.timers].find(([timer, due]) => host.promptTimers.has(timer) && due <= now);
    if (prompt !== undefined) runOut(step, prompt[0]);
    else if (flushes && node.disk.queued.length > 0) flush(step);
    else return;
  }
}

function runOut(step: Step, name: string): void {
  const [actor, timer] = name.split("/") as [ActorName, string];
  step.node.timers.delete(name);
  hand(step, actor, actor, { type: "timeout", timer });
}

function hand(step: Step, from: ActorName, to: ActorName, letter: unknown): void {
  const { node, host, now } = step;
  if (to === "storage") return write(step, letter as RaftToStorage);
  if (to === "peers") return transmit(step, letter as Envelope);
  const actor = host.actors[to];
  if (actor === undefined) return standIn(step, to, letter as { type: string });
  let effects: readonly AnyEffect[];
  try {
    effects = actor.receive(node.actors.get(to), letter, now as Instant);
  } catch (error) {
    throw new Violation(`an actor broke down: ${to} of ${node.id}, told by ${from}: ${(error as Error).message}`);
  }
  for (const effect of effects) perform(step, to, effect);
}

function perform(step: Step, actor: ActorName, effect: AnyEffect): void {
  const { node, now } = step;
  switch (effect.type) {
    case "send":
      return post(step, actor, effect.to, effect.letter);
    case "setTimer":
      node.timers.set(`${actor}/${effect.timer}`, now + effect.min);
      return;
    case "cancelTimer":
      node.timers.delete(`${actor}/${effect.timer}`);
  }
}

function post(step: Step, from: ActorName, to: ActorName, said: unknown): void {
  const { node, host, facts, mail } = step;
  // As a port does: what was said stays as it was, whatever its sender does next.
  const letter = copyState(said);
  facts.push({ type: "said", from, to, letter, term: raftOf(node).term });
  const arrow = `${from}>${to}`;
  if (!host.slowArrows.has(arrow)) mail.push({ from, to, letter });
  else node.arrows.set(arrow, [...(node.arrows.get(arrow) ?? []), letter]);
}

/** Without a lock actor there is no table to restore, so it is restored at once. */
function standIn(step: Step, to: ActorName, letter: { type: string }): void {
  if (to === "lock" && letter.type === "restore") post(step, "lock", "raft", { type: "restored", index: logIndex(0) });
}

type ToPeers =
  | Envelope
  | { type: "forward"; to: NodeId; requests: never }
  | { type: "reply"; to: NodeId; answers: never };

function transmit({ node, facts }: Step, letter: ToPeers): void {
  const { disk } = node;
  const { to } = letter;
  const cargo: Cargo =
    letter.type === "send"
      ? { type: "raft", message: letter.message }
      : letter.type === "forward"
        ? { type: "forward", requests: letter.requests }
        : { type: "reply", answers: letter.answers };
  facts.push({ type: "sent", to, cargo, stored: disk.hardState, lastIndex: disk.entries.length });
}

// The disk. Snapshots are left to the simulator: configurations have no room for the entries that one takes.

function write(step: Step, letter: RaftToStorage): void {
  if (letter.type === "append") step.node.disk.queued.push(letter);
}

/** The oldest write becomes durable; only now is anything said of it. */
function flush(step: Step): void {
  const { disk } = step.node;
  const { hardState, entries, replacements, release } = disk.queued.shift() as Append;
  if (hardState !== null) {
    check(hardState.term >= disk.hardState.term, "a stored term never falls", () => JSON.stringify(hardState));
    disk.hardState = hardState;
  }
  const first = entries[0];
  if (first !== undefined) {
    check(first.index <= disk.entries.length + 1, "entries are appended without a gap", () => String(first.index));
    disk.entries = [...disk.entries.slice(0, first.index - 1), ...entries];
  }
  step.facts.push({ type: "flushed" });
  const last = disk.entries.at(-1);
  post(step, "storage", "raft", {
    type: "persisted",
    replacements,
    hardState: disk.hardState,
    lastIndex: last?.index ?? logIndex(0),
    lastTerm: last?.term ?? term(0),
  });
  for (const envelope of release) post(step, "storage", "peers", envelope);
}

function restart(step: Step): void {
  const { node, host } = step;
  const { disk } = node;
  node.starts += 1;
  node.arrows = new Map();
  node.timers = new Map();
  disk.queued = [];
  const config = host.configOf(node.id, node.starts);
  const named = Object.entries(host.actors) as [ActorName, Actor][];
  node.actors = new Map(named.map(([name, actor]) => [name, actor.start(config)]));
  const { hardState, entries } = disk;
  post(step, "storage", "raft", { type: "loaded", hardState, snapshot: null, entries });
  post(step, "storage", "lock", { type: "restore", slice: emptySlice });
  for (const peer of host.peersOf(node.id)) {
    post(step, "peers", "gateway", { type: "link", node: peer, clientAddress: `${peer}:9090` });
  }
}

const emptySlice = {
  position: { index: logIndex(0), term: term(0) },
  slice: 0,
  last: true,
  counters: { fencingToken: fencingToken(0), leaseId: leaseId(0), round: 0, floor: noBallot, leaseNumbers: [] },
  leases: [],
  locks: [],
  outcomes: [],
  ended: [],
  acceptors: [],
  waiters: [],
  delays: [],
};
