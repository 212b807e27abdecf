// The lock actor: applies what raft has committed to the lock table, answers questions to it, and takes and restores its
// snapshots. It decides nothing that is not in the log, and is the only one who knows what came of a write.

import { type Behaviour, type Effect, type Inbox, send, setTimer } from "../actor.ts";
import { invariant } from "../invariant.ts";
import type { AskReply, Entry, LeaseChange, LockToLease, Query, RequestAnswer, SnapshotSlice } from "../messages.ts";
import { namesHolder } from "../naming.ts";
import type { LockEvent, Outcome } from "../operations.ts";
import { type Instant, millis } from "../scalars.ts";
import { holdings, view } from "./accepting.ts";
import { holdingsText } from "./acceptor-table.ts";
import { alarmsOf } from "./acquiring.ts";
import { apply, leaseOutcome } from "./apply.ts";
import { keepPace, paceOf } from "./pacing.ts";
import { addSlice, capture, finishRestoration, nextSlice } from "./snapshot.ts";
import { type LockState, startLock } from "./state.ts";
import { holder, stateDigest } from "./table.ts";
import { look } from "./views.ts";
import { beginAnew, tellWatchers, unwatch, watch } from "./watching.ts";

type Effects = Effect<"lock">[];

/** The most changes in one letter after a snapshot was restored. */
const changesMax = 4096;
/** The gateway is told how far entries are applied at least this often, in entries. */
const tellEntriesMax = 1024;

function receive(state: LockState, message: Inbox<"lock">, now: Instant): Effects {
  switch (message.type) {
    case "apply":
      return onApply(state, message.entries, { isAwaited: message.answer, now });
    case "read":
      return onRead(state, message.queries);
    case "count":
      return onCount(state, message.call);
    case "watch":
      return watch(state.watching, state.table, message.call, message.wish);
    case "unwatch":
      unwatch(state.watching, message.call);
      return [];
    case "takeSnapshot":
      return onTakeSnapshot(state);
    case "timeout":
      return sendSlice(state);
    case "restore":
      return onRestore(state, message.slice);
  }
}

// Changes go out before answers: the lease actor knows a lease before anybody else hears of it.
function onApply(
  state: LockState,
  entries: readonly Entry[],
  { isAwaited, now }: { readonly isAwaited: boolean; readonly now: Instant },
): Effects {
  const { table } = state;
  const changes: LeaseChange[] = [];
  const answers: RequestAnswer[] = [];
  const replies: AskReply[] = [];
  const digests: Effects = [];
  const events: LockEvent[] = [];
  for (const entry of entries) {
    // Raft sent it before it heard that storage had sent a snapshot: there is no order between the two.
    if (entry.index <= state.restoredIndex) continue;
    const applied = apply(table, entry, state.requestsRemembered);
    for (const change of applied.changes) changes.push(change);
    if (isAwaited && entry.command.type === "write" && applied.outcome !== null) {
      answers.push({ requestId: entry.command.requestId, answer: applied.outcome });
    }
    if (isAwaited) for (const told of applied.told ?? []) answers.push(told);
    for (const event of applied.events ?? []) events.push(event);
    if (isAwaited && applied.reply !== undefined && "ask" in entry.command) {
      replies.push({ ask: entry.command.ask, reply: applied.reply });
    }
    if (entry.index % state.digestEntries === 0) {
      digests.push(send("raft", { type: "digest", digest: { index: entry.index, digest: stateDigest(table) } }));
    }
  }
  const effects: Effects = [];
  if (changes.length > 0) effects.push(send("lease", { type: "changed", changes }));
  effects.push(...answerAll(state, answers), ...replyAll(replies), ...digests);
  if (events.length > 0) {
    keepPace(state.paces, events, now);
    // One by one: there may be more than a call can have arguments.
    for (const told of tellWatchers(state.watching, events, table.index)) effects.push(told);
  }
  return effects;
}

/** As of answers: what names a holder goes by way of the lease actor. */
function replyAll(replies: readonly AskReply[]): Effects {
  if (replies.length === 0) return [];
  const naming = replies.filter(({ reply }) => isTimed(reply));
  const others = replies.filter(({ reply }) => !isTimed(reply));
  const effects: Effects = [];
  if (naming.length > 0) effects.push(send("lease", { type: "completeReplies", replies: naming }));
  if (others.length > 0) effects.push(send("region", { type: "replies", replies: others }));
  return effects;
}

const isTimed = (reply: AskReply["reply"]): boolean =>
  (reply.type === "begun" ? reply.own : reply).type === "live" || (reply.type === "view" && reply.holder !== null);

