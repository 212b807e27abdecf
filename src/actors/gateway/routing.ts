// Where requests go: to the actors of this node while it leads, to the leader's gateway while another node does, nowhere
// while no leader is known. Only what waits here is forwarded: what another node's gateway sent is never sent on, so there
// are no chains and no loops. What is sent twice is done once, because the lock table knows a request by its id.

import { send, setTimer } from "../actor.ts";
import { noDeadlines } from "../deadlines.ts";
import type { Command, ForwardedRequest, GatewayToLease, Query } from "../messages.ts";
import type { Write } from "../operations.ts";
import { after, between, type Instant, type LogIndex, type NodeId } from "../scalars.ts";
import { answer, lettersOf, nothingOutgoing, refused } from "./answering.ts";
import { beginsSomething, isWrite } from "./kinds.ts";
import { type GatewayEffect, type GatewayState, giveUp, type Pending } from "./state.ts";
import { betOnAll, betOnResending, resendTimer, takeSlice } from "./waiting.ts";

/** Sends those of `requests` that are to be sent and can be. */
export function route(state: GatewayState, requests: Iterable<Pending>, now: Instant): GatewayEffect[] {
  const { leader } = state.standing;
  if (leader === null) return [];
  if (leader === state.nodeId) return routeHere(state, requests, now);
  return forward(state, leader, requests, now);
}

/**
 * Sends everything that is unanswered, wherever it was sent before: what waits in queues a few at a time. What nobody wants any more
 * is not sent again.
 */
export function routeAnew(state: GatewayState, now: Instant): GatewayEffect[] {
  state.askedAnew.clear();
  for (const pending of state.pending.values()) {
    pending.sentTo = null;
    pending.proposed = false;
    if (pending.callers.length === 0) giveUp(state, pending);
    pending.unanswered = [];
  }
  return routeAll(state, now);
}

/** Sends everything that is to be sent. */
export function routeAll(state: GatewayState, now: Instant): GatewayEffect[] {
  state.resends = noDeadlines();
  if (state.standing.leader === null) return [];
  betOnAll(state);
  return [...route(state, pressing(state), now), ...resendSlice(state, now)];
}

/** What does not wait in queues. */
function* pressing(state: GatewayState): Iterable<Pending> {
  for (const pending of state.pending.values()) if (!pending.waits) yield pending;
}

/** Sends again what waits, as far as it is due. */
export function resend(state: GatewayState, now: Instant): GatewayEffect[] {
  state.resendAt = null;
  return resendSlice(state, now);
}

function resendSlice(state: GatewayState, now: Instant): GatewayEffect[] {
  const slice = takeSlice(state, now);
  return [...(slice.size === 0 ? [] : route(state, slice, now)), ...resendTimer(state, now)];
}

/** Asks for whoever came to a request that waits and was not told so, unless somebody is being asked for already. */
export function askForNewcomers(state: GatewayState, requests: readonly Pending[], now: Instant): GatewayEffect[] {
  const unasked = requests.filter(({ waits, unanswered }) => waits && unanswered.length === 0);
  if (unasked.length === 0) return [];
  for (const pending of unasked) pending.sentTo = null;
  return [...route(state, unasked, now), ...resendTimer(state, now)];
}

function routeHere(state: GatewayState, requests: Iterable<Pending>, now: Instant): GatewayEffect[] {
  if (state.isRegional) return routeToRegions(state, requests, now);
  const outgoing = nothingOutgoing();
  const commands: Command[] = [];
  const queries: Query[] = [];
  const renewals: GatewayToLease["renewals"][number][] = [];
  for (const pending of requests) {
    if (pending.sentTo !== null) continue;
    const { requestId, operation } = pending;
    switch (operation.type) {
      case "check":
        queries.push({ type: "check", requestId, lock: operation.lock });
        break;
      case "renewLease":
        renewals.push({ requestId, lease: operation.lease });
        break;
      case "inspect":
      case "list":
      case "waiters":
      case "leases":
      case "waits":
        queries.push({ type: "look", requestId, look: operation });
        break;
      default:
        // Refused only if nothing can have been done: else it may be the repeat of what was begun while there was room.
        if (state.scarce && beginsSomething(operation) && pending.sendings === 0) {
          answer(state, outgoing, { requestId, answer: refused("disk-full") }, Number.POSITIVE_INFINITY);
          continue;
        }
        commands.push(writeCommand(state, pending, operation));
        break;
    }
    noteSending(state, pending, state.nodeId, now);
  }
  const effects = lettersOf(outgoing);
  if (commands.length > 0) effects.push(send("raft", { type: "propose", commands }));
  if (queries.length > 0) effects.push(send("raft", { type: "read", queries }));
  if (renewals.length > 0) effects.push(send("lease", { type: "renew", renewals }), ...retryTimer(state));
  return effects;
}

