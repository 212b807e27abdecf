// What waits on a follower: when its leader is reminded, and how it comes to the next leader.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Effect } from "../../../src/actors/actor.ts";
import { gateway } from "../../../src/actors/gateway/receive.ts";
import {
  acquireAll,
  answered,
  applied,
  at,
  cancelled,
  deadlineTimer,
  following,
  forward,
  forwardedRequest,
  gatewayAfter,
  granted,
  leading,
  link,
  proposed,
  queued,
  refusal,
  replied,
  request,
  resendTimer,
  retryTimer,
  standing,
  timeout,
  to,
  toSending,
  waiting,
} from "./builders.ts";

const { receive } = gateway;
const test = suite("actors/gateway: resending");

const wish = acquireAll("x");
/** A call for `wish` under the id "r", with a minute. */
const call = (number: number) => request(number, wish, { id: "r", budget: 60_000 });
const sent = (sending: number, now: number, node = "b") =>
  forward(node, forwardedRequest("r", wish, { budget: 60_000 - now, sending }));
/** A follower of b, where call 1 was told at 0 that it waits. */
const followerWithWaiter = () => gatewayAfter(...following, call(1), replied("b", to("r", queued())));
const newLeader = [standing("c", { term: 2 }), link("c", "c:9090")];

test("a follower's client is told that its request waits, and answered when the waiting ends", () => {
  const state = gatewayAfter(...following);
  assert.equal(receive(state, call(1), at(0)), [deadlineTimer(60_000), sent(1, 0), retryTimer()]);
  assert.equal(receive(state, replied("b", to("r", queued())), at(1)), [waiting(1), resendTimer(4999)]);
  assert.equal(receive(state, replied("b", to("r", granted)), at(30_000)), [answered(1, granted)]);
  assert.equal([state.pending.size, state.waiting], [0, 0]);
});

test("what waits is not sent again with what is unanswered, but ten times less often, as the same sending", () => {
  const state = followerWithWaiter();
  assert.equal(receive(state, timeout("retry"), at(500)), []);
  assert.equal(receive(state, timeout("resend"), at(4990)), [resendTimer(10)]);
  assert.equal(receive(state, timeout("resend"), at(5000)), [sent(1, 5000), resendTimer()]);
  assert.equal(receive(state, timeout("resend"), at(10_000)), [sent(1, 10_000), resendTimer()]);
});

test("a refusal says nothing of what waits", () => {
  const state = followerWithWaiter();
  assert.equal(receive(state, replied("b", to("r", refusal("overloaded"))), at(1)), []);
  assert.equal(receive(state, replied("b", to("r", granted)), at(2)), [answered(1, granted)]);
});

test("a repeat on a follower is sent to the leader at once, and soon again if that stays unanswered", () => {
  const state = followerWithWaiter();
  assert.equal(receive(state, call(2), at(100)), [sent(2, 0), resendTimer(500)]);
  assert.equal(receive(state, timeout("resend"), at(600)), [sent(3, 500), resendTimer(500)]);
  assert.equal(receive(state, replied("b", toSending(to("r", queued()), 3)), at(601)), [waiting(2)]);
  assert.equal(receive(state, replied("b", toSending(to("r", granted), 3)), at(700)), [
    answered(1, granted),
    answered(2, granted),
  ]);
});

test("a late answer to an earlier sending is for those who came before it, and the others are asked for again", () => {
  const state = followerWithWaiter();
  receive(state, call(2), at(0));
  assert.equal(receive(state, replied("b", to("r", queued())), at(1)), [], "told already, and not for call 2");
  assert.equal(receive(state, replied("b", to("r", granted)), at(2)), [answered(1, granted), sent(3, 2)]);
  assert.equal(receive(state, replied("b", toSending(to("r", granted), 3)), at(3)), [answered(2, granted)]);
});

test("that it waits, said of an earlier request of the same id, is told to nobody", () => {
  const state = gatewayAfter(...following, call(1), cancelled(1), call(2));
  receive(state, replied("b", to("r", granted)), at(1));
  assert.equal(receive(state, replied("b", to("r", queued())), at(2)), []);
  assert.is(state.waiting, 0);
});

test("who comes back before it is known that the request waits is told so, though the first has gone", () => {
  const state = gatewayAfter(...following, call(1), cancelled(1), call(2));
  const both = forwardedRequest("r", wish, { bytes: 20, budget: 59_999, sending: 2 });
  assert.equal(receive(state, replied("b", to("r", queued())), at(1)), [forward("b", both), resendTimer(500)]);
  assert.equal(receive(state, replied("b", toSending(to("r", queued()), 2)), at(2)), [waiting(2)]);
});

