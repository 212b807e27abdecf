// How a wait ends other than by its turn: with its lease, by its own deadline, by a cancel. And who may ask at all.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { waitAlarm } from "../../../src/actors/alarms.ts";
import type { Write } from "../../../src/actors/operations.ts";
import { requestId } from "../../../src/actors/scalars.ts";
import { expire, implicit } from "./build.ts";
import {
  answerTo,
  cancel,
  come,
  crowd,
  endLease,
  granted,
  heldBy,
  holding,
  join,
  pass,
  releaseAll,
  ring,
  short,
  take,
  waiting,
  want,
} from "./queue-build.ts";

const test = suite("actors/lock: ends of waits");

const timeOf = (as: string) => waitAlarm(requestId(as));

/** Anna holds x, and bert, carl and dora wait for it, in this order. */
function queue(wish = {}) {
  const state = crowd(4);
  take(state, want(1, "x", wish), "q1");
  for (const lease of [2, 3, 4]) join(state, want(lease, "x", wish), `q${lease}`);
  return state;
}

test("nobody waits under a lease that ends, and whoever comes next is told at once", () => {
  const ways = [
    [expire(2), null],
    [endLease(2), { type: "leaseClosed", locks: 0 }],
  ] as const;
  for (const [end, answer] of ways) {
    const state = queue();
    assert.equal(come(state, end), {
      answer,
      told: [["q2", { type: "leaseEnded", lease: 2 }]],
      changes: [
        { type: "alarmGone", alarm: timeOf("q2") },
        { type: "ended", lease: 2 },
      ],
      events: [
        { revision: 9, kind: "unqueued", lock: "x", owner: "bert", lease: 2, token: 0, text: "", span: 0, queue: 2 },
      ],
    });
    assert.equal(waiting(state, "x"), ["q3", "q4"]);
    assert.equal(answerTo(state, want(2, "x"), "q2"), { type: "leaseEnded", lease: 2 });
  }
});

test("the holder's lease ends, and the next holds the lock in the same entry", () => {
  const state = queue();
  const came = come(state, expire(1));
  assert.equal(came.told, [["q2", granted(2, 2)]]);
  assert.equal(came.changes, [
    { type: "ended", lease: 1 },
    { type: "alarmGone", alarm: timeOf("q2") },
  ]);
  assert.equal(short(came.events), ["expired x anna 1 3", "granted x bert 2 2"]);
});

test("whoever holds a lock and waits for it under one lease loses both with it", () => {
  const state = crowd();
  take(state, want(1, "x"), "q1");
  join(state, want(1, "x", { context: "other" }), "q2");
  join(state, want(2, "x"), "q3");
  const came = come(state, endLease(1));
  assert.equal(came.answer, { type: "leaseClosed", locks: 1 });
  assert.equal(came.told, [
    ["q2", { type: "leaseEnded", lease: 1 }],
    ["q3", granted(2, 2)],
  ]);
});

test("whoever has waited for as long as he may is told so, and leaves", () => {
  const state = queue();
  assert.equal(come(state, ring(timeOf("q3"))), {
    answer: null,
    told: [["q3", { type: "waitOver" }]],
    changes: [{ type: "alarmGone", alarm: timeOf("q3") }],
    events: [
      { revision: 9, kind: "unqueued", lock: "x", owner: "carl", lease: 3, token: 0, text: "", span: 0, queue: 2 },
    ],
  });
  assert.equal(waiting(state, "x"), ["q2", "q4"]);
  assert.equal(answerTo(state, want(3, "x"), "q3"), { type: "waitOver" });
});

test("an alarm that was rung in another term is void: the span has started anew", () => {
  const state = queue();
  assert.equal(come(state, ring(timeOf("q3"), 1), undefined, 2), { answer: null, told: [], changes: [], events: [] });
  assert.equal(waiting(state, "x"), ["q2", "q3", "q4"]);
});

test("the alarm of a wait that is over is void, and one that nobody set as well", () => {
  const state = queue();
  come(state, releaseAll(1, 1));
  const nothing = { answer: null, told: [], changes: [], events: [] };
  for (const alarm of [timeOf("q2"), timeOf("unknown"), "d:1:x", "y:2:x", "nonsense", "", "d:x:1"]) {
    assert.equal(come(state, ring(alarm)), nothing, alarm);
  }
  assert.equal(holding(state, "x"), ["bert 2"]);
});

// Cancelling.

test("a request that is cancelled leaves the queue, and whoever waits for it is told", () => {
  const state = queue();
  assert.equal(come(state, cancel("q3", 3)), {
    answer: { type: "cancelled", token: null },
    told: [["q3", { type: "requestCancelled" }]],
    changes: [{ type: "alarmGone", alarm: timeOf("q3") }],
    events: [
      { revision: 9, kind: "unqueued", lock: "x", owner: "carl", lease: 3, token: 0, text: "", span: 0, queue: 2 },
    ],
  });
  assert.equal(waiting(state, "x"), ["q2", "q4"]);
});

