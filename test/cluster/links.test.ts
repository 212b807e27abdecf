// Three nodes on a network that fails in every way in which one can: clients of a majority that can talk notice nothing but
// delay, clients of the others are told that there is no leader, and what anybody was told fits together. After healing
// everybody is served.

import { setTimeout as pause } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { statelessClient } from "./clients.ts";
import { at, type Cluster, leaderOf, others, statusOf } from "./cluster.ts";
import { type History, recordFault, recordPhase } from "./history.ts";
import { judge, recorded } from "./judge.ts";
import { type Network, successesAfter, until, withLinks } from "./links.ts";
import type { Treatment } from "./tcp-proxy.ts";
import { checkAll, grantsIn, randomFrom, startWorkload, type Workload } from "./workload.ts";

const test = suite("cluster/links");
const locks = Array.from({ length: 8 }, (_, n) => `lock-${n}`);
/** So many operations must succeed before a span of the run counts. */
const enough = 40;

interface Run {
  readonly cluster: Cluster;
  readonly network: Network;
  readonly history: History;
  readonly leader: number;
  readonly followers: readonly [number, number];
  /** Clients at these nodes, each of which asks its own node only, once per request. */
  readonly clientsAt: (nodes: readonly number[], clients: number) => Workload;
  /** Waits until clients of each of these nodes have been served since the last `fault`. */
  readonly served: (fault: string, nodes: readonly number[]) => Promise<void>;
  /** Undoes all harm, and waits until clients of every node are served. */
  readonly heal: () => Promise<void>;
}

/** Three nodes under load; when `use` is done everything is healed, every client served, and the history judged. */
const run = (use: (run: Run) => Promise<void>): Promise<void> =>
  withLinks({ size: 3 }, async (cluster, network) => {
    const history = recorded({ locks: locks.length, nodes: 3, ttlMs: 300_000 });
    const leader = await leaderOf(cluster);
    const [one = -1, two = -1] = others(cluster, leader);
    const workloads: Workload[] = [];
    const served = (fault: string, nodes: readonly number[]) =>
      until(`clients of ${nodes.join(" and ")} are served after ${fault}`, () =>
        nodes.every((node) => successesAfter(history, fault, at(cluster.sites, node).nodeId) >= enough),
      );
    const clientsAt = (nodes: readonly number[], clients: number) => {
      const sites = nodes.map((node) => at(cluster.sites, node));
      const workload = startWorkload({ history, locks, sites, clients, withinMs: 10_000, attemptsMax: 1 });
      workloads.push(workload);
      return workload;
    };
    const heal = async () => {
      recordPhase(history, "heal");
      recordFault(history, "heal", "all");
      network.heal();
      const all = [...cluster.sites.keys()];
      const afterwards = startWorkload({
        history,
        locks,
        sites: cluster.sites,
        clients: 3,
        withinMs: 10_000,
        attemptsMax: 40,
      });
      await served("heal", all);
      await afterwards.stop();
      assert.equal(afterwards.failures, [], "after healing every request is answered");
    };
    recordPhase(history, "faults");
    try {
      await use({ cluster, network, history, leader, followers: [one, two], clientsAt, served, heal });
    } finally {
      network.heal();
      await Promise.all(workloads.map((workload) => workload.stop()));
    }
    recordPhase(history, "final");
    await until("all nodes have applied the same", async () => {
      const counters = await Promise.all(cluster.sites.map(async (site) => (await statusOf(site))?.fencingCounter));
      return counters.every((counter) => counter !== undefined && counter === counters[0]);
    });
    await checkAll(history, cluster.sites, locks);
    judge(history);
    assert.ok(grantsIn(history) >= 20, "the run is busy enough to mean something");
  });

/** Waits until another node leads, and the first leader knows that it does so no more. */
async function deposed({ cluster, leader }: Run): Promise<void> {
  await leaderOf(cluster, [leader]);
  await until("the old leader knows that it leads no more", async () => {
    const status = await statusOf(at(cluster.sites, leader));
    return status !== null && !status.isLeader;
  });
}

/** What one client is told that asks once. */
async function askOnce({ cluster }: Run, node: number, lock: string): Promise<string> {
  const client = statelessClient(at(cluster.sites, node).grpc);
  try {
    return (await client.acquire({ lock, client: "one", timeoutMs: 1_000 })).status;
  } finally {
    client.close();
  }
}

/** Everything from one node to another. */
const treatBoth = ({ network }: Run, one: number, other: number, treatment: Treatment): void => {
  network.treat(one, other, treatment);
  network.treat(other, one, treatment);
};

