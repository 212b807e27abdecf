// The native interface where there are several regions: leases, and one exclusive lock at a time, are served in all of them; the rest is
// refused.

import { credentials, type ServiceError, status } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import { connect } from "../../src/client/index.ts";
import { LockServiceClient } from "../../src/transport/generated/lockmgr/v1/lock.ts";
import { Ending } from "../../src/transport/generated/lockmgr/v1/types.ts";
import { patienceMs } from "../patience.ts";
import { suite } from "../suite.ts";
import { channelOptions, unary } from "./clients.ts";
import { at, until } from "./cluster.ts";
import { acquire, check, granted, openLease, under, wanting } from "./native-calls.ts";
import { type Regions, sees, startRegions } from "./region-group.ts";

const test = suite<{ regions: Regions; stubs: LockServiceClient[] }>("cluster/native-regions");
test.before(async (context) => {
  context.regions = await startRegions({ regions: 3, nodes: 1 });
  const { sites } = context.regions.cluster;
  context.stubs = sites.map((site) => new LockServiceClient(site.grpc, credentials.createInsecure(), channelOptions));
  for (const site of sites) await until(`${site.nodeId} sees the others`, () => sees(site));
});
test.after(async ({ regions, stubs }) => {
  for (const stub of stubs ?? []) stub.close();
  await regions?.cluster.stop();
});

test("a lock that is held through one region is seen and refused through the others, and given back", async ({
  stubs,
}) => {
  const [a, b, c] = [at(stubs, 0), at(stubs, 1), at(stubs, 2)];
  const lease = await openLease(a);
  const request = wanting(["everywhere"], { under: under(lease), requestId: "mine" });
  const grant = granted(await acquire(a, request));
  assert.is(granted(await acquire(a, request)).token, grant.token);
  const own = wanting(["everywhere"], { owner: "else", under: { $case: "ttlMs", value: 60_000n } });
  const { result } = await acquire(b, own);
  assert.ok(result?.$case === "held");
  assert.equal([result.value.lock, result.value.holder?.owner], ["everywhere", "somebody"]);
  assert.is((await check(c, "everywhere")).holders[0]?.token, grant.token);
  await unary(a.renewLease.bind(a), { leaseId: lease });
  const release = { leaseId: lease, token: grant.token, requestId: "", lock: "everywhere" };
  assert.is((await unary(a.release.bind(a), release)).how, Ending.ENDING_RELEASED);
  const next = granted(await acquire(b, own));
  assert.ok(next.token > grant.token);
  const back = { leaseId: next.leaseId, token: next.token, requestId: "", lock: "everywhere" };
  assert.is((await unary(b.release.bind(b), back)).how, Ending.ENDING_RELEASED);
});

test("what regions do not serve is refused with one sentence", async ({ stubs }) => {
  const stub = at(stubs, 0);
  const lease = await openLease(stub);
  const calls = [
    acquire(stub, wanting(["a", "b"], { under: under(lease) })),
    unary(stub.revokeLease.bind(stub), { leaseId: lease, requestId: "" }),
    unary(stub.getWaitGraph.bind(stub), { limit: 0 }),
  ];
  for (const call of calls) {
    const error = await call.then(
      () => null,
      (failure: ServiceError) => failure,
    );
    assert.equal([error?.code, error?.details], [status.UNIMPLEMENTED, "not served where there are several regions"]);
  }
});

/** Of clients whose leases outlast whatever happens here, and who wait for answers as long as the slowest machine needs. */
const patient = { ttlMs: 120_000, connectTimeoutMs: patienceMs, requestTimeoutMs: patienceMs };

test("the SDK takes, waits, gives up and verifies through whatever region it is given", async ({ regions }) => {
  const [one, two] = await Promise.all(
    [0, 1].map((place) => connect(at(regions.cluster.sites, place).grpc, { ...patient, owner: `client ${place}` })),
  );
  assert.ok(one !== undefined && two !== undefined);
  try {
    const order: string[] = [];
    const held = await one.acquire("shared out");
    assert.is((await two.tryAcquire("shared out")).acquired, false);
    const cut = new AbortController();
    const given = two.acquire("shared out", { signal: cut.signal, onQueued: () => cut.abort() });
    assert.is(
      await given.then(
        () => "held",
        (error) => error.code,
      ),
      "ABORTED",
    );
    // Tasks of one client exclude each other as well, and whoever comes first there is first.
    const queue = (name: string) =>
      new Promise<{ readonly done: Promise<void> }>((resolve) => {
        const options = { onQueued: () => resolve({ done }) };
        const done = two.withLock("shared out", options, async ({ token }) => {
          order.push(name);
          assert.ok(token > held.token);
          assert.ok((await one.verify("shared out", token)).current);
        });
      });
    const begun = [await queue("first"), await queue("second")];
    assert.equal(order, []);
    await held.release();
    await Promise.all(begun.map(({ done }) => done));
    assert.equal(order, ["first", "second"]);
    assert.equal((await one.check("shared out")).holders, []);
  } finally {
    await Promise.all([one.close(), two.close()]);
  }
});

test.run();
