// The proposer: one attempt at a time for each lock, as many locks at once as are asked for. A request begins in the own region's
// log, which chooses its ballot; then the regions promise; then they accept. Where the last value was this region's own, the
// promises are there already. An attempt whose outcome cannot be known in time is taken back as far as it can be.

import { send } from "../actor.ts";
import type { AskId, Claim, Promised, Reply, Value } from "../ballots.ts";
import { isMajority, majority } from "../electorate.ts";
import { invariant } from "../invariant.ts";
import type { Command, RequestAnswer } from "../messages.ts";
import type { Outcome } from "../operations.ts";
import { between, type Instant, type RegionId } from "../scalars.ts";
import { coming, inquire } from "./asking.ts";
import {
  askOf,
  backOff,
  begin,
  enter,
  isNewest,
  isSameGrant,
  isUnsureEnd,
  know,
  newAttempt,
  outcomeOf,
  termsOf,
} from "./attempt.ts";
import { decide } from "./decide.ts";
import { confirmLease, isWithin, wasRenewedSince } from "./standings.ts";
import { type Attempt, type Effects, type Errand, type LockWork, nextAsk, type RegionState } from "./state.ts";
import { abandon, takeBack, trail } from "./taking-back.ts";
import { answerErrand, count, refuse, tellCompanions } from "./telling.ts";
import { endWaits, isPatient, park, takeNext, tellPlaces, wakeSoon } from "./waiting.ts";

/** Takes an errand in, behind those that came before it for the same lock. */
export function enqueue(
  state: RegionState,
  lock: string,
  wish: Pick<Errand, "claim" | "task" | "deadline"> & Partial<Errand>,
  now: Instant,
): Effects {
  const errand: Errand = {
    waitsUntil: null,
    isSole: false,
    undoes: false,
    failed: [],
    ...wish,
    cameAt: state.asks,
  };
  let work = state.locks.get(lock);
  if (work === undefined) {
    const parked: Errand[] = [];
    work = { lock, attempt: null, waiting: [], parked, triedAt: 0, wakeAt: now, isAwake: false, seen: null };
    state.locks.set(lock, work);
  }
  if (work.parked.length > 0 && work.seen !== null && isPatient(errand, now)) {
    work.parked.push(errand);
    return tellPlaces(work, [errand]);
  }
  work.waiting.push(errand);
  return work.attempt === null ? startNext(state, lock, work, now) : [];
}

/** Tries whoever is first in line again. */
export function wake(state: RegionState, work: LockWork, now: Instant): Effects {
  work.isAwake = true;
  return work.attempt === null ? startNext(state, work.lock, work, now) : [];
}

function startNext(state: RegionState, lock: string, work: LockWork, now: Instant): Effects {
  const errand = takeNext(work);
  if (errand === null) {
    work.attempt = null;
    if (work.parked.length === 0) state.locks.delete(lock);
    return [];
  }
  if (errand.waitsUntil !== null) work.triedAt = state.asks + 1;
  const attempt = newAttempt(lock, errand);
  work.attempt = attempt;
  return begin(state, attempt, now);
}

/** An answer to what is being asked for `lock`. */
export function onAttemptReply(
  state: RegionState,
  {
    lock,
    ask,
    from,
    reply,
  }: { readonly lock: string; readonly ask: AskId; readonly from: RegionId; readonly reply: Reply },
  now: Instant,
): Effects {
  const work = state.locks.get(lock);
  const attempt = work?.attempt ?? null;
  if (work === undefined || attempt === null || askOf(attempt) !== ask) return [];
  const { phase } = attempt;
  switch (reply.type) {
    case "concluded":
      return close(state, work, attempt, reply.outcome, now);
    case "begun": {
      attempt.ballot = reply.ballot;
      if (reply.own.type === "promise") state.known.delete(lock);
      const question = { type: "prepare", lock, ballot: reply.ballot, claim: attempt.errand.claim } as const;
      const { inquiry, effects } = inquire(state, { question, awaited: { type: "attempt", lock }, own: false }, now);
      const answers = new Map([[state.region, reply.own]]);
      enter(state, attempt, { type: "prepare", inquiry, answers, lease: reply.lease });
      return [...effects, ...judge(state, work, attempt, now)];
    }
    case "begunAccepted": {
      attempt.ballot = reply.ballot;
      return haveAccepted(state, work, attempt, { value: reply.value, over: null, isOwnDone: true }, now);
    }
    case "promise":
    case "live":
    case "overtaken":
      if (phase.type === "accept")
        return reply.type === "overtaken" ? onAcceptReply(state, work, attempt, from, false, now) : [];
      if (phase.type !== "prepare") return [];
      phase.inquiry.answered.add(from);
      phase.answers.set(from, reply);
      return judge(state, work, attempt, now);
    case "accepted":
      return onAcceptReply(state, work, attempt, from, true, now);
    case "occupied":
      return onAcceptReply(state, work, attempt, from, false, now);
    default:
      return [];
  }
}

