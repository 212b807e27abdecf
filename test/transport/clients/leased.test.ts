// The leased interface, over gRPC and over HTTP: which operation a request is, and which status every outcome has.

import { Metadata, status } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import type { Answer, Refusal } from "../../../src/actors/operations.ts";
import { fencingToken, leaseId, millis } from "../../../src/actors/scalars.ts";
import type { GetStatusResponse } from "../../../src/transport/generated/lowkey/v1/lock.ts";
import { suite } from "../../suite.ts";
import { came, free, type House, holder, http, openHouse, standing } from "./scripted-gateway.ts";

const test = suite<{ house: House }>("transport/clients/leased");
test.before(async (context) => {
  context.house = await openHouse();
});
test.after(({ house }) => house.stop());

const lease = leaseId(1);
const opened: Answer = { type: "leaseOpened", lease, ttl: millis(60_000) };
const renewed: Answer = { type: "leaseRenewed", lease, ttl: millis(60_001) };
const granted: Answer = { type: "granted", lease, token: fencingToken(1), ttl: millis(60_000) };
const released: Answer = { type: "released", token: fencingToken(1) };

const post = async (house: House, path: string, body: string, headers = {}) => {
  const { status, text } = await http(house, "POST", path, body, headers);
  return [status, text];
};

test("CreateLease opens a lease", async ({ house }) => {
  house.follow(() => opened);
  const { response } = await came((done) => house.leased.createLease({ ownerId: "client-1", ttlSeconds: 60n }, done));
  assert.equal(response, { leaseId: 1n, ttlSeconds: 60n });
  assert.equal(house.lastRequest().operation, { type: "openLease", owner: "client-1", ttl: 60_000 });
  assert.equal(await post(house, "/v1/lease", '{"owner_id":"client-1","ttl_seconds":60}'), [
    200,
    '{"lease_id":1,"ttl_seconds":60}',
  ]);
});

test("RenewLease renews it; what is told in seconds is rounded up", async ({ house }) => {
  house.follow(() => renewed);
  const { response } = await came((done) => house.leased.renewLease({ leaseId: 1n }, done));
  assert.equal(response, { ttlSeconds: 61n });
  assert.equal(house.lastRequest().operation, { type: "renewLease", lease: 1 });
  assert.equal(await post(house, "/v1/lease/renew", '{"lease_id":1}'), [200, '{"ttl_seconds":61}']);
});

test("AcquireLock takes a lock under a lease", async ({ house }) => {
  house.follow(() => granted);
  const { response } = await came((done) =>
    house.leased.acquireLock({ lockName: "my-job", ownerId: "client-1", leaseId: 1n }, done),
  );
  assert.equal(response, { fencingToken: 1n, leaseTtlSeconds: 60n });
  const { operation } = house.lastRequest();
  assert.equal(
    { ...operation, askedAt: 0 },
    { type: "acquire", lock: "my-job", owner: "client-1", under: { lease: 1 }, askedAt: 0 },
  );
  const body = '{"lock_name":"my-job","owner_id":"client-1","lease_id":1}';
  assert.equal(await post(house, "/v1/lock/acquire", body), [200, '{"fencing_token":1,"lease_ttl_seconds":60}']);
});

test("ReleaseLock gives it back", async ({ house }) => {
  house.follow(() => released);
  const { response } = await came((done) => house.leased.releaseLock({ lockName: "my-job", leaseId: 1n }, done));
  assert.equal(response, { released: true });
  assert.equal(house.lastRequest().operation, { type: "release", lock: "my-job", grant: { lease: 1 } });
  assert.equal(await post(house, "/v1/lock/release", '{"lock_name":"my-job","lease_id":1}'), [
    200,
    '{"released":true}',
  ]);
});

