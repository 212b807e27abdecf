// Watches: served by this node's own lock table, whoever leads.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Inbox, send } from "../../../src/actors/actor.ts";
import { gateway } from "../../../src/actors/gateway/receive.ts";
import type { CallId, Watched } from "../../../src/actors/messages.ts";
import type { WatchWish } from "../../../src/actors/operations.ts";
import { fencingToken, leaseId, logIndex, millis, regionId } from "../../../src/actors/scalars.ts";
import { answered, at, cancelled, config, following, gatewayAfter, leading, refusal } from "./builders.ts";

const { receive } = gateway;
const test = suite("actors/gateway: watching");

const wish: WatchWish = { what: { prefix: "a/" }, after: logIndex(4) };
const watch = (call: CallId): Inbox<"gateway"> => ({ type: "watch", call, wish });
const watched = (call: CallId): Watched => ({
  type: "watched",
  call,
  revision: logIndex(9),
  events: [
    {
      revision: logIndex(9),
      kind: "granted",
      lock: "a/b",
      owner: "me",
      lease: leaseId(1),
      token: fencingToken(2),
      text: "",
      span: millis(0),
      queue: 0,
    },
  ],
});

test("a watch goes to this node's lock actor, whoever leads and whether or not anybody does", () => {
  for (const letters of [leading, following, []]) {
    const state = gatewayAfter(...letters);
    assert.equal(receive(state, watch(1), at(0)), [send("lock", { type: "watch", call: 1, wish })]);
    assert.is(state.inflight, 0);
  }
});

test("what has happened is passed on to the watcher", () => {
  const state = gatewayAfter(watch(1));
  assert.equal(receive(state, watched(1), at(0)), [send("clients", watched(1))]);
  assert.equal(receive(state, watched(1), at(1)), [send("clients", watched(1))]);
});

test("a watcher whose revision is gone is told so, and watches no more", () => {
  const state = gatewayAfter(watch(1));
  const gone: Watched = { type: "watchGone", call: 1, oldest: logIndex(6) };
  assert.equal(receive(state, gone, at(0)), [send("clients", gone)]);
  assert.equal(receive(state, watched(1), at(1)), []);
  assert.equal(receive(state, cancelled(1), at(2)), []);
});

test("a watch that is cancelled is over at the lock actor as well, and what was on its way is for nobody", () => {
  const state = gatewayAfter(watch(1), watch(2));
  assert.equal(receive(state, cancelled(1), at(0)), [send("lock", { type: "unwatch", call: 1 })]);
  assert.equal(receive(state, watched(1), at(1)), []);
  assert.equal(receive(state, watched(2), at(1)), [send("clients", watched(2))]);
});

test("no more than 10 000 watch at once", () => {
  const state = gatewayAfter(...Array.from({ length: 10_000 }, (_, place) => watch(place)));
  assert.equal(receive(state, watch(10_000), at(0)), [answered(10_000, refusal("overloaded"))]);
  receive(state, cancelled(7), at(1));
  assert.equal(receive(state, watch(10_001), at(1)), [send("lock", { type: "watch", call: 10_001, wish })]);
});

test("a node that stops, or one of several regions, takes no watch", () => {
  const draining = gatewayAfter({ type: "drain" });
  assert.equal(receive(draining, watch(1), at(0)), [answered(1, refusal("stopping"))]);
  const regions = ["r", "s", "t"].map(regionId);
  const regional = gateway.start({ ...config, cluster: { ...config.cluster, regions } });
  assert.equal(receive(regional, watch(1), at(0)), [answered(1, refusal("unserved"))]);
});

test.run();
