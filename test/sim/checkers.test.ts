// The checkers at work: planted bugs are found, each by what it breaks, and clocks that break the assumption are noticed. Here the
// ones that are found quickly; `npm run mutants` plants them all.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mutants } from "./mutants/all.ts";
import { hunted, mutated } from "./mutants/plant.ts";
import { namesInTable } from "./mutants/table.ts";
import { answerBeforeFlush, overSeeds } from "./mutations.ts";
import { calmPlan, planOf } from "./plan.ts";

const test = suite("sim/checkers");

test("every mutant can be built, and changes something", () => {
  for (const mutant of mutants) assert.is.not(mutated(mutant), mutated({ ...mutant, replace: mutant.search }));
});

test("every mutant has a name of its own, and stands in the table", () => {
  assert.equal(
    namesInTable(),
    mutants.map(({ name }) => name),
  );
  assert.is(new Set(namesInTable()).size, mutants.length);
});

for (const mutant of mutants.filter(({ quick }) => quick === true)) {
  test(`it is found when ${mutant.bug}`, async () => {
    const { seed, message } = await hunted(mutant);
    assert.is.not(seed, null, message);
  });
}

test("it is found when storage releases before it has flushed", () => {
  const message = overSeeds(10, planOf, { raft: answerBeforeFlush });
  assert.match(message ?? "nothing was found", /durable before/);
});

test("clocks that are wrong by more than the assumption allows are found", () => {
  const message = overSeeds(40, (seed) => ({ ...calmPlan(seed), clockError: 0.08 }), {});
  assert.match(message ?? "nothing was found", /early|one holder/);
});

test.run();
