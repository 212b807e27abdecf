// Runs one row of a scenario: spreads its clients over the load workers, shows how it goes, adds up what they measured.

import { availableParallelism } from "node:os";
import { createHistogram } from "node:perf_hooks";
import { MessageChannel } from "node:worker_threads";
import { Piscina } from "piscina";
import type { Load, Measured } from "./load-worker.ts";
import type { ScenarioName } from "./scenario.ts";
import type { Target } from "./system.ts";

export interface RowOptions {
  readonly target: Target;
  readonly scenario: ScenarioName;
  readonly clients: number;
  readonly seconds: number;
  readonly onProgress: (operations: number) => void;
}

/** One line of a table. Latencies in microseconds. */
export interface Row {
  readonly clients: number;
  readonly operations: number;
  readonly operationsPerSecond: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly errorCount: number;
  readonly errors: readonly string[];
}

const warmUpMsMax = 1_000;

export type Pool = Piscina<Load, Measured>;

/** Load generators take half of the cores: the other half is for what is measured. */
export const openPool = (workers = Math.max(1, Math.floor(availableParallelism() / 2))): Pool =>
  new Piscina<Load, Measured>({
    filename: new URL("./load-worker.js", import.meta.url).href,
    name: "generate",
    minThreads: workers,
    maxThreads: workers,
    atomics: "disabled",
  });

export async function measureRow(pool: Pool, options: RowOptions): Promise<Row> {
  const { target, scenario, clients, seconds, onProgress } = options;
  const workers = Math.min(pool.maxThreads, clients);
  const progress = Array<number>(workers).fill(0);
  const parts = await Promise.all(
    Array.from({ length: workers }, (_, worker) => {
      const { port1, port2 } = new MessageChannel();
      port1.on("message", (operations: number) => {
        progress[worker] = operations;
        onProgress(progress.reduce((sum, each) => sum + each, 0));
      });
      const load: Load = {
        target,
        scenario,
        first: worker,
        step: workers,
        end: clients,
        warmUpMs: Math.min(warmUpMsMax, seconds * 500),
        measureMs: seconds * 1_000,
        progress: port2,
      };
      return pool.run(load, { transferList: [port2] }).finally(() => port1.close());
    }),
  );
  return sumUp(clients, parts);
}

function sumUp(clients: number, parts: readonly Measured[]): Row {
  const all = createHistogram({ lowest: 1, highest: 60_000_000_000, figures: 3 });
  for (const { latencies } of parts) all.add(latencies as Parameters<typeof all.add>[0]);
  const operations = parts.reduce((sum, part) => sum + part.operations, 0);
  const at = (percentile: number) => (operations === 0 ? 0 : all.percentile(percentile) / 1_000);
  return {
    clients,
    operations,
    operationsPerSecond: parts.reduce((sum, part) => sum + part.operations / part.seconds, 0),
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: operations === 0 ? 0 : all.max / 1_000,
    errorCount: parts.reduce((sum, part) => sum + part.errorCount, 0),
    errors: parts.flatMap((part) => part.errors),
  };
}
