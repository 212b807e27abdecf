// Where regions differ about what a lease holds: a grant that did not reach one of them, an end that did not, a lease that one has
// lost. All are asked what it holds there; every lock at odds is settled by a ballot of its own, and a lease that holds nothing
// is brought back where it is missing. Nothing is decided here: acceptors do.

import type { LeaseTerms, Reply } from "../ballots.ts";
import { isMajority } from "../electorate.ts";
import { after, between, type FencingToken, type Instant, type LeaseId, millis, type RegionId } from "../scalars.ts";
import { coming, inquire } from "./asking.ts";
import { enqueue } from "./proposer.ts";
import type { Effects, RegionState, Repair } from "./state.ts";
import { trail } from "./taking-back.ts";

/** The most locks settled at once; the next renewal finds what is left. */
const settlesMax = 256;
const repairMs = millis(5_000);

export function beginRepair(state: RegionState, lease: LeaseId, now: Instant): Effects {
  if (state.repairs.has(lease)) return [];
  const question = { type: "holdings", lease } as const;
  const { inquiry, effects } = inquire(state, { question, awaited: { type: "repair", lease }, own: true }, now);
  state.repairs.set(lease, { lease, inquiry, holdings: new Map() });
  state.counts.repairs += 1;
  return effects;
}

/** Waits for all regions that can be reached: what a minority holds may be held by a majority together with those that are lost. */
export function onHoldings(
  state: RegionState,
  { lease, from, reply }: { readonly lease: LeaseId; readonly from: RegionId; readonly reply: Reply },
  now: Instant,
): Effects {
  const repair = state.repairs.get(lease);
  if (repair === undefined || reply.type !== "holdings") return [];
  repair.inquiry.answered.add(from);
  const locks = new Map(reply.locks.map(({ lock, token }) => [lock, token]));
  repair.holdings.set(from, { lease: reply.lease, locks });
  return repairWhenHeard(state, repair, now);
}

function repairWhenHeard(state: RegionState, repair: Repair, now: Instant): Effects {
  const { inquiry, holdings } = repair;
  const { length: regions } = state.regions;
  const isWhole = holdings.size === regions;
  if (!isWhole && coming(state, inquiry, now, holdings.has(state.region)) > 0) return [];
  if (!isMajority(holdings.size, regions)) return [];
  // Where some are missing, only a lease that all the others hold is known to be alive.
  if (!isWhole && [...holdings.values()].some(({ lease }) => lease === null)) return [];
  closeRepair(state, repair);
  return [...bringBack(state, repair, now), ...settleAll(state, repair, now)];
}

function closeRepair(state: RegionState, { lease, inquiry }: Repair): void {
  state.repairs.delete(lease);
  state.awaited.delete(inquiry.ask);
}

function bringBack(state: RegionState, { holdings }: Repair, now: Instant): Effects {
  if (holdings.size < state.regions.length) return [];
  const all = [...holdings.values()];
  const terms: LeaseTerms | null = all.find((each) => each.lease !== null)?.lease ?? null;
  const live = all.filter((each) => each.lease !== null).length;
  // Only a lease that a majority holds: what a minority holds is about to end there as well.
  if (terms === null || live === all.length || live * 2 <= all.length) return [];
  if (all.some(({ locks }) => locks.size > 0)) return [];
  const question = { type: "keepLease", lease: terms } as const;
  const { inquiry, effects } = inquire(state, { question, awaited: { type: "trailing" }, own: true }, now);
  return [...effects, ...trail(state, inquiry, now)];
}

function settleAll(state: RegionState, { holdings }: Repair, now: Instant): Effects {
  const all = [...holdings.values()];
  const known = new Map<string, Set<FencingToken>>();
  for (const { locks } of all) {
    for (const [lock, token] of locks) known.set(lock, (known.get(lock) ?? new Set()).add(token));
  }
  const effects: Effects = [];
  let settles = 0;
  for (const [lock, tokens] of known) {
    const isSame = tokens.size === 1 && all.every(({ locks }) => locks.has(lock));
    if (isSame || state.locks.has(lock) || settles >= settlesMax) continue;
    for (const token of tokens) {
      settles += 1;
      const errand = { claim: { type: "settle", token }, task: null, deadline: after(now, repairMs) } as const;
      effects.push(...enqueue(state, lock, errand, now));
    }
  }
  return effects;
}

/** Goes on without those that do not answer, and gives up what takes too long. */
export function goOnRepairing(state: RegionState, now: Instant): Effects {
  const effects: Effects = [];
  for (const repair of [...state.repairs.values()]) {
    if (between(repair.inquiry.sentAt, now) > repairMs) closeRepair(state, repair);
    else effects.push(...repairWhenHeard(state, repair, now));
  }
  return effects;
}
