// What `npm run cluster` and `npm run regions` have in common: they start several nodes on this machine, say where they are, pass on
// what they say, and stop them all on Ctrl-C. A node that ends is reported and not started again, so that one can see what the
// others do.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { root } from "./setup.mjs";

/** Under npm, Ctrl-C arrives twice: from the terminal, and passed on by npm, as soon as that gets the processor. */
const sameSignalMs = 2_000;

export const host = "127.0.0.1";

/** The values of `options`; ends the process if `--help` is among them, or something that is not known. */
export function readArguments(options, usage) {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: "boolean" } } });
    if (!values.help) return values;
    console.log(usage);
    process.exit(0);
  } catch (error) {
    stopWith(error.message, usage);
  }
}

export function stopWith(problem, usage) {
  console.error(`${problem}\n\n${usage}`);
  process.exit(64);
}

/** The ports of a node by its gRPC port. */
export const portsFrom = (grpcPort) => ({ grpcPort, httpPort: grpcPort - 1010, regionPort: grpcPort + 1 });

export const portVariables = ({ grpcPort, httpPort, regionPort }) => ({
  GRPC_PORT: String(grpcPort),
  HTTP_PORT: String(httpPort),
  REGION_PORT: String(regionPort),
});

/** Rows of words, the first of them a heading, in columns. */
export function tableOf(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lineOf = (row) => row.map((cell, column) => cell.padEnd(widths[column])).join("  ");
  return rows.map((row) => lineOf(row).trimEnd()).join("\n");
}

/** Runs `nodes`, each with a `name` and the `env` that makes it what it is, until all have ended; then so does this process. */
export function runNodes(nodes, { atEnd = () => {} } = {}) {
  const children = new Map();
  let stoppingSince = 0;

  function start({ name, env }) {
    const child = spawn(process.execPath, ["--enable-source-maps", join(root, "dist", "src", "main.js")], {
      // In a group of its own, so that Ctrl-C reaches it through this process only.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    children.set(name, child);
    const say = (line) => console.log(`${name}  ${line}`);
    say(`process ${child.pid}`);
    createInterface({ input: child.stdout }).on("line", (line) => say(condensed(line)));
    createInterface({ input: child.stderr }).on("line", say);
    child.on("close", (code, signal) => {
      children.delete(name);
      say(stoppingSince > 0 && code === 0 ? "stopped" : `ended with ${code ?? signal}`);
      if (children.size === 0) process.exit(stoppingSince > 0 ? 0 : 1);
    });
  }

  /** Asks all nodes to stop; asked again, makes them. */
  function stopAll() {
    const now = Date.now();
    const again = stoppingSince > 0;
    if (again && now - stoppingSince < sameSignalMs) return;
    if (!again) {
      console.log("\nstopping all nodes");
      stoppingSince = now;
    }
    for (const child of children.values()) child.kill(again ? "SIGKILL" : "SIGTERM");
  }

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stopAll);
  process.on("exit", () => {
    for (const child of children.values()) child.kill("SIGKILL");
    atEnd();
  });
  for (const node of nodes) start(node);
}

/** A log line without what the reader of a terminal knows anyway. */
function condensed(line) {
  let entry;
  try {
    entry = JSON.parse(line);
  } catch {
    return line;
  }
  const { level, time, node: _, region: __, actor, msg, err, ...rest } = entry;
  const levels = { 10: "trace", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal" };
  const details = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === "object" ? JSON.stringify(value) : value}`,
  );
  const clock = new Date(time).toISOString().slice(11, 23);
  return [clock, (levels[level] ?? "").padEnd(5), actor, msg, err?.message, ...details]
    .filter((word) => word)
    .join(" ");
}
