// Hunts every mutant, as many at once as there are cores: `npm run mutants`, or `npm run mutants -- NAME…` for some. Each must be
// found by its own hunter, within its number of seeds, and for the right reason; else the exit code is 1. `--stories` hunts those
// that scripted stories find: they are found in moments, and a story that has lost its point shows. `--write` puts the table of
// what was found into docs/MUTATIONS.md.

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { mutants } from "./all.ts";
import { stories } from "./hunters.ts";
import type { Mutant, Report } from "./mutant.ts";
import { hunted } from "./plant.ts";
import { writeTable } from "./table.ts";

const { values, positionals } = parseArgs({
  options: {
    write: { type: "boolean", default: false },
    stories: { type: "boolean", default: false },
    jobs: { type: "string" },
  },
  allowPositionals: true,
});
const isWanted = ({ name, hunt }: Mutant): boolean =>
  (positionals.length === 0 || positionals.includes(name)) && (!values.stories || hunt.by in stories);
const wanted = mutants.filter(isWanted);
const unknown = positionals.filter((name) => !mutants.some((mutant) => mutant.name === name));
if (unknown.length > 0) {
  console.error(`no such mutant: ${unknown.join(", ")}`);
  process.exit(1);
}

const results = new Map<Mutant, Report>();
const queue = [...wanted];
const isFound = (mutant: Mutant): boolean => (results.get(mutant)?.seed ?? null) !== null;

async function work(): Promise<void> {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const report = await hunted(mutant);
    results.set(mutant, report);
    tell(mutant, report);
  }
}

function tell(mutant: Mutant, report: Report): void {
  const { name, hunt } = mutant;
  const { seed, message, seconds } = report;
  const verdict = isFound(mutant) ? "found" : "MISSED";
  const when = seed === null ? `${hunt.seeds} seeds` : `seed ${seed} of ${hunt.seeds}`;
  const cells = [
    verdict.padEnd(6),
    name.padEnd(26),
    hunt.by.split("/").at(-1)?.padEnd(17),
    when.padEnd(15),
    `${seconds.toFixed(1)} s`,
  ];
  console.log(`${cells.join("  ")}  ${message.slice(0, 90)}`);
}

await Promise.all(Array.from({ length: Number(values.jobs ?? availableParallelism()) }, work));
const missed = wanted.filter((mutant) => !isFound(mutant));
console.log(`${wanted.length - missed.length} of ${wanted.length} mutants found`);
if (values.write) writeTable(wanted.map((mutant) => [mutant, results.get(mutant) as Report]));
process.exitCode = missed.length > 0 ? 1 : 0;
