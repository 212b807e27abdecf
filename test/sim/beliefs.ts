// What clients may believe, and whether it is true. A client counts its lease from the moment before it sent what was
// acknowledged, by its own clock, and stops early; the service must never give away, deny or expire anything that a client
// still rightly counts on. Everything here is judged from outside, by what clients were told and when.

import type { Answer, Operation } from "../../src/actors/operations.ts";
import type { FencingToken, LeaseId, RequestId } from "../../src/actors/scalars.ts";
import { implicitLeaseToken } from "../../src/actors/scalars.ts";
import type { Attempt, Request } from "./clients.ts";
import type { Moment, Schedule } from "./schedule.ts";
import { check } from "./witness.ts";

/** A lease as its client sees it. */
export interface Belief {
  readonly lease: LeaseId;
  readonly ttl: number;
  /** The client counts on the lease until this moment. */
  until: Moment;
  /** What the service has promised: the same, save that answers that came too late for the client count as well. */
  promised: Moment;
}

/** A lock as its client sees it: held from `from` until its lease ends or its release was sent. */
export interface Grant {
  readonly lock: string;
  readonly token: FencingToken;
  readonly belief: Belief;
  readonly from: Moment;
  releaseSentAt: Moment | null;
  releasedAt: Moment | null;
}

export interface Beliefs {
  readonly timetable: Schedule;
  /** ρ and ε, as the clients assume them. */
  readonly rateError: number;
  readonly allowance: number;
  readonly leases: Map<LeaseId, Belief>;
  readonly grants: Map<FencingToken, Grant>;
  /** By lock, the newest last; old ones are forgotten. */
  readonly byLock: Map<string, Grant[]>;
  /** When a replica first saw a lease end. */
  readonly ended: Map<LeaseId, Moment>;
  /** For how many entries the outcome of a write is remembered. */
  readonly requestsRemembered: number;
  /** Clocks are so wrong that nothing is promised but tokens. */
  readonly tokensOnly: boolean;
  /** How many entries are known to be committed. */
  commitIndex: number;
  /** When the entries of a write were first known to be committed, the newest last. After what became of it was forgotten, any of them
   *  may have been the one that did it. */
  readonly committed: Map<RequestId, { readonly index: number; readonly times: readonly Moment[] }>;
  /** The highest token that any client has been told of, and by lock. */
  tokenSeen: number;
  readonly tokenSeenOf: Map<string, number>;
  /** What was known when a request was first sent. */
  readonly floors: Map<number, { readonly any: number; readonly lock: number; readonly commitIndex: number }>;
}

export const createBeliefs = (
  parts: Pick<Beliefs, "timetable" | "rateError" | "allowance" | "requestsRemembered" | "tokensOnly">,
): Beliefs => ({
  ...parts,
  commitIndex: 0,
  leases: new Map(),
  grants: new Map(),
  byLock: new Map(),
  ended: new Map(),
  committed: new Map(),
  tokenSeen: 0,
  tokenSeenOf: new Map(),
  floors: new Map(),
});

/** Checks what holds only while clocks are as good as they are assumed to be. */
function checkTimely({ tokensOnly }: Beliefs, holds: boolean, rule: string, seen: () => string): void {
  check(tokensOnly || holds, rule, seen);
}

const lockOf = (operation: Operation): string => ("lock" in operation ? operation.lock : "");

export function noteAsked(beliefs: Beliefs, request: Request): void {
  const { tokenSeen, tokenSeenOf, floors, timetable, commitIndex } = beliefs;
  const { operation } = request;
  floors.set(request.id, { any: tokenSeen, lock: tokenSeenOf.get(lockOf(operation)) ?? 0, commitIndex });
  if (operation.type !== "release" || operation.grant.token === undefined) return;
  const grant = beliefs.grants.get(operation.grant.token);
  if (grant !== undefined && grant.lock === operation.lock) grant.releaseSentAt ??= timetable.now;
}

