// What a request is to the gateway, and what an answer is to a client: every field, every row of the status tables, and the
// limits at their very edges. No socket is needed for that.

import { status } from "@grpc/grpc-js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ClientsToGateway } from "../../../src/actors/messages.ts";
import type { Answer } from "../../../src/actors/operations.ts";
import { fencingToken, instant, leaseId, millis, wallTime } from "../../../src/actors/scalars.ts";
import { newCalls } from "../../../src/transport/clients/calls.ts";
import { requestIdBytesMax, textBytesMax, textProblem, ttlProblem } from "../../../src/transport/clients/fields.ts";
import { type Desk, hashedRequestId, procedure } from "../../../src/transport/clients/procedure.ts";
import { statelessMethods } from "../../../src/transport/clients/stateless.ts";
import { LockStatus } from "../../../src/transport/generated/com/geastalt/lock/grpc/lock.ts";
import { grpcStatus, httpStatus, isFailure, lockStatus } from "../../../src/transport/status.ts";
import { holder, settings } from "./scripted-gateway.ts";

const test = suite("transport/clients/translation");

const arrivedAt = wallTime(1_700_000_000_000);

function openDesk() {
  const letters: ClientsToGateway[] = [];
  const post = (letter: ClientsToGateway): void => void letters.push(letter);
  const desk: Desk = {
    settings: settings(),
    post,
    now: () => instant(0),
    wallNow: () => arrivedAt,
    calls: newCalls(post),
    standing: () => null,
    regions: () => [],
  };
  return { desk, letters, methods: statelessMethods(desk) };
}

const request = { lockId: "the lock", clientId: "the client", timeoutMs: 7000n };
const asked = (requestId: string | null = null) =>
  ({ request, bytes: new Uint8Array(10), requestId, budget: millis(123) }) as const;

test("an acquire reaches the gateway with everything that was asked", () => {
  const { desk, letters, methods } = openDesk();
  procedure(desk, "lock.Service/AcquireLock", methods.acquireLock)(asked("an id"), () => assert.unreachable());
  assert.equal(letters, [
    {
      type: "request",
      call: 1,
      requestId: hashedRequestId("lock.Service/AcquireLock", "an id", new Uint8Array(10)),
      operation: { type: "acquire", lock: "the lock", owner: "the client", under: { ttl: 7000 }, askedAt: arrivedAt },
      // What it came in, and what it takes beside that.
      bytes: 10 + 64,
      budget: 123,
    },
  ]);
});

test("a request is known by procedure, header and bytes together", () => {
  const bytes = Buffer.from("bytes");
  const ids = [
    hashedRequestId("Service/Acquire", "header", bytes),
    hashedRequestId("Service/Release", "header", bytes),
    hashedRequestId("Service/Acquire", "another", bytes),
    hashedRequestId("Service/Acquire", "header", Buffer.from("others")),
    hashedRequestId("Service/Acquire", "headerb", Buffer.from("ytes")),
  ];
  assert.is(new Set(ids).size, ids.length);
  assert.is(hashedRequestId("Service/Acquire", "header", Buffer.from("bytes")), ids[0]);
});

test("a header, a name and a ttl may be as long as the limit and no longer", () => {
  const { desk, letters, methods } = openDesk();
  const acquire = procedure(desk, "lock.Service/AcquireLock", methods.acquireLock);
  assert.type(
    acquire(asked("x".repeat(requestIdBytesMax)), () => assert.unreachable()),
    "number",
  );
  const results: unknown[] = [];
  acquire(asked("x".repeat(requestIdBytesMax + 1)), (result) => results.push(result));
  assert.is(letters.length, 1);
  assert.is(results.length, 1);
  assert.is(textProblem("name", "x".repeat(textBytesMax)), null);
  assert.match(textProblem("name", "x".repeat(textBytesMax + 1)) ?? "", "limit is 512");
  assert.match(textProblem("name", "ä".repeat(textBytesMax / 2 + 1)) ?? "", "limit is 512");
  const limits = settings({ leaseMsMax: millis(3_600_999) });
  assert.equal(
    [0n, 1n, 3600n, 3601n].map((seconds) => ttlProblem("ttl", seconds, limits) === null),
    [false, true, true, false],
  );
});

test("once the node stops no call begins, and whoever asks is told", () => {
  const { desk, letters, methods } = openDesk();
  desk.calls.close();
  const results: unknown[] = [];
  const call = procedure(desk, "lock.Service/AcquireLock", methods.acquireLock)(asked(), (one) => results.push(one));
  assert.equal([call, letters.length, desk.calls.underWay()], [null, 0, 0]);
  const [failure] = results as [object];
  assert.ok(isFailure(failure) && failure.reason === "stopping");
});

test("what is left of a lock is told in whole milliseconds, rounded up and never below 0", () => {
  const { methods } = openDesk();
  const rows: [number, bigint][] = [
    [1233.2, 1234n],
    [0.4, 1n],
    [0, 0n],
    [-3, 0n],
  ];
  for (const [remaining, ttlMs] of rows) {
    const locked: Answer = { type: "locked", holder: { ...holder, remaining: millis(remaining) } };
    const told = methods.checkLock.response(locked, { lockId: "lock" }, arrivedAt);
    assert.ok(!isFailure(told));
    assert.equal([told.ttlMs, told.expiresAt], [ttlMs, BigInt(Math.floor(arrivedAt + remaining))]);
  }
});