test("every failing outcome has its status on both interfaces", async ({ house }) => {
  house.tell(standing({ leaderAddress: "b.example:9090" }));
  const refused = (refusal: Refusal): Answer => ({ type: "refused", refusal });
  const rows: [Answer, status, number, RegExp][] = [
    [{ type: "held", holder }, status.FAILED_PRECONDITION, 409, /held by "somebody".*1234 ms.*token 42/],
    [{ type: "leaseUnknown", lease }, status.NOT_FOUND, 404, /no such lease/],
    [{ type: "leaseEnded", lease }, status.FAILED_PRECONDITION, 412, /lease has expired/],
    [{ type: "leaseOfAnother", owner: "somebody" }, status.PERMISSION_DENIED, 403, /belongs to "somebody"/],
    [{ type: "notHeld" }, status.NOT_FOUND, 404, /nobody holds/],
    [{ type: "grantExpired" }, status.FAILED_PRECONDITION, 412, /grant has expired/],
    [{ type: "staleToken", holder }, status.FAILED_PRECONDITION, 412, /fencing token given/],
    [{ type: "heldByAnotherLease", holder }, status.PERMISSION_DENIED, 403, /another lease/],
    [{ type: "heldByAnotherOwner", holder }, status.PERMISSION_DENIED, 403, /not by the one who asks/],
    [{ type: "grantOver", token: fencingToken(1), how: "expired" }, status.FAILED_PRECONDITION, 412, /granted before/],
    [{ type: "forgotten" }, status.FAILED_PRECONDITION, 412, /nothing was done/],
    [refused("no-leader"), status.UNAVAILABLE, 503, /no leader.*b\.example:9090/],
    [refused("unknown-outcome"), status.UNAVAILABLE, 503, /outcome is unknown/],
    [refused("overloaded"), status.RESOURCE_EXHAUSTED, 429, /too many requests/],
    [refused("disk-full"), status.RESOURCE_EXHAUSTED, 507, /disk/],
    [refused("no-quorum"), status.UNAVAILABLE, 503, /no majority of regions .* nothing was granted/],
    [refused("stopping"), status.UNAVAILABLE, 503, /stopping/],
    [free, status.INTERNAL, 500, /does not fit/],
    [opened, status.INTERNAL, 500, /does not fit/],
  ];
  for (const [answer, code, httpStatus, message] of rows) {
    house.follow(() => answer);
    const { error } = await came((done) => house.leased.releaseLock({ lockName: "my-job", leaseId: 1n }, done));
    assert.is(error?.code, code, answer.type);
    assert.match(error?.details ?? "", message);
    const { status, text } = await http(house, "POST", "/v1/lock/release", '{"lock_name":"my-job","lease_id":1}');
    const body = JSON.parse(text);
    assert.equal([status, Object.keys(body), body.code], [httpStatus, ["code", "message"], code], answer.type);
    assert.match(body.message, message);
  }
});

test("a bad field is told by name, problem and limit, and goes no further", async ({ house }) => {
  house.follow(() => opened);
  const long = "x".repeat(513);
  const rows: [string, string, RegExp][] = [
    ["/v1/lease", '{"ttl_seconds":60}', /owner_id must not be empty/],
    ["/v1/lease", `{"owner_id":"${long}","ttl_seconds":60}`, /owner_id is 513 bytes long; the limit is 512/],
    ["/v1/lease", '{"owner_id":"a"}', /ttl_seconds is 0; it must be at least 1 and at most 3600/],
    ["/v1/lease", '{"owner_id":"a","ttl_seconds":-1}', /ttl_seconds is -1/],
    ["/v1/lease", '{"owner_id":"a","ttl_seconds":3601}', /ttl_seconds is 3601/],
    ["/v1/lease", '{"owner_id":"a","ttl_seconds":9223372036854775807}', /ttl_seconds must be from/],
    ["/v1/lease", '{"owner_id":"a","ttl_seconds":"9223372036854775807"}', /ttl_seconds is 9223372036854775807/],
    ["/v1/lease", '{"owner_id":"\\ud800","ttl_seconds":60}', /owner_id is not valid UTF-8/],
    ["/v1/lease/renew", "{}", /lease_id must be given/],
    ["/v1/lease/renew", '{"lease_id":-1}', /lease_id must be from 0 to 18446744073709551615/],
    ["/v1/lock/acquire", '{"owner_id":"a","lease_id":1}', /lock_name must not be empty/],
    ["/v1/lock/acquire", '{"lock_name":"l","lease_id":1}', /owner_id must not be empty/],
    ["/v1/lock/acquire", '{"lock_name":"l","owner_id":"a"}', /lease_id must be given/],
    ["/v1/lock/release", '{"lease_id":1}', /lock_name must not be empty/],
    ["/v1/lock/release", '{"lock_name":"l"}', /lease_id must be given/],
  ];
  const letters = house.letters.length;
  for (const [path, body, message] of rows) {
    const [code, text] = await post(house, path, body);
    assert.is(code, 400, body);
    assert.equal(JSON.parse(String(text)).code, status.INVALID_ARGUMENT);
    assert.match(JSON.parse(String(text)).message, message);
  }
  const { error } = await came((done) => house.leased.createLease({ ownerId: "", ttlSeconds: 1n }, done));
  assert.equal([error?.code, error?.details.includes("owner_id")], [status.INVALID_ARGUMENT, true]);
  assert.is(house.letters.length, letters);
});

