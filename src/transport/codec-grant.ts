// How locks are asked for and held ↔ bytes: the words that the log, outcomes, views and snapshots share.

import type { Demand, Ending, Holder, Mode, Yielding } from "../actors/operations.ts";
import type { GrantTerms } from "../actors/records.ts";
import { fromWire, MalformedError, spanFromWire, toWire, unknownKind } from "./codec-wire.ts";
import * as wire from "./generated/lockmgr/log/v1/grant.ts";

const endings = {
  released: wire.Ending.ENDING_RELEASED,
  expired: wire.Ending.ENDING_EXPIRED,
  revoked: wire.Ending.ENDING_REVOKED,
  forced: wire.Ending.ENDING_FORCED,
} as const satisfies Record<Ending, wire.Ending>;

export const endingToWire = (how: Ending): wire.Ending => endings[how];

export function endingFromWire(how: wire.Ending): Ending {
  switch (how) {
    case wire.Ending.ENDING_RELEASED:
      return "released";
    case wire.Ending.ENDING_EXPIRED:
      return "expired";
    case wire.Ending.ENDING_REVOKED:
      return "revoked";
    case wire.Ending.ENDING_FORCED:
      return "forced";
    default:
      return unknownKind("ending of a grant");
  }
}

const modes = {
  exclusive: wire.Mode.MODE_EXCLUSIVE,
  shared: wire.Mode.MODE_SHARED,
  semaphore: wire.Mode.MODE_SEMAPHORE,
} as const satisfies Record<Mode, wire.Mode>;

export const modeToWire = (mode: Mode): wire.Mode => modes[mode];

export function modeFromWire(mode: wire.Mode): Mode {
  switch (mode) {
    case wire.Mode.MODE_EXCLUSIVE:
      return "exclusive";
    case wire.Mode.MODE_SHARED:
      return "shared";
    case wire.Mode.MODE_SEMAPHORE:
      return "semaphore";
    default:
      return unknownKind("mode");
  }
}

export const demandsToWire = (demands: readonly Demand[]): wire.Demand[] =>
  demands.map(({ lock, mode, permits, limit }) => ({
    lock,
    mode: modeToWire(mode),
    permits: toWire(permits),
    limit: toWire(limit),
  }));

/** At least one, and no name twice: nothing else was ever a request. */
export function demandsFromWire(demands: readonly wire.Demand[]): Demand[] {
  if (demands.length === 0) throw new MalformedError("a request for no lock");
  if (demands.length > 1 && new Set(demands.map(({ lock }) => lock)).size < demands.length)
    throw new MalformedError("a request that names a lock twice");
  return demands.map(({ lock, mode, permits, limit }) => ({
    lock,
    mode: modeFromWire(mode),
    permits: fromWire(permits),
    limit: fromWire(limit),
  }));
}

export const holderToWire = (holder: Holder): wire.Holder => ({
  owner: holder.owner,
  lease: toWire(holder.lease),
  token: toWire(holder.token),
  ttlMs: toWire(holder.ttl),
  grantedAtMs: toWire(holder.grantedAt),
  remainingMs: holder.remaining,
});

export const holderFromWire = (holder: wire.Holder): Holder => ({
  owner: holder.owner,
  lease: fromWire(holder.lease),
  token: fromWire(holder.token),
  ttl: fromWire(holder.ttlMs),
  grantedAt: fromWire(holder.grantedAtMs),
  remaining: spanFromWire(holder.remainingMs),
});

const yieldingToWire = ({ reason, grace, force }: Yielding): wire.Yielding => ({
  reason,
  graceMs: toWire(grace),
  force,
});

const yieldingFromWire = ({ reason, graceMs, force }: wire.Yielding): Yielding => ({
  reason,
  grace: fromWire(graceMs),
  force,
});

export const grantTermsToWire = (terms: GrantTerms): wire.GrantTerms => ({
  mode: modeToWire(terms.mode),
  permits: toWire(terms.permits),
  limit: toWire(terms.limit),
  context: terms.context,
  delayMs: toWire(terms.delay),
  metadata: terms.metadata,
  yielding: terms.yielding === null ? undefined : yieldingToWire(terms.yielding),
});

export const grantTermsFromWire = (terms: wire.GrantTerms): GrantTerms => ({
  mode: modeFromWire(terms.mode),
  permits: fromWire(terms.permits),
  limit: fromWire(terms.limit),
  context: terms.context,
  delay: fromWire(terms.delayMs),
  metadata: terms.metadata,
  yielding: terms.yielding === undefined ? null : yieldingFromWire(terms.yielding),
});
