// The way of a call of the native interface: a row of the table and a request become a letter to the gateway, its answer
// becomes a response. The same for gRPC, the session and HTTP, which differ in how they wait.

import type { CallId } from "../../actors/messages.ts";
import type { WatchWish } from "../../actors/operations.ts";
import { type Millis, millis } from "../../actors/scalars.ts";
import type { Failure } from "../status.ts";
import type { Queued, WatchTold } from "./calls.ts";
import type { Fault } from "./native-asking.ts";
import type { NativeMethod } from "./native-methods.ts";
import { budgetWithin, type Desk, stopping } from "./procedure.ts";
import { refusalSentence } from "./wording.ts";

export interface NativeAsked<Request> {
  readonly request: Request;
  /** How large the request was. */
  readonly size: number;
  /** How long the client will wait, in milliseconds; Infinity if it has not said. */
  readonly left: number;
  /** Told, before the answer, whenever the request is known to wait in its queues. */
  readonly waiting?: (queued: Queued) => void;
}

/** Begins a call. `done` is told once, now or later, unless the call is cancelled; null if it has been told already. */
export function beginNative<Request, Response>(
  { settings, calls, post, wallNow }: Desk,
  { toOperation, requestId, wait, fromAnswer }: NativeMethod<Request, Response>,
  { request, size, left, waiting }: NativeAsked<Request>,
  done: (result: Response | Failure) => void,
): CallId | null {
  const operation = toOperation(request, wallNow());
  if (operation.type === "fault") {
    done(failureOf(operation));
    return null;
  }
  if (calls.isClosed()) {
    done(stopping);
    return null;
  }
  const call = calls.open((answer) => done(fromAnswer(answer, request)), waiting);
  post({
    type: "request",
    call,
    requestId: requestId(request),
    operation,
    bytes: size + requestBytesExtra,
    budget: nativeBudget(left, { waitMs: wait(request), requestMsMax: settings.requestMsMax }),
  });
  return call;
}

const failureOf = ({ reason, message }: Fault): Failure => ({ reason, message });

/** What a request takes beside the bytes it came in. */
const requestBytesExtra = 64;
/** The longest that any call lasts: timers hold no more than 24 days, and no wait is longer than one. */
const budgetMsMax = 25 * 3_600_000;

/** How long a request that may wait for `waitMs` is tried, if its client waits for `left`. */
export function nativeBudget(
  left: number,
  { waitMs, requestMsMax }: { readonly waitMs: Millis; readonly requestMsMax: Millis },
): Millis {
  const longest = millis(Math.min(budgetMsMax, waitMs + requestMsMax));
  return budgetWithin(left, { requestMsMax: longest });
}

/** Begins a watch. `told` hears of what has happened until the watch is cancelled, or is over with a failure. */
export function beginWatch(
  { calls, post, standing }: Desk,
  wish: WatchWish,
  told: (told: WatchNews) => void,
): CallId | null {
  if (calls.isClosed()) {
    told({ type: "over", failure: stopping });
    return null;
  }
  const call = calls.openWatch((news) => told(asNews(news, standing)));
  post({ type: "watch", call, wish });
  return call;
}

/** What a watcher hears. */
export type WatchNews = Extract<WatchTold, { type: "watched" }> | { readonly type: "over"; readonly failure: Failure };

function asNews(told: WatchTold, standing: Desk["standing"]): WatchNews {
  switch (told.type) {
    case "watched":
      return told;
    case "watchGone":
      return { type: "over", failure: { reason: "revisionGone", message: goneSentence(told.oldest) } };
    case "refused":
      return { type: "over", failure: { reason: told.refusal, message: refusalSentence(told.refusal, standing()) } };
    default:
      return {
        type: "over",
        failure: { reason: "unexpected", message: `the answer, ${told.type}, does not fit a watch` },
      };
  }
}

const goneSentence = (oldest: number): string =>
  `what happened after that revision is not known any more, only what happened after revision ${oldest}; begin anew with after_revision 0`;
