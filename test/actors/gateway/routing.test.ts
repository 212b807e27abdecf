// Where requests go, when they go again, and to whom answers belong.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Effect, send } from "../../../src/actors/actor.ts";
import { gateway } from "../../../src/actors/gateway/receive.ts";
import type { Standing } from "../../../src/actors/operations.ts";
import { nodeId, term } from "../../../src/actors/scalars.ts";
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
  free,
  gatewayAfter,
  granted,
  held,
  leading,
  link,
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
  standing,
  timeout,
  to,
  toSending,
} from "./builders.ts";

const { receive } = gateway;
const test = suite("actors/gateway: routing");

const told = (standing: Partial<Standing>): Effect<"gateway"> =>
  send("clients", {
    type: "standing",
    standing: {
      role: "follower",
      term: term(1),
      leader: null,
      leaderAddress: null,
      leaderReachable: false,
      ...standing,
    },
  });

test("without a leader a request is held; when this node leads all go at once, in their order", () => {
  const state = gatewayAfter(applied(7));
  assert.equal(receive(state, request(1, acquire("x")), at(0)), [deadlineTimer(5000)]);
  receive(state, request(2, renew(3)), at(0));
  receive(state, request(3, acquire("y")), at(0));
  receive(state, request(4, check("z")), at(0));
  assert.equal(receive(state, standing("a"), at(5)), [
    told({ role: "leader", leader: nodeId("a"), leaderReachable: true }),
    proposed({ id: "i-1", write: acquire("x") }, { id: "i-3", write: acquire("y") }),
    read("i-4", "z"),
    renewed("i-2", 3),
    retryTimer(),
  ]);
});

test("a follower forwards to the leader with the time that is left", () => {
  const state = gatewayAfter(applied(7), link("b", "b:9090"), request(1, acquire("x"), { budget: 1000 }));
  assert.equal(receive(state, standing("b"), at(400)), [
    told({ leader: nodeId("b"), leaderAddress: "b:9090", leaderReachable: true }),
    forward("b", forwardedRequest("i-1", acquire("x"), { budget: 600 })),
    retryTimer(),
  ]);
});

test("the leader's reply answers the call", () => {
  const state = gatewayAfter(...following, request(1, acquire("x")));
  assert.equal(receive(state, replied("b", to("i-1", granted)), at(1)), [answered(1, granted)]);
  assert.equal(receive(state, replied("b", to("i-1", granted)), at(2)), []);
});

test("the leader answers all requests of one node in one letter, and its own clients each", () => {
  const state = gatewayAfter(...leading, request(1, acquire("x")));
  receive(state, forwarded("b", forwardedRequest("b-1", acquire("y")), forwardedRequest("b-2", release("z"))), at(0));
  const answers = [to("b-1", granted), to("i-1", granted), to("b-2", { type: "notHeld" as const })];
  assert.equal(receive(state, applied(8, ...answers), at(1)), [
    answered(1, granted),
    replies("b", to("b-1", granted), to("b-2", { type: "notHeld" })),
  ]);
});

test("answers that name a holder come from the lease actor", () => {
  const state = gatewayAfter(...leading, request(1, acquire("x")));
  assert.equal(receive(state, { type: "answers", answers: [to("i-1", held)] }, at(1)), [answered(1, held)]);
});

test("every change of standing sends everything that is unanswered to where the leader is now", () => {
  const state = gatewayAfter(...leading, link("c", "c:9090"), request(1, acquire("x")), request(2, check("y")));
  assert.equal(receive(state, standing(null, { term: 2 }), at(1)), [told({ term: term(2) })]);
  assert.equal(receive(state, standing("c", { term: 2 }), at(2)), [
    told({ term: term(2), leader: nodeId("c"), leaderAddress: "c:9090", leaderReachable: true }),
    forward(
      "c",
      forwardedRequest("i-1", acquire("x"), { budget: 4998, sending: 3 }),
      forwardedRequest("i-2", check("y"), { budget: 4998, sending: 4 }),
    ),
    retryTimer(),
  ]);
  assert.equal(receive(state, standing("a", { term: 3 }), at(3)).slice(1), [
    proposed({ id: "i-1", write: acquire("x") }),
    read("i-2", "y"),
  ]);
});

test("what nobody waits for any more is not sent again", () => {
  const state = gatewayAfter(...leading, request(1, acquire("x")), cancelled(1));
  assert.equal(receive(state, standing("a", { term: 2 }), at(1)).slice(1), []);
  assert.is(state.inflight, 0);
});

test("a request that another node sent is never sent on", () => {
  const state = gatewayAfter(...following);
  assert.equal(receive(state, forwarded("c", forwardedRequest("c-1", acquire("x"))), at(0)), []);
  assert.is(state.pending.size, 0);
});

