// The lock table: leases, held locks, and what is remembered of the past. Its records are immutable and replaced, never
// changed in place, so that a snapshot is captured by copying arrays of references. Every change goes through the functions
// of this file, which keep the derived index, the queues by age and the digest in step. No rule of locking stands here.

import { invariant } from "../invariant.ts";
import type { EndedGrant, LeaseRecord, LockRecord, RememberedOutcome } from "../messages.ts";
import type { Ending, Holder } from "../operations.ts";
import {
  type FencingToken,
  fencingToken,
  type LeaseId,
  type LogIndex,
  leaseId,
  logIndex,
  type Millis,
  type RequestId,
  type Term,
  term,
} from "../scalars.ts";
import { type AcceptorTable, countersOf, forgetRecords, hold, letGo, putRecord } from "./acceptor-table.ts";
import type { Digest } from "./digest.ts";
import { add, digestText, emptyDigest, endedHash, leaseHash, lockHash, outcomeHash, subtract } from "./digest.ts";
import { dropOldest, emptyFifo, type Fifo, oldest, pushLast } from "./fifo.ts";

/** What is replicated: equal on every replica that has applied the same entries. */
export interface Table {
  /** Live leases. */
  readonly leases: Map<LeaseId, LeaseRecord>;
  /** Held locks. */
  readonly locks: Map<string, LockRecord>;
  /** The locks of each lease that holds any, in the order of their grants. Derived from `locks`. */
  readonly locksOf: Map<LeaseId, Set<string>>;
  readonly outcomes: Map<RequestId, RememberedOutcome>;
  /** May hold records that `outcomes` has replaced since. */
  readonly outcomesByAge: Fifo<RememberedOutcome>;
  /** Kept at least as long as the outcome of any request that was answered with this grant. */
  readonly ended: Map<FencingToken, EndedGrant>;
  readonly endedByAge: Fifo<EndedGrant>;
  /** The token of the last grant. */
  fencingToken: FencingToken;
  /** The number of the last lease that a client opened. */
  leaseId: LeaseId;
  /** The last entry applied, and its term. */
  index: LogIndex;
  term: Term;
  /** Of all records; the counters are added when it is asked for. */
  readonly digest: Digest;
  /** Null where there is one region. */
  readonly acceptor: AcceptorTable | null;
}

export const emptyTable = (acceptor: AcceptorTable | null = null): Table => ({
  leases: new Map(),
  locks: new Map(),
  locksOf: new Map(),
  outcomes: new Map(),
  outcomesByAge: emptyFifo(),
  ended: new Map(),
  endedByAge: emptyFifo(),
  fencingToken: fencingToken(0),
  leaseId: leaseId(0),
  index: logIndex(0),
  term: term(0),
  digest: emptyDigest(),
  acceptor,
});

export const stateDigest = (table: Table): string =>
  digestText(table.digest, [
    table.fencingToken,
    table.leaseId,
    ...(table.acceptor === null ? [] : countersOf(table.acceptor)),
  ]);

/** Adds a lease, or replaces the record of the same number. */
export function putLease(table: Table, lease: LeaseRecord): void {
  const replaced = table.leases.get(lease.id);
  if (replaced !== undefined) subtract(table.digest, leaseHash(replaced));
  table.leases.set(lease.id, lease);
  add(table.digest, leaseHash(lease));
}

/** Removes a lease that holds no locks any more. */
export function removeLease(table: Table, lease: LeaseRecord): void {
  invariant(!table.locksOf.has(lease.id), "a lease ends after its locks");
  table.leases.delete(lease.id);
  subtract(table.digest, leaseHash(lease));
}

/** Adds a grant of a lock that nobody holds. */
export function putLock(table: Table, lock: LockRecord): void {
  invariant(!table.locks.has(lock.lock), "a lock has one holder");
  invariant(table.leases.has(lock.lease), "a lock is held by a live lease");
  table.locks.set(lock.lock, lock);
  add(table.digest, lockHash(lock));
  const siblings = table.locksOf.get(lock.lease);
  if (siblings === undefined) table.locksOf.set(lock.lease, new Set([lock.lock]));
  else siblings.add(lock.lock);
  if (table.acceptor !== null) hold(table.acceptor, lock);
}

