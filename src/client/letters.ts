// What the two threads of a client write to each other, all letters of a turn in one post. The program's thread asks; the
// renewing thread keeps the session, the leases and the locks. Letters are plain data.

import type { LockErrorCode, LockErrorDetails } from "./errors.cts";
import type { Ended } from "./interface.ts";
import type { Queued, TlsOptions, WatchWish } from "./options.ts";
import type { Demand, LockEvent, YieldAsked } from "./views.ts";

/** What the renewing thread must know of the client. */
export interface Setting {
  readonly endpoints: readonly string[];
  readonly owner: string;
  readonly ttlMs: number;
  readonly renewMs: number;
  readonly atRiskMs: number;
  readonly metadata: string;
  readonly requestTimeoutMs: number;
  readonly tls: boolean | TlsOptions;
}

/** Numbers a call of the program's. */
export type CallNumber = number;
/** Numbers a lock that is held. */
export type LockNumber = number;

/** How locks are wanted, checked and complete. */
export interface AcquireSpec {
  readonly demands: readonly Demand[];
  /** Null: for as long as it takes. */
  readonly waitMs: number | null;
  readonly priority: number;
  readonly lockDelayMs: number;
  readonly metadata: string;
  readonly context: string;
  /** Null: the client's. */
  readonly ttlMs: number | null;
}

export type ToThread =
  | { readonly type: "acquire"; readonly call: CallNumber; readonly spec: AcquireSpec }
  /** Gives an acquire up. It is answered all the same. */
  | { readonly type: "abandon"; readonly call: CallNumber }
  /** Every lock is released once, lost or not. */
  | { readonly type: "release"; readonly call: CallNumber; readonly lock: LockNumber }
  | { readonly type: "ask"; readonly call: CallNumber; readonly question: Question }
  /** No answer to the call is wanted any more. */
  | { readonly type: "forget"; readonly call: CallNumber }
  | { readonly type: "watch"; readonly call: CallNumber; readonly wish: WatchWish; readonly after: number }
  | { readonly type: "unwatch"; readonly call: CallNumber }
  | { readonly type: "close" };

export type FromThread =
  /** The session is up for the first time, or goes on under another lease. */
  | { readonly type: "connected"; readonly leaseId: number }
  /** It cannot be brought up, for a reason that will not pass. */
  | { readonly type: "refused"; readonly error: ErrorData }
  /** Why there is no session at the moment. */
  | { readonly type: "trouble"; readonly error: ErrorData }
  | { readonly type: "failed"; readonly call: CallNumber; readonly error: ErrorData }
  | { readonly type: "queued"; readonly call: CallNumber; readonly queued: Queued }
  | { readonly type: "granted"; readonly call: CallNumber; readonly grant: LockGrant }
  | { readonly type: "ended"; readonly call: CallNumber; readonly how: Ended }
  | { readonly type: "answered"; readonly call: CallNumber; readonly answer: unknown }
  | { readonly type: "yielding"; readonly lock: LockNumber; readonly asked: YieldAsked }
  /** Something may have changed: look at the locks of this lease, or at this lock. `why` is what whoever took it has said. */
  | { readonly type: "lookAtLease"; readonly lease: number }
  | { readonly type: "lookAtLock"; readonly lock: LockNumber; readonly why: string }
  | {
      readonly type: "events";
      readonly call: CallNumber;
      readonly events: readonly LockEvent[];
      readonly after: number;
    }
  | { readonly type: "closed" };

/** An error, on its way between threads. */
export interface ErrorData {
  readonly code: LockErrorCode;
  readonly message: string;
  readonly details?: LockErrorDetails;
}

/** A lock that has been granted. */
export interface LockGrant {
  readonly lock: LockNumber;
  readonly names: readonly string[];
  readonly token: number;
  readonly leaseId: number;
  /** Numbers the lease within this client. */
  readonly lease: number;
  readonly leaseMemory: SharedArrayBuffer;
  readonly atRiskMs: number;
  readonly boardMemory: SharedArrayBuffer;
  readonly place: number;
}

/** What can be asked, beside locks of one's own. */
export type Question =
  | { readonly type: "check"; readonly lock: string }
  | { readonly type: "verify"; readonly lock: string; readonly token: number }
  | {
      readonly type: "list";
      readonly prefix: string;
      readonly owner: string;
      readonly leaseId: number;
      readonly minAgeMs: number;
      readonly page: Page;
    }
  | { readonly type: "waiters"; readonly lock: string; readonly page: Page }
  | { readonly type: "leases"; readonly owner: string; readonly page: Page }
  | { readonly type: "waitGraph"; readonly limit: number }
  | { readonly type: "revokeLease"; readonly leaseId: number }
  | { readonly type: "forceRelease"; readonly lock: string; readonly token: number; readonly reason: string }
  | {
      readonly type: "askYield";
      readonly lock: string;
      readonly token: number;
      readonly reason: string;
      readonly graceMs: number;
      readonly force: boolean;
    }
  | {
      readonly type: "proclaim";
      readonly lock: string;
      readonly leaseId: number;
      readonly token: number;
      readonly metadata: string;
    }
  | { readonly type: "cancelWait"; readonly requestId: string }
  | {
      readonly type: "cancel";
      readonly requestId: string;
      readonly lock: string;
      readonly under: { readonly leaseId: number } | { readonly owner: string };
    }
  | {
      readonly type: "acquireDetached";
      readonly demands: readonly Demand[];
      readonly ttlMs: number;
      readonly priority: number;
      readonly lockDelayMs: number;
      readonly metadata: string;
      readonly context: string;
    }
  | { readonly type: "releaseGrant"; readonly lock: string; readonly leaseId: number; readonly token: number };

export interface Page {
  readonly size: number;
  readonly token: string;
}

/** A page of an answer, and where the next begins; empty if there is none. */
export interface Paged<Item> {
  readonly items: readonly Item[];
  readonly next: string;
}
