// What other lock services test of their read-write locks and semaphores: who may be inside together, who may overtake whom, and
// whose permits come back when somebody dies.

import * as assert from "uvu/assert";
import { at, until } from "./cluster.ts";
import {
  codeOf,
  failure,
  inLine,
  listen,
  mortal,
  onStage,
  ownersOf,
  room,
  untilIdle,
  untilQueued,
  waitFor,
} from "./scenarios.ts";

const test = onStage("scenarios: shared and semaphore", 1);
const reading = { mode: "shared" } as const;

test("readers are inside together, and a writer is not among them", async ({ join }) => {
  const [one, two] = [await join("one"), await join("two")];
  const readers = [await one.acquire("rw", reading), await two.acquire("rw", reading)];
  const refused = await two.tryAcquire("rw");
  assert.is(refused.acquired ? null : refused.holder?.token, at(readers, 0).token);
  const writer = await waitFor(two, "rw");
  await at(readers, 0).release();
  assert.equal(await ownersOf(one, "rw"), ["two"], "one of two readers is not the last");
  await at(readers, 1).release();
  const written = await writer.granted;
  assert.not((await one.tryAcquire("rw", reading)).acquired);
  await written.release();
  assert.ok((await one.tryAcquire("rw", reading)).acquired);
});

test("readers who come after a writer wait behind him, and enter together when he leaves", async ({ join }) => {
  const [one, two, three] = [await join("one"), await join("two"), await join("three")];
  const first = await one.acquire("fair", reading);
  const told = await listen(three, { lock: "fair" });
  const writer = await waitFor(two, "fair");
  const late = [await waitFor(one, "fair", reading), await waitFor(three, "fair", reading)];
  assert.not((await three.tryAcquire("fair", reading)).acquired, "nobody overtakes by not waiting");
  await first.release();
  const written = await writer.granted;
  assert.equal(await ownersOf(one, "fair"), ["two"]);
  await written.release();
  const entered = await Promise.all(late.map(({ granted }) => granted));
  await until("they are told", () => told.filter(({ kind }) => kind === "granted").length === 3);
  const together = told.filter(({ token }) => entered.some((lock) => lock.token === token));
  assert.equal(new Set(together.map(({ revision }) => revision)).size, 1);
});

test("a wish to write that is given up lets those behind it in", async ({ join }) => {
  const [one, two, three] = [await join("one"), await join("two"), await join("three")];
  await using _first = await one.acquire("given up", reading);
  const controller = new AbortController();
  const writer = await waitFor(two, "given up", { signal: controller.signal });
  const reader = await waitFor(three, "given up", reading);
  controller.abort();
  assert.is(await codeOf(writer.granted), "ABORTED");
  await using lock = await reader.granted;
  assert.equal([lock.state, await ownersOf(one, "given up")], ["held", ["one", "three"]]);
});

test("a task neither turns reading into writing nor writing into reading: it is told that it waits for itself", async ({
  join,
}) => {
  const client = await join("one");
  const codes: string[] = [];
  await client.withLock("up", reading, async () => void codes.push(await codeOf(client.acquire("up"))));
  await client.withLock("up", async () => void codes.push(await codeOf(client.acquire("up", reading))));
  assert.equal(codes, ["DEADLOCK", "DEADLOCK"]);
  await untilIdle(client, "up");
});

test("of two readers who both want to write none waits for ever", async ({ join }) => {
  const [one, two] = [await join("one"), await join("two")];
  const mine = { ...reading, context: "task" };
  const readers = [await one.acquire("both", mine), await two.acquire("both", mine)];
  const codes = await Promise.all([one, two].map((client) => codeOf(client.acquire("both", { context: "task" }))));
  assert.equal(codes, ["DEADLOCK", "DEADLOCK"]);
  assert.equal(
    readers.map(({ state }) => state),
    ["held", "held"],
  );
  await Promise.all(readers.map((lock) => lock.release()));
});

test("whoever writes is alone, whoever reads is among readers, however they mix", async ({ join }) => {
  const clients = [await join("one"), await join("two"), await join("three")];
  const { stay, most } = room((inside) => inside.length === 1 || inside.every((who) => who === "reader"));
  const tasks = Array.from({ length: 45 }, (_, task) => {
    const client = at(clients, task % 3);
    const who = task % 5 === 4 ? "writer" : "reader";
    const options = who === "reader" ? reading : {};
    return client.withLock("mix", options, () => stay(who, () => client.check("mix")));
  });
  await Promise.all(tasks);
  assert.ok(most() > 1, "readers were inside together");
  await untilIdle(at(clients, 0), "mix");
});

test("a writer waits for readers who died no longer than for their leases", async ({ join, stubs }) => {
  const [one, two] = [await join("one"), await join("two")];
  const alive = await one.acquire("dead reader", reading);
  const dead = await mortal(at(stubs, 0), "dead", ["dead reader"], { mode: "shared" });
  const writer = await waitFor(two, "dead reader");
  await until("the dead one is gone", async () => (await ownersOf(one, "dead reader")).length === 1);
  assert.equal(await ownersOf(one, "dead reader"), ["one"]);
  await alive.release();
  assert.ok((await writer.granted).token > dead.token);
});

