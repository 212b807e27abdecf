// Questions of the program's beside its own locks: asked for as long as a call may take, answered once.

import type { CallNumber, ErrorData, FromThread, Question, Setting } from "../letters.ts";
import { failureFrom, refusalFrom } from "./failures.ts";
import { answerOf, isRead, messageOf } from "./questions.ts";
import type { CallHandle, Session } from "./session.ts";

export interface Questioning {
  readonly ask: (call: CallNumber, question: Question) => void;
  readonly forget: (call: CallNumber) => void;
}

export function newQuestioning(
  setting: Setting,
  session: Session,
  { requestId, post }: { readonly requestId: () => string; readonly post: (letter: FromThread) => void },
): Questioning {
  const handles = new Map<CallNumber, CallHandle>();
  return {
    ask: (call, question) => {
      const handle = session.call(messageOf(question, requestId(), setting.owner), {
        budgetMs: setting.requestTimeoutMs,
        onHeard: (heard) => {
          if (heard.$case === "queued" || heard.$case === "events") return;
          handles.delete(call);
          const answer = answerOf(heard);
          const result = heard.$case === "acquired" ? heard.value.result : undefined;
          if (answer !== undefined) post({ type: "answered", call, answer });
          else if (result !== undefined && result.$case !== "granted") {
            post({ type: "failed", call, error: refusalFrom(result, "lock" in question ? question.lock : "the lock") });
          } else {
            post({ type: "failed", call, error: { code: "INTERNAL", message: "the answer is of an unknown kind" } });
          }
        },
        onError: (error, wasSaid) => {
          handles.delete(call);
          post({ type: "failed", call, error: ofQuestion(question, failureFrom(error), wasSaid) });
        },
      });
      handles.set(call, handle);
    },
    forget: (call) => {
      handles.get(call)?.forget();
      handles.delete(call);
    },
  };
}

/** A change that was said may have been done, whatever kept its answer away; a question changes nothing. A lease that has ended is
 *  not there to be ended. */
function ofQuestion(question: Question, failure: ErrorData, wasSaid: boolean): ErrorData {
  const { code, details } = failure;
  if (isRead(question)) return code === "UNKNOWN_OUTCOME" ? { ...failure, code: "NO_QUORUM" } : failure;
  if (question.type === "revokeLease" && details?.serviceReason === "lease-ended")
    return { ...failure, code: "NOT_FOUND" };
  const isOpen = wasSaid && (code === "UNREACHABLE" || code === "NO_QUORUM");
  return isOpen ? { ...failure, code: "UNKNOWN_OUTCOME" } : failure;
}
