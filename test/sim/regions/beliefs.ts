// What clients of several regions may believe, and whether it is true: judged by what they were told and when, and by what a
// majority of regions has accepted. A client counts a grant from the moment before it sent what was acknowledged, by its own
// clock; nobody else's grant of the lock may be accepted by a majority as long as it rightly does.

import type { Answer, Operation } from "../../../src/actors/operations.ts";
import { isImplicit, type LeaseId } from "../../../src/actors/scalars.ts";
import type { Attempt, ClientWitness, Request } from "../clients.ts";
import type { Moment, Schedule } from "../schedule.ts";
import { check } from "../witness.ts";
import { type BallotRules, type Chosen, isHeldByMajority, isOvertaken, mayBeForgotten } from "./ballot-rules.ts";

interface Belief {
  readonly lease: LeaseId;
  /** The client counts on the lease until this moment. */
  until: Moment;
}

interface Grant {
  readonly lock: string;
  readonly token: number;
  readonly belief: Belief;
  readonly from: Moment;
  releaseSentAt: Moment | null;
  releasedAt: Moment | null;
}

export interface RegionBeliefs {
  readonly timetable: Schedule;
  readonly rateError: number;
  readonly allowance: number;
  readonly rules: BallotRules;
  readonly leases: Map<LeaseId, Belief>;
  /** Which request opened a lease. */
  readonly openers: Map<LeaseId, string>;
  /** As `lock|token`. */
  readonly grants: Map<string, Grant>;
  /** The newest last; old ones are forgotten. */
  readonly byLock: Map<string, Grant[]>;
  /** The highest token that any client was told of, by lock; and what it was when a request was first sent. */
  readonly seen: Map<string, number>;
  readonly floors: Map<number, number>;
}

export function createRegionBeliefs(
  parts: Pick<RegionBeliefs, "timetable" | "rateError" | "allowance" | "rules">,
): RegionBeliefs {
  const beliefs: RegionBeliefs = {
    ...parts,
    leases: new Map(),
    openers: new Map(),
    grants: new Map(),
    byLock: new Map(),
    seen: new Map(),
    floors: new Map(),
  };
  parts.rules.onChosen = (chosen) => noteChosen(beliefs, chosen);
  return beliefs;
}

export const beliefsWitness = (beliefs: RegionBeliefs): ClientWitness => ({
  asked: (request) => noteAsked(beliefs, request),
  attempted: () => undefined,
  settled: (request, answer, attempt) => {
    if (answer !== null && attempt !== null) noteAnswer(beliefs, request, answer, attempt);
  },
});

const lockOf = (operation: Operation): string => {
  if (operation.type === "acquireAll") return operation.demands[0]?.lock ?? "";
  return ("lock" in operation ? operation.lock : undefined) ?? "";
};
const key = (lock: string, token: number): string => `${lock}|${token}`;

function noteAsked({ floors, seen, timetable, byLock }: RegionBeliefs, { id, operation }: Request): void {
  const lock = lockOf(operation);
  floors.set(id, seen.get(lock) ?? 0);
  const named = namedBy(operation);
  if (named === null) return;
  const { token, lease } = named;
  for (const grant of byLock.get(lock) ?? []) {
    if (grant.token === token || (token === undefined && grant.belief.lease === lease)) {
      grant.releaseSentAt ??= timetable.now;
    }
  }
}

/** Which grants the client counts on no more once it has asked for this. */
function namedBy(operation: Operation): { readonly token?: number; readonly lease?: number } | null {
  switch (operation.type) {
    case "release":
      return operation.grant;
    case "cancel":
      return operation.lease === null ? null : { lease: operation.lease };
    default:
      return null;
  }
}

const endOf = ({ belief, releaseSentAt }: Grant): Moment =>
  Math.min(belief.until, releaseSentAt ?? Number.POSITIVE_INFINITY);

/** A majority has accepted a grant, whether or not its client will ever hear of it. */
function noteChosen(beliefs: RegionBeliefs, chosen: Chosen): void {
  const { lock, token, at, requestId } = chosen;
  for (const grant of beliefs.byLock.get(lock) ?? []) {
    check(
      grant.token === token || at >= endOf(grant),
      "a lock has one holder",
      () => `${lock}: a majority accepts ${token} at ${at}; ${grant.token} counts until ${endOf(grant)}`,
    );
  }
  const seen = beliefs.seen.get(lock) ?? 0;
  // Two requests of one lease may have been given one token by one region each: the lease holds the lock with it all the same.
  const isSeenHeld = token === seen && isHeldByMajority(beliefs.rules, lock, token, chosen.lease);
  check(
    token > seen || isSeenHeld,
    "tokens of one lock rise",
    () => `${lock}: ${token} is granted after ${seen} was told`,
  );
  const former = beliefs.rules.byRequest.get(requestId);
  const isRemembered = former !== undefined && !mayBeForgotten(beliefs.rules, former);
  check(!isRemembered || former.lock !== lock, "a request is granted once", () => JSON.stringify({ former, chosen }));
}