test("no more permits are taken than there are, however many contend", async ({ join }) => {
  const clients = [await join("one"), await join("two"), await join("three")];
  let taken = 0;
  let most = 0;
  const tasks = Array.from({ length: 36 }, (_, task) => {
    const client = at(clients, task % 3);
    const permits = 1 + (task % 4);
    return client.withLock("permits", { limit: 5, permits }, async () => {
      taken += permits;
      most = Math.max(most, taken);
      const { holders, limit } = await client.check("permits");
      assert.ok(holders.reduce((sum, holder) => sum + holder.permits, 0) <= limit);
      taken -= permits;
    });
  });
  await Promise.all(tasks);
  assert.ok(most > 1 && most <= 5, `${most} permits were taken`);
  await untilIdle(at(clients, 0), "permits");
});

test("permits are those of their grant: one that is given back leaves the others", async ({ join }) => {
  const [one, two] = [await join("one"), await join("two")];
  const locks = [await one.acquire("part", { limit: 4, permits: 3 }), await one.acquire("part", { limit: 4 })];
  const waiting = await waitFor(two, "part", { limit: 4, permits: 2 });
  await at(locks, 1).release();
  assert.equal(await ownersOf(one, "part"), ["one"], "one free permit is not two");
  await at(locks, 0).release();
  const lock = await waiting.granted;
  assert.equal(
    (await two.check("part")).holders.map(({ permits, token }) => [permits, token]),
    [[2, lock.token]],
  );
});

test("whoever needs many permits is not overtaken by those who need few", async ({ join }) => {
  const [one, two, three] = [await join("one"), await join("two"), await join("three")];
  const held = [await one.acquire("many", { limit: 3 }), await one.acquire("many", { limit: 3 })];
  const many = await waitFor(two, "many", { limit: 3, permits: 3 });
  const few = await waitFor(three, "many", { limit: 3 });
  assert.equal([many.position, few.position], [1, 2]);
  await at(held, 0).release();
  assert.equal(await ownersOf(one, "many"), ["one"], "free permits are kept for him");
  await at(held, 1).release();
  const first = await many.granted;
  assert.equal(await ownersOf(one, "many"), ["two"]);
  await first.release();
  assert.ok((await few.granted).token > first.token);
});

test("the permits of one who died come back to who waits", async ({ join, stubs }) => {
  const [one, two] = [await join("one"), await join("two")];
  await using _kept = await one.acquire("back", { limit: 3 });
  const dead = await mortal(at(stubs, 0), "dead", ["back"], { mode: "semaphore", permits: 2, limit: 3 });
  const lock = await two.acquire("back", { limit: 3, permits: 2 });
  assert.ok(lock.token > dead.token);
  assert.equal(await ownersOf(one, "back"), ["one", "two"]);
});

test("all agree on how many permits there are, until nobody uses them any more", async ({ join }) => {
  const [one, two] = [await join("one"), await join("two")];
  const lock = await one.acquire("limit", { limit: 1 });
  const differs = await failure(two.acquire("limit", { limit: 2 }));
  assert.equal([differs.code, differs.details.serviceReason], ["INVALID", "limit-differs"]);
  const waiting = await waitFor(two, "limit", { limit: 1 });
  await lock.release();
  const next = await waiting.granted;
  assert.is(await codeOf(one.acquire("limit", { limit: 2, waitMs: 0 })), "INVALID");
  await next.release();
  await using _other = await one.acquire("limit", { limit: 2 });
  assert.is((await two.check("limit")).limit, 2);
  assert.is(await codeOf(two.acquire("limit", { limit: 0 })), "INVALID");
  assert.is(await codeOf(two.acquire("limit", { limit: 2, permits: 3 })), "INVALID");
  // @ts-expect-error: programs without types must be told
  assert.is(await codeOf(two.acquire("limit", { mode: "semaphore" })), "INVALID");
});

test("a lock is used in one mode at a time: permits, readers and a writer exclude each other", async ({ join }) => {
  const [one, two] = [await join("one"), await join("two")];
  const wishes = [{}, reading, { limit: 2 }];
  for (const holds of wishes) {
    const lock = await one.acquire("modes", holds);
    for (const wants of wishes) {
      const attempt = await two.tryAcquire("modes", wants);
      assert.is(attempt.acquired, holds === wants && holds !== wishes[0]);
      if (attempt.acquired) await attempt.lock.release();
    }
    await lock.release();
  }
  const permit = await one.acquire("modes", { limit: 2 });
  const order: string[] = [];
  const waits = [
    await inLine((onQueued) => two.acquire("modes", { onQueued })),
    await inLine((onQueued) => two.acquire("modes", { ...reading, onQueued })),
    await inLine((onQueued) => two.acquire("modes", { limit: 2, onQueued })),
  ];
  const served = waits.map(async ({ granted }, place) => {
    const lock = await granted;
    order.push(["writer", "reader", "permit"][place] ?? "");
    await lock.release();
  });
  await untilQueued(one, "modes", 3);
  await permit.release();
  await Promise.all(served);
  assert.equal(order, ["writer", "reader", "permit"]);
});

test("a semaphore of one permit is a mutex", async ({ join }) => {
  const clients = [await join("one"), await join("two"), await join("three")];
  const { stay } = room((inside) => inside.length === 1);
  const tasks = Array.from({ length: 15 }, (_, task) => {
    const client = at(clients, task % 3);
    return client.withLock("single", { limit: 1 }, () => stay(`${task}`, () => client.check("single")));
  });
  await Promise.all(tasks);
  await untilIdle(at(clients, 0), "single");
});

test.run();
