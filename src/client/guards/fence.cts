// What all guards share: a fencing token as the stores compare it, and the refusal. The guards are CommonJS, so that programs of
// both kinds of modules get them at once, and with them the very same class of errors.

import { LockError } from "../errors.cts";

/** What is protected, and by which grant. */
export interface FencedBy {
  /** What is protected: usually the lock's name. Always guarded by the same lock. */
  readonly resource: string;
  /** The fencing token of the grant. */
  readonly token: bigint | number;
}

/** The token as a decimal number. Text is the one form that every store takes without rounding. */
export function tokenText(token: bigint | number): string {
  const isToken = typeof token === "bigint" ? token > 0n : Number.isSafeInteger(token) && token > 0;
  if (!isToken) throw new LockError("INVALID", `a fencing token is a whole number from 1 on, not ${token}`);
  return String(token);
}

/** The refusal. `seen` is the greatest token that the store knows, if it told. */
export function staleToken({ resource, token }: FencedBy, seen?: string): LockError {
  const why = seen === undefined ? "" : `: ${seen} has been seen`;
  return new LockError("STALE_TOKEN", `the fencing token ${token} of ${JSON.stringify(resource)} is stale${why}`);
}
