// What a member does that does not lead: it votes, takes entries and snapshots from the leader, and says only what is
// durable. Also the one way back to this role.

import { cancelTimer, send, setTimerWithin } from "../actor.ts";
import { invariant } from "../invariant.ts";
import type { Entry, RaftMessage, SnapshotPosition, StorageToRaft } from "../messages.ts";
import { type Instant, type LogIndex, logIndex, type NodeId, type Term, term } from "../scalars.ts";
import { compareDigest, feedRestored, handToLock } from "./applying.ts";
import { append, emptyLog, firstIndexOfTerm, isUpToDate, lastIndex, termAt } from "./log.ts";
import { envelope, hearsLeader, type RaftEffect, type RaftState, tell, tellDurably, write } from "./state.ts";

type Message<Type extends RaftMessage["type"]> = Extract<RaftMessage, { type: Type }>;
type Stored<Type extends StorageToRaft["type"]> = Extract<StorageToRaft, { type: Type }>;

export const electionTimer = (state: RaftState): RaftEffect =>
  setTimerWithin("election", { min: state.config.node.electionMsMin, max: state.config.node.electionMsMax });

/** Enters `at.term`, or stays in it. Who stays keeps its vote: one vote per term, whatever becomes of it (Raft §5.2). */
export function becomeFollower(
  state: RaftState,
  at: { readonly term: Term; readonly leader: NodeId | null },
  now: Instant,
): RaftEffect[] {
  invariant(at.term >= state.term, "a term never falls");
  const led = state.role.type === "leader";
  if (at.term > state.term) state.votedFor = null;
  state.term = at.term;
  state.role = { type: "follower" };
  state.leader = at.leader;
  state.committedByLeader = null;
  if (at.leader !== null) state.leaderHeardAt = now;
  const effects: RaftEffect[] = [electionTimer(state)];
  if (led) effects.push(cancelTimer("heartbeat"), cancelTimer("confirm"), cancelTimer("transfer"));
  return effects;
}

/** Thesis §9.6: promises nothing and changes nothing, so that a node that was cut off cannot disturb by asking. */
export function onPreVoteRequest(
  state: RaftState,
  from: NodeId,
  message: Message<"preVoteRequest">,
  now: Instant,
): RaftEffect[] {
  const granted =
    message.term > state.term &&
    !hearsLeader(state, now) &&
    isUpToDate(state.log, { index: message.lastIndex, term: message.lastTerm });
  return [tell(from, { type: "preVoteResponse", term: granted ? message.term : state.term, granted })];
}

/** Called in the term of the request. */
export function onVoteRequest(state: RaftState, from: NodeId, message: Message<"voteRequest">): RaftEffect[] {
  const granted =
    (state.votedFor === null || state.votedFor === from) &&
    state.leader === null &&
    isUpToDate(state.log, { index: message.lastIndex, term: message.lastTerm });
  if (granted) state.votedFor = from;
  const answer = tellDurably(state, from, { type: "voteResponse", term: state.term, granted });
  return granted ? [electionTimer(state), answer] : [answer];
}

/** Called in the term of the request. */
export function onAppendRequest(
  state: RaftState,
  from: NodeId,
  message: Message<"appendRequest">,
  now: Instant,
): RaftEffect[] {
  const effects = follow(state, from, now);
  if (message.commitIndex > (state.committedByLeader ?? 0)) state.committedByLeader = message.commitIndex;
  if (message.digest !== null) compareDigest(state, message.digest);
  const { entries, previousIndex } = withoutCompacted(state, message);
  const agrees = previousIndex > message.previousIndex || termAt(state.log, previousIndex) === message.previousTerm;
  if (!agrees) {
    effects.push(tellDurably(state, from, conflict(state, message)));
    return effects;
  }
  const known = countKnown(state, entries);
  const fresh = entries.slice(known);
  // Storage may be about to replace the whole log; what is appended now could be acknowledged and then be gone.
  if (fresh.length > 0 && state.chunksInStorage > 0) return effects;
  const lastNew = logIndex(previousIndex + entries.length);
  if (fresh.length > 0) effects.push(keep(state, from, fresh, accept(state, message, lastNew)));
  // Raft §5.3, rule 5: never beyond the last entry that this request has shown to agree.
  const committed = logIndex(Math.min(message.commitIndex, lastNew));
  if (committed > state.commitIndex) state.commitIndex = committed;
  if (fresh.length === 0) {
    const durable = logIndex(Math.min(lastNew, state.durableIndex));
    effects.push(tellDurably(state, from, accept(state, message, durable)));
  }
  effects.push(...handToLock(state));
  return effects;
}

