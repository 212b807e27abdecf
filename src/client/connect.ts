// Where everything begins: starts the renewing thread of a client, waits for its session, hands out the client.

import { settingOf, wholeIn } from "./checking.ts";
import { newClient } from "./client.ts";
import { LockError } from "./errors.cts";
import { newHolding } from "./holding.ts";
import type { Client } from "./interface.ts";
import type { ErrorData } from "./letters.ts";
import { abortedError, newLink, toError } from "./link.ts";
import type { ConnectOptions } from "./options.ts";
import { connectOptionsIn } from "./options-given.ts";
import { newTasks } from "./tasks.ts";

/**
 * Connects to the service: `await connect("10.0.0.1:50051,10.0.0.2:50051")`, or a list. The client has a thread of its own that renews
 * its lease, so that a program that blocks its event loop keeps its locks; it lives until it is closed.
 *
 * Rejects with a `LockError`: `UNREACHABLE` or `NO_QUORUM` when no endpoint welcomes the client in time, `INVALID`, `ABORTED`,
 * `UNSUPPORTED`.
 */
export async function connect(endpoints: string | readonly string[], given?: ConnectOptions): Promise<Client> {
  const options = connectOptionsIn(given);
  const setting = settingOf(endpoints, options);
  const timeoutMs = wholeIn("connectTimeoutMs", options.connectTimeoutMs ?? 10_000, 1, 2 ** 31 - 1);
  const { signal } = options;
  if (signal?.aborted === true) throw abortedError(signal);

  const holding = newHolding();
  let leaseId = 0;
  let trouble: ErrorData = { code: "UNREACHABLE", message: "no endpoint of the service answers" };
  const outcome = newOutcome();
  const link = newLink(setting, {
    onConnected: (lease) => {
      leaseId = lease;
      outcome.resolve();
    },
    onRefused: (error) => outcome.reject(toError(error)),
    onTrouble: (error) => {
      trouble = error;
    },
    onLetterOfLease: holding.lookAtLease,
    onLetterOfLock: (number, letter) => {
      const lock = holding.lockOf(number);
      if (letter.type === "yielding") lock?.askToYield(letter.asked);
      else lock?.look(letter.why);
    },
  });

  const timer = setTimeout(() => outcome.reject(lateError(trouble)), timeoutMs);
  const onAbort = () => outcome.reject(abortedError(signal as AbortSignal));
  signal?.addEventListener("abort", onAbort);
  try {
    await outcome.promise;
  } catch (error) {
    await link.terminate();
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
  return newClient({
    setting,
    link,
    holding,
    tasks: newTasks(),
    leaseId: () => leaseId,
    closed: new AbortController(),
  });
}

const lateError = ({ code, message }: ErrorData): LockError =>
  new LockError(code, `no session could be begun in time: ${message}`);

interface Outcome {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: LockError) => void;
}

function newOutcome(): Outcome {
  let resolve: Outcome["resolve"] = () => undefined;
  let reject: Outcome["reject"] = () => undefined;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
