// Looks at the lock table, and what they show, ↔ bytes. The field comments of proto/lockmgr/log/v1/view.proto say what the bytes
// mean.

import type {
  DelayView,
  GrantView,
  LeaseView,
  LockView,
  Look,
  Obstacle,
  Party,
  WaitEdge,
  WaiterView,
} from "../actors/operations.ts";
import type { LeaseId } from "../actors/scalars.ts";
import { fencingToken, requestId } from "../actors/scalars.ts";
import {
  demandsFromWire,
  demandsToWire,
  endingFromWire,
  endingToWire,
  grantTermsFromWire,
  grantTermsToWire,
  holderFromWire,
  holderToWire,
} from "./codec-grant.ts";
import {
  fromWire,
  optionalFromWire,
  optionalSpanFromWire,
  optionalToWire,
  present,
  spanFromWire,
  toWire,
  unknownKind,
} from "./codec-wire.ts";
import type * as wire from "./generated/lockmgr/log/v1/view.ts";

function lookCase(look: Look): NonNullable<wire.Look["look"]> {
  switch (look.type) {
    case "inspect":
      return { $case: "inspect", value: look.lock };
    case "list": {
      const { prefix, owner, lease, grantedBefore, after, limit } = look;
      const value = {
        prefix,
        owner,
        lease: optionalToWire(lease),
        grantedBeforeMs: optionalToWire(grantedBefore),
        after,
        limit: toWire(limit),
      };
      return { $case: "list", value };
    }
    case "waiters":
      return {
        $case: "waiters",
        value: { lock: look.lock, after: toWire(look.after), limit: toWire(look.limit) },
      };
    case "leases":
      return {
        $case: "leases",
        value: { owner: look.owner, after: toWire(look.after), limit: toWire(look.limit) },
      };
    case "waits":
      return { $case: "waits", value: toWire(look.limit) };
  }
}

export const lookToWire = (look: Look): wire.Look => ({
  look: lookCase(look),
  token: look.type === "inspect" ? optionalToWire(look.token) : undefined,
});

export function lookFromWire({ look, token }: wire.Look): Look {
  if (look === undefined) return unknownKind("look");
  switch (look.$case) {
    case "inspect":
      return { type: "inspect", lock: look.value, token: token === undefined ? null : fencingToken(fromWire(token)) };
    case "list": {
      const { prefix, owner, lease, grantedBeforeMs, after, limit } = look.value;
      return {
        type: "list",
        prefix,
        owner,
        lease: optionalFromWire<LeaseId>(lease) ?? null,
        grantedBefore: optionalFromWire(grantedBeforeMs) ?? null,
        after,
        limit: fromWire(limit),
      };
    }
    case "waiters":
      return {
        type: "waiters",
        lock: look.value.lock,
        after: fromWire(look.value.after),
        limit: fromWire(look.value.limit),
      };
    case "leases":
      return {
        type: "leases",
        owner: look.value.owner,
        after: fromWire(look.value.after),
        limit: fromWire(look.value.limit),
      };
    case "waits":
      return { type: "waits", limit: fromWire(look.value) };
  }
}

const grantViewToWire = (grant: GrantView): wire.GrantView => ({
  holder: holderToWire(grant),
  terms: grantTermsToWire(grant),
});

const grantViewFromWire = ({ holder, terms }: wire.GrantView): GrantView => ({
  ...holderFromWire(present(holder, "the holder of a grant")),
  ...grantTermsFromWire(present(terms, "the terms of a grant")),
});

const delayViewToWire = ({ token, owner, how, delay, remaining }: DelayView): wire.DelayView => ({
  token: toWire(token),
  owner,
  how: endingToWire(how),
  delayMs: toWire(delay),
  remainingMs: remaining,
});

const delayViewFromWire = ({ token, owner, how, delayMs, remainingMs }: wire.DelayView): DelayView => ({
  token: fromWire(token),
  owner,
  how: endingFromWire(how),
  delay: fromWire(delayMs),
  remaining: spanFromWire(remainingMs),
});

