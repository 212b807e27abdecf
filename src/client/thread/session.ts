// Keeps one session with the service alive, through all endpoints. Calls stand until they are answered: after a break they are
// said again on the next stream, under the same request ids. Knows nothing of locks.

import type { CallError, Hello, ServerMessage, Welcome } from "../../transport/generated/lockmgr/v1/lock.ts";
import type { Setting } from "../letters.ts";
import { betweenMs, nowNs, timerMs } from "../monotonic.ts";
import { backOffMs, shuffled } from "./back-off.ts";
import { isPassing, status } from "./failures.ts";
import type { Heard, Said } from "./questions.ts";
import { openStream, type Stream } from "./stream.ts";

export interface CallOptions {
  /** How long it is tried; for ever if it is not given. */
  readonly budgetMs?: number;
  /** It fails with the stream that it was said on, and is not said again. */
  readonly isVolatile?: boolean;
  /** It is said again as well where there is no room for it: what it gives back would stay, or a loss would go unseen. */
  readonly isOwed?: boolean;
  /** Whatever is heard of it: `queued` and `events` any number of times, then one last word. */
  readonly onHeard: (heard: Heard) => void;
  /** `wasSaid`: it may have been done. */
  readonly onError: (error: CallError, wasSaid: boolean) => void;
}

export interface CallHandle {
  /** Nothing of it is heard any more. */
  readonly forget: () => void;
}

export interface Session {
  readonly start: () => void;
  readonly isUp: () => boolean;
  /** What is made anew for each stream is given as a function. */
  readonly call: (said: Said | (() => Said), options: CallOptions) => CallHandle;
  /** Goes on with another stream: the lease has to be opened anew, or this node is of no use. */
  readonly restart: (why: string) => void;
  readonly close: () => void;
}

export interface SessionWishes {
  /** What to begin a stream with. */
  readonly hello: () => Hello;
  readonly onWelcome: (welcome: Welcome) => void;
  /** The service does not want the hello, for a reason that does not pass. `isLast`: no endpoint has welcomed it since all were
   *  tried. */
  readonly onRefused: (error: CallError, isLast: boolean) => void;
  readonly onLeaseEvents: (heard: Heard & { $case: "events" }) => void;
  readonly onDown: (error: CallError) => void;
}

interface OpenCall {
  readonly id: bigint;
  readonly said: Said | (() => Said);
  readonly options: CallOptions;
  attempts: number;
  /** The stream that it was said on last. */
  stream: Stream | null;
  lastError: CallError | null;
  /** When it is given up. */
  budget: NodeJS.Timeout | undefined;
  /** When it is said again. */
  again: NodeJS.Timeout | undefined;
}

/** After so long without anything but refusals another node is tried. */
const refusedMsMax = 500;

