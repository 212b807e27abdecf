// What may be asked of the SDK. Spans are milliseconds and say so in their names.

/** How to reach the service, and under which name. */
export interface ConnectOptions {
  /** Whom others see as the holder: 1 to 512 bytes. Default: `host/pid`. */
  readonly owner?: string;
  /** How long the service waits for a renewal before it gives the locks of this client to others. Renewed every third of it.
   *  At least 1000; default 10000. */
  readonly ttlMs?: number;
  /** A lock is `at-risk` when less than this is left until it is lost: less than half of `ttlMs`. Default: a third of it. */
  readonly atRiskMs?: number;
  /** How often to renew: at least 100, at most a third of `ttlMs`. Default: a third. More often is for those who must know long
   *  before the end whether renewals get through. */
  readonly renewMs?: number;
  /** What the leases of this client say of it: text, or pairs that become JSON; up to 4096 bytes. Default: host, pid, version. */
  readonly metadata?: string | Readonly<Record<string, string | number | boolean>>;
  /** How long `connect` tries. Default 10000. */
  readonly connectTimeoutMs?: number;
  /** How long a call that does not wait for a lock is tried, through all endpoints. Default 10000. */
  readonly requestTimeoutMs?: number;
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
  /** Encrypts: `true` trusts what the system trusts; or PEM texts. Default: off, unless an endpoint begins with `https://`. */
  readonly tls?: boolean | TlsOptions;
}

/** Certificates and keys as PEM text. */
export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** How a lock is to be held: `mode` is `exclusive` unless it is given, or `semaphore` if there is a `limit`. */
export type ModeOptions =
  | { readonly mode?: "exclusive" | "shared"; readonly permits?: never; readonly limit?: never }
  | {
      readonly mode?: "semaphore";
      /** How many permits to take. Default 1. */
      readonly permits?: number;
      /** How many permits there are; equal for all who use the lock. */
      readonly limit: number;
    };

/** What may be asked of every acquire. */
export interface GrantOptions {
  /** 0 to 9. The higher comes first; FIFO among equals; whoever waits long enough overtakes. Default 0. */
  readonly priority?: number;
  /** For how long the lock stays unavailable if it is lost, not released. Default 0. */
  readonly lockDelayMs?: number;
  /** What the grant says of itself to whoever looks: up to 4096 bytes. */
  readonly metadata?: string;
  /** Holds the lock under a lease of this ttl; it is renewed like every other. Default: the client's `ttlMs`. */
  readonly ttlMs?: number;
  /** Names the task that asks: whoever waits for a lock that the same task holds is refused as a deadlock. Default: that of the
   *  `withLock` around the call, or a task of its own. Up to 128 bytes. */
  readonly context?: string;
  /** Gives the call up; nothing is left of it on the service. */
  readonly signal?: AbortSignal;
}

/** How to wait. */
export interface WaitOptions {
  /** How long to wait; 0: not at all. Default: for as long as it takes. */
  readonly waitMs?: number;
  /** Told when the request has to wait, and again when that may have changed: at changes of leader, and if the client's lease was
   *  lost and the request waits under a new one, at the end of the queue. */
  readonly onQueued?: (queued: Queued) => void;
}

/** How to take a lock. */
export type LockOptions = ModeOptions & GrantOptions & WaitOptions;

/** A request waits. */
export interface Queued {
  /** Its place in the queue that it is furthest back in, from 1. */
  readonly position: number;
  /** The first lock that it could not have. */
  readonly lock: string;
  /** Who holds that, if somebody does. */
  readonly owner: string | null;
}

/** How to try a lock: never waits. */
export type TryOptions = ModeOptions & GrantOptions;

/** One of several locks: its name, or its name and how it is to be held. */
export type Wanted = string | ({ readonly name: string } & ModeOptions);

/** How to take several locks, all or none. */
export interface ManyOptions extends GrantOptions, WaitOptions {
  /** How those are to be held that do not say. */
  readonly mode?: "exclusive" | "shared";
}

/** How to take a lock that outlives this client: it is not renewed, and ends with `releaseGrant` or its ttl. */
export interface DetachedOptions extends Omit<GrantOptions, "ttlMs"> {
  readonly ttlMs: number;
  /** How those are to be held that do not say. */
  readonly mode?: "exclusive" | "shared";
}

/** How to stand for election. */
export interface ElectOptions extends Omit<GrantOptions, "metadata">, WaitOptions {
  /** What to proclaim as the leader: up to 4096 bytes. Default: empty. */
  readonly value?: string;
}

/** What to watch: all locks whose names begin alike, one lock, or those of a lease. */
export type WatchWish =
  | { readonly prefix: string; readonly lock?: never; readonly leaseId?: never }
  | { readonly prefix?: never; readonly lock: string; readonly leaseId?: never }
  | { readonly prefix?: never; readonly lock?: never; readonly leaseId: number };

/** How to watch. */
export interface WatchOptions {
  /** Goes on behind this revision (see `LockEvent.resumeAfter`). Default: what is held now comes first, as `present`. */
  readonly afterRevision?: number;
  /** Told once, when the watch stands: with the revision behind which everything will be told that happens. What is present comes
   *  after that. */
  readonly onBegun?: (revision: number) => void;
  /** Ends the watch; the loop over it then throws the signal's reason as `ABORTED`. */
  readonly signal?: AbortSignal;
}

/** Which locks to list. */
export interface ListFilter {
  readonly prefix?: string;
  readonly owner?: string;
  readonly leaseId?: number;
  /** Only those held for at least so long. */
  readonly minAgeMs?: number;
  /** How many at most. Default 1000. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

/** How to ask. */
export interface AskOptions {
  readonly signal?: AbortSignal;
}

/** How many to list. */
export interface LimitOptions extends AskOptions {
  /** At most so many. Default 1000. */
  readonly limit?: number;
}

/** Whose leases to list. */
export interface LeaseFilter extends LimitOptions {
  readonly owner?: string;
}

/** How to take a lock from its holders. */
export interface ForceOptions extends AskOptions {
  /** Why: recorded, and told to those who lose it. */
  readonly reason: string;
  /** Only the grant with this token. Default: every grant of the lock. */
  readonly token?: number;
}

/** How to ask holders to give a lock up. */
export interface YieldOptions extends ForceOptions {
  /** How long they have. Default 0. */
  readonly graceMs?: number;
  /** Whether it is taken from them after that. Default: no. */
  readonly force?: boolean;
}
