// What this proposer knows of clients' leases: when a majority of regions last held one because of a question of its own. For a
// lease's span from then on no majority can have expired it, so a grant for it needs no second look.

import { after, type Instant, type LeaseId, type Millis, millis } from "../scalars.ts";
import type { LeaseStanding, RegionState } from "./state.ts";

function standingOf(state: RegionState, lease: LeaseId): LeaseStanding {
  let standing = state.leases.get(lease);
  if (standing === undefined) {
    standing = { confirmedAt: null, renewalSentAt: null, ttl: millis(0), differences: 0 };
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

/** Counts how often in a row the regions have differed about a lease. */
export function noteDifference(state: RegionState, lease: LeaseId, differs: boolean): number {
  const standing = standingOf(state, lease);
  standing.differences = differs ? standing.differences + 1 : 0;
  return standing.differences;
}

/** Forgets leases of which nothing has been heard for twice their span. */
export function dropOldStandings(state: RegionState, now: Instant): void {
  for (const [lease, { confirmedAt, renewalSentAt, ttl }] of state.leases) {
    const last = Math.max(confirmedAt ?? Number.NEGATIVE_INFINITY, renewalSentAt ?? Number.NEGATIVE_INFINITY);
    if (last + 2 * ttl + 600_000 < now) state.leases.delete(lease);
  }
}
