// The rules of Raft and of the lock table, judged after every event from what the actors say and what the disks hold; no
// actor's state is looked into. What clients may believe is judged in beliefs.ts.

import type {
  ActorName,
  Command,
  Entry,
  LockToLease,
  LockToRaft,
  RaftToLease,
  RaftToLock,
  RaftToStorage,
} from "../../src/actors/messages.ts";
import { type NodeId, type Term, term } from "../../src/actors/scalars.ts";
import { type Beliefs, noteAnswer, noteAsked, noteCommitted, noteEnded } from "./beliefs.ts";
import type { ClientWitness } from "./clients.ts";
import { type Disk, holds, lastDurable } from "./disk.ts";
import type { Cargo } from "./network.ts";
import { check, type Witness } from "./witness.ts";

type RaftSend = Extract<Cargo, { type: "raft" }>["message"];

export interface Ledger {
  readonly disks: ReadonlyMap<NodeId, Disk>;
  readonly beliefs: Beliefs;
  readonly leaders: Map<Term, NodeId>;
  /** Whom each node has voted for, as `node/term`. */
  readonly votes: Map<string, NodeId>;
  /** Every (index, term) that was ever written, by index; hardly ever more than one or two of an index. */
  readonly written: Entry[][];
  /** What is known to be committed, by index from 1. */
  readonly committed: Entry[];
  /** The digest of the lock table, by index. */
  readonly digests: Map<number, string>;
  /** How far each node's lock actor has been sent entries in its present life. */
  readonly handed: Map<NodeId, number>;
  /** The last term in which each node was known to lead or follow, in its present life. */
  readonly terms: Map<NodeId, number>;
  /** Hears of every entry when it is first known to be committed. */
  onCommitted: ((entry: Entry) => void) | null;
}

export const createLedger = (parts: Pick<Ledger, "disks" | "beliefs">): Ledger => ({
  ...parts,
  leaders: new Map(),
  votes: new Map(),
  written: [],
  committed: [],
  digests: new Map(),
  handed: new Map(),
  terms: new Map(),
  onCommitted: null,
});

/** Watches the actors, the network and the disks. */
export function checkersOf(ledger: Ledger): Witness {
  const said = (node: NodeId, from: ActorName, to: ActorName, letter: unknown): void => {
    if (from === "raft") {
      if (to === "lock") noteHanded(ledger, node, letter as RaftToLock);
      else if (to === "storage") noteWritten(ledger, letter as RaftToStorage);
      else if (to === "lease") noteLeadership(ledger, node, letter as RaftToLease);
      else if (to === "gateway") noteTerm(ledger, node, (letter as { term: Term }).term);
    } else if (from === "lock") {
      if (to === "lease") noteLeases(ledger, letter as LockToLease);
      else if (to === "raft") noteTable(ledger, node, letter as LockToRaft);
    }
  };
  const transmitted = (from: NodeId, to: NodeId, cargo: Cargo): void => {
    if (cargo.type === "raft") notePromise(ledger, from, to, cargo.message);
  };
  const stopped = (node: NodeId): void => {
    ledger.handed.delete(node);
    ledger.terms.delete(node);
  };
  return { said, transmitted, stopped, flushed: (node) => noteFlushed(ledger, node) };
}

/** Watches the clients. */
export const clientCheckersOf = ({ beliefs }: Ledger): ClientWitness => ({
  asked: (request) => noteAsked(beliefs, request),
  attempted: () => undefined,
  settled: (request, answer, attempt) => {
    if (answer !== null && attempt !== null) noteAnswer(beliefs, request, answer, attempt);
  },
});

// Leaders, terms, votes.

function noteLeadership(ledger: Ledger, node: NodeId, letter: RaftToLease): void {
  if (letter.type !== "leading") return;
  const former = ledger.leaders.get(letter.term);
  check(
    former === undefined || former === node,
    "a term has one leader (Raft §5.2)",
    () => `${letter.term}: ${former}, ${node}`,
  );
  if (former === node) return;
  ledger.leaders.set(letter.term, node);
  // Everything that is committed at this moment is in the new leader's log: it is on its disk, for it was elected with it.
  const last = ledger.committed.length;
  const newest = ledger.committed[last - 1];
  const disk = ledger.disks.get(node) as Disk;
  check(
    newest === undefined || newest.term > letter.term || holds(disk, { index: last, term: newest.term }),
    "a leader has every committed entry (Raft §5.4)",
    () =>
      `${node} leads ${letter.term} without ${last}/${newest?.term}; its log ends at ${JSON.stringify(lastDurable(disk))}`,
  );
}

function noteTerm(ledger: Ledger, node: NodeId, seen: Term): void {
  check(seen >= (ledger.terms.get(node) ?? 0), "a term never falls", () => `${node}: ${seen}`);
  ledger.terms.set(node, seen);
}

/** Whatever a node promises in a message must be on its disk when the message leaves. */
function notePromise(ledger: Ledger, from: NodeId, to: NodeId, message: RaftSend): void {
  const disk = ledger.disks.get(from) as Disk;
  const stored = disk.hardState;
  const seen = (): string =>
    `${from} to ${to}: ${JSON.stringify({ ...message, entries: undefined })}, stored ${JSON.stringify({ ...stored, last: lastDurable(disk) })}`;
  switch (message.type) {
    case "voteRequest":
      return noteVote(ledger, from, { term: message.term, candidate: from, stored, seen });
    case "voteResponse":
      if (message.granted) noteVote(ledger, from, { term: message.term, candidate: to, stored, seen });
      return;
    case "appendRequest":
    case "snapshotRequest":
      check(stored.term >= message.term, "a term is durable before anybody is called in it", seen);
      return;
    case "appendResponse": {
      check(stored.term >= message.term, "a term is durable before anything is answered in it", seen);
      const reached = message.matchIndex;
      const isDurable = reached === null || stored.term > message.term || lastDurable(disk).index >= reached;
      check(
        isDurable || (disk.snapshot?.position.index ?? 0) >= reached,
        "entries are durable before they are acknowledged",
        seen,
      );
      return;
    }
    case "snapshotResponse": {
      const { position, installed } = message;
      const has = (disk.snapshot?.position.index ?? 0) >= position.index || lastDurable(disk).index >= position.index;
      check(!installed || has, "a snapshot is durable before it is acknowledged", seen);
      return;
    }
    default:
      return;
  }
}

