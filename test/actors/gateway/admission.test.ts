// Which requests enter, under which id, and for how long they are tried.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { send } from "../../../src/actors/actor.ts";
import { gateway } from "../../../src/actors/gateway/receive.ts";
import { fencingToken } from "../../../src/actors/scalars.ts";
import {
  acquire,
  answered,
  applied,
  at,
  cancelled,
  check,
  deadlineTimer,
  following,
  forward,
  forwarded,
  forwardedRequest,
  gatewayAfter,
  granted,
  leading,
  openLease,
  proposed,
  read,
  refusal,
  release,
  renew,
  renewed,
  replied,
  replies,
  request,
  retryTimer,
  room,
  standing,
  timeout,
  to,
} from "./builders.ts";

const { receive } = gateway;
const test = suite("actors/gateway: admission");

test("a write without a request id gets one of this start of this node, and never the same twice", () => {
  const state = gatewayAfter(...leading);
  assert.equal(receive(state, request(1, acquire("x")), at(0)), [
    deadlineTimer(5000),
    proposed({ id: "i-1", write: acquire("x") }),
  ]);
  assert.equal(receive(state, request(2, acquire("x")), at(0)), [proposed({ id: "i-2", write: acquire("x") })]);
});

test("a write keeps the request id that its client chose", () => {
  const state = gatewayAfter(...leading);
  assert.equal(receive(state, request(1, openLease, { id: "mine" }), at(0)), [
    deadlineTimer(5000),
    proposed({ id: "mine", write: openLease }),
  ]);
});

test("a read and a renewal are always requests of their own, whatever id the client gives", () => {
  const state = gatewayAfter(...leading);
  assert.equal(receive(state, request(1, check("x"), { id: "mine" }), at(0)), [deadlineTimer(5000), read("i-1", "x")]);
  assert.equal(receive(state, request(2, check("x"), { id: "mine" }), at(0)), [read("i-2", "x")]);
  assert.equal(receive(state, request(3, renew(4), { id: "mine" }), at(0)), [renewed("i-3", 4), retryTimer()]);
});

test("a repeat joins the request under way, and both get the answer if no leader had it before", () => {
  const state = gatewayAfter(applied(7), request(1, acquire("x"), { id: "mine" }));
  assert.equal(receive(state, request(2, { ...acquire("x") }, { id: "mine" }), at(1)), []);
  assert.equal(receive(state, standing("a"), at(2)).slice(1), [proposed({ id: "mine", write: acquire("x") })]);
  assert.equal(receive(state, applied(8, to("mine", granted)), at(3)), [answered(1, granted), answered(2, granted)]);
  assert.is(state.pending.size, 0);
});

test("a repeat that comes after a leader had the request waits for an answer of its own", () => {
  const state = gatewayAfter(...leading, request(1, acquire("x"), { id: "mine" }));
  assert.equal(receive(state, request(2, acquire("x"), { id: "mine" }), at(9)), []);
  assert.equal(receive(state, applied(8, to("mine", granted)), at(10)), [
    answered(1, granted),
    proposed({ id: "mine", write: acquire("x") }),
  ]);
  assert.equal(receive(state, applied(9, to("mine", granted)), at(11)), [answered(2, granted)]);
  assert.is(state.inflight, 0);
});

test("another write under the id of one that is under way is done under an id of its own", () => {
  const state = gatewayAfter(...leading, request(1, acquire("x"), { id: "mine" }));
  assert.equal(receive(state, request(2, acquire("y"), { id: "mine" }), at(0)), [
    proposed({ id: "i-1", write: acquire("y") }),
  ]);
});

test("what another owner asks for under the id of a request under way is no repeat of it", () => {
  const state = gatewayAfter(...leading, request(1, acquire("x"), { id: "mine" }));
  const ofAnother = { ...acquire("x"), owner: "another" };
  assert.equal(receive(state, request(2, ofAnother, { id: "mine" }), at(0)), [
    proposed({ id: "i-1", write: ofAnother }),
  ]);
});

