import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  committed,
  deliver,
  diskOf,
  flush,
  groupLedBy,
  heartbeat,
  logOf,
  propose,
  sent,
  settle,
  step,
  take,
  timeOut,
} from "./group.ts";
import { acquire } from "./messages.ts";

const test = suite("paper/building for performance");

test("§10.2.1: a leader sends an entry to its followers while its own disk still writes it", () => {
  const three = groupLedBy("a");
  const effects = propose(three, "a", acquire("x"));
  const places = effects.flatMap((effect) =>
    effect.type === "send" && (effect.to === "storage" || effect.to === "peers") ? [effect.to] : [],
  );
  assert.equal(places.slice(0, 3), ["storage", "peers", "peers"]);
});

test("§10.2.1: an entry that a majority of followers has flushed is committed before the leader has flushed it", () => {
  const three = groupLedBy("a");
  const onDemand = { ...three, options: { ...three.options, flushesOnDemand: true } };
  propose(onDemand, "a", acquire("x"));
  for (const id of ["b", "c"]) {
    deliver(onDemand, ({ to }) => to === id);
    flush(onDemand, id);
  }
  deliver(onDemand, ({ to }) => to === "a");
  assert.equal([diskOf(onDemand, "a"), committed(onDemand, "a")], [[1], 2]);
});

test("§10.2.2: what is proposed together is sent and flushed together", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x"), acquire("y"), acquire("z"));
  assert.equal(
    sent(three, "a", "appendRequest").map(({ to, message }) => [to, message.entries.length]),
    [
      ["b", 3],
      ["c", 3],
    ],
  );
});

test("§10.2.2: a leader sends the next entries without waiting for the answer to those before them", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x"));
  propose(three, "a", acquire("y"));
  assert.equal(
    sent(three, "a", "appendRequest")
      .filter(({ to }) => to === "b")
      .map(({ message }) => [message.previousIndex, message.entries.length]),
    [
      [1, 1],
      [2, 1],
    ],
  );
  settle(three);
  assert.is(committed(three, "a"), 3);
});

test("§10.2.2: the number of requests under way to a follower is bounded", () => {
  const three = groupLedBy("a");
  for (let at = 0; at < 10; at += 1) propose(three, "a", acquire(`x${at}`));
  assert.is(sent(three, "a", "appendRequest").filter(({ to }) => to === "b").length, 2);
  settle(three);
  assert.is(committed(three, "a"), 11);
});

test("§10.2.2: requests that overtake each other do no harm: the consistency check refuses, and they are sent again", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x"));
  propose(three, "a", acquire("y"));
  three.wire = three.wire.reverse();
  settle(three);
  heartbeat(three, "a");
  for (const id of ["a", "b", "c"]) assert.equal([logOf(three, id), committed(three, id)], [[1, 1, 1], 3], id);
});

test("§10.2.2: after a loss a leader sends one request at a time until it knows where the logs agree", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x"));
  take(three, () => true);
  propose(three, "a", acquire("y"));
  deliver(three, ({ to }) => to === "b");
  // The refusal makes it probe; what is proposed meanwhile waits.
  deliver(three, ({ from }) => from === "b");
  propose(three, "a", acquire("z"));
  assert.equal(
    sent(three, "a", "appendRequest")
      .filter(({ to }) => to === "b")
      .map(({ message }) => [message.previousIndex, message.entries.length]),
    [[1, 2]],
  );
  settle(three);
  heartbeat(three, "a");
  assert.equal(logOf(three, "b"), [1, 1, 1, 1]);
});

test("§10.2.2: what comes while the leader's disk is busy is written with the next flush, together", () => {
  const three = groupLedBy("a");
  const onDemand = { ...three, options: { ...three.options, flushesOnDemand: true } };
  propose(onDemand, "a", acquire("x"));
  for (const name of ["y", "z"]) step(onDemand, "a", { type: "propose", commands: [acquire(name)] });
  assert.equal(logOf(onDemand, "a"), [1, 1]);
  flush(onDemand, "a");
  assert.equal(logOf(onDemand, "a"), [1, 1, 1, 1]);
  timeOut(onDemand, "a", "append");
  assert.equal(logOf(onDemand, "a"), [1, 1, 1, 1]);
});

test.run();
