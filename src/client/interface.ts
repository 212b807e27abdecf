// What a program holds in its hands: a client, locks, leadership. Interfaces alone; the rest of the folder makes them.

import type { LossReason } from "./errors.cts";
import type {
  AskOptions,
  DetachedOptions,
  ElectOptions,
  ForceOptions,
  LeaseFilter,
  LimitOptions,
  ListFilter,
  LockOptions,
  ManyOptions,
  TryOptions,
  Wanted,
  WatchOptions,
  WatchWish,
  YieldOptions,
} from "./options.ts";
import type {
  Blocker,
  BlockingDelay,
  Ending,
  Leader,
  LeaseInfo,
  LockEvent,
  LockInfo,
  Verdict,
  WaiterInfo,
  WaitGraph,
  YieldAsked,
} from "./views.ts";

/** `held` → `at-risk` (renewals do not get through, and little time is left) → `held` again, or `lost` for good. */
export type LockState = "held" | "at-risk" | "lost" | "released";

/** How a lock came to its end. */
export type Ended = "released" | LossReason;

/**
 * A lock that is held, or several that were granted together.
 *
 * `state`, `token`, `remainingMs`, `signal.aborted` and `signal.reason` look at the deadline that the renewing thread keeps:
 * they tell the truth in the very step in which they are read, even after the program has blocked its event loop.
 */
export interface Lock extends AsyncDisposable {
  /** Its name; of several, the first. */
  readonly name: string;
  readonly names: readonly string[];
  /** The fencing token: greater than that of every earlier grant. Hand it to whatever the lock protects. */
  readonly token: number;
  readonly leaseId: number;
  readonly state: LockState;
  /** Null while it is not lost. */
  readonly lossReason: LossReason | null;
  /** How long it is safe to go on if no renewal gets through from now on. 0 once it is lost or released. */
  readonly remainingMs: number;
  /** Aborted, with a `LockError` of code `LOST`, when the lock is lost: before the service can give it to anybody else,
   *  unless somebody has taken it (`forced`, `revoked`). Not aborted by `release`. */
  readonly signal: AbortSignal;
  /** Throws a `LockError` of code `LOST` or `NOT_HELD` unless the lock is held. */
  throwIfLost(): void;
  /** Gives the lock back. Never throws: says how the lock ended, and waits no longer than until it is lost anyway. */
  release(): Promise<Ended>;
  /** Changes what the grant says of itself; of several locks, each of them. */
  proclaim(metadata: string, options?: AskOptions): Promise<void>;
  /** Calls back at every change of state. Returns what ends it. */
  on(event: "state", listener: (state: LockState, reason: LossReason | null) => void): () => void;
  /** Calls back when somebody asks the holder to give the lock up. Returns what ends it. */
  on(event: "yield", listener: (asked: YieldAsked) => void): () => void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What `withLock` gives the function that it calls. `lock.release()` gives the lock back before the function has ended: `withLock` then
 *  ends as the function does. */
export interface Held {
  readonly token: number;
  readonly signal: AbortSignal;
  readonly lock: Lock;
}

/** What came of an attempt. Must be checked: `if (attempt.acquired) … attempt.lock`. */
export type Attempt =
  | { readonly acquired: true; readonly lock: Lock }
  | {
      readonly acquired: false;
      /** The first lock that was not to be had. */
      readonly name: string;
      /** Who holds it; null if others wait for it before, or a lock-delay keeps it. */
      readonly holder: Blocker | null;
      readonly delay: BlockingDelay | null;
      readonly queueLength: number;
    };

/** A grant that no client renews. */
export interface DetachedGrant {
  readonly token: number;
  readonly leaseId: number;
  readonly ttlMs: number;
  /** For how long from before the call it is safe to use. */
  readonly usableMs: number;
}

/** Leadership: a lock whose grant proclaims a value. */
export interface Leadership extends AsyncDisposable {
  readonly name: string;
  /** The fencing token. */
  readonly token: number;
  /** What is proclaimed. */
  readonly value: string;
  /** As `Lock.signal`: aborted when leadership is lost, before anybody else can lead. */
  readonly signal: AbortSignal;
  readonly state: LockState;
  readonly lock: Lock;
  /** Changes what is proclaimed. */
  proclaim(value: string, options?: AskOptions): Promise<void>;
  /** Steps down; the next in line leads. As `Lock.release`. */
  resign(): Promise<Ended>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A connection to the service, one lease, and what is held under it. */
export interface Client extends AsyncDisposable {
  readonly owner: string;
  /** The client's lease. If it is lost, it is the lost one until there is another. */
  readonly leaseId: number;
  /** Aborted when the client is closed. */
  readonly closed: AbortSignal;

