// A small group of nodes on which the rules of the Raft thesis are played: the raft and lock actors as they ship, a disk that
// flushes at once or when the test says so, and wires that carry a message when the test says so. Nothing else decides.

import { noBallot } from "../../src/actors/ballots.ts";
import { lock } from "../../src/actors/lock/receive.ts";
import type { LockState } from "../../src/actors/lock/state.ts";
import type {
  Command,
  Entry,
  HardState,
  RaftMessage,
  RaftToGateway,
  RaftToStorage,
  SnapshotSlice,
} from "../../src/actors/messages.ts";
import type { Answer } from "../../src/actors/operations.ts";
import { raft } from "../../src/actors/raft/receive.ts";
import type { RaftEffect, RaftState } from "../../src/actors/raft/state.ts";
import { fencingToken, instant, leaseId, logIndex, nodeId, requestId, term } from "../../src/actors/scalars.ts";
import { config, entries } from "../actors/raft/build.ts";
import type { Message } from "./messages.ts";

type Letter = Parameters<typeof raft.receive>[1];
type Append = Extract<RaftToStorage, { type: "append" }>;
type Timer = Extract<RaftEffect, { type: "setTimer" }>;

export interface Member {
  readonly id: string;
  isUp: boolean;
  raft: RaftState;
  lock: LockState;
  /** What survives a crash. */
  readonly disk: { hardState: HardState; entries: Entry[] };
  /** What storage was asked to keep and has not flushed. */
  unflushed: Append[];
  readonly timers: Map<Timer["timer"], Timer>;
  /** What clients of this node were told, by request id. */
  readonly answers: Map<string, Answer>;
  /** The tickets that a round has confirmed. */
  readonly confirmed: number[];
  standing: RaftToGateway | null;
}

export interface Sent {
  readonly from: string;
  readonly to: string;
  readonly message: RaftMessage;
}

export interface Group {
  readonly voters: readonly string[];
  readonly members: ReadonlyMap<string, Member>;
  readonly options: Options;
  /** What was sent and has not arrived, oldest first. */
  wire: Sent[];
  now: number;
}

export interface Options {
  readonly voters?: readonly string[];
  /** The terms of the entries that a node's disk holds, from index 1 on. */
  readonly logs?: Readonly<Record<string, readonly number[]>>;
  /** The term and the vote that a node's disk holds; the term is that of its last entry unless given. */
  readonly terms?: Readonly<Record<string, number>>;
  readonly votes?: Readonly<Record<string, string>>;
  /** Whether a test says itself when a disk flushes. */
  readonly flushesOnDemand?: boolean;
  readonly appendEntriesMax?: number;
}

