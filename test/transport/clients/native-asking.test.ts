// Which operation a request of the native interface is, what its fields may be, under which name it is known, and how long it may wait.
// No socket is needed for that.

import { createHash } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Operation } from "../../../src/actors/operations.ts";
import { leaseId, millis } from "../../../src/actors/scalars.ts";
import { type NativeMethod, newNativeMethods, usableMs } from "../../../src/transport/clients/native-methods.ts";
import { nativeBudget } from "../../../src/transport/clients/native-procedure.ts";
import { nativeRequestId } from "../../../src/transport/clients/native-request-id.ts";
import { Mode } from "../../../src/transport/generated/lockmgr/v1/types.ts";
import { acquireRequest, arrivedAt, exclusive, openDesk } from "./native-desk.ts";
import { settings } from "./scripted-gateway.ts";

const test = suite("transport/clients/native-asking");

const rows = newNativeMethods(openDesk().desk);
const acquire = acquireRequest();
const lease = { leaseId: 7n, token: 9n, requestId: "", lock: "" };

test("every request is the operation that its .proto file promises", () => {
  const asks = <Request>(row: NativeMethod<Request, unknown>, request: Request, operation: unknown): void =>
    assert.equal(row.toOperation(request, arrivedAt) as unknown, operation, row.name);
  const open = { owner: "me", ttlMs: 1_000n, metadata: "", requestId: "" };
  asks(rows.openLease, open, { type: "openLease", owner: "me", ttl: 1_000 });
  asks(rows.openLease, { ...open, metadata: "m" }, { type: "openLease", owner: "me", ttl: 1_000, metadata: "m" });
  asks(rows.renewLease, { leaseId: 7n }, { type: "renewLease", lease: 7 });
  asks(rows.revokeLease, { leaseId: 7n, requestId: "" }, { type: "endLease", lease: 7 });
  const all = {
    type: "acquireAll",
    owner: "me",
    under: { lease: 7 },
    context: "",
    wait: 0,
    priority: 0,
    delay: 0,
    metadata: "",
    askedAt: arrivedAt,
  };
  asks(rows.acquire, acquire, { ...all, demands: [{ lock: "a lock", mode: "exclusive", permits: 1, limit: 0 }] });
  asks(
    rows.acquire,
    acquireRequest({
      demands: [
        { lock: "one", mode: Mode.MODE_UNSPECIFIED, permits: 0, limit: 0 },
        { lock: "two", mode: Mode.MODE_SHARED, permits: 1, limit: 0 },
        { lock: "three", mode: Mode.MODE_SEMAPHORE, permits: 0, limit: 5 },
        { lock: "four", mode: Mode.MODE_SEMAPHORE, permits: 5, limit: 5 },
      ],
      waitMs: 5_000n,
      priority: 9,
      lockDelayMs: 60n,
      metadata: "m",
      context: "task",
    }),
    {
      ...all,
      demands: [
        { lock: "one", mode: "exclusive", permits: 1, limit: 0 },
        { lock: "two", mode: "shared", permits: 1, limit: 0 },
        { lock: "three", mode: "semaphore", permits: 1, limit: 5 },
        { lock: "four", mode: "semaphore", permits: 5, limit: 5 },
      ],
      context: "task",
      wait: 5_000,
      priority: 9,
      delay: 60,
      metadata: "m",
    },
  );
  const own = rows.acquire.toOperation(acquireRequest({ under: { $case: "ttlMs", value: 2_000n } }), arrivedAt);
  assert.equal((own as Extract<Operation, { type: "acquireAll" }>).under, { ttl: 2_000 });
  asks(rows.release, lease, { type: "releaseAll", lease: 7, token: 9 });
  const implicit = { ...lease, leaseId: 2n ** 52n + 9n };
  asks(rows.release, implicit, { type: "releaseAll", lease: 2 ** 52 + 9, token: 9 });
  asks(
    rows.cancel,
    { requestId: "r", under: { $case: "leaseId", value: 7n }, lock: "", leaseOwner: "" },
    {
      type: "cancel",
      request: nativeRequestId({ lease: leaseId(7) }, "r"),
      lease: 7,
    },
  );
  asks(
    rows.cancel,
    { requestId: "r", under: { $case: "owner", value: "me" }, lock: "", leaseOwner: "" },
    {
      type: "cancel",
      request: nativeRequestId({ owner: "me" }, "r"),
      lease: null,
    },
  );
  asks(rows.verify, { lock: "a lock", token: 9n }, { type: "inspect", lock: "a lock", token: 9 });
  asks(rows.check, { lock: "a lock" }, { type: "inspect", lock: "a lock", token: null });
  const list = { prefix: "a", owner: "", leaseId: 0n, minAgeMs: 0n, pageSize: 0, pageToken: "" };
  const listed = { type: "list", prefix: "a", owner: "", lease: null, grantedBefore: null, after: "", limit: 100 };
  asks(rows.listLocks, list, listed);
  const token = Buffer.from("ä/b").toString("base64url");
  asks(
    rows.listLocks,
    { ...list, owner: "me", leaseId: 2n ** 52n + 1n, minAgeMs: 1_000n, pageSize: 1000, pageToken: token },
    { ...listed, owner: "me", lease: 2 ** 52 + 1, grantedBefore: arrivedAt - 1_000, after: "ä/b", limit: 1000 },
  );
  asks(
    rows.listWaiters,
    { lock: "a lock", pageSize: 2, pageToken: "4" },
    { type: "waiters", lock: "a lock", after: 4, limit: 2 },
  );
  asks(rows.listLeases, { owner: "", pageSize: 0, pageToken: "" }, { type: "leases", owner: "", after: 0, limit: 100 });
  const words = { type: "proclaim", lock: "a lock", lease: 7, token: 9, metadata: "m" };
  asks(rows.proclaim, { ...lease, lock: "a lock", metadata: "m" }, words);
  const yields = { lock: "a lock", token: 0n, reason: "why", graceMs: 5n, force: true, requestId: "" };
  asks(rows.askYield, yields, { type: "askYield", lock: "a lock", token: null, reason: "why", grace: 5, force: true });
  asks(
    rows.forceRelease,
    { lock: "a lock", token: 9n, reason: "why", requestId: "" },
    {
      type: "forceRelease",
      lock: "a lock",
      token: 9,
      reason: "why",
    },
  );
  asks(rows.getWaitGraph, { limit: 0 }, { type: "waits", limit: 1_000 });
  const campaign = { election: "e", owner: "me", leaseId: 7n, value: "v", waitMs: 5n, requestId: "", lockDelayMs: 6n };
  asks(rows.campaign, campaign, {
    ...all,
    demands: [{ lock: "e", mode: "exclusive", permits: 1, limit: 0 }],
    wait: 5,
    delay: 6,
    metadata: "v",
  });
  asks(rows.proclaimLeader, { election: "a lock", leaseId: 7n, token: 9n, value: "m", requestId: "" }, words);
  asks(rows.resign, { leaseId: 7n, token: 9n, requestId: "" }, { type: "releaseAll", lease: 7, token: 9 });
});

