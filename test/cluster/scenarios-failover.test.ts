// What other lock services test with nodes that die: the leader is killed in the middle of waits, cancels, releases and elections.
// Order is kept, nothing is lost or done twice, and nobody is left behind in a queue.

import * as assert from "uvu/assert";
import type { Client } from "../../src/client/index.ts";
import { at, type Cluster, leaderOf, others, until } from "./cluster.ts";
import { acquire, granted, openLease, under, wanting } from "./native-calls.ts";
import {
  failure,
  inLine,
  listen,
  mortal,
  onStage,
  ownersOf,
  room,
  untilIdle,
  untilQueued,
  type Waiting,
  waitFor,
} from "./scenarios.ts";

const test = onStage("scenarios: fail-over", 3);

/** Kills the leader, whatever is under way, and starts it again when another leads. */
async function loseLeader(cluster: Cluster): Promise<void> {
  const leader = await leaderOf(cluster);
  await cluster.kill(leader);
  await leaderOf(cluster, [leader]);
  await cluster.restart(leader);
}

/** Everybody who waits gives the lock back as soon as he has it. Says who had it, in their order. */
function serve(waits: readonly Waiting[]) {
  const served: number[] = [];
  const tokens: number[] = [];
  const done = waits.map(async ({ granted }, place) => {
    const lock = await granted;
    served.push(place);
    tokens.push(lock.token);
    return lock.release();
  });
  // If the scenario fails before it comes to look at them, that failure is the one to be told.
  for (const each of done) each.catch(() => undefined);
  return { served, tokens, done };
}

test("a line of clients is served in its order, each once, and told once, after the leader was killed", async ({
  cluster,
  join,
}) => {
  const clients = [await join("one"), await join("two"), await join("three")];
  const held = await at(clients, 0).acquire("line");
  const told = await listen(at(clients, 1), { lock: "line" });
  const waits: Waiting[] = [];
  for (let place = 0; place < 9; place += 1) waits.push(await waitFor(at(clients, place % 3), "line"));
  const { served, tokens, done } = serve(waits);
  await loseLeader(cluster);
  assert.equal(
    (await at(clients, 2).waiters("line")).map(({ owner }) => owner),
    Array.from({ length: 9 }, (_, place) => at(clients, place % 3).owner),
  );
  assert.is(await held.release(), "released");
  assert.equal(new Set(await Promise.all(done)), new Set(["released"]));
  const places = Array.from({ length: 9 }, (_, place) => place);
  assert.equal(served, places);
  assert.equal(
    tokens,
    places.map((place) => held.token + 1 + place),
  );
  await until(
    "the last release is told",
    () => told.at(-1)?.kind === "released" && told.at(-1)?.token === tokens.at(-1),
  );
  // Where the node of the watch was a little behind, the first grant is told as an event.
  const grants = told.filter(({ kind, token }) => kind === "granted" && token > held.token);
  assert.equal(
    grants.map(({ token }) => token),
    tokens,
  );
  assert.is(told.filter(({ kind }) => kind === "queued").length, 9);
});

test("waits that are given up while the leader dies leave no ghost, and the others keep their order", async ({
  cluster,
  join,
}) => {
  const clients = [await join("one"), await join("two"), await join("three")];
  const held = await at(clients, 0).acquire("ghosts");
  const controller = new AbortController();
  const staying: Waiting[] = [];
  const leaving: Waiting[] = [];
  for (let place = 0; place < 12; place += 1) {
    const client = at(clients, place % 3);
    if (place % 2 === 0) staying.push(await waitFor(client, "ghosts"));
    else leaving.push(await waitFor(client, "ghosts", { signal: controller.signal }));
  }
  const { served, done } = serve(staying);
  const leader = await leaderOf(cluster);
  await cluster.kill(leader);
  controller.abort();
  const refusals = await Promise.all(leaving.map(({ granted }) => failure(granted)));
  assert.equal(new Set(refusals.map(({ code }) => code)), new Set(["ABORTED"]));
  await cluster.restart(leader);
  assert.is(await held.release(), "released");
  await Promise.all(done);
  assert.equal(served, [0, 1, 2, 3, 4, 5]);
  await untilIdle(at(clients, 0), "ghosts");
});

