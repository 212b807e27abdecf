// Whether what clients believe of leases is true: none ends or is denied before its client has stopped counting on it.

import type { LeaseId } from "../../src/actors/scalars.ts";
import { implicitLeaseToken } from "../../src/actors/scalars.ts";
import { type Acknowledged, type Belief, type Beliefs, checkTimely, validUntil } from "./beliefs-shape.ts";
import type { Request } from "./clients.ts";
import type { Moment } from "./schedule.ts";
import { check } from "./witness.ts";

export function opened(beliefs: Beliefs, request: Request, { lease, ttl, attempt }: Acknowledged): void {
  check(!beliefs.leases.has(lease), "a lease number is given once", () => String(lease));
  believe(beliefs, lease, { ttl, until: validUntil(beliefs, request, attempt, ttl) });
}

export function renewed(beliefs: Beliefs, request: Request, { lease, ttl, attempt }: Acknowledged): void {
  believe(beliefs, lease, { ttl, until: validUntil(beliefs, request, attempt, ttl) });
}

/** Extends what is believed of a lease. An answer that comes too late revives nothing. */
export function believe(beliefs: Beliefs, lease: LeaseId, { ttl, until }: { ttl: number; until: Moment }): Belief {
  let belief = beliefs.leases.get(lease);
  if (belief === undefined) {
    belief = { lease, ttl, until, promised: until };
    beliefs.leases.set(lease, belief);
  } else if (belief.until > beliefs.timetable.now) belief.until = Math.max(belief.until, until);
  belief.promised = Math.max(belief.promised, until);
  const ended = beliefs.ended.get(lease);
  checkTimely(
    beliefs,
    ended === undefined || ended >= until || isLetGo(beliefs, lease),
    "no lease ends early",
    () => `lease ${lease} was acknowledged until ${until} and ended at ${ended}`,
  );
  return belief;
}

/** Somebody has asked for its end; or for that of its grant, for an implicit lease ends with its grant. */
function isLetGo(beliefs: Beliefs, lease: LeaseId): boolean {
  if (beliefs.revoked.has(lease)) return true;
  const token = implicitLeaseToken(lease);
  if (token === null) return false;
  return (beliefs.grants.get(token)?.releaseSentAt ?? null) !== null || beliefs.known?.takenAt(token) !== undefined;
}

export function seenEnded(beliefs: Beliefs, lease: LeaseId, how: string): void {
  const belief = beliefs.leases.get(lease);
  const { now } = beliefs.timetable;
  checkTimely(
    beliefs,
    belief === undefined || belief.until <= now || beliefs.revoked.has(lease),
    "no lease is denied early",
    () => `lease ${lease} counts until ${belief?.until} and was called ${how} at ${now}`,
  );
}

/** A replica has seen a lease end. */
export function noteEnded(beliefs: Beliefs, lease: LeaseId): void {
  if (beliefs.ended.has(lease)) return;
  const { now } = beliefs.timetable;
  beliefs.ended.set(lease, now);
  const belief = beliefs.leases.get(lease);
  checkTimely(
    beliefs,
    belief === undefined || belief.promised <= now || isLetGo(beliefs, lease),
    "no lease ends early",
    () => `lease ${lease} was promised until ${belief?.promised} and ended at ${now}`,
  );
}
