// The calls that are under way: which completion belongs to which letter that comes back. A call is completed once, by its
// answer, or is cancelled, and then nobody is told.

import type { CallId, ClientsToGateway, Watched } from "../../actors/messages.ts";
import type { Answer, Counts } from "../../actors/operations.ts";

/** The request waits in its queues; the answer follows. */
export type Queued = Extract<Answer, { type: "queued" }>;
/** What a watcher is told: after anything but `watched` the watch is over. */
export type WatchTold = Watched | Exclude<Answer, { type: "queued" }>;

export interface Calls {
  /** Begins a call that will be answered; `waiting` is told before, as often as there is something to tell. */
  readonly open: (answered: (answer: Answer) => void, waiting?: (queued: Queued) => void) => CallId;
  /** Begins a watch, which goes on until it is cancelled or over. */
  readonly openWatch: (told: (told: WatchTold) => void) => CallId;
  /** Begins a call that will be told counts; null if the node stops before. */
  readonly openCount: (counted: (counts: Counts | null) => void) => CallId;
  readonly answer: (call: CallId, answer: Answer) => void;
  readonly wait: (call: CallId, queued: Queued) => void;
  readonly watched: (told: Watched) => void;
  readonly count: (call: CallId, counts: Counts) => void;
  /** The client is gone. Whether the call was still under way. */
  readonly cancel: (call: CallId) => boolean;
  readonly underWay: () => number;
  /** No call begins any more. */
  readonly close: () => void;
  readonly isClosed: () => boolean;
  /** Completes everything that is still under way: what came of it will not be learned. */
  readonly abandon: () => void;
}

export function newCalls(post: (letter: ClientsToGateway) => void): Calls {
  const answers = new Map<CallId, (answer: Answer) => void>();
  const waitings = new Map<CallId, (queued: Queued) => void>();
  const watches = new Map<CallId, (told: WatchTold) => void>();
  const counts = new Map<CallId, (counts: Counts | null) => void>();
  let last: CallId = 0;
  let closed = false;
  return {
    open: (answered, waiting) => {
      answers.set(++last, answered);
      if (waiting !== undefined) waitings.set(last, waiting);
      return last;
    },
    openWatch: (told) => {
      watches.set(++last, told);
      return last;
    },
    openCount: (counted) => {
      counts.set(++last, counted);
      return last;
    },
    answer: (call, answer) => {
      // Not the last word, by whichever way it comes.
      if (answer.type === "queued") return waitings.get(call)?.(answer);
      const answered = answers.get(call) ?? watches.get(call);
      answers.delete(call);
      waitings.delete(call);
      watches.delete(call);
      answered?.(answer);
    },
    wait: (call, queued) => waitings.get(call)?.(queued),
    watched: (told) => {
      const watched = watches.get(told.call);
      if (told.type === "watchGone") watches.delete(told.call);
      watched?.(told);
    },
    count: (call, told) => {
      const counted = counts.get(call);
      counts.delete(call);
      counted?.(told);
    },
    cancel: (call) => {
      if (counts.delete(call)) return true;
      waitings.delete(call);
      if (!answers.delete(call) && !watches.delete(call)) return false;
      post({ type: "cancelled", call });
      return true;
    },
    underWay: () => answers.size + watches.size + counts.size,
    close: () => {
      closed = true;
    },
    isClosed: () => closed,
    abandon: () => {
      for (const [call, answered] of answers) {
        answers.delete(call);
        waitings.delete(call);
        answered({ type: "refused", refusal: "unknown-outcome" });
      }
      for (const [call, told] of watches) {
        watches.delete(call);
        told({ type: "refused", refusal: "stopping" });
      }
      for (const [call, counted] of counts) {
        counts.delete(call);
        counted(null);
      }
    },
  };
}
