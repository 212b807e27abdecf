// `npm run bench -- regions`: three regions on this machine with a long way between them. What a call costs, how many locks are
// granted when many are asked for at once, and how many messages it takes to keep leases alive. Prints one table for each.

import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Regions } from "../../test/cluster/region-group.ts";
import { measureRow, openPool, type Row } from "../measure.ts";
import { heading, tableRow } from "../table.ts";
import { type CallRow, measureCalls } from "./calls.ts";
import { startGroup } from "./group.ts";
import { type KeepingRow, measureKeeping } from "./keeping.ts";

const help = `npm run bench -- regions [OPTIONS]

  --latency MS       what a round trip between regions takes longer; 40 unless given
  --nodes N          nodes in each region; 1 unless given
  --seconds S        how long each row of the second table is measured; 5 unless given
  --json FILE        where the figures go; bench/results/ unless given
  --quick            fewer calls, fewer rows`;

const options = parsed();
const { latencyMs, nodes, quick, seconds } = options;
console.log(
  `three regions, ${nodes === 1 ? "one node" : `${nodes} nodes`} each, ${latencyMs} ms more for a round trip`,
);
const loads = [loadavg()[0] ?? 0];
const calls = await withGroup(showCalls);
const grants = await withGroup(showGrants);
const keeping = await withGroup(showKeeping);
loads.push(loadavg()[0] ?? 0);
writeResults();

function parsed() {
  try {
    const { values } = parseArgs({
      args: process.argv.slice(2).filter((arg) => arg !== "regions"),
      options: {
        latency: { type: "string", default: "40" },
        nodes: { type: "string", default: "1" },
        seconds: { type: "string" },
        json: { type: "string" },
        quick: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      console.log(help);
      process.exit(0);
    }
    const [latencyMs, nodes] = [Number(values.latency), Number(values.nodes)];
    const seconds = Number(values.seconds ?? (values.quick ? 1 : 5));
    if (!(latencyMs >= 0 && seconds > 0)) throw new Error("--latency and --seconds must be positive numbers");
    if (!(Number.isInteger(nodes) && nodes > 0)) throw new Error("--nodes must be a positive whole number");
    return { latencyMs, nodes, seconds, quick: values.quick, json: values.json ?? null };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${help}`);
    process.exit(64);
  }
}

/** Every table has fresh nodes, so that none measures what another has left behind. */
async function withGroup<Result>(use: (regions: Regions) => Promise<Result>): Promise<Result> {
  const regions = await startGroup({ nodes, latencyMs });
  try {
    return await use(regions);
  } finally {
    await regions.cluster.stop();
  }
}

async function showCalls(regions: Regions): Promise<CallRow[]> {
  console.log("\none client, one call at a time: how long does a call take?");
  console.log(line(["call", "calls", "p50", "p99", "max"]));
  const rows = await measureCalls(regions, quick ? 20 : 100);
  const spanOf = (ms: number) => `${ms.toFixed(1)} ms`;
  for (const { call, count, p50, p99, max } of rows) {
    console.log(line([call, String(count), spanOf(p50), spanOf(p99), spanOf(max)]));
  }
  return rows;
}

async function showGrants(regions: Regions): Promise<Row[]> {
  console.log(
    "\nmany clients in all regions, each with a lock of its own: how much, and how long does a call take then?",
  );
  console.log(`one operation is a call: acquire and release in turn\n${heading()}`);
  const pool = openPool();
  const target = { driver: "lockmgr", addresses: regions.cluster.sites.map(({ grpc }) => grpc) } as const;
  const rows: Row[] = [];
  for (const clients of quick ? [3, 96] : [3, 24, 96, 384]) {
    const row = await measureRow(pool, { target, scenario: "parallel", clients, seconds, onProgress: () => {} });
    console.log(tableRow(row));
    for (const error of new Set(row.errors)) console.log(`    ${error}`);
    rows.push(row);
  }
  await pool.destroy();
  return rows;
}

async function showKeeping(regions: Regions): Promise<KeepingRow[]> {
  console.log(
    "\nleases of one region, each renewed once per interval, evenly spread: how many messages between regions?",
  );
  console.log(line(["leases", "interval", "renewals", "messages", "per renewal", "failures"]));
  const rows: KeepingRow[] = [];
  for (const leases of quick ? [1, 100] : [1, 100, 2000]) {
    const row = await measureKeeping(regions, { leases, intervalMs: 5_000, intervals: quick ? 1 : 3 });
    const { intervalMs, renewals, messages, messagesPerRenewal, failures } = row;
    const perRenewal = messagesPerRenewal.toFixed(2);
    console.log(
      line([leases, `${intervalMs} ms`, renewals, Math.round(messages), perRenewal, failures].map((cell) => `${cell}`)),
    );
    for (const reason of row.reasons) console.log(`    ${reason}`);
    rows.push(row);
  }
  return rows;
}

function line([first = "", ...cells]: readonly string[]): string {
  return first.padEnd(28) + cells.map((cell) => cell.padStart(12)).join("");
}

function writeResults(): void {
  const moment = new Date().toISOString();
  const file = resolve(options.json ?? join("bench", "results", `regions-${moment.replaceAll(":", "-")}.json`));
  const machine = {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? "unknown",
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    /** Of the last minute, before and after. */
    loads,
  };
  mkdirSync(dirname(file), { recursive: true });
  const measured = { at: moment, machine, nodes, latencyMs, seconds, quick, calls, grants, keeping };
  writeFileSync(file, `${JSON.stringify(measured, null, 2)}\n`);
  console.log(`\n${file}`);
}