const isOpen = (grant: Grant, now: Moment): boolean => grant.releaseSentAt === null && now < grant.belief.until;

/** When a client stops counting on a lease that was acknowledged in answer to `attempt`. */
const validUntil = (beliefs: Beliefs, request: Request, attempt: Attempt, ttl: number): Moment =>
  attempt.sentAt + (ttl * (1 - beliefs.rateError) - beliefs.allowance) / request.client.clockRate;

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

type Acknowledged = { lease: LeaseId; ttl: number; attempt: Attempt };

function opened(beliefs: Beliefs, request: Request, { lease, ttl, attempt }: Acknowledged): void {
  check(!beliefs.leases.has(lease), "a lease number is given once", () => String(lease));
  believe(beliefs, lease, { ttl, until: validUntil(beliefs, request, attempt, ttl) });
}

function renewed(beliefs: Beliefs, request: Request, { lease, ttl, attempt }: Acknowledged): void {
  believe(beliefs, lease, { ttl, until: validUntil(beliefs, request, attempt, ttl) });
}

/** Extends what is believed of a lease. An answer that comes too late revives nothing. */
function believe(beliefs: Beliefs, lease: LeaseId, { ttl, until }: { ttl: number; until: Moment }): Belief {
  let belief = beliefs.leases.get(lease);
  if (belief === undefined) {
    belief = { lease, ttl, until, promised: until };
    beliefs.leases.set(lease, belief);
  } else if (belief.until > beliefs.timetable.now) belief.until = Math.max(belief.until, until);
  belief.promised = Math.max(belief.promised, until);
  const ended = beliefs.ended.get(lease);
  checkTimely(
    beliefs,
    ended === undefined || ended >= until || hasSentRelease(beliefs, lease),
    "no lease ends early",
    () => `lease ${lease} was acknowledged until ${until} and ended at ${ended}`,
  );
  return belief;
}

/** An implicit lease ends with its lock. */
function hasSentRelease(beliefs: Beliefs, lease: LeaseId): boolean {
  const token = implicitLeaseToken(lease);
  return token !== null && (beliefs.grants.get(token)?.releaseSentAt ?? null) !== null;
}

