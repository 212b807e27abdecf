// The simulator from the command line: `npm run sim -- --seeds 1000 --from 1` tells the stories, holds the contracts of what the
// simulator replaces by models, and runs seeds on all cores; `--only` chooses among the three. `--seed 8741 --trace` replays
// one seed, `--history FILE` writes what its clients did and saw, `--story NAME` tells one story. `--mode storm` has elections that never end, `--mode clocks` clocks that are wrong beyond
// all bounds, `--mode liveness` heals again and again, `--mode queues` has most clients wait, `--mode regions` has several
// regions, `--mode calm` no faults; `--plan` shows what was drawn. Exits with 1 if anything failed; what fails early keeps the rest from being run.

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Piscina } from "piscina";
import { writeHistory } from "../cluster/history.ts";
import { holdContracts } from "./contracts/hold.ts";
import { type StoryName, storyNames, type Told } from "./mutants/story-job.ts";
import { conclusion, explain, explainContract, explainStory, progress } from "./report.ts";
import {
  addReport,
  addSum,
  type Looking,
  type Mode,
  modes,
  noSum,
  planFor,
  runRecorded,
  runSeed,
  type Sum,
} from "./seed-job.ts";
import type { Report } from "./simulation.ts";

const progressMs = 5000;
/** After so many failures there is enough to look at. */
const failuresMax = 10;
/** With how many seeds each story is told. */
const storySeeds = 5;
/** Whoever takes longer goes round in circles: a bug may also be a loop that never ends. It is the time of the processor that counts:
 *  on a machine that is busy with other things a job may take many times as long. */
const hangMs = { job: 60_000, seed: 15_000 } as const;
const lookMs = 1000;
/** Nobody waits longer than so many times that, in any case. */
const busyMax = 20;

const stages = ["stories", "contracts", "seeds"] as const;
type Stage = (typeof stages)[number];

function readOptions() {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      seeds: { type: "string", default: "100" },
      from: { type: "string", default: "1" },
      trace: { type: "boolean", default: false },
      plan: { type: "boolean", default: false },
      storm: { type: "boolean", default: false },
      mode: { type: "string", default: "all" },
      lines: { type: "string", default: "40" },
      workers: { type: "string", default: String(availableParallelism()) },
      only: { type: "string" },
      "skip-contracts": { type: "boolean", default: false },
      story: { type: "string" },
      history: { type: "string" },
    },
  });
  const mode = modes.find((one) => one === (values.storm ? "storm" : values.mode));
  const number = (text: string): number => (/^\d+$/.test(text) ? Number(text) : Number.NaN);
  const story = values.story === undefined ? null : storyNames.find((name) => name === values.story);
  // Who asks for seeds of a special kind wants those alone.
  const wanted = values.only?.split(",") ?? (mode === "all" ? stages : ["seeds"]);
  const options = {
    mode: mode as Mode,
    stages: stages.filter((stage) => wanted.includes(stage) && !(stage === "contracts" && values["skip-contracts"])),
    story: story as StoryName | null,
    seed: values.seed === undefined ? null : number(values.seed),
    seeds: number(values.seeds),
    from: number(values.from),
    lines: number(values.lines),
    workers: number(values.workers),
    trace: values.trace,
    plan: values.plan,
    history: values.history ?? null,
  };
  const isRight =
    mode !== undefined &&
    story !== undefined &&
    wanted.every((stage) => stages.some((one) => one === stage)) &&
    (options.history === null || (options.seed !== null && mode === "all")) &&
    Object.values(options).every((value) => !Number.isNaN(value));
  if (isRight && options.workers > 0) return options;
  console.error(`--seed, --seeds, --from, --lines and --workers are numbers; --mode is one of ${modes.join(", ")};
--history FILE goes with --seed; --only is some of ${stages.join(",")}; --story is one of ${storyNames.join(", ")}`);
  process.exit(64);
}

type Options = ReturnType<typeof readOptions>;

const secondsSince = (begun: bigint): number => Number(process.hrtime.bigint() - begun) / 1e9;

/** Writes down what the clients of a seed did and saw, as JSON lines. */
function runAndWrite(seed: number, looking: Looking, file: string): Report {
  const { report, history } = runRecorded(seed, looking);
  writeHistory(history, file);
  return report;
}

function runOne({ mode, lines, trace, plan: showsPlan, history: file }: Options, seed: number): Sum {
  if (showsPlan) console.log(JSON.stringify(planFor(mode, seed), null, 1));
  const looking = { traceLines: lines, ...(trace ? { print: console.log } : {}) };
  const report = file === null ? runSeed(mode, seed, looking) : runAndWrite(seed, looking, file);
  const sum = noSum();
  addReport(sum, report);
  for (const failure of sum.failures) console.log(explain(trace ? { ...failure, trace: [] } : failure, mode));
  console.log(Object.fromEntries(report.answers));
  return sum;
}

/** How long the threads of the pool have worked, each of them on average. */
const workedMs = (pool: Piscina): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000 / pool.options.maxThreads;
};