test("more requests than inflightMax are refused at once, until one is answered", () => {
  const state = gatewayAfter(...leading);
  for (const call of [1, 2, 3, 4]) receive(state, request(call, acquire("x")), at(0));
  assert.equal(receive(state, request(5, check("x")), at(0)), [answered(5, refusal("overloaded"))]);
  receive(state, applied(8, to("i-1", granted)), at(1));
  assert.equal(receive(state, request(6, check("x")), at(1)), [read("i-5", "x")]);
  assert.is(gateway.inspect(state).inflight, 4);
  assert.is(gateway.inspect(state).refusedOverloaded, 1);
});

test("more bytes than inflightBytesMax are refused at once", () => {
  const state = gatewayAfter(...leading, request(1, acquire("x"), { bytes: 900 }));
  assert.equal(receive(state, request(2, check("x"), { bytes: 101 }), at(0)), [answered(2, refusal("overloaded"))]);
  assert.equal(receive(state, request(3, check("x"), { bytes: 100 }), at(0)), [read("i-2", "x")]);
  assert.is(gateway.inspect(state).inflightBytes, 1000);
});

test("calls that join count for the admission, and leave it with the request", () => {
  const state = gatewayAfter(...leading);
  for (const call of [1, 2, 3, 4]) receive(state, request(call, acquire("x"), { id: "mine" }), at(0));
  assert.equal(receive(state, request(5, acquire("x"), { id: "mine" }), at(0)), [answered(5, refusal("overloaded"))]);
  receive(state, applied(8, to("mine", granted)), at(1));
  receive(state, applied(9, to("mine", granted)), at(1));
  assert.equal([state.inflight, state.inflightBytes, state.calls.size], [0, 0, 0]);
});

test("a request of another node is refused when there is no room for it", () => {
  const state = gatewayAfter(...leading);
  for (const call of [1, 2, 3]) receive(state, request(call, acquire("x")), at(0));
  const two = forwarded("b", forwardedRequest("b-1", acquire("y")), forwardedRequest("b-2", acquire("y")));
  assert.equal(receive(state, two, at(0)), [
    replies("b", to("b-2", refusal("overloaded"))),
    proposed({ id: "b-1", write: acquire("y") }),
  ]);
});

test("a draining node refuses new calls, and finishes those under way and those of other nodes", () => {
  const state = gatewayAfter(...leading, request(1, acquire("x")));
  assert.equal(receive(state, { type: "drain" }, at(0)), []);
  assert.equal(receive(state, request(2, acquire("x")), at(0)), [answered(2, refusal("stopping"))]);
  assert.equal(receive(state, applied(8, to("i-1", granted)), at(1)), [answered(1, granted)]);
  assert.equal(receive(state, forwarded("b", forwardedRequest("b-1", acquire("y"))), at(1)), [
    proposed({ id: "b-1", write: acquire("y") }),
  ]);
});

test("on a nearly full disk the leader begins nothing new, and goes on to release, renew and read", () => {
  const state = gatewayAfter(...leading, room(true));
  assert.equal(receive(state, request(1, acquire("x")), at(0)), [answered(1, refusal("disk-full"))]);
  assert.equal(receive(state, request(2, openLease), at(0)), [answered(2, refusal("disk-full"))]);
  assert.equal(receive(state, request(3, release("x")), at(0)), [
    deadlineTimer(5000),
    proposed({ id: "i-1", write: release("x") }),
  ]);
  assert.equal(receive(state, request(4, renew(1)), at(0)), [renewed("i-2", 1), retryTimer()]);
  assert.equal(receive(state, request(5, check("x")), at(0)), [read("i-3", "x")]);
  receive(state, room(false), at(1));
  assert.equal(receive(state, request(6, acquire("x")), at(1)), [proposed({ id: "i-4", write: acquire("x") })]);
});

test("the leader whose disk is nearly full refuses what other nodes would begin", () => {
  const state = gatewayAfter(...leading, room(true));
  const both = forwarded("b", forwardedRequest("b-1", acquire("x")), forwardedRequest("b-2", release("x")));
  assert.equal(receive(state, both, at(0)), [
    deadlineTimer(5000),
    replies("b", to("b-1", refusal("disk-full"))),
    proposed({ id: "b-2", write: release("x") }),
  ]);
  assert.is(state.inflight, 1);
});

