// The gateway: the one door through which requests enter a node. It decides which are admitted, under which id and for how
// long they are tried, where they go, and to whom an answer belongs. It never decides what comes of a request.
//
// Invariants: every admitted call is answered exactly once or was cancelled; what is under way and what waits is bounded in number
// and bytes; a request that another node sent is never sent on.

import { type Behaviour, type Inbox, send, setTimer } from "../actor.ts";
import { nextDeadline } from "../deadlines.ts";
import type {
  CallId,
  ClientsToGateway,
  ForwardedRequest,
  PeersToGateway,
  RaftToGateway,
  RequestAnswer,
  SendingReply,
} from "../messages.ts";
import { after, between, type Instant, type LogIndex, type Millis, millis, type NodeId } from "../scalars.ts";
import {
  answer,
  answerOverdue,
  lettersOf,
  nothingOutgoing,
  type Outgoing,
  refuseCall,
  refusePeer,
  reply,
  settles,
} from "./answering.ts";
import { beginsSomething, isSameOperation, isWrite } from "./kinds.ts";
import { askForNewcomers, resend, retry, route, routeAll, routeAnew } from "./routing.ts";
import { tellStanding } from "./standing.ts";
import {
  admit,
  countPlaces,
  type GatewayEffect,
  type GatewayState,
  giveUp,
  hasRoom,
  isBefore,
  isPeer,
  join,
  ownRequestId,
  type Pending,
  remove,
  start,
  waitUntil,
} from "./state.ts";
import { resendTimer } from "./waiting.ts";
import { cancelWatch, onWatch, onWatched } from "./watching.ts";

/** Deadlines are looked at no more often than this, however many there are. */
const deadlineStepMs: Millis = millis(10);

function receive(state: GatewayState, message: Inbox<"gateway">, now: Instant): GatewayEffect[] {
  switch (message.type) {
    case "request":
      return onRequest(state, message, now);
    case "count":
      return [send("lock", { type: "count", call: message.call })];
    case "watch":
      return onWatch(state, message);
    case "watched":
    case "watchGone":
      return onWatched(state, message);
    case "cancelled":
      return cancelWatch(state, message.call) ?? onCancelled(state, message.call);
    case "standing":
      return onStanding(state, message, now);
    case "answers":
      return onAnswers(state, message, now);
    case "counted":
      return [send("clients", { type: "counted", call: message.call, counts: message.counts })];
    case "forwarded":
      return onForwarded(state, message.from, message.requests, now);
    case "replied":
      return onReplied(state, message.from, message.answers, now);
    case "link":
      return onLink(state, message, now);
    case "room":
      state.scarce = message.scarce;
      return [];
    case "drain":
      state.draining = true;
      return [];
    case "timeout":
      return onTimeout(state, message.timer, now);
  }
}

function onTimeout(state: GatewayState, timer: "deadline" | "retry" | "resend", now: Instant): GatewayEffect[] {
  switch (timer) {
    case "deadline":
      return onDeadline(state, now);
    case "retry":
      return retry(state, now);
    case "resend":
      return resend(state, now);
  }
}

function onRequest(
  state: GatewayState,
  request: Extract<ClientsToGateway, { type: "request" }>,
  now: Instant,
): GatewayEffect[] {
  const { call, operation, bytes } = request;
  if (state.draining) return [refuseCall(state, call, "stopping")];
  if (!hasRoom(state, bytes, operation)) return [refuseCall(state, call, "overloaded")];
  const caller = { from: { call }, deadline: after(now, request.budget) };

  // A read or a renewal is always its own: the answer to an earlier one would be older than this call. A write under an id
  // that stands for another one is no repeat either; it is done once, under an id of its own.
  let requestId = isWrite(operation) ? request.requestId : null;
  const known = requestId === null ? undefined : state.pending.get(requestId);
  if (known !== undefined) {
    if (isSameOperation(known.operation, operation)) {
      join(state, known, caller, bytes);
      return [...deadlineTimer(state, now), ...askForNewcomers(state, [known], now)];
    }
    requestId = null;
  }
  if (state.scarce && state.standing.leader === state.nodeId && beginsSomething(operation)) {
    return [refuseCall(state, call, "disk-full")];
  }
  const born = { requestId: requestId ?? ownRequestId(state), operation, bytes, bornAt: null };
  const pending = admit(state, born, caller, now);
  return [...deadlineTimer(state, now), ...route(state, [pending], now)];
}

