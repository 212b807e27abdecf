import { suite } from "uvu";
import * as assert from "uvu/assert";
import { send } from "../../../src/actors/actor.ts";
import { region } from "../../../src/actors/region/receive.ts";
import type { RegionState } from "../../../src/actors/region/state.ts";
import { instant, regionId, term } from "../../../src/actors/scalars.ts";
import { acquireAll, config, forwardedRequest } from "../gateway/builders.ts";

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

test("what several regions do not serve is refused, and not as a request that was begun", () => {
  const regions = ["r", "s", "t"].map(regionId);
  const state = region.start({ ...config, cluster: { ...config.cluster, regions } });
  region.receive(state, { type: "leading", term: term(1) }, instant(0));
  const requests = { type: "requests", requests: [forwardedRequest("q", acquireAll("x", { demands: [] }))] } as const;
  const answer = { type: "refused", refusal: "unserved" } as const;
  const refused = send("gateway", { type: "answers", answers: [{ requestId: "q" as never, answer }] });
  assert.equal(region.receive(state, requests, instant(1)), [refused]);
  assert.equal(region.receive(state, requests, instant(2)), [refused]);
  assert.is(region.inspect(state).requests, 0);
});

test.run();
