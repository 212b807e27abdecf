// What a client may ask, and what it may be told: the same words on every interface and on every way through the system.

import type { FencingToken, LeaseId, LogIndex, Millis, NodeId, RequestId, Term, WallTime } from "./scalars.ts";

/** What a client asks for, checked and clamped, independent of the interface that it used. */
export type Operation = Write | Renew | Read;

/** Goes through the log. */
export type Write =
  | {
      readonly type: "openLease";
      readonly owner: string;
      readonly ttl: Millis;
      /** Whatever the client says of itself, for people. */
      readonly metadata?: string;
    }
  /** Ends a lease that a client opened: frees what it holds, and takes its waiters out of their queues. */
  | { readonly type: "endLease"; readonly lease: LeaseId }
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
    }
  | AcquireAll
  /** Ends a grant in all its locks. */
  | { readonly type: "releaseAll"; readonly lease: LeaseId; readonly token: FencingToken }
  /** Whatever `request` has come to is undone: its waiter leaves the queues, its grant is released, and if it comes later it does
   *  nothing. */
  | {
      readonly type: "cancel";
      readonly request: RequestId;
      readonly lease: LeaseId | null;
      /** The lock that it wanted, and in whose name; must be said where there are several regions. */
      readonly lock?: string;
      readonly owner?: string;
      /** Said by somebody else than who made the request: a grant is left alone, since its holder would not know. */
      readonly onlyWaiting?: true;
    }
  /** Changes what a grant says of itself. */
  | {
      readonly type: "proclaim";
      readonly lock: string;
      readonly lease: LeaseId;
      readonly token: FencingToken;
      readonly metadata: string;
    }
  /** Asks those who hold a lock, or one of them, to give it up. */
  | {
      readonly type: "askYield";
      readonly lock: string;
      /** Which grant; null for all. */
      readonly token: FencingToken | null;
      readonly reason: string;
      readonly grace: Millis;
      /** Whether it is taken from them after the grace. */
      readonly force: boolean;
    }
  /** Takes a lock from those who hold it, or from one of them. */
  | {
      readonly type: "forceRelease";
      readonly lock: string;
      /** Which grant; null for all. */
      readonly token: FencingToken | null;
      readonly reason: string;
    };

export type Mode = "exclusive" | "shared" | "semaphore";

/** One of the locks that a request wants. */
export interface Demand {
  readonly lock: string;
  readonly mode: Mode;
  /** How many permits of a semaphore; 1 in the other modes. */
  readonly permits: number;
  /** How many permits the semaphore has; 0 in the other modes. Equal for all who hold it or wait for it at one time. */
  readonly limit: number;
}

/** Takes several locks, all or none; waits for them if it may. */
export interface AcquireAll {
  readonly type: "acquireAll";
  /** At least one; no name twice. */
  readonly demands: readonly Demand[];
  readonly owner: string;
  /** As in `acquire`. Whoever waits does so under a lease that he keeps alive himself. */
  readonly under: { readonly lease: LeaseId } | { readonly ttl: Millis };
  /** Tells requests of one lease that wait independently of each other apart. A node of the wait-for graph is a lease and a
   *  context. */
  readonly context: string;
  /** How long it may wait; 0: not at all. */
  readonly wait: Millis;
  /** 0 to 9; the higher one comes first, FIFO inside one, and whoever waits long enough overtakes. */
  readonly priority: number;
  /** For how long the locks stay unavailable if the grant is lost and not released. */
  readonly delay: Millis;
  /** What the grant says of itself, to whoever looks. */
  readonly metadata: string;
  /** When the request came in, for people. */
  readonly askedAt: WallTime;
}

/** Needs no log entry: the leader's timer is reset, and the answer waits for a confirmation round. */
export type Renew = { readonly type: "renewLease"; readonly lease: LeaseId };

/** Needs no log entry: the answer waits for a confirmation round. */
export type Read = { readonly type: "check"; readonly lock: string } | Look;

/** What only the native interface shows. */
export type Look =
  /** Everything about one lock. `token`: of its holders only this grant; null: all. */
  | { readonly type: "inspect"; readonly lock: string; readonly token: FencingToken | null }
  /** The locks that are held, delayed or waited for, by name. */
  | {
      readonly type: "list";
      readonly prefix: string;
      /** Of this owner alone; of anybody if it is empty. */
      readonly owner: string;
      /** Of this lease alone. */
      readonly lease: LeaseId | null;
      /** Only what was granted before; null: whenever. */
      readonly grantedBefore: WallTime | null;
      /** The page begins behind this name. */
      readonly after: string;
      readonly limit: number;
    }
  /** Who waits for a lock, in their order. */
  | { readonly type: "waiters"; readonly lock: string; readonly after: number; readonly limit: number }
  | { readonly type: "leases"; readonly owner: string; readonly after: LeaseId; readonly limit: number }
  /** Who waits for whom. */
  | { readonly type: "waits"; readonly limit: number };

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

/** A grant, as whoever looks sees it. */
export interface GrantView extends Holder {
  readonly mode: Mode;
  readonly permits: number;
  readonly limit: number;
  readonly context: string;
  readonly delay: Millis;
  readonly metadata: string;
  /** What its holder has been asked to do. */
  readonly yielding: Yielding | null;
}

/** A holder has been asked to give a lock up. */
export interface Yielding {
  readonly reason: string;
  readonly grace: Millis;
  readonly force: boolean;
}

/** A grant that was lost, while its lock-delay lasts. */
export interface DelayView {
  readonly token: FencingToken;
  readonly owner: string;
  readonly how: Ending;
  readonly delay: Millis;
  /** How much of it is left, as of `Holder.remaining`. */
  readonly remaining: Millis;
}

