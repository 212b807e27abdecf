// What a client may ask, and what it may be told: the same words on every interface and on every way through the system.

import type { FencingToken, LeaseId, Millis, NodeId, Term, WallTime } from "./scalars.ts";

/** What a client asks for, checked and clamped, independent of the interface that it used. */
export type Operation = Write | Renew | Read;

/** Goes through the log. */
export type Write =
  | { readonly type: "openLease"; readonly owner: string; readonly ttl: Millis }
  | {
      readonly type: "acquire";
      readonly lock: string;
      readonly owner: string;
      /** The lease that shall hold the lock: one that the client opened, or an implicit one with this ttl. */
      readonly under: { readonly lease: LeaseId } | { readonly ttl: Millis };
      /** When the request came in, for people. */
      readonly askedAt: WallTime;
    }
  | {
      readonly type: "release";
      readonly lock: string;
      /** What the client knows of the grant it ends. Whatever is given must fit; at least `lease` or `token` is given. */
      readonly grant: { readonly lease?: LeaseId; readonly token?: FencingToken; readonly owner?: string };
    };

/** Needs no log entry: the leader's timer is reset, and the answer waits for a confirmation round. */
export type Renew = { readonly type: "renewLease"; readonly lease: LeaseId };

/** Needs no log entry: the answer waits for a confirmation round. */
export type Read = { readonly type: "check"; readonly lock: string };

/** Who holds a lock. */
export interface Holder {
  readonly owner: string;
  readonly lease: LeaseId;
  readonly token: FencingToken;
  readonly ttl: Millis;
  /** When it was granted, for people. */
  readonly grantedAt: WallTime;
  /** How long the lease will last if it is not renewed. Filled in by the leader's lease actor; 0 until then. */
  readonly remaining: Millis;
}

/** What came of an operation. An outcome is a value, never an error. */
export type Outcome =
  | { readonly type: "leaseOpened"; readonly lease: LeaseId; readonly ttl: Millis }
  | { readonly type: "leaseRenewed"; readonly lease: LeaseId; readonly ttl: Millis }
  | { readonly type: "granted"; readonly lease: LeaseId; readonly token: FencingToken; readonly ttl: Millis }
  | { readonly type: "released"; readonly token: FencingToken }
  /** `check`: somebody holds the lock. */
  | { readonly type: "locked"; readonly holder: Holder }
  /** `check`: nobody holds the lock. */
  | { readonly type: "free" }
  /** `acquire`: somebody else, or another lease of the same owner, holds the lock. */
  | { readonly type: "held"; readonly holder: Holder }
  /** A repeat of a request whose grant has ended since. It is never granted again. */
  | { readonly type: "grantOver"; readonly token: FencingToken; readonly how: Ending }
  /** No lease ever had this number. */
  | { readonly type: "leaseUnknown"; readonly lease: LeaseId }
  /** The lease has expired or was given up. */
  | { readonly type: "leaseEnded"; readonly lease: LeaseId }
  /** The lease belongs to `owner`, not to the one who asked. */
  | { readonly type: "leaseOfAnother"; readonly owner: string }
  /** `release`: nobody holds the lock, and the grant named is not known to have expired. */
  | { readonly type: "notHeld" }
  /** `release`: nobody holds the lock; the grant named has expired. */
  | { readonly type: "grantExpired" }
  /** `release`: another grant than the one named holds the lock. */
  | { readonly type: "staleToken"; readonly holder: Holder }
  /** `release`: the lock is held under another lease. */
  | { readonly type: "heldByAnotherLease"; readonly holder: Holder }
  /** `release`: the grant named is another owner's. */
  | { readonly type: "heldByAnotherOwner"; readonly holder: Holder }
  /** A repeat so late that what became of the request is no longer remembered. Nothing was done. */
  | { readonly type: "forgotten" };

/** How a grant ended. */
export type Ending = "released" | "expired";

/** Why the service did not even try, or cannot say what came of it. */
export type Refusal =
  /** No leader could be reached in time; nothing was done. */
  | "no-leader"
  /** The request was handed to a leader, and what came of it was not learned in time. */
  | "unknown-outcome"
  /** Too many requests, or too many bytes, are under way. */
  | "overloaded"
  /** The disk is nearly full: nothing new is begun, what is held can be renewed and released. */
  | "disk-full"
  /** No majority of regions could be reached in time; nothing was granted. */
  | "no-quorum"
  /** This node is stopping. */
  | "stopping";

export type Answer = Outcome | { readonly type: "refused"; readonly refusal: Refusal };

/** How this node sees its group, for status calls and readiness. */
export interface Standing {
  readonly role: "leader" | "follower" | "candidate";
  readonly term: Term;
  /** The leader if one is known; this node itself included. */
  readonly leader: NodeId | null;
  /** Where the leader serves its clients, if known: "host:port". */
  readonly leaderAddress: string | null;
  /** Whether the leader is this node or one that this node has a connection to. */
  readonly leaderReachable: boolean;
}

/** How much the lock table of one node holds. */
export interface Counts {
  readonly leases: number;
  readonly locks: number;
  readonly fencingCounter: FencingToken;
}