test("requests for several locks and for permits keep their order after the leader was killed", async ({
  cluster,
  join,
}) => {
  const clients = [await join("one"), await join("two"), await join("three")];
  const held = await at(clients, 0).acquireMany(["m/1", "m/2", "m/3"]);
  const wishes = [["m/1", "m/2"], ["m/2", "m/3"], ["m/3", "m/1"], ["m/1"]];
  const waits: Waiting[] = [];
  for (const [place, names] of wishes.entries()) {
    const client = at(clients, place % 3);
    waits.push(await inLine((onQueued) => client.acquireMany(names, { onQueued })));
  }
  const [one, two] = [at(clients, 0), at(clients, 1)];
  const permits = [await one.acquire("p", { limit: 3, permits: 2 }), await two.acquire("p", { limit: 3 })];
  const more = [await waitFor(one, "p", { limit: 3, permits: 2 }), await waitFor(two, "p", { limit: 3 })];
  await loseLeader(cluster);
  await at(permits, 1).release();
  assert.equal(await ownersOf(two, "p"), ["one"], "one permit is not enough for the first, and nobody overtakes him");
  await at(permits, 0).release();
  await Promise.all(more.map(({ granted: asked }) => asked));
  assert.equal(
    (await one.check("p")).holders.map((holder) => holder.permits),
    [2, 1],
  );
  const { stay } = room((inside) => new Set(inside.join().split(",")).size === inside.join().split(",").length);
  const served: number[] = [];
  const done = waits.map(async ({ granted: asked }, place) => {
    const lock = await asked;
    served.push(place);
    await stay(at(wishes, place).join(), () => one.check("m/1"));
    await lock.release();
    return lock.token;
  });
  await held.release();
  const tokens = await Promise.all(done);
  assert.equal(served, [0, 1, 2, 3]);
  assert.equal(
    tokens,
    served.map((place) => at(tokens, 0) + place),
  );
  for (const name of ["m/1", "m/2", "m/3"]) await untilIdle(at(clients, 0), name);
});

test("a leader that hangs and comes back has not led meanwhile: the line is served in its order, and nobody is lost", async ({
  cluster,
  join,
}) => {
  const clients = [await join("one"), await join("two"), await join("three")];
  const kept = await Promise.all(clients.map((client) => client.acquire(`kept by ${client.owner}`)));
  const held = await at(clients, 0).acquire("hangs");
  const waits: Waiting[] = [];
  for (let place = 0; place < 6; place += 1) waits.push(await waitFor(at(clients, place % 3), "hangs"));
  const { served, tokens, done } = serve(waits);
  const leader = await leaderOf(cluster);
  at(cluster.nodes, leader).signal("SIGSTOP");
  assert.is(await held.release(), "released");
  await Promise.all(done);
  at(cluster.nodes, leader).signal("SIGCONT");
  assert.equal(served, [0, 1, 2, 3, 4, 5]);
  assert.equal(
    tokens,
    served.map((place) => held.token + 1 + place),
  );
  assert.ok(kept.every(({ state }) => state === "held"));
  assert.equal(new Set(await Promise.all(kept.map((lock) => lock.release()))), new Set(["released"]));
  await untilIdle(at(clients, 1), "hangs");
});

test("no call fails, and nobody is inside with another, while leaders die one after the other", async ({
  cluster,
  join,
}) => {
  const clients = [await join("one"), await join("two"), await join("three")];
  const names = ["st/1", "st/2", "st/3"];
  const rooms = names.map(() => room((inside) => inside.length === 1));
  let isOver = false;
  let rounds = 0;
  const task = async (client: Client, first: number) => {
    for (let turn = first; !isOver; turn += 1) {
      const place = turn % 3;
      const { stay } = at(rooms, place);
      await client.withLock(at(names, place), ({ token }) =>
        stay(`${client.owner} ${token}`, async () => {
          rounds += 1;
          await client.verify(at(names, place), token).then(({ current }) => assert.ok(current));
        }),
      );
    }
  };
  const tasks = Promise.all(clients.flatMap((client, first) => [task(client, first), task(client, first + 1)]));
  await loseLeader(cluster);
  await loseLeader(cluster);
  const before = rounds;
  await until("work goes on", () => rounds > before + 10);
  isOver = true;
  await tasks;
  for (const name of names) await untilIdle(at(clients, 0), name);
});

