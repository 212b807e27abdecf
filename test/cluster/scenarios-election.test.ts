// What other lock services test of elections, and of those who only watch: one leader at a time, candidates in their order, deposed
// leaders without a voice, nothing told twice or left out.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import * as assert from "uvu/assert";
import type { Client, Leadership, LockEvent } from "../../src/client/index.ts";
import { patienceMs } from "../patience.ts";
import { at, type Cluster, until } from "./cluster.ts";
import { aborted, codeOf, inLine, listen, onStage, ownersOf, untilIdle, untilQueued, waitFor } from "./scenarios.ts";

const test = onStage("scenarios: elections and watches", 1);

/** Candidates who stand one behind the other. The first of them leads. */
async function standing(clients: readonly Client[], name: string): Promise<Promise<Leadership>[]> {
  const candidates: Promise<Leadership>[] = [];
  for (const [place, client] of clients.entries()) {
    candidates.push(client.elect(name, { value: `${client.owner} ${place}` }));
    if (place === 0) await candidates[0];
    else await untilQueued(client, name, place);
  }
  return candidates;
}

/** What an observer has seen so far: values, or null for nobody. */
function observed(client: Client, name: string, afterRevision?: number) {
  const seen: (string | null)[] = [];
  const observing = (async () => {
    for await (const leader of client.observe(name, afterRevision === undefined ? {} : { afterRevision })) {
      seen.push(leader?.value ?? null);
    }
  })();
  observing.catch((error) => seen.push(`failed: ${error}`));
  return seen;
}

test("candidates lead one after the other, in the order in which they stood", async ({ join }) => {
  const clients = [await join("one"), await join("two"), await join("three"), await join("one")];
  const candidates = await standing(clients, "order");
  const seen = observed(at(clients, 1), "order");
  await until("the leader is seen", () => seen.length === 1);
  let leading = 0;
  for (const candidate of candidates) {
    const leader = await candidate;
    assert.is(++leading, 1);
    assert.equal(await ownersOf(at(clients, 0), "order"), [leader.value.split(" ")[0]]);
    leading -= 1;
    assert.is(await leader.resign(), "released");
  }
  await until("the end is seen", () => seen.at(-1) === null);
  assert.equal(seen, ["one 0", "two 1", "three 2", "one 3", null]);
});

test("an observer is told of the leader first, then of every change, once, and may begin where he left off", async ({
  join,
}) => {
  const [one, two] = [await join("one"), await join("two")];
  const leader = await one.elect("observe", { value: "a" });
  const told = await listen(two, { lock: "observe" });
  const seen = observed(two, "observe");
  await until("the leader is seen", () => seen.length === 1);
  await leader.proclaim("b");
  await leader.proclaim("c");
  assert.is(leader.value, "c");
  assert.is((await one.check("observe")).holders[0]?.metadata, "c");
  await leader.resign();
  const again = await one.elect("observe", { value: "d" });
  await until("all is seen", () => seen.at(-1) === "d");
  assert.equal(seen, ["a", "b", "c", null, "d"]);
  const begun = told.find(({ text }) => text === "b")?.resumeAfter;
  const later = observed(two, "observe", begun);
  await until("the rest is seen", () => later.at(-1) === "d");
  assert.equal(later, ["c", null, "d"]);
  await again.resign();
});

test("a leader who is deposed has no voice, and does not unseat the next", async ({ join }) => {
  const [one, two, three] = [await join("one"), await join("two"), await join("three")];
  const leader = await one.elect("deposed", { value: "old" });
  const next = two.elect("deposed", { value: "new" });
  await untilQueued(two, "deposed", 1);
  await three.revokeLease(leader.lock.leaseId);
  await aborted(leader.signal);
  assert.is(await codeOf(leader.proclaim("still me")), "LOST");
  assert.is(await leader.resign(), "revoked");
  const { token, value, state } = await next;
  assert.equal([value, state, token > leader.token], ["new", "held", true]);
  const { holders } = await three.check("deposed");
  assert.equal(
    holders.map(({ metadata, token: current }) => [metadata, current]),
    [["new", token]],
  );
  await (await next).resign();
});

