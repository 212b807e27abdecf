// The lock-delay: how long a lock that was lost, and not given back, stays unavailable.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { delayAlarm, waitAlarm } from "../../../src/actors/alarms.ts";
import type { Command } from "../../../src/actors/messages.ts";
import type { Write } from "../../../src/actors/operations.ts";
import { fencingToken, requestId } from "../../../src/actors/scalars.ts";
import { acquire, acquireUnder, expire, implicit, release } from "./build.ts";
import {
  answerTo,
  cancel,
  come,
  crowd,
  endLease,
  forceRelease,
  granted,
  heldBy,
  holding,
  inTheWay,
  join,
  permits,
  releaseAll,
  ring,
  shared,
  short,
  take,
  want,
} from "./queue-build.ts";

const test = suite("actors/lock: lock-delay");

const delayOf = (lock: string, token: number) => delayAlarm(lock, fencingToken(token));

/** Anna has held x, with a delay of 5 seconds, and has lost it; token 1. */
function lost(wanted: Parameters<typeof want>[1] = "x") {
  const state = crowd(5);
  take(state, want(1, wanted, { delay: 5_000 }), "q1");
  come(state, expire(1));
  return state;
}

test("a lock that its holder loses is delayed, whatever took it from him", () => {
  const ways: readonly (readonly [Write | Command, string, unknown[], string])[] = [
    [expire(1), "expired", [{ type: "ended", lease: 1 }], ""],
    [endLease(1), "revoked", [{ type: "ended", lease: 1 }], ""],
    [forceRelease("x", null, "stuck"), "forced", [], "stuck"],
  ];
  for (const [way, how, changes, text] of ways) {
    const state = crowd();
    take(state, want(1, "x", { delay: 5_000 }));
    join(state, want(2, "x"), "q2");
    const came = come(state, way);
    assert.equal(came.told, []);
    assert.equal(came.changes, [{ type: "alarmSet", alarm: delayOf("x", 1), span: 5_000 }, ...changes]);
    assert.equal(came.events, [
      { revision: 7, kind: how, lock: "x", owner: "anna", lease: 1, token: 1, text, span: 0, queue: 1 },
      { revision: 7, kind: "delayed", lock: "x", owner: "anna", lease: 1, token: 1, text: "", span: 5_000, queue: 1 },
    ]);
    assert.equal(holding(state, "x"), []);
  }
});

test("a lock that its holder gives back is not delayed, whichever way he does", () => {
  for (const way of [releaseAll(1, 1), release("x", { token: 1 }), cancel("q1", 1)]) {
    const state = crowd();
    take(state, want(1, "x", { delay: 5_000 }), "q1");
    join(state, want(2, "x"), "q2");
    assert.equal(come(state, way).told, [["q2", granted(2, 2)]]);
    assert.is(state.table.delays.size, 0);
  }
});

test("a lock whose holder wanted no delay goes to the next at once when he loses it", () => {
  const state = crowd();
  take(state, want(1, "x"));
  join(state, want(2, "x"), "q2");
  assert.equal(come(state, forceRelease("x")).told, [["q2", granted(2, 2)]]);
});

test("when the delay is over the next in line is granted, and those who watch are told", () => {
  const state = lost();
  join(state, want(2, "x"), "q2");
  assert.equal(come(state, ring(delayOf("x", 1))), {
    answer: null,
    told: [["q2", granted(2, 2)]],
    changes: [
      { type: "alarmGone", alarm: delayOf("x", 1) },
      { type: "alarmGone", alarm: waitAlarm(requestId("q2")) },
    ],
    events: [
      { revision: 9, kind: "available", lock: "x", owner: "anna", lease: 1, token: 1, text: "", span: 0, queue: 1 },
      { revision: 9, kind: "granted", lock: "x", owner: "bert", lease: 2, token: 2, text: "", span: 0, queue: 0 },
    ],
  });
  assert.is(state.table.delays.size, 0);
});

test("a delay that was over in another term has started anew; one that is over twice counts once", () => {
  const state = lost();
  const nothing = { answer: null, told: [], changes: [], events: [] };
  assert.equal(come(state, ring(delayOf("x", 1), 1), undefined, 2), nothing);
  assert.is(state.table.delays.size, 1);
  assert.is(come(state, ring(delayOf("x", 1), 2), undefined, 2).events.length, 1);
  assert.equal(come(state, ring(delayOf("x", 1), 2), undefined, 2), nothing);
});

test("whoever asks for a delayed lock is told of the delay, and may wait for its end", () => {
  const state = lost();
  assert.equal(answerTo(state, want(2, "x", { wait: 0 })), {
    type: "busy",
    obstacle: inTheWay("x", { delayed: 5_000, by: 1 }),
  });
  assert.equal(answerTo(state, want(2, "x"), "q2"), {
    type: "queued",
    position: 1,
    obstacle: inTheWay("x", { delayed: 5_000, by: 1, queue: 1 }),
  });
});

test("whoever lost it waits for its end like everybody else", () => {
  const state = crowd();
  take(state, want(1, "x", { delay: 5_000 }));
  come(state, forceRelease("x"));
  assert.is(answerTo(state, want(1, "x", { wait: 0 }))?.type, "busy");
});

