// The gateway where there are several regions: the proposer decides, whatever is asked.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Effect, type Inbox, send } from "../../../src/actors/actor.ts";
import { gateway } from "../../../src/actors/gateway/receive.ts";
import type { GatewayState } from "../../../src/actors/gateway/state.ts";
import type { ForwardedRequest, RequestAnswer } from "../../../src/actors/messages.ts";
import { regionId } from "../../../src/actors/scalars.ts";
import {
  acquire,
  acquireAll,
  answered,
  applied,
  at,
  check,
  config,
  deadlineTimer,
  following,
  forward,
  forwarded,
  forwardedRequest,
  free,
  granted,
  leading,
  link,
  openLease,
  proposed,
  queued,
  refusal,
  release,
  renew,
  replied,
  replies,
  request,
  resendTimer,
  retryTimer,
  room,
  standing,
  timeout,
  to,
  waiting,
} from "./builders.ts";

const { receive } = gateway;
const test = suite("actors/gateway: regions");

function regionalAfter(...letters: Inbox<"gateway">[]): GatewayState {
  const regions = ["r", "s", "t"].map(regionId);
  const state = gateway.start({ ...config, cluster: { ...config.cluster, regions } });
  for (const letter of letters) gateway.receive(state, letter, at(0));
  return state;
}

const asked = (...requests: ForwardedRequest[]): Effect<"gateway"> => send("region", { type: "requests", requests });
const answers = (...given: RequestAnswer[]): Inbox<"gateway"> => ({ type: "answers", answers: given });

test("everything goes to the proposer, reads and renewals too", () => {
  for (const operation of [acquire("x"), release("x"), openLease, renew(3), check("x")]) {
    const state = regionalAfter(...leading);
    assert.equal(receive(state, request(1, operation, { budget: 900 }), at(0)), [
      deadlineTimer(900),
      asked(forwardedRequest("i-1", operation, { budget: 900 })),
      retryTimer(),
    ]);
  }
});

test("what has waited for a leader goes to the proposer in one letter, with the time that is left", () => {
  const state = regionalAfter(applied(7), request(1, acquire("x")), request(2, check("y"), { budget: 1000 }));
  const [, sent] = receive(state, standing("a"), at(400));
  assert.equal(
    sent,
    asked(
      forwardedRequest("i-1", acquire("x"), { budget: 4600 }),
      forwardedRequest("i-2", check("y"), { budget: 600, sending: 2 }),
    ),
  );
});

test("what other nodes of the region send goes to the proposer as it was born", () => {
  const state = regionalAfter(...leading);
  assert.equal(receive(state, forwarded("b", forwardedRequest("r", acquire("x"), { bornAt: 4 })), at(0)), [
    deadlineTimer(5000),
    asked(forwardedRequest("r", acquire("x"), { bornAt: 4 })),
    retryTimer(),
  ]);
  assert.equal(receive(state, answers(to("r", granted)), at(1)), [replies("b", to("r", granted))]);
});

test("a follower forwards to its leader, and not to its own proposer", () => {
  const state = regionalAfter(...following);
  assert.equal(receive(state, request(1, check("x")), at(0)), [
    deadlineTimer(5000),
    forward("b", forwardedRequest("i-1", check("x"))),
    retryTimer(),
  ]);
});

test("what the proposer leaves unanswered is sent to it again, as the same request", () => {
  const state = regionalAfter(...leading, request(1, acquire("x")));
  assert.equal(receive(state, timeout("retry"), at(500)), [
    asked(forwardedRequest("i-1", acquire("x"), { budget: 4500 })),
    retryTimer(),
  ]);
});

test("nothing is sent to the proposer after its deadline", () => {
  const state = regionalAfter(...leading, request(1, acquire("x"), { budget: 500 }));
  assert.equal(receive(state, timeout("retry"), at(500)), []);
});

test("a call is answered once, however often the proposer answers", () => {
  const state = regionalAfter(...leading, request(1, acquire("x")));
  receive(state, timeout("retry"), at(500));
  assert.equal(receive(state, answers(to("i-1", granted)), at(501)), [answered(1, granted)]);
  assert.equal(receive(state, answers(to("i-1", granted)), at(502)), []);
  assert.is(state.inflight, 0);
});

test("that there was no quorum is passed on and counted", () => {
  const state = regionalAfter(...leading, request(1, acquire("x")));
  assert.equal(receive(state, answers(to("i-1", refusal("no-quorum"))), at(1)), [answered(1, refusal("no-quorum"))]);
  assert.is(gateway.inspect(state).refusedNoQuorum, 1);
});

test("that there was no quorum says nothing of an earlier leader that had the request", () => {
  const state = regionalAfter(...leading, request(1, acquire("x")));
  receive(state, standing(null, { term: 2 }), at(1));
  receive(state, standing("a", { term: 3 }), at(2));
  const doubtful = answered(1, refusal("unknown-outcome"));
  assert.equal(receive(state, answers(to("i-1", refusal("no-quorum"))), at(3)), [doubtful]);
});

