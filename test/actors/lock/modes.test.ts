// The modes of a lock: who may hold it beside whom, and in which order those come who wait in different modes.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { release } from "./build.ts";
import {
  answerTo,
  cancel,
  come,
  crowd,
  exclusive,
  granted,
  heldBy,
  holding,
  inTheWay,
  join,
  permits,
  releaseAll,
  shared,
  short,
  take,
  waiting,
  want,
} from "./queue-build.ts";

const test = suite("actors/lock: modes");

// Shared.

test("those who share a lock hold it together, each with a token of his own", () => {
  const state = crowd();
  assert.equal(answerTo(state, want(1, shared("x"))), granted(1, 1));
  assert.equal(answerTo(state, want(2, shared("x"))), granted(2, 2));
  assert.equal(answerTo(state, want(2, shared("x"))), granted(2, 3));
  assert.equal(holding(state, "x"), ["anna 1", "bert 2", "bert 3"]);
});

test("a lock that is shared is nobody's exclusively, nor the other way round", () => {
  const state = crowd();
  take(state, want(1, shared("x")));
  take(state, want(1, "y"));
  assert.equal(answerTo(state, want(2, "x", { wait: 0 })), { type: "busy", obstacle: heldBy("x", 1, 1) });
  assert.equal(answerTo(state, want(2, shared("y"), { wait: 0 })), { type: "busy", obstacle: heldBy("y", 1, 2) });
});

test("a lock that is shared is free for others when the last has given it back", () => {
  const state = crowd();
  for (const lease of [1, 2, 3]) take(state, want(lease, shared("x")));
  join(state, want(4, "x"), "q4");
  // In another order than they came: the first, then the last.
  assert.equal(come(state, releaseAll(1, 1)).told, []);
  assert.equal(holding(state, "x"), ["bert 2", "carl 3"]);
  assert.equal(come(state, releaseAll(3, 3)).told, []);
  assert.equal(come(state, releaseAll(2, 2)).told, [["q4", granted(4, 4)]]);
});

test("whoever waits for a lock exclusively stops those who come later to share it", () => {
  const state = crowd();
  take(state, want(1, shared("x")));
  join(state, want(2, "x"), "q2");
  assert.equal(answerTo(state, want(3, shared("x"), { wait: 0 })), {
    type: "busy",
    obstacle: inTheWay("x", { queue: 1 }),
  });
  assert.equal(answerTo(state, want(3, shared("x")), "q3"), {
    type: "queued",
    position: 2,
    obstacle: inTheWay("x", { queue: 2 }),
  });
});

test("phases follow each other: all who share and came before, one who is exclusive, all who share and came after", () => {
  const state = crowd(6);
  take(state, want(1, shared("x")));
  for (const [lease, demand] of [
    [2, exclusive("x")],
    [3, shared("x")],
    [4, shared("x")],
    [5, exclusive("x")],
    [6, shared("x")],
  ] as const)
    join(state, want(lease, demand), `q${lease}`);
  assert.equal(come(state, releaseAll(1, 1)).told, [["q2", granted(2, 2)]]);
  const came = come(state, releaseAll(2, 2));
  assert.equal(came.told, [
    ["q3", granted(3, 3)],
    ["q4", granted(4, 4)],
  ]);
  assert.equal(short(came.events), ["released x bert 2 4", "granted x carl 3 3", "granted x dora 4 2"]);
  assert.equal(come(state, releaseAll(4, 4)).told, []);
  assert.equal(come(state, releaseAll(3, 3)).told, [["q5", granted(5, 5)]]);
  assert.equal(come(state, releaseAll(5, 5)).told, [["q6", granted(6, 6)]]);
});

test("when an exclusive waiter gives up, those behind him share at once what is shared", () => {
  const state = crowd();
  take(state, want(1, shared("x")));
  join(state, want(2, "x"), "q2");
  join(state, want(3, shared("x")), "q3");
  join(state, want(4, shared("x")), "q4");
  assert.equal(come(state, cancel("q2", 2)).told, [
    ["q2", { type: "requestCancelled" }],
    ["q3", granted(3, 2)],
    ["q4", granted(4, 3)],
  ]);
});

test("whoever shares passes another who would share too and waits for something else", () => {
  const state = crowd();
  take(state, want(1, "y"));
  join(state, want(2, [shared("x"), "y"]), "q2");
  assert.equal(answerTo(state, want(3, shared("x"))), granted(3, 2));
  join(state, want(4, "x"), "q4");
  come(state, releaseAll(3, 2));
  assert.equal(waiting(state, "x"), ["q2", "q4"]);
});

test("a higher priority that shares goes before one who waits exclusively, and holds the lock at once if it is shared", () => {
  const state = crowd();
  take(state, want(1, shared("x")));
  join(state, want(2, "x"), "q2");
  assert.equal(answerTo(state, want(3, shared("x"), { priority: 1 })), granted(3, 2));
  assert.equal(come(state, releaseAll(1, 1)).told, []);
  assert.equal(come(state, releaseAll(3, 2)).told, [["q2", granted(2, 3)]]);
});

test("one of those who share gives back his own grant, by its token or by its lease", () => {
  const state = crowd();
  for (const lease of [1, 2, 3]) take(state, want(lease, shared("x")));
  assert.equal(answerTo(state, release("x", { token: 2 })), { type: "released", token: 2 });
  assert.equal(answerTo(state, release("x", { lease: 3 })), { type: "released", token: 3 });
  assert.equal(answerTo(state, release("x", { token: 2 })), {
    type: "staleToken",
    holder: heldBy("x", 1, 1).holder,
  });
  assert.equal(holding(state, "x"), ["anna 1"]);
});

