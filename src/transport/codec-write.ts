// Operations that go through the log ↔ bytes, as they stand in an entry and in a forwarded request. The field comments of
// proto/lockmgr/log/v1/log.proto say what the bytes mean.

import type { AcquireAll, Write } from "../actors/operations.ts";
import { type FencingToken, type LeaseId, type Millis, requestId } from "../actors/scalars.ts";
import { demandsFromWire, demandsToWire } from "./codec-grant.ts";
import { fromWire, optionalFromWire, optionalToWire, toWire, unknownKind } from "./codec-wire.ts";
import type * as wire from "./generated/lockmgr/log/v1/log.ts";

/** The operations that go through the log, as oneof cases. The same cases stand in a forwarded request. */
export type WireOperation = NonNullable<wire.Write["operation"]>;

type Under = AcquireAll["under"];
type WireUnder = NonNullable<wire.Acquire["under"]>;

const underToWire = (under: Under): WireUnder =>
  "lease" in under ? { $case: "lease", value: toWire(under.lease) } : { $case: "ttlMs", value: toWire(under.ttl) };

function underFromWire(under: WireUnder | undefined): Under {
  if (under === undefined) return unknownKind("lease to acquire under");
  return under.$case === "lease" ? { lease: fromWire<LeaseId>(under.value) } : { ttl: fromWire<Millis>(under.value) };
}

const acquireAllToWire = (write: AcquireAll): wire.AcquireAll => ({
  demands: demandsToWire(write.demands),
  owner: write.owner,
  under: underToWire(write.under),
  askedAtMs: toWire(write.askedAt),
  context: write.context,
  waitMs: toWire(write.wait),
  priority: toWire(write.priority),
  delayMs: toWire(write.delay),
  metadata: write.metadata,
});

const acquireAllFromWire = (write: wire.AcquireAll): AcquireAll => ({
  type: "acquireAll",
  demands: demandsFromWire(write.demands),
  owner: write.owner,
  under: underFromWire(write.under),
  context: write.context,
  wait: fromWire(write.waitMs),
  priority: fromWire(write.priority),
  delay: fromWire(write.delayMs),
  metadata: write.metadata,
  askedAt: fromWire(write.askedAtMs),
});

export function writeToWire(write: Write): WireOperation {
  switch (write.type) {
    case "openLease": {
      const { owner, ttl, metadata } = write;
      return { $case: "openLease", value: { owner, ttlMs: toWire(ttl), metadata: metadata ?? "" } };
    }
    case "acquire": {
      const { lock, owner, under, askedAt } = write;
      return { $case: "acquire", value: { lock, owner, under: underToWire(under), askedAtMs: toWire(askedAt) } };
    }
    case "release": {
      const { lease, token, owner } = write.grant;
      return {
        $case: "release",
        value: {
          lock: write.lock,
          lease: lease === undefined ? undefined : toWire(lease),
          token: token === undefined ? undefined : toWire(token),
          owner,
        },
      };
    }
    case "endLease":
      return { $case: "endLease", value: { lease: toWire(write.lease) } };
    case "acquireAll":
      return { $case: "acquireAll", value: acquireAllToWire(write) };
    case "releaseAll":
      return { $case: "releaseAll", value: { lease: toWire(write.lease), token: toWire(write.token) } };
    case "cancel":
      return {
        $case: "cancel",
        value: {
          request: write.request,
          lease: optionalToWire(write.lease),
          lock: write.lock,
          owner: write.owner,
          onlyWaiting: write.onlyWaiting === true,
        },
      };
    case "proclaim": {
      const { lock, lease, token, metadata } = write;
      return { $case: "proclaim", value: { lock, lease: toWire(lease), token: toWire(token), metadata } };
    }
    case "askYield": {
      const { lock, token, reason, grace, force } = write;
      return {
        $case: "askYield",
        value: { lock, token: optionalToWire(token), reason, graceMs: toWire(grace), force },
      };
    }
    case "forceRelease": {
      const { lock, token, reason } = write;
      return { $case: "forceRelease", value: { lock, token: optionalToWire(token), reason } };
    }
  }
}

export function writeFromWire(operation: WireOperation): Write {
  switch (operation.$case) {
    case "openLease": {
      const { owner, ttlMs, metadata } = operation.value;
      return { type: "openLease", owner, ttl: fromWire(ttlMs), ...(metadata !== "" && { metadata }) };
    }
    case "acquire": {
      const { lock, owner, under, askedAtMs } = operation.value;
      return { type: "acquire", lock, owner, under: underFromWire(under), askedAt: fromWire(askedAtMs) };
    }
    case "release": {
      const { lock, lease, token, owner } = operation.value;
      return {
        type: "release",
        lock,
        grant: {
          ...(lease !== undefined && { lease: fromWire(lease) }),
          ...(token !== undefined && { token: fromWire(token) }),
          ...(owner !== undefined && { owner }),
        },
      };
    }
    case "endLease":
      return { type: "endLease", lease: fromWire(operation.value.lease) };
    case "acquireAll":
      return acquireAllFromWire(operation.value);
    case "releaseAll":
      return {
        type: "releaseAll",
        lease: fromWire(operation.value.lease),
        token: fromWire(operation.value.token),
      };
    case "cancel": {
      const { request, lease, lock, owner, onlyWaiting } = operation.value;
      return {
        type: "cancel",
        request: requestId(request),
        lease: optionalFromWire<LeaseId>(lease) ?? null,
        ...(lock !== undefined && { lock }),
        ...(owner !== undefined && { owner }),
        ...(onlyWaiting && { onlyWaiting }),
      };
    }
    case "proclaim": {
      const { lock, lease, token, metadata } = operation.value;
      return { type: "proclaim", lock, lease: fromWire(lease), token: fromWire(token), metadata };
    }
    case "askYield": {
      const { lock, reason, graceMs, force } = operation.value;
      const token = optionalFromWire<FencingToken>(operation.value.token) ?? null;
      return { type: "askYield", lock, token, reason, grace: fromWire(graceMs), force };
    }
    case "forceRelease": {
      const { lock, token, reason } = operation.value;
      return { type: "forceRelease", lock, token: optionalFromWire<FencingToken>(token) ?? null, reason };
    }
  }
}
