// The native interface on real nodes: leases, waiting in order, several locks at once, cancels, watches and elections.

import { credentials, type ServiceError } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import { ElectionServiceClient, type ObserveResponse } from "../../src/transport/generated/lockmgr/v1/election.ts";
import {
  type AcquireResponse,
  LockServiceClient,
  WaitEnd,
  type WatchResponse,
} from "../../src/transport/generated/lockmgr/v1/lock.ts";
import { Ending, type Event, EventKind, Mode } from "../../src/transport/generated/lockmgr/v1/types.ts";
import { suite } from "../suite.ts";
import { channelOptions, unary } from "./clients.ts";
import { at, type Cluster, startCluster, until } from "./cluster.ts";
import { acquire, check, granted, openLease, release, under, wanting } from "./native-calls.ts";

const test = suite<{ cluster: Cluster; stubs: LockServiceClient[]; elections: ElectionServiceClient[] }>(
  "cluster/native",
);
test.before(async (context) => {
  context.cluster = await startCluster({ size: 3 });
  const open = <Stub>(Client: new (...given: ConstructorParameters<typeof LockServiceClient>) => Stub) =>
    context.cluster.sites.map((site) => new Client(site.grpc, credentials.createInsecure(), channelOptions));
  context.stubs = open(LockServiceClient);
  context.elections = open(ElectionServiceClient as never);
});
test.after(async ({ cluster, stubs, elections }) => {
  for (const stub of [...(stubs ?? []), ...(elections ?? [])]) stub.close();
  await cluster?.stop();
});

test("a lock is taken, verified, refused to others with its holder, and given back once", async ({ stubs }) => {
  const [a, b] = [at(stubs, 0), at(stubs, 1)];
  const lease = await openLease(a);
  const request = wanting(["own"], { under: under(lease), metadata: "about it", lockDelayMs: 5n });
  const grant = granted(await acquire(a, request));
  assert.ok(grant.usableMs < grant.ttlMs && grant.leaseId === lease);
  const refused = await acquire(b, wanting(["own"], { owner: "else", under: { $case: "ttlMs", value: 5_000n } }));
  assert.is(refused.result?.$case, "held");
  if (refused.result?.$case !== "held") return;
  const { holder } = refused.result.value;
  assert.equal([holder?.owner, holder?.token, holder?.metadata], ["somebody", grant.token, "about it"]);
  const verified = await unary(b.verify.bind(b), { lock: "own", token: grant.token });
  assert.equal([verified.current, verified.holder?.lockDelayMs], [true, 5n]);
  assert.is((await release(b, lease, grant.token)).how, Ending.ENDING_RELEASED);
  assert.is((await release(a, lease, grant.token)).how, Ending.ENDING_RELEASED);
  assert.equal((await unary(a.verify.bind(a), { lock: "own", token: grant.token })).current, false);
});

test("a grant with a ttl of its own is released by its lease and token", async ({ stubs }) => {
  const stub = at(stubs, 2);
  const request = wanting(["short"], { under: { $case: "ttlMs", value: 60_000n }, requestId: "r" });
  const grant = granted(await acquire(stub, request));
  assert.is(granted(await acquire(at(stubs, 0), request)).token, grant.token, "a repeat is the same grant");
  assert.is((await release(stub, grant.leaseId, grant.token)).how, Ending.ENDING_RELEASED);
  const over = await acquire(stub, request);
  assert.equal(over.result, { $case: "grantEnded", value: { token: grant.token, how: Ending.ENDING_RELEASED } });
});

