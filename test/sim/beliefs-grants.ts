// Whether what clients believe of grants is true: nobody believes that he holds a lock beside somebody with whom he cannot, tokens
// rise, and no grant is lost or denied.

import type { Demand } from "../../src/actors/operations.ts";
import type { FencingToken } from "../../src/actors/scalars.ts";
import { implicitLeaseToken } from "../../src/actors/scalars.ts";
import { believe } from "./beliefs-leases.ts";
import {
  type Acknowledged,
  type Beliefs,
  checkTimely,
  demandOf,
  demandsOf,
  endOf,
  type Grant,
  holdsLock,
  isOpen,
  lockOf,
  validUntil,
} from "./beliefs-shape.ts";
import type { Request } from "./clients.ts";
import { clash } from "./queues/rules.ts";
import type { Moment } from "./schedule.ts";
import { check } from "./witness.ts";

export function granted(
  beliefs: Beliefs,
  request: Request,
  { lease, token, ttl, attempt }: Acknowledged & { token: FencingToken },
): void {
  const { now } = beliefs.timetable;
  const demands = demandsOf(request.operation);
  const floor = beliefs.floors.get(request.id);
  const known = beliefs.grants.get(token);
  const isImplicit = implicitLeaseToken(lease) !== null;
  const names = demands.map((demand) => demand.lock).join(" ");
  for (const { lock } of demands) see(beliefs, lock, token);
  if (known !== undefined) {
    check(
      demands.every((demand) => holdsLock(known, demand.lock)) && known.belief.lease === lease,
      "a token is given once",
      () =>
        `${token} for ${names} under ${lease}, before for ${JSON.stringify(known.demands)} under ${known.belief.lease}`,
    );
    // A repeat that finds its grant renews it.
    if (isImplicit) believe(beliefs, lease, { ttl, until: validUntil(beliefs, request, attempt, ttl) });
    return;
  }
  const belief = isImplicit
    ? believe(beliefs, lease, { ttl, until: validUntil(beliefs, request, attempt, ttl) })
    : (beliefs.leases.get(lease) ?? { lease, ttl, until: now, promised: now });
  check(
    floor === undefined || token > floor.any || !isImplicit,
    "a grant has a higher token than those before it",
    () => `${token} for ${names}, asked for when ${floor?.any} had been told`,
  );
  const { requestId } = request;
  const undone = requestId === null ? undefined : beliefs.cancelled.get(requestId);
  const releaseSentAt = beliefs.revoked.get(lease) ?? undone ?? null;
  const grant: Grant = { demands, token, requestId, belief, from: now, releaseSentAt, releasedAt: null };
  const committed = requestId === null ? undefined : beliefs.committed.get(requestId);
  const exactly = beliefs.known?.grantedAt(token);
  const times = exactly === undefined ? (committed?.times ?? [now]) : [exactly];
  for (const demand of demands) {
    const others = beliefs.byLock.get(demand.lock) ?? [];
    for (const other of others) judgeNeighbours(beliefs, { grant, other, times, demand });
    judgePermits(beliefs, demand, [...others, grant]);
    beliefs.byLock.set(demand.lock, [...others.slice(-8), grant]);
  }
  beliefs.grants.set(token, grant);
}

/** Two who may not hold a lock beside each other do not believe that they do. */
function judgeNeighbours(
  beliefs: Beliefs,
  { grant, other, times, demand }: { grant: Grant; other: Grant; times: readonly Moment[]; demand: Demand },
): void {
  const { now } = beliefs.timetable;
  const theirs = demandOf(other, demand.lock);
  if (theirs === undefined || !clash(demand, theirs)) return;
  const { token, belief } = grant;
  const end = endOf(beliefs, other);
  checkTimely(
    beliefs,
    other.token >= token || times.some((at) => at < other.from || at >= end),
    "a lock has one holder",
    () =>
      `${demand.lock}: ${token} was granted at ${times.join(" or ")}, ${other.token} counts from ${other.from} until ${end}`,
  );
  checkTimely(
    beliefs,
    !isOpen(beliefs, other) || now >= endOf(beliefs, grant),
    "a lock has one holder",
    () =>
      `${demand.lock}: ${token} under ${belief.lease} counts until ${belief.until}, ${other.token} until ${end}, now ${now}`,
  );
}

