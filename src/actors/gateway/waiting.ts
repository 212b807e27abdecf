// When requests that wait in the table's queues are sent again. They may wait for hours, and there may be very many, so another node
// that leads is askedAnew of them only now and then, and a new leader is sent them a few at a time.

import { setTimer } from "../actor.ts";
import { addDeadline, nextDeadline, noDeadlines, takeOverdue } from "../deadlines.ts";
import { after, between, type Instant, type Millis, millis } from "../scalars.ts";
import type { GatewayEffect, GatewayState, Pending } from "./state.ts";

/** What waits is sent again so many times less often than what is unanswered. */
const patience = 10;
/** The most waiting requests that are sent in one go, and how soon the next may be. */
const sliceMax = 256;
const sliceMs: Millis = millis(10);
/** So many may be unanswered that a leader does not know yet: it is not buried under all that waits, however slow it is. */
const askedAnewMax = 256;

/** When a waiting request is to be sent again; null if it is not, because this node's raft has it. The region actor is askedAnew like
 *  another node: it may learn a little later than the gateway that this node leads. */
function resendAt(state: GatewayState, pending: Pending): Instant | null {
  if (!pending.waits || (pending.sentTo === state.nodeId && !state.isRegional)) return null;
  if (pending.sentTo === null) return pending.sentAt;
  const retries = pending.unanswered.length > 0 ? 1 : patience;
  return after(pending.sentAt, millis(retries * state.retryMs));
}

/** Places a bet on when `pending` is to be sent again. All are placed anew when most are on what has been answered. */
export function betOnResending(state: GatewayState, pending: Pending): void {
  if (state.resends.heap.length > 2 * state.waiting + 1024) {
    betOnAll(state);
    return;
  }
  const at = resendAt(state, pending);
  if (at !== null) addDeadline(state.resends, pending.requestId, at);
}

export function betOnAll(state: GatewayState): void {
  state.resends = noDeadlines();
  for (const pending of state.pending.values()) {
    const at = resendAt(state, pending);
    if (at !== null) addDeadline(state.resends, pending.requestId, at);
  }
}

/** Takes what is to be sent now, as far as there is room for it, each once however many bets there are on it. */
export function takeSlice(state: GatewayState, now: Instant): Set<Pending> {
  const slice = new Set<Pending>();
  forgetUnanswered(state, now);
  const trueMoment = (requestId: Pending["requestId"]): Instant | null => {
    const pending = state.pending.get(requestId);
    return pending === undefined ? null : resendAt(state, pending);
  };
  while (slice.size < sliceMax) {
    const requestId = takeOverdue(state.resends, now, trueMoment);
    const pending = requestId === null ? undefined : state.pending.get(requestId);
    if (pending === undefined) break;
    // Whom a leader knows it is only reminded of, and does not answer.
    if (!pending.proposed) {
      if (state.askedAnew.size >= askedAnewMax && !state.askedAnew.has(pending.requestId)) {
        addDeadline(state.resends, pending.requestId, now);
        break;
      }
      state.askedAnew.set(pending.requestId, now);
    }
    pending.sentTo = null;
    slice.add(pending);
  }
  return slice;
}

/** What is not answered for long was lost, and holds nobody else up. */
function forgetUnanswered({ askedAnew, retryMs }: GatewayState, now: Instant): void {
  if (askedAnew.size < askedAnewMax) return;
  for (const [requestId, at] of askedAnew) if (after(at, retryMs) <= now) askedAnew.delete(requestId);
}

/** Sets the timer for the next slice, unless it runs out early enough as it is. */
export function resendTimer(state: GatewayState, now: Instant): GatewayEffect[] {
  const next = nextDeadline(state.resends);
  if (next === null) return [];
  const span = millis(Math.max(between(now, next), sliceMs));
  const at = after(now, span);
  if (state.resendAt !== null && state.resendAt <= at) return [];
  state.resendAt = at;
  return [setTimer("resend", span)];
}
