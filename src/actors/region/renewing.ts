// Renewals across regions. Those that come within a short span go out together, as one message to each region. An acceptor that holds
// the lease starts its timer anew and says exactly what the lease holds there; a renewal counts when a majority has done so and
// says the same: then these all hold whatever a majority has accepted, and none of them lets it go before the client does.

import { send, setTimer } from "../actor.ts";
import type { AskId, RenewalResult } from "../ballots.ts";
import { isMajority, majority } from "../electorate.ts";
import type { Answer } from "../operations.ts";
import { between, type Instant, type LeaseId, millis, type RegionId } from "../scalars.ts";
import { coming, inquire } from "./asking.ts";
import { answerTask } from "./opening.ts";
import { beginRepair } from "./repairing.ts";
import { confirmLease, isDeniedTwice, noteDifference, noteRenewalSent } from "./standings.ts";
import type { Effects, RegionState, RenewalRound, Task } from "./state.ts";

/** How long renewals are gathered. Small beside any ttl, long enough that many share a message. */
const gatherMs = millis(50);
/** The most leases in one message. */
const leasesMax = 4096;
/** A lease about which regions differ so often in a row is repaired: once may be a grant on its way. */
const differencesMax = 2;

export function gather(state: RegionState, task: Task): Effects {
  state.gathered.push(task);
  return state.gathered.length === 1 ? [setTimer("renew", gatherMs)] : [];
}

/** Sends out what has been gathered. */
export function onGathered(state: RegionState, now: Instant): Effects {
  const effects: Effects = [];
  const tasks = state.gathered;
  state.gathered = [];
  for (let from = 0; from < tasks.length; from += leasesMax) {
    effects.push(...sendRound(state, tasks.slice(from, from + leasesMax), now));
  }
  return effects;
}

function sendRound(state: RegionState, tasks: readonly Task[], now: Instant): Effects {
  const byLease = new Map<LeaseId, Task[]>();
  for (const task of tasks) {
    if (task.operation.type !== "renewLease") continue;
    const { lease } = task.operation;
    const same = byLease.get(lease);
    if (same === undefined) byLease.set(lease, [task]);
    else same.push(task);
    noteRenewalSent(state, lease, now);
  }
  const question = { type: "renew", leases: [...byLease.keys()] } as const;
  const { inquiry, effects } = inquire(state, { question, awaited: { type: "renewal" }, own: true }, now);
  state.rounds.set(inquiry.ask, { inquiry, tasks: byLease, results: new Map() });
  state.counts.renewalRounds += 1;
  state.counts.renewals += tasks.length;
  return effects;
}

export function onRenewals(
  state: RegionState,
  { ask, from, results }: { readonly ask: AskId; readonly from: RegionId; readonly results: readonly RenewalResult[] },
  now: Instant,
): Effects {
  const round = state.rounds.get(ask);
  if (round === undefined) return [];
  const known = round.results.get(from) ?? new Map<LeaseId, RenewalResult>();
  round.results.set(from, known);
  const effects: Effects = [];
  for (const result of results) {
    known.set(result.lease, result);
    effects.push(...settleRenewal(state, round, result.lease, now));
  }
  if (known.size >= questionSize(round)) round.inquiry.answered.add(from);
  const isAnswered = state.regions.every((region) => round.inquiry.answered.has(region));
  if (round.tasks.size === 0 && isAnswered) closeRound(state, round);
  return effects;
}

const questionSize = ({ inquiry }: RenewalRound): number =>
  inquiry.question.type === "renew" ? inquiry.question.leases.length : 0;

function closeRound(state: RegionState, { inquiry }: RenewalRound): void {
  state.rounds.delete(inquiry.ask);
  state.awaited.delete(inquiry.ask);
}

