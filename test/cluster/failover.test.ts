// The leader of three nodes is killed while clients work: what was acknowledged stays, and clients of the other nodes notice
// nothing but delay.

import { setTimeout as pause } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at, leaderOf, others, withCluster } from "./cluster.ts";
import { recordFault, recordPhase } from "./history.ts";
import { judge, recorded } from "./judge.ts";
import { checkAll, firstSuccessAfter, grantsIn, startWorkload } from "./workload.ts";

const test = suite("cluster/failover");
const locks = Array.from({ length: 8 }, (_, n) => `lock-${n}`);

test("kill -9 of the leader loses nothing, and is a delay to clients of the other nodes", () =>
  withCluster({ size: 3 }, async (cluster) => {
    const history = recorded({ locks: locks.length, nodes: 3, ttlMs: 300_000 });
    const leader = await leaderOf(cluster);
    const survivors = others(cluster, leader).map((node) => at(cluster.sites, node));
    const common = { history, locks, withinMs: 10_000 };
    const patient = startWorkload({ ...common, sites: survivors, clients: 6, attemptsMax: 1 });
    // These begin at the leader, lose it, and repeat their requests elsewhere.
    const orphans = startWorkload({
      ...common,
      sites: [at(cluster.sites, leader), ...survivors],
      clients: 2,
      attemptsMax: 5,
    });
    recordPhase(history, "faults");
    await pause(1_500);
    recordFault(history, "kill", at(cluster.sites, leader).nodeId);
    await cluster.kill(leader);
    await pause(3_000);
    recordPhase(history, "heal");
    await cluster.restart(leader);
    await pause(1_000);
    await Promise.all([patient.stop(), orphans.stop()]);
    recordPhase(history, "final");
    await checkAll(history, cluster.sites, locks);
    judge(history);
    assert.equal(patient.failures, [], "every call through a surviving node ends well within its deadline");
    assert.equal(orphans.failures, [], "every call that is repeated elsewhere ends well");
    assert.ok(grantsIn(history) > 100, "the run is busy enough to mean something");
    const first = firstSuccessAfter(history, "kill").toFixed(0);
    console.log(`  first success ${first} ms after the kill, ${grantsIn(history)} grants in the run`);
  }));

test.run();
