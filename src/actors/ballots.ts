// The words of locks across regions. Each region is one acceptor: what it has promised and accepted is in its log. The leader
// of any region may be a proposer: it numbers its attempts by ballots, and what a majority of regions has accepted holds.

import type { Ending, Holder, Outcome } from "./operations.ts";
import type {
  FencingToken,
  LeaseId,
  LogIndex,
  Millis,
  NodeId,
  RegionId,
  RequestId,
  Term,
  WallTime,
} from "./scalars.ts";

/** Numbers an attempt at one lock. Ordered by round, then by region; one ballot never stands for two values. */
export interface Ballot {
  readonly round: number;
  readonly region: RegionId;
}

/** Below every ballot. */
export const noBallot: Ballot = { round: 0, region: "" as RegionId };

/** Negative, zero or positive, as `one` is lower than, equal to or higher than `other`. */
export const compareBallots = (one: Ballot, other: Ballot): number =>
  one.round !== other.round
    ? one.round - other.round
    : one.region < other.region
      ? -1
      : one.region > other.region
        ? 1
        : 0;

export const sameBallot = (one: Ballot | null, other: Ballot | null): boolean =>
  one !== null && other !== null && compareBallots(one, other) === 0;

export const higherBallot = (one: Ballot, other: Ballot): Ballot => (compareBallots(one, other) < 0 ? other : one);

/** The ballot that an accept promises to the region that proposed it, so that its next attempt needs one round trip. */
export const nextBallot = ({ round, region }: Ballot): Ballot => ({ round: round + 1, region });

/** A lock held by a lease. */
export interface GrantValue {
  readonly type: "grant";
  readonly owner: string;
  readonly lease: LeaseId;
  readonly ttl: Millis;
  readonly token: FencingToken;
  readonly grantedAt: WallTime;
  /** The request that was granted. */
  readonly requestId: RequestId;
}

/** The end of a grant. */
export interface FreeValue {
  readonly type: "free";
  /** The grant that is over. */
  readonly token: FencingToken;
  readonly how: Ending;
  /** The request that ended it; null if nobody asked: it was abandoned, or found to be over. */
  readonly requestId: RequestId | null;
}

export type Value = GrantValue | FreeValue;

/** What an acceptor keeps of a lock. Immutable: replaced, never changed. */
export interface AcceptorRecord {
  readonly lock: string;
  /** No lower ballot is promised or accepted any more. */
  readonly promised: Ballot;
  readonly accepted: Ballot | null;
  readonly value: Value | null;
  /** The entry that touched it last. */
  readonly index: LogIndex;
}

/** On whose behalf an attempt is made. Whoever has a claim to what is live is let through to it. */
export type Claim =
  | {
      readonly type: "acquire";
      readonly requestId: RequestId;
      readonly owner: string;
      /** The client's own lease that shall hold the lock; null if the grant opens one for itself. */
      readonly lease: LeaseId | null;
    }
  | {
      readonly type: "release";
      readonly requestId: RequestId;
      readonly grant: { readonly lease?: LeaseId; readonly token?: FencingToken; readonly owner?: string };
    }
  /** Nobody's: finds out what became of a grant, and finishes or drops it. */
  | { readonly type: "settle"; readonly token: FencingToken };

/** Names one question of one proposer; an answer repeats it. */
export type AskId = string;

/** What the log of a region says on behalf of a proposer. */
export type RegionCommand =
  /** A proposer's own region: chooses the ballot, and is the first acceptor. */
  | {
      readonly type: "begin";
      readonly ask: AskId;
      readonly lock: string;
      readonly claim: Claim;
      /** As of a write: see there. */
      readonly bornAt: LogIndex;
      /** The ttl of the lease that a grant would open for itself, or of the client's lease. */
      readonly ttl: Millis;
      readonly askedAt: WallTime;
      /** The ballot's round is above this. */
      readonly above: number;
      /** The ballot that this proposer knows a majority to have accepted from it: then one round trip may do. */
      readonly known: Ballot | null;
    }
  | {
      readonly type: "prepare";
      readonly ask: AskId;
      readonly lock: string;
      readonly ballot: Ballot;
      readonly claim: Claim;
    }
  | {
      readonly type: "accept";
      readonly ask: AskId;
      readonly lock: string;
      readonly ballot: Ballot;
      readonly value: Value;
      readonly requestId: RequestId | null;
    }
  /** A proposer's own region: numbers a new lease of a client, and is the first to hold it. */
  | {
      readonly type: "beginLease";
      readonly ask: AskId;
      readonly requestId: RequestId;
      readonly bornAt: LogIndex;
      readonly owner: string;
      readonly ttl: Millis;
    }
  /** Holds a lease; starts its timer anew if it is held already. */
  | { readonly type: "keepLease"; readonly ask: AskId; readonly lease: LeaseTerms }
  /** A proposer's own region remembers what it is about to tell a client. */
  | { readonly type: "conclude"; readonly ask: AskId; readonly requestId: RequestId; readonly outcome: Outcome };

