// One entry of the log at work on the lock table: what it has to tell others when it is done. Deeds that several commands share
// stand here: a grant ends, a waiter leaves, each with its timers and its events.

import { delayAlarm, waitAlarm, yieldAlarm } from "../alarms.ts";
import { invariant } from "../invariant.ts";
import type { GrantTerms, LeaseChange, LockRecord, RequestAnswer, WaiterRecord } from "../messages.ts";
import type { Ending, EventKind, LockEvent, Outcome } from "../operations.ts";
import { fencingToken, implicitLeaseToken, type LeaseId, type LogIndex, millis } from "../scalars.ts";
import { putDelay, removeWaiter, waitersUnder } from "./queue-table.ts";
import { endGrant, locksOfGrant, remember, removeLease, type Table } from "./table.ts";

export interface Turn {
  readonly table: Table;
  readonly index: LogIndex;
  /** What the lease actor is told, in order. */
  readonly changes: LeaseChange[];
  /** What those are told whose requests waited. */
  readonly told: RequestAnswer[];
  readonly events: LockEvent[];
  /** The locks whose queues may move on. */
  readonly freed: Set<string>;
}

export const beginTurn = (table: Table, index: LogIndex): Turn => ({
  table,
  index,
  changes: [],
  told: [],
  events: [],
  freed: new Set(),
});

/** How what the older interfaces grant is held. */
export const plainTerms: GrantTerms = {
  mode: "exclusive",
  permits: 1,
  limit: 0,
  context: "",
  delay: millis(0),
  metadata: "",
  yielding: null,
};

export const termsOf = ({ terms }: LockRecord): GrantTerms => terms ?? plainTerms;

/** Notes what has happened to a lock, for those who watch. */
export function note(
  turn: Turn,
  kind: EventKind,
  about: Pick<LockEvent, "lock" | "owner" | "lease"> & Partial<Pick<LockEvent, "token" | "text" | "span">>,
): void {
  const { lock, owner, lease, token = fencingToken(0), text = "", span = millis(0) } = about;
  const queue = turn.table.queues.get(lock)?.length ?? 0;
  turn.events.push({ revision: turn.index, kind, lock, owner, lease, token, text, span, queue });
}

/** Ends a grant in all its locks. One that is lost keeps its place for as long as its lock-delay says. */
export function end(turn: Turn, grant: LockRecord, how: Ending, reason = ""): void {
  const { table, index, changes, freed } = turn;
  const locks = locksOfGrant(table, grant);
  endGrant(table, grant, { how, index });
  for (const record of locks) {
    const { lock, owner, lease, token } = record;
    const { mode, permits, limit, delay, yielding } = termsOf(record);
    if (yielding?.force === true) changes.push({ type: "alarmGone", alarm: yieldAlarm(lock, token) });
    if (table.queues.has(lock)) freed.add(lock);
    note(turn, how, { lock, owner, lease, token, text: reason });
    if (how === "released" || delay === 0) continue;
    putDelay(table, { lock, token, owner, lease, mode, permits, limit, delay, how });
    changes.push({ type: "alarmSet", alarm: delayAlarm(lock, token), span: delay });
    note(turn, "delayed", { lock, owner, lease, token, span: delay });
  }
}

/** An implicit lease lives for its grant. */
export function endIfNeedless({ table, changes }: Turn, id: LeaseId): void {
  if (implicitLeaseToken(id) === null || table.locksOf.has(id)) return;
  const lease = table.leases.get(id);
  invariant(lease !== undefined, "a lock is held by a live lease");
  removeLease(table, lease);
  changes.push({ type: "ended", lease: id });
}

/** Ends a lease with everything under it: nobody waits under a lease that is no more, and it holds nothing. */
export function endLease(turn: Turn, id: LeaseId, how: Ending): { readonly locks: number } {
  const { table, changes } = turn;
  const lease = table.leases.get(id);
  invariant(lease !== undefined, "a lease that ends is live");
  for (const waiter of waitersUnder(table, id)) leave(turn, waiter, { type: "leaseEnded", lease: id });
  const grants = [...(table.locksOf.get(id) ?? [])].sort((one, other) => one.token - other.token);
  for (const record of grants) if (table.locksOf.get(id)?.has(record) === true) end(turn, record, how);
  removeLease(table, lease);
  changes.push({ type: "ended", lease: id });
  return { locks: grants.length };
}

/** Takes a waiter out of its queues, and tells whoever waits for it why. */
export function leave(turn: Turn, waiter: WaiterRecord, outcome: Outcome): void {
  const { table, index, changes, told, freed } = turn;
  const { requestId, demands, owner, lease } = waiter;
  removeWaiter(table, waiter);
  changes.push({ type: "alarmGone", alarm: waitAlarm(requestId) });
  remember(table, { requestId, index, outcome });
  told.push({ requestId, answer: outcome });
  for (const { lock } of demands) {
    freed.add(lock);
    if (outcome.type !== "granted") note(turn, "unqueued", { lock, owner, lease });
  }
}
