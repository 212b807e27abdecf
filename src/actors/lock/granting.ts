// Who may have a lock, and who is next. One rule for all modes: a request is granted when, in all of its locks, nobody who holds
// it and nobody who came before conflicts with it. Nobody is overtaken, so nobody starves; nothing is held while waiting.

import { invariant } from "../invariant.ts";
import type { DelayRecord, GrantTerms, LeaseRecord, LockRecord, WaiterRecord } from "../messages.ts";
import type { AcquireAll, Demand, Obstacle, Outcome } from "../operations.ts";
import { fencingToken, type RequestId } from "../scalars.ts";
import { compareWaiters, delaysOf, longestDelay, placeOf, queueOf } from "./queue-table.ts";
import { holder, putLock, type Table } from "./table.ts";
import { leave, note, type Turn, termsOf } from "./turn.ts";

/** What stands in the way of a demand. */
export type Blocker =
  | { readonly type: "holder"; readonly record: LockRecord }
  | { readonly type: "delay"; readonly record: DelayRecord }
  | { readonly type: "waiter"; readonly record: WaiterRecord };

/** Where a request stands, or would stand, in every queue. */
export type Standing = Pick<WaiterRecord, "index" | "priority">;

/** The modes in which two may hold a lock beside each other; of a semaphore the permits decide as well. */
export const isCompatible = (one: Demand["mode"], other: Demand["mode"]): boolean =>
  one === other && one !== "exclusive";

export const demandOn = ({ demands }: Pick<WaiterRecord, "demands">, lock: string): Demand => {
  const demand = demands.find((each) => each.lock === lock);
  invariant(demand !== undefined, "who stands in a queue wants its lock");
  return demand;
};

/** Whether whoever comes later must wait for whoever came before: nobody takes permits past somebody who waits for more. */
export const mustWaitFor = (later: Demand, earlier: Demand): boolean =>
  !(later.mode === "shared" && earlier.mode === "shared");

/** Somebody who holds the lock, or has lost it lately, in a way that conflicts; null if nobody does. */
export function heldBy(table: Table, demand: Demand): Blocker | null {
  const first = table.locks.get(demand.lock);
  const delays = delaysOf(table, demand.lock);
  if (first === undefined && delays.length === 0) return null;
  const isInTheWay = blocking(table, demand);
  // All who hold a lock beside each other do so in one mode: if the first is not in the way, none is.
  if (first !== undefined && isInTheWay(first)) return { type: "holder", record: first };
  const delay = longestDelay(delays.filter(isInTheWay));
  return delay === null ? null : { type: "delay", record: delay };
}

/** Which of those who hold a lock are in the way of a demand. Of a semaphore, where so many permits are `taken`, all are if the
 *  others do not suffice. */
export function blocking(
  table: Table,
  demand: Demand,
  taken: (table: Table, lock: string) => number = permitsTaken,
): (record: LockRecord | DelayRecord) => boolean {
  const isFull = demand.mode === "semaphore" && taken(table, demand.lock) + demand.permits > demand.limit;
  return (record) => isFull || !isCompatible(modeOf(record), demand.mode);
}

const modeOf = (record: LockRecord | DelayRecord): Demand["mode"] =>
  "mode" in record ? record.mode : termsOf(record).mode;

/** The permits of those who hold the lock. */
export function permitsHeld(table: Table, lock: string): number {
  const first = table.locks.get(lock);
  return (first === undefined ? 0 : termsOf(first).permits) + (table.permitsOfSharers.get(lock) ?? 0);
}

/** The same, and those that cannot be had for a while. */
export function permitsTaken(table: Table, lock: string): number {
  let taken = permitsHeld(table, lock);
  for (const { permits } of delaysOf(table, lock)) taken += permits;
  return taken;
}

/** The last who came before and must be waited for; null if there is none. */
export function queuedBefore(table: Table, demand: Demand, standing: Standing): WaiterRecord | null {
  const queue = table.queues.get(demand.lock);
  if (queue === undefined) return null;
  for (let place = placeOf(queue, standing) - 1; place >= 0; place -= 1) {
    const other = queue[place] as WaiterRecord;
    if (mustWaitFor(demand, demandOn(other, demand.lock))) return other;
  }
  return null;
}