// Semaphores.

test("a semaphore is held up to its limit, and no further", () => {
  const state = crowd();
  assert.equal(answerTo(state, want(1, permits("x", 2, 3))), granted(1, 1));
  assert.equal(answerTo(state, want(2, permits("x", 1, 3))), granted(2, 2));
  assert.equal(answerTo(state, want(3, permits("x", 1, 3), { wait: 0 })), {
    type: "busy",
    obstacle: heldBy("x", 1, 1),
  });
  assert.equal(holding(state, "x"), ["anna 1", "bert 2"]);
});

test("permits that come back go to as many as they suffice for, in their order", () => {
  const state = crowd(5);
  take(state, want(1, permits("x", 3, 3)));
  for (const [lease, count] of [
    [2, 1],
    [3, 2],
    [4, 1],
  ] as const)
    join(state, want(lease, permits("x", count, 3)), `q${lease}`);
  assert.equal(come(state, releaseAll(1, 1)).told, [
    ["q2", granted(2, 2)],
    ["q3", granted(3, 3)],
  ]);
  assert.equal(come(state, releaseAll(2, 2)).told, [["q4", granted(4, 4)]]);
});

test("nobody takes permits past somebody who waits for more of them", () => {
  const state = crowd();
  take(state, want(1, permits("x", 2, 3)));
  join(state, want(2, permits("x", 2, 3)), "q2");
  assert.equal(answerTo(state, want(3, permits("x", 1, 3)), "q3"), {
    type: "queued",
    position: 2,
    obstacle: inTheWay("x", { queue: 2 }),
  });
  // One permit is free all the time; it is kept for whoever comes first.
  assert.equal(come(state, cancel("q2", 2)).told, [
    ["q2", { type: "requestCancelled" }],
    ["q3", granted(3, 2)],
  ]);
});

test("all who use a semaphore at one time mean one of the same size", () => {
  const differs = { type: "limitDiffers", lock: "x", limit: 3 };
  const held = crowd();
  take(held, want(1, permits("x", 1, 3)));
  for (const wish of [{ wait: 0 }, {}, { ttl: 5_000 }]) {
    assert.equal(answerTo(held, want(2, permits("x", 1, 4), wish)), differs);
  }
  const waitedFor = crowd();
  take(waitedFor, want(1, "x"));
  join(waitedFor, want(2, permits("x", 1, 3)), "q2");
  assert.equal(answerTo(waitedFor, want(3, permits("x", 1, 2))), differs);
  assert.equal(waiting(waitedFor, "x"), ["q2"]);
});

test("a semaphore that nobody uses any more may come back with another size", () => {
  const state = crowd();
  take(state, want(1, permits("x", 1, 3)));
  come(state, releaseAll(1, 1));
  assert.equal(answerTo(state, want(2, permits("x", 5, 5))), granted(2, 2));
});

test("semaphores of other names have sizes of their own", () => {
  const state = crowd();
  take(state, want(1, permits("x", 1, 3)));
  assert.equal(answerTo(state, want(1, permits("y", 1, 4))), granted(1, 2));
});

// Mixed.

test("a lock is held in one mode at a time, whichever it is", () => {
  const demands = [exclusive("x"), shared("x"), permits("x", 1, 9)];
  for (const [place, one] of demands.entries()) {
    for (const [otherPlace, other] of demands.entries()) {
      const state = crowd();
      take(state, want(1, one));
      const answer = answerTo(state, want(2, other, { wait: 0 }));
      const isBeside = place === otherPlace && one.mode !== "exclusive";
      assert.is(answer?.type, isBeside ? "granted" : "busy", `${other.mode} beside ${one.mode}`);
    }
  }
});

test("those who wait in different modes come in their order", () => {
  const state = crowd(6);
  take(state, want(1, "x"));
  for (const [lease, demand] of [
    [2, permits("x", 1, 2)],
    [3, shared("x")],
    [4, shared("x")],
    [5, permits("x", 2, 2)],
    [6, permits("x", 1, 2)],
  ] as const)
    join(state, want(lease, demand), `q${lease}`);
  assert.equal(come(state, releaseAll(1, 1)).told, [["q2", granted(2, 2)]]);
  assert.equal(come(state, releaseAll(2, 2)).told, [
    ["q3", granted(3, 3)],
    ["q4", granted(4, 4)],
  ]);
  come(state, releaseAll(3, 3));
  assert.equal(come(state, releaseAll(4, 4)).told, [["q5", granted(5, 5)]]);
  assert.equal(come(state, releaseAll(5, 5)).told, [["q6", granted(6, 6)]]);
});

test("a release is one grant for each who is next, and nobody else is told anything", () => {
  const state = crowd(2);
  take(state, want(1, "x"));
  for (let at = 0; at < 100; at += 1) join(state, want(2, "x", { context: `task ${at}` }), `q${at}`);
  for (let at = 0; at < 100; at += 1) {
    const came = come(state, releaseAll(at === 0 ? 1 : 2, at + 1));
    assert.equal(came.told, [[`q${at}`, granted(2, at + 2)]]);
    assert.is(came.events.length, 2);
  }
});

test.run();