test("a candidate who withdraws never leads, and one who ran out of time neither", async ({ join }) => {
  const [one, two, three] = [await join("one"), await join("two"), await join("three")];
  const leader = await one.elect("withdrawn");
  const controller = new AbortController();
  const withdrawn = two.elect("withdrawn", { value: "withdrawn", signal: controller.signal });
  await untilQueued(one, "withdrawn", 1);
  const staying = three.elect("withdrawn", { value: "staying" });
  await untilQueued(one, "withdrawn", 2);
  controller.abort();
  assert.is(await codeOf(withdrawn), "ABORTED");
  await untilQueued(one, "withdrawn", 1);
  assert.is(await codeOf(two.elect("withdrawn", { waitMs: 20 })), "WAIT_TIMEOUT");
  await leader.resign();
  assert.is((await staying).token, leader.token + 1);
  await (await staying).resign();
  await untilIdle(one, "withdrawn");
});

test("a client that is closed gives up what it leads and what it stands for", async ({ join }) => {
  const [closing, two, three] = [await join("closing"), await join("two"), await join("three")];
  const leading = await closing.elect("closed/leads");
  const next = two.elect("closed/leads");
  const leader = await three.elect("closed/stands");
  const standingFor = codeOf(closing.elect("closed/stands"));
  await untilQueued(two, "closed/leads", 1);
  await untilQueued(two, "closed/stands", 1);
  await closing.close();
  assert.is(await standingFor, "CLOSED");
  assert.equal([leading.state, leading.signal.aborted, leading.lock.lossReason], ["lost", true, "closed"]);
  assert.is((await next).token > leading.token, true);
  await untilQueued(two, "closed/stands", 0);
  assert.equal(
    (await two.leases({ owner: "closing" })).map(({ leaseId }) => leaseId),
    [],
  );
  await Promise.all([leader.resign(), (await next).resign()]);
});

test("an election whose name begins with another's has its own leader", async ({ join }) => {
  const [one, two] = [await join("one"), await join("two")];
  const leaders = [await one.elect("prefix"), await two.elect("prefix/1"), await two.elect("prefix1")];
  const seen = observed(one, "prefix");
  await until("the leader is seen", () => seen.length === 1);
  await Promise.all(leaders.slice(1).map((leader) => leader.resign()));
  await at(leaders, 0).proclaim("last");
  await until("the last word is seen", () => seen.at(-1) === "last");
  assert.equal(seen, ["", "last"]);
  await at(leaders, 0).resign();
});

