// Whoever goes on watching after a break: nothing is missed, nothing comes twice, and there is a clear answer where that cannot be.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { eventsKept } from "../../../src/actors/lock/watching.ts";
import type { LockEvent } from "../../../src/actors/operations.ts";
import { fc } from "../../fast-check.ts";
import { applyNext, receive, replica, writeCommand } from "./build.ts";
import { come, crowd, eventsOfLast, join, releaseAll, restoredFrom, short, take, want } from "./queue-build.ts";
import { entryOf, steps } from "./random-build.ts";
import { all, hear, show, unseen, watch } from "./watch-build.ts";

const test = suite("actors/lock: watching after a break");

test("whoever goes on after a revision is told what came since, and nothing of before", () => {
  const state = crowd();
  take(state, want(1, "x"));
  take(state, want(2, "y"));
  come(state, releaseAll(1, 1));
  for (const [after, expected] of [
    [4, ["granted x anna 1 0", "granted y bert 2 0", "released x anna 1 0"]],
    [5, ["granted y bert 2 0", "released x anna 1 0"]],
    [6, ["released x anna 1 0"]],
    [7, []],
  ] as const) {
    const told = show(unseen(), watch(state, all, after, after));
    assert.equal(short(show(unseen(), watch(state, all, after, 1)).events), expected);
    assert.is(told.events.length, 0, "told to another call");
  }
  assert.equal(short(show(unseen(), watch(state, { lock: "y" }, 4)).events), ["granted y bert 2 0"]);
});

test("whoever is ahead of this node is told when it has caught up, and nothing twice", () => {
  const state = crowd();
  const told = show(unseen(), watch(state, all, 6));
  assert.equal([told.events, told.revision, told.isGone], [[], 6, false]);
  assert.equal(hear(state, want(1, "x")), []);
  assert.equal(hear(state, want(2, "y")), []);
  assert.equal(hear(state, want(3, "z")), ["granted z carl 3 0"]);
});

test("what is too long ago is gone, and whoever would go on there is told so, and from where he could", () => {
  const state = crowd();
  for (let at = 0; at < eventsKept / 2 + 2; at += 1) {
    take(state, want(1, "x"));
    applyNext(state, writeCommand(state, releaseAll(1, at + 1)));
  }
  // Four leases were opened; the first four events are gone, of one revision each.
  assert.equal(watch(state, all, 7), [
    { type: "send", to: "gateway", letter: { type: "watchGone", call: 1, oldest: 8 } },
  ]);
  assert.is(state.watching.watchers.size, 0);
  const told = show(unseen(), watch(state, all, 8));
  assert.equal([told.events.length, told.events[0]?.revision, told.revision], [eventsKept, 9, state.table.index]);
});

test("events that say much are kept for less long, so that what is kept is bounded", () => {
  const state = crowd();
  const metadata = "m".repeat(4_000);
  for (let token = 1; token <= 2_500; token += 1) {
    take(state, want(1, "x", { metadata }));
    applyNext(state, writeCommand(state, releaseAll(1, token)));
  }
  assert.ok(state.watching.characters <= 8_000_000);
  assert.is(show(unseen(), watch(state, all, 5)).isGone, true);
});

test("what is told at once comes in letters of bounded size, of which the last says how far it is", () => {
  const state = crowd();
  for (let at = 0; at < 2_500; at += 1) take(state, want(1, `lock ${at}`));
  for (const after of [null, 4]) {
    const letters = watch(state, all, after).map((effect) => (effect.type === "send" ? effect.letter : null));
    const told = letters.map((letter) =>
      letter?.type === "watched" ? [letter.events.length, letter.revision] : letter,
    );
    assert.equal(told, [
      [1_024, after ?? 0],
      [1_024, after ?? 0],
      [452, 2_504],
    ]);
  }
});

test("whoever hears of nothing for long is told how far it is, so that he can go on there", () => {
  const state = crowd();
  watch(state, { lock: "quiet" });
  const told = unseen();
  for (let token = 1; token <= eventsKept / 8; token += 1) {
    take(state, want(1, "x"));
    show(told, applyNext(state, writeCommand(state, releaseAll(1, token))));
  }
  assert.equal([told.letters, told.events, told.revision], [1, [], state.table.index]);
});

test("after a snapshot was restored whoever was not as far is told that it is gone; others go on", () => {
  const original = crowd();
  take(original, want(1, "x"));
  const state = replica();
  watch(state, all, null, 1);
  watch(state, all, 5, 2);
  watch(state, all, 9, 3);
  const { slice } = (() => {
    const [effect] = receive(original, { type: "takeSnapshot" });
    if (effect?.type !== "send" || effect.letter.type !== "snapshotTaken") throw new Error("no slice");
    return effect.letter;
  })();
  const effects = receive(state, { type: "restore", slice });
  assert.equal(
    effects.flatMap((effect) => (effect.type === "send" && effect.letter.type === "watchGone" ? [effect.letter] : [])),
    [{ type: "watchGone", call: 1, oldest: 5 }],
  );
  assert.equal([...state.watching.watchers.keys()], [2, 3]);
  assert.is(show(unseen(), watch(state, all, 4, 4), 4).isGone, true);
  assert.equal(short(show(unseen(), applyNext(state, writeCommand(state, want(2, "y"))), 2).events), [
    "granted y bert 2 0",
  ]);
});

test("two nodes tell the same events under the same revisions, from the moment a snapshot was restored", () => {
  const original = crowd();
  take(original, want(1, ["x", "y"]));
  join(original, want(2, "x"), "q2");
  const other = restoredFrom(original);
  for (const state of [original, other]) watch(state, all, state.table.index);
  const command = writeCommand(original, releaseAll(1, 1));
  assert.equal(show(unseen(), applyNext(other, command)), show(unseen(), applyNext(original, command)));
});

test("whoever breaks off anywhere and goes on has been told everything, once and in order", () => {
  fc.assert(
    fc.property(steps(40), fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 10 }), (history, breaks) => {
      const state = crowd(4);
      const told = show(unseen(), watch(state, all));
      const expected: LockEvent[] = [];
      for (const [place, step] of history.entries()) {
        // A watcher may be away for some entries, and be on another call when he is back.
        const isAway = (breaks[place % breaks.length] ?? 0) < 2;
        if (isAway) receive(state, { type: "unwatch", call: 1 });
        else if (!state.watching.watchers.has(1)) show(told, watch(state, all, told.revision));
        const effects = applyNext(state, entryOf(state, step));
        if (!isAway) show(told, effects);
        expected.push(...eventsOfLast(state));
      }
      if (!state.watching.watchers.has(1)) show(told, watch(state, all, told.revision));
      assert.equal(told.events, expected);
    }),
    { numRuns: 100 },
  );
});

test.run();
