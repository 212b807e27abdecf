// What this proposer knows of clients' leases: when a majority of regions last held one because of a question of its own. For a
// lease's span from then on no majority can have expired it, so a grant for it needs no second look.

import { majority } from "../electorate.ts";
import { after, between, type Instant, type LeaseId, type Millis, millis, type RegionId } from "../scalars.ts";
import { type LeaseStanding, patience, type RegionState } from "./state.ts";

/** How long a denial waits for the second, at least. No lease is shorter: meanwhile nobody can have been brought one and have seen it end
 *  again. Only where regions are so far apart that two questions take longer is more allowed. */
const denialMsMin = millis(1_000);

function standingOf(state: RegionState, lease: LeaseId): LeaseStanding {
  let standing = state.leases.get(lease);
  if (standing === undefined) {
    standing = { confirmedAt: null, renewalSentAt: null, ttl: millis(0), differences: 0, denial: null };
    state.leases.set(lease, standing);
  }
  return standing;
}

/** A question that was sent at `at` has been answered by a majority that holds the lease. */
export function confirmLease(
  state: RegionState,
  { lease, ttl, at }: { readonly lease: LeaseId; readonly ttl: Millis; readonly at: Instant },
): void {
  const standing = standingOf(state, lease);
  standing.ttl = ttl;
  standing.denial = null;
  if (standing.confirmedAt === null || at > standing.confirmedAt) standing.confirmedAt = at;
}

export function noteRenewalSent(state: RegionState, lease: LeaseId, now: Instant): void {
  standingOf(state, lease).renewalSentAt = now;
}

export const wasRenewedSince = (state: RegionState, lease: LeaseId, moment: Instant): boolean =>
  (state.leases.get(lease)?.renewalSentAt ?? Number.NEGATIVE_INFINITY) >= moment;

/** Whether `ttl` is surely not over since `from`, by this machine's clock, which may be slow. */
export function isWithin(
  { clockRateErrorMax, clockAllowanceMs }: RegionState,
  { ttl, from, now }: { readonly ttl: Millis; readonly from: Instant; readonly now: Instant },
): boolean {
  return now < after(from, millis(ttl * (1 - clockRateErrorMax) - clockAllowanceMs));
}

export function isSurelyLive(state: RegionState, lease: LeaseId, now: Instant): boolean {
  const standing = state.leases.get(lease);
  if (standing?.confirmedAt == null) return false;
  return isWithin(state, { ttl: standing.ttl, from: standing.confirmedAt, now });
}

/**
 * Whether a lease has ended, of which these regions say that they do not hold it, in answer to a question put at `since`. They have
 * spoken at different moments, and one of them may have been brought the lease meanwhile, while another saw it end.
 * So the same regions must say it twice, to two questions of which the second was put when the first had been
 * answered: then there was a moment between at which none of them held it, and without them no majority does.
 */
export function isDeniedTwice(
  state: RegionState,
  lease: LeaseId,
  { regions, since, now }: { readonly regions: readonly RegionId[]; readonly since: Instant; readonly now: Instant },
): boolean {
  const standing = standingOf(state, lease);
  const before = standing.denial;
  const isFresh = before !== null && between(before.at, now) <= Math.max(denialMsMin, 4 * patience(state));
  // Of two that overlap the first stands, for the next to be held against.
  if (isFresh && before.at > since) return false;
  const same = isFresh ? regions.filter((region) => before.regions.has(region)) : [];
  if (same.length > state.regions.length - majority(state.regions.length)) return true;
  standing.denial = { regions: new Set(regions), at: now };
  return false;
}

/** Counts how often in a row the regions have differed about a lease. */
export function noteDifference(state: RegionState, lease: LeaseId, differs: boolean): number {
  const standing = standingOf(state, lease);
  standing.differences = differs ? standing.differences + 1 : 0;
  return standing.differences;
}

/** Forgets leases of which nothing has been heard for twice their span. */
export function dropOldStandings(state: RegionState, now: Instant): void {
  for (const [lease, { confirmedAt, renewalSentAt, denial, ttl }] of state.leases) {
    const last = Math.max(...[confirmedAt, renewalSentAt, denial?.at].map((at) => at ?? Number.NEGATIVE_INFINITY));
    if (last + 2 * ttl + 600_000 < now) state.leases.delete(lease);
  }
}