test("a leader leads on, its candidates wait on, and nobody is told otherwise when a node dies", async ({
  cluster,
  join,
}) => {
  const [one, two, three] = [await join("one"), await join("two"), await join("three")];
  const first = await one.elect("e", { value: "first" });
  const seen: (string | null)[] = [];
  const observing = (async () => {
    for await (const leader of three.observe("e")) {
      seen.push(leader?.value ?? null);
      if (leader?.value === "third") return;
    }
  })();
  await until("the leader is seen", () => seen.length === 1);
  const second = two.elect("e", { value: "second" });
  await untilQueued(one, "e", 1);
  const third = three.elect("e", { value: "third" });
  await untilQueued(one, "e", 2);
  await loseLeader(cluster);
  assert.equal([first.state, seen], ["held", ["first"]]);
  await first.proclaim("moved");
  assert.is(await first.resign(), "released");
  await (await second).resign();
  assert.ok((await third).token > (await second).token);
  await observing;
  assert.equal(seen, ["first", "moved", "second", "third"]);
  await (await third).resign();
});

test("when all nodes die at once nobody loses what he holds, or his place", async ({ cluster, join }) => {
  const [one, two] = [await join("one"), await join("two")];
  const held = await one.acquireMany(["all/1", "all/2"]);
  const clients = [two, one, two];
  const waits: Waiting[] = [];
  for (const client of clients) {
    waits.push(await inLine((onQueued) => client.acquireMany(["all/1", "all/2"], { onQueued })));
  }
  const { served, tokens, done } = serve(waits);
  await Promise.all(cluster.sites.map((_, node) => cluster.kill(node)));
  await Promise.all(cluster.sites.map((_, node) => cluster.restart(node)));
  assert.equal(
    (await two.waiters("all/1")).map(({ owner }) => owner),
    clients.map(({ owner }) => owner),
  );
  assert.equal([held.state, (await two.verify("all/2", held.token)).current], ["held", true]);
  assert.is(await held.release(), "released");
  await Promise.all(done);
  assert.equal([served, tokens], [[0, 1, 2], clients.map((_, place) => held.token + 1 + place)]);
});

test("the locks of one who died with the leader come to the next in line, after their delay", async ({
  cluster,
  join,
  stubs,
}) => {
  const [one, two] = [await join("one"), await join("two")];
  const leader = await leaderOf(cluster);
  const survivor = at(others(cluster, leader), 0);
  const before = await one.acquire("dd");
  const told = await listen(one, { lock: "dd" });
  await before.release();
  const dead = await mortal(at(stubs, leader), "dead", ["dd"], { lockDelayMs: 300, ttlMs: 2_000 });
  const next = two.acquire("dd");
  await cluster.kill(leader);
  const lock = await next;
  assert.is(lock.token, dead.token + 1);
  await until("the grant is told", () => told.at(-1)?.token === lock.token);
  assert.equal(
    told.filter(({ token }) => token === dead.token).map(({ kind }) => kind),
    ["granted", "expired", "delayed", "available"],
  );
  await cluster.restart(leader);
  assert.equal(await one.releaseGrant(dead), "expired");
  assert.is(
    (await acquire(at(stubs, survivor), wanting(["dd"], { under: { $case: "ttlMs", value: 5_000n } }))).result?.$case,
    "held",
  );
});

test("a request that is said again to another node keeps its place, and is granted once", async ({
  cluster,
  join,
  stubs,
}) => {
  const client = await join("one");
  const door = await leaderOf(cluster);
  const [other = 0] = others(cluster, door);
  const lease = await openLease(at(stubs, door), "moving");
  const held = await client.acquire("place");
  const request = wanting(["place"], { owner: "moving", under: under(lease), requestId: "r", waitMs: 600_000n });
  const lost = acquire(at(stubs, door), request).catch(() => "lost");
  await untilQueued(client, "place", 1);
  const behind = await waitFor(client, "place");
  await cluster.kill(door);
  assert.is(await lost, "lost");
  const again = acquire(at(stubs, other), request);
  await leaderOf(cluster, [door]);
  assert.equal(
    (await client.waiters("place")).map(({ owner }) => owner),
    ["moving", "one"],
  );
  await held.release();
  assert.is(Number(granted(await again).token), held.token + 1);
  await cluster.restart(door);
  assert.is(Number(granted(await acquire(at(stubs, door), request)).token), held.token + 1);
  await client.revokeLease(Number(lease));
  assert.is((await behind.granted).token, held.token + 2);
});

test.run();
