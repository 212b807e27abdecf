// Which operation a request of the native interface is. Every limit that its .proto file states is checked here, and where
// there are several regions, what they do not serve is refused here. Knows nothing of gRPC or HTTP.

import type { AcquireAll, Look, Operation, WatchWish } from "../../actors/operations.ts";
import { leaseId, millis, requestId as requestIdOf, type WallTime, wallTime } from "../../actors/scalars.ts";
import type * as asked from "../generated/lockmgr/v1/lock.ts";
import { type Demand, Mode } from "../generated/lockmgr/v1/types.ts";
import type { Settings } from "../settings.ts";
import type { Failure } from "../status.ts";
import { leaseNamed, leaseProblem, textProblem, tokenNamed } from "./fields.ts";
import * as fields from "./native-fields.ts";
import { nativeRequestId } from "./native-request-id.ts";

/** A request that goes no further. */
export type Fault = Failure & { readonly type: "fault" };

/** A request, understood. */
export type Asking = Operation | Fault;

export const invalidField = (message: string): Fault => ({ type: "fault", reason: "invalid", message });

export const unservedInRegions: Fault = {
  type: "fault",
  reason: "unserved",
  message: "not served where there are several regions",
};

/** Whether locks are made global between regions, which serve a part of the interface. */
export const hasRegions = ({ config }: Settings): boolean => config.cluster.regions.length > 1;

const { spanOf } = fields;

export function openLease(request: asked.OpenLeaseRequest, { leaseMsMax }: Settings): Asking {
  const { owner, ttlMs, metadata, requestId } = request;
  const problem =
    textProblem("owner", owner) ??
    fields.spanProblem("ttl_ms", ttlMs, { min: fields.leaseMsMin, max: leaseMsMax }) ??
    fields.metadataProblem("metadata", metadata) ??
    fields.requestIdProblem(requestId);
  if (problem !== null) return invalidField(problem);
  return { type: "openLease", owner, ttl: spanOf(ttlMs), ...(metadata === "" ? {} : { metadata }) };
}

export function renewLease({ leaseId }: asked.RenewLeaseRequest): Asking {
  const problem = leaseProblem("lease_id", leaseId);
  return problem === null ? { type: "renewLease", lease: leaseNamed(leaseId) } : invalidField(problem);
}

export function revokeLease({ leaseId, requestId }: asked.RevokeLeaseRequest): Asking {
  const problem = leaseProblem("lease_id", leaseId) ?? fields.requestIdProblem(requestId);
  return problem === null ? { type: "endLease", lease: fields.anyLeaseNamed(leaseId) } : invalidField(problem);
}

export function listLeases({ owner, pageSize, pageToken }: asked.ListLeasesRequest): Look | Fault {
  const after = fields.numberOfToken(pageToken);
  const limit = fields.pageSize(pageSize);
  const problem = fields.filterProblem("owner", owner) ?? firstProblem(limit, after);
  if (problem !== null) return invalidField(problem);
  return { type: "leases", owner, after: leaseId(Number(after)), limit: Number(limit) };
}

/** The first of these that is a sentence. */
const firstProblem = (...values: readonly (string | number | object | null)[]): string | null =>
  values.find((value): value is string => typeof value === "string") ?? null;

const modes: Readonly<Record<number, "exclusive" | "shared" | "semaphore">> = {
  [Mode.MODE_UNSPECIFIED]: "exclusive",
  [Mode.MODE_EXCLUSIVE]: "exclusive",
  [Mode.MODE_SHARED]: "shared",
  [Mode.MODE_SEMAPHORE]: "semaphore",
};

const wanted = ({ lock, mode, permits, limit }: Demand) => ({
  lock,
  mode: modes[mode] ?? "exclusive",
  permits: Math.max(1, permits),
  limit,
});

export function acquire(request: asked.AcquireRequest, arrivedAt: WallTime, settings: Settings): Asking {
  const { demands, owner, under, waitMs, priority, lockDelayMs, metadata, context } = request;
  const problem =
    fields.demandsProblem(demands) ??
    textProblem("owner", owner) ??
    underProblem(under, settings) ??
    fields.spanProblem("wait_ms", waitMs, { min: 0, max: fields.waitMsMax }) ??
    (under?.$case === "ttlMs" && waitMs > 0n
      ? `wait_ms is ${waitMs}; only a request under a lease can wait, with ttl_ms it must be 0`
      : null) ??
    fields.priorityProblem(priority) ??
    fields.spanProblem("lock_delay_ms", lockDelayMs, { min: 0, max: fields.lockDelayMsMax }) ??
    fields.metadataProblem("metadata", metadata) ??
    fields.contextProblem(context) ??
    fields.requestIdProblem(request.requestId);
  if (problem !== null) return invalidField(problem);
  const operation = {
    type: "acquireAll",
    demands: demands.map(wanted),
    owner,
    under: under?.$case === "leaseId" ? { lease: leaseNamed(under.value) } : { ttl: spanOf(under?.value ?? 0n) },
    context,
    wait: spanOf(waitMs),
    priority,
    delay: spanOf(lockDelayMs),
    metadata,
    askedAt: arrivedAt,
  } as const;
  return hasRegions(settings) ? acquireBetweenRegions(operation) : operation;
}

