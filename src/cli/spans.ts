// Spans of time as people write and read them.

import { usageError } from "./exit.ts";

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const part = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/gy;

/** Milliseconds of "500ms", "10s", "1m30s"; a bare 0 is no time at all. `what` names the option in the error. */
export function spanMs(text: string, what: string): number {
  if (text === "0") return 0;
  let sum = 0;
  part.lastIndex = 0;
  while (part.lastIndex < text.length) {
    const found = part.exec(text);
    if (found === null) break;
    sum += Number(found[1]) * (units[found[2] ?? ""] ?? 0);
    if (part.lastIndex === text.length) return Math.round(sum);
  }
  throw usageError(`${what} must be a span like 500ms, 10s, 2m or 1h, not "${text.slice(0, 40)}"`);
}

/** For tables: two units at most. */
export function shownSpan(spanMs: number): string {
  if (spanMs < 1_000) return `${Math.max(0, Math.round(spanMs))}ms`;
  const seconds = Math.floor(spanMs / 1_000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return pair(seconds, 60, "m", "s");
  if (seconds < 86_400) return pair(Math.floor(seconds / 60), 60, "h", "m");
  return pair(Math.floor(seconds / 3_600), 24, "d", "h");
}

function pair(amount: number, base: number, large: string, small: string): string {
  const rest = amount % base;
  return `${Math.floor(amount / base)}${large}${rest === 0 ? "" : `${rest}${small}`}`;
}

/** As an option would be written, exactly. */
export function writtenSpan(spanMs: number): string {
  if (spanMs % 1_000 === 0 && spanMs > 0) return `${spanMs / 1_000}s`;
  return spanMs > 1_000 ? `${spanMs / 1_000}s` : `${spanMs}ms`;
}
