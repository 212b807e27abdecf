// One lock as a sequential object, for the search in `linearizability.ts`: what it may answer, and what it is afterwards.
// A grant may end by itself at any moment after its client had to stop, and never before.

import type { Header, Operation } from "./history.ts";
import { validUntil } from "./history.ts";
import type { Model } from "./linearizability.ts";

interface Grant {
  /** Null while nobody has seen it: the answer to its request was lost. */
  readonly token: number | null;
  readonly until: number;
}

interface Lock {
  readonly grant: Grant | null;
  /** The highest token that this lock is known to have given. */
  readonly highest: number;
}

export const lockModel = (header: Pick<Header, "rho" | "epsMs">): Model<Lock, Operation> => ({
  initial: { grant: null, highest: 0 },
  key: ({ grant, highest }) => `${highest} ${grant === null ? "free" : `${grant.token ?? "?"} ${grant.until}`}`,
  step: (lock, operation, latest) => {
    switch (operation.action) {
      case "acquire":
        return acquire(lock, operation, { latest, until: validUntil(operation, header) });
      case "release":
        return release(lock, operation, latest);
      case "check":
        return check(lock, operation, latest);
      default:
        return lock;
    }
  },
});

const isFree = ({ grant }: Lock, latest: number): boolean => grant === null || grant.until < latest;
const freed = (lock: Lock): Lock => ({ ...lock, grant: null });

function acquire(lock: Lock, operation: Operation, { latest, until }: { latest: number; until: number }): Lock | null {
  if (operation.result === "held") return lock.grant === null ? null : lock;
  if (!isFree(lock, latest)) return null;
  if (operation.result === "unknown") return { ...lock, grant: { token: null, until } };
  const token = operation.token ?? 0;
  return token > lock.highest ? { grant: { token, until }, highest: token } : null;
}

function release(lock: Lock, operation: Operation, latest: number): Lock | null {
  switch (operation.result) {
    case "released":
    case "unknown":
      return lock.grant !== null && lock.grant.token === operation.token ? freed(lock) : null;
    case "notHeld":
    case "expired":
      return isFree(lock, latest) ? freed(lock) : null;
    case "stale":
      return lock.grant !== null && lock.grant.token !== operation.token ? lock : null;
    default:
      return null;
  }
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
