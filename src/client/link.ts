// The program's end of the line to the renewing thread: numbers calls, hands answers to whoever asked, and says so if the thread
// ends before its time.

import { Worker } from "node:worker_threads";
import { LockError } from "./errors.cts";
import { onAbort } from "./giving-up.ts";
import type { CallNumber, ErrorData, FromThread, LockNumber, Question, Setting, ToThread } from "./letters.ts";
import { newPost } from "./post.ts";

/** A letter about a call. */
export type CallLetter = Extract<FromThread, { readonly call: CallNumber }>;

export interface LinkWishes {
  readonly onConnected: (leaseId: number) => void;
  readonly onRefused: (error: ErrorData) => void;
  readonly onTrouble: (error: ErrorData) => void;
  readonly onLetterOfLease: (lease: number) => void;
  readonly onLetterOfLock: (lock: LockNumber, letter: Extract<FromThread, { readonly lock: LockNumber }>) => void;
}

export interface Link {
  readonly post: (letter: ToThread) => void;
  /** A number for a call, whose letters go to `hear` until it is ended. */
  readonly newCall: (hear: (letter: CallLetter) => void) => CallNumber;
  readonly endCall: (call: CallNumber) => void;
  readonly ask: <Answer>(question: Question, signal?: AbortSignal) => Promise<Answer>;
  /** Asks the thread to give everything back; resolves when it has ended. */
  readonly close: () => Promise<void>;
  /** Ends the thread at once. */
  readonly terminate: () => Promise<void>;
}

export const toError = ({ code, message, details }: ErrorData, cause?: unknown): LockError =>
  new LockError(code, message, { cause, ...(details === undefined ? {} : { details }) });

export const abortedError = (signal: AbortSignal): LockError =>
  new LockError("ABORTED", "the call was given up", { cause: signal.reason });

export const closedError = (): LockError => new LockError("CLOSED", "the client is closed");

const threadFailure = (failure: unknown): ErrorData => ({
  code: "INTERNAL",
  message: `the thread of the client has failed: ${String(failure)}`,
});

export function newLink(setting: Setting, wishes: LinkWishes): Link {
  const worker = new Worker(new URL("./thread/main.js", import.meta.url), {
    workerData: setting,
    name: "lockmgr",
    // Flags that were meant for the program, like those of its module, would not suit the thread.
    execArgv: [],
  });
  const calls = new Map<CallNumber, (letter: CallLetter) => void>();
  let lastCall = 0;
  let failure: unknown;
  let isOver = false;
  const post = newPost<ToThread>((letters) => worker.postMessage(letters));
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));

  const hear = (letter: FromThread) => {
    switch (letter.type) {
      case "connected":
        return wishes.onConnected(letter.leaseId);
      case "refused":
        return wishes.onRefused(letter.error);
      case "trouble":
        return wishes.onTrouble(letter.error);
      case "lookAtLease":
        return wishes.onLetterOfLease(letter.lease);
      case "lookAtLock":
      case "yielding":
        return wishes.onLetterOfLock(letter.lock, letter);
      case "closed":
        return void worker.terminate();
      default:
        return calls.get(letter.call)?.(letter);
    }
  };
  worker.on("message", (letters: readonly FromThread[]) => {
    for (const letter of letters) hear(letter);
  });
  worker.on("error", (error) => {
    failure = error;
  });
  worker.once("exit", () => {
    isOver = true;
    const data: ErrorData =
      failure === undefined ? { code: "CLOSED", message: "the client is closed" } : threadFailure(failure);
    for (const [call, listener] of [...calls]) listener({ type: "failed", call, error: data });
    wishes.onRefused(data);
  });

  const newCall = (listener: (letter: CallLetter) => void): CallNumber => {
    if (isOver) throw failure === undefined ? closedError() : toError(threadFailure(failure), failure);
    calls.set(++lastCall, listener);
    return lastCall;
  };
  const endCall = (call: CallNumber) => void calls.delete(call);

  const ask = <Answer>(question: Question, signal?: AbortSignal): Promise<Answer> =>
    new Promise<Answer>((resolve, reject) => {
      if (signal?.aborted === true) throw abortedError(signal);
      const finish = () => {
        endCall(call);
        stopListening();
      };
      const call = newCall((letter) => {
        finish();
        if (letter.type === "answered") resolve(letter.answer as Answer);
        else if (letter.type === "failed") reject(toError(letter.error));
      });
      const giveUp = () => {
        finish();
        post({ type: "forget", call });
        reject(abortedError(signal as AbortSignal));
      };
      const stopListening = onAbort(signal, giveUp);
      post({ type: "ask", call, question });
    });

  return {
    post,
    newCall,
    endCall,
    ask,
    close: () => {
      if (!isOver) post({ type: "close" });
      return ended;
    },
    terminate: async () => void (await worker.terminate()),
  };
}