function follow(state: RaftState, from: NodeId, now: Instant): RaftEffect[] {
  invariant(state.role.type !== "leader", "a term has one leader (Raft §5.2)");
  if (state.role.type === "candidate") return becomeFollower(state, { term: state.term, leader: from }, now);
  invariant(state.leader === null || state.leader === from, "a term has one leader (Raft §5.2)");
  state.leader = from;
  state.leaderHeardAt = now;
  return [electionTimer(state)];
}

/** What is compacted is committed, so it agrees with every leader; the request then begins after it. */
function withoutCompacted(
  state: RaftState,
  message: Message<"appendRequest">,
): { entries: readonly Entry[]; previousIndex: LogIndex } {
  const base = state.log.base.index;
  if (message.previousIndex >= base) return message;
  return { entries: message.entries.slice(base - message.previousIndex), previousIndex: base };
}

/** How many of the entries the log holds already. */
function countKnown(state: RaftState, entries: readonly Entry[]): number {
  let known = 0;
  for (const entry of entries) {
    if (termAt(state.log, entry.index) !== entry.term) break;
    known += 1;
  }
  return known;
}

/** Raft §5.3: entries that conflict go, new ones come; the answer waits for the flush. */
function keep(state: RaftState, from: NodeId, fresh: readonly Entry[], answer: RaftMessage): RaftEffect {
  const first = (fresh[0] as Entry).index;
  invariant(first > state.commitIndex, "a committed entry is never replaced (Raft §5.4.3)");
  if (first <= lastIndex(state.log)) state.replacements += 1;
  if (first <= state.durableIndex) state.durableIndex = logIndex(first - 1);
  append(state.log, fresh);
  return write(state, { entries: fresh, release: [envelope(from, answer)] });
}

const accept = (state: RaftState, message: Message<"appendRequest">, matchIndex: LogIndex): RaftMessage => ({
  type: "appendResponse",
  term: state.term,
  round: message.round,
  matchIndex,
  conflictTerm: term(0),
  conflictIndex: logIndex(0),
});

/** Thesis §3.5: names the whole run of entries that cannot agree, so that the leader skips it in one step. */
function conflict(state: RaftState, message: Message<"appendRequest">): RaftMessage {
  const at = termAt(state.log, message.previousIndex);
  return {
    type: "appendResponse",
    term: state.term,
    round: message.round,
    matchIndex: null,
    conflictTerm: at ?? term(0),
    conflictIndex:
      at === null ? logIndex(lastIndex(state.log) + 1) : firstIndexOfTerm(state.log, message.previousIndex),
  };
}

/** A leader of an older term is told of the newer one, so that it steps down instead of calling for ever. */
export const answerStale = (state: RaftState, from: NodeId): RaftEffect =>
  tellDurably(state, from, {
    type: "appendResponse",
    term: state.term,
    round: 0,
    matchIndex: null,
    conflictTerm: term(0),
    conflictIndex: logIndex(lastIndex(state.log) + 1),
  });

/** Called in the term of the request. */
export function onSnapshotRequest(
  state: RaftState,
  from: NodeId,
  message: Message<"snapshotRequest">,
  now: Instant,
): RaftEffect[] {
  const effects = follow(state, from, now);
  const { position, chunks } = message.chunk;
  const held = Math.min(state.commitIndex, state.durableIndex);
  // What is committed and durable here needs no snapshot; nor does a log that has the snapshot's last entry.
  const has = position.index <= held || termAt(state.log, position.index) === position.term;
  if (!has) {
    state.chunksInStorage += 1;
    effects.push(send("storage", { type: "receiveChunk", from, chunk: message.chunk }));
  } else if (position.index <= state.durableIndex) {
    effects.push(tellDurably(state, from, snapshotResponse(state, position, { next: chunks, installed: true })));
  }
  return effects;
}

const snapshotResponse = (
  state: RaftState,
  position: SnapshotPosition,
  { next, installed }: { next: number; installed: boolean },
): RaftMessage => ({ type: "snapshotResponse", term: state.term, position, next, installed });

export function onChunkReceived(state: RaftState, message: Stored<"chunkReceived">): RaftEffect[] {
  state.chunksInStorage -= 1;
  const { from, position, next } = message;
  if (next === null) return [];
  return [tellDurably(state, from, snapshotResponse(state, position, { next, installed: false }))];
}

/** The snapshot is this node's log now. Nothing that was acknowledged is lost: the log ended before it, or was at odds. */
export function onSnapshotInstalled(state: RaftState, message: Stored<"snapshotInstalled">): RaftEffect[] {
  const { from, position } = message;
  invariant(position.index > state.commitIndex, "a snapshot never takes back what is committed");
  state.chunksInStorage -= 1;
  state.log = emptyLog(position);
  state.snapshot = position;
  state.snapshotUnderWay = false;
  state.durableIndex = position.index;
  state.commitIndex = position.index;
  state.handedToLock = null;
  const answer = tellDurably(state, from, snapshotResponse(state, position, { next: 0, installed: true }));
  return [answer, ...feedRestored(state)];
}
