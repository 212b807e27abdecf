// The stateless interface: which operation a request is, and in which status every outcome travels.

import { status } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import type { Answer } from "../../../src/actors/operations.ts";
import { fencingToken, leaseId, millis } from "../../../src/actors/scalars.ts";
import {
  type AcquireLockResponse,
  type CheckLockResponse,
  LockStatus,
  type ReleaseLockResponse,
} from "../../../src/transport/generated/com/geastalt/lock/grpc/lock.ts";
import { suite } from "../../suite.ts";
import { came, free, type House, holder, openHouse, standing } from "./scripted-gateway.ts";

const test = suite<{ house: House }>("transport/clients/stateless");
test.before(async (context) => {
  context.house = await openHouse();
});
test.after(({ house }) => house.stop());

const request = { lockId: "lock", clientId: "client", timeoutMs: 0n };
const acquire = (house: House, changes: Partial<typeof request> = {}) =>
  came<AcquireLockResponse>((done) => house.stateless.acquireLock({ ...request, ...changes }, done));
const release = (house: House, fencingToken = 1n, clientId = "client") =>
  came<ReleaseLockResponse>((done) => house.stateless.releaseLock({ lockId: "lock", clientId, fencingToken }, done));
const check = (house: House, lockId = "lock") =>
  came<CheckLockResponse>((done) => house.stateless.checkLock({ lockId }, done));

const granted = (ttl: number): Answer => ({
  type: "granted",
  lease: leaseId(2 ** 52 + 1),
  token: fencingToken(1),
  ttl: millis(ttl),
});

test("a grant tells its token and when it expires", async ({ house }) => {
  house.follow((operation) =>
    granted(operation.type === "acquire" && "ttl" in operation.under ? operation.under.ttl : 0),
  );
  const before = Date.now();
  const { response } = await acquire(house, { timeoutMs: 5_000n });
  assert.ok(response !== null && response.expiresAt >= BigInt(before + 5_000));
  assert.ok(response.expiresAt <= BigInt(Date.now() + 5_000));
  assert.equal(
    { ...response, expiresAt: 0n },
    { success: true, fencingToken: 1n, expiresAt: 0n, errorMessage: "", status: LockStatus.LOCK_STATUS_OK },
  );
});

test("timeout_ms 0 is the default, everything else is clamped", async ({ house }) => {
  const rows: [bigint, number][] = [
    [0n, 30_000],
    [1n, 1_000],
    [-1n, 1_000],
    [-(2n ** 63n), 1_000],
    [1_000n, 1_000],
    [299_999n, 299_999],
    [300_001n, 300_000],
    [2n ** 63n - 1n, 300_000],
  ];
  for (const [timeoutMs, ttl] of rows) {
    await acquire(house, { timeoutMs });
    const { operation } = house.lastRequest();
    assert.equal(operation.type === "acquire" && operation.under, { ttl }, String(timeoutMs));
  }
});

test("every outcome of AcquireLock travels in its status", async ({ house }) => {
  const rows: [Answer, LockStatus, RegExp][] = [
    [
      { type: "held", holder },
      LockStatus.LOCK_STATUS_ALREADY_LOCKED,
      /"somebody" since 2024-05-06T07:08:09.000Z .*1234 ms/,
    ],
    [
      { type: "grantOver", token: fencingToken(9), how: "expired" },
      LockStatus.LOCK_STATUS_EXPIRED,
      /token 9.* expired/,
    ],
    [{ type: "grantOver", token: fencingToken(9), how: "released" }, LockStatus.LOCK_STATUS_EXPIRED, /been released/],
    [{ type: "forgotten" }, LockStatus.LOCK_STATUS_ERROR, /no longer remembered/],
    [{ type: "refused", refusal: "no-leader" }, LockStatus.LOCK_STATUS_NOT_LEADER, /no leader/],
    [{ type: "refused", refusal: "unknown-outcome" }, LockStatus.LOCK_STATUS_TIMEOUT, /outcome is unknown/],
    [{ type: "refused", refusal: "no-quorum" }, LockStatus.LOCK_STATUS_QUORUM_FAILED, /no majority of regions/],
  ];
  for (const [answer, lockStatus, message] of rows) {
    house.follow(() => answer);
    const { response } = await acquire(house);
    assert.equal(response?.status, lockStatus);
    assert.match(response?.errorMessage ?? "", message);
    assert.equal([response?.success, response?.fencingToken, response?.expiresAt], [false, 0n, 0n]);
  }
});

test("every outcome of ReleaseLock travels in its status", async ({ house }) => {
  const rows: [Answer, LockStatus, RegExp][] = [
    [{ type: "released", token: fencingToken(1) }, LockStatus.LOCK_STATUS_OK, /^$/],
    [{ type: "staleToken", holder }, LockStatus.LOCK_STATUS_INVALID_TOKEN, /"somebody"/],
    [{ type: "heldByAnotherOwner", holder }, LockStatus.LOCK_STATUS_ERROR, /"somebody".*not by the one who asks/],
    [{ type: "grantExpired" }, LockStatus.LOCK_STATUS_EXPIRED, /expired/],
    [{ type: "notHeld" }, LockStatus.LOCK_STATUS_NOT_FOUND, /nobody holds/],
    [{ type: "forgotten" }, LockStatus.LOCK_STATUS_ERROR, /no longer remembered/],
    [{ type: "refused", refusal: "no-leader" }, LockStatus.LOCK_STATUS_NOT_LEADER, /no leader/],
    [{ type: "refused", refusal: "unknown-outcome" }, LockStatus.LOCK_STATUS_TIMEOUT, /outcome is unknown/],
    [{ type: "refused", refusal: "no-quorum" }, LockStatus.LOCK_STATUS_QUORUM_FAILED, /no majority of regions/],
  ];
  for (const [answer, lockStatus, message] of rows) {
    house.follow(() => answer);
    const { response } = await release(house);
    assert.equal(response?.status, lockStatus);
    assert.match(response?.errorMessage ?? "?", message);
    assert.is(response?.success, answer.type === "released");
  }
});

