// What came of the calls whose outcomes are many, as responses of the native interface: acquire, release, check. Null: the outcome is
// none of theirs.

import type { Outcome } from "../../actors/operations.ts";
import type { Millis } from "../../actors/scalars.ts";
import * as lock from "../generated/lockmgr/v1/lock.ts";
import { Mode } from "../generated/lockmgr/v1/types.ts";
import * as telling from "./native-telling.ts";

/** Spans that a ttl is told in. */
export interface Spans {
  readonly usable: (ttl: Millis) => { readonly ttlMs: bigint; readonly usableMs: bigint };
}

/** What came of an acquire. */
export function acquired(
  outcome: Outcome,
  request: lock.AcquireRequest,
  { usable }: Spans,
): lock.AcquireResponse | null {
  switch (outcome.type) {
    case "granted": {
      const value = { token: BigInt(outcome.token), leaseId: BigInt(outcome.lease), ...usable(outcome.ttl) };
      return { result: { $case: "granted", value } };
    }
    case "busy":
      return { result: { $case: "held", value: telling.toObstacle(outcome.obstacle) } };
    case "held": {
      const holder = telling.toHolder(outcome.holder, "");
      const value = { lock: request.demands[0]?.lock ?? "", holder, delay: undefined, queueLength: 0 };
      return { result: { $case: "held", value } };
    }
    case "waitOver":
      return waitEnded(lock.WaitEnd.WAIT_END_TIMEOUT);
    case "requestCancelled":
      return waitEnded(lock.WaitEnd.WAIT_END_CANCELLED);
    case "leaseEnded":
      return request.waitMs > 0n ? waitEnded(lock.WaitEnd.WAIT_END_LEASE_ENDED) : null;
    case "deadlock":
      return { result: { $case: "deadlock", value: { cycle: outcome.cycle.map(telling.toWait) } } };
    case "grantOver": {
      const value = { token: BigInt(outcome.token), how: telling.endings[outcome.how] };
      return { result: { $case: "grantEnded", value } };
    }
    default:
      return null;
  }
}

const waitEnded = (reason: lock.WaitEnd): lock.AcquireResponse => ({
  result: { $case: "waitEnded", value: { reason } },
});

/** What came of a release. What has ended before has ended. */
export function released(outcome: Outcome): lock.ReleaseResponse | null {
  switch (outcome.type) {
    case "released":
      return { how: telling.endings.released };
    case "grantOver":
      return { how: telling.endings[outcome.how] };
    case "grantExpired":
      return { how: telling.endings.expired };
    default:
      return null;
  }
}

/** Where there are several regions, the holder is all that is known of a lock. */
export function verified(outcome: Outcome, request: lock.VerifyRequest): lock.VerifyResponse | null {
  const seen = checked(outcome, request);
  if (seen?.lock === undefined) return null;
  const holder = seen.lock.holders.find(({ token }) => token === request.token);
  return { current: holder !== undefined, holder };
}

/** Everything about a lock, as far as it is known. */
export function checked(outcome: Outcome, { lock: name }: Pick<lock.CheckRequest, "lock">): lock.CheckResponse | null {
  const bare = { name, holders: [], delays: [], queueLength: 0, limit: 0 };
  switch (outcome.type) {
    case "lockSeen":
      return { lock: telling.toLock(outcome.lock) };
    case "locked":
      return { lock: { ...bare, holders: [{ ...telling.toHolder(outcome.holder, ""), mode: Mode.MODE_EXCLUSIVE }] } };
    case "free":
      return { lock: bare };
    default:
      return null;
  }
}