function underProblem(under: asked.AcquireRequest["under"], { lockMsMin, lockMsMax }: Settings): string | null {
  switch (under?.$case) {
    case undefined:
      return "lease_id or ttl_ms must be given";
    case "leaseId":
      return leaseProblem("lease_id", under.value);
    case "ttlMs":
      return fields.spanProblem("ttl_ms", under.value, { min: lockMsMin, max: lockMsMax });
  }
}

/** Regions agree on one lock at a time, held exclusively, of which nothing more is said. Nobody looks for cycles between them, so that
 *  a context says nothing there. */
function acquireBetweenRegions(operation: AcquireAll): Asking {
  const [demand] = operation.demands;
  if (demand === undefined || operation.demands.length > 1 || demand.mode !== "exclusive") return unservedInRegions;
  const given = (["metadata", "priority", "delay"] as const).find(
    (name) => operation[name] !== "" && operation[name] !== 0,
  );
  if (given === undefined) return operation;
  const field = given === "delay" ? "lock_delay_ms" : given;
  return { ...unservedInRegions, message: `${field} cannot be given where there are several regions` };
}

export function release(request: asked.ReleaseRequest, settings: Settings): Asking {
  const { leaseId, token, lock, requestId } = request;
  const problem =
    leaseProblem("lease_id", leaseId) ??
    fields.tokenProblem(token) ??
    fields.requestIdProblem(requestId) ??
    (hasRegions(settings) ? textProblem("lock", lock) : fields.filterProblem("lock", lock));
  if (problem !== null) return invalidField(problem);
  const grant = { lease: fields.anyLeaseNamed(leaseId), token: tokenNamed(token) };
  return hasRegions(settings) ? { type: "release", lock, grant } : { type: "releaseAll", ...grant };
}

export function cancel(request: asked.CancelRequest, settings: Settings): Asking {
  const { requestId, under, lock, leaseOwner } = request;
  if (under?.$case === "listed") return cancelListed(request, settings);
  const owner = under?.$case === "owner" ? under.value : leaseOwner;
  const problem =
    (requestId === "" ? "request_id must not be empty; it takes 1 to 128 bytes" : null) ??
    fields.requestIdProblem(requestId) ??
    cancelledProblem(under) ??
    (hasRegions(settings)
      ? (textProblem("lock", lock) ?? textProblem("lease_owner", owner))
      : fields.filterProblem("lock", lock));
  if (problem !== null) return invalidField(problem);
  const lease = under?.$case === "leaseId" ? leaseNamed(under.value) : null;
  const named = nativeRequestId(lease === null ? { owner } : { lease }, requestId);
  return { type: "cancel", request: named, lease, ...(hasRegions(settings) && { lock, owner }) };
}

/** A waiter that somebody else has seen in its line. */
function cancelListed({ requestId, under }: asked.CancelRequest, settings: Settings): Asking {
  const problem =
    (under?.value === true ? null : "listed is true if it is given") ??
    (requestId === "" ? "request_id must not be empty; it is the request of a waiter" : null) ??
    fields.requestIdProblem(requestId);
  if (problem !== null) return invalidField(problem);
  if (hasRegions(settings)) return unservedInRegions;
  return { type: "cancel", request: requestIdOf(requestId), lease: null, onlyWaiting: true };
}

function cancelledProblem(under: asked.CancelRequest["under"]): string | null {
  switch (under?.$case) {
    case undefined:
      return "lease_id, owner or listed must be given";
    case "leaseId":
      return leaseProblem("lease_id", under.value);
    case "owner":
      return textProblem("owner", under.value);
    case "listed":
      return null;
  }
}

export function verify({ lock, token }: asked.VerifyRequest, settings: Settings): Asking {
  const problem = textProblem("lock", lock) ?? fields.tokenProblem(token);
  if (problem !== null) return invalidField(problem);
  return hasRegions(settings) ? { type: "check", lock } : { type: "inspect", lock, token: tokenNamed(token) };
}

