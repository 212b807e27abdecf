// The calls that are under way: which completion belongs to which letter that comes back. A call is completed once, by its
// answer, or is cancelled, and then nobody is told.

import type { CallId, ClientsToGateway } from "../../actors/messages.ts";
import type { Answer, Counts } from "../../actors/operations.ts";

export interface Calls {
  /** Begins a call that will be answered. */
  readonly open: (answered: (answer: Answer) => void) => CallId;
  /** Begins a call that will be told counts; null if the node stops before. */
  readonly openCount: (counted: (counts: Counts | null) => void) => CallId;
  readonly answer: (call: CallId, answer: Answer) => void;
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
  const counts = new Map<CallId, (counts: Counts | null) => void>();
  let last: CallId = 0;
  let closed = false;
  return {
    open: (answered) => {
      answers.set(++last, answered);
      return last;
    },
    openCount: (counted) => {
      counts.set(++last, counted);
      return last;
    },
    answer: (call, answer) => {
      const answered = answers.get(call);
      if (answered === undefined) return;
      answers.delete(call);
      answered(answer);
    },
    count: (call, told) => {
      const counted = counts.get(call);
      counts.delete(call);
      counted?.(told);
    },
    cancel: (call) => {
      if (counts.delete(call)) return true;
      if (!answers.delete(call)) return false;
      post({ type: "cancelled", call });
      return true;
    },
    underWay: () => answers.size + counts.size,
    close: () => {
      closed = true;
    },
    isClosed: () => closed,
    abandon: () => {
      for (const [call, answered] of answers) {
        answers.delete(call);
        answered({ type: "refused", refusal: "unknown-outcome" });
      }
      for (const [call, counted] of counts) {
        counts.delete(call);
        counted(null);
      }
    },
  };
}
