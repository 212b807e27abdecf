// What follows a decision. Regions that have not answered yet are told all the same, so that none of them goes on with what is over;
// and what was accepted somewhere but cannot be known to be granted is taken back, under the very ballot it was proposed with: a
// higher one would stand above what a majority may have accepted in between.

import type { Ballot, FreeValue } from "../ballots.ts";
import type { Instant } from "../scalars.ts";
import { after, millis } from "../scalars.ts";
import { inquire } from "./asking.ts";
import type { Attempt, Effects, Inquiry, RegionState } from "./state.ts";

/** For how long regions that do not answer are told what has been decided. */
const trailingMs = millis(10_000);

/** Goes on telling those that have not answered. */
export function trail(state: RegionState, inquiry: Inquiry, from: Instant): Effects {
  if (state.others.every((region) => inquiry.answered.has(region))) {
    state.awaited.delete(inquiry.ask);
    return [];
  }
  state.awaited.set(inquiry.ask, { type: "trailing" });
  state.trailing.set(inquiry.ask, { inquiry, until: after(from, trailingMs) });
  return [];
}

/**
 * Takes back what a majority has refused, so that whoever has accepted it holds nobody else up. It never was granted, and says so by
 * the request's own name: the request may still be granted.
 */
export function takeBack(state: RegionState, attempt: Attempt, now: Instant): Effects {
  const { tried, ballot, errand, isFinishing } = attempt;
  if (tried?.type !== "grant" || ballot === null || errand.claim.type !== "acquire" || isFinishing) return [];
  return free(state, attempt.lock, { ballot, token: tried.token, requestId: tried.requestId }, now);
}

function free(
  state: RegionState,
  lock: string,
  { ballot, token, requestId }: { readonly ballot: Ballot } & Pick<FreeValue, "token" | "requestId">,
  now: Instant,
): Effects {
  const value = { type: "free", token, how: "released", requestId } as const;
  const question = { type: "accept", lock, ballot, value, requestId: null } as const;
  const { inquiry, effects } = inquire(state, { question, awaited: { type: "trailing" }, own: true }, now);
  return [...effects, ...trail(state, inquiry, now)];
}

/** Takes a grant back that may have been accepted somewhere. A release is not taken back: it may have been done. */
export function abandon(state: RegionState, attempt: Attempt, now: Instant): Effects {
  const { phase, lock, tried, ballot } = attempt;
  if (phase.type !== "backoff") state.awaited.delete("ask" in phase ? phase.ask : phase.inquiry.ask);
  state.known.delete(lock);
  // After a new ballot has been begun, the one before is not this proposer's to end any more.
  if (phase.type !== "accept" || tried?.type !== "grant" || ballot === null) return [];
  // What was found and finished may have been told to somebody who counts on it.
  if (attempt.errand.claim.type !== "acquire" || attempt.isFinishing) return [];
  state.counts.abandoned += 1;
  return free(state, lock, { ballot, token: tried.token, requestId: null }, now);
}
