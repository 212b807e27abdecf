import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Instant, instant, millis } from "../../src/actors/scalars.ts";
import { createTimers, now } from "../../src/transport/timers.ts";

/** Timers over a clock that the test moves. */
function setUp({ random = 0 } = {}) {
  let time = 0;
  let alarmsSet = 0;
  const alarms = new Map<object, { at: number; ring: () => void }>();
  const due: string[] = [];
  const timers = createTimers<string>(
    {
      now: (): Instant => instant(time),
      random: () => random,
      alarm: (span, ring) => {
        const key = {};
        alarmsSet++;
        alarms.set(key, { at: time + span, ring });
        return () => alarms.delete(key);
      },
    },
    (timer) => due.push(timer),
  );
  const moveTo = (target: number): void => {
    for (;;) {
      const next = [...alarms].filter(([, { at }]) => at <= target).sort(([, a], [, b]) => a.at - b.at)[0];
      if (next === undefined) break;
      const [key, { at, ring }] = next;
      alarms.delete(key);
      time = Math.max(time, at);
      ring();
    }
    time = target;
  };
  return { timers, due, moveTo, alarmsSet: () => alarmsSet, alarmsOpen: () => alarms.size };
}

const exactly = (span: number) => ({ min: millis(span), max: millis(span) });

test("a timer runs out once, at its deadline and not before", () => {
  const { timers, due, moveTo } = setUp();
  timers.set("election", exactly(100));
  moveTo(99);
  assert.equal(due, []);
  moveTo(100);
  assert.equal(due, ["election"]);
  assert.ok(timers.take("election"));
  assert.not(timers.take("election"));
  moveTo(1000);
  assert.equal(due, ["election"]);
});

test("a timer that is set again runs out at its last deadline only", () => {
  const { timers, due, moveTo } = setUp();
  timers.set("election", exactly(100));
  moveTo(60);
  timers.set("election", exactly(100));
  moveTo(159);
  assert.equal(due, []);
  moveTo(160);
  assert.equal(due, ["election"]);
});

test("a timer that is set to an earlier deadline runs out then", () => {
  const { timers, due, moveTo } = setUp();
  timers.set("deadline", exactly(1000));
  timers.set("deadline", exactly(10));
  moveTo(10);
  assert.equal(due, ["deadline"]);
});

test("a timer that is set to an earlier deadline leaves no second alarm behind", () => {
  const { timers, alarmsOpen } = setUp();
  timers.set("deadline", exactly(1000));
  timers.set("deadline", exactly(10));
  assert.is(alarmsOpen(), 1);
});

test("setting a timer later, however often, sets no alarm", () => {
  const { timers, due, moveTo, alarmsSet } = setUp();
  for (let heartbeat = 0; heartbeat < 1000; heartbeat++) {
    timers.set("election", exactly(100));
    moveTo((heartbeat + 1) / 20);
  }
  assert.is(alarmsSet(), 1);
  moveTo(200);
  assert.equal(due, ["election"]);
  assert.is(alarmsSet(), 2);
});

test("the moment is drawn between min and max", () => {
  const { timers, due, moveTo } = setUp({ random: 0.5 });
  timers.set("election", { min: millis(100), max: millis(200) });
  moveTo(149);
  assert.equal(due, []);
  moveTo(150);
  assert.equal(due, ["election"]);
});

test("a timer that is cancelled does not run out", () => {
  const { timers, due, moveTo } = setUp();
  timers.set("retry", exactly(10));
  timers.cancel("retry");
  moveTo(1000);
  assert.equal(due, []);
});

test("a timer that is cancelled or set again before its letter is read does not count as run out", () => {
  const { timers, due, moveTo } = setUp();
  timers.set("retry", exactly(10));
  timers.set("deadline", exactly(10));
  moveTo(10);
  timers.cancel("retry");
  timers.set("deadline", exactly(10));
  assert.equal(due, ["retry", "deadline"]);
  assert.not(timers.take("retry"));
  assert.not(timers.take("deadline"));
  moveTo(20);
  assert.ok(timers.take("deadline"));
});

test("timers that are closed leave no alarm behind", () => {
  const { timers, alarmsOpen } = setUp();
  timers.set("retry", exactly(10));
  timers.close();
  assert.is(alarmsOpen(), 0);
});

test("the clock of this machine does not follow the wall clock", () => {
  const { now: wallClock } = Date;
  const before = now();
  try {
    Date.now = () => 0;
    assert.ok(now() >= before);
  } finally {
    Date.now = wallClock;
  }
});

test("the clock of this machine never goes back", () => {
  const moments = Array.from({ length: 1000 }, now);
  assert.equal(
    moments,
    [...moments].sort((a, b) => a - b),
  );
});

test.run();