/** Frees a lock, and remembers of its grant how it ended. */
export function endGrant(table: Table, lock: LockRecord, { how, index }: { how: Ending; index: LogIndex }): void {
  table.locks.delete(lock.lock);
  subtract(table.digest, lockHash(lock));
  const siblings = table.locksOf.get(lock.lease);
  siblings?.delete(lock.lock);
  if (siblings?.size === 0) table.locksOf.delete(lock.lease);
  if (table.acceptor === null) {
    putEnded(table, { lock: lock.lock, owner: lock.owner, lease: lock.lease, token: lock.token, how, index });
  } else {
    letGo(table.acceptor, lock, siblings?.size === 0);
    touch(table, table.acceptor, { lock: lock.lock, index });
  }
  // While the lock was held its record remembered the request; from now on the outcome must, and for a full span.
  remember(table, { requestId: lock.requestId, index, outcome: { type: "grantOver", token: lock.token, how } });
}

/** What the acceptor keeps of a lock counts as new: it is kept for a full span from now. */
function touch({ digest }: Table, acceptor: AcceptorTable, { lock, index }: { lock: string; index: LogIndex }): void {
  const record = acceptor.records.get(lock);
  if (record !== undefined) putRecord(acceptor, digest, { ...record, index });
}

export function putEnded(table: Table, ended: EndedGrant): void {
  table.ended.set(ended.token, ended);
  pushLast(table.endedByAge, ended);
  add(table.digest, endedHash(ended));
}

/** Remembers what came of a request, in place of what was remembered of it before. */
export function remember(table: Table, remembered: RememberedOutcome): void {
  const replaced = table.outcomes.get(remembered.requestId);
  if (replaced !== undefined) {
    subtract(table.digest, outcomeHash(replaced));
    // Deleted first, so that the order of the Map stays the order of age.
    table.outcomes.delete(remembered.requestId);
  }
  table.outcomes.set(remembered.requestId, remembered);
  pushLast(table.outcomesByAge, remembered);
  add(table.digest, outcomeHash(remembered));
}

/** Forgets what came of one request. */
export function forgetOutcome(table: Table, requestId: RequestId): void {
  const outcome = table.outcomes.get(requestId);
  if (outcome === undefined) return;
  table.outcomes.delete(requestId);
  subtract(table.digest, outcomeHash(outcome));
}

/** Forgets every outcome and every ended grant of `through` and before. */
export function forget(table: Table, through: number): void {
  let outcome = takeUpTo(table.outcomesByAge, through);
  while (outcome !== undefined) {
    // A newer record of the same request stays.
    if (table.outcomes.get(outcome.requestId) === outcome) {
      table.outcomes.delete(outcome.requestId);
      subtract(table.digest, outcomeHash(outcome));
    }
    outcome = takeUpTo(table.outcomesByAge, through);
  }
  let ended = takeUpTo(table.endedByAge, through);
  while (ended !== undefined) {
    table.ended.delete(ended.token);
    subtract(table.digest, endedHash(ended));
    ended = takeUpTo(table.endedByAge, through);
  }
  if (table.acceptor !== null) {
    forgetRecords(table.acceptor, table.digest, { through, isHeld: (lock) => table.locks.has(lock) });
  }
}

function takeUpTo<Item extends { readonly index: LogIndex }>(fifo: Fifo<Item>, through: number): Item | undefined {
  const item = oldest(fifo);
  if (item === undefined || item.index > through) return undefined;
  dropOldest(fifo);
  return item;
}

/** Who holds a lock. How long still is the lease actor's to say. */
export const holder = (table: Table, lock: LockRecord): Holder => ({
  owner: lock.owner,
  lease: lock.lease,
  token: lock.token,
  ttl: leaseOf(table, lock).ttl,
  grantedAt: lock.grantedAt,
  remaining: 0 as Millis,
});

export function leaseOf(table: Table, lock: LockRecord): LeaseRecord {
  const lease = table.leases.get(lock.lease);
  invariant(lease !== undefined, "a lock is held by a live lease");
  return lease;
}
