// How a command ends: its exit code, and the one sentence that says why. Codes are few and documented; scripts rely on them.

import type { LockError, LockErrorCode } from "../client/index.ts";

export const exitCodes = {
  done: 0,
  /** The answer is no: not acquired, not current, not there. */
  notAcquired: 11,
  /** A lock was held and has been lost. */
  lost: 20,
  usage: 64,
  /** The service cannot be reached, or has failed. */
  server: 70,
  /** As shells say it. */
  cannotRun: 126,
  commandNotFound: 127,
} as const;

/** What is added to the number of the signal that ended a command. */
export const signalBase = 128;

/** Ends the command with a code and a sentence. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** One word for programs. */
  readonly code: string;
  readonly exitCode: number;

  constructor(code: string, exitCode: number, message: string) {
    super(message);
    this.code = code;
    this.exitCode = exitCode;
  }
}

export const usageError = (message: string): CommandError => new CommandError("USAGE", exitCodes.usage, message);

const codes = {
  LOCKED: exitCodes.notAcquired,
  LOCK_DELAYED: exitCodes.notAcquired,
  WAIT_TIMEOUT: exitCodes.notAcquired,
  ABORTED: exitCodes.notAcquired,
  DEADLOCK: exitCodes.notAcquired,
  NOT_FOUND: exitCodes.notAcquired,
  LOST: exitCodes.lost,
  NOT_HELD: exitCodes.lost,
  STALE_TOKEN: exitCodes.lost,
  INVALID: exitCodes.usage,
  OVERLOADED: exitCodes.server,
  NO_QUORUM: exitCodes.server,
  UNREACHABLE: exitCodes.server,
  UNKNOWN_OUTCOME: exitCodes.server,
  REVISION_GONE: exitCodes.server,
  UNSUPPORTED: exitCodes.server,
  CLOSED: exitCodes.server,
  INTERNAL: exitCodes.server,
} as const satisfies Record<LockErrorCode, number>;

/** What a person can do about it. */
const advice: Partial<Record<LockErrorCode, string>> = {
  WAIT_TIMEOUT: "wait longer, or see who else waits: lockmgr waiters",
  OVERLOADED: "try again in a moment",
  NO_QUORUM: "try again in a moment, or see what the nodes say: lockmgr status",
  UNREACHABLE: "check --endpoints, and whether a node runs there",
  UNKNOWN_OUTCOME: "see what came of it: lockmgr check",
  REVISION_GONE: "begin anew, without --after",
};

export interface Failure {
  readonly code: string;
  readonly message: string;
  /** What more there is to say to programs. */
  readonly details?: object;
  readonly exitCode: number;
}

/** The library may have been loaded twice, so its errors are known by their name. */
const isLockError = (error: unknown): error is LockError => error instanceof Error && error.name === "LockError";

/** What to say of an error, and how to end with it. */
export function failureOf(error: unknown): Failure {
  if (error instanceof CommandError) return { code: error.code, message: error.message, exitCode: error.exitCode };
  if (isLockError(error)) {
    const hint = advice[error.code];
    const message = hint === undefined ? error.message : `${error.message}; ${hint}`;
    return { code: error.code, message, details: error.details, exitCode: codes[error.code] };
  }
  return {
    code: "INTERNAL",
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    exitCode: exitCodes.server,
  };
}
