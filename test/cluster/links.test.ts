// Three nodes on a network that fails in every way in which one can: clients of a majority that can talk notice nothing but
// delay, the others are not served, and what anybody was told fits together. After healing everybody is served. The tests
// that depose leaders share their nodes, and so do the others; each has locks and a history of its own.

import { setTimeout as pause } from "node:timers/promises";
import * as assert from "uvu/assert";
import { patienceMs } from "../patience.ts";
import { suite } from "../suite.ts";
import { answeredStatusOf, at, type Cluster, leaderOf, orLastWords, others, statusOf, until } from "./cluster.ts";
import { type History, recordFault, recordPhase } from "./history.ts";
import { judge, recorded } from "./judge.ts";
import { type Linked, type Network, startLinked } from "./links.ts";
import type { Treatment } from "./tcp-proxy.ts";
import {
  checkAll,
  randomFrom,
  startWorkload,
  successesAfter,
  type Workload,
  type WorkloadOptions,
} from "./workload.ts";

const test = suite("cluster/links");
/** So many operations must succeed before a span of the run counts. */
const enough = 30;

let linked: Linked;
/**
 * Where nobody but the first leader ever leads, however long a process has to wait for the processor: for what is said of
 * a leader that stays.
 */
let steady: Promise<Linked>;
let runs = 0;

test.before(async () => {
  // It takes its time to begin, too: whoever needs it waits for it.
  steady = startLinked({ size: 3, env: { RAFT_ELECTION_TIMEOUT_MS: "5000" } });
  steady.catch(() => undefined);
  linked = await startLinked({ size: 3 });
});
test.after(async () => {
  await linked?.cluster.stop();
  await (await steady)?.cluster.stop();
});

interface Run {
  readonly network: Network;
  readonly leader: number;
  readonly followers: readonly [number, number];
  /** Clients at these nodes; without more being said, each asks its own node only, once per request. */
  readonly clientsAt: (nodes: readonly number[], options: Partial<WorkloadOptions>) => Workload;
  /** Writes down what happens to `node`. */
  readonly note: (fault: string, node: number) => void;
  /** Waits until clients of each of these nodes have been served since the last `fault`. */
  readonly served: (fault: string, nodes: readonly number[]) => Promise<void>;
}

const all = [0, 1, 2];

/** What happens in `use` happens under load; then everything is healed, everybody served, and the history judged. */
async function run(use: (run: Run) => Promise<void>, group: Linked | Promise<Linked> = linked): Promise<void> {
  const { cluster, network } = await group;
  const nodeIdOf = (node: number): string => at(cluster.sites, node).nodeId;
  runs += 1;
  const locks = Array.from({ length: 8 }, (_, n) => `lock-${runs}-${n}`);
  const history = recorded({ locks: locks.length, nodes: 3, ttlMs: 300_000 });
  const workloads: Workload[] = [];
  const clientsAt = (nodes: readonly number[], options: Partial<WorkloadOptions>): Workload => {
    const sites = nodes.map((node) => at(cluster.sites, node));
    const workload = startWorkload({
      history,
      locks,
      sites,
      clients: 4,
      withinMs: patienceMs,
      attemptsMax: 1,
      ...options,
    });
    workloads.push(workload);
    return workload;
  };
  const note = (fault: string, node: number) => recordFault(history, fault, nodeIdOf(node));
  const served = (fault: string, nodes: readonly number[]) =>
    until(`clients of ${nodes.join(" and ")} are served after ${fault}`, () =>
      nodes.every((node) => successesAfter(history, fault, nodeIdOf(node)) >= enough),
    );
  const leader = await leaderOf(cluster);
  const [one = -1, two = -1] = others(cluster, leader);
  recordPhase(history, "faults");
  try {
    await orLastWords(cluster, async () => {
      await use({ network, leader, followers: [one, two], clientsAt, note, served });
      recordPhase(history, "heal");
      recordFault(history, "heal", "all");
      network.heal();
      const afterwards = clientsAt(all, { withinMs: 10_000, attemptsMax: 40 });
      await served("heal", all);
      await afterwards.stop();
      assert.equal(afterwards.failures, [], "after healing every request is answered");
    });
  } finally {
    network.heal();
    await Promise.all(workloads.map((workload) => workload.stop()));
  }
  recordPhase(history, "final");
  await checkAll(history, cluster.sites, locks);
  await equalOnAll(cluster, history);
  judge(history);
}

async function equalOnAll(cluster: Cluster, history: History): Promise<void> {
  await until("all nodes have applied the same", async () => {
    const counters = await Promise.all(cluster.sites.map(async (site) => (await statusOf(site))?.fencingCounter));
    return counters.every((counter) => counter !== undefined && counter === counters[0]);
  });
  assert.ok(successesAfter(history, "heal") >= enough * all.length);
}

