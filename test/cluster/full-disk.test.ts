// Nodes whose disks fill up: from 80 % on nothing new is begun, while what is held is renewed and released; where nothing
// fits any more the node stops, and says so, with nothing lost that was acknowledged; with room it comes back.

import { readdirSync } from "node:fs";
import { status } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import { patienceMs } from "../patience.ts";
import { suite } from "../suite.ts";
import { codeOf, leaseClient, statelessClient } from "./clients.ts";
import { at, type Cluster, leaderOf, orLastWords, others, startSites, statusOf, until } from "./cluster.ts";
import { mountSmallDisks, type SmallDisk } from "./full-disk.ts";
import { recordFault, recordPhase } from "./history.ts";
import { judge, recorded } from "./judge.ts";
import { launch, type NodeProcess, type Site } from "./node-process.ts";
import { checkAll, startWorkload, successesAfter, type Workload, type WorkloadOptions } from "./workload.ts";

const test = suite("cluster/full-disk");
const locksOf = (name: string): string[] => Array.from({ length: 8 }, (_, n) => `${name}-${n}`);
const diskFailed = 74;
const cannotWrite = 73;

let cluster: Cluster | null = null;
let disks: readonly SmallDisk[] = [];
let unmount = async () => undefined as unknown;

test.before(async () => {
  const mounted = await mountSmallDisks(3);
  if (typeof mounted === "string") {
    console.error(`\nNOT TESTED: a full disk, because no small file system can be mounted here: ${mounted}`);
    return;
  }
  disks = mounted.disks;
  unmount = mounted.unmount;
  cluster = await startSites(disks.map(({ site }) => site));
});
test.after(async () => {
  await cluster?.stop();
  await unmount();
});

/** The nodes on small disks, which all tests share. Where nothing could be mounted nothing is proved. */
async function onSmallDisks(use: (cluster: Cluster) => Promise<void>): Promise<void> {
  const nodes = cluster;
  if (nodes !== null) await orLastWords(nodes, () => use(nodes));
}

/** A workload for as long as `use` takes, which begins once clients are served. */
async function withLoad(options: WorkloadOptions, use: (workload: Workload) => Promise<void>): Promise<void> {
  const workload = startWorkload(options);
  try {
    recordFault(options.history, "load", "none");
    await until("there is load", () => successesAfter(options.history, "load") >= 100);
    await use(workload);
  } finally {
    await workload.stop();
  }
}

/** The gRPC status with which a call fails and what it says; null if it does not fail. */
async function failureOf(call: Promise<unknown>): Promise<{ code: number; says: string } | null> {
  try {
    await call;
    return null;
  } catch (error) {
    return { code: codeOf(error), says: (error as Error).message };
  }
}

/** The lines of level fatal that a node has written. */
const fatalLines = (node: NodeProcess): string[] =>
  node
    .stdout()
    .split("\n")
    .filter((line) => line.startsWith("{") && (JSON.parse(line) as { level: number }).level === 60);

/** Waits until a node whose disk is full has ended, and looks at how. */
async function endedForWantOfRoom(node: NodeProcess): Promise<void> {
  await until(`${node.site.nodeId} ends`, () => !node.isRunning());
  assert.equal(await node.ended, { code: diskFailed, signal: null });
  const lines = fatalLines(node);
  assert.is(lines.length, 1, `one fatal line, not ${JSON.stringify(lines)}`);
  assert.match(lines[0] ?? "", /commit|ENOSPC|space/i);
}

/** Whether a node has said last that its disk is nearly full. */
const isShortOfRoom = (node: NodeProcess): boolean => {
  const said = node.stdout();
  return said.lastIndexOf("room for data is scarce") > said.lastIndexOf("there is room for data again");
};