test("those who wait are granted in their order, and one who is cancelled is not", async ({ stubs }) => {
  const holder = await openLease(at(stubs, 0));
  const first = granted(await acquire(at(stubs, 0), wanting(["queue"], { under: under(holder) })));
  const order: string[] = [];
  const waits: Promise<void>[] = [];
  for (const [place, name] of ["one", "two", "three"].entries()) {
    const stub = at(stubs, place);
    const lease = await openLease(stub, name);
    const request = wanting(["queue"], { owner: name, under: under(lease), waitMs: 600_000n, requestId: "wait" });
    waits.push(
      acquire(stub, request).then(async (response) => {
        order.push(response.result?.$case === "granted" ? name : `${name} ${response.result?.$case}`);
        if (response.result?.$case === "granted") await release(stub, lease, response.result.value.token);
        else assert.equal(response.result?.value, { reason: WaitEnd.WAIT_END_CANCELLED });
      }),
    );
    await until(`${name} waits`, async () => (await check(stub, "queue")).queueLength === place + 1);
    if (name !== "two") continue;
    const waiters = await unary(stub.listWaiters.bind(stub), { lock: "queue", pageSize: 1, pageToken: "" });
    assert.equal([waiters.total, waiters.waiters[0]?.owner, waiters.nextPageToken], [2, "one", "1"]);
    const cancelled = await unary(at(stubs, 2).cancel.bind(at(stubs, 2)), {
      requestId: "wait",
      under: under(lease),
      lock: "",
      leaseOwner: "",
    });
    assert.equal(cancelled, { token: 0n });
    await until("it has left", async () => (await check(stub, "queue")).queueLength === 1);
    await at(waits, place);
    order.push("-");
    // The third comes as the second of the queue.
    const next = await openLease(at(stubs, 2), "three");
    const last = wanting(["queue"], { owner: "three", under: under(next), waitMs: 600_000n });
    waits.push(
      acquire(at(stubs, 2), last).then((response) => {
        granted(response);
        order.push("three");
      }),
    );
    await until("three waits", async () => (await check(stub, "queue")).queueLength === 2);
    break;
  }
  await release(at(stubs, 1), holder, first.token);
  await Promise.all(waits);
  assert.equal(order, ["two waitEnded", "-", "one", "three"]);
});

test("several locks are granted all or none, and a circle is refused at once", async ({ stubs }) => {
  const stub = at(stubs, 1);
  const [one, two] = [await openLease(stub, "one"), await openLease(stub, "two")];
  const own = granted(await acquire(stub, wanting(["c1"], { owner: "one", under: under(one) })));
  const other = granted(await acquire(stub, wanting(["c2"], { owner: "two", under: under(two) })));
  const both = acquire(
    stub,
    wanting(["c0", "c2"], { owner: "one", under: under(one), waitMs: 600_000n, requestId: "both" }),
  );
  await until("it waits", async () => (await check(stub, "c2")).queueLength === 1);
  assert.is((await check(stub, "c0")).holders.length, 0);
  const graph = await unary(stub.getWaitGraph.bind(stub), { limit: 0 });
  assert.ok(graph.complete && graph.waits.some(({ lock, blocker }) => lock === "c2" && blocker?.owner === "two"));
  const circle = await acquire(stub, wanting(["c1"], { owner: "two", under: under(two), waitMs: 600_000n }));
  assert.is(circle.result?.$case, "deadlock");
  await release(stub, two, other.token);
  const grant = granted(await both);
  assert.equal([(await check(stub, "c0")).holders[0]?.token, grant.token > own.token], [grant.token, true]);
  const { locks } = await unary(stub.listLocks.bind(stub), {
    prefix: "c",
    owner: "",
    leaseId: one,
    minAgeMs: 0n,
    pageSize: 2,
    pageToken: "",
  });
  assert.equal(
    locks.map(({ name }) => name),
    ["c0", "c1"],
  );
});

test("shared holders and permits are counted", async ({ stubs }) => {
  const stub = at(stubs, 0);
  const lease = await openLease(stub);
  const want = (mode: Mode, permits: number, limit: number, context: string) =>
    acquire(stub, {
      ...wanting([], { under: under(lease), context }),
      demands: [{ lock: `mode ${mode}`, mode, permits, limit }],
    });
  granted(await want(Mode.MODE_SHARED, 0, 0, "1"));
  granted(await want(Mode.MODE_SHARED, 0, 0, "2"));
  assert.is((await check(stub, `mode ${Mode.MODE_SHARED}`)).holders.length, 2);
  granted(await want(Mode.MODE_SEMAPHORE, 2, 3, "1"));
  granted(await want(Mode.MODE_SEMAPHORE, 1, 3, "2"));
  assert.is((await want(Mode.MODE_SEMAPHORE, 1, 3, "3")).result?.$case, "held");
  const differs = await want(Mode.MODE_SEMAPHORE, 1, 4, "4").catch((error: ServiceError) => error);
  assert.match((differs as ServiceError).details, /semaphore of 3 permits/);
});