  /** Waits for a lock, calls `use` while it is held, gives the lock back. Rejects with what `use` throws; with `LOST` if the lock
   *  was lost before `use` ended. */
  withLock<Result>(name: string, use: (held: Held) => Promise<Result> | Result): Promise<Result>;
  withLock<Result>(name: string, options: LockOptions, use: (held: Held) => Promise<Result> | Result): Promise<Result>;
  /** Waits for a lock. `await using lock = await client.acquire(name)` gives it back at the end of the block. If the client's lease is
   *  lost meanwhile, the request goes on under a new one, at the end of the queue. */
  acquire(name: string, options?: LockOptions): Promise<Lock>;
  /** Takes a lock if it is free. */
  tryAcquire(name: string, options?: TryOptions): Promise<Attempt>;
  /** Waits for several locks, all or none, under one token. */
  acquireMany(names: readonly Wanted[], options?: ManyOptions): Promise<Lock>;
  /** Takes locks that are not renewed, for scripts: they outlive this client. Does not wait: rejects with `LOCKED` or `LOCK_DELAYED` if
   *  they are not to be had. What it takes has no signal: count `usableMs` yourself, and end it with `releaseGrant`. */
  acquireDetached(names: readonly Wanted[], options: DetachedOptions): Promise<DetachedGrant>;
  /** Ends a grant by its lease and token, whoever took it. Says how it ended: of a grant that was over before, how that came, whatever
   *  `leaseId` is given; a grant that holds must be given with its own lease (`NOT_HELD`). `name` is needed where there are several
   *  regions. */
  releaseGrant(
    grant: { readonly leaseId: number; readonly token: number; readonly name?: string },
    options?: AskOptions,
  ): Promise<Ending>;

  /** Waits until this client leads. */
  elect(name: string, options?: ElectOptions): Promise<Leadership>;
  /** The leader first, or null; then every change. */
  observe(name: string, options?: WatchOptions): AsyncIterable<Leader | null>;
  /** What happens, in order, without gaps or repeats, whatever becomes of the connection. Begins when the loop first asks for more.
   *  Throws `REVISION_GONE` where that cannot be promised any more. */
  watch(wish: WatchWish, options?: WatchOptions): AsyncIterable<LockEvent>;

  check(name: string, options?: AskOptions): Promise<LockInfo>;
  verify(name: string, token: number, options?: AskOptions): Promise<Verdict>;
  /** The locks that are held, delayed or waited for, by name. */
  list(filter?: ListFilter): Promise<LockInfo[]>;
  /** Who waits for a lock, in their order. */
  waiters(name: string, options?: LimitOptions): Promise<WaiterInfo[]>;
  leases(filter?: LeaseFilter): Promise<LeaseInfo[]>;
  /** Who waits for whom. */
  waitGraph(options?: LimitOptions): Promise<WaitGraph>;

  /** Ends a lease. Says how many locks it held. */
  revokeLease(leaseId: number, options?: AskOptions): Promise<number>;
  /** Takes a lock from its holders. Says the tokens of the grants that ended. */
  forceRelease(name: string, options: ForceOptions): Promise<number[]>;
  /** Asks holders to give a lock up. Says the tokens of the grants that were asked for. */
  askYield(name: string, options: YieldOptions): Promise<number[]>;
  /** Ends the wait of a request, whoever made it: by the `request` of its `WaiterInfo`. Whoever waits is told that it was cancelled
   *  (`ABORTED`). A request that has been granted meanwhile is left alone. */
  cancelWait(request: string, options?: AskOptions): Promise<void>;
  /** Undoes a request that was made by the interface itself (HTTP, gRPC), by the id that its client gave it. Says the token of the grant
   *  that was released, if one was. Requests of this SDK have ids that nobody is told: end those with their `signal`, or by `cancelWait`. `name` is the
   *  lock; where there are several regions it must be said. */
  cancel(
    request: { readonly requestId: string; readonly name?: string } & (
      | { readonly leaseId: number; readonly owner?: never }
      | { readonly leaseId?: never; readonly owner: string }
    ),
    options?: AskOptions,
  ): Promise<number | null>;

  /** Gives back what is held, ends the lease, disconnects. Locks that are still held are lost with reason `closed`. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