test("from 80 % on new locks and leases are refused, and what is held is renewed, seen and released", () =>
  onSmallDisks(async (cluster) => {
    const leader = await leaderOf(cluster);
    for (const node of [leader, at(others(cluster, leader), 0)]) {
      const { grpc, http } = at(cluster.sites, node);
      const leases = leaseClient(grpc);
      const stateless = statelessClient(grpc);
      const owner = `client-of-${node}`;
      const under = `under-lease-${node}`;
      const held = `held-${node}`;
      const { lease } = await leases.createLease({ owner, ttlSeconds: 300 });
      await leases.acquire({ lock: under, owner, lease });
      const { token } = await stateless.acquire({ lock: held, client: owner, timeoutMs: 300_000 });

      await until("a new lease is refused because the leader's disk is nearly full", async () => {
        at(disks, await leaderOf(cluster)).fill(0.15);
        const failure = await failureOf(leases.createLease({ owner, ttlSeconds: 1 }));
        return failure?.code === status.RESOURCE_EXHAUSTED;
      });
      // From here on it is the same whoever leads.
      for (const { fill } of disks) fill(0.15);
      await until("all have noticed", () => cluster.nodes.every(isShortOfRoom));
      for (const call of [
        leases.createLease({ owner, ttlSeconds: 1 }),
        leases.acquire({ lock: "new", owner, lease }),
        stateless.acquire({ lock: "new", client: owner, timeoutMs: 1_000 }),
      ]) {
        const failure = await failureOf(call);
        assert.is(failure?.code, status.RESOURCE_EXHAUSTED);
        assert.match(failure?.says ?? "", /the disk is nearly full/);
      }
      const body = JSON.stringify({ owner_id: owner, ttl_seconds: 1 });
      const response = await fetch(`${http}/v1/lease`, { method: "POST", body });
      assert.is(response.status, 507);
      assert.is((await leases.renew(lease)).ttlSeconds, 300);
      assert.is((await stateless.check(held)).token, token);
      assert.is((await stateless.release({ lock: held, client: owner, token })).status, "OK");
      assert.ok((await leases.release({ lock: under, lease })).released);

      for (const { empty } of disks) empty();
      await until("there is room again", () => !cluster.nodes.some(isShortOfRoom));
      await until("there is a new lock", async () => {
        const failure = await failureOf(leases.acquire({ lock: `${under}-again`, owner, lease }));
        return failure === null;
      });
      leases.close();
      stateless.close();
    }
  }));

test("a follower whose disk is full stops with exit code 74, is missed by nobody, and comes back when there is room", () =>
  onSmallDisks(async (cluster) => {
    const locks = locksOf("one-full");
    const history = recorded({ locks: locks.length, nodes: 3, ttlMs: 300_000 });
    const leader = await leaderOf(cluster);
    const full = at(others(cluster, leader), 0);
    const site = at(cluster.sites, full);
    const sites = others(cluster, full).map((node) => at(cluster.sites, node));
    recordPhase(history, "faults");
    await withLoad({ history, locks, sites, clients: 6, withinMs: patienceMs, attemptsMax: 1 }, async (patient) => {
      recordFault(history, "full", site.nodeId);
      at(disks, full).fill(0);
      await endedForWantOfRoom(at(cluster.nodes, full));
      recordFault(history, "ended", site.nodeId);
      await until("the others are served", () => successesAfter(history, "ended") >= 100);
      await refusesToStart(site);
      recordPhase(history, "heal");
      at(disks, full).empty();
      await cluster.restart(full);
      await patient.stop();
      assert.equal(patient.failures, [], "clients of the others notice nothing");
    });
    await until("it has caught up", async () => {
      const counters = await Promise.all(cluster.sites.map(async (each) => (await statusOf(each))?.fencingCounter));
      return counters.every((counter) => counter !== undefined && counter === counters[0]);
    });
    recordPhase(history, "final");
    await checkAll(history, cluster.sites, locks);
    judge(history);
  }));

/** A start on a full disk ends by itself, says why, and adds nothing to the directory. */
async function refusesToStart(site: Site): Promise<void> {
  const before = readdirSync(site.dataDir).sort();
  const node = launch(site);
  assert.equal(await node.ended, { code: cannotWrite, signal: null }, "no start without room");
  assert.match(node.stderr(), /^lockmgr: DATA_DIR .* cannot be written: .*ENOSPC.*\n$/, "one line says why");
  assert.equal(readdirSync(site.dataDir).sort(), before, "it leaves nothing behind");
}

test("when the disks of a quorum are full nothing is acknowledged, and nothing is lost that was", () =>
  onSmallDisks(async (cluster) => {
    const locks = locksOf("two-full");
    const history = recorded({ locks: locks.length, nodes: 3, ttlMs: 300_000 });
    const leader = await leaderOf(cluster);
    const full = others(cluster, leader);
    const { sites } = cluster;
    recordPhase(history, "faults");
    await withLoad({ history, locks, sites, clients: 6, withinMs: 1_500, attemptsMax: 400 }, async (workload) => {
      recordFault(history, "full", "followers");
      for (const node of full) at(disks, node).fill(0);
      await Promise.all(full.map((node) => endedForWantOfRoom(at(cluster.nodes, node))));
      await until("the last node knows that it leads no more", async () => {
        const state = await statusOf(at(sites, leader));
        return state !== null && !state.isLeader && state.leaderAddress === "";
      });
      for (const node of full) at(disks, node).empty();
      await Promise.all(full.map((node) => cluster.restart(node)));
      recordPhase(history, "heal");
      recordFault(history, "room", "followers");
      await until("clients are served again", () => successesAfter(history, "room") >= 100);
      await workload.stop();
      assert.equal(workload.failures, [], "every request is answered in the end");
    });
    recordPhase(history, "final");
    await checkAll(history, sites, locks);
    judge(history);
  }));

test.run();