/** Looks at the promises that have come so far. Called again when no more are to be expected. */
export function judge(state: RegionState, work: LockWork, attempt: Attempt, now: Instant): Effects {
  const { phase, errand } = attempt;
  if (phase.type !== "prepare") return [];
  const { ttl, askedAt } = termsOf(errand);
  const answers: Promised[] = [...phase.answers.values()];
  attempt.grantees = answers.flatMap((answer) => (answer.type === "live" ? [answer.requestId] : []));
  const verdict = decide({
    claim: errand.claim,
    regions: state.regions.length,
    answers,
    coming: coming(state, phase.inquiry, now, true),
    failed: errand.failed,
    isSole: errand.isSole,
    grant: { lease: phase.lease, ttl, askedAt },
  });
  switch (verdict.type) {
    case "wait":
      return [];
    case "accept":
      attempt.isFinishing = answers.some(
        (answer) => answer.type === "promise" && isSameGrant(answer.value, verdict.value),
      );
      attempt.isNewest = isNewest(errand.claim, verdict, answers);
      return haveAccepted(state, work, attempt, { ...verdict, isOwnDone: false }, now);
    case "conclude":
      if (isUnsureEnd(state, attempt, verdict.outcome, now)) return begin(state, attempt, now);
      if (verdict.outcome.type === "held" && isPatient(errand, now)) {
        return stepAside(state, work, attempt, verdict.outcome, now);
      }
      return conclude(state, work, attempt, verdict.outcome, now);
    case "again":
      // Without a majority there is nobody to be quicker than.
      if (answers.length < majority(state.regions.length)) return [];
      return backOff(state, attempt, verdict.above, now);
  }
}

function haveAccepted(
  state: RegionState,
  work: LockWork,
  attempt: Attempt,
  { value, over, isOwnDone }: { readonly value: Value; readonly over: Outcome | null; readonly isOwnDone: boolean },
  now: Instant,
): Effects {
  const { lock, ballot, errand } = attempt;
  invariant(ballot !== null, "a value is accepted under a ballot");
  attempt.tried = value;
  const requestId = errand.claim.type === "release" ? errand.claim.requestId : null;
  const question = { type: "accept", lock, ballot, value, requestId } as const;
  const { inquiry, effects } = inquire(state, { question, awaited: { type: "attempt", lock }, own: !isOwnDone }, now);
  const accepted = new Set(isOwnDone ? [state.region] : []);
  enter(state, attempt, { type: "accept", inquiry, value, over, accepted, refused: new Set() });
  return [...effects, ...(isMajority(accepted.size, state.regions.length) ? succeed(state, work, attempt, now) : [])];
}

function onAcceptReply(
  state: RegionState,
  work: LockWork,
  attempt: Attempt,
  from: RegionId,
  isAccepted: boolean,
  now: Instant,
): Effects {
  const { phase } = attempt;
  if (phase.type !== "accept") return [];
  phase.inquiry.answered.add(from);
  (isAccepted ? phase.accepted : phase.refused).add(from);
  if (isMajority(phase.accepted.size, state.regions.length)) return succeed(state, work, attempt, now);
  return reconsider(state, attempt, now);
}

/** Steps back if the value cannot be had any more under this ballot; the next finds out what has become of it. Called again when no
 *  more answers are to be expected: a region that cannot be reached must not keep a rival waiting. */
export function reconsider(state: RegionState, attempt: Attempt, now: Instant): Effects {
  const { phase } = attempt;
  if (phase.type !== "accept" || phase.refused.size === 0) return [];
  const { value, inquiry, accepted, refused } = phase;
  const { length: regions } = state.regions;
  const isRefused = !isMajority(regions - refused.size, regions);
  const isOwnAnswered = accepted.has(state.region) || refused.has(state.region);
  const mayAccept = accepted.size + coming(state, inquiry, now, isOwnAnswered);
  if (!isRefused && isMajority(mayAccept, regions)) return [];
  state.known.delete(attempt.lock);
  // Before its span is over nobody who accepted it can have let it go; so it was refused by all who refuse it now.
  const isYoung = value.type === "grant" && isWithin(state, { ttl: value.ttl, from: inquiry.sentAt, now });
  const isNever = isRefused && isYoung;
  if (isNever && attempt.ballot !== null) attempt.errand.failed.push(attempt.ballot);
  const takenBack = isNever ? takeBack(state, attempt, now) : [];
  return [...takenBack, ...backOff(state, attempt, attempt.ballot?.round ?? 0, now)];
}

