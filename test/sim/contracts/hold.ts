// Holds the contracts: what the simulator takes for granted, because it runs models in the place of the real parts (storage,
// codec, peers, clients, threads), and what single actors promise. Each contract is a test file that runs in a process of its
// own, some at a time; here it is decided which they are, and heard what came of them.

import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** Compiled, this file stands in dist/test/sim/contracts. */
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");
/** What takes longest begins first. */
const places = [
  "test/transport",
  "test/sim/contracts",
  "test/sim/scenarios.test.ts",
  "test/sim/regions",
  "test/paper",
  "test/actors",
];
/** It ends what hangs; single tests have a patience of their own, and a machine may be many times slower than another. */
const fileMsMax = 30 * 60_000;
/** A file that has said what came of it ends soon, unless what failed has left something open. */
const endMsMax = 60_000;

/** What came of one contract. */
export interface Held {
  readonly file: string;
  readonly rules: number;
  /** What the file said if it did not hold; null if it did. */
  readonly problem: string | null;
}

// The sources are listed, not what is compiled: a test that was deleted must not go on running.
const contractFiles = (): string[] =>
  places.flatMap((folder) =>
    folder.endsWith(".ts")
      ? [folder]
      : readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
          .filter((entry) => entry.isFile() && entry.name.endsWith(".test.ts"))
          .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
          .sort()
          .reverse(),
  );

/** Runs all of them, `atOnce` at a time, and tells of each as it ends. */
export async function holdContracts(atOnce: number, tell: (held: Held) => void): Promise<void> {
  const queue = contractFiles();
  const running = new Set<ChildProcess>();
  const endAll = (): void => {
    for (const child of running) endGroup(child);
  };
  const leave = (): never => process.exit(130);
  process.on("exit", endAll);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, leave);
  const work = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) tell(await hold(file, running));
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
  } finally {
    process.off("exit", endAll);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, leave);
  }
}

/** Runs one file in a process group of its own, and ends whatever it has left running. */
export function hold(file: string, running = new Set<ChildProcess>()): Promise<Held> {
  return new Promise((resolve) => {
    const compiled = join(root, "dist", file.replace(/\.ts$/, ".js"));
    const child = spawn(process.execPath, ["--enable-source-maps", compiled], {
      cwd: root,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    let output = "";
    let end: NodeJS.Timeout | undefined;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        if (/^ {2}Duration:/m.test(output)) end ??= setTimeout(() => endGroup(child), endMsMax);
      });
    }
    const limit = setTimeout(() => {
      output += `\nnot done after ${fileMsMax / 60_000} minutes\n`;
      endGroup(child);
    }, fileMsMax);
    child.on("error", (error) => {
      output += error.message;
    });
    // Whoever holds the pipes open is a child that was left behind; "exit" does not wait for it, "close" does.
    child.on("exit", () => endGroup(child));
    child.on("close", (code) => {
      clearTimeout(limit);
      clearTimeout(end);
      running.delete(child);
      const counted = (word: string): number =>
        [...output.matchAll(new RegExp(`^  ${word}:\\s+(\\d+)`, "gm"))].reduce(
          (sum, match) => sum + Number(match[1]),
          0,
        );
      const rules = counted("Total");
      const isHeld = code === 0 && rules > 0 && counted("Passed") + counted("Skipped") === rules;
      resolve({ file, rules, problem: isHeld ? null : output.trim() || `ended with ${code}` });
    });
  });
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody is left.
  }
}