test("requests of other nodes are held while no leader is known, and done if this node comes to lead", () => {
  const state = gatewayAfter(applied(7));
  assert.equal(receive(state, forwarded("c", forwardedRequest("c-1", acquire("x"))), at(0)), [deadlineTimer(5000)]);
  assert.equal(receive(state, standing("a"), at(1)).slice(1), [proposed({ id: "c-1", write: acquire("x") })]);
});

test("requests of other nodes are dropped when another node comes to lead", () => {
  const state = gatewayAfter(applied(7), link("b", "b:9090"), forwarded("c", forwardedRequest("c-1", acquire("x"))));
  assert.equal(receive(state, standing("b"), at(1)).slice(1), []);
  assert.is(state.inflight, 0);
});

test("a request forwarded again while it is under way is done once and answered once", () => {
  const state = gatewayAfter(...leading, forwarded("b", forwardedRequest("b-1", acquire("x"))));
  assert.equal(receive(state, forwarded("b", forwardedRequest("b-1", acquire("x"))), at(500)), []);
  assert.is(state.inflight, 1);
  assert.equal(receive(state, applied(8, to("b-1", granted)), at(501)), [replies("b", to("b-1", granted))]);
});

test("a request forwarded again with a later deadline is kept until then", () => {
  const state = gatewayAfter(...leading, forwarded("b", forwardedRequest("b-1", acquire("x"), { budget: 100 })));
  receive(state, forwarded("b", forwardedRequest("b-1", acquire("x"), { budget: 100 })), at(50));
  assert.equal(receive(state, timeout("deadline"), at(100)), [deadlineTimer(50)]);
  receive(state, timeout("deadline"), at(150));
  assert.is(state.pending.size, 0);
});

test("a repeat by way of another node is sent again for that node after the first is answered", () => {
  const state = gatewayAfter(...leading, forwarded("b", forwardedRequest("mine", acquire("x"))));
  assert.equal(receive(state, forwarded("c", forwardedRequest("mine", acquire("x"), { bornAt: 5 })), at(1)), []);
  assert.equal(receive(state, applied(8, to("mine", granted)), at(2)), [
    replies("b", to("mine", granted)),
    proposed({ id: "mine", write: acquire("x"), bornAt: 5 }),
  ]);
  assert.equal(receive(state, applied(9, to("mine", granted)), at(3)), [replies("c", to("mine", granted))]);
});

test("another write that a node forwards under the id of one under way is not mistaken for it", () => {
  const state = gatewayAfter(...leading, forwarded("b", forwardedRequest("mine", acquire("x"))));
  assert.equal(receive(state, forwarded("c", forwardedRequest("mine", acquire("y"))), at(1)), []);
  assert.equal(receive(state, applied(8, to("mine", granted)), at(2)), [replies("b", to("mine", granted))]);
});

test("a forwarded request that stays unanswered for retryMs is sent again", () => {
  const state = gatewayAfter(...following, request(1, acquire("x")));
  receive(state, request(2, acquire("y")), at(200));
  assert.equal(receive(state, timeout("retry"), at(500)), [
    retryTimer(200),
    forward("b", forwardedRequest("i-1", acquire("x"), { budget: 4500, sending: 3 })),
  ]);
  receive(state, replied("b", toSending(to("i-2", granted), 2)), at(600));
  assert.equal(receive(state, timeout("retry"), at(700)), [retryTimer(300)]);
  receive(state, replied("b", to("i-1", granted)), at(800));
  assert.equal(receive(state, timeout("retry"), at(1000)), []);
});

test("what was given to this node's raft is not sent again by a timer, and a renewal is", () => {
  const state = gatewayAfter(...leading, request(1, acquire("x")), request(2, check("y")), request(3, renew(4)));
  assert.equal(receive(state, timeout("retry"), at(500)), [renewed("i-3", 4), retryTimer()]);
});

test("nothing is sent to a leader that cannot be reached; all of it goes when the connection comes up", () => {
  const state = gatewayAfter(standing("b"), applied(7));
  assert.equal(receive(state, request(1, acquire("x"), { budget: 1000 }), at(0)), [deadlineTimer(1000)]);
  assert.equal(receive(state, link("c", "c:9090"), at(1)), []);
  assert.equal(receive(state, link("b", "b:9090"), at(2)), [
    told({ leader: nodeId("b"), leaderAddress: "b:9090", leaderReachable: true }),
    forward("b", forwardedRequest("i-1", acquire("x"), { budget: 998 })),
    retryTimer(),
  ]);
});

test("a call that never reached the leader ends as no-leader, for nothing was done", () => {
  const state = gatewayAfter(standing("b"), applied(7), request(1, acquire("x"), { budget: 1000 }));
  assert.equal(receive(state, timeout("deadline"), at(1000)), [answered(1, refusal("no-leader"))]);
});

