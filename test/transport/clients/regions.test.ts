// How a node that is one of several regions shows the others: in its status and in its metrics.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RegionView } from "../../../src/actors/ballots.ts";
import type { ClusterConfig } from "../../../src/actors/config.ts";
import { instant, millis, nodeId, regionId } from "../../../src/actors/scalars.ts";
import { newRegions } from "../../../src/transport/clients/regions.ts";
import type { GetStatusResponse, RegionStatus } from "../../../src/transport/generated/lowkey/v1/lock.ts";
import { came, type House, http, openHouse, settings } from "./scripted-gateway.ts";

const test = suite<{ house: House }>("transport/clients/regions");

const regions = ["default", "eu", "us"].map(regionId);
const { config } = settings();
const cluster: ClusterConfig = { ...config.cluster, regions };

test.before.each(async (context) => {
  context.house = await openHouse({ config: { ...config, cluster } });
});
test.after.each(({ house }) => house.stop());

const viewOf = (region: string, changes: Partial<RegionView> = {}): RegionView => ({
  region: regionId(region),
  reachable: true,
  leader: nodeId("n2"),
  roundTrip: millis(40.12345),
  silence: millis(0),
  ...changes,
});
const lost = { reachable: false, leader: null, roundTrip: null, silence: null };

const statuses = async (house: House): Promise<readonly RegionStatus[]> => {
  const { response } = await came<GetStatusResponse>((done) => house.leased.getStatus({}, done));
  return response?.regions ?? [];
};

test("regions that nothing was heard of are shown, as out of reach", async ({ house }) => {
  const nothing = { reachable: false, leader: "", roundTripMs: undefined, silenceMs: undefined };
  assert.equal(await statuses(house), [
    { regionId: "eu", ...nothing },
    { regionId: "us", ...nothing },
  ]);
  const { text } = await http(house, "GET", "/v1/status");
  assert.equal(JSON.parse(text).regions, [
    { region_id: "eu", reachable: false, leader: "" },
    { region_id: "us", reachable: false, leader: "" },
  ]);
});

test("status shows each region as it was told of last, in the order of their names", async ({ house }) => {
  house.resident.receive({ type: "regions", regions: [viewOf("us", lost), viewOf("eu", lost)] });
  house.resident.receive({ type: "regions", regions: [viewOf("us"), viewOf("eu", lost)] });
  const [eu, us] = await statuses(house);
  assert.equal([eu?.regionId, eu?.reachable, eu?.leader, eu?.roundTripMs], ["eu", false, "", undefined]);
  assert.equal([us?.regionId, us?.reachable, us?.leader, us?.roundTripMs], ["us", true, "n2", 40.123]);
  const { text } = await http(house, "GET", "/v1/status");
  const [inJson] = JSON.parse(text).regions.slice(1);
  assert.equal(Object.keys(inJson), ["region_id", "reachable", "leader", "round_trip_ms", "silence_ms"]);
  assert.is(inJson.round_trip_ms, 40.123);
});

test("silence goes on after it was told of", () => {
  let now = 1_000;
  const kept = newRegions(cluster, () => instant(now));
  kept.told([viewOf("eu", { silence: millis(30) }), viewOf("us", { silence: null })]);
  now = 1_250;
  assert.equal(
    kept.views().map(({ silence }) => silence),
    [280, null],
  );
});

test("metrics show each region under its name, and no metric is declared twice", async ({ house }) => {
  house.resident.receive({ type: "regions", regions: [viewOf("us"), viewOf("eu", lost)] });
  const { text } = await http(house, "GET", "/metrics");
  const lines = text.split("\n");
  for (const line of [
    'lockmgr_region_reachable{region="eu"} 0',
    'lockmgr_region_reachable{region="us"} 1',
    'lockmgr_region_round_trip_seconds{region="us"} 0.04012345',
  ]) {
    assert.ok(lines.includes(line), line);
  }
  assert.not.ok(text.includes('round_trip_seconds{region="eu"}'));
  const declared = lines.filter((line) => line.startsWith("# TYPE ")).map((line) => line.split(" ")[2]);
  assert.equal(
    declared.filter((name, place) => declared.indexOf(name) !== place),
    [],
  );
});

test("a node whose region is alone says nothing of regions", async () => {
  const house = await openHouse();
  assert.equal(await statuses(house), []);
  const { text } = await http(house, "GET", "/v1/status");
  assert.not.ok("regions" in JSON.parse(text));
  assert.not.ok((await http(house, "GET", "/metrics")).text.includes("lockmgr_region_"));
  await house.stop();
});

test.run();