export const blockerOf = (table: Table, demand: Demand, standing: Standing): Blocker | null => {
  const held = heldBy(table, demand);
  if (held !== null) return held;
  const before = queuedBefore(table, demand, standing);
  return before === null ? null : { type: "waiter", record: before };
};

/** The first lock that cannot be had, and why. */
export function obstacleFor(table: Table, demands: readonly Demand[], standing: Standing): Obstacle | null {
  for (const demand of demands) {
    const blocker = blockerOf(table, demand, standing);
    if (blocker !== null) return obstacleOf(table, demand.lock, blocker);
  }
  return null;
}

/** So much of what a grant says of itself stands in a refusal, which is remembered for long. */
const metadataShown = 256;

function obstacleOf(table: Table, lock: string, { type, record }: Blocker): Obstacle {
  const queue = queueOf(table, lock).length;
  const nobody = { lock, holder: null, metadata: "", delayed: null, delayedBy: null, queue } as const;
  switch (type) {
    case "holder":
      return {
        ...nobody,
        holder: holder(table, record),
        metadata: termsOf(record).metadata.slice(0, metadataShown),
      };
    case "delay":
      return { ...nobody, delayed: record.delay, delayedBy: record.token };
    case "waiter":
      return nobody;
  }
}

/** Something that shall be granted. */
export type Grantee = Pick<AcquireAll, "demands" | "owner" | "context" | "delay" | "metadata" | "askedAt"> & {
  readonly requestId: RequestId;
};

/** Every grant takes the next token; none is ever used twice or taken back. */
export function grant(turn: Turn, grantee: Grantee, lease: LeaseRecord): Outcome {
  const { table } = turn;
  const { demands, owner, context, delay, metadata, askedAt, requestId } = grantee;
  table.fencingToken = nextToken(table);
  const token = table.fencingToken;
  const isPlain = context === "" && delay === 0 && metadata === "";
  for (const { lock, mode, permits, limit } of demands) {
    const record: LockRecord = { lock, owner, lease: lease.id, token, grantedAt: askedAt, requestId };
    const terms: GrantTerms | null =
      isPlain && mode === "exclusive" ? null : { mode, permits, limit, context, delay, metadata, yielding: null };
    putLock(table, terms === null ? record : { ...record, terms });
    note(turn, "granted", { lock, owner, lease: lease.id, token, text: metadata });
  }
  return { type: "granted", lease: lease.id, token, ttl: lease.ttl };
}

export const nextToken = (table: Table) => fencingToken(table.fencingToken + 1);

/** Grants to whoever waits and may have what it waits for now: the one who came first first, until there is none. */
export function advance(turn: Turn): void {
  const { table, freed } = turn;
  const candidates = new Map<string, WaiterRecord>();
  for (;;) {
    for (const lock of freed) {
      const waiter = firstInLine(table, lock);
      if (waiter === null) candidates.delete(lock);
      else candidates.set(lock, waiter);
    }
    freed.clear();
    let next: WaiterRecord | null = null;
    for (const waiter of candidates.values()) {
      if (next === null || compareWaiters(waiter, next) < 0) next = waiter;
    }
    if (next === null) return;
    if (mayHaveAll(table, next)) grantWaiter(turn, next);
    // Somebody has been granted meanwhile what it wanted as well.
    else for (const { lock } of next.demands) freed.add(lock);
  }
}

const mayHaveAll = (table: Table, waiter: WaiterRecord): boolean =>
  waiter.demands.every((demand) => blockerOf(table, demand, waiter) === null);

/** The first in the queue of a lock who may have all that it wants. */
function firstInLine(table: Table, lock: string): WaiterRecord | null {
  for (const waiter of queueOf(table, lock)) {
    const demand = demandOn(waiter, lock);
    if (heldBy(table, demand) !== null) return null;
    if (mayHaveAll(table, waiter)) return waiter;
    if (demand.mode !== "shared") return null;
  }
  return null;
}

function grantWaiter(turn: Turn, waiter: WaiterRecord): void {
  const lease = turn.table.leases.get(waiter.lease);
  invariant(lease !== undefined, "nobody waits under a lease that has ended");
  const token = nextToken(turn.table);
  leave(turn, waiter, { type: "granted", lease: lease.id, token, ttl: lease.ttl });
  grant(turn, waiter, lease);
}