/** A program that leads until it is killed. Its lease leaves room for renewals that come a few seconds late. */
function startLeader({ sites }: Cluster, name: string) {
  const sdk = new URL("../../src/client/index.js", import.meta.url).href;
  const source = `
    import { connect } from ${JSON.stringify(sdk)};
    const options = { owner: "program", ttlMs: 7000, connectTimeoutMs: ${patienceMs}, requestTimeoutMs: ${patienceMs} };
    const client = await connect(${JSON.stringify(sites.map(({ grpc }) => grpc))}, options);
    const leader = await client.elect(${JSON.stringify(name)}, { value: "program" });
    process.stdout.write(leader.token + "\\n");`;
  const child: ChildProcess = spawn(process.execPath, ["--input-type=module", "-e", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  return { child, token: lines.next().then(({ value }) => Number(value)) };
}

test("a leader whose process is killed is followed by the next when its lease is over, and observers are told", async ({
  cluster,
  join,
}) => {
  const [one, two] = [await join("one"), await join("two")];
  const { child, token } = startLeader(cluster, "killed");
  const before = await token;
  const seen = observed(two, "killed");
  const next = one.elect("killed", { value: "next" });
  await untilQueued(one, "killed", 1);
  assert.equal(await ownersOf(two, "killed"), ["program"]);
  child.kill("SIGKILL");
  assert.is((await next).token, before + 1);
  await until("the next is seen", () => seen.at(-1) === "next");
  assert.equal(seen, ["program", "next"]);
  await (await next).resign();
});

test("whoever watches a prefix is told of all its locks in one order, and of no other", async ({ join }) => {
  const [one, two] = [await join("one"), await join("two")];
  const first = await one.acquire("watch/a");
  await using _other = await one.acquire("watch");
  const told = await listen(two, { prefix: "watch/" });
  const waiting = await waitFor(two, "watch/a");
  await first.release();
  const second = await waiting.granted;
  await one.forceRelease("watch/a", { reason: "why" });
  const lost = await two.acquireMany(["watch/b", "watch/c"], { ttlMs: 100_000 });
  const many = await inLine((onQueued) => one.acquireMany(["watch/b", "watch/c"], { onQueued }));
  await one.revokeLease(lost.leaseId);
  const last = await many.granted;
  await until("all is told", () => told.filter(({ token }) => token === last.token).length === 2);
  assert.equal(
    told.map(({ kind, lock, token }) => [kind, lock, token]),
    [
      ["present", "watch/a", first.token],
      ["queued", "watch/a", 0],
      ["released", "watch/a", first.token],
      ["granted", "watch/a", second.token],
      ["forced", "watch/a", second.token],
      ["granted", "watch/b", lost.token],
      ["granted", "watch/c", lost.token],
      ["queued", "watch/b", 0],
      ["queued", "watch/c", 0],
      ["revoked", "watch/b", lost.token],
      ["revoked", "watch/c", lost.token],
      ["granted", "watch/b", last.token],
      ["granted", "watch/c", last.token],
    ],
  );
  assert.is(told.find(({ kind }) => kind === "forced")?.text, "why");
  const revisions = told.map(({ revision }) => revision);
  assert.equal(
    revisions,
    [...revisions].sort((a, b) => a - b),
  );
});

test("a watch that is begun behind any event tells the rest of them, no more and no less", async ({ join }) => {
  const [one, two] = [await join("one"), await join("two")];
  const held = await one.acquire("resume");
  const told = await listen(two, { lock: "resume" });
  await held.release();
  for (let turn = 0; turn < 3; turn += 1) await one.withLock("resume", ({ lock }) => lock.proclaim(`turn ${turn}`));
  const last = await one.acquire("resume", { metadata: "last" });
  await until("all is told", () => told.at(-1)?.token === last.token);
  const isOver = ({ token }: LockEvent) => token === last.token;
  for (const [place, { resumeAfter }] of told.entries()) {
    if (place === told.length - 1) break;
    const again: LockEvent[] = [];
    for await (const event of two.watch({ lock: "resume" }, { afterRevision: resumeAfter })) {
      again.push(event);
      if (isOver(event)) break;
    }
    assert.equal(again, told.slice(place + 1));
  }
});

test("a holder who is asked to give way is told why, and is made to only if that was said", async ({ join }) => {
  const [one, two] = [await join("one"), await join("two")];
  const lock = await one.acquire("yield");
  const asked = new Promise((resolve) => lock.on("yield", resolve));
  const waiting = await waitFor(two, "yield");
  assert.equal(await two.askYield("yield", { reason: "my turn" }), [lock.token]);
  assert.equal(await asked, { lock: "yield", reason: "my turn", graceMs: 0 });
  const { holders } = await two.check("yield");
  assert.equal(
    holders.map(({ owner, yielding }) => [owner, yielding]),
    [["one", { reason: "my turn", graceMs: 0, force: false }]],
  );
  assert.equal(await two.askYield("yield", { reason: "now", graceMs: 50, force: true }), [lock.token]);
  await aborted(lock.signal);
  assert.equal([lock.lossReason, (await waiting.granted).state], ["forced", "held"]);
  assert.equal(await two.askYield("nobody", { reason: "is there" }), []);
});

test.run();