test("what was under way to the leader when the connection broke is sent again when it is back", () => {
  const state = gatewayAfter(...following, request(1, check("x")));
  assert.equal(receive(state, link("b", null), at(1)), [told({ leader: nodeId("b"), leaderAddress: "b:9090" })]);
  assert.equal(receive(state, timeout("retry"), at(500)), []);
  assert.equal(receive(state, link("b", "b:9090"), at(600)), [
    told({ leader: nodeId("b"), leaderAddress: "b:9090", leaderReachable: true }),
    forward("b", forwardedRequest("i-1", check("x"), { budget: 4400, sending: 2 })),
    retryTimer(),
  ]);
});

test("a connection that was down for a moment has everything sent again at once, and another one's nothing", () => {
  const state = gatewayAfter(...following, request(1, check("x")), link("b", null));
  assert.equal(receive(state, link("c", "c:9090"), at(1)), []);
  assert.equal(receive(state, link("b", "b:9090"), at(2)).slice(1), [
    forward("b", forwardedRequest("i-1", check("x"), { budget: 4998, sending: 2 })),
  ]);
  assert.equal(receive(state, link("c", "c:9091"), at(3)), []);
});

test("a refusal of the leader's gateway is the answer if the request was sent once", () => {
  const state = gatewayAfter(...following, request(1, acquire("x")));
  assert.equal(receive(state, replied("b", to("i-1", refusal("overloaded"))), at(1)), [
    answered(1, refusal("overloaded")),
  ]);
});

test("a refusal proves nothing about a write that was sent before: it is tried on, and ends unknown", () => {
  const state = gatewayAfter(...following, link("c", "c:9090"), request(1, acquire("x"), { budget: 1000 }));
  receive(state, standing("c", { term: 2 }), at(1));
  assert.equal(receive(state, replied("c", toSending(to("i-1", refusal("disk-full")), 2)), at(2)), []);
  assert.equal(receive(state, timeout("retry"), at(501)), [
    forward("c", forwardedRequest("i-1", acquire("x"), { budget: 499, sending: 3 })),
    retryTimer(),
  ]);
  assert.equal(receive(state, timeout("deadline"), at(1000)), [answered(1, refusal("unknown-outcome"))]);
});

test("an answer to what was sent before a call came is not for it, however often it was given up before", () => {
  const state = gatewayAfter(...following, request(1, acquire("x"), { id: "r", budget: 100 }));
  receive(state, timeout("deadline"), at(100));
  receive(state, request(2, acquire("x"), { id: "r" }), at(200));
  // The first answer comes late, and once more: whoever asks now would count its ttl from too late a moment.
  const again = (sending: number) => [forward("b", forwardedRequest("r", acquire("x"), { budget: 4900, sending }))];
  assert.equal(receive(state, replied("b", toSending(to("r", granted), 1)), at(300)), again(3));
  assert.equal(receive(state, replied("b", toSending(to("r", granted), 1)), at(300)), again(4));
  assert.equal(receive(state, replied("b", toSending(to("r", granted), 2)), at(301)), [answered(2, granted)]);
});

test("a refusal of a node that is no longer asked counts for nothing, an outcome counts from anywhere", () => {
  const state = gatewayAfter(...following, link("c", "c:9090"), request(1, check("x")));
  receive(state, standing("c", { term: 2 }), at(1));
  assert.equal(receive(state, replied("b", to("i-1", refusal("overloaded"))), at(2)), []);
  assert.equal(receive(state, replied("b", to("i-1", free)), at(3)), [answered(1, free)]);
});

test("clients learn of every change of standing once; the address outlives the connection, this node's own is null", () => {
  const state = gatewayAfter();
  const byB = { leader: nodeId("b"), leaderAddress: "b:9090" };
  assert.equal(receive(state, standing(null), at(0)), [told({})]);
  assert.equal(receive(state, standing(null), at(0)), []);
  assert.equal(receive(state, standing(null, { role: "candidate" }), at(0)), [told({ role: "candidate" })]);
  assert.equal(receive(state, standing(null), at(0)), [told({})]);
  assert.equal(receive(state, link("b", "b:9090"), at(0)), []);
  assert.equal(receive(state, standing("b"), at(0)), [told({ ...byB, leaderReachable: true })]);
  assert.equal(receive(state, link("b", null), at(0)), [told(byB)]);
  assert.equal(receive(state, standing("a"), at(0)), [
    told({ role: "leader", leader: nodeId("a"), leaderReachable: true }),
  ]);
  assert.equal(receive(state, standing(null, { role: "leader" }), at(0)), [told({ role: "leader" })]);
});

test.run();
