// What the service says of a call that failed, as an error of the SDK.

import type { AcquireResponse, CallError } from "../../transport/generated/lockmgr/v1/lock.ts";
import type { LockErrorCode, LossReason } from "../errors.cts";
import type { ErrorData } from "../letters.ts";
import type { Blocker, Ending } from "../views.ts";
import { blockerFrom, blockingDelayFrom, endingFrom, waitFrom } from "./from-wire.ts";

/** The status codes of gRPC, as far as they decide anything here. */
export const status = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  unauthenticated: 16,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  unavailable: 14,
} as const;

/** Whether the same request may have another answer in a moment. */
export const isPassing = ({ code }: CallError): boolean =>
  code === status.unavailable || code === status.deadlineExceeded;

/** Whether a service that says so to a hello will say the same for ever. */
export const isFinal = ({ code }: CallError): boolean =>
  [status.invalidArgument, status.permissionDenied, status.unimplemented, status.unauthenticated].some(
    (final) => final === code,
  );

/** Whether it says that the lease is no more. */
export const isLeaseGone = ({ code, reason }: CallError): boolean =>
  reason === "lease-unknown" ||
  reason === "lease-ended" ||
  (reason === "" && (code === status.notFound || code === status.failedPrecondition));

/** Whether it says that more has happened than is kept for one who reads slowly: he goes on behind what he was told. */
export const isUnread = ({ reason }: CallError): boolean => reason === "unread";

const codes: Readonly<Record<number, LockErrorCode>> = {
  [status.invalidArgument]: "INVALID",
  [status.deadlineExceeded]: "UNKNOWN_OUTCOME",
  [status.notFound]: "NOT_FOUND",
  [status.permissionDenied]: "NOT_HELD",
  [status.resourceExhausted]: "OVERLOADED",
  [status.failedPrecondition]: "NOT_HELD",
  [status.outOfRange]: "REVISION_GONE",
  [status.unimplemented]: "UNSUPPORTED",
  [status.unavailable]: "NO_QUORUM",
};

/** Words of the service that say more than the status. */
const wordCodes: Readonly<Record<string, LockErrorCode>> = {
  "stale-token": "STALE_TOKEN",
  "limit-differs": "INVALID",
  "not-held": "NOT_HELD",
  unreachable: "UNREACHABLE",
  closed: "CLOSED",
};

export function failureFrom(error: CallError): ErrorData {
  const code = wordCodes[error.reason] ?? codes[error.code] ?? "INTERNAL";
  return {
    code,
    message: error.message || `the service answers with status ${error.code}`,
    ...(error.reason === "" ? {} : { details: { serviceReason: error.reason } }),
  };
}

/** Who holds a lock, since when and for how long still, in the words of the service. */
export const heldBy = (lock: string, { owner, grantedAt, remainingMs }: Blocker): string =>
  `${lock} is held by ${owner} since ${grantedAt.toISOString()}, and for another ${remainingMs} ms unless it is renewed`;

export const lossOf = (ending: Ending): LossReason => (ending === "released" ? "expired" : ending);

/** Why an acquire that is over was not granted. `granted` is none of these. */
export function refusalFrom(
  result: Exclude<NonNullable<AcquireResponse["result"]>, { $case: "granted" }>,
  name: string,
): ErrorData {
  switch (result.$case) {
    case "held": {
      const { lock, holder, delay, queueLength } = result.value;
      const details = {
        lock,
        queueLength,
        ...(holder === undefined ? {} : { holder: blockerFrom(holder) }),
        ...(delay === undefined ? {} : { delay: blockingDelayFrom(delay) }),
      };
      if (holder === undefined && delay !== undefined) {
        return { code: "LOCK_DELAYED", message: `${lock} is not to be had for ${delay.remainingMs} ms more`, details };
      }
      const message = holder === undefined ? `${lock} is waited for by others` : heldBy(lock, blockerFrom(holder));
      return { code: "LOCKED", message, details };
    }
    case "waitEnded":
      return { code: "ABORTED", message: `the wait for ${name} was cancelled`, details: { lock: name } };
    case "deadlock": {
      const cycle = result.value.cycle.map(waitFrom);
      const way = cycle.map(({ lock, blocker }) => `${lock} (${blocker.owner})`).join(" → ");
      return {
        code: "DEADLOCK",
        message: `to wait for ${name} would be to wait for ever: ${way}`,
        details: { lock: name, cycle },
      };
    }
    case "grantEnded": {
      const reason = lossOf(endingFrom(result.value.how));
      return { code: "LOST", message: `${name} was granted, and lost (${reason})`, details: { lock: name, reason } };
    }
  }
}
