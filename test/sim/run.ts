// The simulator from the command line: `npm run sim -- --seeds 1000 --from 1` runs seeds on all cores; `--seed 8741 --trace`
// replays one. `--mode storm` has elections that never end, `--mode clocks` clocks that are wrong beyond all bounds; `--plan`
// shows what was drawn. Exits with 1 if anything failed.

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Piscina } from "piscina";
import { conclusion, explain, progress } from "./report.ts";
import { addReport, addSum, type Mode, modes, noSum, planners, type Sum } from "./seed-job.ts";
import { simulate } from "./simulation.ts";

const progressMs = 5000;
/** After so many failures there is enough to look at. */
const failuresMax = 10;

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
    },
  });
  const mode = modes.find((one) => one === (values.storm ? "storm" : values.mode));
  const number = (text: string): number => (/^\d+$/.test(text) ? Number(text) : Number.NaN);
  const options = {
    mode: mode as Mode,
    seed: values.seed === undefined ? null : number(values.seed),
    seeds: number(values.seeds),
    from: number(values.from),
    lines: number(values.lines),
    workers: number(values.workers),
    trace: values.trace,
    plan: values.plan,
  };
  const isRight = mode !== undefined && Object.values(options).every((value) => !Number.isNaN(value));
  if (isRight && options.workers > 0) return options;
  console.error(`--seed, --seeds, --from, --lines and --workers are numbers; --mode is one of ${modes.join(", ")}`);
  process.exit(64);
}

type Options = ReturnType<typeof readOptions>;

const secondsSince = (begun: bigint): number => Number(process.hrtime.bigint() - begun) / 1e9;

function runOne({ mode, lines, trace, plan: showsPlan }: Options, seed: number): Sum {
  const plan = planners[mode](seed);
  if (showsPlan) console.log(JSON.stringify(plan, null, 1));
  const report = simulate(seed, { plan, traceLines: lines, ...(trace ? { print: console.log } : {}) });
  const sum = noSum();
  addReport(sum, report);
  for (const failure of sum.failures) console.log(explain(trace ? { ...failure, trace: [] } : failure, mode));
  console.log(Object.fromEntries(report.answers));
  return sum;
}

async function runMany({ mode, seeds, from, lines, workers }: Options): Promise<Sum> {
  const filename = new URL("./seed-job.js", import.meta.url).href;
  const pool = new Piscina({ filename, name: "runSeeds", minThreads: workers, maxThreads: workers });
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
      const part: Sum = await pool.run(job);
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

const options = readOptions();
const begun = process.hrtime.bigint();
const sum = options.seed === null ? await runMany(options) : runOne(options, options.seed);
console.log(conclusion(sum, secondsSince(begun), options.seed === null ? options.workers : 1));
process.exitCode = sum.failures.length > 0 ? 1 : 0;