/** A lock table without anything in it: what storage hands the lock actor where there is no snapshot. */
const emptySlice: SnapshotSlice = {
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

const configFor = ({ voters = ["a", "b", "c"], appendEntriesMax = 4 }: Options, id: string) => {
  const { cluster, node } = config(voters);
  return { cluster, node: { ...node, nodeId: nodeId(id), appendEntriesMax } };
};

/** All of `voters`, started from their disks. */
export function group(options: Options = {}): Group {
  const voters = options.voters ?? ["a", "b", "c"];
  const members = voters.map((id): Member => {
    const terms = options.logs?.[id] ?? [];
    const vote = options.votes?.[id];
    const hardState: HardState = {
      term: term(options.terms?.[id] ?? terms.at(-1) ?? 0),
      votedFor: vote === undefined ? null : nodeId(vote),
    };
    return {
      id,
      isUp: false,
      raft: raft.start(configFor(options, id)),
      lock: lock.start(configFor(options, id)),
      disk: { hardState, entries: entries(terms) },
      unflushed: [],
      timers: new Map(),
      answers: new Map(),
      confirmed: [],
      standing: null,
    };
  });
  const started: Group = {
    voters,
    members: new Map(members.map((member) => [member.id, member])),
    options,
    wire: [],
    now: 0,
  };
  for (const id of voters) restart(started, id);
  return started;
}

export function member(group: Group, id: string): Member {
  const found = group.members.get(id);
  if (found === undefined) throw new Error(`no node ${id}`);
  return found;
}

/** Starts a node's process again: it knows what its disk holds, and nothing else. */
export function restart(group: Group, id: string): void {
  const node = member(group, id);
  node.raft = raft.start(configFor(group.options, id));
  node.lock = lock.start(configFor(group.options, id));
  node.timers.clear();
  node.isUp = true;
  const { hardState, entries: stored } = node.disk;
  step(group, id, { type: "loaded", hardState, snapshot: null, entries: [...stored] });
  toLock(group, node, { type: "restore", slice: emptySlice });
}

/** kill -9: what was not flushed never was, and what it promised once flushed is never said. */
export function crash(group: Group, id: string): void {
  const node = member(group, id);
  node.isUp = false;
  node.unflushed = [];
}

/** Hands a letter to a node's raft actor, carries out what it asks for, and returns that. */
export function step(group: Group, id: string, letter: Letter): RaftEffect[] {
  const node = member(group, id);
  if (!node.isUp) return [];
  const effects = raft.receive(node.raft, structuredClone(letter), instant(group.now));
  for (const effect of effects) perform(group, node, effect);
  if (group.options.flushesOnDemand !== true) flush(group, id);
  return effects;
}

function perform(group: Group, node: Member, effect: RaftEffect): void {
  if (effect.type === "setTimer") node.timers.set(effect.timer, effect);
  else if (effect.type === "cancelTimer") node.timers.delete(effect.timer);
  else if (effect.to === "peers") transmit(group, node.id, effect.letter);
  else if (effect.to === "lock") toLock(group, node, effect.letter);
  else if (effect.to === "gateway") node.standing = effect.letter;
  else if (effect.to === "lease" && effect.letter.type === "confirmed") node.confirmed.push(effect.letter.ticket);
  else if (effect.to === "storage") {
    if (effect.letter.type !== "append") throw new Error(`no ${effect.letter.type} is expected here`);
    node.unflushed.push(structuredClone(effect.letter));
  }
}

function transmit(group: Group, from: string, { to, message }: { to: string; message: RaftMessage }): void {
  group.wire.push({ from, to, message: structuredClone(message) });
}

function toLock(group: Group, node: Member, letter: Parameters<typeof lock.receive>[1]): void {
  for (const effect of lock.receive(node.lock, structuredClone(letter), instant(group.now))) {
    if (effect.type !== "send") continue;
    if (effect.to === "raft") step(group, node.id, effect.letter);
    else if (effect.letter.type === "answers" || effect.letter.type === "complete") {
      for (const { requestId: id, answer } of effect.letter.answers) node.answers.set(id, answer);
    }
  }
}

/** Everything that storage was asked to keep becomes durable; then what waited for that is said. */
export function flush(group: Group, id: string): void {
  const node = member(group, id);
  while (node.unflushed.length > 0) {
    const written = node.unflushed;
    node.unflushed = [];
    for (const { hardState, entries: kept } of written) {
      if (hardState !== null) node.disk.hardState = hardState;
      if (kept[0] !== undefined) node.disk.entries.splice(kept[0].index - 1, Number.POSITIVE_INFINITY, ...kept);
    }
    for (const { release } of written) for (const envelope of release) transmit(group, id, envelope);
    const last = node.disk.entries.at(-1);
    step(group, id, {
      type: "persisted",
      replacements: written.at(-1)?.replacements ?? 0,
      hardState: node.disk.hardState,
      lastIndex: last?.index ?? logIndex(0),
      lastTerm: last?.term ?? term(0),
    });
    if (group.options.flushesOnDemand === true) return;
  }
}

export const timeOut = (group: Group, id: string, timer: Timer["timer"] = "election"): RaftEffect[] =>
  step(group, id, { type: "timeout", timer });

/** A message that arrives from a node that need not play along. */
export const hear = (group: Group, at: string, from: string, message: RaftMessage): RaftEffect[] =>
  step(group, at, { type: "received", from: nodeId(from), message });

/** Takes what matches off the wires. */
export function take(group: Group, matches: (sent: Sent) => boolean): Sent[] {
  const taken = group.wire.filter(matches);
  group.wire = group.wire.filter((sent) => !taken.includes(sent));
  return taken;
}

/** Delivers what is on the wires and matches; what that causes stays there. */
export function deliver(group: Group, matches: (sent: Sent) => boolean): void {
  for (const { from, to, message } of take(group, matches)) hear(group, to, from, message);
}

/** Delivers between these nodes until nothing is on the way between them; what leads elsewhere is lost. */
export function settle(group: Group, among: readonly string[] = group.voters): void {
  while (group.wire.length > 0) {
    const [next] = group.wire.splice(0, 1) as [Sent];
    if (among.includes(next.from) && among.includes(next.to)) hear(group, next.to, next.from, next.message);
  }
}

/** Enough time passes for the leader to be missed by who hears nothing of it; then `id` campaigns among `among`. */
export function campaign(group: Group, id: string, among: readonly string[] = group.voters): void {
  group.now += 500;
  timeOut(group, id);
  settle(group, among);
}

/** A group of which `id` is the leader, with everything it has told delivered. */
export function groupLedBy(id: string, options: Options = {}): Group {
  const led = group(options);
  campaign(led, id);
  return led;
}

/** A leader's heartbeats, delivered with whatever follows. */
export function heartbeat(group: Group, id: string, among: readonly string[] = group.voters): void {
  timeOut(group, id, "heartbeat");
  settle(group, among);
}

// What a client may ask of a node.

/** Proposes, and ends the turn: what is proposed in one turn is appended at its end. */
export function propose(group: Group, id: string, ...commands: readonly Command[]): RaftEffect[] {
  const proposed = step(group, id, { type: "propose", commands });
  const turnEnds = member(group, id).timers.delete("append");
  return turnEnds ? [...proposed, ...timeOut(group, id, "append")] : proposed;
}

export const check = (group: Group, id: string, name: string): RaftEffect[] =>
  step(group, id, {
    type: "read",
    queries: [{ type: "check", requestId: requestId(`check ${name}`), lock: name }],
  });

// What a test compares.

export const role = (group: Group, id: string): string => member(group, id).raft.role.type;
export const termOf = (group: Group, id: string): number => member(group, id).raft.term;
export const votedFor = (group: Group, id: string): string | null => member(group, id).raft.votedFor;
/** The terms of a node's log. */
export const logOf = (group: Group, id: string): number[] =>
  member(group, id).raft.log.entries.map((entry) => entry.term);
export const diskOf = (group: Group, id: string): number[] => member(group, id).disk.entries.map((entry) => entry.term);
export const committed = (group: Group, id: string): number => member(group, id).raft.commitIndex;
/** How far a node's lock table is. */
export const applied = (group: Group, id: string): number => member(group, id).lock.table.index;
export const tokens = (group: Group, id: string): [string, number][] =>
  [...member(group, id).lock.table.locks.values()].map(({ lock: name, token }) => [name, token]);

/** What `from` has sent of this type and has not arrived, without whatever else is on the wires. */
export const sent = <Type extends RaftMessage["type"]>(
  group: Group,
  from: string,
  type: Type,
): { to: string; message: Message<Type> }[] =>
  group.wire
    .filter((each) => each.from === from && each.message.type === type)
    .map(({ to, message }) => ({ to, message: message as Message<Type> }));

/** The only message of this type that `from` has sent. */
export function only<Type extends RaftMessage["type"]>(group: Group, from: string, type: Type): Message<Type> {
  const all = sent(group, from, type);
  if (all.length !== 1 || all[0] === undefined) throw new Error(`${all.length} of ${type} from ${from}, not one`);
  return all[0].message;
}
