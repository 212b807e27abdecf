// What is asked of those who hold a lock, or done to them: to give it up, to lose it; and what they say of themselves.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { waitAlarm, yieldAlarm } from "../../../src/actors/alarms.ts";
import { fencingToken, requestId } from "../../../src/actors/scalars.ts";
import { acquire, acquireUnder, expire, implicit, release } from "./build.ts";
import {
  answerTo,
  askYield,
  cancel,
  come,
  crowd,
  endLease,
  forceRelease,
  granted,
  heldBy,
  holding,
  join,
  proclaim,
  releaseAll,
  ring,
  shared,
  short,
  take,
  want,
} from "./queue-build.ts";

const test = suite("actors/lock: yielding");

const graceOf = (lock: string, token: number) => yieldAlarm(lock, fencingToken(token));

/** Anna holds x, and bert waits for it. */
function held() {
  const state = crowd();
  take(state, want(1, "x"), "q1");
  join(state, want(2, "x"), "q2");
  return state;
}

test("a holder who is asked to yield is told, with the reason and the grace, and keeps his lock", () => {
  const state = held();
  assert.equal(come(state, askYield("x", { reason: "deploy", grace: 3_000 })), {
    answer: { type: "yieldAsked", tokens: [1] },
    told: [],
    changes: [],
    events: [
      {
        revision: 7,
        kind: "yieldAsked",
        lock: "x",
        owner: "anna",
        lease: 1,
        token: 1,
        text: "deploy",
        span: 3_000,
        queue: 1,
      },
    ],
  });
  assert.equal(holding(state, "x"), ["anna 1"]);
  assert.equal(state.table.locks.get("x")?.terms?.yielding, { reason: "deploy", grace: 3_000, force: false });
});

test("only who shall be forced has his grace watched", () => {
  assert.equal(come(held(), askYield("x", { grace: 3_000, force: true })).changes, [
    { type: "alarmSet", alarm: graceOf("x", 1), span: 3_000 },
  ]);
});

test("whoever has not yielded within the grace is forced, and the next in line is granted", () => {
  const state = held();
  come(state, askYield("x", { reason: "deploy", force: true }));
  const came = come(state, ring(graceOf("x", 1)));
  assert.equal(came.told, [["q2", granted(2, 2)]]);
  assert.equal(came.changes, [
    { type: "alarmGone", alarm: graceOf("x", 1) },
    { type: "alarmGone", alarm: waitAlarm(requestId("q2")) },
  ]);
  assert.equal(
    came.events.map(({ kind, owner, text }) => [kind, owner, text]),
    [
      ["forced", "anna", "deploy"],
      ["granted", "bert", ""],
    ],
  );
  assert.equal(answerTo(state, want(1, "x"), "q1"), { type: "grantOver", token: 1, how: "forced" });
});

test("whoever yields within the grace is not forced, whichever way he gives it back", () => {
  for (const end of [releaseAll(1, 1), release("x", { token: 1 }), cancel("q1", 1), expire(1), endLease(1)]) {
    const state = held();
    come(state, askYield("x", { force: true }));
    assert.equal(
      come(state, end).changes.filter(({ type }) => type === "alarmGone"),
      [
        { type: "alarmGone", alarm: graceOf("x", 1) },
        { type: "alarmGone", alarm: waitAlarm(requestId("q2")) },
      ],
    );
    assert.equal(come(state, ring(graceOf("x", 1))).events, []);
    assert.equal(holding(state, "x"), ["bert 2"]);
  }
});

test("whoever is asked again without force is not forced any more", () => {
  const state = held();
  come(state, askYield("x", { force: true }));
  assert.equal(come(state, askYield("x", { force: false })).changes, [{ type: "alarmGone", alarm: graceOf("x", 1) }]);
  assert.equal(come(state, ring(graceOf("x", 1))).events, []);
  assert.equal(holding(state, "x"), ["anna 1"]);
});

test("a grace that was over in another term has started anew", () => {
  const state = held();
  come(state, askYield("x", { force: true }));
  assert.equal(come(state, ring(graceOf("x", 1), 1), undefined, 2).events, []);
  assert.equal(holding(state, "x"), ["anna 1"]);
});

test("of those who share a lock all are asked, or the one who is named", () => {
  const state = crowd();
  for (const lease of [1, 2, 3]) take(state, want(lease, shared("x")));
  assert.equal(answerTo(state, askYield("x")), { type: "yieldAsked", tokens: [1, 2, 3] });
  assert.equal(come(state, askYield("x", { token: 2, force: true })), {
    answer: { type: "yieldAsked", tokens: [2] },
    told: [],
    changes: [{ type: "alarmSet", alarm: graceOf("x", 2), span: 5_000 }],
    events: [
      {
        revision: 9,
        kind: "yieldAsked",
        lock: "x",
        owner: "bert",
        lease: 2,
        token: 2,
        text: "please",
        span: 5_000,
        queue: 0,
      },
    ],
  });
  come(state, ring(graceOf("x", 2)));
  assert.equal(holding(state, "x"), ["anna 1", "carl 3"]);
});

