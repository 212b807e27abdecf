// The side of `run` that speaks with the guardian. If the guardian dies, which it never does by itself, what it has started
// is ended from here.

import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isGone, signalGroup } from "./group.ts";
import {
  type ForwardedSignal,
  type FromGuardian,
  type Gone,
  type Order,
  onLetters,
  type ToGuardian,
  toLine,
} from "./wire.ts";

/** How the command came to its end. Nothing of it runs any more. */
export type End =
  | Gone
  | { readonly type: "tooLate" }
  | { readonly type: "failed"; readonly code: string; readonly message: string }
  /** The guardian is dead; the command has been ended. */
  | { readonly type: "unguarded" };

export interface Guard {
  /** Resolves when it can be told to start. */
  readonly ready: Promise<void>;
  readonly start: (order: Order) => void;
  readonly setDeadline: (deadlineNs: bigint) => void;
  readonly forward: (signal: ForwardedSignal) => void;
  /** Asks the group to end, and ends it after the grace. Does so from here if the guardian does not. */
  readonly terminate: (graceMs: number) => void;
  /** Ends the whole group at once, from here, and the guardian, which should have done it. */
  readonly kill: () => void;
  readonly end: Promise<End>;
  /** Of a guardian that has started nothing. */
  readonly dismiss: () => void;
}

/** A guardian that is told to end the group has done so within the grace, and not much later. One that is stopped has not. */
const lateMs = 500;

export function startGuard(graceMs: number, onLingering: () => void = () => undefined): Guard {
  const child = spawnGuardian();
  const link = child.stdio[3] as Socket;
  let group: number | null = null;
  const send = (letter: ToGuardian) => void (link.writable && link.write(toLine(letter)));
  const ready = promised<void>();
  const end = promised<End>();
  let isOver = false;
  let lastResort: NodeJS.Timeout | undefined;
  const finish = (how: End) => {
    isOver = true;
    group = null;
    clearTimeout(lastResort);
    end.resolve(how);
  };
  onLetters<FromGuardian>(link, (letter) => {
    if (letter.type === "ready") ready.resolve();
    else if (letter.type === "started") group = letter.group;
    else if (letter.type === "lingering") onLingering();
    else if (letter.type !== "terminating") finish(letter);
  });
  const onDeath = async (error?: Error) => {
    ready.reject(error ?? new Error("the guardian of the command has ended"));
    if (isOver) return;
    isOver = true;
    if (group !== null) await endGroup(group, graceMs);
    finish({ type: "unguarded" });
  };
  const kill = () => {
    if (group === null) return;
    signalGroup(group, "SIGKILL");
    child.kill("SIGKILL");
  };
  // A guardian that nobody waits for any more.
  ready.promise.catch(() => undefined);
  link.on("error", () => undefined);
  link.once("close", () => void onDeath());
  child.once("error", (error) => void onDeath(error));
  return {
    ready: ready.promise,
    start: (order) => send({ type: "start", order }),
    setDeadline: (deadlineNs) => send({ type: "deadline", deadlineNs: String(deadlineNs) }),
    forward: (signal) => send({ type: "signal", signal }),
    terminate: (ms) => {
      send({ type: "terminate", graceMs: ms });
      lastResort ??= setTimeout(kill, ms + lateMs);
    },
    kill,
    end: end.promise,
    dismiss: () => void link.destroy(),
  };
}

interface Promised<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
}

function promised<Value>(): Promised<Value> {
  let resolve: (value: Value) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<Value>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

function spawnGuardian(): ChildProcess {
  // Options for the node of the command are not for the guardian.
  const { NODE_OPTIONS: _, ...env } = process.env;
  return spawn(process.execPath, [fileURLToPath(new URL("./guardian.js", import.meta.url))], {
    detached: true,
    env,
    stdio: ["inherit", "inherit", "inherit", "pipe"],
  });
}

async function endGroup(group: number, graceMs: number): Promise<void> {
  signalGroup(group, "SIGTERM");
  signalGroup(group, "SIGCONT");
  const killAt = performance.now() + graceMs;
  while (!isGone(group)) {
    if (performance.now() >= killAt) signalGroup(group, "SIGKILL");
    await pause(20);
  }
}
