// One real node, from outside: what the two earlier systems' commands say, over gRPC and HTTP, and that both see one table.

import { status } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { codeOf, leaseClient, statelessClient } from "./clients.ts";
import { at, type Cluster, startCluster, until } from "./cluster.ts";
import type { Site } from "./node-process.ts";

const test = suite("cluster/commands");

let cluster: Cluster | undefined;
let site: Site;

test.before(startFresh);
test.after(() => cluster?.stop());

/** A node of which nobody has asked anything: its tokens and leases count from 1. */
async function startFresh(): Promise<void> {
  await cluster?.stop();
  cluster = await startCluster({ size: 1 });
  site = at(cluster.sites, 0);
}

interface Reply {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** What `curl -d` sends: a body that does not say that it is JSON. */
async function post(path: string, body: unknown): Promise<Reply> {
  const response = await fetch(site.http + path, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test("the stateless lock: acquire, check, release, and what comes after", async () => {
  const client = statelessClient(site.grpc);
  const lock = "550e8400-e29b-41d4-a716-446655440000";
  const asked = { lock, client: "my-client-1", timeoutMs: 30_000 };

  assert.equal(await client.check(lock), { status: "NOT_FOUND", isLocked: false, holder: "", token: 0, ttlMs: 0 });
  const before = Date.now();
  const first = await client.acquire(asked);
  assert.is(first.status, "OK");
  assert.is(first.token, 1, "the first grant of a fresh cluster");
  assert.ok(first.expiresAt >= before + 30_000 && first.expiresAt <= Date.now() + 30_000);

  const held = await client.check(lock);
  assert.equal([held.status, held.isLocked, held.holder, held.token], ["OK", true, "my-client-1", 1]);
  assert.ok(held.ttlMs >= before + 30_000 - Date.now() && held.ttlMs <= 30_000, `${held.ttlMs}`);

  const again = await client.acquire(asked);
  assert.is(again.status, "ALREADY_LOCKED", "also for the same client");
  assert.match(again.message, "my-client-1");

  assert.is((await client.release({ lock, client: "my-client-1", token: 7 })).status, "INVALID_TOKEN");
  assert.is((await client.release({ lock, client: "somebody", token: 1 })).status, "ERROR");
  assert.is((await client.release({ lock, client: "my-client-1", token: 1 })).status, "OK");
  assert.is((await client.release({ lock, client: "my-client-1", token: 1 })).status, "NOT_FOUND");
  assert.is((await client.release({ lock: "never held", client: "my-client-1", token: 1 })).status, "NOT_FOUND");
  assert.is((await client.acquire(asked)).token, 2);
  client.close();
});

test("a repeat of a request under the same x-request-id is answered as the first was", async () => {
  const client = statelessClient(site.grpc);
  const asked = { lock: "repeated", client: "one", timeoutMs: 300_000 };
  const first = await client.acquire(asked, { requestId: "mesh-1" });
  const repeat = await client.acquire(asked, { requestId: "mesh-1" });
  assert.equal([first.status, repeat.status], ["OK", "OK"]);
  assert.is(repeat.token, first.token);
  assert.is((await client.acquire(asked, { requestId: "mesh-2" })).status, "ALREADY_LOCKED");
  client.close();
});

test("the life of a lock is clamped, and a lock is free when it has ended", async () => {
  const client = statelessClient(site.grpc);
  const start = Date.now();
  const short = await client.acquire({ lock: "short", client: "one", timeoutMs: 1 });
  assert.ok(short.expiresAt >= start + 1_000, "at least a second");
  const long = await client.acquire({ lock: "long", client: "one", timeoutMs: 10_000_000 });
  assert.ok(long.expiresAt <= Date.now() + 300_000, "at most 300 seconds");
  const asked = Date.now();
  const usual = await client.acquire({ lock: "usual", client: "one", timeoutMs: 0 });
  assert.ok(usual.expiresAt >= asked + 30_000 && usual.expiresAt <= Date.now() + 30_000, "30 seconds unless told");
  await until("an expired lock becomes free", async () => !(await client.check("short")).isLocked);
  assert.ok(Date.now() >= start + 1_000, "and not before its time");
  assert.is((await client.release({ lock: "short", client: "one", token: short.token })).status, "EXPIRED");
  client.close();
});

test("a bad field is an ERROR that names it", async () => {
  const client = statelessClient(site.grpc);
  const noLock = await client.acquire({ lock: "", client: "one", timeoutMs: 0 });
  assert.is(noLock.status, "ERROR");
  assert.match(noLock.message, "lock_id");
  const longClient = await client.acquire({ lock: "bad-field", client: "x".repeat(513), timeoutMs: 0 });
  assert.is(longClient.status, "ERROR");
  assert.match(longClient.message, "client_id");
  assert.is((await client.acquire({ lock: "x".repeat(512), client: "one", timeoutMs: 0 })).status, "OK");
  client.close();
});

test("leases over HTTP: the commands of the quick start", async () => {
  await startFresh();
  assert.equal(await post("/v1/lease", '{"owner_id":"client-1","ttl_seconds":60}'), {
    status: 200,
    body: { lease_id: 1, ttl_seconds: 60 },
  });
  const acquired = await post("/v1/lock/acquire", '{"lock_name":"my-job","owner_id":"client-1","lease_id":1}');
  assert.is(acquired.status, 200);
  assert.is(acquired.body.fencing_token, 1);
  assert.equal(await post("/v1/lease/renew", { leaseId: "1" }), { status: 200, body: { ttl_seconds: 60 } });
  const same = await post("/v1/lock/acquire", { lockName: "my-job", ownerId: "client-1", leaseId: "1" });
  assert.is(same.body.fencing_token, 1, "a lease that has the lock gets the same token again");
  assert.equal(await post("/v1/lock/release", '{"lock_name":"my-job","lease_id":1}'), {
    status: 200,
    body: { released: true },
  });
  const state = (await (await fetch(`${site.http}/v1/status`)).json()) as Record<string, unknown>;
  assert.equal([state.node_id, state.is_leader, state.cluster_size, state.state], ["node-1", true, 1, "leader"]);
  assert.equal(state.stats, { leases: 1, locks: 0, fencing_counter: 1 });
});

test("HTTP refusals have the status and the code of their kind", async () => {
  const { lease_id: one } = (await post("/v1/lease", { owner_id: "one", ttl_seconds: 60 })).body;
  const { lease_id: two } = (await post("/v1/lease", { owner_id: "two", ttl_seconds: 60 })).body;
  await post("/v1/lock/acquire", { lock_name: "http", owner_id: "one", lease_id: one });
  const refusals: readonly [path: string, body: unknown, status: readonly number[]][] = [
    ["/v1/lease/renew", { lease_id: 999_999 }, [404]],
    ["/v1/lock/release", { lock_name: "free", lease_id: one }, [404]],
    ["/v1/lock/acquire", { lock_name: "http", owner_id: "two", lease_id: two }, [409, 412]],
    ["/v1/lock/acquire", { lock_name: "http-2", owner_id: "two", lease_id: one }, [403]],
    ["/v1/lock/release", { lock_name: "http", lease_id: two }, [403]],
    ["/v1/lease", { owner_id: "", ttl_seconds: 60 }, [400]],
    ["/v1/lease", "{", [400]],
  ];
  for (const [path, body, expected] of refusals) {
    const reply = await post(path, body);
    assert.ok(expected.includes(reply.status), `${path} ${JSON.stringify(body)} is ${reply.status}`);
    assert.ok(reply.body.code !== undefined && typeof reply.body.message === "string");
  }
});

test("leases over gRPC have outcomes as statuses, and a heartbeat renews", async () => {
  const client = leaseClient(site.grpc);
  const { lease } = await client.createLease({ owner: "one", ttlSeconds: 60 });
  const { lease: rival } = await client.createLease({ owner: "two", ttlSeconds: 60 });
  assert.is(rival, lease + 1);
  const { token } = await client.acquire({ lock: "grpc", owner: "one", lease });
  assert.is((await client.acquire({ lock: "grpc", owner: "one", lease })).token, token);
  const refused = async (call: Promise<unknown>) => call.then(() => 0, codeOf);
  assert.is(await refused(client.acquire({ lock: "grpc", owner: "two", lease: rival })), status.FAILED_PRECONDITION);
  assert.is(await refused(client.acquire({ lock: "grpc-2", owner: "two", lease })), status.PERMISSION_DENIED);
  assert.is(await refused(client.release({ lock: "grpc", lease: rival })), status.PERMISSION_DENIED);
  assert.is(await refused(client.release({ lock: "free", lease })), status.NOT_FOUND);
  assert.is(await refused(client.renew(999_999)), status.NOT_FOUND);
  assert.is(await refused(client.createLease({ owner: "", ttlSeconds: 60 })), status.INVALID_ARGUMENT);

  const beats = client.stub.heartbeat();
  const beaten = new Promise((resolve, reject) => beats.once("data", resolve).once("error", reject));
  beats.write({ leaseId: BigInt(lease) });
  assert.equal(await beaten, { leaseId: BigInt(lease), ttlSeconds: 60n });
  beats.end();
  assert.ok((await client.release({ lock: "grpc", lease })).released);
  client.close();
});

test("both interfaces see the same locks, and each refusal names the holder", async () => {
  const stateless = statelessClient(site.grpc);
  const leases = leaseClient(site.grpc);
  const { lease } = await leases.createLease({ owner: "leaseholder", ttlSeconds: 60 });

  const taken = await stateless.acquire({ lock: "shared-1", client: "stateless-holder", timeoutMs: 30_000 });
  const refusal = await leases
    .acquire({ lock: "shared-1", owner: "leaseholder", lease })
    .catch((error: Error) => error.message);
  assert.match(String(refusal), "stateless-holder");
  const overHttp = await post("/v1/lock/acquire", { lock_name: "shared-1", owner_id: "leaseholder", lease_id: lease });
  assert.match(String(overHttp.body.message), "stateless-holder");

  const { token } = await leases.acquire({ lock: "shared-2", owner: "leaseholder", lease });
  assert.is(token, taken.token + 1, "there is one counter");
  const other = await stateless.acquire({ lock: "shared-2", client: "stateless-holder", timeoutMs: 30_000 });
  assert.is(other.status, "ALREADY_LOCKED");
  assert.match(other.message, "leaseholder");
  assert.equal((await stateless.check("shared-2")).holder, "leaseholder");
  stateless.close();
  leases.close();
});

test("health, readiness and metrics answer", async () => {
  for (const path of ["/healthz", "/readyz", "/metrics"]) {
    const response = await fetch(site.http + path);
    assert.is(response.status, 200, path);
    const body = await response.text();
    if (path === "/metrics") assert.match(body, /^lockmgr_/m);
  }
});

test.run();