const problems = <Request>(row: NativeMethod<Request, unknown>, request: Request): string => {
  const operation = row.toOperation(request, arrivedAt);
  return operation.type === "fault" ? `${operation.reason}: ${operation.message}` : "";
};

test("a field at fault is named with its problem and its limit, and its very limit is not at fault", () => {
  const of = (changes: Parameters<typeof acquireRequest>[0]) => problems(rows.acquire, acquireRequest(changes));
  const demand = (changes: object) => of({ demands: [exclusive("one"), { ...exclusive("two"), ...changes }] });
  const semaphore = (permits: number, limit: number) => demand({ mode: Mode.MODE_SEMAPHORE, permits, limit });
  const ttl = (value: bigint) => ({ $case: "ttlMs", value }) as const;
  const many = (count: number) => of({ demands: Array.from({ length: count }, (_, n) => exclusive(`${n}`)) });
  const table: [string, string][] = [
    [of({ demands: [] }), "demands must not be empty; it takes 1 to 64 locks"],
    [many(64), ""],
    [many(65), "demands has 65 locks; the limit is 64"],
    [demand({ lock: "" }), "demands[1].lock must not be empty; it takes 1 to 512 bytes of UTF-8"],
    [demand({ lock: "x".repeat(513) }), "demands[1].lock is 513 bytes long; the limit is 512"],
    [demand({ lock: "one" }), "demands[1].lock is the name of an earlier one; no name may stand twice"],
    [demand({ mode: 9 }), "demands[1].mode is 9; it must be MODE_EXCLUSIVE, MODE_SHARED or MODE_SEMAPHORE"],
    [demand({ permits: 2 }), "demands[1].permits is 2; only a semaphore has more than 1"],
    [demand({ limit: 1 }), "demands[1].limit is 1; only a semaphore has a limit"],
    [semaphore(1, 0), "demands[1].limit is 0; it must be at least 1 and at most 1000000"],
    [semaphore(1, 1_000_000), ""],
    [semaphore(1, 1_000_001), "demands[1].limit is 1000001; it must be at least 1 and at most 1000000"],
    [semaphore(4, 3), "demands[1].permits is 4; the limit of the semaphore is 3"],
    [of({ owner: "\ud800" }), "owner is not valid UTF-8"],
    [of({ under: undefined }), "lease_id or ttl_ms must be given"],
    [of({ under: { $case: "leaseId", value: 0n } }), "lease_id must be given; leases count from 1"],
    [of({ under: ttl(999n) }), "ttl_ms is 999; it must be at least 1000 and at most 300000 milliseconds"],
    [of({ under: ttl(300_000n) }), ""],
    [
      of({ under: ttl(1_000n), waitMs: 1n }),
      "wait_ms is 1; only a request under a lease can wait, with ttl_ms it must be 0",
    ],
    [of({ waitMs: -1n }), "wait_ms is -1; it must be at least 0 and at most 86400000 milliseconds"],
    [of({ waitMs: 86_400_000n }), ""],
    [
      of({ waitMs: 2n ** 63n - 1n }),
      `wait_ms is ${2n ** 63n - 1n}; it must be at least 0 and at most 86400000 milliseconds`,
    ],
    [of({ priority: 10 }), "priority is 10; it must be at most 9"],
    [
      of({ lockDelayMs: 3_600_001n }),
      "lock_delay_ms is 3600001; it must be at least 0 and at most 3600000 milliseconds",
    ],
    [of({ metadata: "x".repeat(4096) }), ""],
    [of({ metadata: "ä".repeat(2049) }), "metadata is 4098 bytes long; the limit is 4096"],
    [of({ context: "x".repeat(129) }), "context is 129 bytes long; the limit is 128"],
    [of({ requestId: "x".repeat(128) }), ""],
    [of({ requestId: "x".repeat(129) }), "request_id is 129 bytes long; the limit is 128"],
    [problems(rows.release, { ...lease, token: 0n }), "token must be given; fencing tokens count from 1"],
    [
      problems(rows.cancel, { requestId: "", under: undefined, lock: "", leaseOwner: "" }),
      "request_id must not be empty; it takes 1 to 128 bytes",
    ],
    [
      problems(rows.cancel, { requestId: "r", under: undefined, lock: "", leaseOwner: "" }),
      "lease_id, owner or listed must be given",
    ],
    [
      problems(rows.openLease, { owner: "me", ttlMs: 3_600_001n, metadata: "", requestId: "" }),
      "ttl_ms is 3600001; it must be at least 1000 and at most 3600000 milliseconds",
    ],
    [
      problems(rows.forceRelease, { lock: "a", token: 0n, reason: "", requestId: "" }),
      "reason must not be empty; it takes 1 to 1024 bytes of UTF-8",
    ],
    [
      problems(rows.askYield, { lock: "a", token: 0n, reason: "r", graceMs: 3_600_001n, force: false, requestId: "" }),
      "grace_ms is 3600001; it must be at least 0 and at most 3600000 milliseconds",
    ],
    [problems(rows.listLeases, { owner: "", pageSize: 1001, pageToken: "" }), "page_size is 1001; the limit is 1000"],
    [
      problems(rows.listLeases, { owner: "", pageSize: 1, pageToken: "x" }),
      "page_token is not one that a page before has told",
    ],
    [problems(rows.getWaitGraph, { limit: 10_001 }), "limit is 10001; it must be at most 10000"],
    [
      problems(rows.campaign, {
        election: "",
        owner: "me",
        leaseId: 7n,
        value: "",
        waitMs: 0n,
        requestId: "",
        lockDelayMs: 0n,
      }),
      "election must not be empty; it takes 1 to 512 bytes of UTF-8",
    ],
  ];
  for (const [problem, message] of table) assert.is(problem, message === "" ? "" : `invalid: ${message}`);
});