test("a follower whose own disk is nearly full forwards, for the leader's disk decides", () => {
  const state = gatewayAfter(...following, room(true));
  assert.equal(receive(state, request(1, acquire("x")), at(0)), [
    deadlineTimer(5000),
    forward("b", forwardedRequest("i-1", acquire("x"))),
    retryTimer(),
  ]);
});

test("a repeat is not refused for lack of room on disk if a leader may have begun it", () => {
  const state = gatewayAfter(...following, request(1, acquire("x")), room(true));
  assert.equal(receive(state, standing("a", { term: 2 }), at(1)).slice(1), [
    proposed({ id: "i-1", write: acquire("x") }),
  ]);
});

test("a write is born at what was committed when it was first sent, and stays so when it is sent again", () => {
  const state = gatewayAfter(standing(null, { committed: 7 }), request(1, acquire("x")));
  assert.equal(receive(state, standing("a", { committed: 40 }), at(1)).slice(1), [
    proposed({ id: "i-1", write: acquire("x"), bornAt: 40 }),
  ]);
  receive(state, applied(90), at(2));
  assert.equal(receive(state, standing("a", { term: 2, committed: 95 }), at(3)).slice(1), [
    proposed({ id: "i-1", write: acquire("x"), bornAt: 40 }),
  ]);
});

test("a write that another node sent keeps its birth", () => {
  const state = gatewayAfter(standing("a", { committed: 40 }));
  assert.equal(receive(state, forwarded("b", forwardedRequest("b-1", acquire("y"), { bornAt: 3 })), at(1)).slice(1), [
    proposed({ id: "b-1", write: acquire("y"), bornAt: 3 }),
  ]);
});

test("what raft and the lock actor say of the log is remembered, whichever is further", () => {
  const state = gatewayAfter(standing("a", { committed: 40 }), applied(30));
  assert.equal(receive(state, standing("a", { committed: 50 }), at(1)), [], "nobody is told, nothing is sent anew");
  assert.equal(receive(state, request(1, acquire("x")), at(1)).slice(1), [
    proposed({ id: "i-1", write: acquire("x"), bornAt: 50 }),
  ]);
});

test("a call that no leader had by its deadline is refused as no-leader", () => {
  const state = gatewayAfter(applied(7), request(1, acquire("x"), { budget: 100 }));
  assert.equal(receive(state, timeout("deadline"), at(100)), [answered(1, refusal("no-leader"))]);
  assert.is(state.inflight, 0);
});

test("a call that a leader had and that stays unanswered ends with an unknown outcome", () => {
  for (const operation of [acquire("x"), check("x"), renew(1)]) {
    const state = gatewayAfter(...leading, request(1, operation, { budget: 100 }));
    assert.equal(receive(state, timeout("deadline"), at(100)), [answered(1, refusal("unknown-outcome"))]);
    assert.equal(receive(state, applied(8, to("i-1", granted)), at(101)), []);
  }
});

test("each call keeps its own deadline, and one timer serves them all", () => {
  const state = gatewayAfter(applied(7));
  assert.equal(receive(state, request(1, acquire("x"), { id: "mine", budget: 900 }), at(0)), [deadlineTimer(900)]);
  assert.equal(receive(state, request(2, acquire("x"), { id: "mine", budget: 300 }), at(0)), [deadlineTimer(300)]);
  assert.equal(receive(state, request(3, acquire("y"), { budget: 400 }), at(0)), []);
  assert.equal(receive(state, timeout("deadline"), at(300)), [answered(2, refusal("no-leader")), deadlineTimer(100)]);
  assert.equal(receive(state, timeout("deadline"), at(400)), [answered(3, refusal("no-leader")), deadlineTimer(500)]);
  assert.equal(receive(state, timeout("deadline"), at(900)), [answered(1, refusal("no-leader"))]);
});

