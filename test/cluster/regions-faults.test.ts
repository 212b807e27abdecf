// Three regions of three nodes each. Leaders of regions are killed and stopped, regions are cut off, while clients ask through all
// nodes of all regions: what anybody was told fits together, and a request is granted once, however often and wherever it is
// repeated. Both tests share the nodes.

import { setTimeout as pause } from "node:timers/promises";
import * as assert from "uvu/assert";
import { patienceMs } from "../patience.ts";
import { suite } from "../suite.ts";
import { type StatelessClient, statelessClient } from "./clients.ts";
import { at, orLastWords, until } from "./cluster.ts";
import { harm } from "./harm.ts";
import { recordFault, recordPhase } from "./history.ts";
import { startHolders } from "./holders.ts";
import { judge, recorded } from "./judge.ts";
import { leaderIn, type Regions, sees, startRegions } from "./region-group.ts";
import { newResource } from "./resource.ts";
import { checkAll, grantsIn, startWorkload, successesAfter } from "./workload.ts";

const test = suite("cluster/regions-faults");
const all = [0, 1, 2];
const enough = 20;
/** Nine nodes have much to do when all locks are asked for at once and a leader dies. */
const insistMs = 3 * patienceMs;

let regions: Regions;

test.before(async () => {
  regions = await startRegions({ regions: 3, nodes: 3, env: { LOG_LEVEL: "warn" } });
  await allSeeAll();
});
test.after(() => regions?.cluster.stop());

async function allSeeAll(): Promise<void> {
  for (const site of regions.cluster.sites) await until(`${site.nodeId} sees the other regions`, () => sees(site));
}

interface Repeated {
  readonly tokens: Set<number>;
  /** Everything that was answered but grants and open outcomes. */
  readonly refusals: string[];
}

/** Asks under one request id until it is granted. */
async function insist(client: StatelessClient, lock: string, { tokens, refusals }: Repeated): Promise<void> {
  const asked = { lock, client: `owner of ${lock}`, timeoutMs: 300_000 };
  const giveUpAt = performance.now() + insistMs;
  while (performance.now() < giveUpAt) {
    try {
      const answer = await client.acquire(asked, { withinMs: 30_000, requestId: `request for ${lock}` });
      if (answer.status === "OK") {
        tokens.add(answer.token);
        return;
      }
      const isOpen = ["TIMEOUT", "QUORUM_FAILED", "NOT_LEADER"].includes(answer.status);
      if (!isOpen) refusals.push(`${answer.status} ${answer.message}`);
    } catch {
      // Whoever was asked is gone; nobody knows what has become of it.
    }
    await pause(50);
  }
  refusals.push("it was never granted");
}

for (const region of all) {
  test(`the leader of region ${region + 1} is killed amid rounds: repeats in its region and in another get one token`, async () => {
    const { cluster, names } = regions;
    const leader = await leaderIn(regions, region);
    const staying = regions.nodesOf(region).filter((node) => node !== leader);
    const abroad = regions.nodesOf((region + 1) % 3);
    const clients = [...staying, ...abroad].map((node) => statelessClient(at(cluster.sites, node).grpc));
    const lockNames = Array.from({ length: 24 }, (_, n) => `${at(names, region)}-${n}`);
    const repeated = new Map(lockNames.map((lock) => [lock, { tokens: new Set<number>(), refusals: [] } as Repeated]));
    await orLastWords(cluster, async () => {
      let granted = 0;
      const asking = [...repeated].map(async ([lock, each], n) => {
        // Its own region first; once anybody has been granted anything the leader is killed, and everybody repeats abroad too.
        const first = insist(at(clients, n % 2), lock, each).then(() => {
          granted += 1;
        });
        await until("a first request is granted", () => granted > 0);
        await Promise.all([first, insist(at(clients, 2 + (n % 3)), lock, each)]);
      });
      await until("a first request is granted", () => granted > 0);
      await cluster.kill(leader);
      await Promise.all(asking);
      await cluster.restart(leader);
    });
    for (const [lock, { tokens, refusals }] of repeated) {
      assert.equal(refusals, [], lock);
      assert.is(tokens.size, 1, `${lock} was granted as ${[...tokens]}`);
      const seen = await at(clients, 2).check(lock);
      assert.equal([seen.holder, seen.token], [`owner of ${lock}`, [...tokens][0]]);
    }
    for (const client of clients) client.close();
  });
}

test("leaders killed and stopped, regions cut off, deaf or late: whatever clients of all regions were told fits together", async () => {
  const lockNames = Array.from({ length: 24 }, (_, n) => `lock-${n}`);
  const history = recorded({ locks: lockNames.length, nodes: 3, regions: 3, ttlMs: 3_000 });
  const { cluster, network } = regions;
  const common = { history, sites: cluster.sites, locks: lockNames, resource: newResource(history) };
  const workload = startWorkload({ ...common, clients: 9, withinMs: 4_000, attemptsMax: 40 });
  const stopHolders = startHolders({ ...common, clients: 3 });
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    network.heal();
    await Promise.all([workload.stop(), stopHolders()]);
  };
  try {
    await orLastWords(cluster, async () => {
      recordPhase(history, "faults");
      await harm(regions, { history, kinds: ["kill", "cut", "pause", "mute", "hold"], seconds: 8 });
      recordPhase(history, "heal");
      network.heal();
      await allSeeAll();
      recordFault(history, "heal", "all");
      await until("clients of every region are served again", () =>
        all.every((region) => {
          const counts = regions.sitesOf(region).map(({ nodeId }) => successesAfter(history, "heal", nodeId));
          return counts.reduce((sum, count) => sum + count, 0) >= enough;
        }),
      );
      await until("the run is busy enough to mean something", () => grantsIn(history) >= 3 * enough);
      await stop();
    });
  } finally {
    await stop();
  }
  recordPhase(history, "final");
  await checkAll(
    history,
    all.map((region) => at(regions.sitesOf(region), 0)),
    lockNames,
  );
  judge(history);
});

test.run();
