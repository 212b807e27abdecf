// One job of the pool: some seeds, one after another, and what came of them in numbers.

import type { History } from "../cluster/history.ts";
import { violations } from "../cluster/history-rules.ts";
import { type Recorder, recordHistory } from "./history.ts";
import {
  livenessPlan,
  type Plan,
  peacefulPlan,
  planOf,
  queuePlan,
  recordedPlan,
  stormyPlan,
  wildClockPlan,
} from "./plan.ts";
import { type RegionPlan, regionPlanOf, rivalRegions } from "./regions/plan.ts";
import { simulateRegions } from "./regions/simulation.ts";
import type { Schedule } from "./schedule.ts";
import { type Report, simulate } from "./simulation.ts";
import { Violation } from "./witness.ts";

/** Which plans are drawn: of one region, or of several; with `all` every fifth seed is of several. */
export const modes = ["all", "storm", "clocks", "liveness", "queues", "regions", "calm"] as const;
export type Mode = (typeof modes)[number];

type OfOne = Exclude<Mode, "regions">;

/** Of so many seeds two are recorded, one of either kind, and their history is judged in the end. */
const recordEvery = 16;
const recorded: readonly number[] = [8, 13];

const isRecorded = (mode: Mode, seed: number): boolean =>
  mode === "all" && seed % 5 !== 0 && recorded.includes(seed % recordEvery);

const planners: Readonly<Record<OfOne, (seed: number) => Plan>> = {
  all: (seed) => (isRecorded("all", seed) ? recordedPlan(seed) : planOf(seed)),
  storm: stormyPlan,
  clocks: wildClockPlan,
  liveness: livenessPlan,
  queues: queuePlan,
  calm: peacefulPlan,
};

/** The plan of a seed that is of several regions; null if it is of one. */
function regionalPlan(mode: Mode, seed: number): RegionPlan | null {
  if (mode === "regions") return regionPlanOf(seed);
  if (mode !== "all" || seed % 5 !== 0) return null;
  return seed % 2 === 0 ? rivalRegions(seed) : regionPlanOf(seed);
}

/** What is fixed about a seed's run before it begins. */
export const planFor = (mode: Mode, seed: number): object => regionalPlan(mode, seed) ?? planners[mode as OfOne](seed);

export interface Looking {
  /** How many of the last events are kept. */
  readonly traceLines: number;
  readonly print?: (line: string) => void;
}

export function runSeed(mode: Mode, seed: number, looking: Looking): Report {
  const plan = regionalPlan(mode, seed);
  if (plan !== null) return simulateRegions(seed, { plan, ...looking });
  if (isRecorded(mode, seed)) return runRecorded(seed, looking).report;
  return simulate(seed, { plan: planners[mode as OfOne](seed), ...looking });
}

/** Runs a seed whose history is kept, and searches that for an order. */
export function runRecorded(seed: number, looking: Looking): { readonly report: Report; readonly history: History } {
  const recorders: Recorder[] = [];
  const recorder = (timetable: Schedule, plan: Plan): Recorder => {
    const made = recordHistory(timetable, plan);
    recorders.push(made);
    return made;
  };
  const report = simulate(seed, { plan: recordedPlan(seed), recorder, ...looking });
  const { history } = recorders[0] as Recorder;
  const [found] = report.violation === null ? violations(history) : [];
  if (found === undefined) return { report, history };
  return { report: { ...report, violation: new Violation(`every lock is linearizable: ${found}`) }, history };
}

export interface Job {
  readonly mode: Mode;
  readonly from: number;
  readonly count: number;
  /** How many of the last events of a failed run are wanted. */
  readonly lines: number;
}

export interface Failure extends Pick<Report, "seed" | "kind" | "trace" | "virtualMs"> {
  readonly message: string;
  readonly cause: string;
}

/** What some seeds came to. */
export interface Sum {
  seeds: number;
  virtualMs: number;
  events: number;
  leaders: number;
  committed: number;
  readonly failures: Failure[];
  readonly kinds: Map<string, number>;
  readonly struck: Map<string, number>;
  readonly coverage: Map<string, number>;
  readonly answers: Map<string, number>;
}

export const noSum = (): Sum => ({
  seeds: 0,
  virtualMs: 0,
  events: 0,
  leaders: 0,
  committed: 0,
  failures: [],
  kinds: new Map(),
  struck: new Map(),
  coverage: new Map(),
  answers: new Map(),
});

function addCounts(total: Map<string, number>, counts: ReadonlyMap<string, number>): void {
  for (const [name, count] of counts) total.set(name, (total.get(name) ?? 0) + count);
}

export function addSum(total: Sum, one: Sum): void {
  total.seeds += one.seeds;
  total.virtualMs += one.virtualMs;
  total.events += one.events;
  total.leaders += one.leaders;
  total.committed += one.committed;
  total.failures.push(...one.failures);
  addCounts(total.kinds, one.kinds);
  addCounts(total.struck, one.struck);
  addCounts(total.coverage, one.coverage);
  addCounts(total.answers, one.answers);
}

export function addReport(total: Sum, report: Report): void {
  const { seed, kind, violation, trace, virtualMs } = report;
  total.seeds += 1;
  total.virtualMs += virtualMs;
  total.events += report.events;
  total.leaders += report.leaders;
  total.committed += report.committed;
  addCounts(total.kinds, new Map([[kind, 1]]));
  addCounts(total.struck, report.struck);
  addCounts(total.coverage, report.coverage);
  addCounts(total.answers, report.answers);
  if (violation === null) return;
  const cause = typeof violation.cause === "string" ? violation.cause : "";
  total.failures.push({ seed, kind, trace, virtualMs, message: violation.message, cause });
}

/** Called by the pool. */
export function runSeeds({ mode, from, count, lines }: Job): Sum {
  const total = noSum();
  for (let seed = from; seed < from + count; seed += 1) {
    addReport(total, runSeed(mode, seed, { traceLines: lines }));
  }
  return total;
}
