// The names of what the lock table asks to be timed.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { delayAlarm, parseAlarm, waitAlarm, yieldAlarm } from "../../src/actors/alarms.ts";
import { fencingToken, requestId } from "../../src/actors/scalars.ts";

const test = suite("actors/alarms");

const awkward = ["a", "", "a:b", "7:", ":7:a", "d:1:a", "w:a", "line\nbreak", "\u2028", "\ud800", "🔒", " "];
const token = fencingToken(17);

test("an alarm says what it is for, whatever the name is made of", () => {
  for (const name of awkward) {
    assert.equal(parseAlarm(delayAlarm(name, token)), { type: "delay", lock: name, token });
    assert.equal(parseAlarm(yieldAlarm(name, token)), { type: "yield", lock: name, token });
    assert.equal(parseAlarm(waitAlarm(requestId(name))), { type: "wait", requestId: name });
  }
});

test("no two things have the same alarm", () => {
  const tokens = [1, 17, 171].map(fencingToken);
  const all = awkward.flatMap((name) => [
    waitAlarm(requestId(name)),
    ...tokens.flatMap((each) => [delayAlarm(name, each), yieldAlarm(name, each)]),
  ]);
  assert.is(new Set(all).size, all.length);
});

test("the largest token is told exactly", () => {
  const largest = fencingToken(Number.MAX_SAFE_INTEGER);
  assert.equal(parseAlarm(delayAlarm("a", largest)), { type: "delay", lock: "a", token: largest });
});

test("what nobody named so is no alarm", () => {
  for (const text of ["", "d", "d:", "d:1", "d::a", "d:x:a", "x:1:a", "D:1:a", " d:1:a"])
    assert.is(parseAlarm(text), null);
});

test.run();
