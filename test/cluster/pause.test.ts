// The leader of three nodes is stopped for longer than its leases last, and goes on as if nothing had happened, with
// renewals in its queues that were sent long after others had the locks. It may acknowledge none of them.

import { setTimeout as pause } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at, leaderOf, others, withCluster } from "./cluster.ts";
import { recordFault, recordPhase } from "./history.ts";
import { doorAt, hold, renew, waitFor } from "./holders.ts";
import { judge, recorded } from "./judge.ts";

const test = suite("cluster/pause");
/** Long enough that a lease which is renewed lives, though any process may have to wait for the processor for a while. */
const ttlMs = 6_000;
/** How often clients of the stopped node renew, and those of another ask for what the former have. */
const againMs = 500;
const locks = ["lock-0", "lock-1", "lock-2", "lock-3"];

test("a leader stopped for longer than a lease acknowledges no renewal afterwards that it may not", () =>
  withCluster({ size: 3 }, async (cluster) => {
    const history = recorded({ locks: locks.length, nodes: 3, ttlMs });
    const leader = await leaderOf(cluster);
    const paused = doorAt(at(cluster.sites, leader));
    const other = doorAt(at(cluster.sites, at(others(cluster, leader), 0)));
    recordPhase(history, "faults");
    const holdings = await Promise.all(locks.map(async (lock) => (await waitFor(history, paused, lock)).holding));
    const renewAll = () => holdings.map((holding) => renew(history, paused, holding));
    // Renewals before the stop and into it: the latter wait in the queues of the stopped node.
    const results = renewAll();
    await pause(againMs);
    results.push(...renewAll());
    assert.equal(await Promise.all(results), Array(results.length).fill("renewed"), "a live lease is renewed");
    recordFault(history, "pause", paused.node);
    at(cluster.nodes, leader).signal("SIGSTOP");
    const queued = renewAll();
    const overtaking = await Promise.all(
      locks.map(async (lock) => {
        for (;;) {
          const holding = await hold(history, other, lock);
          if (holding !== null) return holding;
          queued.push(...renewAll());
          await pause(againMs);
        }
      }),
    );
    // Every lock has another holder now. What is sent to the stopped node from here on must be refused; most of it waits there
    // before the node can find out that it was deposed.
    const late = Array.from({ length: 10 }, renewAll).flat();
    await pause(againMs);
    const stillRenewed = overtaking.map((holding) => renew(history, other, holding));
    recordFault(history, "resume", paused.node);
    at(cluster.nodes, leader).signal("SIGCONT");
    late.push(...renewAll());
    await Promise.all([...queued, ...stillRenewed]);
    const told = await Promise.all(late);
    recordPhase(history, "final");
    judge(history);
    assert.equal(told, Array(told.length).fill("lost"), "each of these is told that its lease is lost");
    paused.client.close();
    other.client.close();
  }));

test.run();