export function check({ lock }: asked.CheckRequest, settings: Settings): Asking {
  const problem = textProblem("lock", lock);
  if (problem !== null) return invalidField(problem);
  return hasRegions(settings) ? { type: "check", lock } : { type: "inspect", lock, token: null };
}

export function listLocks(request: asked.ListLocksRequest, arrivedAt: WallTime): Look | Fault {
  const { prefix, owner, leaseId, minAgeMs, pageSize, pageToken } = request;
  const after = fields.nameOfToken(pageToken);
  const limit = fields.pageSize(pageSize);
  const problem =
    fields.filterProblem("prefix", prefix) ??
    fields.filterProblem("owner", owner) ??
    fields.spanProblem("min_age_ms", minAgeMs, { min: 0, max: Number.MAX_SAFE_INTEGER }) ??
    firstProblem(limit, after);
  if (problem !== null || typeof after === "string") return invalidField(problem ?? String(after));
  return {
    type: "list",
    prefix,
    owner,
    lease: leaseId === 0n ? null : fields.anyLeaseNamed(leaseId),
    // Nothing is older than the count of its moments; there are none below 0.
    grantedBefore: minAgeMs === 0n ? null : wallTime(Math.max(0, Math.floor(arrivedAt) - Number(minAgeMs))),
    after: after.name,
    limit: Number(limit),
  };
}

export function listWaiters({ lock, pageSize, pageToken }: asked.ListWaitersRequest): Look | Fault {
  const after = fields.numberOfToken(pageToken);
  const limit = fields.pageSize(pageSize);
  const problem = textProblem("lock", lock) ?? firstProblem(limit, after);
  if (problem !== null) return invalidField(problem);
  return { type: "waiters", lock, after: Number(after), limit: Number(limit) };
}

export function proclaim(request: asked.ProclaimRequest): Asking {
  const { lock, leaseId, token, metadata, requestId } = request;
  const problem =
    textProblem("lock", lock) ??
    leaseProblem("lease_id", leaseId) ??
    fields.tokenProblem(token) ??
    fields.metadataProblem("metadata", metadata) ??
    fields.requestIdProblem(requestId);
  if (problem !== null) return invalidField(problem);
  return { type: "proclaim", lock, lease: fields.anyLeaseNamed(leaseId), token: tokenNamed(token), metadata };
}

/** Of all grants, or of one. */
const oneOrAll = (token: bigint) => (token === 0n ? null : tokenNamed(token));

export function askYield(request: asked.AskYieldRequest): Asking {
  const { lock, token, reason, graceMs, force, requestId } = request;
  const problem =
    textProblem("lock", lock) ??
    fields.reasonProblem(reason) ??
    fields.spanProblem("grace_ms", graceMs, { min: 0, max: fields.graceMsMax }) ??
    fields.requestIdProblem(requestId);
  if (problem !== null) return invalidField(problem);
  return { type: "askYield", lock, token: oneOrAll(token), reason, grace: spanOf(graceMs), force };
}

export function forceRelease({ lock, token, reason, requestId }: asked.ForceReleaseRequest): Asking {
  const problem = textProblem("lock", lock) ?? fields.reasonProblem(reason) ?? fields.requestIdProblem(requestId);
  if (problem !== null) return invalidField(problem);
  return { type: "forceRelease", lock, token: oneOrAll(token), reason };
}

export function getWaitGraph({ limit }: asked.GetWaitGraphRequest): Look | Fault {
  const waits = fields.waitsLimit(limit);
  return typeof waits === "string" ? invalidField(waits) : { type: "waits", limit: waits };
}

/** What a watcher wants to be told. */
export function watch({ what, afterRevision }: asked.WatchRequest): WatchWish | Fault {
  const after = fields.revisionAfter(afterRevision);
  if (typeof after === "string") return invalidField(after);
  switch (what?.$case) {
    case undefined:
      return invalidField("prefix, lock or lease_id must be given; an empty prefix stands for all locks");
    case "prefix": {
      const problem = fields.filterProblem("prefix", what.value);
      return problem === null ? { what: { prefix: what.value }, after } : invalidField(problem);
    }
    case "lock": {
      const problem = textProblem("lock", what.value);
      return problem === null ? { what: { lock: what.value }, after } : invalidField(problem);
    }
    case "leaseId": {
      const problem = leaseProblem("lease_id", what.value);
      return problem === null ? { what: { lease: fields.anyLeaseNamed(what.value) }, after } : invalidField(problem);
    }
  }
}

/** How long a request waits, whatever else is wrong with it. */
export const waitOf = (waitMs: bigint) => millis(waitMs > 0n ? Math.min(Number(waitMs), fields.waitMsMax) : 0);
