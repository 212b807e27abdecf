// What other lock services test of several locks at once and of deadlocks: all or none, no order to be kept, whoever waits in a circle
// is told so, and nobody else is.

import * as assert from "uvu/assert";
import type { Client, Lock } from "../../src/client/index.ts";
import { at, until } from "./cluster.ts";
import {
  aborted,
  codeOf,
  failure,
  inLine,
  mortal,
  onStage,
  ownersOf,
  room,
  untilIdle,
  untilQueued,
  type Waiting,
  waitFor,
} from "./scenarios.ts";

const test = onStage("scenarios: several locks and deadlocks", 1);

const waitForMany = (client: Client, names: readonly string[]): Promise<Waiting> =>
  inLine((onQueued) => client.acquireMany(names, { onQueued }));

test("several locks are taken together under one token, and given back together", async ({ join }) => {
  const [one, two] = [await join("one"), await join("two")];
  const names = ["t/1", "t/2", "t/3"];
  const lock = await one.acquireMany(names);
  assert.equal([lock.names, lock.name], [names, "t/1"]);
  assert.equal(
    (await two.list({ prefix: "t/" })).map(({ name, holders }) => [name, holders.map(({ token }) => token)]),
    names.map((name) => [name, [lock.token]]),
  );
  const waits = await Promise.all(names.map((name) => waitFor(two, name)));
  assert.is(await lock.release(), "released");
  const tokens = (await Promise.all(waits.map(({ granted }) => granted))).map(({ token }) => token);
  assert.ok(tokens.every((token) => token > lock.token));
});

test("if one of several is not to be had, none is taken", async ({ join }) => {
  const [one, two] = [await join("one"), await join("two")];
  await using held = await one.acquire("n/2");
  const refused = await failure(two.acquireMany(["n/1", "n/2", "n/3"], { waitMs: 0 }));
  assert.equal([refused.code, refused.details.lock, refused.details.holder?.token], ["LOCKED", "n/2", held.token]);
  assert.is(await codeOf(two.acquireMany(["n/1", "n/2"], { waitMs: 30 })), "WAIT_TIMEOUT");
  await untilIdle(one, "n/1");
  await untilIdle(one, "n/3");
  assert.is((await one.check("n/2")).queueLength, 0);
});

test("whoever waits for several holds none of them, and is not overtaken in any", async ({ join }) => {
  const [one, two, three] = [await join("one"), await join("two"), await join("three")];
  const held = await one.acquire("w/2");
  const both = await waitForMany(two, ["w/1", "w/2"]);
  const { holders, queueLength } = await three.check("w/1");
  assert.equal([holders, queueLength], [[], 1]);
  const refused = await three.tryAcquire("w/1");
  assert.equal(refused.acquired ? null : [refused.name, refused.holder, refused.queueLength], ["w/1", null, 1]);
  const behind = await waitFor(three, "w/1");
  await held.release();
  const lock = await both.granted;
  await lock.release();
  assert.is((await behind.granted).token, lock.token + 1);
});

test("those who name the same locks in another order do not wait for each other for ever", async ({ join }) => {
  const clients = [await join("one"), await join("two"), await join("three")];
  const orders = [
    ["o/a", "o/b", "o/c"],
    ["o/c", "o/b", "o/a"],
    ["o/b", "o/a"],
  ];
  const { stay } = room((inside) => inside.length === 1);
  const tasks = Array.from({ length: 24 }, async (_, task) => {
    const client = at(clients, task % 3);
    const lock = await client.acquireMany(at(orders, task % 3));
    await stay(`${task}`, () => client.check("o/a"));
    await lock.release();
  });
  await Promise.all(tasks);
  await untilIdle(at(clients, 0), "o/b");
});

test("philosophers who take both forks at once all eat, and no neighbours together", async ({ join }) => {
  const clients = [await join("one"), await join("two"), await join("three")];
  const eating = new Set<number>();
  const meals = [0, 0, 0, 0, 0];
  const dine = async (seat: number) => {
    const client = at(clients, seat % 3);
    const [left, right] = [`fork ${seat}`, `fork ${(seat + 1) % 5}`];
    for (let meal = 0; meal < 4; meal += 1) {
      await using _forks = await client.acquireMany([left, right]);
      assert.not(eating.has((seat + 1) % 5) || eating.has((seat + 4) % 5), `a neighbour of ${seat} eats`);
      eating.add(seat);
      await client.check(left);
      eating.delete(seat);
      meals[seat] = meal + 1;
    }
  };
  await Promise.all(meals.map((_, seat) => dine(seat)));
  assert.equal(meals, [4, 4, 4, 4, 4]);
});

test("the locks of a client that died are all free for the next", async ({ join, stubs }) => {
  const client = await join("one");
  const dead = await mortal(at(stubs, 0), "dead", ["d/1", "d/2", "d/3"]);
  const next = await client.acquireMany(["d/3", "d/2", "d/1"]);
  assert.is(next.token, dead.token + 1);
});

test("one of several that is taken by force is lost with the rest, and none of them stays behind", async ({ join }) => {
  const [one, two] = [await join("one"), await join("two")];
  const lock = await one.acquireMany(["f/1", "f/2"]);
  const waiting = await waitForMany(two, ["f/1", "f/2"]);
  assert.equal(await two.forceRelease("f/2", { reason: "stuck" }), [lock.token]);
  await aborted(lock.signal);
  assert.equal([lock.state, lock.lossReason], ["lost", "forced"]);
  assert.is(await lock.release(), "forced");
  assert.ok((await waiting.granted).token > lock.token);
});

