// The scripted stories end well with the service as it ships.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hunterNamed, stories } from "./hunters.ts";

const test = suite("sim/mutants/stories");

for (const name of Object.keys(stories) as (keyof typeof stories)[]) {
  test(`${name} ends well`, () => {
    for (const seed of [1, 2, 3, 4, 5]) assert.is(hunterNamed(name)(seed), null, `seed ${seed}`);
  });
}

test.run();
