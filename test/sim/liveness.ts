// The liveness mode: things go wrong, everything is healed, and from that moment on clocks are watched. Whoever waits must be
// served, and what nobody renews must become free, within bounds that follow from the settings; then things go wrong again.
// In the meantime clients begin nothing new, so that all of them count as dead once they have been answered; but for those who
// wait in queues (queues/served.ts), who live until they have been served.

import type { Answer } from "../../src/actors/operations.ts";
import type { NodeId } from "../../src/actors/scalars.ts";
import { ask, type Client, describe, noticeBroken, type Request } from "./clients.ts";
import type { Cluster } from "./cluster.ts";
import { unleash } from "./faults.ts";
import type { Plan } from "./plan.ts";
import { type Bounds, requireNoLeases, requireTurns } from "./queues/served.ts";
import { graceMax } from "./queues/workload.ts";
import { runUntil } from "./schedule.ts";
import type { Run } from "./simulation.ts";
import { check } from "./witness.ts";
import { beginWork, lockName, type Work } from "./workload.ts";

const inspector: Client = { name: "inspector", clockRate: 1 };

/** What is allowed on top of every bound: ten times the way to a majority and back, through disks, wires and busy threads. */
const restMs = ({ disk, weather, pace }: Plan): number =>
  250 + 10 * (disk.flushMax + 2 * weather.delayMax + pace.stallMax + pace.latenessMax);

/** After healing: two elections, for the first may be split; and a client waits for an answer that was lost until it asks anew. */
export const servedWithin = (plan: Plan): number =>
  2 * plan.node.electionMsMax + plan.manners.budgetMax + 300 + restMs(plan);

/** After the last answer, and not before two elections after healing: the whole span of the longest lease. */
export const freeWithin = (plan: Plan): number =>
  plan.workload.ttlMax * (1 + plan.cluster.clockRateErrorMax) + plan.cluster.clockAllowanceMs + restMs(plan);

/** What waits in queues is sent again so many times less often than what is unanswered. */
const patience = 10;

function boundsOf(plan: Plan, healedAt: number): Bounds {
  const { electionMsMax, retryMs } = plan.node;
  const rest = restMs(plan);
  const elected = healedAt + 2 * electionMsMax + rest;
  const { delayMax = 0, holdMax = 0 } = plan.queues ?? {};
  // A lock is lost when a lease ends, or when it was to be yielded; and then its delay begins.
  const lost = healedAt + servedWithin(plan) + Math.max(freeWithin(plan), graceMax + rest);
  return {
    elected,
    linked: elected + patience * retryMs + rest,
    deadGone: lost + delayMax * (1 + plan.cluster.clockRateErrorMax) + rest,
    turnMs: holdMax + rest,
    restMs: rest,
  };
}

/** Heals as often as the plan says, and lets things go wrong before each time. */
export function healAgainAndAgain(run: Run): void {
  const { cluster } = run;
  const { plan, timetable, crowd, reference } = cluster;
  const unanswered: Request[] = [];
  for (let round = 1; round <= plan.heals; round += 1) {
    crowd.isSilent = false;
    const work = beginWork(cluster, round, run.answers);
    runUntil(timetable, timetable.now + 1000);
    const healedAt = timetable.now + plan.faultyMs;
    unleash(cluster, healedAt, run);
    runUntil(timetable, healedAt);
    work.isClosing = true;
    crowd.isSilent = true;
    noticeBroken(crowd);
    run.onSettled = (request: Request, answer: Answer | null) => {
      if (answer === null && request.requestId !== null) unanswered.push(request);
    };
    requireAnswered(run, work, { healedAt, unanswered });
    const bounds = boundsOf(plan, healedAt);
    if (reference !== null) requireTurns(cluster, reference, work, bounds);
    work.isOver = true;
    requireAnswered(run, work, { healedAt: timetable.now, unanswered });
    run.onSettled = null;
    runUntil(timetable, Math.max(timetable.now, bounds.elected) + freeWithin(plan));
    if (reference !== null) requireNoLeases(reference);
    for (let at = 0; at < plan.workload.locks; at += 1) requireFree(cluster, at);
  }
}

/** Whoever has asked for something is answered, unless he waits in a queue. */
function requireAnswered(
  { cluster, open }: Run,
  work: Work,
  { healedAt, unanswered }: { healedAt: number; unanswered: readonly Request[] },
): void {
  const { timetable, plan } = cluster;
  const span = servedWithin(plan);
  const isDue = (request: Request): boolean => request.askedAt <= healedAt && !work.waiting.has(request);
  const isServed = runUntil(timetable, healedAt + span, () => ![...open].some(isDue));
  check(
    isServed && unanswered.length === 0,
    "whoever waits when everything is healed is served soon",
    () => `after ${span} ms: ${[...open].filter(isDue).concat(unanswered).map(describe).join(" ")}`,
  );
}

function requireFree(cluster: Cluster, at: number): void {
  const { timetable, crowd, plan, ids } = cluster;
  const answers: (Answer | null)[] = [];
  const node = ids[at % ids.length] as NodeId;
  ask(crowd, inspector, { operation: { type: "check", lock: lockName(at) }, at: node }, (answer) =>
    answers.push(answer),
  );
  const span = servedWithin(plan);
  const isAnswered = runUntil(timetable, timetable.now + span, () => answers.length > 0);
  check(
    isAnswered && answers[0]?.type === "free",
    "whatever a dead client held is free within a lease's span of the healing",
    () => `${lockName(at)}: ${JSON.stringify(answers)} at ${timetable.now}`,
  );
}