/** What every region must know of a lease. */
export interface LeaseTerms {
  readonly id: LeaseId;
  readonly owner: string;
  readonly ttl: Millis;
}

/** What an acceptor knows of the client's lease that a claim names; null if it names none. */
export type LeaseView =
  | { readonly type: "live"; readonly owner: string; readonly ttl: Millis }
  | { readonly type: "ended" }
  | { readonly type: "unknown" };

/** An acceptor's answer to a ballot. */
export type Promised =
  | {
      readonly type: "promise";
      readonly accepted: Ballot | null;
      readonly value: Value | null;
      /** Whether `value` is a grant that has neither ended nor expired here. */
      readonly live: boolean;
      /** The highest token seen in this region. */
      readonly counter: FencingToken;
      /** Where there is no record: nothing up to here is remembered. */
      readonly floor: Ballot;
      /** What this region remembers of the very request. */
      readonly past: Outcome | null;
      readonly lease: LeaseView | null;
    }
  /** Somebody else holds the lock here: nothing is promised, so asking disturbs no holder. */
  | {
      readonly type: "live";
      readonly accepted: Ballot;
      readonly holder: Holder;
      /** The request that was granted. */
      readonly requestId: RequestId;
      readonly counter: FencingToken;
      readonly lease: LeaseView | null;
    }
  /** Another proposer's ballot is higher. */
  | { readonly type: "overtaken"; readonly promised: Ballot };

/** What came of a question. */
export type Reply =
  | Promised
  /** `begin`: the ballot, and this region's own answer to it. `lease` is the number for a lease that the grant would open. */
  | { readonly type: "begun"; readonly ballot: Ballot; readonly lease: LeaseId | null; readonly own: Promised }
  /** `begin`: this region was promised its next ballot, and has accepted this with it. */
  | { readonly type: "begunAccepted"; readonly ballot: Ballot; readonly value: Value }
  /** `begin`, `beginLease`: nothing is to be done any more. */
  | { readonly type: "concluded"; readonly outcome: Outcome }
  | { readonly type: "accepted"; readonly counter: FencingToken }
  /** `accept`: another grant is live here; or this very one was accepted before, and has ended here since. */
  | { readonly type: "occupied" }
  | { readonly type: "leaseBegun"; readonly lease: LeaseId }
  | { readonly type: "leaseKept" }
  | {
      readonly type: "view";
      readonly accepted: Ballot | null;
      readonly value: Value | null;
      readonly live: boolean;
      readonly holder: Holder | null;
    }
  /** Some of the leases that were asked about; the others follow. */
  | { readonly type: "renewals"; readonly results: readonly RenewalResult[] }
  /** What a lease holds here; `lease` is null if it is not live. */
  | { readonly type: "holdings"; readonly lease: LeaseTerms | null; readonly locks: readonly Holding[] };

/** A lock that a lease holds. */
export interface Holding {
  readonly lock: string;
  readonly token: FencingToken;
}

export interface RenewalResult {
  readonly lease: LeaseId;
  readonly result: "renewed" | "ended" | "unknown";
  /** The lease's ttl; 0 unless it was renewed. */
  readonly ttl: Millis;
  /** A digest of exactly the locks that the lease holds here. */
  readonly locks: string;
}

/** What a proposer asks of another region's leader. */
export type Question =
  | { readonly type: "prepare"; readonly lock: string; readonly ballot: Ballot; readonly claim: Claim }
  | {
      readonly type: "accept";
      readonly lock: string;
      readonly ballot: Ballot;
      readonly value: Value;
      readonly requestId: RequestId | null;
    }
  | { readonly type: "keepLease"; readonly lease: LeaseTerms }
  | { readonly type: "view"; readonly lock: string }
  | { readonly type: "renew"; readonly leases: readonly LeaseId[] }
  | { readonly type: "holdings"; readonly lease: LeaseId };

/** From a node of one region to a node of another. */
export type RegionMessage =
  | { readonly type: "ask"; readonly ask: AskId; readonly question: Question }
  | { readonly type: "reply"; readonly ask: AskId; readonly reply: Reply }
  /** Asks whether this way is open, and who leads at its end. */
  | { readonly type: "ping"; readonly ping: number }
  | { readonly type: "pong"; readonly ping: number; readonly leads: Term | null }
  /** Told to every node of the other regions by a node that has come to lead its own, or that leads no longer. */
  | { readonly type: "leads"; readonly leads: Term | null };

/** A node of another region. */
export interface RemoteNode {
  readonly region: RegionId;
  readonly node: NodeId;
}

/** How another region is seen from this node. */
export interface RegionView {
  readonly region: RegionId;
  /** Whether a node there that leads can be spoken to. */
  readonly reachable: boolean;
  readonly leader: NodeId | null;
  /** The last round trip; null before the first. */
  readonly roundTrip: Millis | null;
  /** How long ago anything was heard from there; null if nothing ever was. */
  readonly silence: Millis | null;
}
