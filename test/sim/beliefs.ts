// What clients may believe, and whether it is true. A client counts its lease from the moment before it sent what was
// acknowledged, by its own clock, and stops early; the service must never give away, deny or expire anything that a client
// still rightly counts on. Everything here is judged from outside, by what clients were told and when.

import type { Answer } from "../../src/actors/operations.ts";
import type { RequestId } from "../../src/actors/scalars.ts";
import { granted, released, releaseFailed, seenHeld } from "./beliefs-grants.ts";
import { opened, renewed, seenEnded } from "./beliefs-leases.ts";
import { type Beliefs, holdsLock, lockOf } from "./beliefs-shape.ts";
import type { Attempt, Request } from "./clients.ts";

export { noteEnded } from "./beliefs-leases.ts";
export { type Belief, type Beliefs, createBeliefs, type Grant, type Known } from "./beliefs-shape.ts";

export function noteAsked(beliefs: Beliefs, request: Request): void {
  const { tokenSeen, tokenSeenOf, floors, timetable, commitIndex } = beliefs;
  const { now } = timetable;
  const { operation } = request;
  floors.set(request.id, { any: tokenSeen, lock: tokenSeenOf.get(lockOf(operation)) ?? 0, commitIndex });
  switch (operation.type) {
    case "release": {
      const grant = operation.grant.token === undefined ? undefined : beliefs.grants.get(operation.grant.token);
      if (grant !== undefined && holdsLock(grant, operation.lock)) grant.releaseSentAt ??= now;
      return;
    }
    case "releaseAll": {
      const grant = beliefs.grants.get(operation.token);
      if (grant !== undefined) grant.releaseSentAt ??= now;
      return;
    }
    case "endLease": {
      if (!beliefs.revoked.has(operation.lease)) beliefs.revoked.set(operation.lease, now);
      for (const grant of beliefs.grants.values()) {
        if (grant.belief.lease === operation.lease) grant.releaseSentAt ??= now;
      }
      return;
    }
    case "cancel": {
      const { request: requestId } = operation;
      if (!beliefs.cancelled.has(requestId)) beliefs.cancelled.set(requestId, now);
      for (const grant of beliefs.grants.values()) if (grant.requestId === requestId) grant.releaseSentAt ??= now;
      return;
    }
    default:
      return;
  }
}

/** Judges an answer, and believes it. */
export function noteAnswer(beliefs: Beliefs, request: Request, answer: Answer, attempt: Attempt): void {
  switch (answer.type) {
    case "leaseOpened":
      return opened(beliefs, request, { lease: answer.lease, ttl: answer.ttl, attempt });
    case "leaseRenewed":
      return renewed(beliefs, request, { lease: answer.lease, ttl: answer.ttl, attempt });
    case "granted":
      return granted(beliefs, request, { ...answer, attempt });
    case "released":
      return released(beliefs, request, answer.token);
    case "locked":
    case "held":
      return seenHeld(beliefs, request, answer.holder.token);
    case "free":
      return seenHeld(beliefs, request, null);
    case "leaseUnknown":
    case "leaseEnded":
      return seenEnded(beliefs, answer.lease, answer.type);
    case "notHeld":
    case "grantExpired":
    case "staleToken":
      return releaseFailed(beliefs, request, answer.type);
    default:
      return;
  }
}

export function noteCommitted(beliefs: Beliefs, request: RequestId, index: number): void {
  beliefs.commitIndex = index;
  const former = beliefs.committed.get(request);
  // Every replica tells of the same entries.
  if (former !== undefined && index <= former.index) return;
  beliefs.committed.set(request, { index, times: [...(former?.times ?? []).slice(-7), beliefs.timetable.now] });
}
