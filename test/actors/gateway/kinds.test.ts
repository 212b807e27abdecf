// What each operation of the native interface is to the gateway: a write or a read, something that takes room or gives it back,
// and when two of them are one request.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { send } from "../../../src/actors/actor.ts";
import { gateway } from "../../../src/actors/gateway/receive.ts";
import type { Look, Write } from "../../../src/actors/operations.ts";
import { fencingToken, leaseId, millis, requestId } from "../../../src/actors/scalars.ts";
import {
  acquireAll,
  answered,
  at,
  deadlineTimer,
  following,
  forward,
  forwardedRequest,
  gatewayAfter,
  leading,
  proposed,
  refusal,
  request,
  retryTimer,
  room,
} from "./builders.ts";

const { receive } = gateway;
const test = suite("actors/gateway: kinds of operations");

const lease = leaseId(7);
const token = fencingToken(1);
const looks: Look[] = [
  { type: "inspect", lock: "x", token: null },
  { type: "list", prefix: "a", owner: "", lease: null, grantedBefore: null, after: "", limit: 10 },
  { type: "waiters", lock: "x", after: 0, limit: 10 },
  { type: "leases", owner: "", after: leaseId(0), limit: 10 },
  { type: "waits", limit: 10 },
];
/** Each beside others that are not the same. */
const writes: readonly (readonly [Write, ...Write[]])[] = [
  [
    { type: "endLease", lease },
    { type: "endLease", lease: leaseId(8) },
  ],
  [
    { type: "releaseAll", lease, token },
    { type: "releaseAll", lease: leaseId(8), token },
    { type: "releaseAll", lease, token: fencingToken(2) },
  ],
  [
    { type: "cancel", request: requestId("q"), lease },
    { type: "cancel", request: requestId("p"), lease },
    { type: "cancel", request: requestId("q"), lease: null },
  ],
  [
    { type: "proclaim", lock: "x", lease, token, metadata: "me" },
    { type: "proclaim", lock: "y", lease, token, metadata: "me" },
    { type: "proclaim", lock: "x", lease: leaseId(8), token, metadata: "me" },
    { type: "proclaim", lock: "x", lease, token: fencingToken(2), metadata: "me" },
    { type: "proclaim", lock: "x", lease, token, metadata: "you" },
  ],
  [
    { type: "askYield", lock: "x", token, reason: "why", grace: millis(5), force: true },
    { type: "askYield", lock: "y", token, reason: "why", grace: millis(5), force: true },
    { type: "askYield", lock: "x", token: null, reason: "why", grace: millis(5), force: true },
    { type: "askYield", lock: "x", token, reason: "so", grace: millis(5), force: true },
    { type: "askYield", lock: "x", token, reason: "why", grace: millis(6), force: true },
    { type: "askYield", lock: "x", token, reason: "why", grace: millis(5), force: false },
  ],
  [
    { type: "forceRelease", lock: "x", token, reason: "why" },
    { type: "forceRelease", lock: "y", token, reason: "why" },
    { type: "forceRelease", lock: "x", token: null, reason: "why" },
    { type: "forceRelease", lock: "x", token, reason: "so" },
  ],
  [
    acquireAll("x"),
    acquireAll("x", { owner: "you" }),
    acquireAll("x", { under: { lease: leaseId(8) } }),
    acquireAll("x", { under: { ttl: millis(9) } }),
  ],
];

test("a look is a confirmed read, and always a request of its own", () => {
  for (const look of looks) {
    const state = gatewayAfter(...leading);
    const query = (id: string) =>
      send("raft", { type: "read", queries: [{ type: "look" as const, requestId: requestId(id), look }] });
    assert.equal(receive(state, request(1, look, { id: "mine" }), at(0)), [deadlineTimer(5000), query("i-1")]);
    assert.equal(receive(state, request(2, look, { id: "mine" }), at(0)), [query("i-2")]);
  }
});

test("a follower forwards a look to the leader", () => {
  for (const look of looks) {
    assert.equal(receive(gatewayAfter(...following), request(1, look), at(0)), [
      deadlineTimer(5000),
      forward("b", forwardedRequest("i-1", look)),
      retryTimer(),
    ]);
  }
});

test("every other operation goes through the log, under the id that its client chose", () => {
  for (const [write] of writes) {
    assert.equal(receive(gatewayAfter(...leading), request(1, write, { id: "mine" }), at(0)), [
      deadlineTimer(5000),
      proposed({ id: "mine", write }),
    ]);
  }
});

test("a repeat joins the request under way; another request under its id is done under an id of its own", () => {
  for (const [write, ...others] of writes) {
    const state = gatewayAfter(...leading, request(1, write, { id: "mine" }));
    assert.equal(receive(state, request(2, { ...write }, { id: "mine" }), at(0)), []);
    for (const other of others) {
      const fresh = gatewayAfter(...leading, request(1, write, { id: "mine" }));
      assert.equal(receive(fresh, request(2, other, { id: "mine" }), at(0)), [proposed({ id: "i-1", write: other })]);
    }
  }
});

test("a request for locks is the same whatever it says of them now: under one id nothing else is asked for", () => {
  const state = gatewayAfter(...leading, request(1, acquireAll("x"), { id: "mine" }));
  const changed = acquireAll("y", { wait: millis(1), priority: 3, metadata: "again", context: "c", delay: millis(1) });
  assert.equal(receive(state, request(2, changed, { id: "mine" }), at(0)), []);
});

test("on a nearly full disk no locks are given out, and whatever gives some back goes on", () => {
  for (const [write] of writes) {
    const effects = receive(gatewayAfter(...leading, room(true)), request(1, write, { id: "mine" }), at(0));
    const isRefused = write.type === "acquireAll";
    assert.equal(
      effects,
      isRefused ? [answered(1, refusal("disk-full"))] : [deadlineTimer(5000), proposed({ id: "mine", write })],
    );
  }
});

test.run();
