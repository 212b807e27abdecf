// The lock table: leases, held locks, and what is remembered of the past. Its records are immutable and replaced, never
// changed in place, so that a snapshot is captured by copying arrays of references. Every change goes through the functions
// of this file, which keep the derived index, the queues by age and the digest in step. No rule of locking stands here.

import { invariant } from "../invariant.ts";
import type { DelayRecord, EndedGrant, LeaseRecord, LockRecord, RememberedOutcome, WaiterRecord } from "../messages.ts";
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

/** A lease, and a context within it. */
export type PartyKey = string;

export const partyKey = ({ lease, context }: { readonly lease: LeaseId; readonly context: string }): PartyKey =>
  `${lease} ${context}`;

/** What is replicated: equal on every replica that has applied the same entries. */
export interface Table {
  /** Live leases. */
  readonly leases: Map<LeaseId, LeaseRecord>;
  /** Held locks, each with the oldest of its grants. */
  readonly locks: Map<string, LockRecord>;
  /** The other grants of locks that several hold, the oldest first. */
  readonly sharers: Map<string, LockRecord[]>;
  /** How many permits those other grants have. Derived. */
  readonly permitsOfSharers: Map<string, number>;
  /** What each lease that holds anything holds. Derived. */
  readonly locksOf: Map<LeaseId, Set<LockRecord>>;
  /** The locks of every grant, by its token. Derived; empty where there are several regions, whose tokens are each lock's own. */
  readonly grants: Map<FencingToken, LockRecord[]>;
  /** Which grant came of a request, where several can hold a lock: it would be long to find among them. Derived. */
  readonly grantsBy: Map<RequestId, FencingToken>;
  readonly waiters: Map<RequestId, WaiterRecord>;
  /** Those who wait for a lock, in their order. Derived. */
  readonly queues: Map<string, WaiterRecord[]>;
  /** Those who wait under a lease. Derived. */
  readonly waitersOf: Map<LeaseId, Set<WaiterRecord>>;
  /** Those who wait as one party of the wait-for graph, and what such a party holds if it has a name. Derived. */
  readonly waitersBy: Map<PartyKey, Set<WaiterRecord>>;
  readonly locksBy: Map<PartyKey, Set<LockRecord>>;
  /** The lock-delays of each lock that has any. */
  readonly delays: Map<string, DelayRecord[]>;
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
  sharers: new Map(),
  permitsOfSharers: new Map(),
  locksOf: new Map(),
  grants: new Map(),
  grantsBy: new Map(),
  waiters: new Map(),
  queues: new Map(),
  waitersOf: new Map(),
  waitersBy: new Map(),
  locksBy: new Map(),
  delays: new Map(),
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

/** Adds a grant of a lock. Where several hold it, the later ones have the higher tokens. */
export function putLock(table: Table, lock: LockRecord): void {
  invariant(table.leases.has(lock.lease), "a lock is held by a live lease");
  if (table.locks.has(lock.lock)) {
    invariant(isShareable(lock), "a lock that is held exclusively has one holder");
    addTo(table.sharers, lock.lock, lock);
    countPermits(table, lock, 1);
  } else {
    table.locks.set(lock.lock, lock);
  }
  add(table.digest, lockHash(lock));
  addAmong(table.locksOf, lock.lease, lock);
  const party = namedParty(lock);
  if (party !== null) addAmong(table.locksBy, party, lock);
  if (isShareable(lock)) table.grantsBy.set(lock.requestId, lock.token);
  if (table.acceptor === null) addTo(table.grants, lock.token, lock);
  else hold(table.acceptor, lock);
}

const isShareable = ({ terms }: LockRecord): boolean => terms !== undefined && terms.mode !== "exclusive";

/** Most grants have no context, and whoever holds them is found by his lease. */
const namedParty = ({ lease, terms }: LockRecord): PartyKey | null =>
  terms === undefined || terms.context === "" ? null : partyKey({ lease, context: terms.context });

export function addAmong<Key, Item>(groups: Map<Key, Set<Item>>, key: Key, item: Item): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, new Set([item]));
  else group.add(item);
}

export function removeFrom<Key, Item>(groups: Map<Key, Set<Item>>, key: Key, item: Item): void {
  const group = groups.get(key);
  group?.delete(item);
  if (group?.size === 0) groups.delete(key);
}

