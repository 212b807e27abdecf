// The leader of three nodes is asked to stop while clients work: it hands over, finishes, and leaves with exit code 0.

import { setTimeout as pause } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { patienceMs } from "../patience.ts";
import { at, leaderOf, others, until, withCluster } from "./cluster.ts";
import { recordFault, recordPhase } from "./history.ts";
import { judge, recorded } from "./judge.ts";
import { checkAll, firstSuccessAfter, grantsIn, longestGap, startWorkload, successesAfter } from "./workload.ts";

const test = suite("cluster/stop");
const locks = Array.from({ length: 8 }, (_, n) => `lock-${n}`);
/** So many operations must succeed before a span of the run counts. */
const enough = 200;

test("SIGTERM of the leader fails no call through another node and ends with exit code 0", () =>
  withCluster({ size: 3 }, async (cluster) => {
    const history = recorded({ locks: locks.length, nodes: 3, ttlMs: 300_000 });
    const leader = await leaderOf(cluster);
    const remaining = others(cluster, leader).map((node) => at(cluster.sites, node));
    const common = { history, locks, withinMs: patienceMs };
    const served = (since: string) =>
      until(`clients are served after ${since}`, () => successesAfter(history, since) >= enough);
    const patient = startWorkload({ ...common, sites: remaining, clients: 6, attemptsMax: 1 });
    // These begin at the node that stops and go on elsewhere, under the same request ids.
    const moving = startWorkload({
      ...common,
      sites: [at(cluster.sites, leader), ...remaining],
      clients: 2,
      attemptsMax: 5,
    });
    recordFault(history, "load", "none");
    await served("load");
    recordPhase(history, "faults");
    recordFault(history, "term", at(cluster.sites, leader).nodeId);
    at(cluster.nodes, leader).signal("SIGTERM");
    const ended = await Promise.race([at(cluster.nodes, leader).ended, pause(patienceMs, null, { ref: false })]);
    await served("term");
    await Promise.all([patient.stop(), moving.stop()]);
    recordPhase(history, "final");
    await checkAll(history, remaining, locks);
    judge(history);
    assert.equal(ended, { code: 0, signal: null }, "a clean stop is exit code 0");
    assert.equal(patient.failures, [], "no call through another node fails");
    assert.equal(moving.failures, [], "calls to the stopping node are answered or can be repeated elsewhere");
    const first = firstSuccessAfter(history, "term").toFixed(0);
    console.log(
      `  first success ${first} ms after SIGTERM, longest gap ${longestGap(history).toFixed(0)} ms, ` +
        `${grantsIn(history)} grants in the run`,
    );
  }));

test("SIGTERM of a node on its own ends it with exit code 0, and what it held is there when it is back", () =>
  withCluster({ size: 1 }, async (cluster) => {
    const history = recorded({ locks: 1, nodes: 1, ttlMs: 300_000 });
    const sites = cluster.sites;
    const workload = startWorkload({ history, locks, sites, clients: 4, withinMs: 10_000, attemptsMax: 40 });
    const served = (since: string) =>
      until(`clients are served after ${since}`, () => successesAfter(history, since) >= enough);
    recordFault(history, "load", "none");
    await served("load");
    at(cluster.nodes, 0).signal("SIGTERM");
    assert.equal(await at(cluster.nodes, 0).ended, { code: 0, signal: null });
    await cluster.restart(0);
    recordFault(history, "back", at(sites, 0).nodeId);
    await served("back");
    await workload.stop();
    await checkAll(history, sites, locks);
    judge(history);
  }));

test.run();