/** The client is gone. What a leader may be doing for it still counts as under way; what nobody has begun is forgotten, and so is what
 *  only waits: the lock table goes on with it, and tells whoever asks again. */
function onCancelled(state: GatewayState, call: CallId): GatewayEffect[] {
  const requestId = state.calls.get(call);
  if (requestId === undefined) return [];
  state.calls.delete(call);
  const pending = state.pending.get(requestId);
  if (pending === undefined) return [];
  pending.callers = pending.callers.filter(({ from }) => !("call" in from) || from.call !== call);
  const isBegun = pending.sendings > 0 && isWrite(pending.operation);
  if (pending.callers.length > 0) countPlaces(state, pending);
  else if (pending.waits) giveUp(state, pending);
  else if (!isBegun) remove(state, pending);
  return [];
}

function onStanding(state: GatewayState, message: RaftToGateway, now: Instant): GatewayEffect[] {
  const { role, term, leader } = message;
  const { standing } = state;
  const isNews = role !== standing.role || term !== standing.term || leader !== standing.leader;
  state.standing = { role, term, leader };
  learnCommitted(state, message.committed);
  return isNews ? [...tellStanding(state), ...routeAnew(state, now)] : [];
}

/** From the lock actor, with how far the log is applied, or from the lease actor. */
function onAnswers(
  state: GatewayState,
  message: { readonly answers: readonly RequestAnswer[]; readonly applied?: LogIndex },
  now: Instant,
): GatewayEffect[] {
  if (message.applied !== undefined) learnCommitted(state, message.applied);
  return giveAnswers(state, message.answers, now);
}

function learnCommitted(state: GatewayState, index: LogIndex): void {
  if (index > state.committed) state.committed = index;
}

function giveAnswers(state: GatewayState, answers: readonly RequestAnswer[], now: Instant): GatewayEffect[] {
  const outgoing = nothingOutgoing();
  const again = answers.map((given) => answer(state, outgoing, given));
  return sendAgain(state, outgoing, again, now);
}

/** Answers go out, and what some still wait for goes on its way once more. */
function sendAgain(
  state: GatewayState,
  outgoing: Outgoing,
  requests: readonly (Pending | null)[],
  now: Instant,
): GatewayEffect[] {
  const again = requests.filter((pending) => pending !== null);
  const effects = lettersOf(outgoing);
  if (again.length > 0) effects.push(...route(state, again, now));
  effects.push(...resendTimer(state, now));
  return effects;
}

/**
 * Requests of another node that takes this one for the leader. If another node leads they are dropped: the sender will learn
 * who leads, or try again. While no leader is known they are held, for that may soon be this node. They are taken while this
 * node drains as well, for as long as it leads.
 */
function onForwarded(
  state: GatewayState,
  from: NodeId,
  requests: readonly ForwardedRequest[],
  now: Instant,
): GatewayEffect[] {
  const { leader } = state.standing;
  if (leader !== null && leader !== state.nodeId) return [];
  const refusals = nothingOutgoing();
  const admitted: Pending[] = [];
  const joined: Pending[] = [];
  for (const request of requests) {
    const { requestId, operation, bytes, sending } = request;
    const deadline = after(now, request.budget);
    const known = state.pending.get(requestId);
    if (known !== undefined) {
      if (joinFromPeer(state, known, { from, request, deadline })) joined.push(known);
    } else if (hasRoom(state, bytes, operation)) {
      const born = { requestId, operation, bytes, bornAt: request.bornAt };
      admitted.push(admit(state, born, { from: { node: from, sending }, deadline }, now));
    } else {
      reply(refusals, from, { requestId, answer: refusePeer(state, "overloaded"), sending });
    }
  }
  return [
    ...deadlineTimer(state, now),
    ...lettersOf(refusals),
    ...route(state, admitted, now),
    ...askForNewcomers(state, joined, now),
  ];
}