/** When a client stops counting on what was acknowledged in answer to `attempt`. */
const validUntil = (beliefs: RegionBeliefs, request: Request, attempt: Attempt, ttl: number): Moment =>
  attempt.sentAt + (ttl * (1 - beliefs.rateError) - beliefs.allowance) / request.client.clockRate;

function noteAnswer(beliefs: RegionBeliefs, request: Request, answer: Answer, attempt: Attempt): void {
  switch (answer.type) {
    case "leaseOpened": {
      const opener = beliefs.openers.get(answer.lease);
      const { requestId } = request;
      check(opener === undefined || opener === requestId, "a lease number is given once", () => String(answer.lease));
      if (requestId !== null) beliefs.openers.set(answer.lease, requestId);
      return believe(beliefs, answer.lease, validUntil(beliefs, request, attempt, answer.ttl));
    }
    case "leaseRenewed":
      requireRenewals(beliefs, answer.lease, attempt);
      return believe(beliefs, answer.lease, validUntil(beliefs, request, attempt, answer.ttl));
    case "granted":
      return granted(beliefs, request, answer, attempt);
    case "released":
      return released(beliefs, request, answer.token);
    case "cancelled":
      if (answer.token !== null) released(beliefs, request, answer.token);
      return;
    case "locked":
      requireMajority(beliefs, request, answer.holder);
      return seenHeld(beliefs, request, answer.holder.token);
    case "free":
      return seenHeld(beliefs, request, null);
    case "leaseUnknown":
    case "leaseEnded":
      return seenEnded(beliefs, answer.lease, answer.type);
    case "grantOver":
      return grantOver(beliefs, request, answer.token);
    case "notHeld":
    case "grantExpired":
    case "staleToken":
    case "heldByAnotherLease":
      return releaseFailed(beliefs, request, answer.type);
    default:
      return;
  }
}

function believe(beliefs: RegionBeliefs, lease: LeaseId, until: Moment): void {
  const { now } = beliefs.timetable;
  const belief = beliefs.leases.get(lease);
  if (belief === undefined) {
    beliefs.leases.set(lease, { lease, until });
    return;
  }
  // An answer that comes too late revives nothing.
  if (belief.until > now) belief.until = Math.max(belief.until, until);
  for (const grants of beliefs.byLock.values()) {
    for (const grant of grants) if (grant.belief === belief) requireStanding(beliefs, grant);
  }
}

/** As long as a client counts on a grant, no later one has been accepted by a majority. */
function requireStanding({ rules, timetable }: RegionBeliefs, grant: Grant): void {
  const newest = rules.newest.get(grant.lock);
  const isLater = newest !== undefined && newest.token > grant.token;
  check(
    !isLater || timetable.now >= endOf(grant),
    "a lock has one holder",
    () => `${grant.lock}: ${grant.token} counts until ${endOf(grant)}, a majority has ${JSON.stringify(newest)}`,
  );
}

function requireRenewals({ rules }: RegionBeliefs, lease: LeaseId, { sentAt }: Attempt): void {
  const renewed = [...(rules.renewed.get(lease)?.values() ?? [])].filter((at) => at >= sentAt).length;
  check(
    renewed * 2 > rules.regions,
    "a renewal is acknowledged by a majority",
    () => `lease ${lease}: ${renewed} of ${rules.regions} since ${sentAt}`,
  );
}

function requireMajority(
  { rules }: RegionBeliefs,
  request: Request,
  { token, lease }: { readonly token: number; readonly lease: number },
): void {
  check(
    isHeldByMajority(rules, lockOf(request.operation), token, lease),
    "a read shows only what a majority has accepted",
    () => `${lockOf(request.operation)}: ${token}`,
  );
}

function see(beliefs: RegionBeliefs, lock: string, token: number): void {
  beliefs.seen.set(lock, Math.max(beliefs.seen.get(lock) ?? 0, token));
}

