// `npm test`: every test file, two at a time, each in a process of its own. Arguments choose files by a part of their path.
// Says what failed in full, and at the end how many tests passed and failed. Leaves no process behind.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { filesUnder, root, setUp } from "./setup.mjs";

const filesAtOnce = 2;
/** It ends what hangs; on a machine that is ten times slower a file of real nodes takes a quarter of an hour. */
const fileMsMax = 30 * 60_000;

await setUp();

const wanted = process.argv.slice(2).filter((arg) => !arg.startsWith("-"));
// The sources are listed, not what is compiled: a test that was deleted must not go on running.
const files = filesUnder("test")
  .filter((path) => path.endsWith(".test.ts"))
  .filter((path) => wanted.length === 0 || wanted.some((part) => path.includes(part)))
  .sort();

const running = new Set();
const killAll = () => {
  for (const child of running) killGroup(child);
};
process.on("exit", killAll);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));

let passed = 0;
let failed = 0;
const queue = [...files];
await Promise.all(Array.from({ length: filesAtOnce }, work));
if (files.length === 0) console.log(`no test file matches ${wanted.join(" ")}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || files.length === 0 ? 1 : 0);

async function work() {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const started = process.hrtime.bigint();
    const { code, output } = await runFile(file);
    const seconds = (Number(process.hrtime.bigint() - started) / 1e9).toFixed(1);
    report({ file, seconds, code, output });
  }
}

function report({ file, seconds, code, output }) {
  const sum = (word) =>
    [...output.matchAll(new RegExp(`^  ${word}:\\s+(\\d+)`, "gm"))].reduce(
      (total, match) => total + Number(match[1]),
      0,
    );
  const tests = sum("Total");
  const good = sum("Passed");
  let bad = tests - good - sum("Skipped");
  let problem = bad > 0 ? `${bad} failed` : null;
  if (bad === 0 && code !== 0) problem = `ended with ${code}`;
  else if (tests === 0) problem = "ran no test";
  if (problem !== null) bad = Math.max(bad, 1);
  passed += good;
  failed += bad;
  if (problem !== null) console.log(output.trimEnd());
  // What could not be tested here is said even where everything else passed.
  else for (const [line] of output.matchAll(/^NOT TESTED.*$/gm)) console.log(line);
  console.log(`${problem === null ? "ok  " : "FAIL"} ${file}  ${problem ?? `${good} passed`}  ${seconds} s`);
}

/** Runs one file in a process group of its own, and ends whatever the file has left running. */
function runFile(file) {
  return new Promise((resolve) => {
    const compiled = join(root, "dist", file.replace(/\.ts$/, ".js"));
    const child = spawn(process.execPath, ["--enable-source-maps", compiled], {
      cwd: root,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.stderr.on("data", (chunk) => {
      output += chunk;
    });
    const limit = setTimeout(() => {
      output += `\nnot done after ${fileMsMax / 60_000} minutes\n`;
      killGroup(child);
    }, fileMsMax);
    child.on("error", (error) => {
      output += error.message;
    });
    // Whoever holds the pipes open is a child that was left behind; "exit" does not wait for it, "close" does.
    child.on("exit", () => killGroup(child));
    child.on("close", (code, signal) => {
      clearTimeout(limit);
      running.delete(child);
      resolve({ code: code ?? signal, output });
    });
  });
}

function killGroup(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nobody is left.
  }
}
