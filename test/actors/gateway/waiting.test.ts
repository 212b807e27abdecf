// Requests that wait in the table's queues: who is told so, who gets the answer in the end, and how they are counted.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { gateway } from "../../../src/actors/gateway/receive.ts";
import { waitingBytesMax, waitingMax } from "../../../src/actors/gateway/state.ts";
import { leaseId } from "../../../src/actors/scalars.ts";
import {
  acquire,
  acquireAll,
  answered,
  applied,
  at,
  cancelled,
  deadlineTimer,
  following,
  forwarded,
  forwardedRequest,
  gatewayAfter,
  granted,
  leading,
  proposed,
  queued,
  refusal,
  replies,
  request,
  standing,
  timeout,
  to,
  toSending,
  waiting,
} from "./builders.ts";

const { receive } = gateway;
const test = suite("actors/gateway: waiting");

const wish = acquireAll("x");
const again = proposed({ id: "r", write: wish });
/** A call for `wish` under the id "r". */
const call = (number: number, budget = 60_000) => request(number, wish, { id: "r", budget });
/** The leader, where call 1 was told that it waits. */
const leaderWithWaiter = () => gatewayAfter(...leading, call(1), applied(7, to("r", queued())));

// Told, and answered.

test("a call is told that its request waits, and answered when the waiting ends", () => {
  const state = gatewayAfter(...leading);
  assert.equal(receive(state, call(1), at(0)), [deadlineTimer(60_000), again]);
  assert.equal(receive(state, applied(7, to("r", queued(3))), at(1)), [waiting(1, queued(3))]);
  assert.equal(receive(state, applied(7, to("r", granted)), at(30_000)), [answered(1, granted)]);
  assert.is(state.pending.size, 0);
});

test("every way in which a waiting ends is an answer", () => {
  const ways = [{ type: "waitOver" }, { type: "requestCancelled" }, { type: "leaseEnded", lease: leaseId(7) }] as const;
  for (const way of ways) {
    assert.equal(receive(leaderWithWaiter(), applied(7, to("r", way)), at(1)), [answered(1, way)]);
  }
});

test("a call whose request waits ends with an unknown outcome at its deadline", () => {
  const state = gatewayAfter(...leading, call(1, 900), applied(7, to("r", queued())));
  assert.equal(receive(state, timeout("deadline"), at(900)), [answered(1, refusal("unknown-outcome"))]);
  assert.equal([state.pending.size, state.waiting], [0, 0]);
});

test("that it waits may come after the answer, on another arrow, and is told to nobody then", () => {
  const state = gatewayAfter(...leading, call(1));
  assert.equal(receive(state, applied(7, to("r", granted)), at(1)), [answered(1, granted)]);
  assert.equal(receive(state, { type: "answers", answers: [to("r", queued())] }, at(2)), []);
});

test("another node is told under the sending that it sent, and answered under it", () => {
  const state = gatewayAfter(...leading, forwarded("b", forwardedRequest("r", wish, { sending: 4 })));
  assert.equal(receive(state, applied(7, to("r", queued())), at(1)), [replies("b", toSending(to("r", queued()), 4))]);
  assert.equal(receive(state, applied(7, to("r", granted)), at(2)), [replies("b", toSending(to("r", granted), 4))]);
  assert.is(state.pending.size, 0);
});

test("a waiting request whose client is gone is forgotten at once: the lock table goes on with it", () => {
  const state = leaderWithWaiter();
  assert.equal(receive(state, cancelled(1), at(1)), []);
  assert.equal([state.pending.size, state.waiting, state.inflight], [0, 0, 0]);
  const early = gatewayAfter(...leading, call(1), cancelled(1));
  assert.equal(receive(early, applied(7, to("r", queued())), at(1)), []);
  assert.is(early.pending.size, 0);
});

// Repeats.

test("a repeat is sent again, is told that it waits, and is answered with the first", () => {
  const state = leaderWithWaiter();
  assert.equal(receive(state, call(2), at(10)), [again]);
  assert.equal(receive(state, applied(7, to("r", queued())), at(11)), [waiting(2)]);
  assert.equal(receive(state, applied(7, to("r", granted)), at(20)), [answered(1, granted), answered(2, granted)]);
  assert.is(state.pending.size, 0);
});

test("repeats that come while one is sent again share the next", () => {
  const state = leaderWithWaiter();
  assert.equal(receive(state, call(2), at(10)), [again]);
  assert.equal(receive(state, call(3), at(10)), []);
  assert.equal(receive(state, applied(7, to("r", queued())), at(11)), [waiting(2), again]);
  assert.equal(receive(state, applied(7, to("r", queued())), at(12)), [waiting(3)]);
});

test("a repeat with less time to wait is the same request, one under another lease is not", () => {
  const state = leaderWithWaiter();
  const shorter = acquireAll("x", { wait: 5 as never, metadata: "again" });
  assert.equal(receive(state, request(2, shorter, { id: "r" }), at(10)).slice(1), [again]);
  const ofAnother = acquireAll("x", { under: { lease: leaseId(8) } });
  assert.equal(receive(state, request(3, ofAnother, { id: "r" }), at(10)), [proposed({ id: "i-1", write: ofAnother })]);
});