/** The events of a watch, until `count` have come. */
function watchEvents(stub: LockServiceClient, lock: string, afterRevision: bigint) {
  const stream = stub.watch({ what: { $case: "lock", value: lock }, afterRevision });
  const events: Event[] = [];
  let revision = 0n;
  stream.on("error", () => {});
  stream.on("data", (response: WatchResponse) => {
    events.push(...response.events);
    revision = response.revision;
  });
  return { events, revision: () => revision, close: () => stream.cancel() };
}

test("a watch tells everything once, on any node, and goes on after a revision", async ({ stubs }) => {
  const lease = await openLease(at(stubs, 0));
  const watch = watchEvents(at(stubs, 1), "seen", 0n);
  await until("the watch has begun", () => watch.revision() > 0n);
  const begun = watch.revision();
  const one = granted(await acquire(at(stubs, 0), wanting(["seen"], { under: under(lease) })));
  await release(at(stubs, 0), lease, one.token);
  const two = granted(await acquire(at(stubs, 0), wanting(["seen"], { under: under(lease), lockDelayMs: 100n })));
  await unary(at(stubs, 2).askYield.bind(at(stubs, 2)), {
    lock: "seen",
    token: 0n,
    reason: "please",
    graceMs: 10n,
    force: true,
    requestId: "",
  });
  const kinds = [
    EventKind.EVENT_KIND_GRANTED,
    EventKind.EVENT_KIND_RELEASED,
    EventKind.EVENT_KIND_GRANTED,
    EventKind.EVENT_KIND_YIELD_ASKED,
    EventKind.EVENT_KIND_FORCED,
    EventKind.EVENT_KIND_DELAYED,
    EventKind.EVENT_KIND_AVAILABLE,
  ];
  await until("all of it is told", () => watch.events.length >= kinds.length);
  assert.equal(
    watch.events.map(({ kind }) => kind),
    kinds,
  );
  const again = watchEvents(at(stubs, 2), "seen", begun);
  await until("it is told again", () => again.events.length >= kinds.length);
  assert.equal(again.events, watch.events);
  assert.is(watch.events[2]?.token, two.token);
  watch.close();
  again.close();
});

test("an election has one leader, whose word and end are observed", async ({ stubs, elections }) => {
  const [one, two] = [await openLease(at(stubs, 0), "one"), await openLease(at(stubs, 1), "two")];
  const campaign = (node: number, owner: string, leaseId: bigint) => {
    const stub = at(elections, node);
    const value = `at ${owner}`;
    return unary(stub.campaign.bind(stub), {
      election: "e",
      owner,
      leaseId,
      value,
      waitMs: 600_000n,
      requestId: "c",
      lockDelayMs: 0n,
    });
  };
  const first = granted((await campaign(0, "one", one)).result as AcquireResponse);
  const seen: ObserveResponse[] = [];
  const observer = at(elections, 2).observe({ election: "e", afterRevision: 0n });
  observer.on("error", () => {});
  observer.on("data", (response: ObserveResponse) => seen.push(response));
  await until("the leader is seen", () => seen.at(-1)?.leader !== undefined);
  // A node that was a little behind has told first that nobody leads.
  seen.splice(0, seen.length - 1);
  const second = campaign(1, "two", two);
  await until("two waits", async () => (await check(at(stubs, 1), "e")).queueLength === 1);
  const stub = at(elections, 0);
  await unary(stub.proclaimLeader.bind(stub), {
    election: "e",
    leaseId: one,
    token: first.token,
    value: "moved",
    requestId: "",
  });
  await unary(stub.resign.bind(stub), { leaseId: one, token: first.token, requestId: "" });
  const grant = granted((await second).result as AcquireResponse);
  await until("the next leader is seen", () => seen.length === 3);
  assert.equal(
    seen.map(({ leader }) => [leader?.owner, leader?.value, leader?.token]),
    [
      ["one", "at one", first.token],
      ["one", "moved", first.token],
      ["two", "at two", grant.token],
    ],
  );
  observer.cancel();
});

test.run();
