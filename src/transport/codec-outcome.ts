// Outcomes ↔ bytes: they travel to the node that forwarded a request, and stand in snapshots.

import type { Ending, Holder, Outcome } from "../actors/operations.ts";
import { fromWire, spanFromWire, toWire, unknownKind } from "./codec-wire.ts";
import * as wire from "./generated/lockmgr/log/v1/outcome.ts";

const endings = {
  released: wire.Ending.ENDING_RELEASED,
  expired: wire.Ending.ENDING_EXPIRED,
} as const satisfies Record<Ending, wire.Ending>;

export const endingToWire = (how: Ending): wire.Ending => endings[how];

export function endingFromWire(how: wire.Ending): Ending {
  if (how === wire.Ending.ENDING_RELEASED) return "released";
  if (how === wire.Ending.ENDING_EXPIRED) return "expired";
  return unknownKind("ending of a grant");
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

const leaseSpan = ({ lease, ttl }: { lease: number; ttl: number }): wire.LeaseSpan => ({
  lease: toWire(lease),
  ttlMs: toWire(ttl),
});

type WireOutcome = NonNullable<wire.Outcome["outcome"]>;

function caseOf(outcome: Outcome): WireOutcome {
  switch (outcome.type) {
    case "leaseOpened":
    case "leaseRenewed":
      return { $case: outcome.type, value: leaseSpan(outcome) };
    case "granted": {
      const { lease, token, ttl } = outcome;
      return { $case: "granted", value: { lease: toWire(lease), token: toWire(token), ttlMs: toWire(ttl) } };
    }
    case "released":
      return { $case: "released", value: toWire(outcome.token) };
    case "grantOver":
      return { $case: "grantOver", value: { token: toWire(outcome.token), how: endingToWire(outcome.how) } };
    case "leaseUnknown":
    case "leaseEnded":
      return { $case: outcome.type, value: toWire(outcome.lease) };
    case "leaseOfAnother":
      return { $case: "leaseOfAnother", value: outcome.owner };
    case "locked":
    case "held":
    case "staleToken":
    case "heldByAnotherLease":
    case "heldByAnotherOwner":
      return { $case: outcome.type, value: holderToWire(outcome.holder) };
    case "free":
    case "notHeld":
    case "grantExpired":
    case "forgotten":
      return { $case: outcome.type, value: {} };
  }
}

export const outcomeToWire = (outcome: Outcome): wire.Outcome => ({ outcome: caseOf(outcome) });

export function outcomeFromWire({ outcome }: wire.Outcome): Outcome {
  if (outcome === undefined) return unknownKind("outcome");
  switch (outcome.$case) {
    case "leaseOpened":
    case "leaseRenewed":
      return { type: outcome.$case, lease: fromWire(outcome.value.lease), ttl: fromWire(outcome.value.ttlMs) };
    case "granted": {
      const { lease, token, ttlMs } = outcome.value;
      return { type: "granted", lease: fromWire(lease), token: fromWire(token), ttl: fromWire(ttlMs) };
    }
    case "released":
      return { type: "released", token: fromWire(outcome.value) };
    case "grantOver":
      return { type: "grantOver", token: fromWire(outcome.value.token), how: endingFromWire(outcome.value.how) };
    case "leaseUnknown":
    case "leaseEnded":
      return { type: outcome.$case, lease: fromWire(outcome.value) };
    case "leaseOfAnother":
      return { type: "leaseOfAnother", owner: outcome.value };
    case "locked":
    case "held":
    case "staleToken":
    case "heldByAnotherLease":
    case "heldByAnotherOwner":
      return { type: outcome.$case, holder: holderFromWire(outcome.value) };
    case "free":
    case "notHeld":
    case "grantExpired":
    case "forgotten":
      return { type: outcome.$case };
  }
}