test("the end of the waiting is not for a repeat that came after it: that has an answer of its own", () => {
  const state = leaderWithWaiter();
  receive(state, call(2), at(10));
  // The grant was on its way when call 2 came, and may be over already; so it is asked for again.
  assert.equal(receive(state, applied(7, to("r", granted)), at(11)), [answered(1, granted), again]);
  assert.equal([state.inflight, state.waiting], [1, 0]);
  const over = { type: "grantOver", token: 1, how: "released" } as never;
  assert.equal(receive(state, applied(7, to("r", over)), at(12)), [answered(2, over)]);
  assert.is(state.inflight, 0);
});

test("a repeat is answered even if the news that it waits is overtaken by the end of the waiting", () => {
  const state = leaderWithWaiter();
  receive(state, call(2), at(10));
  assert.equal(receive(state, applied(7, to("r", granted)), at(11)), [answered(1, granted), again]);
  assert.equal(receive(state, { type: "answers", answers: [to("r", queued())] }, at(12)), [waiting(2)]);
  assert.equal(receive(state, applied(7, to("r", granted)), at(13)), [answered(2, granted)]);
  assert.equal([state.pending.size, state.inflight, state.waiting], [0, 0, 0]);
});

test("whoever comes back to a request that waits gets its end, though others have given up on it", () => {
  const state = leaderWithWaiter();
  for (const number of [2, 3, 4]) {
    receive(state, cancelled(number - 1), at(number));
    assert.equal(receive(state, call(number), at(number)), [again]);
    assert.equal(receive(state, applied(7, to("r", queued())), at(number)), [waiting(number)]);
  }
  assert.equal(receive(state, applied(7, to("r", granted)), at(9)), [answered(4, granted)]);
});

test("the end that somebody gave up on is not for whoever comes afterwards", () => {
  const state = leaderWithWaiter();
  receive(state, cancelled(1), at(1));
  receive(state, call(2), at(2));
  assert.equal(receive(state, applied(7, to("r", granted)), at(3)), [again]);
  assert.equal(receive(state, applied(7, to("r", granted)), at(4)), [answered(2, granted)]);
});

test("so many answers as may still come to what was given up are not for whoever comes afterwards", () => {
  const state = leaderWithWaiter();
  receive(state, call(2), at(1));
  for (const number of [1, 2]) receive(state, cancelled(number), at(2));
  receive(state, call(3), at(3));
  assert.equal(receive(state, applied(7, to("r", granted)), at(4)), [again], "the end of the waiting");
  assert.equal(receive(state, applied(7, to("r", granted)), at(5)), [again], "the answer to call 2");
  assert.equal(receive(state, applied(7, to("r", granted)), at(6)), [answered(3, granted)]);
});

test("an answer that is still to come when a request ends is not for whoever comes afterwards", () => {
  const state = leaderWithWaiter();
  receive(state, call(2), at(1));
  receive(state, cancelled(2), at(2));
  assert.equal(receive(state, applied(7, to("r", granted)), at(3)), [answered(1, granted)]);
  receive(state, call(3), at(4));
  assert.equal(receive(state, applied(7, to("r", granted)), at(5)), [again], "the answer to call 2");
  assert.equal(receive(state, applied(7, to("r", granted)), at(6)), [answered(3, granted)]);
});

// Other nodes, again.

test("a node that reminds of what it was told to wait for costs no entry of the log, and keeps its place until later", () => {
  const state = gatewayAfter(...leading, forwarded("b", forwardedRequest("r", wish, { budget: 100 })));
  receive(state, applied(7, to("r", queued())), at(1));
  assert.equal(receive(state, forwarded("b", forwardedRequest("r", wish, { budget: 100 })), at(50)), []);
  receive(state, timeout("deadline"), at(100));
  assert.equal(receive(state, applied(7, to("r", granted)), at(120)), [replies("b", to("r", granted))]);
});

test("a later sending of a node is for somebody new there: it is told, and answered once, under the later one", () => {
  const state = gatewayAfter(...leading, forwarded("b", forwardedRequest("r", wish)));
  receive(state, applied(7, to("r", queued())), at(1));
  const repeat = forwarded("b", forwardedRequest("r", wish, { sending: 5 }));
  assert.equal(receive(state, repeat, at(2)), [again]);
  assert.equal(receive(state, repeat, at(2)), [], "and once, however often it comes");
  assert.equal(receive(state, applied(7, to("r", queued())), at(3)), [replies("b", toSending(to("r", queued()), 5))]);
  assert.equal(receive(state, applied(7, to("r", granted)), at(4)), [replies("b", toSending(to("r", granted), 5))]);
});

test("a repeat by way of another node joins those who wait", () => {
  const state = leaderWithWaiter();
  assert.equal(receive(state, forwarded("b", forwardedRequest("r", wish, { budget: 60_000 })), at(2)), [again]);
  assert.equal(receive(state, applied(7, to("r", queued())), at(3)), [replies("b", to("r", queued()))]);
  assert.equal(receive(state, applied(7, to("r", granted)), at(4)), [
    answered(1, granted),
    replies("b", to("r", granted)),
  ]);
});

