// A load generator: some of the clients of one row, in a thread of the pool. Warms up, measures for a while, and returns
// what it measured.

import { createHistogram, type Histogram } from "node:perf_hooks";
import type { MessagePort } from "node:worker_threads";
import { drivers } from "./drivers/index.ts";
import type { ScenarioName } from "./scenario.ts";
import { rounds } from "./scenarios/index.ts";
import type { Target } from "./system.ts";

export interface Load {
  readonly target: Target;
  readonly scenario: ScenarioName;
  /** Clients first, first + step, … up to and without end. */
  readonly first: number;
  readonly step: number;
  readonly end: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Told twice a second how many operations have been measured. */
  readonly progress: MessagePort;
}

export interface Measured {
  /** In nanoseconds. */
  readonly latencies: Histogram;
  readonly operations: number;
  readonly seconds: number;
  /** The first few. */
  readonly errors: readonly string[];
  readonly errorCount: number;
}

const progressMs = 500;
const errorsKept = 3;
const minute = 60_000_000_000;

export async function generate(load: Load): Promise<Measured> {
  const driver = drivers[load.target.driver](load.target);
  const latencies = createHistogram({ lowest: 1, highest: minute, figures: 3 });
  const errors: string[] = [];
  let operations = 0;
  let errorCount = 0;
  const measureFrom = performance.now() + load.warmUpMs;
  const measureTo = measureFrom + load.measureMs;
  const record = (nanoseconds: number) => {
    const now = performance.now();
    if (now < measureFrom || now > measureTo) return;
    operations += 1;
    latencies.record(Math.max(1, Math.min(minute, Math.round(nanoseconds))));
  };
  const isOver = () => performance.now() > measureTo;
  const timer = setInterval(() => load.progress.postMessage(operations), progressMs);
  const clients: Promise<void>[] = [];
  for (let number = load.first; number < load.end; number += load.step) {
    clients.push(work(number));
  }
  await Promise.all(clients);
  clearInterval(timer);
  driver.close();
  load.progress.close();
  return { latencies, operations, seconds: load.measureMs / 1_000, errors, errorCount };

  async function work(number: number): Promise<void> {
    const client = driver.client(number);
    while (!isOver()) {
      try {
        await rounds[load.scenario]({ client, number, record, isOver });
      } catch (error) {
        errorCount += 1;
        if (errors.length < errorsKept) errors.push(error instanceof Error ? error.message : String(error));
      }
    }
  }
}
