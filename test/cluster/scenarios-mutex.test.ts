// What other lock services test of their mutexes: contention, waits that are given up, requests that are repeated, names.

import * as assert from "uvu/assert";
import { at } from "./cluster.ts";
import { acquire, granted, openLease, release, under, wanting } from "./native-calls.ts";
import { codeOf, failure, onStage, ownersOf, room, untilIdle, untilQueued, waitFor } from "./scenarios.ts";

const test = onStage("scenarios: mutex", 1);

test("of many who try a free lock at once one gets it, and every other is told who", async ({ join }) => {
  const clients = await Promise.all(["a", "b", "c", "d"].map((owner) => join(owner)));
  const attempts = await Promise.all(clients.flatMap((client) => [1, 2, 3].map(() => client.tryAcquire("try"))));
  const [winner, ...more] = attempts.flatMap((attempt) => (attempt.acquired ? [attempt.lock] : []));
  assert.is(more.length, 0);
  const holders = attempts.flatMap((attempt) => (attempt.acquired ? [] : [attempt.holder?.token]));
  assert.equal(holders, Array(11).fill(winner?.token));
  await winner?.release();
  assert.ok((await at(clients, 0).tryAcquire("try")).acquired, "it can be tried again when it is free");
});

test("clients that contend are alone inside, lose no update, and have growing tokens", async ({ join }) => {
  const clients = await Promise.all(["a", "b", "c"].map((owner) => join(owner)));
  const { stay } = room((inside) => inside.length === 1);
  const tokens: number[] = [];
  let counter = 0;
  const work = clients.flatMap((client, place) =>
    Array.from({ length: 10 }, (_, turn) =>
      client.withLock("contend", async ({ token }) => {
        tokens.push(token);
        const read = counter;
        await stay(`${place}.${turn}`, () => client.check("contend"));
        counter = read + 1;
      }),
    ),
  );
  await Promise.all(work);
  assert.is(counter, 30);
  assert.equal(
    tokens,
    [...new Set(tokens)].sort((one, other) => one - other),
  );
});

test("whoever stands behind one that leaves waits on for the holder", async ({ join }) => {
  const [one, two, three] = [await join("one"), await join("two"), await join("three")];
  const held = await one.acquire("leaves");
  const leaving = await waitFor(two, "leaves");
  const staying = await waitFor(three, "leaves");
  assert.equal([leaving.position, staying.position], [1, 2]);
  await two.close();
  assert.is(await codeOf(leaving.granted), "CLOSED");
  await untilQueued(three, "leaves", 1);
  assert.equal(
    (await three.waiters("leaves")).map(({ owner, position }) => [owner, position]),
    [["three", 1]],
  );
  assert.equal(await ownersOf(three, "leaves"), ["one"]);
  await held.release();
  assert.ok((await staying.granted).token > held.token);
});

test("a wait that is aborted leaves the others in their order", async ({ join }) => {
  const [holder, client] = [await join("holder"), await join("client")];
  const held = await holder.acquire("abort");
  const controller = new AbortController();
  const order: number[] = [];
  const tasks: Promise<unknown>[] = [];
  for (const task of [1, 2, 3, 4, 5]) {
    const signal = task % 2 === 0 ? controller.signal : new AbortController().signal;
    const { granted: asked } = await waitFor(client, "abort", { signal });
    tasks.push(
      asked.then(
        (lock) => {
          order.push(task);
          return lock.release();
        },
        (error) => error.code,
      ),
    );
  }
  const why = new Error("enough");
  controller.abort(why);
  await untilQueued(holder, "abort", 3);
  await held.release();
  assert.equal(await Promise.all(tasks), ["released", "ABORTED", "released", "ABORTED", "released"]);
  assert.equal(order, [1, 3, 5]);
  const late = await failure(client.acquire("abort", { signal: controller.signal }));
  assert.equal([late.code, late.cause], ["ABORTED", why]);
});

test("an abort that meets its grant on the way leaves a lock or nothing", async ({ join }) => {
  const [one, two] = [await join("one"), await join("two")];
  const counts = { granted: 0, aborted: 0 };
  for (let turn = 0; turn < 40; turn += 1) {
    const held = await one.acquire("race");
    const controller = new AbortController();
    const waits = [await waitFor(two, "race", { signal: controller.signal }), await waitFor(one, "race")];
    const ends = waits.map(({ granted }) =>
      granted.then(
        async (lock) => {
          counts.granted += 1;
          assert.equal((await one.check("race")).holders[0]?.token, lock.token);
          return lock.release();
        },
        ({ code }) => {
          counts.aborted += 1;
          return code;
        },
      ),
    );
    const released = held.release();
    if (turn % 2 === 0) await released;
    controller.abort();
    const [raced = "", behind] = await Promise.all(ends);
    assert.ok(["released", "ABORTED"].includes(raced), raced);
    assert.is(behind, "released");
  }
  assert.is(counts.granted + counts.aborted, 80);
  await untilIdle(one, "race");
});