// Leaders come and go.

test("a leader that is elected again proposes what waits once more, and whoever knows that it waits is not told again", () => {
  const state = leaderWithWaiter();
  receive(state, standing(null, { term: 2 }), at(1));
  assert.equal(receive(state, standing("a", { term: 3 }), at(2)).slice(1), [again]);
  assert.equal(receive(state, applied(7, to("r", queued())), at(3)), []);
  assert.equal(receive(state, applied(7, to("r", granted)), at(4)), [answered(1, granted)]);
});

test("what was granted while another node led is answered by the repeat", () => {
  const state = leaderWithWaiter();
  receive(state, standing(null, { term: 2 }), at(1));
  receive(state, call(2), at(2));
  assert.equal(receive(state, standing("a", { term: 3 }), at(3)).slice(1), [again]);
  assert.equal(receive(state, applied(7, to("r", granted)), at(4)), [answered(1, granted), again]);
  assert.equal(receive(state, applied(7, to("r", granted)), at(5)), [answered(2, granted)]);
});

test("a repeat that came while nobody led is told that it waits by the next leader", () => {
  const state = leaderWithWaiter();
  receive(state, call(2), at(1));
  receive(state, standing(null, { term: 2 }), at(2));
  receive(state, call(3), at(3));
  assert.equal(receive(state, standing("a", { term: 3 }), at(4)).slice(1), [again]);
  assert.equal(receive(state, applied(7, to("r", queued())), at(5)), [waiting(2), waiting(3)]);
});

test("what raft was given is not sent again by a timer", () => {
  const state = leaderWithWaiter();
  assert.equal(receive(state, timeout("resend"), at(60_000)), []);
  assert.equal(receive(state, timeout("retry"), at(60_000)), []);
});

// Counted.

test("what waits is not under way: it takes no room from others", () => {
  const state = gatewayAfter(...leading);
  for (let number = 1; number <= 20; number += 1) {
    receive(state, request(number, acquireAll("x"), { id: `r${number}`, bytes: 900 }), at(0));
    receive(state, applied(7, to(`r${number}`, queued())), at(0));
  }
  const { inflight, inflightBytes, waiting, waitingBytes } = gateway.inspect(state);
  assert.equal(
    { inflight, inflightBytes, waiting, waitingBytes },
    {
      inflight: 0,
      inflightBytes: 0,
      waiting: 20,
      waitingBytes: 18_000,
    },
  );
  assert.equal(receive(state, request(21, acquire("y")), at(0)), [proposed({ id: "i-1", write: acquire("y") })]);
});

test("a repeat counts as under way until it is told, and a call that leaves no longer waits", () => {
  const state = leaderWithWaiter();
  receive(state, call(2), at(1));
  assert.equal([state.inflight, state.inflightBytes, state.waiting], [1, 10, 2]);
  receive(state, applied(7, to("r", queued())), at(2));
  assert.equal([state.inflight, state.inflightBytes, state.waiting], [0, 0, 2]);
  receive(state, cancelled(2), at(3));
  assert.equal([state.inflight, state.waiting, state.waitingBytes], [0, 1, 10]);
  receive(state, applied(7, to("r", granted)), at(4));
  assert.equal([state.inflight, state.waiting, state.waitingBytes], [0, 0, 0]);
});

test("a call that has come to its deadline no longer waits", () => {
  const state = leaderWithWaiter();
  receive(state, call(2, 900), at(1));
  receive(state, applied(7, to("r", queued())), at(2));
  assert.equal(receive(state, timeout("deadline"), at(901))[0], answered(2, refusal("unknown-outcome")));
  assert.is(state.waiting, 1);
});

test("where too many wait, or too many bytes do, what may wait is refused, and nothing else is", () => {
  for (const full of [{ waiting: waitingMax }, { waitingBytes: waitingBytesMax }]) {
    const state = Object.assign(gatewayAfter(...leading), full);
    assert.equal(receive(state, call(1), at(0)), [answered(1, refusal("overloaded"))]);
    const atOnce = acquireAll("x", { wait: 0 as never });
    assert.equal(receive(state, request(2, atOnce), at(0)).slice(1), [proposed({ id: "i-1", write: atOnce })]);
    assert.equal(receive(state, forwarded("b", forwardedRequest("r", wish)), at(0)), [
      replies("b", to("r", refusal("overloaded"))),
    ]);
  }
});

test("the queue of deadlines stays in proportion to what waits", () => {
  const state = gatewayAfter(...following, ...leading);
  for (let number = 1; number <= 3000; number += 1) {
    receive(state, request(number, wish, { id: `r${number}` }), at(0));
    receive(state, applied(7, to(`r${number}`, queued())), at(0));
    if (number > 10) receive(state, applied(7, to(`r${number - 10}`, granted)), at(0));
  }
  assert.ok(state.deadlines.heap.length <= 2 * state.inflightMax + 20);
});

test.run();
