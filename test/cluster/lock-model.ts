// One lock as a sequential object: what it may answer, and what it is afterwards. This is the specification that the search
// in `linearizability.ts` finds an order for. A grant may end by itself at any moment after its client had to stop, and never
// before.

import type { Header, Operation } from "./history.ts";
import { validUntil } from "./history.ts";

export interface Grant {
  /** Null while nobody has seen it: the answer to its request was lost. */
  readonly token: number | null;
  readonly until: number;
}

export interface Lock {
  readonly grant: Grant | null;
  /** The highest token that this lock is known to have given. */
  readonly highest: number;
}

export interface LockModel {
  readonly initial: Lock;
  /**
   * The lock after `operation`, or null if it cannot have answered as it did; the very same value if nothing has changed.
   * `latest` is the latest moment at which it can have taken effect: something that is still to come in the order ended then.
   */
  readonly step: (lock: Lock, operation: Operation, latest: number) => Lock | null;
}

type Bounds = Pick<Header, "rho" | "epsMs" | "regions">;

export const lockModel = (bounds: Bounds): LockModel => ({
  initial: { grant: null, highest: 0 },
  step: (lock, operation, latest) => {
    switch (operation.action) {
      case "acquire":
        return acquire(lock, operation, { latest, bounds });
      case "release":
        return release(lock, operation, { latest, bounds });
      case "check":
        return check(lock, operation, latest);
      case "renew":
        return renew(lock, operation, { latest, bounds });
      default:
        return lock;
    }
  },
});

const isFree = ({ grant }: Lock, latest: number): boolean => grant === null || grant.until < latest;
const freed = (lock: Lock): Lock => (lock.grant === null ? lock : { ...lock, grant: null });

/**
 * Which attempt of a request took effect is unknown where its answer is: then its span counts from the first, so that
 * nothing is called too early that may not have been. Regions take back what they could not say for sure, at any moment.
 */
function endOf(operation: Operation, bounds: Bounds): number {
  if (operation.result !== "unknown") return validUntil(operation, bounds);
  return bounds.regions > 1 ? -1 : validUntil({ ...operation, sentAt: operation.invokedAt }, bounds);
}

interface Moment {
  readonly latest: number;
  readonly bounds: Bounds;
}

function acquire(lock: Lock, operation: Operation, { latest, bounds }: Moment): Lock | null {
  if (operation.result === "held") return lock.grant === null ? null : lock;
  if (!isFree(lock, latest)) return null;
  const until = endOf(operation, bounds);
  if (operation.result === "unknown") return { ...lock, grant: { token: null, until } };
  const token = operation.token ?? 0;
  return token > lock.highest ? { grant: { token, until }, highest: token } : null;
}

function release(lock: Lock, operation: Operation, { latest, bounds }: Moment): Lock | null {
  switch (operation.result) {
    case "released":
    case "unknown":
      return lock.grant !== null && lock.grant.token === operation.token ? freed(lock) : null;
    case "notHeld":
    case "expired":
      return isFree(lock, latest) ? freed(lock) : null;
    case "stale":
      return lock.grant !== null && lock.grant.token !== operation.token ? lock : null;
    case "lost":
      return lost(lock, operation, { latest, bounds });
    default:
      return null;
  }
}

/**
 * Whoever is told so does not hold the lock; whether another does he is not told. Where a region still has what has ended in the
 * others, he may be told afterwards that he has given it back.
 */
function lost(lock: Lock, operation: Operation, { latest, bounds }: Moment): Lock | null {
  if (lock.grant === null || lock.grant.token !== operation.token) return lock;
  if (!isFree(lock, latest)) return null;
  return bounds.regions > 1 ? lock : freed(lock);
}

function check(lock: Lock, operation: Operation, latest: number): Lock | null {
  if (operation.result === "unknown") return lock;
  if (operation.result === "free") return isFree(lock, latest) ? freed(lock) : null;
  const { grant } = lock;
  const token = operation.token ?? 0;
  if (grant === null) return null;
  if (grant.token !== null) return grant.token === token ? lock : null;
  return token > lock.highest ? { grant: { ...grant, token }, highest: token } : null;
}

/** A renewal that was answered moves the end; one whose answer was lost could only forbid more, so it counts for nothing. */
function renew(lock: Lock, operation: Operation, { latest, bounds }: Moment): Lock | null {
  const { grant } = lock;
  const isHeld = grant !== null && grant.token === operation.token;
  switch (operation.result) {
    case "renewed": {
      if (!isHeld) return null;
      const until = validUntil(operation, bounds);
      return until > grant.until ? { ...lock, grant: { ...grant, until } } : lock;
    }
    case "lost":
      return lost(lock, operation, { latest, bounds });
    default:
      return lock;
  }
}
