// What the native interface can be asked for where there are several regions.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fencingToken, leaseId } from "../../../src/actors/scalars.ts";
import { type NativeMethod, newNativeMethods } from "../../../src/transport/clients/native-methods.ts";
import { nativeRequestId } from "../../../src/transport/clients/native-request-id.ts";
import { Mode } from "../../../src/transport/generated/lockmgr/v1/types.ts";
import { isFailure } from "../../../src/transport/status.ts";
import { acquireRequest, arrivedAt, exclusive, openDesk, withRegions } from "./native-desk.ts";
import { holder } from "./scripted-gateway.ts";

const test = suite("transport/clients/native-asking-regions");

const acquire = acquireRequest();
const lease = { leaseId: 7n, token: 9n, requestId: "", lock: "" };

const problems = <Request>(row: NativeMethod<Request, unknown>, request: Request): string => {
  const operation = row.toOperation(request, arrivedAt);
  return operation.type === "fault" ? `${operation.reason}: ${operation.message}` : "";
};

test("where there are several regions, one exclusive lock at a time is what can be asked for", () => {
  const regional = newNativeMethods(openDesk(withRegions()).desk);
  const unserved = "unserved: not served where there are several regions";
  const of = (changes: Parameters<typeof acquireRequest>[0]) => problems(regional.acquire, acquireRequest(changes));
  // A context says nothing there, and does no harm.
  for (const changes of [{}, { waitMs: 1_000n }, { context: "c" }]) {
    assert.is(of(changes), "");
    assert.is(regional.acquire.toOperation(acquireRequest(changes), arrivedAt).type, "acquireAll");
  }
  assert.is(of({ demands: [exclusive("a"), exclusive("b")] }), unserved);
  assert.is(of({ demands: [{ ...exclusive("a"), mode: Mode.MODE_SHARED }] }), unserved);
  for (const [field, changes] of [
    ["metadata", { metadata: "m" }],
    ["priority", { priority: 1 }],
    ["lock_delay_ms", { lockDelayMs: 1n }],
  ] as const) {
    assert.is(of(changes), `unserved: ${field} cannot be given where there are several regions`);
  }
  assert.match(problems(regional.release, lease), /^invalid: lock must not be empty/);
  assert.equal(regional.release.toOperation({ ...lease, lock: "a lock" }, arrivedAt), {
    type: "release",
    lock: "a lock",
    grant: { lease: leaseId(7), token: fencingToken(9) },
  });
  assert.equal(regional.check.toOperation({ lock: "a lock" }, arrivedAt), { type: "check", lock: "a lock" });
  const checked = regional.check.fromAnswer({ type: "locked", holder }, { lock: "a lock" });
  assert.ok(!isFailure(checked));
  assert.equal([checked.lock?.name, checked.lock?.holders[0]?.token], ["a lock", 42n]);
  const held = regional.acquire.fromAnswer({ type: "held", holder }, acquire);
  assert.ok(!isFailure(held) && held.result?.$case === "held");
  assert.equal([held.result.value.lock, held.result.value.holder?.owner], ["a lock", "somebody"]);
  assert.equal(regional.verify.toOperation({ lock: "a lock", token: 9n }, arrivedAt), {
    type: "check",
    lock: "a lock",
  });
  for (const [token, isCurrent] of [
    [42n, true],
    [41n, false],
  ] as const) {
    const verified = regional.verify.fromAnswer({ type: "locked", holder }, { lock: "a lock", token });
    assert.is(!isFailure(verified) && verified.current, isCurrent);
  }
  const cancel = { requestId: "r", under: { $case: "leaseId", value: 7n }, lock: "a lock", leaseOwner: "me" } as const;
  assert.equal(regional.cancel.toOperation(cancel, arrivedAt), {
    type: "cancel",
    request: nativeRequestId({ lease: leaseId(7) }, "r"),
    lease: 7,
    lock: "a lock",
    owner: "me",
  });
  assert.is(problems(regional.cancel, { ...cancel, under: { $case: "listed", value: true } }), unserved);
  assert.match(
    problems(regional.cancel, { ...cancel, under: { $case: "listed", value: false } }),
    /^invalid: listed is true/,
  );
  assert.match(problems(regional.cancel, { ...cancel, lock: "" }), /^invalid: lock must not be empty/);
  assert.match(problems(regional.cancel, { ...cancel, leaseOwner: "" }), /^invalid: lease_owner must not be empty/);
  assert.is(problems(regional.resign, { leaseId: 7n, token: 9n, requestId: "" }), unserved);
  assert.is(problems(regional.openLease, { owner: "me", ttlMs: 1_000n, metadata: "m", requestId: "" }), "");
});

test.run();
