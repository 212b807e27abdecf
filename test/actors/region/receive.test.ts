import { suite } from "uvu";
import * as assert from "uvu/assert";
import { region } from "../../../src/actors/region/receive.ts";
import { instant, term } from "../../../src/actors/scalars.ts";
import { config } from "../gateway/builders.ts";

const test = suite("actors/region");

test("without other regions the region actor remembers who leads, and sends nothing", () => {
  const state = region.start(config);
  assert.equal(region.receive(state, { type: "leading", term: term(3) }, instant(0)), []);
  assert.equal(region.inspect(state), { leading: 1, term: 3 });
  assert.equal(region.receive(state, { type: "following", term: term(4) }, instant(1)), []);
  assert.equal(region.inspect(state), { leading: 0, term: 4 });
});

test.run();
