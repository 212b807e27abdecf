// `npm run bench`: starts nodes, loads them, prints one table per scenario and writes the figures beside it as JSON.

import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { dirname, join, resolve } from "node:path";
import { measureRow, openPool, type Pool, type Row } from "./measure.ts";
import { help, type Options, readOptions } from "./options.ts";
import type { Scenario } from "./scenario.ts";
import type { System, Target } from "./system.ts";
import { grouped, heading, tableRow } from "./table.ts";

interface Table {
  readonly system: string;
  readonly scenario: string;
  readonly operation: string;
  readonly nodes: number;
  readonly via: Options["via"];
  readonly rows: readonly Row[];
}

const options = parsed();
const pool = openPool(options.workers ?? undefined);
const tables: Table[] = [];
for (const nodes of options.nodes) {
  for (const scenario of options.scenarios) {
    for (const system of options.systems.filter(({ nodesMax }) => nodes <= nodesMax)) {
      tables.push(await runScenario(system, scenario, nodes));
    }
  }
}
await pool.destroy();
writeResults();

function parsed(): Options {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options !== "help") return options;
    console.log(help);
    process.exit(0);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${help}`);
    process.exit(64);
  }
}

/** Every scenario has fresh nodes, so that none measures what another has left behind. */
async function runScenario(system: System, scenario: Scenario, nodes: number): Promise<Table> {
  const running = await system.start({ nodes, profileDirectory: options.profile });
  const target = reached(running.target, nodes);
  console.log(`\n${system.name}, ${nodes === 1 ? "one node" : `${nodes} nodes, clients at ${options.via}`}`);
  console.log(`${scenario.name}: ${scenario.question}\none operation is ${scenario.operation}\n${heading()}`);
  try {
    const rows: Row[] = [];
    for (const clients of options.quick ? scenario.clientsQuick : scenario.clients) {
      const row = await showRow(pool, { target, scenario, clients });
      rows.push(row);
    }
    const { name, operation } = scenario;
    return { system: system.name, scenario: name, operation, nodes, via: options.via, rows };
  } finally {
    await running.stop();
  }
}

function reached(target: Target, nodes: number): Target {
  if (nodes === 1 || options.via === "any") return target;
  const [leader = "", ...followers] = target.addresses;
  return { ...target, addresses: options.via === "leader" ? [leader] : followers };
}

async function showRow(
  workers: Pool,
  { target, scenario, clients }: { target: Target; scenario: Scenario; clients: number },
): Promise<Row> {
  const isTerminal = process.stdout.isTTY;
  const row = await measureRow(workers, {
    target,
    scenario: scenario.name,
    clients,
    seconds: options.seconds,
    onProgress: (operations) => {
      if (isTerminal) process.stdout.write(`\r${`${clients} clients, ${grouped(operations)} operations …`.padEnd(60)}`);
    },
  });
  if (isTerminal) process.stdout.write(`\r${" ".repeat(60)}\r`);
  console.log(tableRow(row));
  for (const error of new Set(row.errors)) console.log(`    ${error}`);
  return row;
}

function writeResults(): void {
  const moment = new Date().toISOString();
  const file = resolve(options.json ?? join("bench", "results", `${moment.replaceAll(":", "-")}.json`));
  const machine = {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? "unknown",
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
  };
  mkdirSync(dirname(file), { recursive: true });
  const { seconds, quick } = options;
  writeFileSync(file, `${JSON.stringify({ at: moment, machine, seconds, quick, tables }, null, 2)}\n`);
  console.log(`\n${file}`);
}
