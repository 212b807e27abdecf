// Records of the lock table, as they stand in a slice of a snapshot, ↔ bytes. The field comments of proto/lockmgr/snapshot/v1 say
// what the bytes mean.

import type {
  DelayRecord,
  EndedGrant,
  LeaseRecord,
  LockRecord,
  RememberedOutcome,
  WaiterRecord,
} from "../actors/records.ts";
import { requestId } from "../actors/scalars.ts";
import {
  demandsFromWire,
  demandsToWire,
  endingFromWire,
  endingToWire,
  grantTermsFromWire,
  grantTermsToWire,
  modeFromWire,
  modeToWire,
} from "./codec-grant.ts";
import { outcomeFromWire, outcomeToWire } from "./codec-outcome.ts";
import { fromWire, present, toWire } from "./codec-wire.ts";
import type * as wire from "./generated/lockmgr/snapshot/v1/snapshot.ts";

export const leaseToWire = ({ id, owner, ttl, renewals, metadata }: LeaseRecord): wire.LeaseRecord => ({
  id: toWire(id),
  owner,
  ttlMs: toWire(ttl),
  renewals: toWire(renewals),
  metadata: metadata ?? "",
});

export const leaseFromWire = ({ id, owner, ttlMs, renewals, metadata }: wire.LeaseRecord): LeaseRecord => ({
  id: fromWire(id),
  owner,
  ttl: fromWire(ttlMs),
  renewals: fromWire(renewals),
  ...(metadata !== "" && { metadata }),
});

export const lockToWire = (record: LockRecord): wire.LockRecord => ({
  lock: record.lock,
  owner: record.owner,
  lease: toWire(record.lease),
  token: toWire(record.token),
  grantedAtMs: toWire(record.grantedAt),
  requestId: record.requestId,
  terms: record.terms === undefined ? undefined : grantTermsToWire(record.terms),
});

export const lockFromWire = (record: wire.LockRecord): LockRecord => ({
  lock: record.lock,
  owner: record.owner,
  lease: fromWire(record.lease),
  token: fromWire(record.token),
  grantedAt: fromWire(record.grantedAtMs),
  requestId: requestId(record.requestId),
  ...(record.terms !== undefined && { terms: grantTermsFromWire(record.terms) }),
});

export const rememberedToWire = (remembered: RememberedOutcome): wire.RememberedOutcome => ({
  requestId: remembered.requestId,
  index: toWire(remembered.index),
  outcome: outcomeToWire(remembered.outcome),
});

export const rememberedFromWire = (remembered: wire.RememberedOutcome): RememberedOutcome => ({
  requestId: requestId(remembered.requestId),
  index: fromWire(remembered.index),
  outcome: outcomeFromWire(present(remembered.outcome, "an outcome")),
});

export const endedToWire = (grant: EndedGrant): wire.EndedGrantRecord => ({
  lock: grant.lock,
  owner: grant.owner,
  lease: toWire(grant.lease),
  token: toWire(grant.token),
  how: endingToWire(grant.how),
  index: toWire(grant.index),
});

export const endedFromWire = (grant: wire.EndedGrantRecord): EndedGrant => ({
  lock: grant.lock,
  owner: grant.owner,
  lease: fromWire(grant.lease),
  token: fromWire(grant.token),
  how: endingFromWire(grant.how),
  index: fromWire(grant.index),
});

export const waiterToWire = (waiter: WaiterRecord): wire.WaiterRecord => ({
  requestId: waiter.requestId,
  owner: waiter.owner,
  lease: toWire(waiter.lease),
  context: waiter.context,
  demands: demandsToWire(waiter.demands),
  waitMs: toWire(waiter.wait),
  priority: toWire(waiter.priority),
  delayMs: toWire(waiter.delay),
  metadata: waiter.metadata,
  askedAtMs: toWire(waiter.askedAt),
  index: toWire(waiter.index),
});

export const waiterFromWire = (waiter: wire.WaiterRecord): WaiterRecord => ({
  requestId: requestId(waiter.requestId),
  owner: waiter.owner,
  lease: fromWire(waiter.lease),
  context: waiter.context,
  demands: demandsFromWire(waiter.demands),
  wait: fromWire(waiter.waitMs),
  priority: fromWire(waiter.priority),
  delay: fromWire(waiter.delayMs),
  metadata: waiter.metadata,
  askedAt: fromWire(waiter.askedAtMs),
  index: fromWire(waiter.index),
});

export const delayToWire = (record: DelayRecord): wire.DelayRecord => ({
  lock: record.lock,
  token: toWire(record.token),
  owner: record.owner,
  lease: toWire(record.lease),
  mode: modeToWire(record.mode),
  permits: toWire(record.permits),
  limit: toWire(record.limit),
  delayMs: toWire(record.delay),
  how: endingToWire(record.how),
});

export const delayFromWire = (record: wire.DelayRecord): DelayRecord => ({
  lock: record.lock,
  token: fromWire(record.token),
  owner: record.owner,
  lease: fromWire(record.lease),
  mode: modeFromWire(record.mode),
  permits: fromWire(record.permits),
  limit: fromWire(record.limit),
  delay: fromWire(record.delayMs),
  how: endingFromWire(record.how),
});
