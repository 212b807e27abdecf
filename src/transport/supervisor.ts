// The main thread of a node: starts its threads, stops them in order when asked to, and at once when one of them breaks. It
// decides nothing about locks; a node whose threads it cannot trust any more ends, and its operator's tools start it again.

import { writeSync } from "node:fs";
import type { Logger } from "pino";
import { between, type Instant } from "../actors/scalars.ts";
import { exitCodes } from "./resident.ts";
import type { Settings } from "./settings.ts";
import { type Fall, spawnThreads, type Threads } from "./spawn.ts";
import { now } from "./timers.ts";

/** How long a clean stop waits for calls under way to be answered. */
const drainMsMax = 5_000;
/** How long an actor that does I/O may take to stop. */
const stopMsMax = 10_000;
/** Under npm, Ctrl-C arrives twice: from the terminal, and passed on by npm. A signal so soon after the first is the same one. */
const sameSignalMs = 300;
const pollMs = 5;
const healthMs = 1_000;
/** After so many unanswered questions in a row, one a `healthMs`, a thread is called stuck, or the node is stopped. Questions are
 *  counted, not time, so that a process that was suspended is not blamed for it. */
const unansweredBeforeWarning = 3;
const unansweredMax = 60;

const signalExitCodes = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof signalExitCodes;

/** What the end of a node goes by. Only tests, which must not depend on how fast a machine is, have another than the usual. */
export interface Pace {
  /** Tells signals apart that are one. */
  readonly now: () => Instant;
  /** How long a thread that was asked to end may take before it is ended. Node aborts the process if that thread has connections on
   *  which something comes, so this is long for one that is only not run. */
  readonly askedMs: number;
  /** How long threads may take to end before the process is killed. */
  readonly endMsMax: number;
}

const usualPace: Pace = { now, askedMs: 5_000, endMsMax: 10_000 };

export interface NodeOptions {
  readonly settings: Settings;
  /** The file that each worker runs. */
  readonly entry: URL;
  readonly log: Logger;
  readonly pace?: Pace;
}

/** Starts a node and from then on owns the process: it ends by a signal or by a defect. Resolves once the node serves. */
export async function runNode({ settings, entry, log, pace = usualPace }: NodeOptions): Promise<void> {
  let phase: "starting" | "running" | "stopping" | "ending" = "starting";
  let stoppingSince = pace.now();
  const threads = spawnThreads({ settings, entry, onFall, askedMs: pace.askedMs });

  function end(exitCode: number): void {
    if (phase === "ending") return;
    phase = "ending";
    setTimeout(killProcess, pace.endMsMax);
    threads.end().then(() => process.exit(exitCode), killProcess);
  }

  function breakDown(error: unknown, message: string, details: object = {}): void {
    if (phase === "ending") return;
    log.fatal({ actor: "supervisor", ...details, err: error }, `the node stops: ${message}`);
    end(exitCodes.broken);
  }

  function onFall({ thread, exitCode, error }: Fall): void {
    const saidWhy = error === null && (exitCode === exitCodes.broken || exitCode === exitCodes.io);
    if (saidWhy) end(exitCode);
    else breakDown(error ?? undefined, "a thread ended", { thread, threadExitCode: exitCode });
  }

  function onSignal(signal: Signal): void {
    if (phase === "ending") return;
    if (phase === "stopping") {
      if (between(stoppingSince, pace.now()) < sameSignalMs) return;
      log.warn({ signal }, "stopping at once");
      end(signalExitCodes[signal]);
      return;
    }
    const serving = phase === "running";
    phase = "stopping";
    stoppingSince = pace.now();
    log.info({ signal }, "stopping");
    stopCleanly({ threads, settings, log, serving }).then(
      () => {
        log.info("stopped");
        end(0);
      },
      (error) => breakDown(error, "it cannot stop cleanly"),
    );
  }

  process.on("uncaughtException", (error) => breakDown(error, "an error that nobody expected"));
  for (const signal of Object.keys(signalExitCodes) as Signal[]) process.on(signal, onSignal);

  const problems = await threads.start();
  if (phase !== "starting") return new Promise(() => undefined);
  if (problems.length > 0) {
    for (const { message } of problems) writeSync(process.stderr.fd, `lockmgr: ${message}\n`);
    phase = "stopping";
    await stopCleanly({ threads, settings, log, serving: false });
    end(problems[0]?.exitCode ?? exitCodes.broken);
    return new Promise(() => undefined);
  }
  phase = "running";
  watchHealth(threads, log, (thread) => breakDown(undefined, "a thread is stuck", { thread }));
}

interface Stop {
  readonly threads: Threads;
  readonly settings: Settings;
  readonly log: Logger;
  /** Whether there may be anything to hand over and anybody to wait for. */
  readonly serving: boolean;
}

async function stopCleanly({ threads, settings, log, serving }: Stop): Promise<void> {
  const { cluster, node } = settings.config;
  const says = async (actor: "raft" | "gateway", key: string) =>
    (await threads.hosting(actor).control.inspect())[actor]?.[key];
  if (serving && cluster.voters.length > 1) {
    threads.post("raft", { type: "handOver" });
    const handedOver = await holdsWithin(2 * node.electionMsMax, async () => (await says("raft", "role")) !== "leader");
    if (!handedOver) log.warn("no other node took the leadership over in time");
  }
  if (serving) {
    threads.post("gateway", { type: "drain" });
    const drained = await holdsWithin(drainMsMax, async () => (await says("gateway", "inflight")) === 0);
    if (!drained) log.warn("some calls were not answered in time");
  }
  for (const actor of ["clients", "peers", "storage"] as const) {
    const stopped = await within(stopMsMax, threads.hosting(actor).control.stop(actor));
    if (!stopped) log.warn({ actor }, "an actor does not stop");
  }
}

/** Asks every thread for a sign of life, again and again. */
function watchHealth(threads: Threads, log: Logger, onStuck: (thread: string) => void): void {
  for (const { name, control } of threads.all) {
    let unanswered = 0;
    const timer = setInterval(() => {
      if (unanswered === unansweredBeforeWarning) log.warn({ thread: name }, "a thread does not answer");
      if (unanswered === unansweredMax) onStuck(name);
      if (unanswered++ > 0) return;
      void control.health().then(() => {
        unanswered = 0;
      });
    }, healthMs);
    timer.unref();
  }
}

/** Whether `condition` came true within `ms`. */
async function holdsWithin(ms: number, condition: () => Promise<boolean>): Promise<boolean> {
  const deadline = now() + ms;
  do {
    let holds = false;
    const answered = await within(
      ms,
      condition().then((value) => {
        holds = value;
      }),
    );
    if (!answered) return false;
    if (holds) return true;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  } while (now() < deadline);
  return false;
}

/** Whether `work` ended within `ms`. */
async function within(ms: number, work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true), expiry]);
  } finally {
    clearTimeout(timer);
  }
}

/** The last resort, for when a thread hangs in the kernel. The kernel spares process 1 its own SIGKILL, but not an abort. */
function killProcess(): void {
  process.kill(process.pid, "SIGKILL");
  process.abort();
}
