// Three regions of one node each, and the loss of one, of two, or of the links to one: a majority goes on and takes over only what
// nobody can still be using, a minority grants nothing, and what comes back needs no help. All tests share the nodes.

import { setTimeout as pause } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import {
  type Acquired,
  type Checked,
  codeOf,
  type LeaseClient,
  leaseClient,
  type StatelessClient,
  statelessClient,
} from "./clients.ts";
import { at, orLastWords, others, statusOf, until } from "./cluster.ts";
import { recordFault, recordPhase } from "./history.ts";
import { doorAt, release, renew, waitFor } from "./holders.ts";
import { judge, recorded } from "./judge.ts";
import { otherSides } from "./links.ts";
import { type Regions, sees, startRegions } from "./region-group.ts";
import { newResource } from "./resource.ts";
import { checkAll, newProc, startWorkload, successesAfter } from "./workload.ts";

const test = suite("cluster/regions-loss");
/** So many operations must succeed before a span of the run counts. */
const enough = 20;

let regions: Regions;
let locks: readonly StatelessClient[] = [];
let leases: readonly LeaseClient[] = [];

test.before(async () => {
  regions = await startRegions({ regions: 3, nodes: 1 });
  locks = regions.cluster.sites.map(({ grpc }) => statelessClient(grpc));
  leases = regions.cluster.sites.map(({ grpc }) => leaseClient(grpc));
  await allSeeAll();
});
test.after(async () => {
  for (const client of [...locks, ...leases]) client.close();
  await regions?.cluster.stop();
});

const siteOf = (region: number) => at(regions.cluster.sites, region);

async function allSeeAll(): Promise<void> {
  for (const site of regions.cluster.sites) await until(`${site.nodeId} sees the others`, () => sees(site));
}

const refused = (call: Promise<unknown>): Promise<number> => call.then(() => 0, codeOf);

test("a region that was down learns what was granted meanwhile, and can stand in for one that goes down then", async () => {
  await regions.cluster.kill(2);
  const { lease } = await at(leases, 0).createLease({ owner: "owner", ttlSeconds: 300 });
  const { token } = await at(leases, 1).acquire({ lock: "kept", owner: "owner", lease });
  await regions.cluster.restart(2);
  await allSeeAll();
  await until("it holds what the others hold", async () => {
    await at(leases, 1).renew(lease);
    return (await statusOf(siteOf(2)))?.locks === 1;
  });
  await regions.cluster.kill(0);
  for (const region of [1, 2]) {
    const seen = await at(locks, region).check("kept");
    assert.equal([seen.status, seen.holder, seen.token], ["OK", "owner", token]);
    await at(leases, region).renew(lease);
  }
  assert.ok((await at(leases, 2).release({ lock: "kept", lease })).released);
  await regions.cluster.restart(0);
  await allSeeAll();
  await until("the end is known to the one that was down", async () => (await statusOf(siteOf(0)))?.locks === 0);
  assert.is((await at(locks, 0).check("kept")).status, "NOT_FOUND");
});

/** Asks as a client does: under the same request id until it is told one or the other. */
async function untilDefinite(
  client: StatelessClient,
  { lock, requestId }: { readonly lock: string; readonly requestId: string },
): Promise<Acquired> {
  for (;;) {
    const answer = await client.acquire({ lock, client: "one of two", timeoutMs: 300_000 }, { requestId });
    if (answer.status !== "QUORUM_FAILED" && answer.status !== "TIMEOUT") return answer;
  }
}

test("with one region down, of two who ask for one lock at once in the others one gets it, time after time", async () => {
  await regions.cluster.kill(0);
  try {
    for (let round = 0; round < 4; round += 1) {
      const answers = await Promise.all(
        [1, 2].map((region) =>
          untilDefinite(at(locks, region), { lock: "rivals", requestId: `${round} at ${region}` }),
        ),
      );
      const statuses = answers.map((answer) => answer.status).sort();
      assert.equal(statuses, ["ALREADY_LOCKED", "OK"], JSON.stringify(answers));
      const token = Math.max(...answers.map((answer) => answer.token));
      // Whoever gave it back last has the promises for the next ballot.
      const released = await at(locks, 1 + (round % 2)).release({ lock: "rivals", client: "one of two", token });
      assert.is(released.status, "OK");
    }
  } finally {
    await regions.cluster.restart(0);
  }
  await allSeeAll();
});

