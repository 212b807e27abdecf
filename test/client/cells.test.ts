// The words that the two threads of a client share: a deadline that has passed is passed for ever.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  extend,
  foresee,
  foreseen,
  leaseCell,
  lockBoard,
  lose,
  lossAt,
  newLeaseCell,
  remainingMs,
  setLossAt,
} from "../../src/client/cells.ts";
import { nowNs, toNs } from "../../src/client/monotonic.ts";

const test = suite("shared words");

const inMs = (spanMs: number): bigint => nowNs() + toNs(spanMs);
const waitPast = (deadlineNs: bigint): void => {
  while (nowNs() < deadlineNs);
};

test("a deadline moves forward, never back", () => {
  const { cell } = newLeaseCell(inMs(60_000));
  assert.ok(extend(cell, inMs(120_000)));
  assert.ok(extend(cell, inMs(30_000)));
  assert.ok(remainingMs(cell) > 60_000);
});

test("a deadline that has passed is not moved, whether somebody has looked or not", () => {
  const deadline = inMs(1);
  const { cell } = newLeaseCell(deadline);
  waitPast(deadline);
  assert.not(extend(cell, inMs(60_000)));
  assert.is(remainingMs(cell), 0);
});

test("a loss that one thread has seen is seen by the other", () => {
  const { memory, cell } = newLeaseCell(inMs(60_000));
  const other = leaseCell(memory);
  lose(cell, "revoked");
  assert.equal([remainingMs(other), foreseen(other)], [0, "revoked"]);
  assert.not(extend(other, inMs(60_000)));
});

test("how a lease would be lost is known before it is", () => {
  const { cell } = newLeaseCell(inMs(60_000));
  assert.is(foreseen(cell), "expired");
  foresee(cell, "unreachable");
  assert.is(foreseen(cell), "unreachable");
});

test("the first word on a lock stands", () => {
  const board = lockBoard(new SharedArrayBuffer(16));
  assert.is(lossAt(board, 1), null);
  setLossAt(board, 1, "forced");
  setLossAt(board, 1, "expired");
  assert.equal([lossAt(board, 0), lossAt(board, 1)], [null, "forced"]);
});

test.run();