/** All of them, reads and renewals too, are for the proposer of this region, who knows a request by its id. */
function routeToRegions(state: GatewayState, requests: Iterable<Pending>, now: Instant): GatewayEffect[] {
  const outgoing = nothingOutgoing();
  const asked: ForwardedRequest[] = [];
  let isPressing = false;
  for (const pending of requests) {
    if (pending.sentTo !== null) continue;
    const { requestId, operation } = pending;
    if (state.scarce && beginsSomething(operation) && pending.sendings === 0) {
      answer(state, outgoing, { requestId, answer: refused("disk-full") }, Number.POSITIVE_INFINITY);
      continue;
    }
    const budget = between(now, pending.until);
    if (budget <= 0) continue;
    // The proposer knows a request that it is dealing with: sent again, it is the same sending.
    if (isReminder(pending)) {
      pending.sentTo = state.nodeId;
      pending.sentAt = now;
    } else noteSending(state, pending, state.nodeId, now);
    pending.proposed = true;
    if (pending.waits) betOnResending(state, pending);
    else isPressing = true;
    const { lastSending: sending } = pending;
    asked.push({ requestId, bornAt: birth(state, pending), operation, bytes: bytesOf(pending), budget, sending });
  }
  const effects = lettersOf(outgoing);
  if (asked.length > 0) effects.push(send("region", { type: "requests", requests: asked }));
  if (isPressing) effects.push(...retryTimer(state));
  return effects;
}

function forward(state: GatewayState, leader: NodeId, requests: Iterable<Pending>, now: Instant): GatewayEffect[] {
  const reachable = state.links.get(leader)?.up === true;
  const forwarded: ForwardedRequest[] = [];
  let isPressing = false;
  for (const pending of requests) {
    if (pending.sentTo !== null) continue;
    // The node that sent it learns of the leader itself, and sends it there.
    pending.callers = pending.callers.filter(({ from }) => "call" in from);
    if (pending.callers.length === 0) {
      giveUp(state, pending);
      continue;
    }
    const budget = between(now, pending.until);
    if (!reachable || budget <= 0) continue;
    const { requestId, operation } = pending;
    if (isReminder(pending)) noteReminder(pending, leader, now);
    else noteSending(state, pending, leader, now);
    if (pending.waits) betOnResending(state, pending);
    else isPressing = true;
    const { lastSending: sending } = pending;
    forwarded.push({ requestId, bornAt: birth(state, pending), operation, bytes: bytesOf(pending), budget, sending });
  }
  if (forwarded.length === 0) return [];
  return [
    send("peers", { type: "forward", to: leader, requests: forwarded }),
    ...(isPressing ? retryTimer(state) : []),
  ];
}

/** Whether nobody would learn anything new if it were sent again: a leader with whom it waits knows it, and so does the proposer. */
const isReminder = ({ proposed, waits, callers }: Pending): boolean =>
  proposed && (!waits || callers.every(({ told }) => told));

/** While it waits nothing of it counts as under way; it is as large as ever. */
const bytesOf = ({ bytes, size }: Pending): number => Math.max(bytes, size);

/**
 * When a request was born: what is committed before it is first sent cannot be of its doing. `bornAt` must not be above that, or
 * a repeat that comes after its outcome was forgotten could be done again; the lower it is, the sooner a request is taken for
 * such a repeat. Raft names a leader only together with how far that has committed, so it is never far too low.
 */
function birth(state: GatewayState, pending: Pending): LogIndex {
  pending.bornAt ??= state.committed;
  return pending.bornAt;
}

const writeCommand = (state: GatewayState, pending: Pending, write: Write): Command => ({
  type: "write",
  requestId: pending.requestId,
  bornAt: birth(state, pending),
  write,
});

function noteSending(state: GatewayState, pending: Pending, to: NodeId, now: Instant): void {
  state.sent += 1;
  pending.lastSending = state.sent;
  if (isWrite(pending.operation)) {
    if (to === state.nodeId) pending.unanswered.push(state.sent);
    else pending.unanswered = [state.sent];
  }
  noteReminder(pending, to, now);
}

function noteReminder(pending: Pending, to: NodeId, now: Instant): void {
  pending.sendings += 1;
  pending.sentTo = to;
  pending.sentAt = now;
}

/** Whether a request is sent again if it stays unanswered. What raft was given never is: raft says when it drops it. A renewal
 *  is, because the lease actor may learn a little later than the gateway that this node leads; so may the region actor. */
const isRetried = (state: GatewayState, { sentTo, operation }: Pending): boolean =>
  sentTo !== null && (sentTo !== state.nodeId || state.isRegional || operation.type === "renewLease");

/** Sets the timer for what has just been sent, unless it is set already. */
function retryTimer(state: GatewayState): GatewayEffect[] {
  if (state.retrying) return [];
  state.retrying = true;
  return [setTimer("retry", state.retryMs)];
}

/** Sends again what has stayed unanswered for `retryMs`: the leader may have dropped it, or its answer was lost. */
export function retry(state: GatewayState, now: Instant): GatewayEffect[] {
  state.retrying = false;
  let next: Instant | null = null;
  for (const pending of pressing(state)) {
    if (!isRetried(state, pending) || pending.callers.length === 0) continue;
    const at = after(pending.sentAt, state.retryMs);
    if (at <= now) pending.sentTo = null;
    else if (next === null || at < next) next = at;
  }
  if (next === null) return route(state, pressing(state), now);
  state.retrying = true;
  return [setTimer("retry", between(now, next)), ...route(state, pressing(state), now)];
}