interface Loss {
  readonly name: string;
  readonly strike: (region: number) => void;
  readonly undo: (region: number) => Promise<void>;
}

const losses: readonly Loss[] = [
  {
    name: "killed",
    strike: (region) => at(regions.cluster.nodes, region).signal("SIGKILL"),
    undo: async (region) => {
      await at(regions.cluster.nodes, region).ended;
      await regions.cluster.restart(region);
    },
  },
  {
    name: "stopped",
    strike: (region) => at(regions.cluster.nodes, region).signal("SIGSTOP"),
    undo: async (region) => at(regions.cluster.nodes, region).signal("SIGCONT"),
  },
];

for (const [lost, { name, strike, undo }] of losses.entries()) {
  test(`one region ${name}: clients of the others go on, and when it is back its own are served again`, async () => {
    const lockNames = Array.from({ length: 8 }, (_, n) => `${name}-${n}`);
    const history = recorded({ locks: lockNames.length, nodes: 1, regions: 3, ttlMs: 300_000 });
    const clientsAt = (chosen: readonly number[]) =>
      startWorkload({
        history,
        locks: lockNames,
        sites: chosen.map(siteOf),
        clients: 6,
        withinMs: 10_000,
        attemptsMax: 40,
      });
    const served = (fault: string, chosen: readonly number[]) =>
      until(`clients of ${chosen.join(" and ")} are served`, () =>
        chosen.every((region) => successesAfter(history, fault, siteOf(region).nodeId) >= enough),
      );
    const workload = clientsAt(others(regions.cluster, lost));
    try {
      await orLastWords(regions.cluster, async () => {
        recordPhase(history, "faults");
        recordFault(history, name, siteOf(lost).nodeId);
        strike(lost);
        await served(name, others(regions.cluster, lost));
        await undo(lost);
        recordPhase(history, "heal");
        recordFault(history, "back", siteOf(lost).nodeId);
        const back = clientsAt([lost]);
        await served("back", [lost]);
        await back.stop();
      });
    } finally {
      await workload.stop();
    }
    recordPhase(history, "final");
    await allSeeAll();
    await checkAll(history, regions.cluster.sites, lockNames);
    judge(history);
  });
}

/**
 * Asks anew while it is told that the outcome is unknown: a node says so if it comes too late to its own answer, and goes on saying so
 * of that request. Asks at any moment, so that what keeps the node waiting, and returns, is met once and missed once.
 */
async function untilKnown(ask: () => Promise<Acquired | Checked>): Promise<string> {
  let outcome = "TIMEOUT";
  await until("something is known", async () => {
    outcome = (await ask()).status;
    if (outcome === "TIMEOUT") await pause(Math.random() * 1_000);
    return outcome !== "TIMEOUT";
  });
  return outcome;
}

test("two regions lost: whoever asks the third is told that there is no quorum, and nothing is granted", async () => {
  const [one, other, alone] = [0, 1, 2];
  const { lease } = await at(leases, alone).createLease({ owner: "alone", ttlSeconds: 300 });
  const held = await at(locks, alone).acquire({ lock: "held", client: "one", timeoutMs: 300_000 });
  // It alone is to say soon that it has waited long enough.
  await regions.cluster.kill(alone);
  await regions.cluster.restart(alone, { QUORUM_TIMEOUT_MS: "2000" });
  await allSeeAll();
  await regions.cluster.kill(one);
  at(regions.cluster.nodes, other).signal("SIGSTOP");
  const wanted = { lock: "wanted", client: "one", timeoutMs: 300_000 };
  const told = await Promise.all([
    untilKnown(() => at(locks, alone).acquire(wanted)),
    untilKnown(() => at(locks, alone).check("held")),
    refused(at(leases, alone).acquire({ lock: "wanted-2", owner: "alone", lease })),
    refused(at(leases, alone).renew(lease)),
  ]);
  assert.equal(told, ["QUORUM_FAILED", "QUORUM_FAILED", status.UNAVAILABLE, status.UNAVAILABLE]);
  at(regions.cluster.nodes, other).signal("SIGCONT");
  await regions.cluster.restart(one);
  await regions.cluster.kill(alone);
  await regions.cluster.restart(alone);
  await allSeeAll();
  for (const client of locks) {
    assert.is((await client.check("wanted")).status, "NOT_FOUND");
    assert.is((await client.check("wanted-2")).status, "NOT_FOUND");
    assert.is((await client.check("held")).token, held.token);
  }
  assert.is((await at(locks, one).release({ lock: "held", client: "one", token: held.token })).status, "OK");
  await at(leases, one).renew(lease);
  const next = await at(locks, alone).acquire({ lock: "wanted", client: "one", timeoutMs: 300_000 });
  assert.is(next.status, "OK");
});

