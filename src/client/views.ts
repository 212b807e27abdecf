// What the SDK tells of locks, leases, waiters and events. Numbers are plain numbers, spans are milliseconds, moments are
// Dates for people: nothing may be decided by them.

/** How a lock is held. */
export type Mode = "exclusive" | "shared" | "semaphore";

/** How a grant ended. */
export type Ending = "released" | "expired" | "revoked" | "forced";

/** One lock that a request wants. */
export interface Demand {
  readonly lock: string;
  readonly mode: Mode;
  /** `semaphore`: how many permits; else 1. */
  readonly permits: number;
  /** `semaphore`: how many permits there are; else 0. */
  readonly limit: number;
}

/** A holder has been asked to give a lock up. */
export interface Yielding {
  readonly reason: string;
  readonly graceMs: number;
  /** Whether the lock is taken from the holder after the grace. */
  readonly force: boolean;
}

/** Somebody asks the holder of a lock to give it up. */
export interface YieldAsked {
  /** Which, of several that were granted together. */
  readonly lock: string;
  readonly reason: string;
  /** How long it is given. */
  readonly graceMs: number;
}

/** Who holds a lock, and how. */
export interface Holder {
  readonly owner: string;
  readonly leaseId: number;
  readonly token: number;
  readonly grantedAt: Date;
  /** How long the lease lasts if it is not renewed. */
  readonly remainingMs: number;
  readonly ttlMs: number;
  readonly mode: Mode;
  readonly permits: number;
  readonly metadata: string;
  readonly context: string;
  readonly lockDelayMs: number;
  /** Null if its holder has not been asked to give the lock up. */
  readonly yielding: Yielding | null;
}

/** Who is in the way of a request: what the service says of a holder when it refuses. `check` says the rest. */
export type Blocker = Pick<Holder, "owner" | "leaseId" | "token" | "grantedAt" | "remainingMs" | "ttlMs" | "metadata">;

/** A grant that was lost, and whose lock is not to be had for a while. */
export interface Delay {
  readonly token: number;
  readonly owner: string;
  readonly remainingMs: number;
  readonly lockDelayMs: number;
}

/** A lock-delay that is in the way of a request: what the service says of it when it refuses. `check` says the rest. */
export type BlockingDelay = Pick<Delay, "token" | "remainingMs">;

/** A lock. One that nobody holds exists all the same. */
export interface LockInfo {
  readonly name: string;
  readonly holders: readonly Holder[];
  readonly delays: readonly Delay[];
  /** How many requests wait for it. */
  readonly queueLength: number;
  /** `semaphore`: how many permits there are; else 0. */
  readonly limit: number;
}

/** A request that waits. */
export interface WaiterInfo {
  /** The request's id as the service knows it, and as `cancelWait` takes it. */
  readonly request: string;
  readonly owner: string;
  readonly leaseId: number;
  readonly context: string;
  readonly demands: readonly Demand[];
  readonly priority: number;
  readonly metadata: string;
  readonly askedAt: Date;
  /** From 1. */
  readonly position: number;
  /** When it may be its turn, judged by those before; null if there is nothing to judge by. */
  readonly estimateMs: number | null;
}

/** A lease. */
export interface LeaseInfo {
  readonly leaseId: number;
  readonly owner: string;
  readonly ttlMs: number;
  readonly remainingMs: number;
  readonly metadata: string;
  /** How many locks it holds. */
  readonly locks: number;
  /** How many requests wait under it. */
  readonly waiting: number;
}

/** Somebody of the wait-for graph: a lease, and the context within it. */
export interface Party {
  readonly leaseId: number;
  readonly context: string;
  readonly owner: string;
}

/** Somebody waits for a lock that somebody else holds, or waits for before. */
export interface Wait {
  readonly waiter: Party;
  readonly lock: string;
  readonly blocker: Party;
  /** Whether the blocker holds the lock; else it waits for it before. */
  readonly blockerHolds: boolean;
}

/** The wait-for graph. */
export interface WaitGraph {
  readonly waits: readonly Wait[];
  /** Whether these are all. */
  readonly isComplete: boolean;
}

/** What happened to a lock. `present` was so when the watch began. */
export type EventKind =
  | "present"
  | "granted"
  | "released"
  | "expired"
  | "revoked"
  | "forced"
  | "delayed"
  | "available"
  | "queued"
  | "unqueued"
  | "proclaimed"
  | "yield-asked"
  | "unknown";

/** An event of a watch. */
export interface LockEvent {
  readonly kind: EventKind;
  readonly lock: string;
  /** Whose grant or request it was about. */
  readonly owner: string;
  readonly leaseId: number;
  /** 0 for a request that waits. */
  readonly token: number;
  /** What the grant says of itself; of `forced` and `yield-asked` the reason. */
  readonly text: string;
  /** `delayed`: for how long; `yield-asked`: the grace. */
  readonly spanMs: number;
  /** How many requests wait for the lock now. */
  readonly queueLength: number;
  /** Grows with every event, equal for those that happened at once. */
  readonly revision: number;
  /** Pass this as `afterRevision` to go on behind this event, nothing left out. */
  readonly resumeAfter: number;
}

/** Whether a token is that of a grant that holds the lock now. */
export interface Verdict {
  readonly current: boolean;
  /** That grant, if so. */
  readonly holder: Holder | null;
}

/** A leader. */
export interface Leader {
  readonly owner: string;
  readonly leaseId: number;
  /** Its fencing token. */
  readonly token: number;
  /** What it proclaims. */
  readonly value: string;
}
