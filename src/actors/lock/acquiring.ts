// What only the native interface asks for: several locks at once and in any mode, to wait for them, to cancel that, to end
// grants and leases whoever holds them. As in apply.ts, nothing that a client asks for is ever a broken invariant.

import { delayAlarm, parseAlarm, waitAlarm, yieldAlarm } from "../alarms.ts";
import { invariant } from "../invariant.ts";
import type { AlarmId, GrantTerms, LeaseChange, LeaseRecord, LockRecord, WaiterRecord } from "../messages.ts";
import type { AcquireAll, Demand, Outcome, Write } from "../operations.ts";
import { implicitLease, type LeaseId, type RequestId } from "../scalars.ts";
import { cycleOf } from "./deadlock.ts";
import { demandOn, grant, nextToken, obstacleFor } from "./granting.ts";
import { delaysOf, placeOf, putWaiter, queueOf, removeDelay, removeWaiter } from "./queue-table.ts";
import { holder, holdersOf, putLease, remember, replaceLock, type Table } from "./table.ts";
import { end, endIfNeedless, endLease, leave, note, plainTerms, type Turn, termsOf } from "./turn.ts";

type Asked<Type extends Write["type"]> = Extract<Write, { type: Type }>;

/** So many requests may wait in one table. */
export const waitersMax = 200_000;

/** The lease, if there is one, is live. */
export function acquireAll(turn: Turn, asked: AcquireAll, requestId: RequestId): Outcome {
  const { table, index, changes } = turn;
  const holding = "lease" in asked.under ? table.leases.get(asked.under.lease) : undefined;
  if (holding !== undefined && holding.owner !== asked.owner) return { type: "leaseOfAnother", owner: holding.owner };
  const refusal = limitRefusal(table, asked);
  if (refusal !== null) return refusal;
  const grantee = { ...asked, requestId };
  const obstacle = obstacleFor(table, asked.demands, { index, priority: asked.priority });
  if ("ttl" in asked.under) {
    if (obstacle !== null) return { type: "busy", obstacle };
    const lease: LeaseRecord = {
      id: implicitLease(nextToken(table)),
      owner: asked.owner,
      ttl: asked.under.ttl,
      renewals: 0,
    };
    putLease(table, lease);
    changes.push({ type: "opened", lease: lease.id, ttl: lease.ttl, renewals: 0 });
    return grant(turn, grantee, lease);
  }
  invariant(holding !== undefined, "whether its lease is live has been looked at");
  const waiter = waiterFor(turn, asked, { requestId, lease: holding.id });
  if (obstacle === null) {
    // Whoever overtakes others makes them wait for him: not if he waits for one of them.
    const cycle = overtakes(table, waiter) ? cycleWith(table, waiter) : null;
    return cycle === null ? grant(turn, grantee, holding) : { type: "deadlock", cycle };
  }
  if (asked.wait === 0) return { type: "busy", obstacle };
  if (table.waiters.size >= waitersMax) return { type: "queueFull", limit: waitersMax };
  const cycle = cycleWith(table, waiter);
  if (cycle !== null) return { type: "deadlock", cycle };
  return enqueue(turn, waiter);
}

const waiterFor = (
  { index }: Turn,
  { owner, context, demands, wait, priority, delay, metadata, askedAt }: AcquireAll,
  { requestId, lease }: { readonly requestId: RequestId; readonly lease: LeaseId },
): WaiterRecord => ({
  requestId,
  owner,
  lease,
  context,
  demands,
  wait,
  priority,
  delay,
  metadata,
  askedAt,
  index,
});

function enqueue(turn: Turn, waiter: WaiterRecord): Outcome {
  putWaiter(turn.table, waiter);
  turn.changes.push({ type: "alarmSet", alarm: waitAlarm(waiter.requestId), span: waiter.wait });
  const { owner, lease } = waiter;
  for (const { lock } of waiter.demands) note(turn, "queued", { lock, owner, lease });
  return queued(turn.table, waiter);
}

