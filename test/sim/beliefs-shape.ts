// What there is to know of clients' beliefs: the leases and grants that they count on, what the log says of them, and what had been
// told to whom when something was asked.

import type { Demand, Operation } from "../../src/actors/operations.ts";
import type { FencingToken, LeaseId, RequestId } from "../../src/actors/scalars.ts";
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

/** Locks as their client sees them: held from `from` until its lease ends or its release was sent. */
export interface Grant {
  readonly demands: readonly Demand[];
  readonly token: FencingToken;
  readonly requestId: RequestId | null;
  readonly belief: Belief;
  readonly from: Moment;
  releaseSentAt: Moment | null;
  releasedAt: Moment | null;
}

/** What the log says of grants, by token; undefined of those that are not in it. */
export interface Known {
  readonly grantedAt: (token: FencingToken) => Moment | undefined;
  readonly demandsOf: (token: FencingToken) => readonly Demand[] | undefined;
  /** When it was taken from its holder, or its lease was ended for him. */
  readonly takenAt: (token: FencingToken) => Moment | undefined;
}

export interface Beliefs {
  readonly timetable: Schedule;
  /** What the log says of grants, if somebody keeps account of it. */
  known: Known | null;
  /** ρ and ε, as the clients assume them. */
  readonly rateError: number;
  readonly allowance: number;
  readonly leases: Map<LeaseId, Belief>;
  readonly grants: Map<FencingToken, Grant>;
  /** By lock, the newest last; old ones are forgotten. */
  readonly byLock: Map<string, Grant[]>;
  /** When a replica first saw a lease end. */
  readonly ended: Map<LeaseId, Moment>;
  /** When somebody first asked for the end of a lease. */
  readonly revoked: Map<LeaseId, Moment>;
  /** When a client first asked for a request of its own to be undone. */
  readonly cancelled: Map<RequestId, Moment>;
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
  known: null,
  commitIndex: 0,
  leases: new Map(),
  grants: new Map(),
  byLock: new Map(),
  ended: new Map(),
  revoked: new Map(),
  cancelled: new Map(),
  committed: new Map(),
  tokenSeen: 0,
  tokenSeenOf: new Map(),
  floors: new Map(),
});

/** Checks what holds only while clocks are as good as they are assumed to be. */
export function checkTimely({ tokensOnly }: Beliefs, holds: boolean, rule: string, seen: () => string): void {
  check(tokensOnly || holds, rule, seen);
}

export const lockOf = (operation: Operation): string => ("lock" in operation ? operation.lock : "");

/** What a request wants to hold. */
export const demandsOf = (operation: Operation): readonly Demand[] =>
  operation.type === "acquireAll"
    ? operation.demands
    : [{ lock: lockOf(operation), mode: "exclusive", permits: 1, limit: 0 }];

export const holdsLock = ({ demands }: Grant, name: string): boolean => demands.some(({ lock }) => lock === name);

export const demandOf = ({ demands }: Grant, name: string): Demand | undefined =>
  demands.find(({ lock }) => lock === name);

/** Until when a grant counts, as far as is known. */
export function endOf({ known }: Beliefs, { token, belief, releaseSentAt }: Grant): Moment {
  const taken = known?.takenAt(token) ?? Number.POSITIVE_INFINITY;
  return Math.min(belief.until, releaseSentAt ?? Number.POSITIVE_INFINITY, taken);
}

export const isOpen = (beliefs: Beliefs, grant: Grant): boolean => beliefs.timetable.now < endOf(beliefs, grant);

/** When a client stops counting on a lease that was acknowledged in answer to `attempt`. */
export const validUntil = (beliefs: Beliefs, request: Request, attempt: Attempt, ttl: number): Moment =>
  attempt.sentAt + (ttl * (1 - beliefs.rateError) - beliefs.allowance) / request.client.clockRate;

export type Acknowledged = { lease: LeaseId; ttl: number; attempt: Attempt };