function noteVote(
  ledger: Ledger,
  voter: NodeId,
  vote: { term: Term; candidate: NodeId; stored: { term: Term; votedFor: NodeId | null }; seen: () => string },
): void {
  const { candidate, stored, seen } = vote;
  const isStored = stored.term > vote.term || (stored.term === vote.term && stored.votedFor === candidate);
  check(isStored, "a vote is durable before it is given", seen);
  const key = `${voter}/${vote.term}`;
  const former = ledger.votes.get(key);
  check(former === undefined || former === candidate, "a voter grants one vote per term (Raft §5.2)", seen);
  ledger.votes.set(key, candidate);
}

// The log.

/** Tells entries apart. */
function summary(command: Command): string {
  switch (command.type) {
    case "noop":
      return "noop";
    case "write":
      return `${command.write.type} ${command.requestId} ${command.bornAt}`;
    case "expire":
      return `expire ${command.lease} ${command.renewals} ${command.term}`;
    case "alarm":
      return `alarm ${command.alarm} ${command.term}`;
    case "begin":
    case "prepare":
    case "accept":
    case "beginLease":
    case "keepLease":
    case "conclude":
      return JSON.stringify(command);
  }
}

const saysTheSame = (one: Command, other: Command): boolean => one === other || summary(one) === summary(other);

/** The entry of this index and term, if any node has ever written one. */
export const everWritten = ({ written }: Ledger, index: number, at: number): Entry | undefined =>
  written[index]?.find((entry) => entry.term === at);

function noteWritten(ledger: Ledger, letter: RaftToStorage): void {
  if (letter.type !== "append") return;
  for (const entry of letter.entries) {
    const former = everWritten(ledger, entry.index, entry.term);
    if (former === undefined) {
      const others = ledger.written[entry.index];
      if (others === undefined) ledger.written[entry.index] = [entry];
      else others.push(entry);
      continue;
    }
    check(
      saysTheSame(former.command, entry.command),
      "entries of one index and term are equal (Raft §5.3)",
      () => `${entry.index}/${entry.term}: ${summary(former.command)}; ${summary(entry.command)}`,
    );
  }
}

function noteHanded(ledger: Ledger, node: NodeId, letter: RaftToLock): void {
  if (letter.type !== "apply") return;
  const handed = ledger.handed.get(node) ?? 0;
  const first = letter.entries[0]?.index ?? 1;
  check(first <= handed + 1, "entries are applied without a gap", () => `${node}: ${first} after ${handed}`);
  for (const entry of letter.entries) noteCommittedEntry(ledger, node, entry);
  ledger.handed.set(node, Math.max(handed, letter.entries.at(-1)?.index ?? 0));
}

function noteCommittedEntry(ledger: Ledger, node: NodeId, entry: Entry): void {
  const { index, term: at, command } = entry;
  const known = ledger.committed[index - 1];
  if (known !== undefined) {
    check(
      known.term === at && saysTheSame(known.command, command),
      "every node applies the same entries (Raft §5.4.3)",
      () => `${node} applies ${index}/${at} ${summary(command)}; ${known.term} ${summary(known.command)} is committed`,
    );
    return;
  }
  check(index === ledger.committed.length + 1, "entries are committed in order", () => `${node}: ${index}`);
  ledger.committed.push(entry);
  requireMajority(ledger, node);
  if (command.type === "write") noteCommitted(ledger.beliefs, command.requestId, index);
  ledger.onCommitted?.(entry);
}

function noteFlushed(ledger: Ledger, node: NodeId): void {
  requireMajority(ledger, node);
}

/** What is committed stays on the disks of a majority, whatever becomes of its nodes. */
function requireMajority(ledger: Ledger, node: NodeId): void {
  const index = ledger.committed.length;
  const at = ledger.committed[index - 1]?.term ?? term(0);
  if (index === 0) return;
  let holders = 0;
  for (const disk of ledger.disks.values()) if (holds(disk, { index, term: at })) holders += 1;
  check(
    holders * 2 > ledger.disks.size,
    "what is committed is durable on a majority",
    () => `${index}/${at} is on ${holders} of ${ledger.disks.size} disks, seen at ${node}`,
  );
}

// The lock table.

function noteTable(ledger: Ledger, node: NodeId, letter: LockToRaft): void {
  if (letter.type === "restored") {
    ledger.handed.set(node, Math.max(ledger.handed.get(node) ?? 0, letter.index));
    return;
  }
  const { index, digest } = letter.digest;
  const former = ledger.digests.get(index);
  check(
    former === undefined || former === digest,
    "equal index, equal state",
    () => `${node} at ${index}: ${digest}, elsewhere ${former}`,
  );
  if (former === undefined) ledger.digests.set(index, digest);
}

function noteLeases(ledger: Ledger, letter: LockToLease): void {
  if (letter.type !== "changed") return;
  for (const change of letter.changes) if (change.type === "ended") noteEnded(ledger.beliefs, change.lease);
}