function granted(
  beliefs: RegionBeliefs,
  request: Request,
  { lease, token, ttl }: Extract<Answer, { type: "granted" }>,
  attempt: Attempt,
): void {
  const lock = lockOf(request.operation);
  const chosen = beliefs.rules.chosen.get(key(lock, token));
  // An answer that comes too late revives nothing, and need not be true any more.
  if (isImplicit(lease) && validUntil(beliefs, request, attempt, ttl) <= beliefs.timetable.now) return;
  check(
    chosen !== undefined && chosen.lease === lease,
    "a grant is acknowledged by a majority",
    () => `${lock}: ${token} under ${lease}`,
  );
  if (isImplicit(lease)) {
    check(chosen.requestId === request.requestId, "a token is given to one request", () => JSON.stringify(chosen));
    believe(beliefs, lease, validUntil(beliefs, request, attempt, ttl));
  }
  const { now } = beliefs.timetable;
  const known = beliefs.grants.get(key(lock, token));
  see(beliefs, lock, token);
  if (known !== undefined) return;
  const floor = beliefs.floors.get(request.id) ?? 0;
  const { operation } = request;
  const isUnderLease = (operation.type === "acquire" || operation.type === "acquireAll") && "lease" in operation.under;
  const isRepeat = isUnderLease || chosen.at < request.askedAt;
  check(token > floor || isRepeat, "tokens of one lock rise", () => `${lock}: ${token} after ${floor}`);
  const belief = beliefs.leases.get(lease) ?? { lease, until: now };
  const grant: Grant = { lock, token, belief, from: now, releaseSentAt: null, releasedAt: null };
  for (const other of beliefs.byLock.get(lock) ?? []) {
    check(
      now >= endOf(other) || now >= belief.until,
      "a lock has one holder",
      () => `${lock}: ${token} counts until ${belief.until}, ${other.token} until ${endOf(other)}, now ${now}`,
    );
  }
  beliefs.grants.set(key(lock, token), grant);
  beliefs.byLock.set(lock, [...(beliefs.byLock.get(lock) ?? []).slice(-8), grant]);
  requireStanding(beliefs, grant);
}

function released(beliefs: RegionBeliefs, request: Request, token: number): void {
  const lock = lockOf(request.operation);
  // Once a majority has accepted something later, nothing can bring back what a minority was told to end.
  const isPast = isOvertaken(beliefs.rules, lock, token);
  check(
    beliefs.rules.ends.has(key(lock, token)) || isPast,
    "a release is acknowledged by a majority",
    () => `${lock}: ${token}`,
  );
  const grant = beliefs.grants.get(key(lock, token));
  if (grant !== undefined) grant.releasedAt ??= beliefs.timetable.now;
}

/** A client saw who holds a lock (null: nobody) at some moment since it asked. */
function seenHeld(beliefs: RegionBeliefs, request: Request, token: number | null): void {
  const lock = lockOf(request.operation);
  const { now } = beliefs.timetable;
  for (const grant of beliefs.byLock.get(lock) ?? []) {
    const { from, releasedAt } = grant;
    if (grant.token === token) {
      check(
        releasedAt === null || releasedAt > request.askedAt,
        "a released lock is not seen held",
        () => `${lock}: ${token} was released at ${releasedAt}, seen by one who asked at ${request.askedAt}`,
      );
    } else {
      check(
        from > request.askedAt || now >= endOf(grant),
        "whoever holds a lock is seen to hold it",
        () =>
          `${lock}: ${grant.token} counts from ${from} until ${endOf(grant)}; ${token} was seen since ${request.askedAt}`,
      );
    }
  }
  if (token === null) return;
  const floor = beliefs.floors.get(request.id) ?? 0;
  check(token >= floor, "tokens of one lock are not seen to fall", () => `${lock}: ${token} after ${floor}`);
  see(beliefs, lock, token);
}

function seenEnded(beliefs: RegionBeliefs, lease: LeaseId, how: string): void {
  const belief = beliefs.leases.get(lease);
  const { now } = beliefs.timetable;
  check(
    belief === undefined || belief.until <= now,
    "no lease is denied early",
    () => `lease ${lease} counts until ${belief?.until} and was called ${how} at ${now}`,
  );
}

function grantOver(beliefs: RegionBeliefs, request: Request, token: number): void {
  const place = key(lockOf(request.operation), token);
  // What only a minority accepted may have had the same token.
  if (beliefs.rules.chosen.get(place)?.requestId !== request.requestId) return;
  const grant = beliefs.grants.get(place);
  const { now } = beliefs.timetable;
  check(
    grant === undefined || now >= endOf(grant),
    "no grant is denied early",
    () => `${grant?.lock}: ${token} counts until ${grant === undefined ? 0 : endOf(grant)}, now ${now}`,
  );
}

function releaseFailed(beliefs: RegionBeliefs, request: Request, how: string): void {
  const { operation } = request;
  if (operation.type !== "release") return;
  const { token } = operation.grant;
  const grant = token === undefined ? undefined : beliefs.grants.get(key(operation.lock, token));
  // What it has begun to end may be over before it is told of it.
  const isBegun = token !== undefined && beliefs.rules.freed.has(key(operation.lock, token));
  if (grant === undefined || grant.releasedAt !== null || isBegun) return;
  const { now } = beliefs.timetable;
  check(
    now >= grant.belief.until,
    "no grant is lost",
    () => `${grant.lock}: the release of ${token}, which counts until ${grant.belief.until}, met ${how} at ${now}`,
  );
}
