// Deadlines, and the tick that looks at them. They run on the leader only, and only after the first entry of its term has been
// applied; then every live lease and every alarm has its full span. Late is safe, early is not.

import { cancelTimer, type Effect, send, setTimer } from "../actor.ts";
import { addDeadline, nextDeadline, noDeadlines, takeOverdue } from "../deadlines.ts";
import { invariant } from "../invariant.ts";
import type { AlarmId, Command } from "../messages.ts";
import { after, between, type Instant, type LeaseId, type Millis, millis, type Term } from "../scalars.ts";
import {
  allowance,
  isExpiring,
  isProposed,
  type LeaseState,
  type TimedAlarm,
  type TimedLease,
  type Timing,
} from "./state.ts";

type Effects = Effect<"lease">[];

/** The longest between two ticks: whatever falls due in between is late by at most this. */
const tickMsMax = millis(100);
/** The shortest between two ticks: it spreads what falls due all at once, and keeps a timer that runs out early from spinning. */
const tickMsMin = millis(10);
/** The most expiries and alarms proposed in one tick. */
const proposalsMax = 512;
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
 * Every live lease and every alarm has its full span from now. A lease whose expiry was proposed in this very term has not: that proposal may
 * still be in the log, so its renewals stay refused, and it is proposed again because it may as well have been dropped.
 * Whichever is applied first ends the lease, and the other finds none. An alarm that was proposed in this term is as well.
 */
export function startTimers(state: LeaseState, now: Instant): Effects {
  const { leading } = state;
  invariant(leading !== null, "timers run on the leader only");
  const deadlines = noDeadlines<LeaseId | AlarmId>();
  state.timing = { deadlines, stalled: millis(0), tickAt: null, lastReceive: now };
  const commands: Command[] = [];
  for (const lease of state.leases.values()) {
    if (isExpiring(state, lease)) commands.push(expiry(lease, leading));
    else startLeaseTimer(state, lease, now);
  }
  for (const alarm of state.alarms.values()) {
    if (isProposed(state, alarm)) commands.push(ringing(alarm, leading));
    else startAlarmTimer(state, alarm, now);
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

/** Starts an alarm's span now. A client adds nothing to it and takes nothing from it, so neither does the server. */
export function startAlarmTimer(state: LeaseState, alarm: TimedAlarm, now: Instant): void {
  if (state.timing === null) return;
  alarm.deadline = after(leaseClock(state.timing, now), alarm.span);
  addDeadline(state.timing.deadlines, alarm.alarm, alarm.deadline);
}

/** Places all bets anew when most are on what has ended, so that the heap grows with live leases and alarms only. */
export function dropDeadBets(state: LeaseState): void {
  const { timing } = state;
  if (timing === null || timing.deadlines.heap.length <= 2 * (state.leases.size + state.alarms.size) + 1024) return;
  timing.deadlines = noDeadlines();
  for (const lease of state.leases.values()) {
    if (!isExpiring(state, lease)) addDeadline(timing.deadlines, lease.id, lease.deadline);
  }
  for (const alarm of state.alarms.values()) {
    if (!isProposed(state, alarm)) addDeadline(timing.deadlines, alarm.alarm, alarm.deadline);
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

/** How much of an alarm's span is left; nothing of one that is not set. */
export function remainingOfAlarm(state: LeaseState, id: AlarmId, now: Instant): Millis {
  const alarm = state.alarms.get(id);
  if (alarm === undefined) return millis(0);
  if (state.timing === null) return alarm.span;
  const left = between(leaseClock(state.timing, now), alarm.deadline);
  return millis(Math.min(Math.max(left, 0), alarm.span));
}

/**
 * Proposes the expiry of what is overdue, and the alarms that are due. It is not tried again by itself: raft drops a proposal only
 * when it does not lead this term any more, or is handing its leadership over; then it says `following`, or `leading` again, and
 * everything restarts.
 */
export function onTick(state: LeaseState, now: Instant): Effects {
  const { timing, leading } = state;
  if (timing === null || leading === null) return [];
  timing.tickAt = null;
  const clock = leaseClock(timing, now);
  const trueDeadline = (key: LeaseId | AlarmId): Instant | null => {
    state.looks += 1;
    return typeof key === "string" ? alarmDeadline(state, key) : leaseDeadline(state, key);
  };
  const commands: Command[] = [];
  while (commands.length < proposalsMax) {
    const due = takeOverdue(timing.deadlines, clock, trueDeadline);
    if (due === null) break;
    const command = typeof due === "string" ? proposeAlarm(state, due, leading) : proposeExpiry(state, due, leading);
    commands.push(command);
  }
  return [...propose(commands), ...armTick(state, now)];
}

/** Null where there is nothing to wait for any more. */
function leaseDeadline(state: LeaseState, id: LeaseId): Instant | null {
  const lease = state.leases.get(id);
  return lease === undefined || isExpiring(state, lease) ? null : lease.deadline;
}

function alarmDeadline(state: LeaseState, id: AlarmId): Instant | null {
  const alarm = state.alarms.get(id);
  return alarm === undefined || isProposed(state, alarm) ? null : alarm.deadline;
}

function proposeExpiry(state: LeaseState, id: LeaseId, leading: Term): Command {
  const lease = state.leases.get(id);
  invariant(lease !== undefined, "a lease that is due is live");
  lease.expiringIn = leading;
  state.proposed += 1;
  return expiry(lease, leading);
}

function proposeAlarm(state: LeaseState, id: AlarmId, leading: Term): Command {
  const alarm = state.alarms.get(id);
  invariant(alarm !== undefined, "an alarm that is due is set");
  alarm.proposedIn = leading;
  state.alarmsProposed += 1;
  return ringing(alarm, leading);
}

/** Counts only in the term it was decided in. */
const expiry = ({ id, renewals }: TimedLease, term: Term): Command => ({ type: "expire", lease: id, renewals, term });

const ringing = ({ alarm }: TimedAlarm, term: Term): Command => ({ type: "alarm", alarm, term });

const propose = (commands: readonly Command[]): Effects =>
  commands.length === 0 ? [] : [send("raft", { type: "propose", commands })];

/** Sets the tick, unless it comes soon enough as it is or there is nothing to watch. */
export function armTick(state: LeaseState, now: Instant): Effects {
  const { timing } = state;
  if (timing === null) return [];
  if (timing.tickAt === null && state.leases.size === 0 && state.alarms.size === 0) return [];
  const next = nextDeadline(timing.deadlines);
  const wait = next === null ? tickMsMax : between(leaseClock(timing, now), next);
  const span = millis(Math.min(Math.max(wait, tickMsMin), tickMsMax));
  const at = after(now, span);
  if (timing.tickAt !== null && timing.tickAt <= at) return [];
  timing.tickAt = at;
  return [setTimer("tick", span)];
}
