// The liveness mode: things go wrong, everything is healed, and from that moment on clocks are watched. Whoever waits must be
// served, and what nobody renews must become free, within bounds that follow from the settings; then things go wrong again.
// In the meantime clients begin nothing new, so that all of them count as dead once they have been answered.

import type { Answer } from "../../src/actors/operations.ts";
import type { NodeId } from "../../src/actors/scalars.ts";
import { ask, type Client, describe, type Request } from "./clients.ts";
import type { Cluster } from "./cluster.ts";
import { unleash } from "./faults.ts";
import type { Plan } from "./plan.ts";
import { runUntil } from "./schedule.ts";
import type { Run } from "./simulation.ts";
import { check } from "./witness.ts";
import { beginWork, lockName } from "./workload.ts";

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

/** Heals as often as the plan says, and lets things go wrong before each time. */
export function healAgainAndAgain(run: Run): void {
  const { cluster } = run;
  const { plan, timetable, crowd } = cluster;
  const unanswered: Request[] = [];
  for (let round = 1; round <= plan.heals; round += 1) {
    crowd.isSilent = false;
    const work = beginWork(cluster, round, run.answers);
    runUntil(timetable, timetable.now + 1000);
    const healedAt = timetable.now + plan.faultyMs;
    unleash(cluster, healedAt, run);
    runUntil(timetable, healedAt);
    work.isOver = true;
    crowd.isSilent = true;
    run.onSettled = (request: Request, answer: Answer | null) => {
      if (answer === null && request.requestId !== null) unanswered.push(request);
    };
    requireServed(cluster, healedAt, unanswered);
    run.onSettled = null;
    const elected = healedAt + 2 * plan.node.electionMsMax + restMs(plan);
    runUntil(timetable, Math.max(timetable.now, elected) + freeWithin(plan));
    for (let at = 0; at < plan.workload.locks; at += 1) requireFree(cluster, at);
  }
}

function requireServed(cluster: Cluster, healedAt: number, unanswered: readonly Request[]): void {
  const { timetable, crowd, plan } = cluster;
  const span = servedWithin(plan);
  const isServed = runUntil(timetable, healedAt + span, () => crowd.open === 0);
  check(
    isServed && unanswered.length === 0,
    "whoever waits when everything is healed is served soon",
    () => `${crowd.open} still wait after ${span} ms; without an answer: ${describe(unanswered[0])}`,
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