test("a lease id that no client's lease can have matches no lease", async ({ house }) => {
  house.follow(() => renewed);
  for (const id of [2n ** 52n, 2n ** 52n + 1n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
    await came((done) => house.leased.renewLease({ leaseId: id }, done));
    assert.equal(house.lastRequest().operation, { type: "renewLease", lease: 2 ** 52 });
    await post(house, "/v1/lease/renew", `{"lease_id":${id}}`);
    assert.equal(house.lastRequest().operation, { type: "renewLease", lease: 2 ** 52 });
  }
});

test("GetStatus tells what the node knows, with exact digits", async ({ house }) => {
  house.tell(standing({ role: "leader", leaderAddress: "a.example:9090" }));
  const { response } = await came((done) => house.leased.getStatus({}, done));
  assert.equal(response, {
    nodeId: "a",
    isLeader: true,
    leaderAddress: "a.example:9090",
    clusterSize: 3,
    state: "leader",
    stats: { leases: 2, locks: 3, fencingCounter: 9007199254740991n },
    regions: [],
  });
  assert.equal(await http(house, "GET", "/v1/status"), {
    status: 200,
    text:
      '{"node_id":"a","is_leader":true,"leader_address":"a.example:9090","cluster_size":3,"state":"leader",' +
      '"stats":{"leases":2,"locks":3,"fencing_counter":9007199254740991}}',
  });
});

test("only who leads is the leader", async ({ house }) => {
  for (const role of ["follower", "candidate", "leader"] as const) {
    house.tell(standing({ role }));
    const { response } = await came<GetStatusResponse>((done) => house.leased.getStatus({}, done));
    assert.equal([response?.state, response?.isLeader], [role, role === "leader"]);
  }
});

test("AddPeer and RemovePeer are not served yet, and say so", async ({ house }) => {
  for (const { error } of [
    await came((done) => house.leased.addPeer({ nodeId: "d", raftAddress: "d:1" }, done)),
    await came((done) => house.leased.removePeer({ nodeId: "d" }, done)),
  ]) {
    assert.is(error?.code, status.UNIMPLEMENTED);
    assert.match(error?.details ?? "", /members/);
  }
  assert.is((await http(house, "POST", "/v1/cluster/peers", '{"node_id":"d"}')).status, 501);
  assert.is((await http(house, "DELETE", "/v1/cluster/peers/d")).status, 501);
});

test("a repeat under the same x-request-id is the same request, everything else another", async ({ house }) => {
  house.follow((operation) => (operation.type === "openLease" ? opened : renewed));
  const create = async (header: string | null, ownerId = "a") => {
    const metadata = new Metadata();
    if (header !== null) metadata.set("x-request-id", header);
    await came((done) => house.leased.createLease({ ownerId, ttlSeconds: 60n }, metadata, done));
    return house.lastRequest().requestId;
  };
  const first = await create("r1");
  assert.match(first ?? "", /^[\w-]{22,}$/);
  assert.is(await create("r1"), first);
  assert.is.not(await create("r2"), first);
  assert.is.not(await create("r1", "b"), first);
  assert.is(await create(null), null);
  await post(house, "/v1/lease", '{"ownerId":"a","ttlSeconds":"60"}', { "x-request-id": "r1" });
  assert.is(house.lastRequest().requestId, first, "over HTTP too");
  await post(house, "/v1/lease/renew", '{"leaseId":"1"}', { "x-request-id": "r1" });
  assert.is(house.lastRequest().requestId, null, "a renewal may simply be done again");
});

test("an x-request-id of more than 256 bytes is refused by name", async ({ house }) => {
  const metadata = new Metadata();
  metadata.set("x-request-id", "x".repeat(257));
  const { error } = await came((done) => house.leased.renewLease({ leaseId: 1n }, metadata, done));
  assert.equal(
    [error?.code, error?.details],
    [status.INVALID_ARGUMENT, "x-request-id is 257 bytes long; the limit is 256"],
  );
  const [code] = await post(house, "/v1/lease/renew", '{"lease_id":1}', { "x-request-id": "x".repeat(257) });
  assert.is(code, 400);
});

test("the budget is the client's deadline, or the node's longest", async () => {
  const house = await openHouse({ requestMsMax: millis(600_000) });
  house.follow(() => renewed);
  const budget = async (deadline: number) => {
    await came((done) => house.leased.renewLease({ leaseId: 1n }, new Metadata(), { deadline }, done));
    return house.lastRequest().budget;
  };
  assert.ok((await budget(Date.now() + 300_000)) <= 300_000);
  assert.is(await budget(Date.now() + 3_600_000), 600_000);
  assert.is(await budget(Number.POSITIVE_INFINITY), 600_000);
  await house.stop();
});

test.run();