/** A majority has accepted the value: it holds. */
function succeed(state: RegionState, work: LockWork, attempt: Attempt, now: Instant): Effects {
  const { phase, lock, ballot, errand } = attempt;
  invariant(phase.type === "accept" && ballot !== null, "what succeeds was accepted");
  const { value, inquiry, accepted } = phase;
  // A renewal that went out meanwhile counts from its own moment; where this came before it, the timer may be older.
  const isOfClientLease = errand.claim.type === "acquire" && errand.claim.lease !== null;
  if (value.type === "grant" && isOfClientLease && wasRenewedSince(state, value.lease, inquiry.sentAt)) {
    return haveAccepted(state, work, attempt, { value, over: phase.over, isOwnDone: false }, now);
  }
  if (accepted.has(state.region) && attempt.isNewest) know(state, lock, ballot);
  if (value.type === "grant") confirmLease(state, { lease: value.lease, ttl: value.ttl, at: inquiry.sentAt });
  enter(state, attempt, { type: "backoff" });
  const effects = trail(state, inquiry, errand.deadline);
  return [...effects, ...close(state, work, attempt, phase.over ?? outcomeOf(errand.claim, value), now)];
}

/** Nothing is told that would have to be remembered: whoever waits only learns where he stands. */
function stepAside(
  state: RegionState,
  work: LockWork,
  attempt: Attempt,
  outcome: Extract<Outcome, { type: "held" }>,
  now: Instant,
): Effects {
  state.backoff.delete(attempt.lock);
  enter(state, attempt, { type: "backoff" });
  const effects = park(work, [attempt.errand], outcome.holder, now);
  effects.push(...tellCompanions(state, work, attempt, outcome, now));
  return [...effects, ...startNext(state, attempt.lock, work, now)];
}

/** The own region remembers what the client is about to be told, so that a repeat is told the same. */
function conclude(state: RegionState, work: LockWork, attempt: Attempt, outcome: Outcome, now: Instant): Effects {
  const { lock, errand } = attempt;
  if (errand.claim.type === "settle" || outcome.type === "granted" || outcome.type === "grantOver") {
    return close(state, work, attempt, outcome, now);
  }
  const ask = nextAsk(state);
  state.awaited.set(ask, { type: "attempt", lock });
  enter(state, attempt, { type: "conclude", ask, outcome });
  const command: Command = { type: "conclude", ask, requestId: errand.claim.requestId, outcome };
  return [send("raft", { type: "propose", commands: [command] })];
}

/** Tells whoever asked, and goes on with the next. */
function close(state: RegionState, work: LockWork, attempt: Attempt, outcome: Outcome, now: Instant): Effects {
  const { lock, errand } = attempt;
  state.backoff.delete(lock);
  count(state, outcome);
  enter(state, attempt, { type: "backoff" });
  const { task, claim, undoes } = errand;
  const isFound = undoes && claim.type === "acquire" && outcome.type === "granted";
  if (isFound && task !== null) {
    // What is to be undone has been granted: it is given back next.
    const { lease, token } = outcome;
    const release: Claim = { type: "release", requestId: task.requestId, grant: { lease, token } };
    work.waiting.unshift({ ...errand, claim: release });
  }
  const answers = isFound ? [] : answerErrand(state, errand, outcome);
  const effects: Effects = answers.length === 0 ? [] : [send("gateway", { type: "answers", answers })];
  if (outcome.type === "held") effects.push(...tellCompanions(state, work, attempt, outcome, now));
  if (outcome.type === "released") wakeSoon(work, now);
  return [...effects, ...startNext(state, lock, work, now)];
}

export function onRetry(state: RegionState, now: Instant): Effects {
  state.retrying = false;
  const effects: Effects = [];
  const locks = [...state.backoff];
  state.backoff.clear();
  for (const lock of locks) {
    const work = state.locks.get(lock);
    if (work?.attempt?.phase.type === "backoff") effects.push(...begin(state, work.attempt, now));
  }
  return effects;
}

/** Gives up what has been tried for as long as the client would wait. */
export function giveUpOverdue(state: RegionState, now: Instant): Effects {
  const effects: Effects = [];
  for (const [lock, work] of [...state.locks]) {
    const isOverdue = ({ deadline }: Errand): boolean => between(now, deadline) <= 0;
    effects.push(...endWaits(state, work, now));
    if (work.parked.length > 0 && work.wakeAt <= now && !work.isAwake) effects.push(...wake(state, work, now));
    const isDue = work.waiting.some(isOverdue) || (work.attempt !== null && isOverdue(work.attempt.errand));
    if (!isDue) {
      if (work.attempt === null && work.parked.length === 0) state.locks.delete(lock);
      continue;
    }
    const answers: RequestAnswer[] = [];
    for (const errand of work.waiting.filter(isOverdue)) answers.push(...refuse(state, errand, "no-quorum"));
    const kept = work.waiting.filter((errand) => !isOverdue(errand));
    work.waiting.splice(0, work.waiting.length, ...kept);
    const { attempt } = work;
    const isOver = attempt !== null && isOverdue(attempt.errand);
    if (isOver) {
      answers.push(...refuse(state, attempt.errand, attempt.tried === null ? "no-quorum" : "unknown-outcome"));
      effects.push(...abandon(state, attempt, now));
      state.backoff.delete(lock);
    }
    if (answers.length > 0) effects.push(send("gateway", { type: "answers", answers }));
    if (isOver) effects.push(...startNext(state, lock, work, now));
  }
  return effects;
}
