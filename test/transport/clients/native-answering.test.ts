// What an answer of the lock table is in the words of the native interface.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Answer } from "../../../src/actors/operations.ts";
import { fencingToken, leaseId, millis, requestId, wallTime } from "../../../src/actors/scalars.ts";
import { type NativeMethod, newNativeMethods } from "../../../src/transport/clients/native-methods.ts";
import { Ending, Mode } from "../../../src/transport/generated/lockmgr/v1/types.ts";
import { isFailure, reasonWord } from "../../../src/transport/status.ts";
import { acquireRequest, edge, grantView, lockView, obstacle, openDesk } from "./native-desk.ts";
import { holder } from "./scripted-gateway.ts";

const test = suite("transport/clients/native-answering");

const rows = newNativeMethods(openDesk().desk);
const acquire = acquireRequest();
const lease = { leaseId: 7n, token: 9n, requestId: "", lock: "" };

test("what came of an acquire stands in its response, and is a failure only if it is the caller's fault", () => {
  const waits = acquireRequest({ waitMs: 5n, requestId: "mine" });
  const told = (answer: Answer, request = waits) => {
    const response = rows.acquire.fromAnswer(answer, request);
    return isFailure(response) ? reasonWord(response.reason) : response.result;
  };
  const grant = { token: 9n, leaseId: 7n, ttlMs: 10_000n, usableMs: 9_850n };
  assert.equal(told({ type: "granted", lease: leaseId(7), token: fencingToken(9), ttl: millis(10_000) }), {
    $case: "granted",
    value: grant,
  });
  const held = told({ type: "busy", obstacle });
  assert.ok(typeof held === "object" && held?.$case === "held");
  assert.equal([held.value.holder?.token, held.value.holder?.metadata, held.value.queueLength], [42n, "about it", 2]);
  const delayed = { ...obstacle, holder: null, delayed: millis(12.3), delayedBy: fencingToken(4) };
  assert.equal(told({ type: "busy", obstacle: delayed }), {
    $case: "held",
    value: {
      lock: "a lock",
      holder: undefined,
      delay: { token: 4n, owner: "", remainingMs: 13n, lockDelayMs: 0n },
      queueLength: 2,
    },
  });
  const ended = (reason: number) => ({ $case: "waitEnded", value: { reason } });
  assert.equal(told({ type: "waitOver" }), ended(1));
  assert.equal(told({ type: "requestCancelled" }), ended(2));
  assert.equal(told({ type: "leaseEnded", lease: leaseId(7) }), ended(3));
  assert.is(told({ type: "leaseEnded", lease: leaseId(7) }, acquire), "lease-ended");
  const circle = told({ type: "deadlock", cycle: [edge] });
  assert.ok(typeof circle === "object" && circle?.$case === "deadlock");
  assert.equal(circle.value.cycle[0], {
    waiter: { leaseId: 7n, context: "task", owner: "me" },
    lock: "a lock",
    blocker: { leaseId: 8n, context: "", owner: "you" },
    blockerHolds: true,
  });
  assert.equal(told({ type: "grantOver", token: fencingToken(9), how: "forced" }), {
    $case: "grantEnded",
    value: { token: 9n, how: Ending.ENDING_FORCED },
  });
  assert.is(told({ type: "leaseUnknown", lease: leaseId(7) }), "lease-unknown");
  assert.is(told({ type: "leaseOfAnother", owner: "you" }), "lease-of-another");
  assert.is(told({ type: "limitDiffers", lock: "a lock", limit: 3 }), "limit-differs");
  assert.is(told({ type: "queueFull", limit: 3 }), "queue-full");
  assert.is(told({ type: "forgotten" }), "forgotten");
  assert.is(told({ type: "refused", refusal: "unknown-outcome" }), "unknown-outcome");
  assert.is(told({ type: "released", token: fencingToken(9) }), "invalid", "the name was another request's");
  assert.is(told({ type: "released", token: fencingToken(9) }, acquire), "unexpected");
});

