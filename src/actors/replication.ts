// The words of replication: what an entry of the log says, what a node keeps of its log, and what the members of a Raft group say to
// each other.

import type { RegionCommand } from "./ballots.ts";
import type { Write } from "./operations.ts";
import type { SnapshotPosition } from "./records.ts";
import type { LeaseId, LogIndex, NodeId, RequestId, Term } from "./scalars.ts";

/** What an entry of the log says. A kind that a node does not know stops that node: it must not be skipped. */
export type Command =
  /** The first entry of every term (Raft §8 in the paper, §6.4 in the thesis). */
  | { readonly type: "noop" }
  | {
      readonly type: "write";
      readonly requestId: RequestId;
      /** The highest index that the first gateway knew to be committed when the request came in. A request that was born
       *  longer ago than outcomes are remembered is not done: it may have been done before. */
      readonly bornAt: LogIndex;
      readonly write: Write;
    }
  /** Ends a lease that was overdue on the leader of `term`. Counts only in that term and only if the lease has not been
   *  renewed through the log since, so that `renewals` is still its count. */
  | { readonly type: "expire"; readonly lease: LeaseId; readonly renewals: number; readonly term: Term }
  /** A span is over that the table has asked the lease actor to time. Counts only in that term, and if the alarm is still set. */
  | { readonly type: "alarm"; readonly alarm: AlarmId; readonly term: Term }
  /** On behalf of a proposer, where there are several regions; there are no writes then. */
  | RegionCommand;

/** Names something that the lock table wants to be told after a span: a waiter's time, a lock-delay, a grace. */
export type AlarmId = string;

export interface Entry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly command: Command;
}

/** What a node must remember to vote once per term (Raft §5.2, thesis §3.4). */
export interface HardState {
  readonly term: Term;
  readonly votedFor: NodeId | null;
}

/** A part of a snapshot as it is stored and sent: bytes that only the snapshot codec understands. */
export interface SnapshotChunk {
  readonly position: SnapshotPosition;
  /** Which of `chunks` this is, from 0. */
  readonly chunk: number;
  readonly chunks: number;
  readonly bytes: Uint8Array;
  /** CRC-32 of `bytes`. */
  readonly checksum: number;
}

// Between members, by way of peers.

export type RaftMessage =
  | {
      readonly type: "preVoteRequest";
      /** The term that the candidate would campaign in; its own is one less. */
      readonly term: Term;
      readonly lastIndex: LogIndex;
      readonly lastTerm: Term;
    }
  | { readonly type: "preVoteResponse"; readonly term: Term; readonly granted: boolean }
  | {
      readonly type: "voteRequest";
      readonly term: Term;
      readonly lastIndex: LogIndex;
      readonly lastTerm: Term;
      /** The leader asked for this election itself: voters need not wait until they miss it (thesis §3.10). */
      readonly transfer: boolean;
    }
  | { readonly type: "voteResponse"; readonly term: Term; readonly granted: boolean }
  | {
      readonly type: "appendRequest";
      readonly term: Term;
      readonly previousIndex: LogIndex;
      readonly previousTerm: Term;
      readonly entries: readonly Entry[];
      readonly commitIndex: LogIndex;
      /** Counts the leader's confirmation rounds; an answer repeats it. */
      readonly round: number;
      /** A digest of the leader's lock table, for comparison. */
      readonly digest: StateDigest | null;
    }
  | {
      readonly type: "appendResponse";
      readonly term: Term;
      readonly round: number;
      /** Success: the log agrees with the leader's, durably, up to here. */
      readonly matchIndex: LogIndex | null;
      /** Failure: the term that conflicts at `previousIndex` (0 if the log is too short) and the first index of that term
       *  (or the end of the log), thesis §3.5. */
      readonly conflictTerm: Term;
      readonly conflictIndex: LogIndex;
    }
  | { readonly type: "snapshotRequest"; readonly term: Term; readonly chunk: SnapshotChunk }
  | {
      readonly type: "snapshotResponse";
      readonly term: Term;
      readonly position: SnapshotPosition;
      /** The chunk wanted next; equal to the number of chunks once the snapshot is installed. */
      readonly next: number;
      readonly installed: boolean;
    }
  /** Start an election at once (thesis §3.10). Counts only in `term` and only if the log ends at `lastIndex`. */
  | { readonly type: "timeoutNow"; readonly term: Term; readonly lastIndex: LogIndex };

/** What the lock table was after applying `index`: equal on every replica, or a replica is broken. */
export interface StateDigest {
  readonly index: LogIndex;
  readonly digest: string;
}
