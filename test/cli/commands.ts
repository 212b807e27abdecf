// The command line as a child process, against the node that a test names; ended with the test, at the latest.

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface Ended {
  /** The exit code, or the signal's name. */
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  readonly isRunning: () => boolean;
  readonly signal: (signal: NodeJS.Signals) => void;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly stopReading: () => void;
}

const program = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const children = new Set<ChildProcess>();

export function startCommand(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => {
    // Not "close": what it has left behind may hold its output open.
    child.once("exit", (code, signal) => {
      children.delete(child);
      setImmediate(() => resolve({ code: code ?? signal, stdout, stderr }));
    });
  });
  return {
    pid: child.pid ?? -1,
    ended,
    isRunning: () => children.has(child),
    signal: (signal) => void child.kill(signal),
    stdout: () => stdout,
    stderr: () => stderr,
    stopReading: () => void child.stdout.destroy(),
  };
}

/** Runs it to its end. */
export const command = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  startCommand(args, env).ended;

/** Ends what a test has left running, stopped or not. */
export function endCommands(): void {
  for (const child of children) {
    child.kill("SIGKILL");
    child.kill("SIGCONT");
  }
}

process.once("exit", endCommands);