test("a grant of several locks delays all of them, each with an end of its own", () => {
  const state = lost(["x", "y"]);
  join(state, want(2, ["x", "y"]), "q2");
  assert.equal(come(state, ring(delayOf("x", 1))).told, []);
  assert.equal(come(state, ring(delayOf("y", 1))).told, [["q2", granted(2, 2)]]);
});

test("a permit that was lost keeps its place, and the others go on", () => {
  const state = crowd(5);
  take(state, want(1, permits("s", 2, 3), { delay: 5_000 }));
  take(state, want(2, permits("s", 1, 3)));
  come(state, expire(1));
  assert.equal(answerTo(state, want(3, permits("s", 1, 3), { wait: 0 })), {
    type: "busy",
    obstacle: heldBy("s", 2, 2),
  });
  join(state, want(3, permits("s", 1, 3)), "q3");
  assert.equal(come(state, releaseAll(2, 2)).told, [["q3", granted(3, 3)]]);
  join(state, want(4, permits("s", 2, 3)), "q4");
  assert.equal(come(state, ring(delayOf("s", 1))).told, [["q4", granted(4, 4)]]);
});

test("a delayed semaphore keeps its size", () => {
  const state = lost(permits("s", 1, 3));
  assert.equal(answerTo(state, want(2, permits("s", 1, 4))), { type: "limitDiffers", lock: "s", limit: 3 });
  assert.equal(answerTo(state, want(2, permits("s", 2, 3))), granted(2, 2));
});

test("a shared lock that one has lost is shared by others, and is nobody's exclusively until the delay is over", () => {
  const state = lost(shared("x"));
  assert.equal(answerTo(state, want(2, shared("x"))), granted(2, 2));
  join(state, want(3, "x"), "q3");
  assert.equal(come(state, releaseAll(2, 2)).told, []);
  assert.equal(come(state, ring(delayOf("x", 1))).told, [["q3", granted(3, 3)]]);
});

test("of several delays the longest is told, and all must be over", () => {
  const state = crowd(4);
  take(state, want(1, shared("x"), { delay: 9_000 }));
  take(state, want(2, shared("x"), { delay: 3_000 }));
  come(state, expire(1));
  come(state, expire(2));
  assert.equal(answerTo(state, want(3, "x"), "q3"), {
    type: "queued",
    position: 1,
    obstacle: inTheWay("x", { delayed: 9_000, by: 1, queue: 1 }),
  });
  assert.equal(come(state, ring(delayOf("x", 1))).told, []);
  assert.equal(come(state, ring(delayOf("x", 2))).told, [["q3", granted(3, 3)]]);
});

test("a grant that opened a lease for itself is delayed when that expires", () => {
  const state = crowd();
  take(state, want(1, "x", { ttl: 5_000, delay: 2_000 }));
  const came = come(state, expire(implicit(1)));
  assert.equal(came.changes, [
    { type: "alarmSet", alarm: delayOf("x", 1), span: 2_000 },
    { type: "ended", lease: implicit(1) },
  ]);
  assert.equal(short(came.events), ["expired x anna 1 0", "delayed x anna 1 0"]);
});

// The older interfaces, over the same locks.

test("the older interfaces are told of a delay as of a holder", () => {
  const holder = {
    owner: "anna",
    lease: 1,
    token: 1,
    ttl: 5_000,
    grantedAt: 0,
    remaining: 5_000,
  };
  const state = lost();
  assert.equal(answerTo(state, acquire("x", "bert")), { type: "held", holder });
  assert.equal(answerTo(state, acquireUnder(2, "x", "bert")), { type: "held", holder });
  come(state, ring(delayOf("x", 1)));
  assert.equal(answerTo(state, acquireUnder(2, "x", "bert")), granted(2, 2));
});

test("the older interfaces are told of whoever is last in line as of a holder", () => {
  const state = crowd();
  take(state, want(1, "y"));
  join(state, want(2, ["x", "y"], { wait: 7_000 }), "q2");
  const holder = {
    owner: "bert",
    lease: 2,
    token: 0,
    ttl: 7_000,
    grantedAt: 1_700_000_000_000,
    remaining: 0,
  };
  assert.equal(answerTo(state, acquire("x", "carl")), { type: "held", holder });
  assert.equal(answerTo(state, acquireUnder(3, "x", "carl")), { type: "held", holder });
});

test("what the older interfaces hold is waited for, and goes to the next when they give it back or lose it", () => {
  for (const end of [release("x", { token: 1 }), expire(implicit(1))]) {
    const state = crowd();
    take(state, acquire("x", "anna"));
    join(state, want(2, "x"), "q2");
    const came = come(state, end);
    assert.equal(came.told, [["q2", granted(2, 2)]]);
    assert.equal(came.changes, [
      { type: "ended", lease: implicit(1) },
      { type: "alarmGone", alarm: waitAlarm(requestId("q2")) },
    ]);
  }
});

test("a lock that is shared is held, to the older interfaces, by its oldest holder", () => {
  const state = crowd();
  take(state, want(1, shared("x")));
  take(state, want(2, shared("x")));
  const held = { type: "held", holder: heldBy("x", 1, 1).holder };
  assert.equal(answerTo(state, acquire("x", "carl")), held);
  assert.equal(answerTo(state, acquireUnder(1, "x", "anna")), held);
});

test.run();
