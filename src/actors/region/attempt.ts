// An attempt at one lock, step by step: how it begins, what it waits for, and how it steps back for a rival. What comes of it is
// the proposer's to judge.

import { send, setTimerWithin } from "../actor.ts";
import type { AskId, Claim, Promised, Value } from "../ballots.ts";
import type { Outcome } from "../operations.ts";
import { between, type Instant, instant, type LogIndex, logIndex, type Millis, millis, wallTime } from "../scalars.ts";
import { isDeniedTwice, isSurelyLive } from "./standings.ts";
import { type Attempt, type Effects, type Errand, nextAsk, patience, type RegionState } from "./state.ts";

/** For so many locks it is remembered that their next ballot is promised. */
const knownMax = 100_000;

/** After so many conflicts in a row nobody waits any longer than before. */
const conflictsMax = 4;

export const newAttempt = (lock: string, errand: Errand): Attempt => ({
  lock,
  errand,
  begunAt: 0,
  triedFrom: instant(0),
  phase: { type: "backoff" },
  ballot: null,
  grantees: [],
  tried: null,
  isFinishing: false,
  isNewest: true,
  conflicts: 0,
  above: 0,
});

/** Has the own region choose a ballot. */
export function begin(state: RegionState, attempt: Attempt, now: Instant): Effects {
  const { lock, errand } = attempt;
  const ask = nextAsk(state);
  state.awaited.set(ask, { type: "attempt", lock });
  enter(state, attempt, { type: "begin", ask });
  attempt.begunAt = state.asks;
  attempt.triedFrom = now;
  const { ttl, askedAt } = termsOf(errand);
  const bornAt: LogIndex = errand.task?.bornAt ?? logIndex(0);
  const known = mayTakeAtOnce(state, attempt, now) ? (state.known.get(lock) ?? null) : null;
  const command = {
    type: "begin",
    ask,
    lock,
    claim: errand.claim,
    bornAt,
    ttl,
    askedAt,
    above: attempt.above,
    known,
  } as const;
  return [send("raft", { type: "propose", commands: [command] })];
}

/** Whatever the phase before was waiting for is not waited for any more. */
export function enter(state: RegionState, attempt: Attempt, phase: Attempt["phase"]): void {
  const ask = askOf(attempt);
  if (ask !== null) state.awaited.delete(ask);
  attempt.phase = phase;
}

export function askOf({ phase }: Attempt): AskId | null {
  if (phase.type === "backoff") return null;
  return "ask" in phase ? phase.ask : phase.inquiry.ask;
}

/** A first try, and none for a client's lease that may have ended elsewhere: only a majority knows that. */
function mayTakeAtOnce(state: RegionState, { errand, tried }: Attempt, now: Instant): boolean {
  const { claim } = errand;
  if (tried !== null) return false;
  return claim.type !== "acquire" || claim.lease === null || isSurelyLive(state, claim.lease, now);
}

export function termsOf({ task }: Errand): { readonly ttl: Millis; readonly askedAt: ReturnType<typeof wallTime> } {
  const operation = task?.operation;
  if (operation?.type !== "acquire" && operation?.type !== "acquireAll")
    return { ttl: millis(0), askedAt: wallTime(0) };
  return { ttl: "ttl" in operation.under ? operation.under.ttl : millis(0), askedAt: operation.askedAt };
}

/** Whether no grant of the lock has a higher token than this value: then this region's counter is above them all. */
export function isNewest(
  claim: Claim,
  { value, over }: { readonly value: Value; readonly over: Outcome | null },
  answers: readonly Promised[],
): boolean {
  if (claim.type === "settle" || over !== null) return false;
  const isLive = (answer: Promised): boolean =>
    answer.type === "promise" && answer.live && answer.value?.token === value.token;
  return value.type === "grant" || answers.some(isLive);
}

export const isSameGrant = (one: Value | null, other: Value): boolean =>
  one?.type === "grant" && other.type === "grant" && one.token === other.token && one.requestId === other.requestId;

/** Whether an attempt comes to the end of the client's lease, which has to be heard once more. */
export function isUnsureEnd(
  state: RegionState,
  { phase, triedFrom }: Attempt,
  outcome: Outcome,
  now: Instant,
): boolean {
  if (outcome.type !== "leaseEnded" && outcome.type !== "leaseUnknown") return false;
  if (phase.type !== "prepare") return false;
  const isDenial = (answer: Promised): boolean =>
    answer.type !== "overtaken" && answer.lease !== null && answer.lease.type !== "live";
  const regions = [...phase.answers].flatMap(([region, answer]) => (isDenial(answer) ? [region] : []));
  return !isDeniedTwice(state, outcome.lease, { regions, since: triedFrom, now });
}

export function know(state: RegionState, lock: string, ballot: NonNullable<Attempt["ballot"]>): void {
  state.known.delete(lock);
  state.known.set(lock, ballot);
  if (state.known.size <= knownMax) return;
  for (const oldest of state.known.keys()) {
    state.known.delete(oldest);
    return;
  }
}

export function outcomeOf(claim: Claim, value: Value): Outcome {
  if (value.type === "free") return { type: "released", token: value.token };
  const { lease, token, ttl } = value;
  return claim.type === "settle" ? { type: "notHeld" } : { type: "granted", lease, token, ttl };
}

/** Rivals wait for a while that the host draws, so that one comes through: long enough for a whole try, which may take longer than
 *  the way there and back where disks are slow, and the longer the more rivals there seem to be. Not so whoever has had a grant
 *  accepted somewhere: as long as that stands there nobody else may come through at all. */
export function backOff(state: RegionState, attempt: Attempt, above: number, now: Instant): Effects {
  enter(state, attempt, { type: "backoff" });
  attempt.above = Math.max(attempt.above, above);
  attempt.conflicts += 1;
  state.counts.conflicts += 1;
  state.backoff.add(attempt.lock);
  if (state.retrying) return [];
  state.retrying = true;
  const aTry = Math.max(patience(state), between(attempt.triedFrom, now));
  const tries = attempt.tried === null ? Math.min(attempt.conflicts, conflictsMax) : 0;
  return [setTimerWithin("retry", { min: millis(5), max: millis(5 + aTry * tries) })];
}
