// The one class of errors of the SDK, and its closed set of codes. CommonJS, so that programs of both kinds of modules get
// the very same class and `instanceof` holds everywhere.

import type { Blocker, BlockingDelay, Wait } from "./views.ts" with { "resolution-mode": "import" };

/**
 * Why a call failed.
 *
 * - `LOCKED` somebody holds the lock, and the call was not to wait · `LOCK_DELAYED` nobody does, but a lock-delay keeps it
 * - `WAIT_TIMEOUT` it waited for as long as it was allowed to · `ABORTED` its signal was aborted
 * - `DEADLOCK` to wait would be to wait for ever: `details.cycle` says for whom
 * - `LOST` the lock, or the lease that it was to be held under, is lost: `details.reason` says how
 * - `NOT_HELD` the grant is not the caller's, or has been released · `STALE_TOKEN` a later token is in force
 * - `NOT_FOUND` there is no such lease
 * - `OVERLOADED` the service or this client has too much under way: try again later
 * - `NO_QUORUM` the service is reached, but has no leader that a majority follows · `UNREACHABLE` no endpoint answers
 * - `UNKNOWN_OUTCOME` no answer came in time: it may have been done, or not
 * - `REVISION_GONE` what happened after the revision asked for is not known any more: begin anew
 * - `INVALID` an argument is at fault · `UNSUPPORTED` the service does not offer this
 * - `CLOSED` the client has been closed · `INTERNAL` the SDK or the service is at fault
 */
export type LockErrorCode =
  | "LOCKED"
  | "LOCK_DELAYED"
  | "WAIT_TIMEOUT"
  | "ABORTED"
  | "DEADLOCK"
  | "LOST"
  | "NOT_HELD"
  | "STALE_TOKEN"
  | "NOT_FOUND"
  | "OVERLOADED"
  | "NO_QUORUM"
  | "UNREACHABLE"
  | "UNKNOWN_OUTCOME"
  | "REVISION_GONE"
  | "INVALID"
  | "UNSUPPORTED"
  | "CLOSED"
  | "INTERNAL";

/**
 * How a lock was lost: `expired` its lease was not renewed in time (this process was stopped, say) · `revoked` somebody
 * ended its lease · `forced` somebody took it · `closed` the client was closed · `unreachable` no renewal got through.
 */
export type LossReason = "expired" | "revoked" | "forced" | "closed" | "unreachable";

/** What more there is to say of an error. What does not apply is absent. */
export interface LockErrorDetails {
  /** The lock that it is about; of several, the one that is in the way. */
  readonly lock?: string;
  /** `LOCKED`: who holds it (one of them); absent if others only wait for it before. `WAIT_TIMEOUT`: who held it when the wait was over,
   *  if that could be learnt. */
  readonly holder?: Blocker;
  /** `LOCKED`, `LOCK_DELAYED`: the lock-delay that is in the way. */
  readonly delay?: BlockingDelay;
  /** `LOCKED`, `LOCK_DELAYED`, `WAIT_TIMEOUT`: how many requests wait for it. */
  readonly queueLength?: number;
  /** `DEADLOCK`: each waits for the next, and the last for the first. */
  readonly cycle?: readonly Wait[];
  /** `LOST`: how. */
  readonly reason?: LossReason;
  /** `LOST` by force: why, in the words of whoever took it, if they were heard of before the loss was seen. */
  readonly why?: string;
  /** Whatever the service said in one word. */
  readonly serviceReason?: string;
}

/** The error of every call of the SDK. `cause` is what led to it, where something did. */
export class LockError extends Error {
  readonly code: LockErrorCode;
  readonly details: LockErrorDetails;

  constructor(
    code: LockErrorCode,
    message: string,
    more: { readonly cause?: unknown; readonly details?: LockErrorDetails } = {},
  ) {
    super(message, more.cause === undefined ? {} : { cause: more.cause });
    this.name = "LockError";
    this.code = code;
    this.details = more.details ?? {};
  }
}
