// The leader of three nodes is killed while clients work: what was acknowledged stays, and clients of the other nodes notice
// nothing but delay.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { patienceMs } from "../patience.ts";
import { at, leaderOf, others, until, withCluster } from "./cluster.ts";
import { recordFault, recordPhase } from "./history.ts";
import { judge, recorded } from "./judge.ts";
import { checkAll, firstSuccessAfter, grantsIn, startWorkload, successesAfter } from "./workload.ts";

const test = suite("cluster/failover");
const locks = Array.from({ length: 8 }, (_, n) => `lock-${n}`);
/** So many operations must succeed before a span of the run counts. */
const enough = 300;

test("kill -9 of the leader loses nothing, and is a delay to clients of the other nodes", () =>
  withCluster({ size: 3 }, async (cluster) => {
    const history = recorded({ locks: locks.length, nodes: 3, ttlMs: 300_000 });
    const leader = await leaderOf(cluster);
    const survivors = others(cluster, leader).map((node) => at(cluster.sites, node));
    const common = { history, locks, withinMs: patienceMs };
    const patient = startWorkload({ ...common, sites: survivors, clients: 6, attemptsMax: 1 });
    // These begin at the leader, lose it, and repeat their requests elsewhere.
    const orphans = startWorkload({
      ...common,
      sites: [at(cluster.sites, leader), ...survivors],
      clients: 2,
      attemptsMax: 5,
    });
    const { nodeId } = at(cluster.sites, leader);
    const served = (since: string) =>
      until(`clients are served after ${since}`, () => successesAfter(history, since) >= enough);
    recordFault(history, "load", "none");
    await served("load");
    recordPhase(history, "faults");
    recordFault(history, "kill", nodeId);
    await cluster.kill(leader);
    await served("kill");
    recordPhase(history, "heal");
    await cluster.restart(leader);
    recordFault(history, "back", nodeId);
    await served("back");
    await Promise.all([patient.stop(), orphans.stop()]);
    recordPhase(history, "final");
    await checkAll(history, cluster.sites, locks);
    judge(history);
    assert.equal(patient.failures, [], "every call through a surviving node ends well");
    assert.equal(orphans.failures, [], "every call that is repeated elsewhere ends well");
    assert.ok(grantsIn(history) > 100, "the run is busy enough to mean something");
    const first = firstSuccessAfter(history, "kill").toFixed(0);
    console.log(`  first success ${first} ms after the kill, ${grantsIn(history)} grants in the run`);
  }));

test.run();
