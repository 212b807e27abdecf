// Whatever the order of events: who asks gets one answer, made after he asked, and is told once that he waits.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createWorld, endWaits, settle, shake, untold } from "./two-gateways.ts";

const test = suite("actors/gateway: shuffled");

const seeds = 60;

function holds(seed: number, isRestless: boolean): void {
  const world = createWorld(seed, { isRestless });
  for (let step = 0; step < 1500; step += 1) shake(world);
  settle(world, 8);
  assert.is(untold(world), 0, `seed ${seed}: everybody has been told that he waits, or answered`);
  endWaits(world);
  settle(world, 8);
  assert.is(world.calls.size, 0, `seed ${seed}: everybody has been answered`);
  for (const { state } of Object.values(world.nodes)) assert.is(state.waiting, 0);
}

test("every call is told once that it waits, and answered once, with nothing older than itself", () => {
  for (let seed = 1; seed <= seeds; seed += 1) holds(seed, false);
});

test("every call is told once that it waits, and answered once, though leaders come and go", () => {
  for (let seed = 1; seed <= seeds; seed += 1) holds(seed, true);
});

test.run();
