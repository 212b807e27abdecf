// What the gateway has to know of the operations that it passes on: which go through the log, which take room, which may wait,
// and when two of them are one request, repeated.

import type { AcquireAll, Look, Operation, Write } from "../operations.ts";

export function isLook(operation: Operation): operation is Look {
  switch (operation.type) {
    case "inspect":
    case "list":
    case "waiters":
    case "leases":
    case "waits":
      return true;
    default:
      return false;
  }
}

export const isWrite = (operation: Operation): operation is Write =>
  operation.type !== "check" && operation.type !== "renewLease" && !isLook(operation);

/** Whether the operation takes room on disk for long. What gives something up does not, and must always be possible. */
export const beginsSomething = (operation: Operation): boolean =>
  operation.type === "openLease" || operation.type === "acquire" || operation.type === "acquireAll";

/** Whether the answer may be that it waits. */
export const mayWait = (operation: Operation): boolean => operation.type === "acquireAll" && operation.wait > 0;

type Under = AcquireAll["under"];

const isSameLease = (one: Under, other: Under): boolean =>
  "lease" in one ? "lease" in other && one.lease === other.lease : "ttl" in other;

const isSameUnder = (one: Under, other: Under): boolean =>
  isSameLease(one, other) && (!("ttl" in one) || !("ttl" in other) || one.ttl === other.ttl);

/**
 * Whether two writes of one request id are one request, repeated. When it was asked is for people and may differ. Of what may
 * wait it is enough that the same lease asks: a repeat has less time to wait, and another request under the same id would be a
 * waiter that nobody could name.
 */
export function isSameOperation(one: Operation, other: Operation): boolean {
  switch (one.type) {
    case "openLease":
      return other.type === "openLease" && one.owner === other.owner && one.ttl === other.ttl;
    case "acquire":
      return (
        other.type === "acquire" &&
        one.lock === other.lock &&
        one.owner === other.owner &&
        isSameUnder(one.under, other.under)
      );
    case "acquireAll":
      return other.type === "acquireAll" && one.owner === other.owner && isSameLease(one.under, other.under);
    case "release":
      return (
        other.type === "release" &&
        one.lock === other.lock &&
        one.grant.lease === other.grant.lease &&
        one.grant.token === other.grant.token &&
        one.grant.owner === other.grant.owner
      );
    case "endLease":
    case "renewLease":
      return other.type === one.type && one.lease === other.lease;
    case "releaseAll":
      return other.type === "releaseAll" && one.lease === other.lease && one.token === other.token;
    case "cancel":
      return (
        other.type === "cancel" &&
        one.request === other.request &&
        one.lease === other.lease &&
        one.onlyWaiting === other.onlyWaiting
      );
    case "proclaim":
    case "askYield":
    case "forceRelease":
      return isSameOfLock(one, other);
    case "check":
      return other.type === "check" && one.lock === other.lock;
    case "inspect":
    case "list":
    case "waiters":
    case "leases":
    case "waits":
      return false;
  }
}

/** The same of what is done to a grant, or to all grants, of one lock. */
function isSameOfLock(
  one: Extract<Operation, { type: "proclaim" | "askYield" | "forceRelease" }>,
  other: Operation,
): boolean {
  switch (one.type) {
    case "proclaim":
      return (
        other.type === "proclaim" &&
        one.lock === other.lock &&
        one.lease === other.lease &&
        one.token === other.token &&
        one.metadata === other.metadata
      );
    case "askYield":
      return (
        other.type === "askYield" &&
        one.lock === other.lock &&
        one.token === other.token &&
        one.reason === other.reason &&
        one.grace === other.grace &&
        one.force === other.force
      );
    case "forceRelease":
      return (
        other.type === "forceRelease" &&
        one.lock === other.lock &&
        one.token === other.token &&
        one.reason === other.reason
      );
  }
}
