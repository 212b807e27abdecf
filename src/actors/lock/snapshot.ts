// The lock table as slices: taken apart for storage, put together from storage. Records are immutable, so copying the
// references captures the table at one moment; the slices are made from the copies while the table goes on.

import { type AcceptorRecord, noBallot } from "../ballots.ts";
import { invariant } from "../invariant.ts";
import type {
  DelayRecord,
  EndedGrant,
  LeaseRecord,
  LockRecord,
  RememberedOutcome,
  SnapshotCounters,
  SnapshotPosition,
  SnapshotSlice,
  WaiterRecord,
} from "../messages.ts";
import { type AcceptorTable, putRecord } from "./acceptor-table.ts";
import { putDelay, putWaiter } from "./queue-table.ts";
import { emptyTable, putEnded, putLease, putLock, remember, type Table } from "./table.ts";

/** The table as it was at `position`, and how much of it has been made into slices. */
export interface Capture {
  readonly position: SnapshotPosition;
  readonly counters: SnapshotCounters;
  readonly leases: readonly LeaseRecord[];
  readonly locks: readonly LockRecord[];
  readonly outcomes: readonly RememberedOutcome[];
  readonly ended: readonly EndedGrant[];
  readonly acceptors: readonly AcceptorRecord[];
  readonly waiters: readonly WaiterRecord[];
  readonly delays: readonly DelayRecord[];
  slices: number;
  records: number;
}

/** A table under construction. The derived parts follow when the last slice is there. */
export interface Restoration {
  readonly position: SnapshotPosition;
  readonly table: Table;
  readonly locks: LockRecord[];
  readonly outcomes: RememberedOutcome[];
  readonly ended: EndedGrant[];
  readonly acceptors: AcceptorRecord[];
  readonly delays: DelayRecord[];
  slices: number;
}

export const capture = (table: Table): Capture => ({
  position: { index: table.index, term: table.term },
  counters: countersOf(table),
  leases: [...table.leases.values()],
  locks: [...table.locks.values(), ...[...table.sharers.values()].flat()],
  outcomes: [...table.outcomes.values()],
  ended: [...table.ended.values()],
  acceptors: [...(table.acceptor?.records.values() ?? [])],
  waiters: [...table.waiters.values()],
  delays: [...table.delays.values()].flat(),
  slices: 0,
  records: 0,
});

const countersOf = ({ fencingToken, leaseId, acceptor }: Table): SnapshotCounters => ({
  fencingToken,
  leaseId,
  round: acceptor?.round ?? 0,
  floor: acceptor?.floor ?? noBallot,
  leaseNumbers: [...(acceptor?.leaseNumbers ?? [])],
});

/** The next `recordsMax` records: leases first, then locks, outcomes, ended grants, what was accepted, waiters and delays. */
export function nextSlice(capture: Capture, recordsMax: number): SnapshotSlice {
  const from = capture.records;
  const to = from + recordsMax;
  let before = 0;
  const part = <Item>(records: readonly Item[]): readonly Item[] => {
    const slice = records.slice(Math.max(from - before, 0), Math.max(to - before, 0));
    before += records.length;
    return slice;
  };
  const slice = {
    position: capture.position,
    slice: capture.slices,
    counters: capture.counters,
    leases: part(capture.leases),
    locks: part(capture.locks),
    outcomes: part(capture.outcomes),
    ended: part(capture.ended),
    acceptors: part(capture.acceptors),
    waiters: part(capture.waiters),
    delays: part(capture.delays),
    last: to >= before,
  };
  capture.slices += 1;
  capture.records = to;
  return slice;
}

/** Takes a slice in; the first of a snapshot starts anew, whatever was under way before. */
export function addSlice(
  current: Restoration | null,
  slice: SnapshotSlice,
  acceptor: AcceptorTable | null = null,
): Restoration {
  const restoration = slice.slice === 0 ? beginRestoration(slice, acceptor) : current;
  invariant(restoration !== null && restoration.slices === slice.slice, "slices of a snapshot come in their order");
  invariant(restoration.position.index === slice.position.index, "slices of two snapshots are not mixed");
  for (const lease of slice.leases) putLease(restoration.table, lease);
  // One by one: a slice may be longer than the arguments of a call.
  for (const lock of slice.locks) restoration.locks.push(lock);
  for (const outcome of slice.outcomes) restoration.outcomes.push(outcome);
  for (const ended of slice.ended) restoration.ended.push(ended);
  for (const record of slice.acceptors) restoration.acceptors.push(record);
  for (const waiter of slice.waiters) putWaiter(restoration.table, waiter);
  for (const delay of slice.delays) restoration.delays.push(delay);
  restoration.slices += 1;
  return restoration;
}

function beginRestoration({ position, counters }: SnapshotSlice, acceptor: AcceptorTable | null): Restoration {
  const table = emptyTable(acceptor);
  if (acceptor !== null) {
    acceptor.round = counters.round;
    acceptor.floor = counters.floor;
    for (const [place, count] of counters.leaseNumbers.entries()) acceptor.leaseNumbers[place] = count;
  }
  table.index = position.index;
  table.term = position.term;
  table.fencingToken = counters.fencingToken;
  table.leaseId = counters.leaseId;
  return { position, table, locks: [], outcomes: [], ended: [], acceptors: [], delays: [], slices: 0 };
}

/** The whole table, once the last slice is in. Its queues are sorted again, whatever order the records came in. */
export function finishRestoration({ table, locks, outcomes, ended, acceptors, delays }: Restoration): Table {
  for (const lock of locks.sort((a, b) => a.token - b.token)) putLock(table, lock);
  for (const outcome of outcomes.sort((a, b) => a.index - b.index)) remember(table, outcome);
  for (const grant of ended.sort((a, b) => a.index - b.index)) putEnded(table, grant);
  for (const delay of delays.sort((a, b) => a.token - b.token)) putDelay(table, delay);
  const { acceptor, digest } = table;
  if (acceptor !== null)
    for (const record of acceptors.sort((a, b) => a.index - b.index)) putRecord(acceptor, digest, record);
  return table;
}
