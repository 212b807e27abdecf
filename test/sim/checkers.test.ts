// The checkers at work: every planted bug is found, and clocks that break the assumption are noticed.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mutations, wildClocks } from "./mutations.ts";

const test = suite("sim/checkers");

for (const { bug, behaviours, hunt, rule } of mutations) {
  test(`it is found when ${bug}`, () => {
    assert.match(hunt(behaviours) ?? "nothing was found", rule);
  });
}

test("clocks that are wrong by more than the assumption allows are found", () => {
  assert.match(wildClocks({}) ?? "nothing was found", /early|one holder/);
});

test.run();
