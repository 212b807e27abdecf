// The simulator from the command line: `node dist/test/sim/run.js --seed 8741 --trace`, or `--seeds 200 --from 1`; with
// `--storm` elections never end, `--plan` shows what was drawn. Prints what
// failed, the last events before it, and the command that replays it; exits with 1 if anything failed.

import { parseArgs } from "node:util";
import { planOf, stormyPlan } from "./plan.ts";
import { type Report, simulate } from "./simulation.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "1" },
    from: { type: "string", default: "1" },
    trace: { type: "boolean", default: false },
    plan: { type: "boolean", default: false },
    storm: { type: "boolean", default: false },
    lines: { type: "string", default: "40" },
  },
});

const from = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.seeds) : 1;
let failures = 0;
let virtualMs = 0;
let events = 0;
const begun = process.hrtime.bigint();
for (let seed = from; seed < from + count; seed += 1) {
  const plan = values.storm ? stormyPlan(seed) : planOf(seed);
  if (values.plan) console.log(JSON.stringify(plan, null, 1));
  const report = simulate(seed, {
    plan,
    traceLines: Number(values.lines),
    ...(values.trace ? { print: console.log } : {}),
  });
  virtualMs += report.virtualMs;
  events += report.events;
  if (report.violation !== null) {
    failures += 1;
    explain(report);
  }
  if (count === 1) {
    console.log(Object.fromEntries(report.answers));
    console.log({ leaders: report.leaders, committed: report.committed, events: report.events });
  }
}
const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
console.log(
  `${count - failures} of ${count} seeds passed; ${Math.round(virtualMs / 1000)} s of virtual time in ${seconds.toFixed(1)} s ` +
    `(${Math.round(virtualMs / 1000 / seconds)} times as fast), ${events} events`,
);
process.exitCode = failures > 0 ? 1 : 0;

function explain({ seed, violation, trace, virtualMs: at }: Report): void {
  if (!values.trace) for (const line of trace) console.log(line);
  console.log(`\nseed ${seed} failed at ${at.toFixed(3)} ms: ${violation?.message}`);
  if (violation?.cause !== undefined) console.log(violation.cause);
  console.log(`replay: node dist/test/sim/run.js --seed ${seed}${values.storm ? " --storm" : ""} --trace\n`);
}