function onRead(state: LockState, queries: readonly Query[]): Effects {
  const { table } = state;
  const answers: RequestAnswer[] = [];
  const replies: AskReply[] = [];
  const leases: Extract<LockToLease, { type: "leases" }>["answers"][number][] = [];
  for (const query of queries) {
    switch (query.type) {
      case "check": {
        const lock = table.locks.get(query.lock);
        const outcome: Outcome =
          lock === undefined ? { type: "free" } : { type: "locked", holder: holder(table, lock) };
        answers.push({ requestId: query.requestId, answer: outcome });
        break;
      }
      case "look":
        answers.push({ requestId: query.requestId, answer: look(table, query.look, paceOf(state.paces)) });
        break;
      case "lease":
        leases.push({
          requestId: query.requestId,
          lease: query.lease,
          outcome: leaseOutcome(table, query.lease),
        });
        break;
      case "view":
        if (table.acceptor !== null) {
          replies.push({ ask: query.ask, reply: view(table, table.acceptor, query.lock) });
        }
        break;
      case "holdings":
        replies.push({ ask: query.ask, reply: holdings(table, query.lease) });
    }
  }
  const effects = [...answerAll(state, answers), ...replyAll(replies)];
  if (leases.length > 0) effects.push(send("lease", { type: "leases", answers: leases }));
  return effects;
}

/** Answers that name a holder go by way of the lease actor, which knows how much time the holder has left. */
function answerAll(state: LockState, answers: readonly RequestAnswer[]): Effects {
  const effects: Effects = [];
  const naming = answers.filter(({ answer }) => namesHolder(answer));
  if (naming.length > 0) effects.push(send("lease", { type: "complete", answers: naming }));
  const others = naming.length === 0 ? answers : answers.filter(({ answer }) => !namesHolder(answer));
  // A gateway that knew too little would take a new request for one that is too old; so it is told even if nobody waits.
  const tellEntries = Math.min(tellEntriesMax, Math.ceil(state.requestsRemembered / 4));
  const isBehind = state.table.index - state.indexTold >= tellEntries;
  if (others.length > 0 || isBehind) effects.push(tellGateway(state, others));
  return effects;
}

function tellGateway(state: LockState, answers: readonly RequestAnswer[]): Effect<"lock"> {
  const { index } = state.table;
  state.indexTold = index;
  return send("gateway", { type: "answers", applied: index, answers });
}

function onCount({ table }: LockState, call: number): Effects {
  const counts = { leases: table.leases.size, locks: table.locks.size, fencingCounter: table.fencingToken };
  return [send("gateway", { type: "counted", call, counts })];
}

/** One snapshot at a time: while one is on its way it is the answer to whoever asks for another. */
function onTakeSnapshot(state: LockState): Effects {
  if (state.capture !== null) return [];
  state.capture = capture(state.table);
  return sendSlice(state);
}

/** One slice at a time, with whatever else is in the mailbox in between. */
function sendSlice(state: LockState): Effects {
  if (state.capture === null) return [];
  const slice = nextSlice(state.capture, state.sliceRecords);
  if (slice.last) state.capture = null;
  const sent = send("storage", { type: "snapshotTaken", slice } as const);
  return slice.last ? [sent] : [sent, setTimer("slice", millis(0))];
}

/**
 * The table under construction replaces the one in use when its last slice is there. A capture that is under way is of an
 * older position, which storage and raft have given up as well.
 */
function onRestore(state: LockState, slice: SnapshotSlice): Effects {
  state.restoration = addSlice(state.restoration, slice, slice.slice === 0 ? state.freshAcceptor() : null);
  if (!slice.last) return [];
  const table = finishRestoration(state.restoration);
  invariant(table.index >= state.table.index, "a snapshot takes nothing back that was applied");
  state.table = table;
  state.restoredIndex = table.index;
  state.restoration = null;
  state.capture = null;
  state.paces.clear();
  const changes: LeaseChange[] = [{ type: "cleared" }];
  for (const { id, ttl, renewals } of table.leases.values()) {
    changes.push({ type: "opened", lease: id, ttl, renewals });
    if (table.acceptor !== null && table.locksOf.has(id)) {
      changes.push({ type: "holds", lease: id, locks: holdingsText(table.acceptor, id) });
    }
  }
  // One by one: there may be more than a call can have arguments.
  for (const change of alarmsOf(table)) changes.push(change);
  const effects: Effects = [];
  for (let from = 0; from < changes.length; from += changesMax) {
    effects.push(send("lease", { type: "changed", changes: changes.slice(from, from + changesMax) }));
  }
  effects.push(tellGateway(state, []), ...beginAnew(state.watching, table.index));
  effects.push(send("raft", { type: "restored", index: table.index }));
  return effects;
}

/** The replicated lock table of this node. */
export const lock: Behaviour<"lock", LockState> = {
  start: startLock,
  receive,
  inspect: ({ table, capture, watching }) => ({
    leases: table.leases.size,
    locks: table.locks.size,
    fencingToken: table.fencingToken,
    leaseId: table.leaseId,
    outcomes: table.outcomes.size,
    endedGrants: table.ended.size,
    waiters: table.waiters.size,
    delays: table.delays.size,
    watches: watching.watchers.size,
    appliedIndex: table.index,
    appliedTerm: table.term,
    snapshotUnderWay: capture === null ? 0 : 1,
    digest: stateDigest(table),
  }),
};