export function addTo<Key, Item>(lists: Map<Key, Item[]>, key: Key, item: Item): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}

/** All grants of a lock, the oldest first. */
export function holdersOf({ locks, sharers }: Table, lock: string): readonly LockRecord[] {
  const first = locks.get(lock);
  if (first === undefined) return nobody;
  const others = sharers.get(lock);
  return others === undefined ? [first] : [first, ...others];
}

const nobody: readonly LockRecord[] = [];

/** The grant of this lock that came of a request, if it holds still. */
export function grantOfRequest(table: Table, lock: string, requestId: RequestId): LockRecord | undefined {
  const first = table.locks.get(lock);
  if (first === undefined || first.requestId === requestId || !isShareable(first)) {
    return first?.requestId === requestId ? first : undefined;
  }
  const token = table.grantsBy.get(requestId);
  return token === undefined ? undefined : table.grants.get(token)?.find((record) => record.lock === lock);
}

/** Puts a record in the place of another of the same grant and lock. */
export function replaceLock(table: Table, former: LockRecord, latter: LockRecord): void {
  const { lock, lease, token } = former;
  if (table.locks.get(lock) === former) table.locks.set(lock, latter);
  const lists = [table.sharers.get(lock), table.grants.get(token)];
  for (const list of lists) {
    const place = list?.indexOf(former) ?? -1;
    if (place >= 0) list?.splice(place, 1, latter);
  }
  const party = namedParty(latter);
  const groups = [table.locksOf.get(lease), party === null ? undefined : table.locksBy.get(party)];
  for (const group of groups) {
    group?.delete(former);
    group?.add(latter);
  }
  subtract(table.digest, lockHash(former));
  add(table.digest, lockHash(latter));
}

/** Ends a grant in all its locks, and remembers how it ended. Where there are several regions each lock is a grant of its own. */
export function endGrant(table: Table, lock: LockRecord, { how, index }: { how: Ending; index: LogIndex }): void {
  const locks = locksOfGrant(table, lock);
  for (const each of locks) dropLock(table, each);
  if (table.acceptor === null) {
    table.grants.delete(lock.token);
    putEnded(table, {
      lock: (locks[0] ?? lock).lock,
      owner: lock.owner,
      lease: lock.lease,
      token: lock.token,
      how,
      index,
    });
  } else {
    letGo(table.acceptor, lock, !table.locksOf.has(lock.lease));
    touch(table, table.acceptor, { lock: lock.lock, index });
  }
  // While the lock was held its record remembered the request; from now on the outcome must, and for a full span.
  remember(table, { requestId: lock.requestId, index, outcome: { type: "grantOver", token: lock.token, how } });
}

/** By name: the order in which they came to stand in the table is not one that a snapshot restores. */
export function locksOfGrant(table: Table, lock: LockRecord): readonly LockRecord[] {
  const locks = table.grants.get(lock.token);
  if (locks === undefined || locks.length === 1) return locks ?? [lock];
  return [...locks].sort((one, other) => (one.lock < other.lock ? -1 : 1));
}

function dropLock(table: Table, lock: LockRecord): void {
  const others = table.sharers.get(lock.lock);
  if (table.locks.get(lock.lock) === lock) {
    const next = others?.shift();
    if (next === undefined) table.locks.delete(lock.lock);
    else table.locks.set(lock.lock, next);
    if (next !== undefined) countPermits(table, next, -1);
  } else {
    others?.splice(others.indexOf(lock), 1);
    countPermits(table, lock, -1);
  }
  if (others?.length === 0) table.sharers.delete(lock.lock);
  subtract(table.digest, lockHash(lock));
  removeFrom(table.locksOf, lock.lease, lock);
  const party = namedParty(lock);
  if (party !== null) removeFrom(table.locksBy, party, lock);
  table.grantsBy.delete(lock.requestId);
}

function countPermits({ permitsOfSharers }: Table, { lock, terms }: LockRecord, sign: 1 | -1): void {
  const permits = (permitsOfSharers.get(lock) ?? 0) + sign * (terms?.permits ?? 1);
  if (permits === 0) permitsOfSharers.delete(lock);
  else permitsOfSharers.set(lock, permits);
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