/** Each holds one lock and wants that of the next. The last one closes the circle. */
async function circle(clients: readonly Client[], names: readonly string[]) {
  const context = "task";
  const held: Lock[] = [];
  for (const [place, client] of clients.entries()) held.push(await client.acquire(at(names, place), { context }));
  const waits: Waiting[] = [];
  for (const [place, client] of clients.slice(0, -1).entries()) {
    waits.push(await inLine((onQueued) => client.acquire(at(names, place + 1), { context, onQueued })));
  }
  return { held, waits, close: () => at(clients, -1 + clients.length).acquire(at(names, 0), { context }) };
}

test("whoever would close a circle is refused with it, and the others go on when he gives way", async ({ join }) => {
  const clients = [await join("one"), await join("two"), await join("three")];
  const { held, waits, close } = await circle(clients, ["c/1", "c/2", "c/3"]);
  const graph = await at(clients, 0).waitGraph();
  assert.equal(
    graph.waits.map(({ waiter, lock, blocker }) => [waiter.owner, lock, blocker.owner]),
    [
      ["one", "c/2", "two"],
      ["two", "c/3", "three"],
    ],
  );
  const refused = await failure(close());
  assert.equal(
    [refused.code, refused.details.cycle?.map(({ waiter, lock }) => [waiter.owner, lock])],
    [
      "DEADLOCK",
      [
        ["three", "c/1"],
        ["one", "c/2"],
        ["two", "c/3"],
      ],
    ],
  );
  assert.equal(
    held.map(({ state }) => state),
    ["held", "held", "held"],
  );
  await at(held, 2).release();
  await (await at(waits, 1).granted).release();
  await at(held, 1).release();
  assert.is((await at(waits, 0).granted).state, "held");
});

test("a circle that is broken again is no deadlock", async ({ join }) => {
  const clients = [await join("one"), await join("two")];
  const { held, waits, close } = await circle(clients, ["b/1", "b/2"]);
  assert.is(await codeOf(close()), "DEADLOCK");
  await at(held, 0).release();
  const lock = await close();
  assert.is(lock.state, "held");
  await at(held, 1).release();
  assert.is((await at(waits, 0).granted).state, "held");
});

test("a circle through a queue is one: whoever waits for several blocks those behind him", async ({ join }) => {
  const [one, two] = [await join("one"), await join("two")];
  const context = "task";
  const held = await one.acquire("q/1", { context });
  const both = await inLine((onQueued) => two.acquireMany(["q/1", "q/2"], { context, onQueued }));
  const refused = await failure(one.acquire("q/2", { context }));
  assert.is(refused.code, "DEADLOCK");
  assert.equal(
    refused.details.cycle?.map(({ waiter, lock, blockerHolds }) => [waiter.owner, lock, blockerHolds]),
    [
      ["one", "q/2", false],
      ["two", "q/1", true],
    ],
  );
  await held.release();
  assert.is((await both.granted).names.length, 2);
});

test("tasks of one client that cross are no circle, and neither are two that wait in one line", async ({ join }) => {
  const client = await join("one");
  const [first, second] = [await client.acquire("x/1"), await client.acquire("x/2")];
  const crossing = [await waitFor(client, "x/2"), await waitFor(client, "x/1")];
  await untilQueued(client, "x/1", 1);
  await first.release();
  await second.release();
  for (const { granted } of crossing) assert.is((await granted).state, "held");
});

test("a task inside withLock is one party, however deep and through whichever call", async ({ join }) => {
  const [one, two] = [await join("one"), await join("two")];
  const held: (() => void)[] = [];
  const bothHold = new Promise<void>((resolve) => {
    held.push(resolve);
  });
  let inside = 0;
  const enter = async () => {
    inside += 1;
    if (inside === 2) at(held, 0)();
    await bothHold;
  };
  const task = (client: Client, first: string, second: string) =>
    client.withLock(first, async () => {
      await enter();
      await client.withLock(`${first} inner`, () => client.acquireMany([second]).then((lock) => lock.release()));
    });
  const results = await Promise.allSettled([task(one, "p/1", "p/2"), task(two, "p/2", "p/1")]);
  const codes = results.map((result) => (result.status === "rejected" ? result.reason.code : "done"));
  assert.equal(codes.sort(), ["DEADLOCK", "done"]);
  for (const name of ["p/1", "p/2", "p/1 inner", "p/2 inner"]) await untilIdle(one, name);
});

test("of those who wait for permits only such are a deadlock as nobody can help", async ({ join }) => {
  const [one, two, three] = [await join("one"), await join("two"), await join("three")];
  const context = "task";
  const permit = { limit: 2, context };
  const mine = await one.acquire("s/p", permit);
  const other = await three.acquire("s/p", { limit: 2 });
  const lock = await two.acquire("s/l", { context });
  const waiting = await inLine((onQueued) => two.acquire("s/p", { ...permit, onQueued }));
  const crossing = await inLine((onQueued) => one.acquire("s/l", { context, onQueued }));
  await other.release();
  const second = await waiting.granted;
  await until("only one waits", async () => (await one.waitGraph()).waits.length === 1);
  await lock.release();
  assert.is((await crossing.granted).state, "held");
  assert.equal(await ownersOf(one, "s/p"), ["one", "two"]);
  await Promise.all([mine, second].map((permitted) => permitted.release()));
});

test.run();
