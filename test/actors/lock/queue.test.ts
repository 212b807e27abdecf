// Waiting for one lock: in which order those who wait are served, and by what else a wait ends.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { waitAlarm } from "../../../src/actors/alarms.ts";
import { requestId } from "../../../src/actors/scalars.ts";
import { expire, implicit } from "./build.ts";
import {
  answerTo,
  cancel,
  come,
  crowd,
  granted,
  heldBy,
  holding,
  inTheWay,
  join,
  pass,
  releaseAll,
  take,
  waiting,
  want,
} from "./queue-build.ts";

const test = suite("actors/lock: queues");

const timeOf = (as: string) => waitAlarm(requestId(as));

/** Anna holds x, and bert, carl and dora wait for it, in this order. */
function queue(wish = {}) {
  const state = crowd(4);
  take(state, want(1, "x", wish), "q1");
  for (const lease of [2, 3, 4]) join(state, want(lease, "x", wish), `q${lease}`);
  return state;
}

test("whoever may wait is queued, is told who is in the way, and has his time watched", () => {
  const state = crowd();
  take(state, want(1, "x", { metadata: "host 7" }), "q1");
  assert.equal(come(state, want(2, "x", { wait: 7_000 }), "q2"), {
    answer: { type: "queued", position: 1, obstacle: heldBy("x", 1, 1, { queue: 1, metadata: "host 7" }) },
    told: [],
    changes: [{ type: "alarmSet", alarm: timeOf("q2"), span: 7_000 }],
    events: [
      { revision: 6, kind: "queued", lock: "x", owner: "bert", lease: 2, token: 0, text: "", span: 0, queue: 1 },
    ],
  });
  assert.is(state.table.fencingToken, 1);
});

test("whoever may not wait is told that it is busy, and nothing is left of him", () => {
  const state = queue();
  assert.equal(come(state, want(1, "x", { wait: 0, context: "other" })), {
    answer: { type: "busy", obstacle: heldBy("x", 1, 1, { queue: 3 }) },
    told: [],
    changes: [],
    events: [],
  });
  assert.equal(waiting(state, "x"), ["q2", "q3", "q4"]);
});

test("of what the holder says of himself a refusal tells the beginning", () => {
  const state = crowd();
  take(state, want(1, "x", { metadata: "m".repeat(4_000) }));
  assert.equal(answerTo(state, want(2, "x", { wait: 0 })), {
    type: "busy",
    obstacle: heldBy("x", 1, 1, { metadata: "m".repeat(256) }),
  });
});

test("a release is a grant to the first in line, and to nobody else", () => {
  const state = queue();
  assert.equal(come(state, releaseAll(1, 1)), {
    answer: { type: "released", token: 1 },
    told: [["q2", granted(2, 2)]],
    changes: [{ type: "alarmGone", alarm: timeOf("q2") }],
    events: [
      { revision: 9, kind: "released", lock: "x", owner: "anna", lease: 1, token: 1, text: "", span: 0, queue: 3 },
      { revision: 9, kind: "granted", lock: "x", owner: "bert", lease: 2, token: 2, text: "", span: 0, queue: 2 },
    ],
  });
  assert.equal(holding(state, "x"), ["bert 2"]);
});

test("those who wait are served in the order in which they came", () => {
  const state = queue();
  const served: unknown[] = [];
  for (const [lease, token] of [
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 4],
  ] as const)
    served.push(...come(state, releaseAll(lease, token)).told);
  assert.equal(served, [
    ["q2", granted(2, 2)],
    ["q3", granted(3, 3)],
    ["q4", granted(4, 4)],
  ]);
  assert.equal([state.table.queues.size, state.table.waiters.size, state.table.locks.size], [0, 0, 0]);
});

test("a lock that was just freed is not to be had past those who wait for it", () => {
  const state = queue();
  come(state, releaseAll(1, 1));
  assert.equal(answerTo(state, want(1, "x", { wait: 0 })), {
    type: "busy",
    obstacle: heldBy("x", 2, 2, { queue: 2 }),
  });
});

test("a free lock is not to be had past somebody who waits for it and for another", () => {
  const state = crowd();
  take(state, want(1, "y"));
  join(state, want(2, ["x", "y"]), "q2");
  assert.equal(answerTo(state, want(3, "x", { wait: 0 })), { type: "busy", obstacle: inTheWay("x", { queue: 1 }) });
  assert.equal(answerTo(state, want(3, "x"), "q3"), {
    type: "queued",
    position: 2,
    obstacle: inTheWay("x", { queue: 2 }),
  });
});

