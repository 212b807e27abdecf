// The native interface as a client sees it: one promise per call, and requests with whatever is not said left out.

import * as assert from "uvu/assert";
import type {
  AcquireRequest,
  AcquireResponse,
  CheckResponse,
  LockServiceClient,
} from "../../src/transport/generated/lockmgr/v1/lock.ts";
import { Mode } from "../../src/transport/generated/lockmgr/v1/types.ts";
import { unary } from "./clients.ts";

export const exclusive = (lock: string) => ({ lock, mode: Mode.MODE_EXCLUSIVE, permits: 0, limit: 0 });

export const wanting = (locks: readonly string[], changes: Partial<AcquireRequest> = {}): AcquireRequest => ({
  demands: locks.map(exclusive),
  owner: "somebody",
  under: undefined,
  waitMs: 0n,
  priority: 0,
  lockDelayMs: 0n,
  metadata: "",
  context: "",
  requestId: "",
  ...changes,
});
export const under = (lease: bigint) => ({ $case: "leaseId", value: lease }) as const;

export const openLease = async (stub: LockServiceClient, owner = "somebody", ttlMs = 600_000n): Promise<bigint> =>
  (await unary(stub.openLease.bind(stub), { owner, ttlMs, metadata: "", requestId: "" })).leaseId;
export const acquire = (stub: LockServiceClient, request: AcquireRequest): Promise<AcquireResponse> =>
  unary(stub.acquire.bind(stub), request);
export const release = (stub: LockServiceClient, leaseId: bigint, token: bigint) =>
  unary(stub.release.bind(stub), { leaseId, token, requestId: "", lock: "" });
export const check = async (stub: LockServiceClient, lock: string): Promise<NonNullable<CheckResponse["lock"]>> =>
  (await unary(stub.check.bind(stub), { lock })).lock as NonNullable<CheckResponse["lock"]>;

export const granted = ({ result }: AcquireResponse) => {
  assert.is(
    result?.$case,
    "granted",
    JSON.stringify(result, (_key, value) => (typeof value === "bigint" ? `${value}` : value)),
  );
  if (result?.$case !== "granted") throw new Error("not granted");
  return result.value;
};