test("a request is known by what it concerns and what its client calls it", () => {
  const words = (scope: string) =>
    createHash("sha256").update(`lockmgr.v1\0${scope}\0mine`).digest("base64url").slice(0, 24);
  const own = acquireRequest({ under: { $case: "ttlMs", value: 2_000n }, requestId: "mine" });
  assert.is(rows.acquire.requestId({ ...acquire, requestId: "mine" }), words("7"));
  assert.is(rows.acquire.requestId(own), words("owner\x002\0me"));
  const open = { owner: "me", ttlMs: 1_000n, metadata: "", requestId: "mine" };
  assert.is(rows.openLease.requestId(open), words("owner\x002\0me"));
  assert.is(rows.release.requestId({ ...lease, requestId: "mine" }), words("7"));
  assert.is(
    rows.forceRelease.requestId({ lock: "x", token: 0n, reason: "", requestId: "mine" }),
    words("lock\x001\0x"),
  );
  assert.is(rows.acquire.requestId(acquire), null);
  const cancel = rows.cancel.toOperation(
    { requestId: "mine", under: { $case: "owner", value: "me" }, lock: "", leaseOwner: "" },
    arrivedAt,
  );
  assert.is((cancel as Extract<Operation, { type: "cancel" }>).request, rows.acquire.requestId(own));
});

test("two owners who choose their words so that they run together are known apart", () => {
  assert.is.not(nativeRequestId({ owner: "a" }, "b\0c"), nativeRequestId({ owner: "a\0b" }, "c"));
  assert.is.not(nativeRequestId({ lock: "a" }, "b\0c"), nativeRequestId({ lock: "a\0b" }, "c"));
});

test("a holder's own time ends before the service's: the ttl less the rate error and the allowance", () => {
  assert.is(usableMs(millis(10_000), settings()), 9_850n);
  assert.is(usableMs(millis(1_001), settings()), 940n);
  assert.is(usableMs(millis(10), settings()), 0n);
});

test("a call that waits is tried for as long as it waits, within its client's deadline and never for ever", () => {
  const budget = (left: number, waitMs: number) =>
    nativeBudget(left, { waitMs: millis(waitMs), requestMsMax: millis(5_000) });
  assert.equal(
    [budget(Infinity, 0), budget(Infinity, 60_000), budget(10_000, 60_000), budget(1e12, 86_400_000), budget(-5, 10)],
    [5_000, 65_000, 9_950, 86_405_000, 0],
  );
});

test.run();
