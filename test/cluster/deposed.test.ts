// A leader that still hears its followers, late, while they hear it no more: for as long as that lasts it believes that it
// leads, and another does. Its clients go on renewing. It may acknowledge nothing that it was asked for after the cut.

import { setTimeout as pause } from "node:timers/promises";
import { suite } from "uvu";
import { at, leaderOf, orLastWords, others, statusOf } from "./cluster.ts";
import { recordFault, recordPhase } from "./history.ts";
import { doorAt, type Holding, renew, waitFor } from "./holders.ts";
import { judge, recorded } from "./judge.ts";
import { startLinked } from "./links.ts";

const test = suite("cluster/deposed");
/** The least that there is: others must have the locks while the old leader still believes that it leads. */
const ttlMs = 1_000;
const locks = ["lock-0", "lock-1"];
/** Each step is less than an election timeout, so that no gap between two letters is one; their sum is more. */
const delaysMs = [450, 900, 1_400];
const stepMs = 600;
const renewalEveryMs = 50;

test("a leader whose letters are lost, and that is still told what followers said before, acknowledges no renewal", async () => {
  const { cluster, network } = await startLinked({ size: 3 });
  const leader = await leaderOf(cluster);
  const followers = others(cluster, leader);
  const old = doorAt(at(cluster.sites, leader));
  const other = doorAt(at(cluster.sites, at(followers, 0)));
  const history = recorded({ locks: locks.length, nodes: 3, ttlMs });
  recordPhase(history, "faults");
  let holdings: readonly Holding[] = [];
  const renewals: Promise<string>[] = [];
  const renewAll = () => renewals.push(...holdings.map((holding) => renew(history, old, holding)));
  let renewing: NodeJS.Timeout | undefined;
  try {
    await orLastWords(cluster, async () => {
      holdings = await Promise.all(locks.map(async (lock) => (await waitFor(history, old, lock)).holding));
      renewing = setInterval(renewAll, renewalEveryMs);
      for (const delayMs of delaysMs) {
        for (const follower of followers) network.treat(follower, leader, { type: "pass", delayMs });
        await pause(stepMs);
      }
      recordFault(history, "oneWay", old.node);
      const before = renewals.length;
      for (const follower of followers) network.treat(leader, follower, { type: "swallow" });
      // The leases count from here for whoever leads next; then others have the locks.
      for (const lock of locks) await waitFor(history, other, lock);
      const believed = (await statusOf(at(cluster.sites, leader)))?.isLeader;
      renewAll();
      clearInterval(renewing);
      recordPhase(history, "heal");
      network.heal();
      await Promise.all(renewals);
      console.log(
        `  ${before} renewals before the cut, ${renewals.length - before} after; believed to lead: ${believed}`,
      );
    });
  } finally {
    clearInterval(renewing);
    network.heal();
    old.client.close();
    other.client.close();
    await cluster.stop();
  }
  recordPhase(history, "final");
  judge(history);
});

test.run();
