// Deadlines, and the tick that looks at them. They run on the leader only, and only after the first entry of its term has been
// applied; then every live lease has its full span. Late is safe, early is not.

import { cancelTimer, type Effect, send, setTimer } from "../actor.ts";
import { addDeadline, nextDeadline, noDeadlines, takeOverdue } from "../deadlines.ts";
import { invariant } from "../invariant.ts";
import type { Command } from "../messages.ts";
import { after, between, type Instant, type LeaseId, type Millis, millis, type Term } from "../scalars.ts";
import { allowance, isExpiring, type LeaseState, type TimedLease, type Timing } from "./state.ts";

type Effects = Effect<"lease">[];

/** The longest between two ticks: whatever falls due in between is late by at most this. */
const tickMsMax = millis(100);
/** The shortest between two ticks: it spreads a mass expiry, and keeps a timer that runs out early from spinning. */
const tickMsMin = millis(10);
/** The most expiries proposed in one tick. */
const expiriesMax = 512;
/** A silence that is longer than this although a tick was due means that this loop stood still. */
const silenceMsMax = millis(2 * tickMsMax);

/**
 * The clock that deadlines are on: this machine's, less the time for which this loop stood still. So an outage is added to all
 * deadlines at once.
 */
export const leaseClock = (timing: Timing, now: Instant): Instant => after(now, millis(-timing.stalled));

/** Notices that the loop stood still: the renewals that came meanwhile are still in the mailbox. Called for every letter. */
export function noticeStall(state: LeaseState, now: Instant): void {
  const { timing } = state;
  if (timing === null) return;
  if (timing.tickAt !== null && between(timing.lastReceive, now) > silenceMsMax) {
    // From when the tick was due, not from the last letter: so the lease clock goes on even where every tick is late.
    const aliveAt = Math.max(timing.tickAt, timing.lastReceive) as Instant;
    timing.stalled = millis(timing.stalled + Math.max(between(aliveAt, now), 0));
  }
  timing.lastReceive = now;
}

/**
 * Every live lease has its full span from now. A lease whose expiry was proposed in this very term has not: that proposal may
 * still be in the log, so its renewals stay refused, and it is proposed again because it may as well have been dropped.
 * Whichever is applied first ends the lease, and the other finds none.
 */
export function startTimers(state: LeaseState, now: Instant): Effects {
  const { leading } = state;
  invariant(leading !== null, "timers run on the leader only");
  const deadlines = noDeadlines<LeaseId>();
  state.timing = { deadlines, stalled: millis(0), tickAt: null, lastReceive: now };
  const commands: Command[] = [];
  for (const lease of state.leases.values()) {
    if (isExpiring(state, lease)) commands.push(expiry(lease, leading));
    else startLeaseTimer(state, lease, now);
  }
  return [...propose(commands), ...armTick(state, now)];
}

export function stopTimers(state: LeaseState): Effects {
  const isTicking = state.timing !== null && state.timing.tickAt !== null;
  state.timing = null;
  return isTicking ? [cancelTimer("tick")] : [];
}

/** Gives the lease its full span, counted from now: ttl·(1+ρ) + ε. Its bet in the heap stays where it is. */
export function resetDeadline(state: LeaseState, lease: TimedLease, now: Instant): void {
  if (state.timing === null) return;
  lease.deadline = after(leaseClock(state.timing, now), millis(lease.ttl + allowance(state, lease.ttl)));
}

/** The same for a lease that has no bet yet. */
export function startLeaseTimer(state: LeaseState, lease: TimedLease, now: Instant): void {
  resetDeadline(state, lease, now);
  if (state.timing !== null) addDeadline(state.timing.deadlines, lease.id, lease.deadline);
}

/** Places all bets anew when most are on leases that have ended, so that the heap grows with live leases only. */
export function dropDeadBets(state: LeaseState): void {
  const { timing } = state;
  if (timing === null || timing.deadlines.heap.length <= 2 * state.leases.size + 1024) return;
  timing.deadlines = noDeadlines();
  for (const lease of state.leases.values()) {
    if (!isExpiring(state, lease)) addDeadline(timing.deadlines, lease.id, lease.deadline);
  }
}

/** How long the lease will last for its client: what is left of the ttl, without what the server adds. */
export function remaining(state: LeaseState, id: LeaseId, now: Instant): Millis {
  const lease = state.leases.get(id);
  if (lease === undefined) return millis(0);
  if (state.timing === null) return lease.ttl;
  const left = between(leaseClock(state.timing, now), lease.deadline) - allowance(state, lease.ttl);
  return millis(Math.min(Math.max(left, 0), lease.ttl));
}

/**
 * Proposes the expiry of what is overdue. It is not tried again by itself: raft drops a proposal only when it does not lead this
 * term any more, or is handing its leadership over; then it says `following`, or `leading` again, and everything restarts.
 */
export function onTick(state: LeaseState, now: Instant): Effects {
  const { timing, leading } = state;
  if (timing === null || leading === null) return [];
  timing.tickAt = null;
  const clock = leaseClock(timing, now);
  const trueDeadline = (id: LeaseId): Instant | null => {
    state.looks += 1;
    const lease = state.leases.get(id);
    return lease === undefined || isExpiring(state, lease) ? null : lease.deadline;
  };
  const commands: Command[] = [];
  while (commands.length < expiriesMax) {
    const id = takeOverdue(timing.deadlines, clock, trueDeadline);
    const lease = id === null ? undefined : state.leases.get(id);
    if (lease === undefined) break;
    lease.expiringIn = leading;
    commands.push(expiry(lease, leading));
  }
  state.proposed += commands.length;
  return [...propose(commands), ...armTick(state, now)];
}

/** Counts only in the term it was decided in. */
const expiry = ({ id, renewals }: TimedLease, term: Term): Command => ({ type: "expire", lease: id, renewals, term });

const propose = (commands: readonly Command[]): Effects =>
  commands.length === 0 ? [] : [send("raft", { type: "propose", commands })];

/** Sets the tick unless it is set or there is nothing to watch. It need not be set sooner for a lease that comes later. */
export function armTick(state: LeaseState, now: Instant): Effects {
  const { timing } = state;
  if (timing === null || timing.tickAt !== null || state.leases.size === 0) return [];
  const next = nextDeadline(timing.deadlines);
  const wait = next === null ? tickMsMax : between(leaseClock(timing, now), next);
  const span = millis(Math.min(Math.max(wait, tickMsMin), tickMsMax));
  timing.tickAt = after(now, span);
  return [setTimer("tick", span)];
}