test("a request that is cancelled after it was granted gives its grant back, without a delay, to the next", () => {
  const state = queue({ delay: 5_000 });
  come(state, releaseAll(1, 1));
  const came = come(state, cancel("q2", 2));
  assert.equal(came.answer, { type: "cancelled", token: 2 });
  assert.equal(came.told, [["q3", granted(3, 3)]]);
  assert.equal(short(came.events), ["released x bert 2 2", "granted x carl 3 1"]);
  assert.equal(answerTo(state, want(2, "x"), "q2"), { type: "grantOver", token: 2, how: "released" });
});

test("somebody else ends a wait, and no grant: its holder would not know", () => {
  const state = queue();
  const endWait = (request: string): Write => ({ ...cancel(request, null), onlyWaiting: true }) as Write;
  assert.equal(come(state, endWait("q3")).told, [["q3", { type: "requestCancelled" }]]);
  come(state, releaseAll(1, 1));
  const before = holding(state, "x");
  assert.equal(come(state, endWait("q2")), {
    answer: { type: "cancelled", token: null },
    told: [],
    changes: [],
    events: [],
  });
  assert.equal(holding(state, "x"), before);
  come(state, endWait("later"));
  assert.is(answerTo(state, want(3, "y"), "later")?.type, "granted", "nothing is remembered of it");
});

test("a request that is cancelled before it comes does nothing when it comes", () => {
  const state = crowd();
  assert.equal(come(state, cancel("q1", 1)), {
    answer: { type: "cancelled", token: null },
    told: [],
    changes: [],
    events: [],
  });
  assert.equal(come(state, want(1, "x"), "q1"), {
    answer: { type: "requestCancelled" },
    told: [],
    changes: [],
    events: [],
  });
  assert.is(state.table.locks.size, 0);
});

test("a grant that opened a lease for itself is cancelled with its lease", () => {
  const state = crowd();
  take(state, want(1, "x", { ttl: 5_000 }), "q1");
  assert.equal(come(state, cancel("q1", null)).changes, [{ type: "ended", lease: implicit(1) }]);
  assert.is(state.table.locks.size, 0);
});

test("a grant is cancelled however long ago its request was answered", () => {
  const state = crowd(2, { requestsRemembered: 3 });
  take(state, want(1, "x"), "q1");
  take(state, want(1, "y", { ttl: 5_000 }), "q2");
  pass(state, 10);
  assert.equal(answerTo(state, cancel("q1", 1)), { type: "cancelled", token: 1 });
  assert.equal(answerTo(state, cancel("q2", null)), { type: "cancelled", token: 2 });
  assert.is(state.table.locks.size, 0);
});

test("a request is cancelled once, and what it was refused with stays", () => {
  const state = queue();
  come(state, cancel("q3", 3));
  assert.equal(answerTo(state, cancel("q3", 3)), { type: "cancelled", token: null });
  const busy = answerTo(state, want(1, "x", { wait: 0 }), "q9");
  come(state, cancel("q9", 1));
  assert.equal(answerTo(state, want(1, "x", { wait: 0 }), "q9"), busy);
});

// Who may ask at all.

test("only a live lease of the one who asks waits or is granted", () => {
  const state = queue();
  come(state, expire(4));
  for (const lock of ["x", "free"]) {
    assert.equal(answerTo(state, want(4, lock)), { type: "leaseEnded", lease: 4 });
    assert.equal(answerTo(state, want(9, lock)), { type: "leaseUnknown", lease: 9 });
    assert.equal(answerTo(state, want(2, lock, { owner: "carl" })), { type: "leaseOfAnother", owner: "bert" });
  }
  assert.equal(waiting(state, "x"), ["q2", "q3"]);
});

test("a grant is given back by its lease and token; by anything else nothing is", () => {
  const state = queue();
  assert.equal(answerTo(state, releaseAll(2, 1)), { type: "heldByAnotherLease", holder: heldBy("x", 1, 1).holder });
  assert.equal(answerTo(state, releaseAll(1, 7)), { type: "notHeld" });
  come(state, releaseAll(1, 1), "r1");
  assert.equal(answerTo(state, releaseAll(1, 1), "r1"), { type: "released", token: 1 });
  assert.equal(answerTo(state, releaseAll(1, 1)), { type: "grantOver", token: 1, how: "released" });
  assert.equal(holding(state, "x"), ["bert 2"]);
});

test("a lease is ended once, and only one that there was", () => {
  const state = crowd();
  take(state, want(1, ["x", "y"]));
  take(state, want(1, "z"));
  assert.equal(come(state, endLease(1)).changes, [{ type: "ended", lease: 1 }]);
  assert.equal(answerTo(state, endLease(1)), { type: "leaseEnded", lease: 1 });
  assert.equal(answerTo(state, endLease(77)), { type: "leaseUnknown", lease: 77 });
  assert.equal(state.table.ended.get(1 as never)?.how, "revoked");
});

test.run();
