// What accepting a value does to a region's table: the grant is held or ended, its lease's timer starts anew, the next ballot is
// promised to the proposer. Whether a value may be accepted is decided elsewhere.

import {
  type AcceptorRecord,
  type Ballot,
  type FreeValue,
  type GrantValue,
  type Holding,
  type LeaseTerms,
  nextBallot,
  type Reply,
  type Value,
} from "../ballots.ts";
import type { LeaseChange } from "../messages.ts";
import type { Outcome } from "../operations.ts";
import { isImplicit, type LeaseId, type LogIndex, type RequestId } from "../scalars.ts";
import { type AcceptorTable, holdingsText, noteLease, putRecord } from "./acceptor-table.ts";
import { endGrant, forgetOutcome, holder, putLease, putLock, remember, removeLease, type Table } from "./table.ts";

/** Where the entry stands. */
export interface Place {
  readonly table: Table;
  readonly acceptor: AcceptorTable;
  readonly index: LogIndex;
  readonly changes: LeaseChange[];
}

/** Accepts a value, and promises its proposer the next ballot. */
export function take(
  place: Place,
  { lock, ballot, value, requestId }: { lock: string; ballot: Ballot; value: Value; requestId: RequestId | null },
): void {
  const { table, index } = place;
  if (value.type === "grant") holdGrant(place, lock, value);
  else endHeld(place, lock, value, requestId);
  if (requestId !== null && value.type === "free") {
    remember(table, { requestId, index, outcome: { type: "released", token: value.token } });
  }
  if (value.token > table.fencingToken) table.fencingToken = value.token;
  keep(place, { lock, promised: nextBallot(ballot), accepted: ballot, value, index });
}

/** The lease's timer starts anew with every accept; if it had ended here it comes back, without what it held before. */
function holdGrant(place: Place, lock: string, value: GrantValue): void {
  const { table, acceptor, index } = place;
  const { owner, lease, token, grantedAt, requestId } = value;
  keepLease(place, termsOf(value));
  const held = table.locks.get(lock);
  if (held === undefined || held.token !== token || held.requestId !== requestId) {
    if (held !== undefined) endGrant(table, held, { how: "released", index });
    putLock(table, { lock, owner, lease, token, grantedAt, requestId });
    tellHoldings(place, lease);
  }
  noteLease(acceptor, lease);
  const outcome: Outcome = { type: "granted", lease, token, ttl: value.ttl };
  remember(table, { requestId, index, outcome });
}

export const termsOf = ({ lease, owner, ttl }: GrantValue): LeaseTerms => ({ id: lease, owner, ttl });

export function endHeld(
  place: Place,
  lock: string,
  { how, requestId: named }: FreeValue,
  releaser: RequestId | null,
): void {
  const { table, index } = place;
  const held = table.locks.get(lock);
  if (held === undefined) return;
  endGrant(table, held, { how, index });
  // Taken back in its own name: no majority has accepted it or ever will.
  if (releaser === null && named === held.requestId) forgetOutcome(table, named);
  if (isImplicit(held.lease) && !table.locksOf.has(held.lease)) {
    const lease = table.leases.get(held.lease);
    if (lease !== undefined) removeLease(table, lease);
    place.changes.push({ type: "ended", lease: held.lease });
  } else {
    tellHoldings(place, held.lease);
  }
}

const tellHoldings = ({ acceptor, changes }: Place, lease: LeaseId): number =>
  changes.push({ type: "holds", lease, locks: holdingsText(acceptor, lease) });

/** `renewals` is the index: a lease may come back after it has ended, and no expiry of its earlier life must count then. */
export function keepLease({ table, acceptor, index, changes }: Place, { id, owner, ttl }: LeaseTerms): void {
  const isKnown = table.leases.has(id);
  putLease(table, { id, owner, ttl, renewals: index });
  noteLease(acceptor, id);
  changes.push(
    isKnown ? { type: "renewed", lease: id, renewals: index } : { type: "opened", lease: id, ttl, renewals: index },
  );
}

export const keep = ({ acceptor, table }: Place, record: AcceptorRecord): void =>
  putRecord(acceptor, table.digest, record);

/** Answers a proposer's read. */
export function view(table: Table, acceptor: AcceptorTable, lock: string): Reply {
  const record = acceptor.records.get(lock);
  const held = table.locks.get(lock);
  return {
    type: "view",
    accepted: record?.accepted ?? null,
    value: record?.value ?? null,
    live: held !== undefined,
    holder: held === undefined ? null : holder(table, held),
  };
}

/** What a lease holds here. */
export function holdings(table: Table, id: LeaseId): Reply {
  const lease = table.leases.get(id);
  if (lease === undefined) return { type: "holdings", lease: null, locks: [] };
  const locks: Holding[] = [];
  for (const { lock, token } of table.locksOf.get(id) ?? []) locks.push({ lock, token });
  return { type: "holdings", lease: { id, owner: lease.owner, ttl: lease.ttl }, locks };
}