/** How a request waits, as it is told. */
export function queued(table: Table, waiter: WaiterRecord): Outcome {
  const places = waiter.demands.map(({ lock }) => placeOf(queueOf(table, lock), waiter) + 1);
  const obstacle = obstacleFor(table, waiter.demands, waiter) ?? {
    lock: waiter.demands[0]?.lock ?? "",
    holder: null,
    metadata: "",
    delayed: null,
    delayedBy: null,
    queue: 0,
  };
  return { type: "queued", position: Math.max(...places), obstacle };
}

/** All who hold a semaphore or wait for it mean the same one. */
function limitRefusal(table: Table, { demands }: AcquireAll): Outcome | null {
  for (const { lock, mode, limit } of demands) {
    if (mode !== "semaphore") continue;
    const other = limitOf(table, lock);
    if (other !== null && other !== limit) return { type: "limitDiffers", lock, limit: other };
  }
  return null;
}

/** How many permits a semaphore has; null if nobody uses the lock as one. */
export function limitOf(table: Table, lock: string): number | null {
  for (const { mode, limit } of usesOf(table, lock)) if (mode === "semaphore") return limit;
  return null;
}

/** How those use a lock who hold it, all of them in one way, have lost it lately, or wait for it. */
function* usesOf(table: Table, lock: string): Iterable<Pick<Demand, "mode" | "limit">> {
  const first = table.locks.get(lock);
  if (first !== undefined) yield termsOf(first);
  yield* delaysOf(table, lock);
  for (const waiter of queueOf(table, lock)) yield demandOn(waiter, lock);
}

const overtakes = (table: Table, waiter: WaiterRecord): boolean =>
  table.waitersOf.has(waiter.lease) && waiter.demands.some(({ lock }) => queueOf(table, lock).length > 0);

/** Looks at the graph as it would be. */
function cycleWith(table: Table, waiter: WaiterRecord): ReturnType<typeof cycleOf> {
  putWaiter(table, waiter);
  const cycle = cycleOf(table, waiter);
  removeWaiter(table, waiter);
  return cycle;
}

/** Ends a grant by its token, in all its locks. */
export function releaseAll(turn: Turn, { lease, token }: Asked<"releaseAll">): Outcome {
  const { table } = turn;
  const record = table.grants.get(token)?.[0];
  if (record === undefined) {
    const ended = table.ended.get(token);
    return ended === undefined ? { type: "notHeld" } : { type: "grantOver", token, how: ended.how };
  }
  if (record.lease !== lease) return { type: "heldByAnotherLease", holder: holder(table, record) };
  end(turn, record, "released");
  endIfNeedless(turn, record.lease);
  return { type: "released", token };
}

/** Whatever the request has come to, unless only its wait is meant. One that comes later finds what is remembered here. */
export function cancel(turn: Turn, { request, lease, onlyWaiting }: Asked<"cancel">): Outcome {
  const { table, index } = turn;
  const waiter = table.waiters.get(request);
  if (waiter !== undefined) {
    leave(turn, waiter, { type: "requestCancelled" });
    return { type: "cancelled", token: null };
  }
  if (onlyWaiting) return { type: "cancelled", token: null };
  const record = grantOf(table, request, lease);
  if (record !== null) {
    end(turn, record, "released");
    endIfNeedless(turn, record.lease);
    return { type: "cancelled", token: record.token };
  }
  if (!table.outcomes.has(request)) {
    remember(table, { requestId: request, index, outcome: { type: "requestCancelled" } });
  }
  return { type: "cancelled", token: null };
}

/** The grant of a request, if it still holds. */
function grantOf(table: Table, request: RequestId, lease: LeaseId | null): LockRecord | null {
  const outcome = table.outcomes.get(request)?.outcome;
  if (outcome?.type === "granted") return table.grants.get(outcome.token)?.[0] ?? null;
  if (outcome !== undefined) return null;
  // Forgotten, but for the grant itself.
  const held = lease === null ? [...table.grants.values()].flat() : (table.locksOf.get(lease) ?? []);
  for (const record of held) if (record.requestId === request) return record;
  return null;
}

export function revoke(turn: Turn, id: LeaseId): Outcome {
  const { locks } = endLease(turn, id, "revoked");
  return { type: "leaseClosed", locks };
}

