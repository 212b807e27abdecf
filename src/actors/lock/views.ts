// What the lock table shows to whoever looks: everything about one lock, pages of locks, of waiters and of leases, and who waits for
// whom. Reads only. How long anything still lasts is the lease actor's to fill in.

import type { LockRecord } from "../messages.ts";
import type { DelayView, GrantView, LeaseView, LockView, Look, Outcome, WaitEdge, WaiterView } from "../operations.ts";
import { type FencingToken, type LeaseId, type Millis, millis } from "../scalars.ts";
import { waitsOf } from "./deadlock.ts";
import { delaysOf, queueOf } from "./queue-table.ts";
import { holder, holdersOf, type Table } from "./table.ts";
import { termsOf } from "./turn.ts";

/** How long it takes on average until it is the next one's turn; null if nothing is known. */
export type Pace = (lock: string) => Millis | null;

export function look(table: Table, asked: Look, pace: Pace): Outcome {
  switch (asked.type) {
    case "inspect":
      return { type: "lockSeen", lock: lockView(table, asked.lock, asked.token) };
    case "list":
      return list(table, asked);
    case "waiters":
      return waiters(table, asked, pace);
    case "leases":
      return leases(table, asked);
    case "waits":
      return waits(table, asked.limit);
  }
}

/** Of those who hold a lock, and of its lock-delays, so many are shown: the oldest. */
const shownMax = 1000;
/** A page ends when what it says has come to so many characters: it has to travel in one message. */
const charactersMax = 500_000;

function lockView(table: Table, lock: string, token: FencingToken | null = null): LockView {
  const meant = holdersOf(table, lock).filter((record) => token === null || record.token === token);
  const grants = meant.slice(0, shownMax).map((record) => grantView(table, record));
  const delays = delaysOf(table, lock)
    .slice(0, shownMax)
    .map(({ token, owner, how, delay }): DelayView => ({ token, owner, how, delay, remaining: delay }));
  return { lock, grants: fitting(grants, grantSize), delays, queue: queueOf(table, lock).length };
}

const grantView = (table: Table, record: LockRecord): GrantView => ({ ...holder(table, record), ...termsOf(record) });

/** By name: a page needs one look at every name, and the best of them so far are kept in order. */
function list(table: Table, asked: Extract<Look, { type: "list" }>): Outcome {
  const { after, limit } = asked;
  const names: string[] = [];
  // One more than is wanted says whether there is another page.
  const take = (name: string): void => {
    if (name <= after || !isListed(table, name, asked)) return;
    if (names.length > limit && name >= (names.at(-1) as string)) return;
    const place = placeAmong(names, name);
    if (names[place] === name) return;
    names.splice(place, 0, name);
    if (names.length > limit + 1) names.pop();
  };
  for (const name of table.locks.keys()) take(name);
  if (asked.owner === "" && asked.lease === null && asked.grantedBefore === null) {
    for (const name of table.queues.keys()) take(name);
    for (const name of table.delays.keys()) take(name);
  }
  const locks = fitting(
    names.slice(0, limit).map((name) => lockView(table, name)),
    lockSize,
  );
  const last = locks.at(-1)?.lock ?? null;
  return { type: "locksSeen", locks, next: names.length > locks.length ? last : null };
}

const grantSize = ({ owner, context, metadata, yielding }: GrantView): number =>
  owner.length + context.length + metadata.length + (yielding?.reason.length ?? 0);

const lockSize = ({ lock, grants, delays }: LockView): number =>
  grants.reduce((sum, grant) => sum + grantSize(grant), lock.length) +
  delays.reduce((sum, { owner }) => sum + owner.length, 0);

/** As many as fit on a page, and at least one. */
function fitting<Item>(items: readonly Item[], sizeOf: (item: Item) => number): readonly Item[] {
  let size = 0;
  const end = items.findIndex((item, place) => {
    size += sizeOf(item);
    return place > 0 && size > charactersMax;
  });
  return end < 0 ? items : items.slice(0, end);
}

function isListed(
  table: Table,
  name: string,
  { prefix, owner, lease, grantedBefore }: Extract<Look, { type: "list" }>,
): boolean {
  if (!name.startsWith(prefix)) return false;
  if (owner === "" && lease === null && grantedBefore === null) return true;
  return holdersOf(table, name).some(
    (record) =>
      (owner === "" || record.owner === owner) &&
      (lease === null || record.lease === lease) &&
      (grantedBefore === null || record.grantedAt <= grantedBefore),
  );
}

function placeAmong(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((names[middle] as string) < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

function waiters(table: Table, { lock, after, limit }: Extract<Look, { type: "waiters" }>, pace: Pace): Outcome {
  const queue = queueOf(table, lock);
  const span = pace(lock);
  const views = queue.slice(after, after + limit).map((waiter, place): WaiterView => {
    const { requestId, owner, lease, context, demands, priority, metadata, askedAt } = waiter;
    const position = after + place + 1;
    const estimate = span === null ? null : millis(span * position);
    return { requestId, owner, lease, context, demands, priority, metadata, askedAt, position, estimate };
  });
  return { type: "waitersSeen", waiters: fitting(views, waiterSize), total: queue.length };
}

const waiterSize = ({ owner, context, metadata, demands }: WaiterView): number =>
  demands.reduce((sum, { lock }) => sum + lock.length, owner.length + context.length + metadata.length);

function leases(table: Table, { owner, after, limit }: Extract<Look, { type: "leases" }>): Outcome {
  const ids: LeaseId[] = [];
  for (const lease of table.leases.values()) {
    if (lease.id > after && (owner === "" || lease.owner === owner)) ids.push(lease.id);
  }
  ids.sort((one, other) => one - other);
  const views = ids.slice(0, limit).map((id): LeaseView => {
    const lease = table.leases.get(id);
    return {
      lease: id,
      owner: lease?.owner ?? "",
      ttl: lease?.ttl ?? millis(0),
      remaining: millis(0),
      metadata: lease?.metadata ?? "",
      locks: table.locksOf.get(id)?.size ?? 0,
      waiting: table.waitersOf.get(id)?.size ?? 0,
    };
  });
  const page = fitting(views, ({ owner, metadata }) => owner.length + metadata.length);
  const last = page.at(-1)?.lease ?? null;
  return { type: "leasesSeen", leases: page, next: ids.length > page.length ? last : null };
}

/** Oldest request first. As many as are asked for, and as fit into one message. */
function waits(table: Table, limit: number): Outcome {
  const edges: WaitEdge[] = [];
  let size = 0;
  for (const waiter of table.waiters.values()) {
    for (const edge of waitsOf(table, waiter)) {
      size += waitSize(edge);
      const isFull = edges.length >= limit || (edges.length > 0 && size > charactersMax);
      if (isFull) return { type: "waitsSeen", waits: edges, isWhole: false };
      edges.push(edge);
    }
  }
  return { type: "waitsSeen", waits: edges, isWhole: true };
}

const waitSize = ({ lock, waiter, blocker }: WaitEdge): number =>
  lock.length + waiter.owner.length + waiter.context.length + blocker.owner.length + blocker.context.length;
