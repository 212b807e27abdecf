// `lockmgr run`: holds a lock while a command runs, and gives it back when nothing of the command's process group is left.
// If the lock is about to be lost the command is ended before anybody else can have it; the guardian sees to that even if
// this process cannot.

import { constants } from "node:os";
import type { Client, Lock, ModeOptions, YieldAsked } from "../../client/index.ts";
import { argument, type Call, spanOf } from "../command.ts";
import { connectTo } from "../connection.ts";
import { CommandError, exitCodes, signalBase, usageError } from "../exit.ts";
import { howHeld, ownerAndMetadata } from "../how-held.ts";
import { catchInterrupts, type Interrupts, signalNumbers } from "../interrupts.ts";
import { lossOf } from "../loss.ts";
import { shown } from "../output.ts";
import { tellQueued } from "../queued.ts";
import { writtenSpan } from "../spans.ts";
import { type End, type Guard, startGuard } from "./guard.ts";
import { beatMs, leavesRoom, marginMs, renewMs, toNs, ttlMsMin } from "./timing.ts";
import { forwardedSignals } from "./wire.ts";

interface Plan {
  readonly name: string;
  readonly command: readonly string[];
  readonly mode: ModeOptions;
  readonly waitMs: number;
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly delayMs: number;
}

export async function run(call: Call): Promise<number> {
  const plan = planOf(call);
  const { owner } = ownerAndMetadata(call);
  let isStarted = false;
  const guard = startGuard(plan.graceMs, () =>
    call.output.note("the command has ended, but others of its process group run on: waiting for them"),
  );
  const interrupts = catchInterrupts(forwardedSignals, (signal) => {
    if (isStarted) guard.forward(signal);
  });
  // Whoever is stopped cannot renew: the command would be ended while it waits for `fg`.
  process.on("SIGTSTP", () => call.output.note("a lock cannot be held by a process that is stopped: not stopping"));
  let client: Client | null = null;
  try {
    await guard.ready;
    client = await connectTo(call.shared, {
      ttlMs: plan.ttlMs,
      renewMs: renewMs(plan.ttlMs, plan.graceMs),
      signal: interrupts.signal,
      ...(owner === undefined ? {} : { owner }),
    });
    const lock = await acquire(call, plan, client, interrupts);
    isStarted = true;
    const end = await hold(call, plan, lock, guard);
    const wasTaken = lock.lossReason === "forced" || lock.lossReason === "revoked";
    await lock.release();
    return exitCodeOf(plan, end, { lock, wasTaken });
  } catch (error) {
    const first = interrupts.first();
    if (!isStarted && first !== null) return signalBase + signalNumbers[first];
    throw error;
  } finally {
    guard.dismiss();
    await client?.close();
  }
}

function planOf(call: Call): Plan {
  const command = call.args.slice(1);
  if (command.length === 0) throw usageError("there is no command to run: lockmgr run NAME -- command…");
  const plan = {
    name: argument(call, 0, "the lock's name"),
    command,
    mode: howHeld(call),
    waitMs: spanOf(call, "wait", "--wait"),
    ttlMs: spanOf(call, "ttl", "--ttl"),
    graceMs: spanOf(call, "grace", "--grace"),
    delayMs: spanOf(call, "delay", "--delay"),
  };
  if (!leavesRoom(plan.ttlMs, plan.graceMs)) {
    const [least, grace] = [writtenSpan(ttlMsMin(plan.graceMs)), writtenSpan(plan.graceMs)];
    throw usageError(
      `--ttl ${writtenSpan(plan.ttlMs)} is too short for --grace ${grace}: the command could not be ended before others get the lock; make it at least ${least}`,
    );
  }
  return plan;
}

async function acquire(call: Call, plan: Plan, client: Client, interrupts: Interrupts): Promise<Lock> {
  const { metadata } = ownerAndMetadata(call);
  const lock = await client.acquire(plan.name, {
    ...plan.mode,
    ...(metadata === undefined ? {} : { metadata }),
    waitMs: plan.waitMs,
    lockDelayMs: plan.delayMs,
    signal: interrupts.signal,
    onQueued: tellQueued(call, plan.name),
  });
  // A signal that came with the grant.
  if (interrupts.first() === null) return lock;
  await lock.release();
  throw new CommandError("ABORTED", exitCodes.notAcquired, "interrupted");
}

/** Runs the command. Resolves when nothing of it runs any more. */
async function hold(
  call: Call,
  { command, name, ttlMs, graceMs, delayMs }: Plan,
  lock: Lock,
  guard: Guard,
): Promise<End> {
  const deadlineNs = () => process.hrtime.bigint() + toNs(lock.remainingMs);
  const margin = marginMs(ttlMs);
  const env = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  guard.start({
    command,
    env: { ...Object.fromEntries(env), LOCK_NAME: name, LOCK_TOKEN: String(lock.token) },
    deadlineNs: String(deadlineNs()),
    marginMs: margin,
    graceMs,
  });
  const beat = setInterval(() => {
    if (lock.state !== "lost") guard.setDeadline(deadlineNs());
  }, beatMs(ttlMs));
  const onLost = () => {
    const isTaken = lock.lossReason === "forced" || lock.lossReason === "revoked";
    // What has been taken may be somebody else's at once, unless there is a lock-delay. What has run out is nobody's yet, and
    // the guardian has ended the command before; if it has not, this is the last moment.
    if (isTaken) guard.terminate(Math.min(graceMs, delayMs));
    else guard.kill();
  };
  lock.signal.addEventListener("abort", onLost);
  if (lock.signal.aborted) onLost();
  const stopListening = lock.on("yield", (asked: YieldAsked) => {
    call.output.note(`asked to give ${shown(name)} up: ${shown(asked.reason)}`);
    guard.terminate(asked.graceMs > 0 ? Math.max(0, asked.graceMs - margin) : graceMs);
  });
  try {
    return await guard.end;
  } finally {
    clearInterval(beat);
    stopListening();
    lock.signal.removeEventListener("abort", onLost);
  }
}

interface Ending {
  readonly lock: Lock;
  readonly wasTaken: boolean;
}

function exitCodeOf(plan: Plan, end: End, { lock, wasTaken }: Ending): number {
  const { name, command } = plan;
  const program = shown(command[0] ?? "");
  switch (end.type) {
    case "failed":
      if (end.code === "ENOENT") {
        throw new CommandError("COMMAND_NOT_FOUND", exitCodes.commandNotFound, `${program}: there is no such command`);
      }
      throw new CommandError("CANNOT_RUN", exitCodes.cannotRun, `${program} cannot be run: ${end.message}`);
    case "tooLate":
      throw new CommandError("LOST", exitCodes.lost, `${shown(name)} was granted too late to begin; try again`);
    case "unguarded":
      if (lock.state === "lost") throw lost(plan, lossOf(lock) ?? "expired");
      throw new CommandError(
        "INTERNAL",
        exitCodes.server,
        "the command's guardian was killed, so the command was ended",
      );
    case "gone": {
      if (end.endedBy === null && !wasTaken) return end.code ?? signalBase + constants.signals[end.signal ?? "SIGKILL"];
      const why = lossOf(lock) ?? (end.endedBy === "order" ? "given up on request" : "no renewal got through in time");
      throw lost(plan, why);
    }
  }
}

const lost = ({ name }: Plan, why: string): CommandError =>
  new CommandError("LOST", exitCodes.lost, `the command was ended because ${shown(name)} was lost: ${why}`);