export interface LockView {
  readonly lock: string;
  readonly grants: readonly GrantView[];
  readonly delays: readonly DelayView[];
  /** How many wait for it. */
  readonly queue: number;
}

export interface WaiterView {
  readonly requestId: RequestId;
  readonly owner: string;
  readonly lease: LeaseId;
  readonly context: string;
  readonly demands: readonly Demand[];
  readonly priority: number;
  readonly metadata: string;
  readonly askedAt: WallTime;
  /** From 1. */
  readonly position: number;
  /** When it may be its turn, judged by how long those before took; null if there is nothing to judge by. */
  readonly estimate: Millis | null;
}

export interface LeaseView {
  readonly lease: LeaseId;
  readonly owner: string;
  readonly ttl: Millis;
  readonly remaining: Millis;
  readonly metadata: string;
  /** How many locks it holds, and how many requests wait under it. */
  readonly locks: number;
  readonly waiting: number;
}

/** Somebody of the wait-for graph. */
export interface Party {
  readonly lease: LeaseId;
  readonly context: string;
  readonly owner: string;
}

/** Somebody waits for a lock that somebody else holds, or waits for before him. */
export interface WaitEdge {
  readonly waiter: Party;
  readonly lock: string;
  readonly blocker: Party;
  readonly isHolder: boolean;
}

/** Why a request that may not wait, or does, was not granted: the first lock that it could not have. */
export interface Obstacle {
  readonly lock: string;
  /** Who holds it; null if nobody does: it is delayed, or others wait for it. */
  readonly holder: Holder | null;
  readonly metadata: string;
  /** How much is left of the longest lock-delay; null if it is not delayed. */
  readonly delayed: Millis | null;
  /** The grant whose delay that is. */
  readonly delayedBy: FencingToken | null;
  /** How many wait for it. */
  readonly queue: number;
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
  | { readonly type: "forgotten" }
  /** `acquireAll`: it waits now, in all its queues. Not the last word. */
  | { readonly type: "queued"; readonly position: number; readonly obstacle: Obstacle }
  /** `acquireAll`: somebody is in the way. */
  | { readonly type: "busy"; readonly obstacle: Obstacle }
  /** `acquireAll`: it has waited for as long as it may. */
  | { readonly type: "waitOver" }
  /** `acquireAll`: it was cancelled. */
  | { readonly type: "requestCancelled" }
  /** `acquireAll`: somebody for whom it would wait waits for it. Each waits for the next, and the last for the first. */
  | { readonly type: "deadlock"; readonly cycle: readonly WaitEdge[] }
  /** `acquireAll`: the lock is a semaphore of another size. */
  | { readonly type: "limitDiffers"; readonly lock: string; readonly limit: number }
  /** `acquireAll`: no more can wait in this cluster. */
  | { readonly type: "queueFull"; readonly limit: number }
  /** `cancel`: nothing is left of the request. `token` if a grant was released for it. */
  | { readonly type: "cancelled"; readonly token: FencingToken | null }
  /** `endLease`, with the number of locks that were freed. */
  | { readonly type: "leaseClosed"; readonly locks: number }
  | { readonly type: "proclaimed"; readonly token: FencingToken }
  /** `askYield`: so many holders have been told. */
  | { readonly type: "yieldAsked"; readonly tokens: readonly FencingToken[] }
  | { readonly type: "forced"; readonly tokens: readonly FencingToken[] }
  | { readonly type: "lockSeen"; readonly lock: LockView }
  /** `next` is where the next page begins; null if there is none. */
  | { readonly type: "locksSeen"; readonly locks: readonly LockView[]; readonly next: string | null }
  | { readonly type: "waitersSeen"; readonly waiters: readonly WaiterView[]; readonly total: number }
  | { readonly type: "leasesSeen"; readonly leases: readonly LeaseView[]; readonly next: LeaseId | null }
  | { readonly type: "waitsSeen"; readonly waits: readonly WaitEdge[]; readonly isWhole: boolean };

/** How a grant ended: its holder gave it back, its lease was not renewed, its lease was ended, or it was taken from him. */
export type Ending = "released" | "expired" | "revoked" | "forced";

/** What happened to a lock, as those who watch are told. */
export interface LockEvent {
  /** The entry of the log that did it. All events of one entry are told together, so it says how far a watcher is. */
  readonly revision: LogIndex;
  readonly kind: EventKind;
  readonly lock: string;
  readonly owner: string;
  readonly lease: LeaseId;
  /** 0 for a waiter. */
  readonly token: FencingToken;
  /** `present`, `granted`, `proclaimed`: what the grant says of itself; `forced`, `yieldAsked`: the reason; else empty. */
  readonly text: string;
  /** `delayed`: for how long; `yieldAsked`: the grace. */
  readonly span: Millis;
  /** How many wait for the lock now. */
  readonly queue: number;
}

export type EventKind =
  /** Was so when the watch began. */
  | "present"
  | "granted"
  | "released"
  | "expired"
  | "revoked"
  | "forced"
  /** It stays unavailable for a while; `available` follows. */
  | "delayed"
  | "available"
  | "queued"
  /** Left the queue without a grant. */
  | "unqueued"
  | "proclaimed"
  | "yieldAsked";

/** What a watcher wants to be told. */
export interface WatchWish {
  readonly what: { readonly prefix: string } | { readonly lock: string } | { readonly lease: LeaseId };
  /** What came after this; null: from now on, with what is present first. */
  readonly after: LogIndex | null;
}

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
  | "stopping"
  /** This cluster does not serve the operation: it has several regions. */
  | "unserved";

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