export const lockViewToWire = ({ lock, grants, delays, queue }: LockView): wire.LockView => ({
  lock,
  grants: grants.map(grantViewToWire),
  delays: delays.map(delayViewToWire),
  queue: toWire(queue),
});

export const lockViewFromWire = ({ lock, grants, delays, queue }: wire.LockView): LockView => ({
  lock,
  grants: grants.map(grantViewFromWire),
  delays: delays.map(delayViewFromWire),
  queue: fromWire(queue),
});

export const waiterViewToWire = (waiter: WaiterView): wire.WaiterView => ({
  requestId: waiter.requestId,
  owner: waiter.owner,
  lease: toWire(waiter.lease),
  context: waiter.context,
  demands: demandsToWire(waiter.demands),
  priority: toWire(waiter.priority),
  metadata: waiter.metadata,
  askedAtMs: toWire(waiter.askedAt),
  position: toWire(waiter.position),
  estimateMs: waiter.estimate ?? undefined,
});

export const waiterViewFromWire = (waiter: wire.WaiterView): WaiterView => ({
  requestId: requestId(waiter.requestId),
  owner: waiter.owner,
  lease: fromWire(waiter.lease),
  context: waiter.context,
  demands: demandsFromWire(waiter.demands),
  priority: fromWire(waiter.priority),
  metadata: waiter.metadata,
  askedAt: fromWire(waiter.askedAtMs),
  position: fromWire(waiter.position),
  estimate: optionalSpanFromWire(waiter.estimateMs) ?? null,
});

export const leaseViewToWire = (view: LeaseView): wire.LeaseView => ({
  lease: toWire(view.lease),
  owner: view.owner,
  ttlMs: toWire(view.ttl),
  remainingMs: view.remaining,
  metadata: view.metadata,
  locks: toWire(view.locks),
  waiting: toWire(view.waiting),
});

export const leaseViewFromWire = (view: wire.LeaseView): LeaseView => ({
  lease: fromWire(view.lease),
  owner: view.owner,
  ttl: fromWire(view.ttlMs),
  remaining: spanFromWire(view.remainingMs),
  metadata: view.metadata,
  locks: fromWire(view.locks),
  waiting: fromWire(view.waiting),
});

const partyToWire = ({ lease, context, owner }: Party): wire.Party => ({ lease: toWire(lease), context, owner });

function partyFromWire(party: wire.Party | undefined): Party {
  const { lease, context, owner } = present(party, "somebody of the wait-for graph");
  return { lease: fromWire(lease), context, owner };
}

export const waitEdgeToWire = ({ waiter, lock, blocker, isHolder }: WaitEdge): wire.WaitEdge => ({
  waiter: partyToWire(waiter),
  lock,
  blocker: partyToWire(blocker),
  isHolder,
});

export const waitEdgeFromWire = ({ waiter, lock, blocker, isHolder }: wire.WaitEdge): WaitEdge => ({
  waiter: partyFromWire(waiter),
  lock,
  blocker: partyFromWire(blocker),
  isHolder,
});

export const obstacleToWire = (obstacle: Obstacle): wire.Obstacle => ({
  lock: obstacle.lock,
  holder: obstacle.holder === null ? undefined : holderToWire(obstacle.holder),
  metadata: obstacle.metadata,
  delayedMs: obstacle.delayed ?? undefined,
  delayedBy: optionalToWire(obstacle.delayedBy),
  queue: toWire(obstacle.queue),
});

export function obstacleFromWire(obstacle: wire.Obstacle | undefined): Obstacle {
  const { lock, holder, metadata, delayedMs, delayedBy, queue } = present(obstacle, "what is in the way");
  return {
    lock,
    holder: holder === undefined ? null : holderFromWire(holder),
    metadata,
    delayed: optionalSpanFromWire(delayedMs) ?? null,
    delayedBy: optionalFromWire(delayedBy) ?? null,
    queue: fromWire(queue),
  };
}
