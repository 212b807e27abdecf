// Matching answers to those who want them: outcomes from the lock and lease actors, answers from the leader's gateway, and
// refusals at the end of a deadline. An answer to a request that nobody wants any more is ignored.
//
// A sending to this node's own actors is answered once. That may be with `queued`; then one answer more comes when the waiting
// ends, whether or not the request was sent again meanwhile. It comes on another arrow than `queued` may, and can overtake it.
// So where it is open which sending an answer is for, an early one is taken, and whoever came later is asked for again.

import { send } from "../actor.ts";
import { addDeadline, takeOverdue } from "../deadlines.ts";
import type { CallId, RequestAnswer, SendingReply } from "../messages.ts";
import type { Answer, Refusal } from "../operations.ts";
import type { Instant, NodeId } from "../scalars.ts";
import { isWrite } from "./kinds.ts";
import {
  type Caller,
  countPlaces,
  earliestDeadline,
  expectOutdated,
  type GatewayEffect,
  type GatewayState,
  giveUp,
  isPeer,
  type Pending,
  recount,
  remove,
} from "./state.ts";
import { betOnResending } from "./waiting.ts";

type Queued = Extract<Answer, { type: "queued" }>;

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
  if (given.answer.type === "queued") return answerQueued(state, outgoing, { pending, queued: given.answer, sending });
  const answered = sending ?? ownSending(pending);
  if (sending !== null && sending >= pending.lastSending) pending.unanswered = [];
  const late: Caller[] = [];
  for (const caller of pending.callers) {
    if (caller.since > answered) late.push(caller);
    else tell(state, outgoing, caller, doubting(given, pending));
  }
  pending.callers = late;
  if (late.length === 0) {
    remove(state, pending);
    if (pending.sentTo === state.nodeId && pending.unanswered.length > 0) {
      expectOutdated(state, pending.requestId, pending.outdated + pending.unanswered.length);
    }
    return null;
  }
  if (pending.waits) {
    pending.waits = false;
    recount(state, pending, late.length);
  }
  pending.proposed = false;
  pending.sentTo = null;
  return pending;
}

/** Which sending an answer of this node's own actors, and not `queued`, is for. 0: for one that was given up. */
function ownSending(pending: Pending): number {
  if (pending.outdated > 0) {
    pending.outdated -= 1;
    return 0;
  }
  // The end of the waiting owes nothing to what was sent since: that has an answer of its own.
  return pending.waits ? pending.queuedBy : (pending.unanswered.shift() ?? pending.lastSending);
}

/**
 * The request waits. Whoever it was sent for is told, once, and stays for the answer. Whoever came later is to be told soon: the
 * request is returned, to be sent again, unless that has been done and is not answered yet.
 */
function answerQueued(
  state: GatewayState,
  outgoing: Outgoing,
  { pending, queued, sending }: { pending: Pending; queued: Queued; sending: number | null },
): Pending | null {
  const answered = sending ?? pending.unanswered.shift() ?? pending.lastSending;
  const isOfLast = sending !== null && sending >= pending.lastSending;
  if (isOfLast) pending.unanswered = [];
  if (sending === null || isOfLast) state.askedAnew.delete(pending.requestId);
  // Earlier sendings that were given up have been told the same, or will be told of the end after whoever waits now.
  if (sending === null) pending.outdated = 0;
  if (pending.callers.length === 0) {
    pending.waits = true;
    giveUp(state, pending);
    return null;
  }
  // A late answer of another node that is for nobody here may be of an earlier request of the same id.
  if (sending === null || isOfLast || pending.callers.some(({ since }) => since <= answered)) {
    const wasWaiting = pending.waits;
    pending.waits = true;
    if (isOfLast) pending.proposed = true;
    pending.queuedBy = Math.max(pending.queuedBy, answered);
    for (const caller of pending.callers) {
      if (!caller.told && caller.since <= answered) tellWaiting(outgoing, { pending, caller, queued });
    }
    recount(state, pending, untold(pending));
    if (!wasWaiting) betOnResending(state, pending);
  }
  if (untold(pending) === 0 || pending.unanswered.length > 0) return null;
  pending.sentTo = null;
  return pending;
}

const untold = ({ callers }: Pending): number => callers.filter(({ told }) => !told).length;

/** A node that is told under a later sending than before needs no answer to the earlier one. */
function tellWaiting(
  outgoing: Outgoing,
  { pending, caller, queued }: { pending: Pending; caller: Caller; queued: Queued },
): void {
  const { from } = caller;
  if ("call" in from) {
    outgoing.effects.push(send("clients", { type: "waiting", call: from.call, answer: queued }));
  } else {
    reply(outgoing, from.node, { requestId: pending.requestId, answer: queued, sending: from.sending });
    pending.callers = pending.callers.filter((other) => !other.told || !isPeer(other, from.node));
  }
  caller.told = true;
}

/** Whether an answer of another node settles the request. An outcome always does. A refusal says that *this* sending did
 *  nothing; an earlier one may have, so a write is then tried on until its deadline. */
export function settles({ answer, sending }: SendingReply, pending: Pending | undefined, from: NodeId): boolean {
  if (answer.type !== "refused" || pending === undefined) return true;
  if (pending.waits) return false;
  const isLast = pending.sentTo === from && pending.lastSending === sending;
  return isLast && (pending.sendings === 1 || !isWrite(pending.operation));
}

/** Refuses whoever has had as much patience as he would. A node that waits is not told: it keeps the same deadline itself. */
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
    else {
      countPlaces(state, pending);
      addDeadline(state.deadlines, overdue, earliestDeadline(pending));
    }
  }
}