/**
 * A request that is under way here comes from another node as well, or once more. It gets the answer if it is the same; what
 * cannot join now comes again. A node that was told that the request waits reminds of it under the sending that it was told under;
 * a later one is for somebody whom it must tell. Returns whether somebody joined.
 */
function joinFromPeer(
  state: GatewayState,
  pending: Pending,
  { from, request, deadline }: { from: NodeId; request: ForwardedRequest; deadline: Instant },
): boolean {
  const { operation, bytes, sending } = request;
  if (!isSameOperation(pending.operation, operation)) return false;
  if (pending.bornAt === null || request.bornAt < pending.bornAt) pending.bornAt = request.bornAt;
  const wanting = pending.callers.find(
    (caller) => isPeer(caller, from) && (!caller.told || !isBefore(caller, sending)),
  );
  if (wanting === undefined) {
    if (!hasRoom(state, bytes, operation)) return false;
    join(state, pending, { from: { node: from, sending }, deadline }, bytes);
    return true;
  }
  if (deadline > wanting.deadline) {
    wanting.deadline = deadline;
    waitUntil(state, pending, deadline);
  }
  return false;
}

function onReplied(state: GatewayState, from: NodeId, answers: readonly SendingReply[], now: Instant): GatewayEffect[] {
  const settling = answers.filter((given) => settles(given, state.pending.get(given.requestId), from));
  const outgoing = nothingOutgoing();
  const again = settling.map((given) => answer(state, outgoing, given, given.sending));
  return sendAgain(state, outgoing, again, now);
}

/** What was on its way to the leader when the connection broke is sent again when it is back. */
function onLink(
  state: GatewayState,
  { node, clientAddress }: Extract<PeersToGateway, { type: "link" }>,
  now: Instant,
): GatewayEffect[] {
  const known = state.links.get(node);
  if (clientAddress !== null) state.links.set(node, { clientAddress, up: true });
  else if (known !== undefined) state.links.set(node, { clientAddress: known.clientAddress, up: false });
  for (const pending of state.pending.values()) if (pending.sentTo === node) pending.sentTo = null;
  const effects = tellStanding(state);
  if (clientAddress === null || node !== state.standing.leader) return effects;
  return [...effects, ...routeAll(state, now)];
}

function onDeadline(state: GatewayState, now: Instant): GatewayEffect[] {
  state.deadlineAt = null;
  const effects = answerOverdue(state, now);
  return [...effects, ...deadlineTimer(state, now)];
}

/** Sets the one timer for all deadlines, unless it runs out early enough as it is. */
function deadlineTimer(state: GatewayState, now: Instant): GatewayEffect[] {
  const next = nextDeadline(state.deadlines);
  if (next === null) return [];
  const span = millis(Math.max(between(now, next), deadlineStepMs));
  const at = after(now, span);
  if (state.deadlineAt !== null && state.deadlineAt <= at) return [];
  state.deadlineAt = at;
  return [setTimer("deadline", span)];
}

/** Admission, deadlines and forwarding. */
export const gateway: Behaviour<"gateway", GatewayState> = {
  start,
  receive,
  inspect: (state) => ({
    inflight: state.inflight,
    inflightBytes: state.inflightBytes,
    waiting: state.waiting,
    waitingBytes: state.waitingBytes,
    watches: state.watches.size,
    requestsAnswered: state.answered,
    refusedNoLeader: state.refused["no-leader"],
    refusedUnknownOutcome: state.refused["unknown-outcome"],
    refusedOverloaded: state.refused.overloaded,
    refusedDiskFull: state.refused["disk-full"],
    refusedNoQuorum: state.refused["no-quorum"],
    refusedStopping: state.refused.stopping,
    refusedUnserved: state.refused.unserved,
    committed: state.committed,
  }),
};
