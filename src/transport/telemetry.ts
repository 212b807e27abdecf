// The log: one JSON object a line on standard output, one line per decision that matters. Every thread writes for itself
// and at once, so that a line is whole and the last one before a stop is not lost. On a terminal the lines are for reading.

import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import { type DestinationStream, destination, type Logger, pino } from "pino";
import type { Settings } from "./settings.ts";

const stdout = 1;

/** A log whose lines name node and region. */
export function openLog(settings: Pick<Settings, "logLevel" | "config">): Logger {
  const { node, cluster } = settings.config;
  const options = { level: settings.logLevel, base: { node: node.nodeId, region: cluster.regionId } };
  return pino(options, isatty(stdout) ? readable : destination({ fd: stdout, sync: true }));
}

const readable: DestinationStream = { write: (line) => void writeSync(stdout, `${toReadable(line)}\n`) };

const alwaysThere = new Set(["level", "time", "node", "region", "msg", "actor", "err"]);

/** A log line as a person reads it: time, level, actor, message, and whatever else it says. */
export function toReadable(line: string): string {
  const entry = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(entry).flatMap(([key, value]) =>
    alwaysThere.has(key) ? [] : [`${key}=${typeof value === "object" ? JSON.stringify(value) : String(value)}`],
  );
  const time = new Date(Number(entry.time)).toISOString().slice(11, 23);
  const level = pino.levels.labels[Number(entry.level)] ?? "info";
  const error = entry.err as { stack?: string; message?: string } | undefined;
  const words = [time, level.padEnd(5), entry.actor, entry.msg, ...rest].filter((word) => word !== undefined);
  return [words.join(" "), ...(error === undefined ? [] : [error.stack ?? error.message])].join("\n");
}
