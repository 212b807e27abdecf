// The lease actor: knows every live lease, and every alarm that the lock table has set; on the leader, when they are due. It never
// ends anything; it proposes, and the log decides. Followers time nothing. No moment of its clock leaves it, only spans.

import { type Behaviour, type Effect, type Inbox, send } from "../actor.ts";
import { noDeadlines } from "../deadlines.ts";
import { invariant } from "../invariant.ts";
import type { AskReply, LeaseChange, RequestAnswer } from "../messages.ts";
import type { Instant, Term } from "../scalars.ts";
import { fillAnswer, fillReply, type TimeLeft } from "./filling.ts";
import { onConfirmed, onLeases, onRenew, releaseHeld, takeUnanswered, tell } from "./renewals.ts";
import { isExpiring, type LeaseState, startLease, type TimedAlarm, type TimedLease } from "./state.ts";
import {
  armTick,
  dropDeadBets,
  noticeStall,
  onTick,
  remaining,
  remainingOfAlarm,
  resetDeadline,
  startAlarmTimer,
  startLeaseTimer,
  startTimers,
  stopTimers,
} from "./timing.ts";

type Effects = Effect<"lease">[];

function receive(state: LeaseState, message: Inbox<"lease">, now: Instant): Effects {
  noticeStall(state, now);
  switch (message.type) {
    case "renew":
      return onRenew(state, message.renewals, now);
    case "confirmed":
      return onConfirmed(state, message.ticket);
    case "changed":
      return onChanged(state, message.changes, now);
    case "complete":
      return onComplete(state, message.answers, now);
    case "completeReplies":
      return onCompleteReplies(state, message.replies, now);
    case "leases":
      return onLeases(state, message.answers, now);
    case "leading":
      return onLeading(state, message.term, now);
    case "following":
      return onFollowing(state);
    case "timeout":
      return onTick(state, now);
  }
}

/**
 * Everything restarts, in the same term too. What is unanswered is treated again: the gateway may have sent it after it heard
 * of this leadership and before this actor did, and would not send it again.
 */
function onLeading(state: LeaseState, term: Term, now: Instant): Effects {
  const stopped = stopTimers(state);
  state.early = takeUnanswered(state);
  state.leading = term;
  return state.begun === term ? [...stopped, ...beginTerm(state, now)] : stopped;
}

/** The gateway hears of it too, and turns elsewhere with everything that is unanswered. */
function onFollowing(state: LeaseState): Effects {
  takeUnanswered(state);
  state.leading = null;
  return stopTimers(state);
}

/** The table is whole now: everything that earlier leaders granted has been applied. */
function beginTerm(state: LeaseState, now: Instant): Effects {
  const started = startTimers(state, now);
  const early = state.early;
  state.early = [];
  return [...started, ...onRenew(state, early, now)];
}

function onChanged(state: LeaseState, changes: readonly LeaseChange[], now: Instant): Effects {
  const answers: RequestAnswer[] = [];
  const begun: Effects = [];
  for (const change of changes) {
    switch (change.type) {
      case "opened": {
        const { lease: id, ttl, renewals } = change;
        const lease: TimedLease = { id, ttl, renewals, deadline: now, expiringIn: null, locks: "" };
        state.leases.set(id, lease);
        startLeaseTimer(state, lease, now);
        break;
      }
      case "renewed":
        onRenewed(state, change, now);
        releaseHeld(state, change.lease, answers);
        break;
      case "ended":
        state.leases.delete(change.lease);
        releaseHeld(state, change.lease, answers);
        break;
      case "holds": {
        const lease = state.leases.get(change.lease);
        if (lease !== undefined) lease.locks = change.locks;
        break;
      }
      case "alarmSet": {
        const alarm: TimedAlarm = { alarm: change.alarm, span: change.span, deadline: now, proposedIn: null };
        state.alarms.set(change.alarm, alarm);
        startAlarmTimer(state, alarm, now);
        break;
      }
      case "alarmGone":
        state.alarms.delete(change.alarm);
        break;
      case "termBegun":
        state.begun = change.term;
        if (state.leading === change.term && state.timing === null) begun.push(...beginTerm(state, now));
        break;
      case "cleared":
        state.leases.clear();
        state.alarms.clear();
        if (state.timing !== null) state.timing.deadlines = noDeadlines();
    }
  }
  dropDeadBets(state);
  return [...tell(state, answers), ...begun, ...armTick(state, now)];
}

/** Renewed through the log: an expiry that was proposed under an older count will be void, so it is forgotten. */
function onRenewed(state: LeaseState, change: Extract<LeaseChange, { type: "renewed" }>, now: Instant): void {
  const lease = state.leases.get(change.lease);
  invariant(lease !== undefined, "a lease is renewed between its opening and its end");
  const hasNoBet = isExpiring(state, lease);
  lease.renewals = change.renewals;
  lease.expiringIn = null;
  if (hasNoBet) startLeaseTimer(state, lease, now);
  else resetDeadline(state, lease, now);
}

const timeLeft = (state: LeaseState, now: Instant): TimeLeft => ({
  ofLease: (lease) => remaining(state, lease, now),
  ofAlarm: (alarm) => remainingOfAlarm(state, alarm, now),
});

/** Fills in how long the holder has left; nobody else knows. */
function onComplete(state: LeaseState, answers: readonly RequestAnswer[], now: Instant): Effects {
  const left = timeLeft(state, now);
  const filled = answers.map(({ requestId, answer }) => ({ requestId, answer: fillAnswer(answer, left) }));
  return [send("gateway", { type: "answers", answers: filled })];
}

function onCompleteReplies(state: LeaseState, replies: readonly AskReply[], now: Instant): Effects {
  const left = timeLeft(state, now);
  const filled = replies.map(({ ask, reply }) => ({ ask, reply: fillReply(reply, left) }));
  return [send("region", { type: "replies", replies: filled })];
}

/** The leases of this node, and the timers of its leader. */
export const lease: Behaviour<"lease", LeaseState> = {
  start: startLease,
  receive,
  inspect: (state) => ({
    leases: state.leases.size,
    alarms: state.alarms.size,
    timers: state.timing === null ? "stopped" : "running",
    bets: state.timing?.deadlines.heap.length ?? 0,
    stalledMs: state.timing?.stalled ?? 0,
    renewalsUnanswered:
      state.early.length + state.waiting.length + (state.round?.renewals.length ?? 0) + state.queries.size,
    leasesHeldBack: state.held.size,
    expiriesProposed: state.proposed,
    alarmsProposed: state.alarmsProposed,
    deadlinesLookedAt: state.looks,
  }),
};