test("a token that no grant can have is asked for as 0, never as a near one", async ({ house }) => {
  const rows: [bigint, number][] = [
    [17n, 17],
    [2n ** 53n - 1n, 2 ** 53 - 1],
    [2n ** 53n, 0],
    [2n ** 53n + 1n, 0],
    [2n ** 63n - 1n, 0],
    [0n, 0],
    [-1n, 0],
    [-(2n ** 63n), 0],
  ];
  house.follow(() => ({ type: "notHeld" }));
  for (const [token, asked] of rows) {
    await release(house, token);
    assert.equal(house.lastRequest().operation, {
      type: "release",
      lock: "lock",
      grant: { token: asked, owner: "client" },
    });
  }
});

test("CheckLock tells the holder and how long it holds", async ({ house }) => {
  house.follow(() => ({ type: "locked", holder }));
  const before = Date.now();
  const { response } = await check(house);
  assert.ok(response !== null && response.expiresAt >= BigInt(before + 1234));
  assert.ok(response.expiresAt <= BigInt(Date.now() + 1234));
  assert.equal(
    { ...response, expiresAt: 0n },
    {
      isLocked: true,
      holderId: "somebody",
      fencingToken: 42n,
      ttlMs: 1234n,
      expiresAt: 0n,
      status: LockStatus.LOCK_STATUS_OK,
    },
  );
});

test("CheckLock of a free lock is NOT_FOUND and zeros, and every refusal its status", async ({ house }) => {
  const rows: [Answer, LockStatus][] = [
    [free, LockStatus.LOCK_STATUS_NOT_FOUND],
    [{ type: "refused", refusal: "no-leader" }, LockStatus.LOCK_STATUS_NOT_LEADER],
    [{ type: "refused", refusal: "unknown-outcome" }, LockStatus.LOCK_STATUS_TIMEOUT],
    [{ type: "refused", refusal: "no-quorum" }, LockStatus.LOCK_STATUS_QUORUM_FAILED],
  ];
  for (const [answer, lockStatus] of rows) {
    house.follow(() => answer);
    const { response } = await check(house);
    assert.equal(response, {
      isLocked: false,
      holderId: "",
      fencingToken: 0n,
      ttlMs: 0n,
      expiresAt: 0n,
      status: lockStatus,
    });
  }
});

test("what concerns the node is a gRPC error", async ({ house }) => {
  const rows = [
    ["overloaded", status.RESOURCE_EXHAUSTED, /too many requests/],
    ["disk-full", status.RESOURCE_EXHAUSTED, /disk is nearly full/],
    ["stopping", status.UNAVAILABLE, /stopping/],
  ] as const;
  for (const [refusal, code, message] of rows) {
    house.follow(() => ({ type: "refused", refusal }));
    for (const { error } of [await acquire(house), await release(house), await check(house)]) {
      assert.is(error?.code, code);
      assert.match(error?.details ?? "", message);
    }
  }
});

test("a refusal for want of a leader says where the leader is, if that is known", async ({ house }) => {
  house.follow(() => ({ type: "refused", refusal: "no-leader" }));
  house.tell(standing({ leaderAddress: "b.example:9090", leaderReachable: false }));
  assert.match((await acquire(house)).response?.errorMessage ?? "", /b\.example:9090/);
  house.tell(standing({ leader: null, leaderAddress: null, leaderReachable: false }));
  assert.match((await acquire(house)).response?.errorMessage ?? "", /no leader is known/);
});

test("a bad id is told in the response, with field, problem and limit", async ({ house }) => {
  house.follow(() => granted(1));
  const rows: [Partial<typeof request>, RegExp][] = [
    [{ lockId: "" }, /lock_id must not be empty.*512/],
    [{ clientId: "" }, /client_id must not be empty/],
    [{ lockId: "é".repeat(257) }, /lock_id is 514 bytes long; the limit is 512/],
    [{ clientId: "x".repeat(513) }, /client_id is 513 bytes long; the limit is 512/],
  ];
  const letters = house.letters.length;
  for (const [changes, message] of rows) {
    const { response } = await acquire(house, changes);
    assert.equal([response?.success, response?.status], [false, LockStatus.LOCK_STATUS_ERROR]);
    assert.match(response?.errorMessage ?? "", message);
  }
  assert.match((await release(house, 1n, "")).response?.errorMessage ?? "", /client_id must not be empty/);
  assert.is((await check(house, "")).response?.status, LockStatus.LOCK_STATUS_ERROR);
  assert.is(house.letters.length, letters, "none of them reaches the gateway");
  assert.is((await acquire(house, { lockId: "é".repeat(256) })).response?.status, LockStatus.LOCK_STATUS_OK);
});

test("CheckLock names the problem in a trailer, for want of a field", async ({ house }) => {
  const problem = await new Promise((resolve) => {
    const call = house.stateless.checkLock({ lockId: "" }, () => undefined);
    call.on("status", ({ metadata }) => resolve(metadata.get("error-message")[0]));
  });
  assert.match(decodeURI(String(problem)), /lock_id must not be empty/);
});

test.run();