/** What a job of the pool comes to. Rejects if it never ends, or ends its worker. */
async function finished<Result>(pool: Piscina, task: object, msMax: number): Promise<Result> {
  const patience = new AbortController();
  const begun = { at: performance.now(), worked: workedMs(pool) };
  const timer = setInterval(() => {
    const isOver = workedMs(pool) - begun.worked > msMax || performance.now() - begun.at > busyMax * msMax;
    if (isOver) patience.abort();
  }, lookMs);
  try {
    return await pool.run(task, { signal: patience.signal });
  } catch (error) {
    throw patience.signal.aborted ? new Error(`not done after ${msMax / 1000} s of work: something never ends`) : error;
  } finally {
    clearInterval(timer);
  }
}

/** The sum of a job that did not come back. */
function failedJob({ from, count }: { from: number; count: number }, why: string): Sum {
  const kind = `or a later one, up to ${from + count - 1}`;
  const sum = noSum();
  sum.seeds = count;
  sum.failures.push({ seed: from, kind, trace: [], virtualMs: 0, message: why, cause: "" });
  return sum;
}

async function runMany({ mode, seeds, from, lines, workers }: Options): Promise<Sum> {
  const filename = new URL("./seed-job.js", import.meta.url).href;
  // Most of what a run makes is forgotten at once: the larger the nursery, the less is copied out of it.
  const resourceLimits = { maxYoungGenerationSizeMb: 64 };
  const pool = new Piscina({ filename, name: "runSeeds", minThreads: workers, maxThreads: workers, resourceLimits });
  const sum = noSum();
  const begun = process.hrtime.bigint();
  const count = Math.max(1, Math.min(5, Math.ceil(seeds / workers / 4)));
  const timer = setInterval(() => {
    if (sum.seeds > 0) console.log(progress(sum, seeds, secondsSince(begun)));
  }, progressMs);
  let next = from;
  const work = async (): Promise<void> => {
    while (next < from + seeds && sum.failures.length < failuresMax) {
      const job = { mode, from: next, count: Math.min(count, from + seeds - next), lines };
      next += job.count;
      const part: Sum = await finished<Sum>(pool, job, hangMs.job + hangMs.seed * job.count).catch(
        (error: Error): Sum => failedJob(job, error.message),
      );
      for (const failure of part.failures) console.log(explain(failure, mode));
      addSum(sum, part);
    }
  };
  try {
    await Promise.all(Array.from({ length: workers }, work));
  } finally {
    clearInterval(timer);
    await pool.destroy();
  }
  return sum;
}

/** Tells the stories. How many ended badly. */
async function tellStories({ workers, story }: Options): Promise<number> {
  const filename = new URL("./mutants/story-job.js", import.meta.url).href;
  const pool = new Piscina({ filename, name: "tellStory", minThreads: workers, maxThreads: workers });
  const queue = story === null ? [...storyNames] : [story];
  const told: Told[] = [];
  const work = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const task = { name, seeds: storySeeds };
      const failed = (error: Error): Told => ({ name: task.name, failed: { seed: 1, message: error.message } });
      told.push(await finished<Told>(pool, task, hangMs.job).catch(failed));
    }
  };
  try {
    await Promise.all(Array.from({ length: workers }, work));
    const failed = told.filter((one) => one.failed !== null);
    for (const one of failed) console.log(explainStory(one));
    console.log(`${told.length - failed.length} of ${told.length} stories ended well`);
    return failed.length;
  } finally {
    await pool.destroy();
  }
}

/** Holds the contracts. How many were broken. */
async function checkContracts({ workers }: Options): Promise<number> {
  let held = 0;
  let broken = 0;
  let rules = 0;
  await holdContracts(workers, (contract) => {
    rules += contract.rules;
    if (contract.problem === null) held += 1;
    else {
      broken += 1;
      console.log(explainContract(contract));
    }
  });
  console.log(`${held} of ${held + broken} contracts were kept, with ${rules} rules`);
  return broken;
}

async function runSeeds(options: Options): Promise<number> {
  const begun = process.hrtime.bigint();
  const used = process.cpuUsage();
  const sum = options.seed === null ? await runMany(options) : runOne(options, options.seed);
  const { user, system } = process.cpuUsage(used);
  const workers = options.seed === null ? options.workers : 1;
  console.log(conclusion(sum, { seconds: secondsSince(begun), busy: (user + system) / 1e6, workers }));
  return sum.failures.length;
}

const acts: Readonly<Record<Stage, (options: Options) => Promise<number>>> = {
  stories: tellStories,
  contracts: checkContracts,
  seeds: runSeeds,
};

const options = readOptions();
let failed = 0;
const wanted: readonly Stage[] =
  options.story !== null ? ["stories"] : options.seed !== null ? ["seeds"] : options.stages;
for (const stage of wanted) {
  if (failed > 0) console.log(`no ${stage}: first mend what is broken (or ask with --only ${stage})`);
  else failed += await acts[stage](options);
}
process.exitCode = failed > 0 ? 1 : 0;
