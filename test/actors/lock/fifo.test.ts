import { suite } from "uvu";
import * as assert from "uvu/assert";
import { dropOldest, emptyFifo, fifoSize, oldest, pushLast } from "../../../src/actors/lock/fifo.ts";

const test = suite("actors/lock: fifo");

test("items are taken in the order in which they were added", () => {
  const fifo = emptyFifo<number>();
  const taken: (number | undefined)[] = [];
  for (let item = 0; item < 10_000; item += 1) {
    pushLast(fifo, item);
    if (item % 3 === 0) continue;
    taken.push(oldest(fifo));
    dropOldest(fifo);
  }
  assert.equal(taken, [...taken.keys()]);
  assert.is(fifoSize(fifo), 10_000 - taken.length);
});

test("an empty queue has no oldest item", () => {
  assert.is(oldest(emptyFifo()), undefined);
});

test("what has been taken makes room again", () => {
  const fifo = emptyFifo<number>();
  for (let item = 0; item < 100_000; item += 1) {
    pushLast(fifo, item);
    if (item >= 10) dropOldest(fifo);
    assert.ok(fifo.items.length < 4_096);
  }
});

test.run();
