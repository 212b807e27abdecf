// `npm run bench -- waiting`: what it costs to wait. Prints one table for each question: many for one lock, and very many for as many
// locks.

import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Cluster, startCluster } from "../../test/cluster/cluster.ts";
import { grouped } from "../table.ts";
import { type ManyRow, measureMany } from "./many.ts";
import { measureTurns, type TurnsOptions, type TurnsRow } from "./turns.ts";

const help = `npm run bench -- waiting [OPTIONS]

  --question NAME    turns, many; both unless given
  --nodes N          1 or 3; both unless given
  --json FILE        where the figures go; bench/results/ unless given
  --quick            fewer rows, fewer waiters`;

const triesMax = 3;
const options = parsed();
const { quick } = options;
const loads = [loadavg()[0] ?? 0];
const turns = options.questions.includes("turns") ? await showTurns() : [];
const many = options.questions.includes("many") ? await showMany() : [];
loads.push(loadavg()[0] ?? 0);
writeResults();

function parsed() {
  try {
    const { values } = parseArgs({
      args: process.argv.slice(2).filter((arg) => arg !== "waiting"),
      options: {
        question: { type: "string", default: "turns,many" },
        nodes: { type: "string", default: "1,3" },
        json: { type: "string" },
        quick: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      console.log(help);
      process.exit(0);
    }
    const questions = values.question.split(",");
    const unknown = questions.find((question) => question !== "turns" && question !== "many");
    if (unknown !== undefined) throw new Error(`--question: there is no ${unknown}`);
    const nodes = values.nodes.split(",").map(Number);
    if (nodes.some((count) => count !== 1 && count !== 3)) throw new Error("--nodes must be 1 or 3");
    return { questions, nodes, quick: values.quick, json: values.json ?? null };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${help}`);
    process.exit(64);
  }
}

/** Every row has fresh nodes, so that none measures what another has left behind. */
async function withNodes<Row>(size: number, use: (cluster: Cluster) => Promise<Row>): Promise<Row> {
  const cluster = await startCluster({ size, env: { LOG_LEVEL: "warn" } });
  try {
    return await use(cluster);
  } finally {
    await cluster.stop();
  }
}

/** On a machine that is too busy a row may go wrong; then it is measured anew. */
async function orAgain<Row>(measure: () => Promise<Row>): Promise<Row> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await measure();
    } catch (error) {
      if (tries === triesMax) throw error;
      console.log(`    again: ${error instanceof Error ? error.message : error}`);
    }
  }
}

async function showTurns(): Promise<TurnsRow[]> {
  console.log("\nclients wait for one lock, each under a lease of its own, and hold it for a moment: what is a turn?");
  console.log(
    line(["nodes", "clients", "held", "turns/s", "(best)", "CPU a turn", "grants", "messages", "out of order"]),
  );
  const wanted: readonly TurnsOptions[] = quick
    ? [{ clients: 100, holdMs: 0, laps: 3 }]
    : [
        { clients: 10, holdMs: 0, laps: 20 },
        { clients: 100, holdMs: 0, laps: 5 },
        { clients: 1_000, holdMs: 0, laps: 3 },
        { clients: 1_000, holdMs: 1, laps: 2 },
      ];
  const rows: TurnsRow[] = [];
  for (const nodes of options.nodes) {
    for (const each of wanted) {
      const row = await withNodes(nodes, (cluster) => measureTurns(cluster, each));
      rows.push(row);
      const { clients, holdMs, turnsPerSecond, best, cpuMsPerTurn, grantsPerRelease, messagesPerTurn } = row;
      const figures = [nodes, clients, `${holdMs} ms`, grouped(turnsPerSecond), grouped(best)];
      const costs = [`${cpuMsPerTurn.toFixed(2)} ms`, grantsPerRelease.toFixed(2), messagesPerTurn.toFixed(2)];
      console.log(line([...figures, ...costs, row.outOfOrder]));
    }
  }
  return rows;
}

async function showMany(): Promise<ManyRow[]> {
  console.log("\nvery many wait, each for a lock of its own that somebody holds: what does a node keep for them?");
  console.log(
    line(["nodes", "waiters", "idle", "held", "waiting", "a waiter", "holding", "queueing", "p50", "p99", "max"]),
  );
  const rows: ManyRow[] = [];
  for (const nodes of options.nodes) {
    for (const waiters of waitersOf(nodes)) {
      const row = await orAgain(() => withNodes(nodes, (cluster) => measureMany(cluster, waiters)));
      rows.push(row);
      const { idle, held, waiting } = row.memory;
      const memory = [idle, held, waiting].map(({ anonymousBytes }) => megabytes(anonymousBytes));
      const times = [row.holdSeconds, row.enqueueSeconds].map((seconds) => `${seconds.toFixed(1)} s`);
      const { p50, p99, max } = row.handover;
      // What the collectors leave lying is more than so few waiters are.
      const each = waiters < 10_000 ? "–" : `${grouped(row.bytesPerWaiter)} B`;
      console.log(line([nodes, grouped(waiters), ...memory, each, ...times, ...[p50, p99, max].map(span)]));
    }
  }
  const lost = rows.filter(({ leaderLost }) => leaderLost !== null);
  if (lost.length > 0) {
    console.log("\nthe leader of three dies while they wait: what does that cost the others, and whoever waits?");
    console.log(line(["waiters", "first grant", "CPU before", "after", "p99 before", "after", "wrong", "drained"]));
  }
  for (const { waiters, leaderLost } of lost) {
    if (leaderLost === null) continue;
    const { firstGrantMs, cpuMs, cpuMsBefore, handover, handoverBefore, wrong, drainSeconds } = leaderLost;
    const costs = [firstGrantMs, cpuMsBefore, cpuMs, handoverBefore.p99, handover.p99].map(span);
    console.log(line([grouped(waiters), ...costs, wrong, `${drainSeconds.toFixed(1)} s`]));
  }
  return rows;
}

function waitersOf(nodes: number): readonly number[] {
  if (quick) return [1_000];
  return nodes === 1 ? [1_000, 10_000, 100_000] : [1_000, 10_000];
}

function line(cells: readonly (string | number)[]): string {
  return cells.map((cell) => `${cell}`.padStart(13)).join("");
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

function span(ms: number): string {
  return `${ms < 100 ? ms.toFixed(1) : grouped(ms)} ms`;
}

function writeResults(): void {
  const moment = new Date().toISOString();
  const file = resolve(options.json ?? join("bench", "results", `waiting-${moment.replaceAll(":", "-")}.json`));
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
  writeFileSync(file, `${JSON.stringify({ at: moment, machine, quick, turns, many }, null, 2)}\n`);
  console.log(`\n${file}`);
}
