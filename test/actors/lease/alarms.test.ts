// Alarms: spans that the lock table has asked for, timed by the leader alone.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  alarmGone,
  alarmSet,
  changed,
  cleared,
  ended,
  following,
  leader,
  leading,
  type Node,
  node,
  opened,
  passTime,
  proposes,
  receive,
  rings,
  termBegun,
  tick,
  ticks,
} from "./build.ts";

const test = suite("actors/lease: alarms");

/** A leader of term 1 with one alarm of so many milliseconds. */
function leaderWith(alarm: string, span: number): Node {
  const it = leader();
  receive(it, changed(alarmSet(alarm, span)));
  return it;
}

test("an alarm is proposed once its span has passed, not before, and nothing is added to it", () => {
  const it = leaderWith("w:r", 1_000);
  assert.equal(passTime(it, 999), []);
  assert.equal(passTime(it, 1_000), [rings(1, "w:r")]);
});

test("an alarm is proposed once in a term", () => {
  const it = leaderWith("w:r", 1_000);
  passTime(it, 1_000);
  assert.equal(passTime(it, 60_000), []);
});

test("an alarm of a wait that has ended proposes nothing", () => {
  const it = leaderWith("w:r", 1_000);
  passTime(it, 500);
  receive(it, changed(alarmGone("w:r")));
  assert.equal(passTime(it, 60_000), []);
});

test("an alarm that is set again has its full span again, be it longer or shorter", () => {
  for (const span of [300, 5_000]) {
    const it = leaderWith("y:1:x", 1_000);
    passTime(it, 500);
    receive(it, changed(alarmSet("y:1:x", span)));
    assert.equal(passTime(it, 500 + span - 1), []);
    assert.equal(passTime(it, 500 + span), [rings(1, "y:1:x")]);
    assert.equal(passTime(it, 60_000), []);
  }
});

test("an alarm that has rung and is set again rings again", () => {
  const it = leaderWith("y:1:x", 1_000);
  passTime(it, 1_000);
  receive(it, changed(alarmGone("y:1:x"), alarmSet("y:1:x", 1_000)));
  assert.equal(passTime(it, 1_999), []);
  assert.equal(passTime(it, 2_000), [rings(1, "y:1:x")]);
});

test("an alarm that is due before the next tick brings it forward, a later one does not", () => {
  const it = leader(1);
  it.now = 10;
  assert.equal(receive(it, changed(alarmSet("w:late", 200))), []);
  assert.equal(receive(it, changed(alarmSet("w:soon", 30))), [ticks(30)]);
  assert.equal(passTime(it, 40), [rings(1, "w:soon")]);
  assert.equal(passTime(it, 210), [rings(1, "w:late")]);
});

test("a leader ticks while it has alarms, and not without", () => {
  const it = leader();
  assert.equal(receive(it, changed(alarmSet("w:r", 1_000))), [ticks(100)]);
  it.now = 100;
  receive(it, changed(alarmGone("w:r")));
  assert.equal(receive(it, tick), []);
});

test("alarms and expiries that are due together go in one letter, the earliest first", () => {
  const it = leader(1);
  receive(it, changed(alarmSet("w:r", 1_205), alarmSet("d:1:x", 1_195)));
  assert.equal(passTime(it, 1_190), []);
  it.now = 1_250;
  const all = [rings(1, "d:1:x"), proposes([1, 0, 1]), rings(1, "w:r")];
  assert.equal(receive(it, tick)[0], {
    type: "send",
    to: "raft",
    letter: { type: "propose", commands: all.flatMap(({ letter }): unknown[] => letter.commands) },
  });
});

// Leaders come and go.

test("a follower knows the alarms and times nothing", () => {
  const it = node();
  assert.equal(receive(it, changed(alarmSet("w:r", 100), alarmSet("w:s", 100), alarmGone("w:s"))), []);
  assert.equal([...it.state.alarms.keys()], ["w:r"]);
  it.now = 100_000;
  assert.equal(receive(it, tick), []);
});

test("a new leader gives every alarm its full span from the moment it applied the first entry of its term", () => {
  const it = node();
  receive(it, changed(alarmSet("w:r", 1_000), termBegun(1)));
  it.now = 10_000;
  assert.equal(receive(it, leading(2)), []);
  it.now = 15_000;
  assert.equal(receive(it, changed(termBegun(2))), [ticks(100)]);
  assert.equal(passTime(it, 15_999), []);
  assert.equal(passTime(it, 16_000), [rings(2, "w:r")]);
});