test("where nobody holds the lock, or not under that token, nobody is asked and nobody is forced", () => {
  const state = held();
  for (const [lock, token] of [
    ["free", null],
    ["x", 7],
  ] as const) {
    assert.equal(come(state, askYield(lock, { token, force: true })), {
      answer: { type: "yieldAsked", tokens: [] },
      told: [],
      changes: [],
      events: [],
    });
    assert.equal(answerTo(state, forceRelease(lock, token)), { type: "forced", tokens: [] });
  }
});

test("a lock is taken from those who hold it, with the reason, and goes to the next in line", () => {
  const state = held();
  assert.equal(come(state, forceRelease("x", null, "host is gone")), {
    answer: { type: "forced", tokens: [1] },
    told: [["q2", granted(2, 2)]],
    changes: [{ type: "alarmGone", alarm: waitAlarm(requestId("q2")) }],
    events: [
      {
        revision: 7,
        kind: "forced",
        lock: "x",
        owner: "anna",
        lease: 1,
        token: 1,
        text: "host is gone",
        span: 0,
        queue: 1,
      },
      { revision: 7, kind: "granted", lock: "x", owner: "bert", lease: 2, token: 2, text: "", span: 0, queue: 0 },
    ],
  });
  assert.ok(state.table.leases.has(1 as never));
  assert.equal(answerTo(state, releaseAll(1, 1)), { type: "grantOver", token: 1, how: "forced" });
});

test("of those who share a lock one is forced, or all are", () => {
  const state = crowd();
  for (const lease of [1, 2, 3]) take(state, want(lease, shared("x")));
  assert.equal(answerTo(state, forceRelease("x", 2)), { type: "forced", tokens: [2] });
  assert.equal(holding(state, "x"), ["anna 1", "carl 3"]);
  assert.equal(answerTo(state, forceRelease("x")), { type: "forced", tokens: [1, 3] });
  assert.equal(holding(state, "x"), []);
});

test("a lease that a grant opened for itself ends when the grant is forced", () => {
  const state = crowd();
  take(state, acquire("x", "anna"));
  assert.equal(come(state, forceRelease("x")).changes, [{ type: "ended", lease: implicit(1) }]);
});

// What a holder says of himself.

test("a holder changes what he says of himself, and keeps all else", () => {
  const state = crowd();
  take(state, want(1, shared("x"), { metadata: "one", delay: 2_000, context: "task" }));
  take(state, want(2, shared("x")));
  const before = state.table.locks.get("x");
  assert.equal(come(state, proclaim("x", 1, 1, "two")), {
    answer: { type: "proclaimed", token: 1 },
    told: [],
    changes: [],
    events: [
      { revision: 7, kind: "proclaimed", lock: "x", owner: "anna", lease: 1, token: 1, text: "two", span: 0, queue: 0 },
    ],
  });
  assert.equal(state.table.locks.get("x"), { ...before, terms: { ...before?.terms, metadata: "two" } });
  come(state, proclaim("x", 2, 2, "three"));
  assert.equal(holding(state, "x"), ["anna 1", "bert 2"]);
  assert.equal(short(come(state, releaseAll(2, 2)).events), ["released x bert 2 0"]);
  assert.equal(short(come(state, releaseAll(1, 1)).events), ["released x anna 1 0"]);
  assert.equal([state.table.locks.size, state.table.locksOf.size, state.table.grants.size], [0, 0, 0]);
});

test("nobody speaks for another, nor for a grant that is over", () => {
  const state = held();
  const { holder } = heldBy("x", 1, 1);
  assert.equal(answerTo(state, proclaim("x", 2, 1, "!")), { type: "heldByAnotherLease", holder });
  assert.equal(answerTo(state, proclaim("x", 1, 7, "!")), { type: "staleToken", holder });
  assert.equal(answerTo(state, proclaim("free", 1, 1, "!")), { type: "notHeld" });
  assert.is(state.table.locks.get("x")?.terms, undefined);
});

test("a lease of the older interface that was asked to yield, or that proclaimed, still gets its token again", () => {
  for (const change of [askYield("x"), proclaim("x", 1, 1, "leader")]) {
    const state = crowd();
    take(state, acquireUnder(1, "x", "anna"));
    come(state, change);
    assert.equal(answerTo(state, acquireUnder(1, "x", "anna")), granted(1, 1));
  }
});

test.run();
