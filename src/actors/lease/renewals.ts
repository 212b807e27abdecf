// Renewals. They do not go through the log: the deadline is reset when the renewal arrives, and it is answered after
// a confirmation round that began later, if the lease is still live and no expiry of it is proposed. Any later leader was then
// elected after the client sent its renewal, and starts every ttl anew. What is refused is confirmed in the same way.

import { type Effect, send } from "../actor.ts";
import type { RenewalResult } from "../ballots.ts";
import { invariant } from "../invariant.ts";
import type { LockToLease, Query, RequestAnswer } from "../messages.ts";
import { type Instant, type LeaseId, millis } from "../scalars.ts";
import { isExpiring, type LeaseState, type Renewal, type TimedLease } from "./state.ts";
import { resetDeadline } from "./timing.ts";

type Effects = Effect<"lease">[];
type LeaseAnswers = Extract<LockToLease, { type: "leases" }>["answers"];

/** Before the timers run nothing is answered: the table may not be whole, and there is no deadline to reset. */
export function onRenew(state: LeaseState, renewals: readonly Renewal[], now: Instant): Effects {
  if (state.timing === null) {
    for (const renewal of renewals) state.early.push(renewal);
    return [];
  }
  const queries: Query[] = [];
  for (const renewal of renewals) {
    const lease = state.leases.get(renewal.lease);
    if (lease === undefined) {
      // It may have been opened so lately that this actor has not been told, or not at all; the lock table knows.
      state.queries.set(renewal.requestId, renewal.lease);
      queries.push({ type: "lease", requestId: renewal.requestId, lease: renewal.lease });
      continue;
    }
    if (!isExpiring(state, lease)) resetDeadline(state, lease, now);
    state.waiting.push(renewal);
  }
  const asked: Effects = queries.length === 0 ? [] : [send("raft", { type: "read", queries })];
  return [...asked, ...beginRound(state)];
}

/** One round at a time; whatever comes while it is under way shares the next. */
function beginRound(state: LeaseState): Effects {
  if (state.round !== null || state.waiting.length === 0) return [];
  state.ticket += 1;
  state.round = { ticket: state.ticket, renewals: state.waiting };
  state.waiting = [];
  return [send("raft", { type: "confirm", ticket: state.ticket })];
}

/** A ticket of an earlier leadership is not the one of the round under way, and says nothing. */
export function onConfirmed(state: LeaseState, ticket: number): Effects {
  const { round } = state;
  if (round === null || round.ticket !== ticket) return [];
  state.round = null;
  const answers: RequestAnswer[] = [];
  for (const { requestId, lease: id } of round.renewals) {
    const lease = state.leases.get(id);
    // It was live when the renewal came, so it has ended since.
    if (lease === undefined) answers.push({ requestId, answer: { type: "leaseEnded", lease: id } });
    else if (isExpiring(state, lease)) hold(state, id, requestId);
    else answers.push(renewed(lease, requestId));
  }
  return [...tell(state, answers), ...beginRound(state)];
}

/** The lock table's word on leases that this actor did not know; raft let it through after a round, so it is confirmed. */
export function onLeases(state: LeaseState, answers: LeaseAnswers, now: Instant): Effects {
  const told: RequestAnswer[] = [];
  for (const { requestId, lease: id, outcome } of answers) {
    if (!state.queries.delete(requestId)) continue;
    switch (outcome) {
      case "unknown":
        told.push({ requestId, answer: { type: "leaseUnknown", lease: id } });
        break;
      case "ended":
        told.push({ requestId, answer: { type: "leaseEnded", lease: id } });
        break;
      case "live": {
        const lease = state.leases.get(id);
        invariant(lease !== undefined, "a lease that the lock table calls live has been told before");
        if (isExpiring(state, lease)) {
          hold(state, id, requestId);
          break;
        }
        resetDeadline(state, lease, now);
        told.push(renewed(lease, requestId));
      }
    }
  }
  return tell(state, told);
}

/** Neither yes nor no is true while an expiry is proposed: the log decides. */
function hold(state: LeaseState, lease: LeaseId, requestId: Renewal["requestId"]): void {
  const held = state.held.get(lease);
  if (held === undefined) state.held.set(lease, [requestId]);
  else held.push(requestId);
}

/** Answers what was held for a lease whose fate the log has decided: renewed if it is live, else ended. */
export function releaseHeld(state: LeaseState, id: LeaseId, answers: RequestAnswer[]): void {
  const held = state.held.get(id);
  if (held === undefined) return;
  state.held.delete(id);
  const lease = state.leases.get(id);
  for (const requestId of held) {
    const ended = { requestId, answer: { type: "leaseEnded", lease: id } } as const;
    answers.push(lease === undefined ? ended : renewed(lease, requestId));
  }
}

/** Takes back everything that is unanswered, oldest first: what was asked of raft for it in one leadership is void in the next. */
export function takeUnanswered(state: LeaseState): Renewal[] {
  const unanswered = [...state.early];
  for (const [lease, requestIds] of state.held) {
    for (const requestId of requestIds) unanswered.push({ requestId, lease });
  }
  for (const [requestId, lease] of state.queries) unanswered.push({ requestId, lease });
  const all = unanswered.concat(state.round?.renewals ?? [], state.waiting);
  state.early = [];
  state.held.clear();
  state.queries.clear();
  state.round = null;
  state.waiting = [];
  return all;
}

const renewed = ({ id, ttl }: TimedLease, requestId: Renewal["requestId"]): RequestAnswer => ({
  requestId,
  answer: { type: "leaseRenewed", lease: id, ttl },
});

/**
 * To whoever asked: where there are several regions that is the proposer, who is told what the lease holds here as well. It is
 * what it holds now that counts: since the renewal came, the lease may have ended and come back without its locks.
 */
export function tell(state: LeaseState, answers: readonly RequestAnswer[]): Effects {
  if (answers.length === 0) return [];
  if (!state.isRegional) return [send("gateway", { type: "answers", answers })];
  const results = answers.flatMap(({ requestId, answer }) => {
    if (!("lease" in answer)) return [];
    const result = resultOf(answer.type);
    return result === null
      ? []
      : [
          {
            requestId,
            lease: answer.lease,
            result,
            ttl: answer.type === "leaseRenewed" ? answer.ttl : millis(0),
            locks: state.leases.get(answer.lease)?.locks ?? "",
          },
        ];
  });
  return [send("region", { type: "renewals", results })];
}

function resultOf(type: RequestAnswer["answer"]["type"]): RenewalResult["result"] | null {
  switch (type) {
    case "leaseRenewed":
      return "renewed";
    case "leaseEnded":
      return "ended";
    case "leaseUnknown":
      return "unknown";
    default:
      return null;
  }
}
