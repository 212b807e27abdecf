// One run from its plan to its end: clients at work while things go wrong, then a calm in which everything must work, then
// silence, after which nothing may be held any more.

import type { Answer } from "../../src/actors/operations.ts";
import { millis, wallTime } from "../../src/actors/scalars.ts";
import { ask, type Client, describe, type Request } from "./clients.ts";
import { type Cluster, configOf, createCluster, diskOf, nodeOf, startAll, type Watching } from "./cluster.ts";
import type { Nemesis } from "./deeds.ts";
import { lastDurable } from "./disk.ts";
import { unleash } from "./faults.ts";
import { healAgainAndAgain } from "./liveness.ts";
import { type Plan, planOf } from "./plan.ts";
import { judgeAlarms, judgeHearing, judgeRest } from "./queues/answers.ts";
import { runUntil } from "./schedule.ts";
import { check, Violation } from "./witness.ts";
import { beginWork, lockName, type Work } from "./workload.ts";

export interface Report {
  readonly seed: number;
  /** What rule was broken; null if the run passed. */
  readonly violation: Error | null;
  /** The last events. */
  readonly trace: readonly string[];
  readonly virtualMs: number;
  readonly events: number;
  readonly kind: string;
  readonly answers: ReadonlyMap<string, number>;
  /** How many faults of each kind have struck; and as `fault/state`, in which state of the cluster. */
  readonly struck: ReadonlyMap<string, number>;
  readonly coverage: ReadonlyMap<string, number>;
  readonly leaders: number;
  readonly committed: number;
}

/** How long after the last fault everything must work again, and an answer may take then. Milliseconds. */
const recoveryMs = 6000;
const answerMs = 8000;
/** How long it may take until an alarm that has rung is in the log. */
const alarmMs = 3500;
/** How long it may take from the last answer until nothing is left in any queue. */
const drainMs = 30_000;

/** A run under way. */
export interface Run {
  readonly cluster: Cluster;
  readonly answers: Map<string, number>;
  readonly struck: Nemesis["struck"];
  readonly coverage: Nemesis["coverage"];
  /** What has been asked and has not ended. */
  readonly open: Set<Request>;
  /** Hears of every request that ends. */
  onSettled: ((request: Request, answer: Answer | null) => void) | null;
}

/** Runs the plan of a seed, or another. Never throws: a broken rule is in the report. */
export function simulate(seed: number, options: Watching & { plan?: Plan } = {}): Report {
  const plan = options.plan ?? planOf(seed);
  const open = new Set<Request>();
  const settled = (request: Request, answer: Answer | null): void => {
    open.delete(request);
    run.onSettled?.(request, answer);
  };
  const asked = (request: Request): void => void open.add(request);
  const listener = { asked, attempted: () => undefined, settled };
  const cluster = createCluster(plan, {
    ...options,
    clientWitnesses: [...(options.clientWitnesses ?? []), listener],
  });
  const run: Run = { cluster, answers: new Map(), struck: new Map(), coverage: new Map(), open, onSettled: null };
  let violation: Error | null = null;
  try {
    startAll(cluster);
    healAgainAndAgain(run);
    workAndHeal(run);
  } catch (error) {
    violation = error as Error;
    if (!(error instanceof Violation)) throw error;
  }
  const { struck, coverage, answers } = run;
  return {
    seed,
    violation,
    trace: cluster.trace.lines(),
    virtualMs: cluster.timetable.now,
    events: cluster.timetable.happened,
    kind: plan.kind,
    struck,
    coverage,
    answers,
    leaders: cluster.ledger.leaders.size,
    committed: cluster.ledger.committed.length,
  };
}

/** Clients work while things go wrong, and go on while all is well; then comes the end. */
function workAndHeal(run: Run): void {
  const { cluster } = run;
  const { timetable, plan, crowd } = cluster;
  const healedAt = timetable.now + 1000 + plan.faultyMs;
  const late: Request[] = [];
  // What is asked after everything must work again, and is never answered.
  run.onSettled = (request, answer) => {
    if (answer === null && request.requestId !== null && request.askedAt >= healedAt + recoveryMs) late.push(request);
  };
  crowd.isSilent = false;
  const work = beginWork(cluster, 0, run.answers);
  unleash(cluster, healedAt, run);
  runUntil(timetable, healedAt + recoveryMs + answerMs);
  // What waits is sent again ten times less often than what is unanswered.
  const soon = 2000 + 12 * plan.node.retryMs;
  if (cluster.reference !== null) {
    judgeHearing(cluster.reference, crowd, soon);
    judgeAlarms(cluster.reference, healedAt + recoveryMs, alarmMs);
  }
  conclude(cluster, work, late);
}

