// What the lock table is made of, as it stands in memory, in snapshots and on the way to a member that has fallen behind. Records
// are plain and immutable: replaced, never changed.

import type { AcceptorRecord, Ballot } from "./ballots.ts";
import type { Demand, Ending, Mode, Outcome, Yielding } from "./operations.ts";
import type { FencingToken, LeaseId, LogIndex, Millis, RequestId, Term, WallTime } from "./scalars.ts";

/** A lease, as it stands in the lock table. */
export interface LeaseRecord {
  readonly id: LeaseId;
  readonly owner: string;
  readonly ttl: Millis;
  /** How often it was renewed through the log. */
  readonly renewals: number;
  /** What its owner says of itself; absent if nothing. */
  readonly metadata?: string;
}

/** A held lock, as it stands in the lock table. */
export interface LockRecord {
  readonly lock: string;
  readonly owner: string;
  readonly lease: LeaseId;
  readonly token: FencingToken;
  readonly grantedAt: WallTime;
  /** The request that was granted. Several locks that were granted together have the same request and the same token. */
  readonly requestId: RequestId;
  /** Absent from what is held in the simplest way: exclusively, without a delay, with nothing said of it. */
  readonly terms?: GrantTerms;
}

/** How a lock is held. */
export interface GrantTerms {
  readonly mode: Mode;
  readonly permits: number;
  readonly limit: number;
  readonly context: string;
  /** For how long the lock stays unavailable if the grant is lost. */
  readonly delay: Millis;
  readonly metadata: string;
  readonly yielding: Yielding | null;
}

/** Somebody who waits. */
export interface WaiterRecord {
  readonly requestId: RequestId;
  readonly owner: string;
  readonly lease: LeaseId;
  readonly context: string;
  readonly demands: readonly Demand[];
  /** For how long at most. */
  readonly wait: Millis;
  readonly priority: number;
  readonly delay: Millis;
  readonly metadata: string;
  readonly askedAt: WallTime;
  /** The entry that queued it. */
  readonly index: LogIndex;
}

/** A grant that was lost, and whose lock is not to be had for a while. */
export interface DelayRecord {
  readonly lock: string;
  readonly token: FencingToken;
  readonly owner: string;
  readonly lease: LeaseId;
  readonly mode: Mode;
  readonly permits: number;
  readonly limit: number;
  readonly delay: Millis;
  readonly how: Ending;
}

/** What came of a write, kept until `index` is too long ago. */
export interface RememberedOutcome {
  readonly requestId: RequestId;
  readonly index: LogIndex;
  readonly outcome: Outcome;
}

/** A grant that is over, kept until `index` is too long ago. */
export interface EndedGrant {
  readonly lock: string;
  readonly owner: string;
  readonly lease: LeaseId;
  readonly token: FencingToken;
  readonly how: Ending;
  readonly index: LogIndex;
}

/** The numbers of the lock table. The last three count only where there are several regions. */
export interface SnapshotCounters {
  readonly fencingToken: FencingToken;
  readonly leaseId: LeaseId;
  /** The highest round of a ballot that this region has chosen or seen. */
  readonly round: number;
  /** Of locks that have no record, nothing up to here is remembered. */
  readonly floor: Ballot;
  /** How many leases each region is known to have numbered, in the order of the regions. */
  readonly leaseNumbers: readonly number[];
}

/** A slice of the lock table. Slices in their order, records in theirs, are the whole of it. */
export interface SnapshotSlice {
  readonly position: SnapshotPosition;
  readonly slice: number;
  readonly last: boolean;
  readonly counters: SnapshotCounters;
  readonly leases: readonly LeaseRecord[];
  readonly locks: readonly LockRecord[];
  readonly outcomes: readonly RememberedOutcome[];
  readonly ended: readonly EndedGrant[];
  readonly acceptors: readonly AcceptorRecord[];
  readonly waiters: readonly WaiterRecord[];
  readonly delays: readonly DelayRecord[];
}

/** The last entry that a snapshot contains. */
export interface SnapshotPosition {
  readonly index: LogIndex;
  readonly term: Term;
}
