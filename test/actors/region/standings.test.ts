// When a lease is called ended: regions speak at different moments, and a lease can be brought back to one of them.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { confirmLease, isDeniedTwice } from "../../../src/actors/region/standings.ts";
import { startRegion } from "../../../src/actors/region/state.ts";
import { instant, leaseId, millis, regionId } from "../../../src/actors/scalars.ts";
import { config } from "../gateway/builders.ts";

const test = suite("actors/region/standings");

const [asia, east, north] = ["asia", "east", "north"].map(regionId) as [never, never, never];
const lease = leaseId(17);

function proposer(regions = [asia, east, north]) {
  const state = startRegion({ ...config, cluster: { ...config.cluster, regionId: asia, regions } });
  return {
    denied: (denying: readonly never[], since: number, now: number) =>
      isDeniedTwice(state, lease, { regions: denying, since: instant(since), now: instant(now) }),
    renewed: (at: number) => confirmLease(state, { lease, ttl: millis(8_000), at: instant(at) }),
  };
}

test("a lease has ended when the same majority denies it twice, one after the other", () => {
  const { denied } = proposer();
  assert.not(denied([asia, east], 0, 10));
  assert.ok(denied([asia, east, north], 10, 20));
});

test("two majorities that share one region do not end a lease, since it may have come back to the others", () => {
  const { denied } = proposer();
  assert.not(denied([asia, north], 0, 10));
  assert.not(denied([asia, east], 10, 20));
  assert.ok(denied([asia, east], 20, 30));
});

test("questions that overlap count as one", () => {
  const { denied } = proposer();
  assert.not(denied([asia, east], 0, 10));
  assert.not(denied([asia, east], 9, 20));
  assert.ok(denied([asia, east], 10, 30));
});

test("what was denied before a majority renewed it does not count", () => {
  const { denied, renewed } = proposer();
  assert.not(denied([asia, east], 0, 10));
  renewed(20);
  assert.not(denied([asia, east], 30, 40));
  assert.ok(denied([asia, east], 40, 50));
});

test("what was denied long ago does not count: a lease can have come back and ended once more", () => {
  const { denied } = proposer();
  assert.not(denied([asia, east], 0, 10));
  assert.not(denied([asia, east], 1_500, 1_600));
  assert.ok(denied([asia, east], 1_600, 1_700));
});

test("of two regions each can deny alone: without it there is no majority", () => {
  const { denied } = proposer([asia, east]);
  assert.not(denied([east], 0, 10));
  assert.ok(denied([east], 10, 20));
});

test.run();