test("the other answers are told as they are", () => {
  const tells = <Request, Response extends object>(
    row: NativeMethod<Request, Response>,
    request: Request,
    answer: Answer,
    told: unknown,
  ): void => {
    const response = row.fromAnswer(answer, request);
    assert.equal(isFailure(response) ? reasonWord(response.reason) : response, told, row.name);
  };
  const id = leaseId(7);
  const open = { owner: "me", ttlMs: 1_000n, metadata: "", requestId: "" };
  const spans = { ttlMs: 1_000n, usableMs: 940n };
  tells(rows.openLease, open, { type: "leaseOpened", lease: id, ttl: millis(1_000) }, { leaseId: 7n, ...spans });
  tells(rows.renewLease, { leaseId: 7n }, { type: "leaseRenewed", lease: id, ttl: millis(1_000) }, spans);
  tells(rows.renewLease, { leaseId: 7n }, { type: "leaseEnded", lease: id }, "lease-ended");
  tells(rows.revokeLease, { leaseId: 7n, requestId: "" }, { type: "leaseClosed", locks: 3 }, { locks: 3 });
  tells(rows.release, lease, { type: "released", token: fencingToken(9) }, { how: Ending.ENDING_RELEASED });
  tells(
    rows.release,
    lease,
    { type: "grantOver", token: fencingToken(9), how: "revoked" },
    { how: Ending.ENDING_REVOKED },
  );
  tells(rows.release, lease, { type: "staleToken", holder }, "stale-token");
  const unknown = rows.release.fromAnswer({ type: "notHeld" }, { ...lease, lock: "a lock that others hold" });
  assert.is(isFailure(unknown) && unknown.message, "nobody holds anything under that fencing token");
  const cancel = { requestId: "r", under: { $case: "leaseId", value: 7n }, lock: "", leaseOwner: "" } as const;
  tells(rows.cancel, cancel, { type: "cancelled", token: null }, { token: 0n });
  tells(rows.cancel, cancel, { type: "cancelled", token: fencingToken(9) }, { token: 9n });
  const seen: Answer = { type: "lockSeen", lock: lockView };
  const told = {
    owner: "somebody",
    leaseId: 7n,
    token: 42n,
    grantedAtMs: BigInt(holder.grantedAt),
    remainingMs: 1234n,
    ttlMs: 30_000n,
    mode: Mode.MODE_SEMAPHORE,
    permits: 2,
    metadata: "about it",
    context: "task",
    lockDelayMs: 50n,
    yielding: { reason: "please", graceMs: 10n, force: true },
  };
  tells(rows.verify, { lock: "a lock", token: 42n }, seen, { current: true, holder: told });
  tells(rows.verify, { lock: "a lock", token: 41n }, seen, { current: false, holder: undefined });
  const delays = [{ token: 41n, owner: "before", remainingMs: 13n, lockDelayMs: 100n }];
  const lock = { name: "a lock", holders: [told], delays, queueLength: 4, limit: 3 };
  tells(rows.check, { lock: "a lock" }, seen, { lock });
  const list = { prefix: "", owner: "", leaseId: 0n, minAgeMs: 0n, pageSize: 0, pageToken: "" };
  const token = Buffer.from("a lock").toString("base64url");
  tells(
    rows.listLocks,
    list,
    { type: "locksSeen", locks: [lockView], next: "a lock" },
    { locks: [lock], nextPageToken: token },
  );
  tells(rows.listLocks, list, { type: "locksSeen", locks: [], next: null }, { locks: [], nextPageToken: "" });
  const leases: Answer = { type: "leasesSeen", leases: [], next: id };
  tells(rows.listLeases, { owner: "", pageSize: 0, pageToken: "" }, leases, { leases: [], nextPageToken: "7" });
  tells(
    rows.getWaitGraph,
    { limit: 0 },
    { type: "waitsSeen", waits: [], isWhole: true },
    { waits: [], complete: true },
  );
  const yields = { lock: "a lock", token: 0n, reason: "why", graceMs: 5n, force: true, requestId: "" };
  tells(rows.askYield, yields, { type: "yieldAsked", tokens: [fencingToken(9)] }, { tokens: [9n] });
  tells(rows.resign, { leaseId: 7n, token: 9n, requestId: "" }, { type: "released", token: fencingToken(9) }, {});
});

test("a page says where the next begins, and one that is too large for a message ends early", () => {
  const large = { ...lockView, grants: [{ ...grantView, metadata: "x".repeat(600_000) }] };
  const locks = ["a", "b", "c"].map((lock) => ({ ...large, lock }));
  const list = { prefix: "", owner: "", leaseId: 0n, minAgeMs: 0n, pageSize: 0, pageToken: "" };
  const page = rows.listLocks.fromAnswer({ type: "locksSeen", locks, next: null }, list);
  assert.ok(!isFailure(page));
  assert.equal(
    [page.locks.map(({ name }) => name), page.nextPageToken],
    [["a"], Buffer.from("a").toString("base64url")],
  );
  const waiter = {
    requestId: requestId("r"),
    owner: "me",
    lease: leaseId(7),
    context: "",
    demands: [{ lock: "a", mode: "exclusive", permits: 1, limit: 0 }],
    priority: 0,
    metadata: "",
    askedAt: wallTime(5.5),
    position: 3,
    estimate: null,
  } as const;
  const next = (after: string, total: number) => {
    const asked = { lock: "a", pageSize: 1, pageToken: after };
    const waiters = rows.listWaiters.fromAnswer({ type: "waitersSeen", waiters: [waiter], total }, asked);
    return isFailure(waiters) ? waiters : [waiters.nextPageToken, waiters.waiters[0]?.askedAtMs];
  };
  assert.equal(
    [next("2", 4), next("2", 3)],
    [
      ["3", 5n],
      ["", 5n],
    ],
  );
});

test.run();
