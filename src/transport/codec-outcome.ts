// Outcomes ↔ bytes: they travel to the node that forwarded a request, and stand in snapshots.

import type { Outcome } from "../actors/operations.ts";
import { endingFromWire, endingToWire, holderFromWire, holderToWire } from "./codec-grant.ts";
import {
  leaseViewFromWire,
  leaseViewToWire,
  lockViewFromWire,
  lockViewToWire,
  obstacleFromWire,
  obstacleToWire,
  waitEdgeFromWire,
  waitEdgeToWire,
  waiterViewFromWire,
  waiterViewToWire,
} from "./codec-view.ts";
import { fromWire, optionalFromWire, optionalToWire, toWire, unknownKind } from "./codec-wire.ts";
import type * as wire from "./generated/lockmgr/log/v1/outcome.ts";

const leaseSpan = ({ lease, ttl }: { lease: number; ttl: number }): wire.LeaseSpan => ({
  lease: toWire(lease),
  ttlMs: toWire(ttl),
});

type WireOutcome = NonNullable<wire.Outcome["outcome"]>;

/** Outcomes that tell what was seen. */
type Seen = Extract<Outcome, { type: `${string}Seen` }>;
type WireSeen = Extract<WireOutcome, { $case: Seen["type"] }>;

function seenToWire(outcome: Seen): WireSeen {
  switch (outcome.type) {
    case "lockSeen":
      return { $case: "lockSeen", value: lockViewToWire(outcome.lock) };
    case "locksSeen":
      return {
        $case: "locksSeen",
        value: { locks: outcome.locks.map(lockViewToWire), next: outcome.next ?? undefined },
      };
    case "waitersSeen":
      return {
        $case: "waitersSeen",
        value: { waiters: outcome.waiters.map(waiterViewToWire), total: toWire(outcome.total) },
      };
    case "leasesSeen":
      return {
        $case: "leasesSeen",
        value: { leases: outcome.leases.map(leaseViewToWire), next: optionalToWire(outcome.next) },
      };
    case "waitsSeen":
      return {
        $case: "waitsSeen",
        value: { waits: outcome.waits.map(waitEdgeToWire), isWhole: outcome.isWhole },
      };
  }
}

function seenFromWire(outcome: WireSeen): Seen {
  switch (outcome.$case) {
    case "lockSeen":
      return { type: "lockSeen", lock: lockViewFromWire(outcome.value) };
    case "locksSeen": {
      const { locks, next } = outcome.value;
      return { type: "locksSeen", locks: locks.map(lockViewFromWire), next: next ?? null };
    }
    case "waitersSeen": {
      const { waiters, total } = outcome.value;
      return { type: "waitersSeen", waiters: waiters.map(waiterViewFromWire), total: fromWire(total) };
    }
    case "leasesSeen": {
      const { leases, next } = outcome.value;
      return { type: "leasesSeen", leases: leases.map(leaseViewFromWire), next: optionalFromWire(next) ?? null };
    }
    case "waitsSeen": {
      const { waits, isWhole } = outcome.value;
      return { type: "waitsSeen", waits: waits.map(waitEdgeFromWire), isWhole };
    }
  }
}

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
    case "proclaimed":
      return { $case: outcome.type, value: toWire(outcome.token) };
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
    case "waitOver":
    case "requestCancelled":
      return { $case: outcome.type, value: {} };
    case "queued": {
      const { position, obstacle } = outcome;
      return { $case: "queued", value: { position: toWire(position), obstacle: obstacleToWire(obstacle) } };
    }
    case "busy":
      return { $case: "busy", value: obstacleToWire(outcome.obstacle) };
    case "deadlock":
      return { $case: "deadlock", value: { edges: outcome.cycle.map(waitEdgeToWire) } };
    case "limitDiffers":
      return { $case: "limitDiffers", value: { lock: outcome.lock, limit: toWire(outcome.limit) } };
    case "queueFull":
      return { $case: "queueFull", value: toWire(outcome.limit) };
    case "cancelled":
      return { $case: "cancelled", value: { token: optionalToWire(outcome.token) } };
    case "leaseClosed":
      return { $case: "leaseClosed", value: toWire(outcome.locks) };
    case "yieldAsked":
    case "forced":
      return { $case: outcome.type, value: { tokens: outcome.tokens.map(toWire) } };
    default:
      return seenToWire(outcome);
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
    case "proclaimed":
      return { type: outcome.$case, token: fromWire(outcome.value) };
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
    case "waitOver":
    case "requestCancelled":
      return { type: outcome.$case };
    case "queued": {
      const { position, obstacle } = outcome.value;
      return { type: "queued", position: fromWire(position), obstacle: obstacleFromWire(obstacle) };
    }
    case "busy":
      return { type: "busy", obstacle: obstacleFromWire(outcome.value) };
    case "deadlock":
      return { type: "deadlock", cycle: outcome.value.edges.map(waitEdgeFromWire) };
    case "limitDiffers":
      return { type: "limitDiffers", lock: outcome.value.lock, limit: fromWire(outcome.value.limit) };
    case "queueFull":
      return { type: "queueFull", limit: fromWire(outcome.value) };
    case "cancelled":
      return { type: "cancelled", token: optionalFromWire(outcome.value.token) ?? null };
    case "leaseClosed":
      return { type: "leaseClosed", locks: fromWire(outcome.value) };
    case "yieldAsked":
    case "forced":
      return { type: outcome.$case, tokens: outcome.value.tokens.map((token) => fromWire(token)) };
    default:
      return seenFromWire(outcome);
  }
}
