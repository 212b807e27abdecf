// Matching answers to those who wait for them: outcomes from the lock and lease actors, answers from the leader's gateway,
// and refusals at the end of a deadline. An answer to a request that nobody waits for any more is ignored.

import { send } from "../actor.ts";
import { addDeadline, takeOverdue } from "../deadlines.ts";
import type { CallId, RequestAnswer, SendingReply } from "../messages.ts";
import type { Answer, Refusal } from "../operations.ts";
import type { Instant, NodeId } from "../scalars.ts";
import {
  type Caller,
  earliestDeadline,
  type GatewayEffect,
  type GatewayState,
  giveUp,
  isWrite,
  type Pending,
  remove,
} from "./state.ts";

export const refused = (refusal: Refusal): Answer => ({ type: "refused", refusal });

/** Refuses a call that was not admitted. */
export function refuseCall(state: GatewayState, call: CallId, refusal: Refusal): GatewayEffect {
  state.refused[refusal] += 1;
  return send("clients", { type: "answered", call, answer: refused(refusal) });
}

/** Refuses a request of another node that was not admitted. */
export function refusePeer(state: GatewayState, refusal: Refusal): Answer {
  state.refused[refusal] += 1;
  return refused(refusal);
}

/** Answers on their way out: one letter per call, one letter per node. */
export interface Outgoing {
  readonly effects: GatewayEffect[];
  readonly replies: Map<NodeId, SendingReply[]>;
}

export const nothingOutgoing = (): Outgoing => ({ effects: [], replies: new Map() });

/** All letters of `outgoing`, calls first. */
export function lettersOf({ effects, replies }: Outgoing): GatewayEffect[] {
  for (const [to, answers] of replies) effects.push(send("peers", { type: "reply", to, answers }));
  return effects;
}

/** Puts an answer for `node` among those that leave together. */
export function reply({ replies }: Outgoing, node: NodeId, answer: SendingReply): void {
  const answers = replies.get(node);
  if (answers === undefined) replies.set(node, [answer]);
  else answers.push(answer);
}

function tell(state: GatewayState, outgoing: Outgoing, caller: Caller, { requestId, answer }: RequestAnswer): void {
  if (answer.type === "refused") state.refused[answer.refusal] += 1;
  else state.answered += 1;
  if ("node" in caller.from) {
    reply(outgoing, caller.from.node, { requestId, answer, sending: caller.from.sending });
  } else {
    const { call } = caller.from;
    state.calls.delete(call);
    outgoing.effects.push(send("clients", { type: "answered", call, answer }));
  }
}

/** That this proposer has granted nothing says nothing of an earlier one that had the request. */
function doubting(given: RequestAnswer, { sendings, operation }: Pending): RequestAnswer {
  const { answer, requestId } = given;
  const isDoubtful = answer.type === "refused" && answer.refusal === "no-quorum" && sendings > 1 && isWrite(operation);
  return isDoubtful ? { requestId, answer: refused("unknown-outcome") } : given;
}

/**
 * Gives an answer to everybody whom it is for. Returns the request if somebody came after that was sent which is answered: it is to
 * be sent again for them, and the lock table will count the repeat as a renewal. `sending` is null if this node's own actors
 * answer: then it is the last, unless somebody gave up waiting for an earlier answer that has not come yet.
 */
export function answer(
  state: GatewayState,
  outgoing: Outgoing,
  given: RequestAnswer,
  sending: number | null = null,
): Pending | null {
  const pending = state.pending.get(given.requestId);
  if (pending === undefined) return null;
  const isOutdated = sending === null && pending.outdated > 0;
  if (isOutdated) pending.outdated -= 1;
  if (sending === null) pending.proposed = false;
  const answered = isOutdated ? 0 : (sending ?? pending.lastSending);
  const late: Caller[] = [];
  for (const caller of pending.callers) {
    if (caller.since > answered) late.push(caller);
    else tell(state, outgoing, caller, doubting(given, pending));
  }
  pending.callers = late;
  if (late.length === 0) {
    remove(state, pending);
    return null;
  }
  pending.sentTo = null;
  return pending;
}

/** Whether an answer of another node settles the request. An outcome always does. A refusal says that *this* sending did
 *  nothing; an earlier one may have, so a write is then tried on until its deadline. */
export function settles({ answer, sending }: SendingReply, pending: Pending | undefined, from: NodeId): boolean {
  if (answer.type !== "refused" || pending === undefined) return true;
  const isLast = pending.sentTo === from && pending.lastSending === sending;
  return isLast && (pending.sendings === 1 || !isWrite(pending.operation));
}

/** Refuses whoever has waited as long as he would. A node that waits is not told: it keeps the same deadline itself. */
export function answerOverdue(state: GatewayState, now: Instant): GatewayEffect[] {
  const outgoing = nothingOutgoing();
  for (;;) {
    const overdue = takeOverdue(state.deadlines, now, (requestId) => {
      const pending = state.pending.get(requestId);
      return pending === undefined ? null : earliestDeadline(pending);
    });
    if (overdue === null) return lettersOf(outgoing);
    const pending = state.pending.get(overdue) as Pending;
    const answer = refused(pending.sendings === 0 ? "no-leader" : "unknown-outcome");
    for (const caller of pending.callers) {
      if (caller.deadline <= now && "call" in caller.from) {
        tell(state, outgoing, caller, { requestId: overdue, answer });
      }
    }
    pending.callers = pending.callers.filter(({ deadline }) => deadline > now);
    if (pending.callers.length === 0) giveUp(state, pending);
    else addDeadline(state.deadlines, overdue, earliestDeadline(pending));
  }
}