/** Those who hold a semaphore, as they believe, have no more permits than there are. */
function judgePermits(beliefs: Beliefs, demand: Demand, grants: readonly Grant[]): void {
  if (demand.mode !== "semaphore") return;
  const open = grants.filter((grant) => isOpen(beliefs, grant));
  const permits = open.reduce((sum, grant) => sum + (demandOf(grant, demand.lock)?.permits ?? 0), 0);
  checkTimely(
    beliefs,
    permits <= demand.limit,
    "permits are never above the limit",
    () => `${demand.lock}: ${open.map(({ token }) => token).join(" ")} have ${permits} of ${demand.limit}`,
  );
}

function see(beliefs: Beliefs, lock: string, token: FencingToken): void {
  beliefs.tokenSeen = Math.max(beliefs.tokenSeen, token);
  beliefs.tokenSeenOf.set(lock, Math.max(beliefs.tokenSeenOf.get(lock) ?? 0, token));
}

export function released(beliefs: Beliefs, request: Request, token: FencingToken): void {
  const grant = beliefs.grants.get(token);
  if (grant === undefined) return;
  const { operation } = request;
  const isNamed = operation.type !== "release" || holdsLock(grant, operation.lock);
  check(isNamed, "a release frees the lock it names", () => `${token}`);
  grant.releasedAt ??= beliefs.timetable.now;
}

/** A client saw who holds a lock (null: nobody) at some moment since it asked. */
export function seenHeld(beliefs: Beliefs, request: Request, token: FencingToken | null): void {
  const lock = lockOf(request.operation);
  const { now } = beliefs.timetable;
  // Somebody who only waits is in the way.
  if (token === 0) return;
  const seen = token === null ? undefined : demandInLog(beliefs, token, lock);
  for (const grant of beliefs.byLock.get(lock) ?? []) {
    if (grant.token === token) {
      const { releasedAt } = grant;
      check(
        releasedAt === null || releasedAt > request.askedAt,
        "a released lock is not seen held",
        () => `${lock}: ${token} was released at ${releasedAt}, seen by one who asked at ${request.askedAt}`,
      );
    } else {
      const own = demandOf(grant, lock);
      // Beside it others may hold the lock, and be seen.
      const isBeside = seen !== undefined && own !== undefined && !clash(seen, own);
      const covers = grant.from <= request.askedAt && isOpen(beliefs, grant) && !isBeside;
      checkTimely(
        beliefs,
        !covers,
        "whoever holds a lock is seen to hold it",
        () =>
          `${lock}: ${grant.token} counts from ${grant.from} until ${grant.belief.until}; ${token} was seen between ${request.askedAt} and ${now}`,
      );
    }
  }
  if (token === null || (seen !== undefined && seen.mode !== "exclusive")) return;
  const floor = beliefs.floors.get(request.id)?.lock ?? 0;
  check(token >= floor, "tokens of one lock are not seen to fall", () => `${lock}: ${token} after ${floor}`);
  see(beliefs, lock, token);
}

const demandInLog = ({ known }: Beliefs, token: FencingToken, name: string): Demand | undefined =>
  known?.demandsOf(token)?.find(({ lock }) => lock === name);

export function releaseFailed(beliefs: Beliefs, request: Request, how: string): void {
  const { operation } = request;
  if (operation.type !== "release" || operation.grant.token === undefined) return;
  const grant = beliefs.grants.get(operation.grant.token);
  if (grant === undefined || grant.releasedAt !== null || !holdsLock(grant, operation.lock)) return;
  const { now } = beliefs.timetable;
  // A repeat that comes so late that the first release was forgotten finds nothing to release, and rightly says so.
  const age = beliefs.commitIndex - (beliefs.floors.get(request.id)?.commitIndex ?? 0);
  if (request.attempts.length > 1 && age > beliefs.requestsRemembered) return;
  checkTimely(
    beliefs,
    now >= grant.belief.until || beliefs.known?.takenAt(grant.token) !== undefined,
    "no grant is lost",
    () =>
      `${operation.lock}: the release of ${grant.token}, which counts until ${grant.belief.until}, met ${how} at ${now}`,
  );
}