// Priority.

test("the higher priority comes first, FIFO inside one", () => {
  const state = crowd(6);
  take(state, want(1, "x"));
  for (const [lease, priority] of [
    [2, 0],
    [3, 5],
    [4, 5],
    [5, 9],
    [6, 0],
  ] as const)
    join(state, want(lease, "x", { priority }), `q${lease}`);
  assert.equal(waiting(state, "x"), ["q5", "q3", "q4", "q2", "q6"]);
});

test("whoever overtakes is told his own place", () => {
  const state = queue();
  assert.equal(answerTo(state, want(1, "x", { priority: 1, context: "other" }), "q5"), {
    type: "queued",
    position: 1,
    obstacle: heldBy("x", 1, 1, { queue: 4 }),
  });
});

test("a step of priority is worth 10 000 entries: whoever has waited for longer is not overtaken", () => {
  for (const [entries, order] of [
    [9_998, ["q3", "q2"]],
    [9_999, ["q2", "q3"]],
  ] as const) {
    const state = crowd(3);
    take(state, want(1, "x"));
    join(state, want(2, "x"), "q2");
    pass(state, entries);
    join(state, want(3, "x", { priority: 1 }), "q3");
    assert.equal(waiting(state, "x"), order);
  }
});

test("with nobody in the way the priority makes no difference", () => {
  assert.equal(answerTo(crowd(), want(1, "x", { priority: 9 })), granted(1, 1));
});

// Repeats.

test("a repeat keeps its place, and is told how it waits now", () => {
  const state = queue();
  come(state, cancel("q2", 2));
  assert.equal(come(state, want(3, "x"), "q3"), {
    answer: { type: "queued", position: 1, obstacle: heldBy("x", 1, 1, { queue: 2 }) },
    told: [],
    changes: [],
    events: [],
  });
  assert.equal(waiting(state, "x"), ["q3", "q4"]);
});

test("a repeat with other content is answered as the first", () => {
  const state = queue();
  assert.is(answerTo(state, want(3, ["y", "z"], { wait: 0 }), "q3")?.type, "queued");
  assert.equal(waiting(state, "x"), ["q2", "q3", "q4"]);
  assert.is(state.table.locks.has("y"), false);
});

test("a repeat keeps its place however long ago it was queued", () => {
  const state = crowd(3, { requestsRemembered: 5 });
  take(state, want(1, "x"));
  join(state, want(2, "x"), "q2");
  pass(state, 20);
  join(state, want(3, "x"), "q3");
  const repeated = come(state, { type: "write", requestId: requestId("q2"), bornAt: 0 as never, write: want(2, "x") });
  assert.is(repeated.answer?.type, "queued");
  assert.equal(waiting(state, "x"), ["q2", "q3"]);
});

test("a repeat of a request that was granted meanwhile is told its grant", () => {
  const state = queue();
  come(state, releaseAll(1, 1));
  assert.equal(come(state, want(2, "x"), "q2"), { answer: granted(2, 2), told: [], changes: [], events: [] });
});

test("a repeat after the grant has ended is told how, and is never granted again", () => {
  const state = queue();
  come(state, releaseAll(1, 1));
  come(state, releaseAll(2, 2));
  assert.equal(answerTo(state, want(2, "x"), "q2"), { type: "grantOver", token: 2, how: "released" });
  come(state, expire(3));
  assert.equal(answerTo(state, want(3, "x"), "q3"), { type: "grantOver", token: 3, how: "expired" });
});

test("a repeat of a grant that opened a lease for itself starts its lease anew", () => {
  const state = crowd();
  const alone = want(1, ["x", "y"], { ttl: 5_000 });
  take(state, alone, "q1");
  assert.equal(come(state, alone, "q1"), {
    answer: granted(implicit(1), 1, 5_000),
    told: [],
    changes: [{ type: "renewed", lease: implicit(1), renewals: 1 }],
    events: [],
  });
});

test("the same lease that asks again under another request has another request", () => {
  const state = crowd();
  take(state, want(1, "x"));
  assert.equal(answerTo(state, want(1, "x", { wait: 0 })), { type: "busy", obstacle: heldBy("x", 1, 1) });
});

test.run();
