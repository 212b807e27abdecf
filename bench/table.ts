// Figures for people.

import type { Row } from "./measure.ts";

const columns = ["clients", "ops/s", "p50", "p90", "p99", "p99.9", "max", "errors"] as const;
const width = 11;

export const heading = (): string => line(columns);

export const tableRow = (row: Row): string =>
  line([
    String(row.clients),
    grouped(row.operationsPerSecond),
    span(row.p50),
    span(row.p90),
    span(row.p99),
    span(row.p999),
    span(row.max),
    String(row.errorCount),
  ]);

const line = (cells: readonly string[]): string => cells.map((cell) => cell.padStart(width)).join("");

/** Thousands apart. */
export const grouped = (value: number): string => Math.round(value).toLocaleString("en").replaceAll(",", " ");

/** Microseconds below ten milliseconds, milliseconds above. */
export const span = (microseconds: number): string =>
  microseconds < 10_000 ? `${grouped(microseconds)} µs` : `${grouped(microseconds / 1_000)} ms`;