for (const how of ["swallowed", "cut"] as const) {
  test(`a leader whose links are ${how} tells its clients that there is no leader, and clients of the others go on`, () =>
    run(async (all) => {
      const { cluster, network, history, leader, followers, clientsAt, served, heal } = all;
      const patient = clientsAt(followers, 4);
      const isolated = clientsAt([leader], 2);
      recordFault(history, "isolate", at(cluster.sites, leader).nodeId);
      for (const follower of followers) {
        if (how === "cut") network.cut(leader, follower);
        else treatBoth(all, leader, follower, { type: "swallow" });
      }
      await deposed(all);
      recordFault(history, "isolated", at(cluster.sites, leader).nodeId);
      const told = askOnce(all, leader, `asked-of-the-isolated-${how}`);
      await served("isolated", followers);
      assert.is(await told, "NOT_LEADER", "nothing was done, and the client is told so");
      assert.is(successesAfter(history, "isolated", at(cluster.sites, leader).nodeId), 0, "it acknowledges nothing");
      await Promise.all([patient.stop(), isolated.stop()]);
      assert.equal(patient.failures, [], "every call through a node of the majority ends well within its deadline");
      await heal();
    }));
}

test("one-way losses between the leader and one follower are nothing to clients of the other two", () =>
  run(async (all) => {
    const { cluster, network, history, leader, followers, clientsAt, served, heal } = all;
    const [deaf, other] = followers;
    const patient = clientsAt([leader, other], 4);
    for (const [from, to] of [
      [leader, deaf],
      [deaf, leader],
    ] as const) {
      recordFault(history, "oneWay", at(cluster.sites, to).nodeId);
      const before = network.arrived(from, to);
      network.treat(from, to, { type: "swallow" });
      await served("oneWay", [leader, other]);
      assert.is(network.arrived(from, to), before, "nothing gets through");
      network.heal();
    }
    await patient.stop();
    assert.equal(patient.failures, []);
    await heal();
  }));

for (const [what, isHeard] of [
  ["is heard and does not hear", true],
  ["hears and is not heard", false],
] as const) {
  test(`a leader that ${what} gives way to another`, () =>
    run(async (all) => {
      const { cluster, network, history, leader, followers, clientsAt, served, heal } = all;
      const patient = clientsAt(followers, 4);
      recordFault(history, "oneWay", at(cluster.sites, leader).nodeId);
      for (const follower of followers) {
        if (isHeard) network.treat(follower, leader, { type: "swallow" });
        else network.treat(leader, follower, { type: "swallow" });
      }
      await deposed(all);
      recordFault(history, "another", at(cluster.sites, leader).nodeId);
      await served("another", followers);
      await patient.stop();
      assert.equal(patient.failures, [], "a client of the others notices nothing but delay");
      await heal();
    }));
}

test("a link that is slow, or too thin for what is written, holds up nobody but the node behind it", () =>
  run(async (all) => {
    const { cluster, history, leader, followers, clientsAt, served, heal } = all;
    const [slow, other] = followers;
    const patient = clientsAt([leader, other, slow], 6);
    recordFault(history, "slow", at(cluster.sites, slow).nodeId);
    treatBoth(all, leader, slow, { type: "pass", delayMs: 100 });
    await served("slow", [leader, other, slow]);
    await patient.stop();
    assert.equal(patient.failures, [], "200 ms more are a delay and nothing else, behind the slow link too");
    const others = clientsAt([leader, other], 4);
    recordFault(history, "thin", at(cluster.sites, slow).nodeId);
    treatBoth(all, leader, slow, { type: "pass", bytesPerSecond: 8_192 });
    await served("thin", [leader, other]);
    await others.stop();
    assert.equal(others.failures, []);
    await heal();
  }));

test("on links that flap every request is answered in the end, and what arrives late does no harm", () =>
  run(async (all) => {
    const { cluster, network, history, heal } = all;
    const workload = startWorkload({
      history,
      locks,
      sites: cluster.sites,
      clients: 6,
      withinMs: 3_000,
      attemptsMax: 100,
    });
    const random = randomFrom(history.header.seed);
    const pairs = [...cluster.sites.keys()].flatMap((from) => others(cluster, from).map((to) => [from, to] as const));
    recordFault(history, "flap", "all");
    for (let round = 0; round < 16; round += 1) {
      const [from, to] = at(pairs, Math.floor(random() * pairs.length));
      const harm = random();
      if (harm < 0.3) network.cut(from, to);
      else if (harm < 0.7) network.treat(from, to, { type: "hold" });
      else if (harm < 0.8) network.treat(from, to, { type: "swallow" });
      else network.heal();
      await pause(100 + random() * 200);
    }
    await heal();
    await workload.stop();
    assert.equal(workload.failures, []);
  }));

test.run();