test("a grant expires its ttl after the request came", () => {
  const { methods } = openDesk();
  const granted: Answer = { type: "granted", lease: leaseId(1), token: fencingToken(5), ttl: millis(7000) };
  const told = methods.acquireLock.response(granted, request, arrivedAt);
  assert.ok(!isFailure(told));
  assert.equal([told.fencingToken, told.expiresAt], [5n, BigInt(arrivedAt + 7000)]);
});

const { FAILED_PRECONDITION, INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAVAILABLE } = status;

test("every reason has its status of gRPC and of HTTP", () => {
  const rows: [keyof typeof grpcStatus, status, number][] = [
    ["no-leader", UNAVAILABLE, 503],
    ["unknown-outcome", UNAVAILABLE, 503],
    ["overloaded", RESOURCE_EXHAUSTED, 429],
    ["disk-full", RESOURCE_EXHAUSTED, 507],
    ["no-quorum", UNAVAILABLE, 503],
    ["stopping", UNAVAILABLE, 503],
    ["held", FAILED_PRECONDITION, 409],
    ["grantOver", FAILED_PRECONDITION, 412],
    ["leaseUnknown", NOT_FOUND, 404],
    ["leaseEnded", FAILED_PRECONDITION, 412],
    ["leaseOfAnother", PERMISSION_DENIED, 403],
    ["notHeld", NOT_FOUND, 404],
    ["grantExpired", FAILED_PRECONDITION, 412],
    ["staleToken", FAILED_PRECONDITION, 412],
    ["heldByAnotherLease", PERMISSION_DENIED, 403],
    ["heldByAnotherOwner", PERMISSION_DENIED, 403],
    ["forgotten", FAILED_PRECONDITION, 412],
    ["busy", FAILED_PRECONDITION, 409],
    ["waitOver", FAILED_PRECONDITION, 409],
    ["requestCancelled", FAILED_PRECONDITION, 409],
    ["deadlock", FAILED_PRECONDITION, 409],
    ["limitDiffers", FAILED_PRECONDITION, 409],
    ["queueFull", RESOURCE_EXHAUSTED, 429],
    ["invalid", INVALID_ARGUMENT, 400],
    ["revisionGone", status.OUT_OF_RANGE, 410],
    ["unread", RESOURCE_EXHAUSTED, 429],
    ["unserved", status.UNIMPLEMENTED, 501],
    ["unexpected", status.INTERNAL, 500],
  ];
  for (const [reason, grpc, http] of rows) assert.equal([grpcStatus[reason], httpStatus[reason]], [grpc, http], reason);
  assert.is(rows.length, Object.keys(grpcStatus).length);
});

test("every answer has its status in the stateless interface", () => {
  const rows: { readonly [Row in keyof typeof lockStatus]: LockStatus | null } = {
    granted: LockStatus.LOCK_STATUS_OK,
    released: LockStatus.LOCK_STATUS_OK,
    locked: LockStatus.LOCK_STATUS_OK,
    free: LockStatus.LOCK_STATUS_NOT_FOUND,
    held: LockStatus.LOCK_STATUS_ALREADY_LOCKED,
    grantOver: LockStatus.LOCK_STATUS_EXPIRED,
    notHeld: LockStatus.LOCK_STATUS_NOT_FOUND,
    grantExpired: LockStatus.LOCK_STATUS_EXPIRED,
    staleToken: LockStatus.LOCK_STATUS_INVALID_TOKEN,
    heldByAnotherLease: LockStatus.LOCK_STATUS_INVALID_TOKEN,
    heldByAnotherOwner: LockStatus.LOCK_STATUS_ERROR,
    forgotten: LockStatus.LOCK_STATUS_ERROR,
    invalid: LockStatus.LOCK_STATUS_ERROR,
    leaseOpened: null,
    leaseRenewed: null,
    leaseUnknown: null,
    leaseEnded: null,
    leaseOfAnother: null,
    queued: null,
    busy: null,
    waitOver: null,
    requestCancelled: null,
    deadlock: null,
    limitDiffers: null,
    queueFull: null,
    cancelled: null,
    leaseClosed: null,
    proclaimed: null,
    yieldAsked: null,
    forced: null,
    lockSeen: null,
    locksSeen: null,
    waitersSeen: null,
    leasesSeen: null,
    waitsSeen: null,
    unserved: null,
    revisionGone: null,
    unread: null,
    unexpected: null,
    "no-leader": LockStatus.LOCK_STATUS_NOT_LEADER,
    "unknown-outcome": LockStatus.LOCK_STATUS_TIMEOUT,
    "no-quorum": LockStatus.LOCK_STATUS_QUORUM_FAILED,
    overloaded: null,
    "disk-full": null,
    stopping: null,
  };
  assert.equal({ ...lockStatus }, rows);
});

test.run();
