// Three regions of one node each, all well: every call of both interfaces works through every region, over the same locks, and
// whoever asks at the same moment somewhere else is told who was first.

import { isDeepStrictEqual } from "node:util";
import { status } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { codeOf, type LeaseClient, leaseClient, type StatelessClient, statelessClient } from "./clients.ts";
import { answeredStatusOf, at, until } from "./cluster.ts";
import type { Site } from "./node-process.ts";
import { type Regions, sees, startRegions } from "./region-group.ts";

const test = suite("cluster/regions");

let regions: Regions;
let sites: readonly Site[];
let locks: readonly StatelessClient[] = [];
let leases: readonly LeaseClient[] = [];

test.before(async () => {
  regions = await startRegions({ regions: 3, nodes: 1 });
  sites = regions.cluster.sites;
  locks = sites.map(({ grpc }) => statelessClient(grpc));
  leases = sites.map(({ grpc }) => leaseClient(grpc));
  for (const site of sites) await until(`${site.nodeId} sees the others`, () => sees(site));
});
test.after(async () => {
  for (const client of [...locks, ...leases]) client.close();
  await regions?.cluster.stop();
});

const all = [0, 1, 2];

/** The code of a refusal, or 0. */
const refused = (call: Promise<unknown>): Promise<number> => call.then(() => 0, codeOf);