/** Waits until another node leads, and the first leader knows that it does so no more. */
async function deposed(leader: number): Promise<void> {
  await leaderOf(linked.cluster, [leader]);
  await until("the old leader knows that it leads no more", async () => {
    const status = await answeredStatusOf(at(linked.cluster.sites, leader));
    return !status.isLeader;
  });
}

/** Everything from one node to another, and back. */
const treatBoth = ({ network }: Run, one: number, other: number, treatment: Treatment): void => {
  network.treat(one, other, treatment);
  network.treat(other, one, treatment);
};

for (const how of ["swallowed", "cut"] as const) {
  test(`a leader whose links are ${how} knows of no leader and serves nobody, and clients of the others go on`, () =>
    run(async (whole) => {
      const { network, leader, followers, clientsAt, note, served } = whole;
      const patient = clientsAt(followers, {});
      const isolated = clientsAt([leader], { clients: 2, withinMs: 500 });
      note("isolate", leader);
      for (const follower of followers) {
        if (how === "cut") network.cut(leader, follower);
        else treatBoth(whole, leader, follower, { type: "swallow" });
      }
      await deposed(leader);
      note("isolated", leader);
      await served("isolated", followers);
      await until("the old leader knows of no leader", async () => {
        const { leaderAddress } = await answeredStatusOf(at(linked.cluster.sites, leader));
        return leaderAddress === "";
      });
      await Promise.all([patient.stop(), isolated.stop()]);
      assert.equal(patient.failures, [], "every call through a node of the majority ends well");
      assert.ok(isolated.failures.length > 0, "whoever asks the isolated one is not served");
    }));
}

test("one-way losses between the leader and one follower are nothing to clients of the other two", () =>
  run(async ({ network, leader, followers, clientsAt, note, served }) => {
    const [deaf, other] = followers;
    const patient = clientsAt([leader, other], {});
    for (const [from, to] of [
      [leader, deaf],
      [deaf, leader],
    ] as const) {
      note("oneWay", to);
      const before = network.arrived(from, to);
      network.treat(from, to, { type: "swallow" });
      await served("oneWay", [leader, other]);
      assert.is(network.arrived(from, to), before, "nothing gets through");
      network.heal();
    }
    await patient.stop();
    assert.equal(patient.failures, []);
  }, steady));

for (const [what, isHeard] of [
  ["is heard and does not hear", true],
  ["hears and is not heard", false],
] as const) {
  test(`a leader that ${what} gives way to another`, () =>
    run(async ({ network, leader, followers, clientsAt, note, served }) => {
      const patient = clientsAt(followers, {});
      note("oneWay", leader);
      for (const follower of followers) {
        if (isHeard) network.treat(follower, leader, { type: "swallow" });
        else network.treat(leader, follower, { type: "swallow" });
      }
      await deposed(leader);
      note("another", leader);
      await served("another", followers);
      await patient.stop();
      assert.equal(patient.failures, [], "a client of the others notices nothing but delay");
    }));
}

test("a link that is slow, or too thin for what is written, holds up nobody but the node behind it", () =>
  run(async (whole) => {
    const { leader, followers, clientsAt, note, served } = whole;
    const [slow, other] = followers;
    const patient = clientsAt([leader, other, slow], { clients: 9 });
    note("slow", slow);
    treatBoth(whole, leader, slow, { type: "pass", delayMs: 25 });
    await served("slow", all);
    await patient.stop();
    assert.equal(patient.failures, [], "50 ms more are a delay and nothing else, behind the slow link too");
    const unhurt = clientsAt([leader, other], {});
    note("thin", slow);
    treatBoth(whole, leader, slow, { type: "pass", bytesPerSecond: 8_192 });
    await served("thin", [leader, other]);
    await unhurt.stop();
    assert.equal(unhurt.failures, []);
  }, steady));

test("on links that flap every request is answered in the end, and what arrives late does no harm", () =>
  run(async ({ network, clientsAt, note }) => {
    const workload = clientsAt(all, { clients: 6, withinMs: 2_000, attemptsMax: 100 });
    const random = randomFrom(runs);
    const pairs = all.flatMap((from) => others(linked.cluster, from).map((to) => [from, to] as const));
    for (let round = 0; round < 12; round += 1) {
      const [from, to] = at(pairs, Math.floor(random() * pairs.length));
      const harm = random();
      note("flap", to);
      if (harm < 0.3) network.cut(from, to);
      else if (harm < 0.7) network.treat(from, to, { type: "hold" });
      else if (harm < 0.8) network.treat(from, to, { type: "swallow" });
      else network.heal();
      await pause(100 + random() * 200);
    }
    network.heal();
    await workload.stop();
    assert.equal(workload.failures, []);
  }));

test.run();