function granted(
  beliefs: Beliefs,
  request: Request,
  { lease, token, ttl, attempt }: Acknowledged & { token: FencingToken },
): void {
  const { now } = beliefs.timetable;
  const lock = lockOf(request.operation);
  const floor = beliefs.floors.get(request.id);
  const known = beliefs.grants.get(token);
  const isImplicit = implicitLeaseToken(lease) !== null;
  see(beliefs, lock, token);
  if (known !== undefined) {
    check(
      known.lock === lock && known.belief.lease === lease,
      "a token is given once",
      () => `${token} for ${lock} under ${lease}, before for ${known.lock} under ${known.belief.lease}`,
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
    () => `${token} for ${lock}, asked for when ${floor?.any} had been told`,
  );
  const grant: Grant = { lock, token, belief, from: now, releaseSentAt: null, releasedAt: null };
  const others = beliefs.byLock.get(lock) ?? [];
  const committed = request.requestId === null ? undefined : beliefs.committed.get(request.requestId);
  const times = committed?.times ?? [now];
  for (const other of others) {
    const end = Math.min(other.belief.until, other.releaseSentAt ?? Number.POSITIVE_INFINITY);
    const wasEarlier = other.token < token;
    checkTimely(
      beliefs,
      !wasEarlier || times.some((at) => at < other.from || at >= end),
      "a lock has one holder",
      () =>
        `${lock}: ${token} was granted at ${times.join(" or ")}, ${other.token} counts from ${other.from} until ${end}`,
    );
    checkTimely(
      beliefs,
      !isOpen(other, now) || now >= belief.until,
      "a lock has one holder",
      () => `${lock}: ${token} under ${lease} counts until ${belief.until}, ${other.token} until ${end}, now ${now}`,
    );
  }
  beliefs.grants.set(token, grant);
  beliefs.byLock.set(lock, [...others.slice(-8), grant]);
}

function see(beliefs: Beliefs, lock: string, token: FencingToken): void {
  beliefs.tokenSeen = Math.max(beliefs.tokenSeen, token);
  beliefs.tokenSeenOf.set(lock, Math.max(beliefs.tokenSeenOf.get(lock) ?? 0, token));
}

function released(beliefs: Beliefs, request: Request, token: FencingToken): void {
  const grant = beliefs.grants.get(token);
  if (grant === undefined) return;
  check(grant.lock === lockOf(request.operation), "a release frees the lock it names", () => `${token}`);
  grant.releasedAt ??= beliefs.timetable.now;
}

/** A client saw who holds a lock (null: nobody) at some moment since it asked. */
function seenHeld(beliefs: Beliefs, request: Request, token: FencingToken | null): void {
  const lock = lockOf(request.operation);
  const { now } = beliefs.timetable;
  for (const grant of beliefs.byLock.get(lock) ?? []) {
    if (grant.token === token) {
      const { releasedAt } = grant;
      check(
        releasedAt === null || releasedAt > request.askedAt,
        "a released lock is not seen held",
        () => `${lock}: ${token} was released at ${releasedAt}, seen by one who asked at ${request.askedAt}`,
      );
    } else {
      const covers = grant.from <= request.askedAt && isOpen(grant, now);
      checkTimely(
        beliefs,
        !covers,
        "whoever holds a lock is seen to hold it",
        () =>
          `${lock}: ${grant.token} counts from ${grant.from} until ${grant.belief.until}; ${token} was seen between ${request.askedAt} and ${now}`,
      );
    }
  }
  if (token === null) return;
  const floor = beliefs.floors.get(request.id)?.lock ?? 0;
  check(token >= floor, "tokens of one lock are not seen to fall", () => `${lock}: ${token} after ${floor}`);
  see(beliefs, lock, token);
}

function seenEnded(beliefs: Beliefs, lease: LeaseId, how: string): void {
  const belief = beliefs.leases.get(lease);
  const { now } = beliefs.timetable;
  checkTimely(
    beliefs,
    belief === undefined || belief.until <= now,
    "no lease is denied early",
    () => `lease ${lease} counts until ${belief?.until} and was called ${how} at ${now}`,
  );
}

function releaseFailed(beliefs: Beliefs, request: Request, how: string): void {
  const { operation } = request;
  if (operation.type !== "release" || operation.grant.token === undefined) return;
  const grant = beliefs.grants.get(operation.grant.token);
  if (grant === undefined || grant.releasedAt !== null || grant.lock !== operation.lock) return;
  const { now } = beliefs.timetable;
  // A repeat that comes so late that the first release was forgotten finds nothing to release, and rightly says so.
  const age = beliefs.commitIndex - (beliefs.floors.get(request.id)?.commitIndex ?? 0);
  if (request.attempts.length > 1 && age > beliefs.requestsRemembered) return;
  checkTimely(
    beliefs,
    now >= grant.belief.until,
    "no grant is lost",
    () =>
      `${grant.lock}: the release of ${grant.token}, which counts until ${grant.belief.until}, met ${how} at ${now}`,
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
    belief === undefined || belief.promised <= now || hasSentRelease(beliefs, lease),
    "no lease ends early",
    () => `lease ${lease} was promised until ${belief?.promised} and ended at ${now}`,
  );
}

export function noteCommitted(beliefs: Beliefs, request: RequestId, index: number): void {
  beliefs.commitIndex = index;
  const former = beliefs.committed.get(request);
  // Every replica tells of the same entries.
  if (former !== undefined && index <= former.index) return;
  beliefs.committed.set(request, { index, times: [...(former?.times ?? []).slice(-7), beliefs.timetable.now] });
}