/** Long enough that a lease which is renewed lives, though any process may have to wait for the processor for a while. */
const ttlMs = 7_000;

test("a region is cut off while its client holds: he is not renewed, and the others take over when his time is up", async () => {
  const { network, cluster } = regions;
  const [here, there, cutOff] = [0, 1, 2];
  const history = recorded({ locks: 1, nodes: 1, regions: 3, ttlMs });
  const doors = cluster.sites.map(doorAt);
  const resource = newResource(history);
  const lock = "cut-off";
  try {
    await orLastWords(cluster, async () => {
      const { holding } = await waitFor(history, at(doors, cutOff), lock);
      assert.is(await renew(history, at(doors, cutOff), holding), "renewed");
      assert.is(await renew(history, at(doors, there), holding), "renewed", "also by way of another region");
      recordPhase(history, "faults");
      recordFault(history, "cut", siteOf(cutOff).nodeId);
      for (const side of otherSides(network, cutOff)) network.cut(cutOff, side);
      // Those who wait for it are refused until they get it; he tries to renew for as long as he dares, and longer.
      const waiting = waitFor(history, at(doors, here), lock);
      assert.is(await renew(history, at(doors, cutOff), holding, { withinMs: ttlMs }), "unknown");
      const taken = await waiting;
      assert.ok(taken.refusals > 0, "nobody gets it while he may still use it");
      assert.ok(taken.holding.token > holding.token);
      await resource.write({ proc: newProc(), ...taken.holding });
      await resource.write({ proc: newProc(), ...holding });
      recordPhase(history, "heal");
      network.heal();
      await allSeeAll();
      assert.is(await renew(history, at(doors, cutOff), holding), "lost");
      assert.is(await release(history, at(doors, cutOff), holding), "lost");
      await release(history, at(doors, there), taken.holding);
      const next = await waitFor(history, at(doors, cutOff), lock);
      assert.is(await renew(history, at(doors, cutOff), next.holding), "renewed");
      assert.is(await release(history, at(doors, here), next.holding), "released");
    });
  } finally {
    network.heal();
    for (const { client } of doors) client.close();
  }
  recordPhase(history, "final");
  await checkAll(history, cluster.sites, [lock]);
  judge(history);
});

test("who was served by a region that is lost keeps the lease alive through another, for as long as it likes", async () => {
  const { network, cluster } = regions;
  const history = recorded({ locks: 1, nodes: 1, regions: 3, ttlMs });
  const doors = cluster.sites.map(doorAt);
  try {
    await orLastWords(cluster, async () => {
      const { holding } = await waitFor(history, at(doors, 2), "moving");
      recordFault(history, "cut", siteOf(2).nodeId);
      for (const side of otherSides(network, 2)) network.cut(2, side);
      const rival = waitFor(history, at(doors, 0), "moving");
      // Until well beyond the span of the lease.
      const until = performance.now() + 1.2 * ttlMs;
      while (performance.now() < until) {
        assert.is(await renew(history, at(doors, 1), holding), "renewed");
        await pause(ttlMs / 20);
      }
      assert.is(await release(history, at(doors, 1), holding), "released");
      const taken = await rival;
      assert.is(await release(history, at(doors, 1), taken.holding), "released");
      network.heal();
      await allSeeAll();
    });
  } finally {
    network.heal();
    for (const { client } of doors) client.close();
  }
  await checkAll(history, cluster.sites, ["moving"]);
  judge(history);
});

test("nobody is left who sees a region less than the others", async () => {
  await allSeeAll();
});

test.run();