test("a leader proposes no alarm before the first entry of its term is applied", () => {
  const it = node();
  receive(it, leading(1));
  receive(it, changed(alarmSet("w:r", 100)));
  assert.equal(passTime(it, 60_000), []);
  assert.is(it.state.timing, null);
});

test("an alarm that was proposed in an earlier term starts anew in the next", () => {
  const it = leaderWith("w:r", 1_000);
  passTime(it, 1_000);
  receive(it, following(2));
  assert.equal(passTime(it, 5_000), []);
  receive(it, leading(3));
  receive(it, changed(termBegun(3)));
  assert.equal(passTime(it, 5_999), []);
  assert.equal(passTime(it, 6_000), [rings(3, "w:r")]);
});

test("leading again in the same term starts every span anew, and proposes again what was proposed: that may be lost", () => {
  const it = leaderWith("w:r", 1_000);
  receive(it, changed(alarmSet("w:s", 2_000)));
  passTime(it, 1_100);
  assert.equal(receive(it, leading(1)).slice(1), [rings(1, "w:r"), ticks(100)]);
  assert.equal(passTime(it, 3_099), []);
  assert.equal(passTime(it, 3_100), [rings(1, "w:s")]);
});

test("a snapshot replaces all alarms", () => {
  const it = leaderWith("w:r", 100);
  receive(it, changed(cleared, alarmSet("w:s", 200)));
  assert.equal(passTime(it, 60_000), [rings(1, "w:s")]);
  assert.equal([...it.state.alarms.keys()], ["w:s"]);
});

// Time.

test("after a stall of this loop the outage is added to every alarm", () => {
  const it = leaderWith("w:r", 1_000);
  passTime(it, 50);
  // The tick was due at 100; nothing happened until 5 000.
  it.now = 5_000;
  assert.equal(receive(it, tick), [ticks(100)]);
  assert.equal(passTime(it, 5_899), []);
  assert.equal(passTime(it, 5_900), [rings(1, "w:r")]);
});

test("an alarm that is set after a stall has its span and no more", () => {
  const it = leader(1);
  it.now = 5_000;
  receive(it, tick);
  receive(it, changed(alarmSet("w:r", 1_000), ended(1)));
  assert.equal(passTime(it, 5_999), []);
  assert.equal(passTime(it, 6_000), [rings(1, "w:r")]);
});

test("what is due all at once is spread over ticks", () => {
  const it = leader();
  receive(it, changed(...Array.from({ length: 1_200 }, (_, place) => alarmSet(`w:${place}`, 500))));
  const sizes = passTime(it, 700).map((effect) =>
    effect.type === "send" && effect.letter.type === "propose" ? effect.letter.commands.length : 0,
  );
  assert.equal(sizes, [512, 512, 176]);
});

test("100 000 alarms that are not due wake nothing up in vain", () => {
  const it = leader();
  receive(it, changed(...Array.from({ length: 100_000 }, (_, place) => alarmSet(`w:${place}`, 60_000))));
  assert.equal(passTime(it, 59_999), []);
  assert.is(it.state.looks, 0);
});

test("the heap grows with what is set, not with what has come and gone", () => {
  const it = leader(1);
  receive(it, changed(alarmSet("w:stays", 2_000)));
  for (let place = 0; place < 20_000; place += 1) {
    receive(it, changed(alarmSet(`w:${place}`, 300_000), alarmGone(`w:${place}`), alarmSet("y:1:x", 300_000)));
  }
  assert.ok((it.state.timing?.deadlines.heap.length ?? 0) <= 1_032);
  assert.equal(passTime(it, 2_000), [proposes([1, 0, 1]), rings(1, "w:stays")]);
});

test("a lease that ends takes no alarm with it, and an alarm no lease", () => {
  const it = leader(1);
  receive(it, changed(opened(2), alarmSet("d:1:x", 1_500), ended(1), alarmGone("w:unknown")));
  assert.equal(passTime(it, 60_000), [proposes([2, 0, 1]), rings(1, "d:1:x")]);
});

test.run();
