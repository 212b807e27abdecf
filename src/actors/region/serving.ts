// For proposers elsewhere: their questions are put to this region's own log, leases and reads, and the answers sent back. A node
// that does not lead says so and does nothing.

import type { AskId, Question, RemoteNode, RenewalResult, Reply } from "../ballots.ts";
import type { Instant, RequestId } from "../scalars.ts";
import { askHere, tell } from "./asking.ts";
import type { Effects, RegionState } from "./state.ts";
import { wakeSoon } from "./waiting.ts";

/** A question that came before and is not answered yet is answered once. */
export function serve(state: RegionState, from: RemoteNode, ask: AskId, question: Question): Effects {
  if (!state.leading) return [tell(state, from, { type: "leads", leads: null })];
  const isUnderWay = state.served.has(ask);
  state.served.set(ask, from);
  if (question.type === "accept" && question.value.type === "free") state.freeing.set(ask, question.lock);
  return isUnderWay ? [] : askHere(state, ask, question);
}

/** Sends an answer to the proposer whom it is for; null if it is for this one. */
export function passOn(state: RegionState, ask: AskId, reply: Reply, now: Instant): Effects | null {
  const to = state.served.get(ask);
  if (to === undefined) return null;
  state.served.delete(ask);
  const freed = state.freeing.get(ask);
  // Whoever waits here hears of a release elsewhere in this way.
  if (freed !== undefined) wakeSoon(state.locks.get(freed), now);
  state.freeing.delete(ask);
  return [tell(state, to, { type: "reply", ask, reply })];
}

type HereRenewed = RenewalResult & { readonly requestId: RequestId };

/** The lease actor answers leases one by one; those that it answers together travel together. */
export function groupRenewals(state: RegionState, results: readonly HereRenewed[]): Map<AskId, RenewalResult[]> {
  const groups = new Map<AskId, RenewalResult[]>();
  for (const { requestId, ...result } of results) {
    const ask = state.servedRenewals.get(requestId);
    if (ask === undefined) continue;
    state.servedRenewals.delete(requestId);
    state.renewalsOpen.set(ask, (state.renewalsOpen.get(ask) ?? 1) - 1);
    const group = groups.get(ask);
    if (group === undefined) groups.set(ask, [result]);
    else group.push(result);
  }
  return groups;
}

/** Some of a message's leases have been answered here; the rest follows. Null if it is this proposer's own message. */
export function passRenewals(state: RegionState, ask: AskId, results: readonly RenewalResult[]): Effects | null {
  const isDone = (state.renewalsOpen.get(ask) ?? 0) <= 0;
  if (isDone) state.renewalsOpen.delete(ask);
  const to = state.served.get(ask);
  if (to === undefined) return null;
  if (isDone) state.served.delete(ask);
  return [tell(state, to, { type: "reply", ask, reply: { type: "renewals", results } })];
}