test("clients of one name are two all the same", async ({ join }) => {
  const [one, other] = [await join("twin", {}), await join("twin", {})];
  const lock = await one.acquire("twins");
  const attempt = await other.tryAcquire("twins");
  assert.equal(attempt.acquired ? null : [attempt.holder?.owner, attempt.holder?.leaseId], ["twin", lock.leaseId]);
  const waiting = await waitFor(other, "twins");
  await one.close();
  assert.ok((await waiting.granted).token > lock.token);
});

test("a wait that is over has left the queue, and the lock can be asked for again", async ({ join }) => {
  const [holder, client] = [await join("holder"), await join("client")];
  const held = await holder.acquire("one shot");
  const refused = await failure(client.acquire("one shot", { waitMs: 30 }));
  assert.equal([refused.code, refused.details.lock], ["WAIT_TIMEOUT", "one shot"]);
  await untilQueued(holder, "one shot", 0);
  assert.equal(await holder.waiters("one shot"), []);
  await held.release();
  const lock = await client.acquire("one shot", { waitMs: 600_000 });
  assert.is(await lock.release(), "released");
  assert.is(await lock.release(), "released", "to release again is to hear the same");
});

test("no task takes again what it holds: it is refused, while another task of the client waits", async ({ join }) => {
  const client = await join("self");
  await client.withLock("again", async ({ token }) => {
    const refused = await failure(client.acquire("again"));
    assert.is(refused.code, "DEADLOCK");
    assert.equal(
      refused.details.cycle?.map(({ waiter, blocker }) => waiter.context === blocker.context),
      [true],
    );
    assert.not((await client.tryAcquire("again")).acquired);
    assert.equal(
      (await client.check("again")).holders.map((holder) => holder.token),
      [token],
    );
  });
  const first = await client.acquire("again");
  const second = await waitFor(client, "again");
  await first.release();
  const lock = await second.granted;
  assert.is(lock.token, first.token + 1);
});

test("a client that took a lock, gave it back and takes it again waits for nobody", async ({ join }) => {
  const client = await join("relock");
  const tokens: number[] = [];
  for (let turn = 0; turn < 5; turn += 1) {
    await client.withLock("relock", { waitMs: 0 }, ({ token }) => void tokens.push(token));
  }
  assert.equal(
    tokens.map((token) => token - at(tokens, 0)),
    [0, 1, 2, 3, 4],
  );
});

test("a request that is said twice is one: granted once, and never again after its release", async ({
  join,
  stubs,
}) => {
  const client = await join("client");
  const stub = at(stubs, 0);
  const lease = await openLease(stub, "repeats");
  const request = wanting(["twice"], { owner: "repeats", under: under(lease), requestId: "r", waitMs: 600_000n });
  const held = await client.acquire("twice");
  const waits = [acquire(stub, request), acquire(stub, request)];
  await untilQueued(client, "twice", 1);
  await held.release();
  const [one, two] = (await Promise.all(waits)).map(granted);
  assert.is(one?.token, two?.token);
  await release(stub, lease, one?.token ?? 0n);
  assert.is((await acquire(stub, request)).result?.$case, "grantEnded");
  await untilIdle(client, "twice");
});

test("names that begin alike are different locks, whatever they are made of", async ({ join }) => {
  const client = await join("names");
  const names = [
    "n",
    "n/",
    "n/b",
    "n/b/c",
    "N",
    "n ",
    " n",
    "n\u0000",
    "é",
    "e\u0301",
    "𝄞",
    "..",
    "n/../n",
    "x".repeat(512),
  ];
  const locks = await Promise.all(names.map((name) => client.acquire(name, { waitMs: 0 })));
  assert.is(new Set(locks.map(({ token }) => token)).size, names.length);
  await Promise.all(locks.slice(1).map((lock) => lock.release()));
  assert.equal(await ownersOf(client, "n"), ["names"]);
  assert.equal(
    (await client.list({ prefix: "n" })).map(({ name }) => name),
    ["n"],
  );
  assert.is(await codeOf(client.acquire("x".repeat(513))), "INVALID");
  assert.is(await codeOf(client.acquire("")), "INVALID");
});

test.run();
