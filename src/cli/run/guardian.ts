// The guardian of a command under `run`: a process of its own, in a session of its own, that starts the command in a process
// group and sees to it that nothing of the group runs when the lock's deadline comes near. It knows nothing of locks: it is
// told deadlines, and if it is not told the next one, because whoever renews is stopped, blocked, cut off or dead, it ends the
// group in time. It leaves when the group is gone, and never before.

import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import { isGone, signalGroup } from "./group.ts";
import { toNs } from "./timing.ts";
import {
  type EndedBy,
  type FromGuardian,
  forwardedSignals,
  type Order,
  onLetters,
  type ToGuardian,
  toLine,
} from "./wire.ts";

/** How often to look whether anybody of the group is left, once its end has begun. */
const lookMs = 20;

/** What runs on for so long after the command itself has ended is worth a word. */
const lingeringMs = 1_000;

/** Signals that a terminal, or a service manager that ends a whole tree, may send: the guardian outlasts its command. */
for (const signal of [...forwardedSignals, "SIGTSTP"] as const) process.on(signal, () => undefined);

const link = new Socket({ fd: 3 });

let order: Order | null = null;
let group: number | null = null;
let deadlineNs = 0n;
let endedBy: EndedBy | null = null;
/** When its grace is over, once the group has been asked to end. */
let graceEndNs: bigint | null = null;
let exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | null = null;
let lingersAtNs: bigint | null = null;
let timer: NodeJS.Timeout | undefined;
let isLinked = true;

const now = (): bigint => process.hrtime.bigint();
const msUntil = (moment: bigint): number => Math.max(0, Math.floor(Number(moment - now()) / 1e6));

function tell(letter: FromGuardian): void {
  if (isLinked) link.write(toLine(letter));
}

/** The first of some moments; Math.min knows no such numbers. */
function earliest(first: bigint, ...rest: readonly bigint[]): bigint {
  let found = first;
  for (const moment of rest) if (moment < found) found = moment;
  return found;
}

/** When the group has to be asked to end. */
const terminateAtNs = ({ graceMs, marginMs }: Order): bigint => deadlineNs - toNs(graceMs + marginMs);

function start(given: Order): void {
  order = given;
  deadlineNs = BigInt(given.deadlineNs);
  if (now() >= terminateAtNs(given)) return leave({ type: "tooLate" });
  const [executable = "", ...args] = given.command;
  let child: ChildProcess;
  try {
    child = spawn(executable, args, { detached: true, stdio: "inherit", env: { ...given.env } });
  } catch (error) {
    return cannotStart(error as NodeJS.ErrnoException);
  }
  child.once("error", cannotStart);
  child.once("exit", (code, signal) => {
    exit = { code, signal };
    lingersAtNs = now() + toNs(lingeringMs);
    guard();
  });
  if (child.pid === undefined) return;
  group = child.pid;
  tell({ type: "started", group });
  guard();
}

function cannotStart(error: NodeJS.ErrnoException): void {
  if (group === null) leave({ type: "failed", code: error.code ?? "", message: error.message });
}

/** Does what is due, and comes back when the next thing is. */
function guard(): void {
  clearTimeout(timer);
  if (group === null || order === null) return;
  if (exit !== null && isGone(group)) return leave({ type: "gone", ...exit, endedBy });
  if (endedBy === null && now() >= terminateAtNs(order)) terminate("deadline", order.graceMs);
  const dueNs = graceEndNs === null ? terminateAtNs(order) : earliest(graceEndNs, deadlineNs - toNs(order.marginMs));
  if (graceEndNs !== null && now() >= dueNs) signalGroup(group, "SIGKILL");
  const dueMs = graceEndNs === null ? msUntil(dueNs) : Math.min(msUntil(dueNs), lookMs);
  if (lingersAtNs !== null && now() >= lingersAtNs) {
    lingersAtNs = null;
    tell({ type: "lingering" });
  }
  timer = setTimeout(guard, exit === null ? dueMs : Math.min(dueMs, lookMs));
}

/** Asks the group to end, and sets the moment at which it is not asked any more. The deadline may come before that. */
function terminate(by: EndedBy, graceMs: number): void {
  if (group === null || order === null) return;
  const end = now() + toNs(graceMs);
  graceEndNs = graceEndNs === null ? end : earliest(graceEndNs, end);
  if (endedBy !== null) return;
  endedBy = by;
  tell({ type: "terminating", endedBy });
  signalGroup(group, "SIGTERM");
  // Whoever is stopped hears of it only when he goes on; the lock is still his.
  signalGroup(group, "SIGCONT");
}

function take(letter: ToGuardian): void {
  switch (letter.type) {
    case "start":
      return start(letter.order);
    case "deadline":
      if (BigInt(letter.deadlineNs) > deadlineNs) deadlineNs = BigInt(letter.deadlineNs);
      return guard();
    case "signal":
      if (group !== null) signalGroup(group, letter.signal);
      return;
    case "terminate":
      terminate("order", letter.graceMs);
      return guard();
  }
}

/** Nobody tells deadlines any more. */
function abandoned(): void {
  if (!isLinked) return;
  isLinked = false;
  if (group === null) process.exit();
  terminate("abandonment", order?.graceMs ?? 0);
  guard();
}

/** Says a last word, and ends when it has been heard: to whoever writes to a socket that has gone before he has read it, what
 *  it said is lost. */
function leave(letter: FromGuardian): void {
  clearTimeout(timer);
  group = null;
  if (!isLinked) process.exit();
  link.end(toLine(letter));
}

process.on("uncaughtException", (error) => {
  if (group !== null) signalGroup(group, "SIGKILL");
  process.stderr.write(`lockmgr: the guardian of the command has failed: ${error.stack}\n`);
  process.exit(70);
});
link.on("error", abandoned);
link.on("close", abandoned);
link.on("end", abandoned);
onLetters<ToGuardian>(link, take);
tell({ type: "ready" });