async function post(region: number, path: string, body: unknown) {
  const response = await fetch(at(sites, region).http + path, { method: "POST", body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test("the status of a node shows the other regions, who leads them, and that they can be reached", async () => {
  for (const [region, site] of sites.entries()) {
    const expected = regions.names.filter((_, other) => other !== region);
    const whole = expected.map((name) => ({ name, isReachable: true, leader: "node-1" }));
    // A region that is silent for a moment is shown as one that cannot be reached, and again as one that can.
    await until("it shows all of them", async () => isDeepStrictEqual((await answeredStatusOf(site)).regions, whole));
    await until("the metrics say so, too", async () => {
      const metrics = await (await fetch(`${site.http}/metrics`)).text();
      return expected.every((name) => metrics.includes(`lockmgr_region_reachable{region="${name}"} 1`));
    });
  }
});

test("of all who ask in all regions at once for one lock, one gets it, and the others are told who has it", async () => {
  const rounds = 4;
  let highest = 0;
  for (let round = 0; round < rounds; round += 1) {
    const answers = await Promise.all(
      all.map((region) =>
        at(locks, region).acquire({ lock: "wanted", client: `client-${round}-${region}`, timeoutMs: 300_000 }),
      ),
    );
    const granted = answers.filter((answer) => answer.status === "OK");
    assert.is(granted.length, 1, JSON.stringify(answers));
    const winner = answers.findIndex((answer) => answer.status === "OK");
    for (const answer of answers.filter((each) => each.status !== "OK")) {
      assert.is(answer.status, "ALREADY_LOCKED");
      // Who was overtaken may have been seen, too.
      assert.match(answer.message, `is held by "client-${round}-`, JSON.stringify(answers));
    }
    const { token } = at(granted, 0);
    assert.ok(token > highest, "tokens of a lock rise from region to region");
    highest = token;
    // Given back by way of the region that comes next.
    const elsewhere = at(locks, (winner + 1) % 3);
    const client = `client-${round}-${winner}`;
    assert.is((await elsewhere.release({ lock: "wanted", client, token })).status, "OK");
  }
});

test("a lock taken through one region is seen, refused and given back through every other", async () => {
  for (const here of all) {
    const lock = `stateless-${here}`;
    const client = `client-${here}`;
    const there = at(locks, (here + 1) % 3);
    const further = at(locks, (here + 2) % 3);
    assert.is((await there.check(lock)).status, "NOT_FOUND");
    const { token } = await at(locks, here).acquire({ lock, client, timeoutMs: 300_000 });
    for (const anybody of locks) {
      const seen = await anybody.check(lock);
      assert.equal([seen.isLocked, seen.holder, seen.token], [true, client, token]);
      const again = await anybody.acquire({ lock, client, timeoutMs: 300_000 });
      assert.is(again.status, "ALREADY_LOCKED", "also for the same client");
    }
    const wrong = await there.release({ lock, client, token: token + 7 });
    assert.is(wrong.status, "INVALID_TOKEN");
    assert.is((await there.release({ lock, client: "somebody", token })).status, "ERROR");
    assert.is((await further.release({ lock, client, token })).status, "OK");
    assert.is((await there.release({ lock, client, token })).status, "NOT_FOUND");
    for (const anybody of locks) assert.is((await anybody.check(lock)).status, "NOT_FOUND");
    const next = await there.acquire({ lock, client, timeoutMs: 300_000 });
    assert.ok(next.token > token);
  }
});

test("a request repeated through another region is answered as the first was, with the same token", async () => {
  const asked = { lock: "repeated", client: "one", timeoutMs: 300_000 };
  const tokens: number[] = [];
  for (const client of locks) {
    const answer = await client.acquire(asked, { requestId: "request-1" });
    assert.is(answer.status, "OK");
    tokens.push(answer.token);
  }
  assert.equal(tokens, [tokens[0], tokens[0], tokens[0]]);
  assert.is(
    (await at(locks, 1).acquire(asked, { requestId: "request-2" })).status,
    "ALREADY_LOCKED",
    "another request of the same client is another request",
  );
});

test("a lease opened through one region is renewed, used and given up through the others", async () => {
  const { lease } = await at(leases, 0).createLease({ owner: "owner", ttlSeconds: 300 });
  const tokens: number[] = [];
  for (const region of all) {
    assert.equal(await at(leases, region).renew(lease), { ttlSeconds: 300 });
    const asked = { lock: `leased-${region}`, owner: "owner", lease };
    const { token } = await at(leases, region).acquire(asked);
    const elsewhere = await at(leases, (region + 1) % 3).acquire(asked);
    assert.is(elsewhere.token, token, "a lease that has the lock gets the same token again, wherever it asks");
    tokens.push(token);
  }
  for (const region of all) {
    const seen = await at(locks, region).check(`leased-${region}`);
    assert.equal([seen.status, seen.holder, seen.token], ["OK", "owner", tokens[region]]);
    const asked = { lock: `leased-${region}`, lease };
    assert.ok((await at(leases, (region + 2) % 3).release(asked)).released);
    assert.is(await refused(at(leases, region).release(asked)), status.NOT_FOUND);
  }
});

test("a lease that one region has opened is no other's: each refusal is the same through every region", async () => {
  const { lease } = await at(leases, 0).createLease({ owner: "one", ttlSeconds: 300 });
  const { lease: rival } = await at(leases, 1).createLease({ owner: "two", ttlSeconds: 300 });
  assert.is.not(lease, rival, "no two regions give one number to two leases");
  await at(leases, 2).acquire({ lock: "refusing", owner: "one", lease });
  for (const client of leases) {
    const asked = { lock: "refusing", owner: "two", lease: rival };
    assert.is(await refused(client.acquire(asked)), status.FAILED_PRECONDITION);
    const stolen = { lock: "refusing-2", owner: "two", lease };
    assert.is(await refused(client.acquire(stolen)), status.PERMISSION_DENIED);
    const foreign = { lock: "refusing", lease: rival };
    assert.is(await refused(client.release(foreign)), status.PERMISSION_DENIED);
    assert.is(await refused(client.renew(999_999)), status.NOT_FOUND);
    assert.is(await refused(client.createLease({ owner: "", ttlSeconds: 300 })), status.INVALID_ARGUMENT);
  }
});

test("the commands over HTTP work through every region, and both interfaces see one lock table", async () => {
  const opened = await post(0, "/v1/lease", { owner_id: "over-http", ttl_seconds: 300 });
  assert.is(opened.status, 200);
  const { lease_id } = opened.body;
  for (const region of all) {
    const lock = `http-${region}`;
    const elsewhere = (region + 1) % 3;
    assert.equal(await post(region, "/v1/lease/renew", { lease_id }), { status: 200, body: { ttl_seconds: 300 } });
    const asked = { lock_name: lock, owner_id: "over-http", lease_id };
    const acquired = await post(region, "/v1/lock/acquire", asked);
    assert.is(acquired.status, 200);
    assert.is((await post(elsewhere, "/v1/lock/acquire", asked)).body.fencing_token, acquired.body.fencing_token);
    const other = await at(locks, elsewhere).acquire({ lock, client: "stateless", timeoutMs: 300_000 });
    assert.is(other.status, "ALREADY_LOCKED");
    assert.match(other.message, "over-http");
    assert.equal(await post(elsewhere, "/v1/lock/release", { lock_name: lock, lease_id }), {
      status: 200,
      body: { released: true },
    });
  }
});

test("heartbeats of one lease are answered by every region", async () => {
  const { lease } = await at(leases, 0).createLease({ owner: "beating", ttlSeconds: 300 });
  for (const client of leases) {
    const beats = client.stub.heartbeat();
    const beaten = new Promise((resolve, reject) => beats.once("data", resolve).once("error", reject));
    beats.write({ leaseId: BigInt(lease) });
    assert.equal(await beaten, { leaseId: BigInt(lease), ttlSeconds: 300n });
    beats.end();
  }
});

test.run();