/** Decides about one lease as soon as a majority says the same of it. */
function settleRenewal(state: RegionState, round: RenewalRound, lease: LeaseId, now: Instant): Effects {
  const { length: regions } = state.regions;
  const results = [...round.results.values()].flatMap((each) => each.get(lease) ?? []);
  const renewed = results.filter(({ result }) => result === "renewed");
  const agreed = renewed.find(({ locks }) => isMajority(renewed.filter((one) => one.locks === locks).length, regions));
  const isWhole = results.length === regions;
  const isOwnIn = round.results.get(state.region)?.has(lease) ?? false;
  // Where a region is lost, those that can be reached are all that can be had.
  const isAll = isWhole || (isMajority(results.length, regions) && coming(state, round.inquiry, now, isOwnIn) === 0);
  const effects: Effects = [];
  if (isWhole || (isAll && agreed === undefined)) {
    const differ =
      agreed === undefined || renewed.some(({ locks }) => locks !== agreed.locks) || renewed.length < regions;
    const isAlive = renewed.length >= majority(regions);
    if (noteDifference(state, lease, differ && isAlive) >= differencesMax)
      effects.push(...beginRepair(state, lease, now));
  }
  const tasks = round.tasks.get(lease);
  if (tasks === undefined) return effects;
  if (agreed !== undefined) {
    confirmLease(state, { lease, ttl: agreed.ttl, at: round.inquiry.sentAt });
    return [...effects, ...answerAll(state, round, lease, { type: "leaseRenewed", lease, ttl: agreed.ttl })];
  }
  const denying = state.regions.filter((region) => isDeniedBy(round, region, lease));
  // So many that no majority can renew it: one of them was in the last that did.
  const isLost = denying.length > regions - majority(regions);
  if (isLost && isDeniedTwice(state, lease, { regions: denying, since: round.inquiry.sentAt, now })) {
    const isUnknown = results.every(({ result }) => result !== "ended") && renewed.length === 0;
    return [...effects, ...answerAll(state, round, lease, { type: isUnknown ? "leaseUnknown" : "leaseEnded", lease })];
  }
  if (!isAll && !isLost) return effects;
  // A grant may be on its way, so that no two regions are alike for a moment, or the lease itself: asked again with the next.
  round.tasks.delete(lease);
  const isFirst = state.gathered.length === 0;
  state.gathered.push(...tasks);
  return isFirst ? [...effects, setTimer("renew", gatherMs)] : effects;
}

function isDeniedBy({ results }: RenewalRound, region: RegionId, lease: LeaseId): boolean {
  const result = results.get(region)?.get(lease);
  return result !== undefined && result.result !== "renewed";
}

function answerAll(state: RegionState, round: RenewalRound, lease: LeaseId, answer: Answer): Effects {
  const tasks = round.tasks.get(lease) ?? [];
  round.tasks.delete(lease);
  for (const { requestId } of tasks) state.requests.delete(requestId);
  return tasks.length === 0
    ? []
    : [send("gateway", { type: "answers", answers: tasks.map(({ requestId }) => ({ requestId, answer })) })];
}

/** Refuses what a majority has not answered in time; a round that is done with waits no longer for the rest. */
export function giveUpRenewals(state: RegionState, now: Instant): Effects {
  const effects: Effects = [];
  const isOverdue = ({ deadline }: Task): boolean => between(now, deadline) <= 0;
  for (const round of [...state.rounds.values()]) {
    for (const [lease, tasks] of [...round.tasks]) {
      const kept = tasks.filter((task) => !isOverdue(task));
      for (const task of tasks.filter(isOverdue)) {
        effects.push(...answerTask(state, task, { type: "refused", refusal: "no-quorum" }));
      }
      if (kept.length === 0) round.tasks.delete(lease);
      else round.tasks.set(lease, kept);
      if (kept.length > 0) effects.push(...settleRenewal(state, round, lease, now));
    }
    const isOld = between(round.inquiry.sentAt, now) > roundMsMax;
    if (round.tasks.size === 0 && isOld) closeRound(state, round);
  }
  return effects;
}

/** How long a round that has served its purpose waits for the slowest, to find differences. */
const roundMsMax = millis(2000);
