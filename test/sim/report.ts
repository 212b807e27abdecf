// What the simulator says on the terminal: progress, what failed and how to see it again, and how much was proven.

import type { Held } from "./contracts/hold.ts";
import { type ClusterState, clusterStates } from "./coverage.ts";
import type { Told } from "./mutants/story-job.ts";
import type { Failure, Mode, Sum } from "./seed-job.ts";

const hour = 3_600_000;
const thousands = (count: number): string => Math.round(count).toLocaleString("en");
const total = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((sum, one) => sum + one, 0);

/** One line about a run that goes on. */
export function progress(sum: Sum, wanted: number, seconds: number): string {
  const perSecond = (sum.seeds / seconds).toFixed(1);
  const hours = (sum.virtualMs / hour / seconds).toFixed(3);
  return (
    `${sum.seeds} of ${wanted} seeds, ${sum.failures.length} failed; ${perSecond} seeds/s, ${hours} virtual hours/s; ` +
    `${thousands(total(sum.struck))} faults, ${thousands(sum.leaders)} leaders, ${thousands(sum.committed)} entries`
  );
}

export function explain({ seed, kind, trace, message, cause, virtualMs }: Failure, mode: Mode): string {
  const flag = mode === "all" ? "" : ` --mode ${mode}`;
  return [
    "",
    ...trace,
    "",
    `seed ${seed} (${kind}) failed at ${virtualMs.toFixed(3)} ms: ${message}`,
    ...(cause === "" ? [] : [cause]),
    `replay: npm run sim -- --seed ${seed}${flag} --trace`,
    "",
  ].join("\n");
}

export const explainStory = ({ name, failed }: Told): string =>
  `story ${name} ended badly with seed ${failed?.seed}: ${failed?.message}\nagain: npm run sim -- --story ${name}\n`;

export const explainContract = ({ file, problem }: Held): string =>
  `${problem}\n\ncontract broken: ${file}\nagain: npm test -- ${file}\n`;

/** Which faults struck in which states. */
export function coverageTable({ struck, coverage }: Sum): string {
  const cell = (text: string | number): string => String(text).padStart(11);
  const row = (fault: string, all: number): string =>
    [
      fault.padEnd(12),
      cell(all),
      ...clusterStates.map((state: ClusterState) => cell(coverage.get(`${fault}/${state}`) ?? 0)),
    ].join("");
  const head = ["fault".padEnd(12), cell("struck"), ...clusterStates.map(cell)].join("");
  const rows = [...struck].sort(([one], [other]) => (one < other ? -1 : 1)).map(([fault, all]) => row(fault, all));
  return [head, ...rows].join("\n");
}

/** What a run has cost, in seconds: by the clock, and of processors. On a busy machine only the latter tells how fast it is. */
export interface Cost {
  readonly seconds: number;
  readonly busy: number;
  readonly workers: number;
}

export function conclusion(sum: Sum, { seconds, busy, workers }: Cost): string {
  const perCore = sum.virtualMs / 1000 / seconds / workers;
  const perBusy = sum.virtualMs / 1000 / busy;
  const hours = (sum.virtualMs / hour / seconds).toFixed(3);
  const kinds = [...sum.kinds].sort(([one], [other]) => (one < other ? -1 : 1));
  return [
    coverageTable(sum),
    "",
    `plans: ${kinds.map(([kind, count]) => `${kind} ${count}`).join(", ")}`,
    `${thousands(sum.virtualMs / 1000)} virtual seconds in ${seconds.toFixed(1)} s, ${Math.round(perCore)} per second and worker ` +
      `(${Math.round(perBusy)} per second of processor time), ${hours} virtual hours per second`,
    `${thousands(sum.events)} events, ${thousands(total(sum.answers))} answers to clients`,
    `${sum.seeds - sum.failures.length} of ${sum.seeds} seeds passed`,
  ].join("\n");
}