/** The clients fall silent: what is asked ends, and what they held becomes free. */
function conclude(cluster: Cluster, work: Work, late: readonly Request[]): void {
  const { timetable, crowd, plan, ids } = cluster;
  work.isOver = true;
  crowd.isSilent = true;
  const patience = plan.manners.patience + (plan.queues?.waitMax ?? 0);
  const isQuiet = runUntil(timetable, timetable.now + patience + 5000, () => crowd.open === 0);
  check(isQuiet, "everything that is asked ends", () => `${crowd.open} requests are still open`);
  check(late.length === 0, "after healing everything is answered", () => describe(late[0]));
  // A log that takes one entry in each round trip may lag behind what was asked by seconds.
  const isWritten = (): boolean =>
    ids.every((id) => lastDurable(diskOf(cluster, id)).index === cluster.ledger.committed.length);
  check(runUntil(timetable, timetable.now + drainMs, isWritten), "what was asked is soon in every log", () =>
    JSON.stringify(ids.map((id) => [id, lastDurable(diskOf(cluster, id)), cluster.ledger.committed.length])),
  );
  // Late is safe, but not for ever: a full server span after the last change of leader, and a little more.
  const { clockRateErrorMax, clockAllowanceMs } = plan.cluster;
  const ofLeases = plan.workload.ttlMax * (1 + clockRateErrorMax) + clockAllowanceMs;
  const span = ofLeases + (plan.queues?.delayMax ?? 0) * (1 + clockRateErrorMax);
  runUntil(timetable, timetable.now + span + 2 * plan.node.electionMsMax + 1000);
  if (cluster.reference !== null) judgeRest(cluster.reference);
  const inspector: Client = { name: "inspector", clockRate: 1 };
  for (let at = 0; at < plan.workload.locks; at += 1) {
    for (const node of ids) {
      expect(cluster, inspector, { operation: { type: "check", lock: lockName(at) }, at: node }, "free");
    }
    const acquire = {
      type: "acquire",
      lock: lockName(at),
      owner: "inspector",
      under: { ttl: millis(60_000) },
    } as const;
    expect(cluster, inspector, { operation: { ...acquire, askedAt: wallTime(0) } }, "granted");
  }
  const { handed, committed } = cluster.ledger;
  runUntil(timetable, timetable.now + 10_000);
  for (const id of ids) {
    const index = handed.get(id) ?? 0;
    const { entries, snapshot } = diskOf(cluster, id);
    const remembered = (snapshot?.slices ?? []).reduce((sum, slice) => sum + slice.outcomes.length, 0);
    // An entry has an outcome of its own, and may end a grant or a wait, or several at once.
    check(
      remembered <= 2 * (plan.cluster.requestsRemembered + 1),
      "what is remembered is bounded",
      () => `${id}: ${remembered} outcomes`,
    );
    const { snapshotEntries, trailingEntries } = configOf(cluster, nodeOf(cluster, id)).node;
    // A snapshot may wait for transfers under way until four times as much has come together.
    check(
      entries.length <= 4 * snapshotEntries + trailingEntries + 64,
      "a log stays bounded",
      () => `${id}: ${entries.length}`,
    );
    check(index === committed.length, "every node catches up", () => `${id}: ${index} of ${committed.length}`);
  }
}

function expect(cluster: Cluster, client: Client, wish: Parameters<typeof ask>[2], expected: Answer["type"]): void {
  const answers: (Answer | null)[] = [];
  const asked = ask(cluster.crowd, client, wish, (answer) => answers.push(answer));
  runUntil(cluster.timetable, cluster.timetable.now + answerMs, () => answers.length > 0);
  check(
    answers[0]?.type === expected,
    `in the end every lock is ${expected}`,
    () => `${describe(asked)}: ${JSON.stringify(answers)}`,
  );
}