test("what is sent to the same proposer again is the same sending", () => {
  const state = regionalAfter(...leading, request(1, acquire("x")));
  receive(state, timeout("retry"), at(500));
  assert.equal(receive(state, answers(to("i-1", refusal("no-quorum"))), at(501)), [answered(1, refusal("no-quorum"))]);
});

test("a repeat that joined while the proposer was at it is asked again for whoever came late", () => {
  const state = regionalAfter(...leading, request(1, acquire("x"), { id: "r" }));
  receive(state, request(2, acquire("x"), { id: "r" }), at(10));
  const effects = receive(state, answers(to("r", granted)), at(20));
  assert.equal(effects, [
    answered(1, granted),
    asked(forwardedRequest("r", acquire("x"), { bytes: 20, budget: 4990, sending: 2 })),
  ]);
  assert.equal(receive(state, answers(to("r", granted)), at(30)), [answered(2, granted)]);
});

test("a new leader of the region is sent what its predecessor's proposer left", () => {
  const state = regionalAfter(...leading, link("b", "b:9090"), request(1, acquire("x")));
  const effects = receive(state, standing("b", { term: 2, committed: 9 }), at(100));
  assert.ok(
    effects.some((effect) => effect.type === "send" && effect.to === "peers" && effect.letter.type === "forward"),
  );
  receive(state, replied("b", to("i-1", granted)), at(200));
  assert.is(state.inflight, 0);
});

test("while the disk is nearly full nothing new is asked of the proposer; releases, renewals and reads are", () => {
  const waiting = [acquire("x"), release("x"), openLease, renew(3)].map((operation, place) =>
    request(place + 1, operation),
  );
  const state = regionalAfter(applied(7), room(true), ...waiting);
  const effects = receive(state, standing("a"), at(0));
  assert.equal(effects.slice(1), [
    answered(1, refusal("disk-full")),
    answered(3, refusal("disk-full")),
    asked(forwardedRequest("i-2", release("x")), forwardedRequest("i-4", renew(3), { sending: 2 })),
    retryTimer(),
  ]);
});

test("what was begun while there was room is asked again although there is none", () => {
  const state = regionalAfter(...leading, request(1, acquire("x")), room(true));
  assert.equal(
    receive(state, timeout("retry"), at(500))[0],
    asked(forwardedRequest("i-1", acquire("x"), { budget: 4500 })),
  );
});

// Waiting.

const wish = acquireAll("x");
const call = (number: number) => request(number, wish, { id: "r", budget: 60_000 });
const askedFor = (now: number, sending = 1) => asked(forwardedRequest("r", wish, { budget: 60_000 - now, sending }));

test("the proposer is reminded now and then of what waits with it, as the same request", () => {
  const state = regionalAfter(...leading, call(1));
  assert.equal(receive(state, answers(to("r", queued())), at(1)), [waiting(1), resendTimer(4999)]);
  assert.equal(receive(state, timeout("retry"), at(500)), []);
  assert.equal(receive(state, timeout("resend"), at(5000)), [askedFor(5000), resendTimer()]);
  assert.equal(receive(state, answers(to("r", queued(2))), at(5001)), []);
  assert.equal(receive(state, answers(to("r", granted)), at(6000)), [answered(1, granted)]);
});

test("a repeat of what waits is asked for as a request of its own, and told when the proposer says so", () => {
  const state = regionalAfter(...leading, call(1), answers(to("r", queued())));
  assert.equal(receive(state, call(2), at(0)), [askedFor(0, 2), resendTimer(500)]);
  assert.equal(receive(state, answers(to("r", queued())), at(1)), [waiting(2)]);
  assert.equal(receive(state, answers(to("r", granted)), at(2)), [answered(1, granted), answered(2, granted)]);
});

test("a repeat is answered as well if the proposer takes it for the request that it has", () => {
  const state = regionalAfter(...leading, call(1), answers(to("r", queued())), call(2));
  assert.equal(receive(state, answers(to("r", granted)), at(2)), [answered(1, granted), askedFor(2, 3)]);
  assert.equal(receive(state, answers(to("r", granted)), at(3)), [answered(2, granted)]);
});

test("a new leadership of this node has the proposer asked again for what waits", () => {
  const state = regionalAfter(...leading, call(1), answers(to("r", queued())));
  receive(state, standing(null, { term: 2 }), at(1));
  assert.equal(receive(state, standing("a", { term: 3 }), at(2)).slice(1), [askedFor(2, 2), resendTimer(500)]);
  // The proposer may not have known yet that it leads.
  assert.equal(receive(state, timeout("resend"), at(502)), [askedFor(502, 2), resendTimer(500)]);
});

test("with one region nothing goes to a proposer", () => {
  const state = gateway.start(config);
  for (const letter of leading) receive(state, letter, at(0));
  assert.equal(receive(state, request(1, acquire("x")), at(0)), [
    deadlineTimer(5000),
    proposed({ id: "i-1", write: acquire("x") }),
  ]);
  assert.equal(receive(state, applied(8, to("i-1", free)), at(1)), [answered(1, free)]);
});

test.run();
