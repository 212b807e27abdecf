// What a beating command has written: when it started, which signals it had, and until when it is known to have run.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "../cluster/cluster.ts";

export interface Diary {
  readonly file: string;
  /** The arguments that run it: for `spanMs`, or until it is ended. */
  readonly command: (spanMs?: number) => string[];
  readonly lines: () => readonly string[];
  readonly hasStarted: () => boolean;
  readonly untilStarted: () => Promise<void>;
  readonly pid: () => number;
  readonly lockName: () => string;
  readonly token: () => number;
  readonly had: (signal: string) => boolean;
  /** When it had the signal. */
  readonly hadAt: (signal: string) => bigint;
  /** The last moment at which it is known to have run. */
  readonly lastNs: () => bigint;
}

const program = fileURLToPath(new URL("./beating.js", import.meta.url));

export function diaryIn(directory: string, name: string): Diary {
  const file = join(directory, name);
  const lines = () =>
    existsSync(file)
      ? readFileSync(file, "utf8")
          .split("\n")
          .filter((line) => line !== "")
      : [];
  const first = () => (lines()[0] ?? "").split(" ");
  const momentOf = (line: string | undefined) => BigInt((line ?? "0").split(" ").at(-1) ?? "0");
  return {
    file,
    command: (spanMs) => [process.execPath, program, file, ...(spanMs === undefined ? [] : [String(spanMs)])],
    lines,
    hasStarted: () => lines().length > 0,
    untilStarted: () => until(`the command of ${name} runs`, () => lines().length > 0),
    pid: () => Number(first()[1]),
    lockName: () => first()[2] ?? "",
    token: () => Number(first()[3]),
    had: (signal) => lines().some((line) => line.startsWith(`${signal} `)),
    hadAt: (signal) => momentOf(lines().find((line) => line.startsWith(`${signal} `))),
    lastNs: () => momentOf(lines().at(-1)),
  };
}

/** Whether a process runs; one that has ended and that nobody has taken note of does not. */
export function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

export function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}
