// All nodes are killed at once: what was acknowledged is on disk, so every held lock is still held and tokens go on rising.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { leaseClient, statelessClient } from "./clients.ts";
import { at, until, withCluster } from "./cluster.ts";
import { recordFault, recordPhase } from "./history.ts";
import { judge, recorded } from "./judge.ts";
import { checkAll, firstSuccessAfter, startWorkload, successesAfter } from "./workload.ts";

const test = suite("cluster/restart");

for (const size of [1, 3]) {
  test(`after kill -9 of all ${size} nodes every held lock is still held, and tokens go on rising`, () =>
    withCluster({ size }, async (cluster) => {
      const address = at(cluster.sites, 0).grpc;
      let stateless = statelessClient(address);
      let leases = leaseClient(address);
      const held = new Map<string, number>();
      for (let n = 0; n < 20; n += 1) {
        const lock = `held-${n}`;
        held.set(lock, (await stateless.acquire({ lock, client: "one", timeoutMs: 300_000 })).token);
      }
      const { lease } = await leases.createLease({ owner: "two", ttlSeconds: 300 });
      for (let n = 0; n < 5; n += 1) {
        const lock = `under-lease-${n}`;
        held.set(lock, (await leases.acquire({ lock, owner: "two", lease })).token);
      }
      const before = Math.max(...held.values());
      assert.is(before, 25);
      stateless.close();
      leases.close();

      await Promise.all(cluster.nodes.map((_, node) => cluster.kill(node)));
      await Promise.all(cluster.nodes.map((_, node) => cluster.restart(node)));

      stateless = statelessClient(address);
      leases = leaseClient(address);
      for (const [lock, token] of held) {
        const found = await stateless.check(lock);
        assert.equal([lock, found.isLocked, found.token], [lock, true, token]);
      }
      assert.is((await stateless.acquire({ lock: "held-0", client: "three", timeoutMs: 0 })).status, "ALREADY_LOCKED");
      assert.is((await stateless.acquire({ lock: "new", client: "three", timeoutMs: 0 })).token, before + 1);
      assert.is((await leases.renew(lease)).ttlSeconds, 300);
      assert.ok((await leases.release({ lock: "under-lease-0", lease })).released);
      const again = await leases.acquire({ lock: "under-lease-0", owner: "two", lease });
      assert.is(again.token, before + 2);
      assert.is((await leases.createLease({ owner: "two", ttlSeconds: 60 })).lease, lease + 1);
      const released = await stateless.release({ lock: "held-1", client: "one", token: held.get("held-1") ?? 0 });
      assert.is(released.status, "OK");
      stateless.close();
      leases.close();
    }));
}

test("kill -9 of all nodes under load loses nothing that was acknowledged", () =>
  withCluster({ size: 3 }, async (cluster) => {
    const locks = Array.from({ length: 6 }, (_, n) => `lock-${n}`);
    const history = recorded({ locks: locks.length, nodes: 3, ttlMs: 300_000 });
    const workload = startWorkload({
      history,
      locks,
      sites: cluster.sites,
      clients: 6,
      withinMs: 3_000,
      attemptsMax: 400,
    });
    const served = (since: string) =>
      until(`clients are served after ${since}`, () => successesAfter(history, since) >= 200);
    recordFault(history, "load", "none");
    await served("load");
    recordPhase(history, "faults");
    recordFault(history, "killAll", "all");
    await Promise.all(cluster.nodes.map((_, node) => cluster.kill(node)));
    await Promise.all(cluster.nodes.map((_, node) => cluster.restart(node)));
    recordPhase(history, "heal");
    recordFault(history, "back", "all");
    await served("back");
    await workload.stop();
    recordPhase(history, "final");
    await checkAll(history, cluster.sites, locks);
    judge(history);
    console.log(`  first success ${firstSuccessAfter(history, "killAll").toFixed(0)} ms after the kill`);
  }));

test.run();
