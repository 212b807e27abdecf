// Keeps two processes from sharing a directory, across kill -9. Node has no flock, so the lock is a file that names its
// holder: machine start (boot id), process namespace, process id and the moment that process started. Where the holder can be
// looked up (same machine start, same namespace) it is: a dead one's lock is taken over at once. Where it cannot
// (another container on the same volume, another machine), the holder proves that it lives by touching the file every
// second, and a file that stays untouched is taken over. The holder looks after its file as well: one that finds another's
// name in it stops.

import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { exitCodes, StartError } from "./resident.ts";

/** The lock's name. Names that begin with it are this file's as well. */
export const lockFile = "lockmgr.lock";

const touchMs = 1_000;
/** A file untouched for so long has no holder. */
const untouchedMs = 4 * touchMs;

interface Holder {
  /** Different in every process that ever held a lock. */
  readonly nonce: string;
  readonly pid: number;
  /** When the process started, in ticks since the machine did; null where the system does not say. */
  readonly startedAt: string | null;
  readonly bootId: string | null;
  readonly pidNamespace: string | null;
}

export interface DirectoryLock {
  readonly release: () => void;
}

/**
 * Takes the lock of `directory`, or throws a `StartError` that names the holder. `onLost` is told if the lock turns out to be
 * another's later on.
 */
export async function lockDirectory(directory: string, onLost: (error: Error) => void): Promise<DirectoryLock> {
  const file = join(directory, lockFile);
  const self = describeSelf();
  if (!create(file, self)) {
    const holder = read(file);
    if (holder !== null) await yieldToLiving(directory, file, holder);
    if (!removeStale(file, holder) || !create(file, self)) throw inUse(directory, read(file));
  }
  const touching = setInterval(() => {
    const holder = read(file);
    if (holder?.nonce === self.nonce) return touch(file);
    clearInterval(touching);
    onLost(new Error(`DATA_DIR ${directory} has been taken by ${holder === null ? "somebody" : naming(holder)}`));
  }, touchMs);
  touching.unref();
  return {
    release: () => {
      clearInterval(touching);
      if (read(file)?.nonce === self.nonce) rmSync(file, { force: true });
    },
  };
}

function describeSelf(): Holder {
  return {
    nonce: randomUUID(),
    pid: process.pid,
    startedAt: startOf(process.pid),
    bootId: ask(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
    pidNamespace: ask(() => readlinkSync("/proc/self/ns/pid")),
  };
}

/** What the system says, or null where it does not have such a file. */
function ask(read: () => string): string | null {
  try {
    return read();
  } catch {
    return null;
  }
}

/** When a process started: field 22 of its stat, counted after the name, which may hold spaces and parentheses. */
const startOf = (pid: number): string | null =>
  ask(() => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  });

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Whether this lock file is new, and ours. */
function create(file: string, self: Holder): boolean {
  const draft = `${file}.${self.nonce}`;
  try {
    // On a full disk the draft is there, and empty: it goes too.
    writeFileSync(draft, `${JSON.stringify(self)}\n`);
    // A link appears whole or not at all; nobody ever reads a lock half written.
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** The holder that a lock file names; null if there is no file, or one that no holder has written. */
function read(file: string): Holder | null {
  try {
    const holder = JSON.parse(readFileSync(file, "utf8")) as Partial<Holder>;
    return typeof holder.nonce === "string" && typeof holder.pid === "number" ? (holder as Holder) : null;
  } catch {
    return null;
  }
}

function touch(file: string): void {
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch {
    // The directory is gone or read-only: whoever writes the data will find out, and say it better.
  }
}

/** Returns if the holder is dead. */
async function yieldToLiving(directory: string, file: string, holder: Holder): Promise<void> {
  const self = describeSelf();
  const canLookUp = self.bootId === holder.bootId && self.pidNamespace === holder.pidNamespace;
  if (canLookUp) {
    if (isRunning(holder.pid) && startOf(holder.pid) === holder.startedAt) throw inUse(directory, holder);
    return;
  }
  const touchedAt = lastTouch(file);
  for (let waitedMs = 0; waitedMs < untouchedMs; waitedMs += touchMs) {
    await sleep(touchMs);
    if (lastTouch(file) !== touchedAt) throw inUse(directory, holder);
  }
}

const lastTouch = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Removes the lock that `holder` left. False if somebody else was quicker: then the lock is another's and stays. */
function removeStale(file: string, holder: Holder | null): boolean {
  const aside = `${file}.${randomUUID()}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return true;
    throw error;
  }
  const isStale = read(aside)?.nonce === holder?.nonce;
  if (!isStale) linkSync(aside, file);
  rmSync(aside, { force: true });
  return isStale;
}

const naming = (holder: Holder): string => `process ${holder.pid}`;

const inUse = (directory: string, holder: Holder | null): StartError =>
  new StartError(
    `DATA_DIR ${directory} is in use by ${holder === null ? "another process" : naming(holder)}. Two nodes cannot share a directory.`,
    exitCodes.unavailable,
  );
