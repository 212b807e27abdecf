// The SDK and real nodes: what a program relies on while nodes die, loops block and processes are stopped.

import { setTimeout as pause } from "node:timers/promises";
import * as assert from "uvu/assert";
import { connect, type LockError, type LockEvent } from "../../src/client/index.ts";
import { at, type Cluster, until, withCluster } from "../cluster/cluster.ts";
import { suite } from "../suite.ts";
import { aborted, rejection } from "./fake-service.ts";
import { withProgram } from "./program.ts";
import { together, patient as withoutHaste } from "./time.ts";

const test = suite("the SDK and real nodes");
const meanwhile = together();

/** A lease lives through any number of elections. */
const patient = { ...withoutHaste, ttlMs: 300_000 };

const endpointsOf = ({ sites }: Cluster) => sites.map(({ grpc }) => grpc);
const codeOf = (error: unknown) => (error as LockError).code;

/** Kills every node, one after the other, each when the one before is back. So the node that a session is on is among them. */
async function killEach(cluster: Cluster): Promise<void> {
  for (let node = 0; node < cluster.sites.length; node += 1) {
    await cluster.kill(node);
    await cluster.restart(node);
  }
}

test("tasks that wait for one lock are served in order, one at a time, whichever node is killed meanwhile", () =>
  withCluster({ size: 3 }, async (cluster) => {
    await using client = await connect(endpointsOf(cluster), patient);
    const first = await client.acquire("a");
    const served: number[] = [];
    const tokens: number[] = [];
    let inside = 0;
    const tasks: Promise<void>[] = [];
    for (let task = 0; task < 30; task += 1) {
      const work = client.withLock("a", ({ token }) => {
        inside += 1;
        assert.is(inside, 1);
        served.push(task);
        tokens.push(token);
        inside -= 1;
      });
      tasks.push(work);
    }
    await until("all of them wait", async () => (await client.check("a")).queueLength === 30);
    await killEach(cluster);
    assert.is(first.state, "held");
    assert.is(await first.release(), "released");
    await Promise.all(tasks);
    assert.equal(
      served,
      Array.from({ length: 30 }, (_, task) => task),
    );
    assert.equal(
      tokens,
      Array.from({ length: 30 }, (_, task) => task + 2),
    );
    assert.equal([(await client.check("a")).holders, await client.waiters("a")], [[], []]);
  }));

test("a thousand tasks that wait for one lock are served in their order", () =>
  withCluster({ size: 1 }, async (cluster) => {
    await using client = await connect(endpointsOf(cluster), patient);
    const served: number[] = [];
    const all = Array.from({ length: 1_000 }, (_, task) => task);
    await Promise.all(all.map((task) => client.withLock("a", () => void served.push(task))));
    assert.equal(served, all);
  }));

test("a watch tells everything once, whichever node is killed meanwhile", () =>
  withCluster({ size: 3 }, async (cluster) => {
    await using client = await connect(endpointsOf(cluster), patient);
    const told: LockEvent[] = [];
    const controller = new AbortController();
    let stands: () => void = () => undefined;
    const standing = new Promise<void>((resolve) => {
      stands = resolve;
    });
    const watching = (async () => {
      const options = { signal: controller.signal, onBegun: () => stands() };
      for await (const event of client.watch({ lock: "a" }, options)) told.push(event);
    })();
    await standing;
    let isOver = false;
    const tokens: number[] = [];
    const working = (async () => {
      while (!isOver) await client.withLock("a", ({ token }) => void tokens.push(token));
    })();
    await killEach(cluster);
    isOver = true;
    await working;
    const last = tokens.at(-1);
    await until("the last release is told", () =>
      told.some(({ kind, token }) => kind === "released" && token === last),
    );
    controller.abort();
    assert.is(codeOf(await rejection(watching)), "ABORTED");
    const begun = told.filter(({ kind }) => kind === "granted").map(({ token }) => token);
    assert.equal(begun, tokens);
    const ended = told.filter(({ kind }) => kind === "released").map(({ token }) => token);
    assert.equal(ended, begun);
  }));

test(
  "a lock is lost before anybody else has it, when no node answers any more",
  meanwhile(() =>
    withCluster({ size: 1 }, async (cluster) => {
      const client = await connect(endpointsOf(cluster), { ...patient, ttlMs: 8_000, renewMs: 500 });
      const lock = await client.acquire("a");
      const site = at(cluster.nodes, 0);
      site.signal("SIGSTOP");
      await aborted(lock.signal);
      assert.equal([lock.state, lock.lossReason], ["lost", "unreachable"]);
      assert.is(await lock.release(), "unreachable");
      site.signal("SIGCONT");
      await using next = await client.acquire("a");
      assert.ok(next.token > lock.token);
      await next.release();
      await client.close();
    }),
  ),
);

test(
  "a program that blocks its event loop past the ttl keeps its lock, and the next in line gets it afterwards",
  meanwhile(() =>
    withCluster({ size: 1 }, async (cluster) => {
      const ttlMs = 10_000;
      const body = `
        const lock = await client.acquire("a");
        say(lock.token);
        untilTold();
        say(lock.state, lock.signal.aborted, await lock.release());`;
      const program = { endpoints: endpointsOf(cluster), options: { ...patient, ttlMs, renewMs: 500 }, body };
      await withProgram(program, async ({ next, tell }) => {
        const token = Number(await next());
        await using client = await connect(endpointsOf(cluster), patient);
        const waiting = client.acquire("a");
        await pause(ttlMs + 1_000);
        tell();
        assert.is(await next(), "held false released");
        assert.ok((await waiting).token > token);
      });
    }),
  ),
);

