// The leader of three nodes is stopped for longer than its leases last, and goes on as if nothing had happened, with
// renewals in its queues that were sent long after others had the locks. It may acknowledge none of them.

import { setTimeout as pause } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, type LeaseClient, leaseClient } from "./clients.ts";
import { at, leaderOf, others, withCluster } from "./cluster.ts";
import { type History, recordFault, recordPhase } from "./history.ts";
import { judge, recorded } from "./judge.ts";
import { newProc, perform } from "./workload.ts";

const test = suite("cluster/pause");
const ttlSeconds = 1;
const ttlMs = ttlSeconds * 1_000;
const locks = ["lock-0", "lock-1", "lock-2", "lock-3"];

interface Holding {
  readonly lock: string;
  readonly lease: number;
  readonly token: number;
}

/** Opens a lease and takes a lock under it: one operation of the history, because the lease counts from its opening. */
async function hold(
  history: History,
  { client, node, lock }: { client: LeaseClient; node: string; lock: string },
): Promise<Holding | null> {
  const owner = `client-${newProc()}`;
  let lease = 0;
  const told = await perform(history, { proc: newProc(), action: "acquire", lock, ttlMs }, async () => {
    try {
      lease = (await client.createLease({ owner, ttlSeconds })).lease;
      const { token } = await client.acquire({ lock, owner, lease });
      return { node, told: { kind: "ok", out: "granted", token } };
    } catch (error) {
      const isHeld = codeOf(error) === status.FAILED_PRECONDITION;
      return { node, told: isHeld ? { kind: "fail", out: "held" } : { kind: "info", out: "unknown" } };
    }
  });
  return told.token === undefined ? null : { lock, lease, token: told.token };
}

/** Renews once and writes down what came of it. */
async function renew(
  history: History,
  { client, node, holding }: { client: LeaseClient; node: string; holding: Holding },
): Promise<string> {
  const { lock, lease, token } = holding;
  const told = await perform(history, { proc: newProc(), action: "renew", lock, token, ttlMs }, async () => {
    try {
      await client.renew(lease, { withinMs: 15_000 });
      return { node, told: { kind: "ok", out: "renewed" } };
    } catch (error) {
      const isLost = [status.NOT_FOUND, status.FAILED_PRECONDITION].includes(codeOf(error));
      return { node, told: isLost ? { kind: "fail", out: "lost" } : { kind: "info", out: "unknown" } };
    }
  });
  return told.out;
}

test("a leader stopped for longer than a lease acknowledges no renewal afterwards that it may not", () =>
  withCluster({ size: 3 }, async (cluster) => {
    const history = recorded({ locks: locks.length, nodes: 3, ttlMs });
    const leader = await leaderOf(cluster);
    const [paused, other] = [leader, at(others(cluster, leader), 0)].map((node) => ({
      client: leaseClient(at(cluster.sites, node).grpc),
      node: at(cluster.sites, node).nodeId,
    })) as [{ client: LeaseClient; node: string }, { client: LeaseClient; node: string }];
    recordPhase(history, "faults");
    const holdings = (await Promise.all(locks.map((lock) => hold(history, { ...paused, lock })))).filter(
      (h) => h !== null,
    );
    assert.is(holdings.length, locks.length);
    const renewAll = () => holdings.map((holding) => renew(history, { ...paused, holding }));
    // Renewals every third of a ttl, before the stop and into it: the latter wait in the queues of the stopped node.
    const results = renewAll();
    await pause(ttlMs / 3);
    results.push(...renewAll());
    assert.equal(await Promise.all(results), Array(results.length).fill("renewed"), "a live lease is renewed");
    recordFault(history, "pause", paused.node);
    at(cluster.nodes, leader).signal("SIGSTOP");
    const queued = renewAll();
    const overtaking = await Promise.all(
      locks.map(async (lock) => {
        for (;;) {
          const holding = await hold(history, { ...other, lock });
          if (holding !== null) return holding;
          queued.push(...renewAll());
          await pause(ttlMs / 3);
        }
      }),
    );
    // Every lock has another holder now. What is sent to the stopped node from here on must be refused; all of it waits there
    // before the node can find out that it was deposed.
    const late = Array.from({ length: 10 }, renewAll).flat();
    const stillRenewed = overtaking.map((holding) => renew(history, { ...other, holding }));
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