test("a new leader is sent what waits, and whoever knows that it waits is not told again", () => {
  const state = followerWithWaiter();
  for (const letter of newLeader) receive(state, letter, at(100));
  assert.equal(receive(state, timeout("resend"), at(600)), [sent(3, 600, "c"), resendTimer(500)]);
  assert.equal(receive(state, replied("c", toSending(to("r", queued()), 3)), at(601)), []);
  assert.equal(receive(state, timeout("resend"), at(1100)), [resendTimer(4500)]);
  assert.equal(receive(state, replied("c", toSending(to("r", granted), 3)), at(1200)), [answered(1, granted)]);
});

test("a follower that comes to lead proposes what waited with the leader before", () => {
  const state = followerWithWaiter();
  assert.equal(receive(state, standing("a", { term: 2 }), at(1)).slice(1), [proposed({ id: "r", write: wish })]);
  assert.equal(receive(state, applied(8, to("r", granted)), at(2)), [answered(1, granted)]);
});

test("a leader that comes to follow sends what waits to the next", () => {
  const state = gatewayAfter(...leading, link("c", "c:9090"), call(1), applied(7, to("r", queued())));
  assert.equal(receive(state, standing("c", { term: 2 }), at(0)).slice(1), [sent(2, 0, "c"), resendTimer(500)]);
  assert.equal(receive(state, replied("c", toSending(to("r", granted), 2)), at(1)), [answered(1, granted)]);
});

test("after a broken connection the leader is reminded of all that waits with it, and of nothing while it is down", () => {
  const state = followerWithWaiter();
  receive(state, link("b", null), at(1));
  assert.equal(receive(state, timeout("resend"), at(5000)), []);
  assert.equal(receive(state, link("b", "b:9090"), at(6000)).slice(1), [sent(1, 6000), resendTimer()]);
});

test("a new leader is sent what waits a few at a time, and what does not wait at once", () => {
  const state = gatewayAfter(...following);
  for (let number = 1; number <= 600; number += 1) {
    receive(state, request(number, wish, { id: `r${number}` }), at(0));
    receive(state, replied("b", toSending(to(`r${number}`, queued()), number)), at(0));
  }
  receive(state, request(601, acquireAll("y", { wait: 0 as never }), { id: "now" }), at(0));
  receive(state, link("c", "c:9090"), at(0));
  const slices = (effects: Effect<"gateway">[]) =>
    effects.flatMap((effect) =>
      effect.type === "send" && effect.letter.type === "forward" ? [effect.letter.requests] : [],
    );
  const sizes = (effects: Effect<"gateway">[]): number[] => slices(effects).map(({ length }) => length);
  const [first, slice] = slices(receive(state, standing("c", { term: 2 }), at(1)));
  assert.equal([first?.length, slice?.length], [1, 256]);
  assert.equal(
    sizes(receive(state, timeout("resend"), at(11))),
    [],
    "until it has dealt with these it is sent no more",
  );
  for (const { requestId, sending } of slice?.slice(0, 100) ?? []) {
    receive(state, replied("c", toSending(to(requestId, queued()), sending)), at(12));
  }
  assert.equal(sizes(receive(state, timeout("resend"), at(21))), [100]);
  // What stays unanswered was lost: it is sent again, and holds nobody else up.
  assert.equal(sizes(receive(state, timeout("resend"), at(521))), [256]);
  assert.equal(sizes(receive(state, timeout("resend"), at(531))), []);
});

test("what is sent again is remembered in proportion to what waits, however often it is repeated", () => {
  const state = followerWithWaiter();
  for (let number = 2; number <= 3000; number += 1) {
    receive(state, call(number), at(number));
    receive(state, replied("b", toSending(to("r", queued()), number)), at(number));
    receive(state, cancelled(number), at(number));
  }
  assert.ok(state.resends.heap.length <= 1030, `${state.resends.heap.length}`);
  assert.equal(receive(state, timeout("resend"), at(8000)), [sent(3000, 5000), resendTimer()]);
});

test("100 000 requests that wait cost nothing while their leader stays, but a reminder each", () => {
  const state = gatewayAfter(...following);
  for (let number = 1; number <= 100_000; number += 1) {
    receive(state, request(number, wish, { id: `r${number}`, budget: 1e9 }), at(number / 100));
    receive(state, replied("b", toSending(to(`r${number}`, queued()), number)), at(number / 100));
  }
  let reminders = 0;
  let runs = 0;
  for (let now: number | null = 5000; now !== null && now < 10_000; runs += 1) {
    let next: number | null = null;
    for (const effect of receive(state, timeout("resend"), at(now))) {
      if (effect.type === "setTimer") next = now + effect.min;
      else if (effect.type === "send" && effect.letter.type === "forward") reminders += effect.letter.requests.length;
    }
    now = next;
  }
  assert.is(reminders, 100_000);
  assert.ok(runs <= 501, `${runs} runs`);
  assert.ok(state.resends.heap.length <= 2 * state.waiting + 1025);
});

test.run();
