// What a region keeps as an acceptor, beside its lock table: of every lock what was promised and accepted, a floor for those it
// has forgotten, and the numbers it draws from. Empty and untouched where there is one region. No rule stands here.

import { type AcceptorRecord, type Ballot, compareBallots, higherBallot, noBallot } from "../ballots.ts";
import type { LockRecord } from "../messages.ts";
import type { LeaseId, RegionId } from "../scalars.ts";
import { regionalNumber } from "../scalars.ts";
import { acceptorHash, add, type Digest, emptyDigest, lockHash, subtract } from "./digest.ts";
import { dropOldest, emptyFifo, type Fifo, oldest, pushLast } from "./fifo.ts";

export interface AcceptorTable {
  readonly region: RegionId;
  /** Which of the regions this is, from 0. */
  readonly place: number;
  readonly records: Map<string, AcceptorRecord>;
  /** May hold records that `records` has replaced since. */
  readonly byAge: Fifo<AcceptorRecord>;
  /** Of locks that have no record, nothing up to here is remembered. Never falls. */
  floor: Ballot;
  /** The highest round that this region has chosen or seen. Never falls. */
  round: number;
  /** How many leases each region is known to have numbered. */
  readonly leaseNumbers: number[];
  /** Of the locks of every lease that holds any. Derived. */
  readonly holdings: Map<LeaseId, Digest>;
}

export const emptyAcceptorTable = (region: RegionId, regions: readonly RegionId[]): AcceptorTable => ({
  region,
  place: regions.indexOf(region),
  records: new Map(),
  byAge: emptyFifo(),
  floor: noBallot,
  round: 0,
  leaseNumbers: regions.map(() => 0),
  holdings: new Map(),
});

/** The ballot below which nothing is promised any more for `lock`. */
export const promisedFor = (acceptor: AcceptorTable, lock: string): Ballot =>
  acceptor.records.get(lock)?.promised ?? acceptor.floor;

/** Adds a record, or replaces the one of the same lock. `digest` is the whole table's. */
export function putRecord(acceptor: AcceptorTable, digest: Digest, record: AcceptorRecord): void {
  const replaced = acceptor.records.get(record.lock);
  if (replaced !== undefined) subtract(digest, acceptorHash(replaced));
  acceptor.records.set(record.lock, record);
  pushLast(acceptor.byAge, record);
  add(digest, acceptorHash(record));
  if (record.promised.round > acceptor.round) acceptor.round = record.promised.round;
}

/** Forgets every record that has not been touched after `through` and is not of a held lock. The floor takes their place. */
export function forgetRecords(
  acceptor: AcceptorTable,
  digest: Digest,
  { through, isHeld }: { readonly through: number; readonly isHeld: (lock: string) => boolean },
): void {
  for (;;) {
    const record = oldest(acceptor.byAge);
    if (record === undefined || record.index > through) return;
    dropOldest(acceptor.byAge);
    // A newer record of the same lock stays; a held one comes again when the lock is free.
    if (acceptor.records.get(record.lock) !== record || isHeld(record.lock)) continue;
    acceptor.records.delete(record.lock);
    subtract(digest, acceptorHash(record));
    acceptor.floor = higherBallot(acceptor.floor, record.promised);
  }
}

/** Notes that a lease of this number exists. */
export function noteLease({ leaseNumbers }: AcceptorTable, lease: LeaseId): void {
  const { count, place } = regionalNumber(lease);
  if (count > (leaseNumbers[place] ?? Number.POSITIVE_INFINITY)) leaseNumbers[place] = count;
}

/** The next count of this region's own. */
export function takeLeaseCount({ leaseNumbers, place }: AcceptorTable): number {
  const count = (leaseNumbers[place] as number) + 1;
  leaseNumbers[place] = count;
  return count;
}

export const isNumbered = ({ leaseNumbers }: AcceptorTable, lease: LeaseId): boolean => {
  const { count, place } = regionalNumber(lease);
  return count >= 1 && count <= (leaseNumbers[place] ?? 0);
};

export function hold({ holdings }: AcceptorTable, lock: LockRecord): void {
  const digest = holdings.get(lock.lease) ?? emptyDigest();
  holdings.set(lock.lease, digest);
  add(digest, lockHash(lock));
}

/** `isLast` if the lease holds nothing any more. */
export function letGo({ holdings }: AcceptorTable, lock: LockRecord, isLast: boolean): void {
  const digest = holdings.get(lock.lease);
  if (isLast) holdings.delete(lock.lease);
  else if (digest !== undefined) subtract(digest, lockHash(lock));
}

/** A digest of exactly the locks that a lease holds, equal in all regions in which it holds the same grants. */
export function holdingsText({ holdings }: AcceptorTable, lease: LeaseId): string {
  const digest = holdings.get(lease);
  return digest === undefined ? "" : `${digest.first.toString(36)},${digest.second.toString(36)}`;
}

/** The counters in the order in which the digest of the table takes them. */
export const countersOf = ({ round, floor, leaseNumbers }: AcceptorTable): readonly number[] => [
  round,
  floor.round,
  ...leaseNumbers,
];

export const isForgotten = (acceptor: AcceptorTable, lock: string, ballot: Ballot): boolean =>
  !acceptor.records.has(lock) && compareBallots(ballot, acceptor.floor) <= 0;