export function newSession(setting: Setting, wishes: SessionWishes): Session {
  const answerMs = Math.min(Math.max(setting.ttlMs / 4, 400), 3_000);
  const pingMs = Math.min(setting.ttlMs / 3, 5_000);
  const endpoints = shuffled(setting.endpoints);
  const calls = new Map<bigint, OpenCall>();
  let nextId = 1n;
  let helloId = 0n;
  let stream: Stream | null = null;
  let isUp = false;
  let isClosed = false;
  let failures = 0;
  let place = 0;
  let refusedSince: bigint | null = null;
  let welcomeTimer: NodeJS.Timeout | undefined;
  let connectTimer: NodeJS.Timeout | undefined;

  const connect = () => {
    connectTimer = undefined;
    if (isClosed) return;
    const endpoint = endpoints[place++ % endpoints.length] ?? "";
    helloId = nextId++;
    stream = openStream({ endpoint, tls: setting.tls, pingMs, answerMs, onHeard: hear, onBroken: goDown });
    stream.say({ id: helloId, message: { $case: "hello", value: wishes.hello() } });
    welcomeTimer = setTimeout(() => restart(`${endpoint} does not welcome the session in time`), answerMs);
  };

  /** The stream is no more: says so to calls that do not outlive it, and tries the next endpoint. */
  const goDown = ({ code, message }: { readonly code: number; readonly message: string }) => {
    clearTimeout(welcomeTimer);
    const wasUp = isUp;
    isUp = false;
    stream = null;
    refusedSince = null;
    if (isClosed) return;
    failures = wasUp ? 0 : failures + 1;
    const error = { code, message, reason: code === status.unavailable ? "unreachable" : "" };
    // How a hello is answered that is not welcome.
    if (!isPassing(error)) wishes.onRefused(error, failures >= endpoints.length);
    wishes.onDown(error);
    for (const open of [...calls.values()]) if (open.options.isVolatile === true) fail(open, error);
    const round = Math.floor(failures / endpoints.length);
    connectTimer ??= setTimeout(connect, round === 0 ? 0 : backOffMs(round));
  };

  const restart = (why: string) => {
    if (stream === null) return;
    stream.close();
    goDown({ code: status.unavailable, message: why });
  };

  const say = (open: OpenCall) => {
    if (!isUp || stream === null || open.stream === stream) return;
    open.stream = stream;
    open.attempts++;
    stream.say({ id: open.id, message: typeof open.said === "function" ? open.said() : open.said });
  };

  const remove = (open: OpenCall) => {
    calls.delete(open.id);
    clearTimeout(open.budget);
    clearTimeout(open.again);
  };

  const fail = (open: OpenCall, error: CallError) => {
    remove(open);
    open.options.onError(error, open.attempts > 0);
  };

  const hear = ({ id, message }: ServerMessage) => {
    if (message === undefined) return;
    if (id === helloId) return hearOfHello(message);
    const open = calls.get(id);
    if (open === undefined) return;
    if (message.$case === "error") return hearError(open, message.value);
    refusedSince = null;
    if (message.$case !== "queued" && message.$case !== "events") remove(open);
    open.options.onHeard(message);
  };

  const hearOfHello = (heard: Heard) => {
    if (heard.$case === "events") return wishes.onLeaseEvents(heard);
    clearTimeout(welcomeTimer);
    if (heard.$case === "welcome") {
      isUp = true;
      failures = 0;
      wishes.onWelcome(heard.value);
      for (const open of [...calls.values()]) say(open);
    } else if (heard.$case === "error") {
      stream?.close();
      goDown(heard.value);
    }
  };

  /** A refusal that passes is not the last word: the same is said again after a while, to another node if this one goes on refusing. */
  const hearError = (open: OpenCall, error: CallError) => {
    const isAgain = isPassing(error) || (open.options.isOwed === true && error.code === status.resourceExhausted);
    if (!isAgain || open.options.isVolatile === true) fail(open, error);
    else {
      open.lastError = error;
      open.stream = null;
      clearTimeout(open.again);
      open.again = setTimeout(() => say(open), backOffMs(open.attempts));
    }
    if (!isPassing(error)) return;
    refusedSince ??= nowNs();
    if (betweenMs(refusedSince, nowNs()) > refusedMsMax) restart(error.message);
  };

  const call = (said: Said | (() => Said), options: CallOptions): CallHandle => {
    const state = { attempts: 0, stream: null, lastError: null, budget: undefined, again: undefined };
    const open: OpenCall = { id: nextId++, said, options, ...state };
    calls.set(open.id, open);
    if (options.budgetMs !== undefined) {
      open.budget = setTimeout(() => fail(open, lateError(open)), timerMs(options.budgetMs));
    }
    if (isUp) say(open);
    else if (options.isVolatile === true) queueMicrotask(() => calls.has(open.id) && fail(open, downError));
    return {
      forget: () => {
        if (!calls.has(open.id)) return;
        remove(open);
        if (open.stream === stream) stream?.say({ id: nextId++, message: { $case: "forget", value: open.id } });
      },
    };
  };

  const lateError = (open: OpenCall): CallError => {
    if (open.lastError !== null) return open.lastError;
    if (!isUp) return downError;
    return { code: status.deadlineExceeded, message: "no answer came in time", reason: "" };
  };

  return {
    start: connect,
    isUp: () => isUp,
    call,
    restart,
    close: () => {
      isClosed = true;
      clearTimeout(welcomeTimer);
      clearTimeout(connectTimer);
      for (const open of [...calls.values()]) remove(open);
      stream?.close(true);
    },
  };
}

const downError: CallError = {
  code: status.unavailable,
  message: "no endpoint of the service answers",
  reason: "unreachable",
};
