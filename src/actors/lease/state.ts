// What the lease actor keeps: every live lease and every alarm, on every replica; deadlines, on the leader alone; and the renewals
// that are not answered yet. Nothing of it is in any log or snapshot.

import type { Config } from "../config.ts";
import type { Deadlines } from "../deadlines.ts";
import type { AlarmId } from "../messages.ts";
import type { LeaseId, Millis, RequestId } from "../scalars.ts";
import { type Instant, millis, type Term, term } from "../scalars.ts";

/** A live lease. */
export interface TimedLease {
  readonly id: LeaseId;
  readonly ttl: Millis;
  /** How often it was renewed through the log. */
  renewals: number;
  /** A digest of the locks that it holds; always empty where there is one region. */
  locks: string;
  /** On the lease clock (see `leaseClock`). Means nothing while the timers stand still. */
  deadline: Instant;
  /** The term in which its expiry under this count of renewals was proposed; in any other term that expiry is void. */
  expiringIn: Term | null;
}

/** A span that the lock table has asked for. */
export interface TimedAlarm {
  readonly alarm: AlarmId;
  readonly span: Millis;
  /** As of a lease. */
  deadline: Instant;
  /** The term in which it was proposed; in any other term that proposal is void. */
  proposedIn: Term | null;
}

/** A request to renew. */
export interface Renewal {
  readonly requestId: RequestId;
  readonly lease: LeaseId;
}

/** Exists while the timers run: on a leader that has applied the first entry of its term. */
export interface Timing {
  /** A bet for every live lease whose expiry is not proposed, and for every alarm that is not proposed. Leases are numbers and
   *  alarms are text, so they share one heap, one tick and one bound. */
  deadlines: Deadlines<LeaseId | AlarmId>;
  /** For how long this loop has stood still altogether: the lease clock is late by as much. */
  stalled: Millis;
  /** When the next tick is due; null while there is nothing to watch. */
  tickAt: Instant | null;
  lastReceive: Instant;
}

export interface LeaseState {
  /** Whether there are several regions. */
  readonly isRegional: boolean;
  /** ρ */
  readonly clockRateErrorMax: number;
  /** ε */
  readonly clockAllowanceMs: Millis;
  readonly leases: Map<LeaseId, TimedLease>;
  readonly alarms: Map<AlarmId, TimedAlarm>;
  /** The term in which this node leads. */
  leading: Term | null;
  /** The last term whose first entry has been applied. */
  begun: Term;
  timing: Timing | null;
  /** What came before the timers ran. */
  early: Renewal[];
  /** The renewals that the confirmation round under way is for. */
  round: { readonly ticket: number; readonly renewals: readonly Renewal[] } | null;
  /** The renewals that the next round will be for. */
  waiting: Renewal[];
  /** Renewals of leases that this actor does not know, for which the lock table was asked. */
  readonly queries: Map<RequestId, LeaseId>;
  /** Confirmed renewals of leases whose expiry is proposed: answered when the lease has ended, or was renewed after all. */
  readonly held: Map<LeaseId, RequestId[]>;
  /** The last ticket given out. */
  ticket: number;
  /** How many expiries and alarms have been proposed, and how many bets looked at to find them. */
  proposed: number;
  alarmsProposed: number;
  looks: number;
}

export const startLease = ({ cluster }: Config): LeaseState => ({
  isRegional: cluster.regions.length > 1,
  clockRateErrorMax: cluster.clockRateErrorMax,
  clockAllowanceMs: cluster.clockAllowanceMs,
  leases: new Map(),
  alarms: new Map(),
  leading: null,
  begun: term(0),
  timing: null,
  early: [],
  round: null,
  waiting: [],
  queries: new Map(),
  held: new Map(),
  ticket: 0,
  proposed: 0,
  alarmsProposed: 0,
  looks: 0,
});

/** What a server adds to a ttl, so that the client stops first: ttl·ρ + ε. */
export const allowance = (state: LeaseState, ttl: Millis): Millis =>
  millis(Math.ceil(ttl * state.clockRateErrorMax) + state.clockAllowanceMs);

/** Whether an expiry of this lease is proposed that may still come to count. */
export const isExpiring = (state: LeaseState, lease: TimedLease): boolean =>
  lease.expiringIn !== null && lease.expiringIn === state.leading;

/** Whether this alarm is proposed, and that may still come to count. */
export const isProposed = (state: LeaseState, alarm: TimedAlarm): boolean =>
  alarm.proposedIn !== null && alarm.proposedIn === state.leading;