test("each call of a request keeps its own deadline, however many requests have come and gone meanwhile", () => {
  const state = gatewayAfter();
  for (const [call, budget] of [300, 600, 900].entries())
    receive(state, request(call, acquire("x"), { id: "mine", budget }), at(0));
  for (let call = 10; call < 30; call++) {
    receive(state, request(call, acquire("y"), { budget: 5000 }), at(0));
    receive(state, cancelled(call), at(0));
  }
  for (const [call, moment] of [300, 600, 900].entries())
    assert.equal(receive(state, timeout("deadline"), at(moment))[0], answered(call, refusal("no-leader")));
});

test("deadlines closer together than 10 ms share one run of the timer", () => {
  const state = gatewayAfter(applied(7), request(1, check("x"), { budget: 300 }));
  receive(state, request(2, check("x"), { budget: 301 }), at(0));
  assert.equal(receive(state, timeout("deadline"), at(300)), [answered(1, refusal("no-leader")), deadlineTimer(10)]);
});

test("the queue of deadlines stays in proportion to what may be under way, and loses none", () => {
  const state = gatewayAfter(...following);
  receive(state, request(1, acquire("x"), { id: "mine" }), at(0));
  receive(state, request(2, acquire("x"), { id: "mine", budget: 6000 }), at(0));
  for (let call = 3; call < 100; call += 1) {
    receive(state, request(call, check("x")), at(0));
    receive(state, replied("b", to(`i-${(call - 2).toString(36)}`, granted)), at(0));
  }
  assert.ok(state.deadlines.heap.length <= 2 * state.inflightMax + 1);
  assert.equal(receive(state, timeout("deadline"), at(5000))[0], answered(1, refusal("unknown-outcome")));
  assert.equal(receive(state, timeout("deadline"), at(6000)), [answered(2, refusal("unknown-outcome"))]);
});

test("a request of another node that has waited its budget is dropped without a word", () => {
  const state = gatewayAfter(...leading, forwarded("b", forwardedRequest("b-1", acquire("x"), { budget: 100 })));
  assert.equal(receive(state, timeout("deadline"), at(100)), []);
  assert.is(state.pending.size, 0);
});

test("a cancelled call gets no answer, and its write counts as under way until it is answered", () => {
  const state = gatewayAfter(...leading, request(1, acquire("x")));
  assert.equal(receive(state, cancelled(1), at(1)), []);
  assert.is(state.inflight, 1);
  assert.equal(receive(state, applied(8, to("i-1", granted)), at(2)), []);
  assert.is(state.inflight, 0);
});

test("a cancelled write that is never answered is given up at its deadline", () => {
  const state = gatewayAfter(...leading, request(1, acquire("x"), { budget: 100 }), cancelled(1));
  assert.equal(receive(state, timeout("deadline"), at(100)), []);
  assert.is(state.inflight, 0);
});

test("a cancelled read, or a write that no leader had, is forgotten at once", () => {
  const state = gatewayAfter(...leading, request(1, check("x")), cancelled(1));
  assert.is(state.inflight, 0);
  const waiting = gatewayAfter(applied(7), request(1, acquire("x")), cancelled(1), cancelled(1));
  assert.is(waiting.inflight, 0);
});

test("who cancels takes nothing from those who joined", () => {
  const state = gatewayAfter(applied(7), request(1, acquire("x"), { id: "mine" }));
  receive(state, request(2, acquire("x"), { id: "mine" }), at(0));
  receive(state, cancelled(1), at(0));
  receive(state, standing("a"), at(1));
  assert.equal(receive(state, applied(8, to("mine", granted)), at(2)), [answered(2, granted)]);
});

test("a count goes to the lock actor, and its answer to the call", () => {
  const state = gatewayAfter();
  const counts = { leases: 1, locks: 2, fencingCounter: fencingToken(3) };
  assert.equal(receive(state, { type: "count", call: 9 }, at(0)), [send("lock", { type: "count", call: 9 })]);
  assert.equal(receive(state, { type: "counted", call: 9, counts }, at(0)), [
    send("clients", { type: "counted", call: 9, counts }),
  ]);
});

test.run();