test(
  "a program that was stopped past its ttl sees at once that the lock is somebody else's",
  meanwhile(() =>
    withCluster({ size: 1 }, async (cluster) => {
      const body = `
        const lock = await client.acquire("a");
        say(lock.token);
        untilTold();
        say(lock.state, lock.signal.aborted, lock.token);`;
      const program = { endpoints: endpointsOf(cluster), options: { ...patient, ttlMs: 5_000 }, body };
      await withProgram(program, async ({ child, next, tell }) => {
        const token = Number(await next());
        child.kill("SIGSTOP");
        await using client = await connect(endpointsOf(cluster), patient);
        await using lock = await client.acquire("a");
        assert.ok(lock.token > token);
        tell();
        child.kill("SIGCONT");
        assert.is(await next(), `lost true ${token}`);
      });
    }),
  ),
);

test("a wait that is aborted leaves no waiter behind", () =>
  withCluster({ size: 1 }, async (cluster) => {
    await using client = await connect(endpointsOf(cluster), patient);
    await using _held = await client.acquire("a");
    const controller = new AbortController();
    const waits = Array.from({ length: 20 }, () => rejection(client.acquire("a", { signal: controller.signal })));
    await until("all of them wait", async () => (await client.waiters("a")).length === 20);
    controller.abort();
    assert.equal(new Set((await Promise.all(waits)).map(codeOf)), new Set(["ABORTED"]));
    const nobodyWaits = async () => (await client.waiters("a")).length === 0;
    await until("nobody waits any more", nobodyWaits);
    assert.is(codeOf(await rejection(client.acquire("a", { waitMs: 20 }))), "WAIT_TIMEOUT");
    await until("nobody waits any more", nobodyWaits);
  }));

test("of two clients that wait for each other one is refused, with the cycle", () =>
  withCluster({ size: 1 }, async (cluster) => {
    await using one = await connect(endpointsOf(cluster), { ...patient, owner: "one" });
    await using two = await connect(endpointsOf(cluster), { ...patient, owner: "two" });
    let bothHold: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      bothHold = resolve;
    });
    let holding = 0;
    const task = (client: typeof one, first: string, second: string) =>
      client.withLock(first, async () => {
        holding += 1;
        if (holding === 2) bothHold();
        await held;
        return client.withLock(second, () => "done");
      });
    const results = await Promise.allSettled([task(one, "a", "b"), task(two, "b", "a")]);
    const refused = results.flatMap((result) => (result.status === "rejected" ? [result.reason as LockError] : []));
    assert.equal(refused.map(codeOf), ["DEADLOCK"]);
    assert.equal(refused[0]?.details.cycle?.map(({ blocker }) => blocker.owner).sort(), ["one", "two"]);
    assert.is(results.filter(({ status }) => status === "fulfilled").length, 1);
  }));

test("modes, priorities and several locks are those of the service", () =>
  withCluster({ size: 1 }, async (cluster) => {
    await using client = await connect(endpointsOf(cluster), patient);
    const shared = [await client.acquire("s", { mode: "shared" }), await client.acquire("s", { mode: "shared" })];
    assert.not((await client.tryAcquire("s")).acquired);
    const permits = [await client.acquire("p", { limit: 3, permits: 2 }), await client.acquire("p", { limit: 3 })];
    const full = await client.tryAcquire("p", { limit: 3 });
    assert.not(full.acquired);
    assert.equal((await client.check("p")).holders.map(({ permits: held }) => held).sort(), [1, 2]);
    const order: string[] = [];
    const low = client.withLock("s", { priority: 0 }, () => void order.push("low"));
    await until("it waits", async () => (await client.waiters("s")).length === 1);
    const high = client.withLock("s", { priority: 9 }, () => void order.push("high"));
    await until("both wait", async () => (await client.waiters("s")).length === 2);
    for (const lock of [...shared, ...permits]) assert.is(await lock.release(), "released");
    await Promise.all([low, high]);
    assert.equal(order, ["high", "low"]);
    await using both = await client.acquireMany(["x", { name: "y", mode: "shared" }]);
    assert.equal(
      (await client.list()).map(({ name, holders }) => [name, holders[0]?.token]),
      [
        ["x", both.token],
        ["y", both.token],
      ],
    );
    assert.equal((await client.verify("x", both.token)).current, true);
    assert.equal((await client.verify("x", both.token - 1)).current, false);
  }));

test("a lock is taken by force, asked for, delayed, and revoked with its lease", () =>
  withCluster({ size: 1 }, async (cluster) => {
    await using client = await connect(endpointsOf(cluster), patient);
    await using other = await connect(endpointsOf(cluster), patient);
    const forced = await client.acquire("a", { lockDelayMs: 60_000 });
    assert.equal(await other.forceRelease("a", { reason: "stuck" }), [forced.token]);
    await aborted(forced.signal);
    assert.is(forced.lossReason, "forced");
    assert.is(codeOf(await rejection(other.acquire("a", { waitMs: 0 }))), "LOCK_DELAYED");
    const asked = await client.acquire("b");
    const word = new Promise((resolve) => asked.on("yield", resolve));
    assert.equal(await other.askYield("b", { reason: "please", graceMs: 1_000 }), [asked.token]);
    assert.equal(await word, { lock: "b", reason: "please", graceMs: 1_000 });
    const before = client.leaseId;
    assert.is(await other.revokeLease(before), 1);
    await aborted(asked.signal);
    assert.is(asked.lossReason, "revoked");
    assert.is(await asked.release(), "revoked");
    await using next = await client.acquire("b");
    assert.is.not(next.leaseId, before);
    const detached = await client.acquireDetached(["d"], { ttlMs: patient.ttlMs });
    assert.is((await other.check("d")).holders[0]?.token, detached.token);
    assert.is(await other.releaseGrant({ ...detached }), "released");
  }));

test.run();
