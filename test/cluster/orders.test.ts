// The search for an order against one that tries them all, and on runs as long, and with as many lost answers, as real ones.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Operation } from "./history.ts";
import { drawnOperations, livedOperations, someOrderFits, spoiled } from "./invented.ts";
import { checkLinearizable } from "./linearizability.ts";
import { lockModel } from "./lock-model.ts";

const test = suite("cluster/orders");
const model = lockModel({ rho: 0, epsMs: 0, regions: 1 });
const verdict = (operations: readonly Operation[]) => checkLinearizable(operations, model).type;

test("the search and the trial of all orders agree about small histories", () => {
  const count = { linearizable: 0, refused: 0 };
  for (let seed = 1; seed <= 20_000; seed += 1) {
    const operations = drawnOperations(seed);
    const expected = someOrderFits(operations, model) ? "linearizable" : "refused";
    count[expected] += 1;
    assert.is(verdict(operations), expected, `seed ${seed}`);
  }
  assert.ok(Math.min(count.linearizable, count.refused) > 1_000, "both happen often");
});

test("the search and the trial of all orders agree about short runs, and about runs with one answer changed", () => {
  for (let seed = 1; seed <= 1_000; seed += 1) {
    const operations = livedOperations({ seed, clients: 3, operations: 8, lost: 0.3 });
    assert.ok(someOrderFits(operations, model), `seed ${seed}`);
    assert.is(verdict(operations), "linearizable", `seed ${seed}`);
    const changed = spoiled(operations, seed);
    if (changed === null) continue;
    assert.not(someOrderFits(changed.operations, model), `seed ${seed}: ${changed.what}`);
    assert.is(verdict(changed.operations), "refused", `seed ${seed}: ${changed.what}`);
  }
});

for (const clients of [4, 12, 40]) {
  for (const lost of [0, 0.02, 0.1, 0.2]) {
    test(`${clients} clients: 5000 operations, ${lost * 100} % with unknown outcomes, are decided, for and against`, () => {
      const operations = livedOperations({ seed: clients, clients, operations: 5_000, lost });
      assert.is(verdict(operations), "linearizable");
      for (let seed = 1; seed <= 8; seed += 1) {
        const changed = spoiled(operations, seed);
        assert.is(changed === null ? "nothing to change" : verdict(changed.operations), "refused", changed?.what);
      }
    });
  }
}

test("grants that nobody saw, shown to others and given back by them, are decided", () => {
  const operations = livedOperations({ seed: 1, clients: 8, operations: 5_000, lost: 0.2 });
  const released = new Set(operations.filter(({ result }) => result === "released").map(({ token }) => token));
  const unseen = operations.filter(({ result, token }) => result === "granted" && released.has(token)).slice(0, 20);
  const forget = (each: Operation): Operation => ({
    ...each,
    result: "unknown",
    token: null,
    endedAt: Number.POSITIVE_INFINITY,
  });
  const known = operations.map((each) => (unseen.includes(each) ? forget(each) : each));
  const shown = unseen.map((grant): Operation => ({ ...grant, action: "check", result: "locked" }));
  assert.is(verdict([...known, ...shown]), "linearizable");
  assert.is(verdict([...known, ...shown.map((each) => ({ ...each, result: "free" as const }))]), "refused");
});

test.run();