export function proclaim(turn: Turn, { lock, lease, token, metadata }: Asked<"proclaim">): Outcome {
  const { table } = turn;
  const holders = holdersOf(table, lock);
  const record = holders.find((each) => each.token === token);
  if (record === undefined) {
    const first = holders[0];
    return first === undefined ? { type: "notHeld" } : { type: "staleToken", holder: holder(table, first) };
  }
  if (record.lease !== lease) return { type: "heldByAnotherLease", holder: holder(table, record) };
  change(table, record, { metadata });
  note(turn, "proclaimed", { lock, owner: record.owner, lease, token, text: metadata });
  return { type: "proclaimed", token };
}

const change = (table: Table, record: LockRecord, changed: Partial<GrantTerms>): void =>
  replaceLock(table, record, { ...record, terms: { ...(record.terms ?? plainTerms), ...changed } });

export function askYield(turn: Turn, { lock, token, reason, grace, force }: Asked<"askYield">): Outcome {
  const meant = meantBy(turn.table, lock, token);
  for (const record of meant) {
    if (force) turn.changes.push({ type: "alarmSet", alarm: yieldAlarm(lock, record.token), span: grace });
    else if (termsOf(record).yielding?.force === true) {
      turn.changes.push({ type: "alarmGone", alarm: yieldAlarm(lock, record.token) });
    }
    change(turn.table, record, { yielding: { reason, grace, force } });
    const { owner, lease } = record;
    note(turn, "yieldAsked", { lock, owner, lease, token: record.token, text: reason, span: grace });
  }
  return { type: "yieldAsked", tokens: meant.map((record) => record.token) };
}

const meantBy = (table: Table, lock: string, token: LockRecord["token"] | null): readonly LockRecord[] =>
  holdersOf(table, lock).filter((record) => token === null || record.token === token);

export function forceRelease(turn: Turn, { lock, token, reason }: Asked<"forceRelease">): Outcome {
  const meant = meantBy(turn.table, lock, token);
  for (const record of meant) take(turn, record, reason);
  return { type: "forced", tokens: meant.map((record) => record.token) };
}

function take(turn: Turn, record: LockRecord, reason: string): void {
  end(turn, record, "forced", reason);
  endIfNeedless(turn, record.lease);
}

/** A span is over that the table has asked for. If what it was for is over as well, nothing happens. */
export function ring(turn: Turn, alarm: AlarmId): void {
  const { table } = turn;
  const parsed = parseAlarm(alarm);
  switch (parsed?.type) {
    case "wait": {
      const waiter = table.waiters.get(parsed.requestId);
      if (waiter !== undefined) leave(turn, waiter, { type: "waitOver" });
      return;
    }
    case "delay": {
      const delay = delaysOf(table, parsed.lock).find(({ token }) => token === parsed.token);
      if (delay === undefined) return;
      removeDelay(table, delay);
      turn.changes.push({ type: "alarmGone", alarm });
      turn.freed.add(delay.lock);
      const { lock, owner, lease, token } = delay;
      note(turn, "available", { lock, owner, lease, token });
      return;
    }
    case "yield": {
      const record = holdersOf(table, parsed.lock).find(({ token }) => token === parsed.token);
      const yielding = record === undefined ? null : termsOf(record).yielding;
      if (record !== undefined && yielding?.force === true) take(turn, record, yielding.reason);
    }
  }
}

/** All that the table waits to be told: what the lease actor of a node that was given a snapshot has to time. */
export function* alarmsOf(table: Table): Iterable<LeaseChange> {
  for (const { requestId, wait } of table.waiters.values()) {
    yield { type: "alarmSet", alarm: waitAlarm(requestId), span: wait };
  }
  for (const { lock, token, delay } of [...table.delays.values()].flat()) {
    yield { type: "alarmSet", alarm: delayAlarm(lock, token), span: delay };
  }
  for (const record of [...table.grants.values()].flat()) {
    const { yielding } = termsOf(record);
    if (yielding?.force !== true) continue;
    yield { type: "alarmSet", alarm: yieldAlarm(record.lock, record.token), span: yielding.grace };
  }
}
