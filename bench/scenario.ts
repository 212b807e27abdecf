// A question and the load that answers it. Each file in `scenarios/` has one.

import type { RecordableHistogram } from "node:perf_hooks";
import type { Client } from "./system.ts";

export interface Scenario {
  readonly name: ScenarioName;
  /** What is asked, in one sentence. */
  readonly question: string;
  /** What one operation is, so that the figures can be read. */
  readonly operation: string;
  /** The numbers of clients, one row each. */
  readonly clients: readonly number[];
  readonly clientsQuick: readonly number[];
}

export type ScenarioName = "sequential" | "parallel" | "contention" | "renewals";

/** What a client does over and over; each operation that it finishes is recorded, in nanoseconds. */
export type Round = (options: {
  readonly client: Client;
  readonly number: number;
  readonly record: Record;
  readonly isOver: () => boolean;
}) => Promise<void>;

export type Record = (nanoseconds: number) => void;

/** Latencies from a microsecond to a minute, to three figures. */
export type Latencies = RecordableHistogram;
