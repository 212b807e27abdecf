// What an acceptor forgets: by age, behind a floor, and never what is held.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fifoSize } from "../../../src/actors/lock/fifo.ts";
import type { LockState } from "../../../src/actors/lock/state.ts";
import {
  accept,
  acceptor,
  acquiring,
  ballot,
  come,
  free,
  grant,
  passEntries,
  prepare,
  recordOf,
  replyTo,
} from "./acceptor-build.ts";
import { expire } from "./build.ts";

const test = suite("actors/lock: what an acceptor forgets");

const remembered = { requestsRemembered: 5 };

/** Lock x was promised at the first entry, up to (9, c). */
function promisedLongAgo(entries: number): LockState {
  const state = acceptor(remembered);
  come(state, prepare(ballot(9, "c"), acquiring("q1")));
  passEntries(state, entries);
  return state;
}

test("a record of a free lock is kept for as many entries as requests are remembered, and then forgotten", () => {
  assert.ok(recordOf(promisedLongAgo(4)));
  assert.is(recordOf(promisedLongAgo(5)), null);
});

test("the floor rises to what was promised, and never falls", () => {
  const state = promisedLongAgo(5);
  assert.equal(state.table.acceptor?.floor, ballot(9, "c"));
  come(state, prepare(ballot(2), acquiring("q2"), "y"));
  assert.equal(state.table.acceptor?.floor, ballot(9, "c"));
  come(state, prepare(ballot(12), acquiring("q2"), "y"));
  come(state, accept(ballot(13), free(3), "z"));
  passEntries(state, 6);
  assert.equal(state.table.acceptor?.floor, ballot(14));
});

test("of a lock without a record nothing at or below the floor is promised or accepted", () => {
  const overtaken = { type: "overtaken", promised: ballot(9, "c") };
  const state = promisedLongAgo(5);
  for (const lock of ["x", "never seen"]) {
    for (const low of [ballot(9, "c"), ballot(9, "a"), ballot(1, "c")]) {
      assert.equal(replyTo(state, prepare(low, acquiring("q2"), lock)), overtaken);
      assert.equal(replyTo(state, accept(low, grant(), lock)), overtaken);
    }
    assert.is(recordOf(state, lock), null);
  }
  const reply = replyTo(state, prepare(ballot(10, "a"), acquiring("q2")));
  assert.equal(reply?.type === "promise" ? [reply.accepted, reply.floor] : reply, [null, ballot(9, "c")]);
});

test("a lock that has a record keeps to it, wherever the floor is", () => {
  const state = acceptor(remembered);
  come(state, accept(ballot(1), grant()));
  come(state, prepare(ballot(9, "c"), acquiring("q8"), "y"));
  passEntries(state, 6);
  assert.equal(state.table.acceptor?.floor, ballot(9, "c"));
  assert.equal(replyTo(state, accept(ballot(2), free(1))), { type: "accepted", counter: 1 });
});

test("what is held is never forgotten, however long ago it was accepted", () => {
  const state = acceptor(remembered);
  come(state, accept(ballot(1), grant()));
  passEntries(state, 50);
  assert.equal(recordOf(state), { lock: "x", promised: ballot(2), accepted: ballot(1), value: grant(), index: 1 });
});

test("from its end on a grant is kept for a full span, by whichever way it ended", () => {
  for (const end of [accept(ballot(2), free(1)), expire(1, { renewals: 1 })]) {
    const state = acceptor(remembered);
    come(state, accept(ballot(1), grant()));
    passEntries(state, 50);
    come(state, end);
    passEntries(state, 4);
    assert.ok(recordOf(state));
    passEntries(state, 1);
    assert.is(recordOf(state), null);
    assert.ok((state.table.acceptor?.floor.round ?? 0) >= 2);
  }
});

test("a record that is touched is young again", () => {
  const state = promisedLongAgo(4);
  come(state, prepare(ballot(10), acquiring("q2")));
  passEntries(state, 4);
  assert.equal(recordOf(state)?.promised, ballot(10));
  passEntries(state, 1);
  assert.is(recordOf(state), null);
});

test("the counter of tokens is not forgotten with the locks", () => {
  const state = acceptor(remembered);
  come(state, accept(ballot(1), free(7)));
  passEntries(state, 20);
  assert.is(recordOf(state), null);
  const reply = replyTo(state, prepare(ballot(9), acquiring("q2")));
  assert.is(reply?.type === "promise" ? reply.counter : 0, 7);
});

test("what is kept does not grow with what was asked", () => {
  const state = acceptor(remembered);
  come(state, accept(ballot(1), grant(), "held"));
  for (let at = 1; at <= 300; at += 1) come(state, prepare(ballot(at, "c"), acquiring(`q${at}`), `lock ${at % 40}`));
  const { acceptor: parts, outcomes } = state.table;
  assert.ok(parts);
  assert.is(parts.records.size, 6);
  assert.ok(outcomes.size <= 6);
});

test("a lock that is held is asked for again and again, and its acceptor does not grow", () => {
  const state = acceptor(remembered);
  come(state, accept(ballot(1), grant()));
  for (let at = 2; at <= 300; at += 1) {
    come(state, prepare(ballot(at, "c"), acquiring("q1")));
    come(state, accept(ballot(at, "c"), grant()));
  }
  const fifo = state.table.acceptor?.byAge;
  assert.ok(fifo);
  assert.ok(fifoSize(fifo) <= 2 * remembered.requestsRemembered, `${fifoSize(fifo)} kept`);
});

test.run();
