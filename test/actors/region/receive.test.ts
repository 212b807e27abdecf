import { suite } from "uvu";
import * as assert from "uvu/assert";
import { region } from "../../../src/actors/region/receive.ts";
import type { RegionState } from "../../../src/actors/region/state.ts";
import { instant, term } from "../../../src/actors/scalars.ts";
import { config } from "../gateway/builders.ts";

const test = suite("actors/region");

function leadership(state: RegionState) {
  const { leading, term } = region.inspect(state);
  return [leading, term];
}

test("without other regions the region actor remembers who leads, and sends nothing", () => {
  const state = region.start(config);
  assert.equal(region.receive(state, { type: "leading", term: term(3) }, instant(0)), []);
  assert.equal(leadership(state), [1, 3]);
  assert.equal(region.receive(state, { type: "following", term: term(4) }, instant(1)), []);
  assert.equal(leadership(state), [0, 4]);
});

test.run();
