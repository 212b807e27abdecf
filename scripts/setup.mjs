// Makes a fresh clone runnable and keeps it so: installs the dependencies when the lock file has changed, compiles when a
// source has. Says one line per step on standard error, and nothing when there is nothing to do. Two of them at once do the
// work once. Needs nothing but Node and npm.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const inRoot = (...path) => join(root, ...path);

const lock = inRoot("dist", ".setup-lock");
/** After this long a lock is a leftover, even if some process has its owner's number now. */
const lockMsMax = 60 * 60_000;
/** How npm says that a registry, or the way to it, has failed in this moment. */
const mayPass = /code (E(AI_AGAIN|CONN\w+|INTEGRITY|NOTFOUND|SOCKETTIMEOUT|TIMEDOUT|429|5\d\d)|ERR_SOCKET_TIMEOUT)/;
const builtStamp = inRoot("dist", ".built-from");

const say = (line) => process.stderr.write(`${line}\n`);
const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");
const read = (path) => (existsSync(path) ? readFileSync(path, "utf8") : null);

/** Installs and compiles what is missing. Ends the process if that cannot be done. */
export async function setUp() {
  if (!installNeeded() && !buildNeeded()) return;
  await takeLock();
  try {
    if (installNeeded()) await install();
    if (buildNeeded()) build();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

/** Compares what npm says it has installed with what the lock file wants: times tell nothing about a copied tree. */
function installNeeded() {
  const has = read(inRoot("node_modules", ".package-lock.json"));
  if (has === null) return true;
  const installed = JSON.parse(has).packages;
  const wanted = JSON.parse(read(inRoot("package-lock.json"))).packages;
  return Object.entries(wanted).some(([path, { version, integrity, optional, devOptional }]) => {
    if (path === "") return false;
    const found = installed[path];
    // What is optional may be for another kind of machine.
    if (found === undefined) return !optional && !devOptional;
    return found.version !== version || found.integrity !== integrity;
  });
}

async function install() {
  if (lstatSync(inRoot("node_modules"), { throwIfNoEntry: false })?.isSymbolicLink()) {
    // `npm ci` would empty the directory behind the link, which belongs to somebody else.
    fail(
      "node_modules is a link, and what it leads to does not fit package-lock.json: install there, or remove the link",
    );
  }
  say("installing the dependencies");
  const npm = process.env.npm_execpath;
  const options = ["ci", "--include=dev", "--no-audit", "--no-fund"];
  // npm names its own file when it runs a script; yarn and others would name theirs.
  const isNpm = npm !== undefined && /npm-cli\.c?js$/.test(npm);
  const [command, args] = isNpm ? [process.execPath, [npm, ...options]] : ["npm", options];
  for (const pauseMs of [5_000, 20_000, null]) {
    const tried = attempt(command, args);
    if (tried.status === 0) return;
    const passing = mayPass.exec(tried.output)?.[0];
    if (passing === undefined || pauseMs === null) giveUp("npm ci", tried);
    say(`npm ci: ${passing}; once more in ${pauseMs / 1_000} s`);
    await pause(pauseMs);
  }
}

function buildNeeded() {
  return read(builtStamp) !== fingerprint();
}

function build() {
  const from = fingerprint();
  say("compiling");
  rmSync(builtStamp, { force: true });
  run(process.execPath, [inRoot("node_modules", "typescript", "bin", "tsc"), "-b"], "tsc -b");
  writeFileSync(builtStamp, from);
}

/** Changes whenever something that the compiler reads does. */
function fingerprint() {
  const inputs = ["src", "test", "bench"].flatMap((folder) =>
    filesUnder(folder).filter((path) => /\.(c?ts|json)$/.test(path)),
  );
  inputs.push("tsconfig.json", "tsconfig.base.json", "package-lock.json");
  const facts = inputs.sort().map((path) => {
    const { size, mtimeMs } = statSync(inRoot(path));
    return `${path} ${size} ${mtimeMs}`;
  });
  return hash(facts.join("\n"));
}

/** The files under a folder of the repository, relative to its root. */
export function filesUnder(folder) {
  if (!existsSync(inRoot(folder))) return [];
  return readdirSync(inRoot(folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)));
}

function attempt(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  return { status, output: `${stdout ?? ""}${stderr ?? ""}`.trimEnd(), error };
}

function run(command, args, name) {
  const tried = attempt(command, args);
  if (tried.status !== 0) giveUp(name, tried);
}

function giveUp(name, { output, error }) {
  say(output);
  fail(`${name} failed${error === undefined ? "" : `: ${error.message}`}`);
}

function fail(problem) {
  say(problem);
  rmSync(lock, { recursive: true, force: true });
  process.exit(1);
}

/** Waits while another process sets up. A lock whose owner is gone is taken over. */
async function takeLock() {
  mkdirSync(inRoot("dist"), { recursive: true });
  const mine = `${lock}-${process.pid}`;
  mkdirSync(mine, { recursive: true });
  writeFileSync(join(mine, "owner"), String(process.pid));
  for (;;) {
    try {
      // The lock appears with its owner inside, in one step, or not at all.
      renameSync(mine, lock);
      return;
    } catch (error) {
      if (!["ENOTEMPTY", "EEXIST", "EPERM"].includes(error.code)) throw error;
    }
    if (isStale(lock)) breakLock();
    await pause(100);
  }
}

/** Moves a stale lock aside. If somebody else was quicker and what was moved is his, he gets it back. */
function breakLock() {
  const aside = `${lock}-stale-${process.pid}`;
  try {
    renameSync(lock, aside);
    if (isStale(aside)) rmSync(aside, { recursive: true, force: true });
    else renameSync(aside, lock);
  } catch {
    // Another process has broken it, or has it; the next attempt will tell.
  }
}

function isStale(path) {
  const owner = Number(read(join(path, "owner")) ?? 0);
  if (owner > 0 && !isAlive(owner)) return true;
  const since = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  return Date.now() - since > lockMsMax;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Sets up, then runs a compiled program of this repository in this very process, with its arguments. */
export async function runProgram(path, args = process.argv.slice(2)) {
  await setUp();
  const program = inRoot("dist", path);
  process.argv = [process.execPath, program, ...args];
  await import(pathToFileURL(program).href);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await setUp();
