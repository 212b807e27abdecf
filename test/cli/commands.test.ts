import * as assert from "uvu/assert";
import { type Client, connect } from "../../src/client/index.ts";
import { type Cluster, startCluster, until } from "../cluster/cluster.ts";
import { temporaryDirectory } from "../cluster/node-process.ts";
import { freePort } from "../cluster/ports.ts";
import { suite } from "../suite.ts";
import { command, endCommands, startCommand } from "./commands.ts";

let cluster: Cluster;
let client: Client;
let env: Readonly<Record<string, string>>;
let names = 0;
const fresh = () => `lock-${++names}`;

const lockmgr = (...args: string[]) => command(args, env);
/** What it answers as JSON. */
async function asked(...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await lockmgr(...args, "--json");
  assert.is(stderr, "");
  assert.is(code, 0);
  return JSON.parse(stdout);
}
const linesOf = (text: string) => text.split("\n").filter((line) => line !== "");
const documents = (text: string) => linesOf(text).map((line) => JSON.parse(line) as Record<string, unknown>);

const test = suite("cli/commands");

test.before(async () => {
  cluster = await startCluster({ size: 1 });
  const endpoint = cluster.sites[0]?.grpc ?? "";
  env = { LOCKMGR_ENDPOINTS: endpoint };
  client = await connect(endpoint, { owner: "test", ttlMs: 60_000 });
});
test.after.each(endCommands);
test.after(async () => {
  await client.close();
  await cluster.stop();
});

test("acquire takes a lock that nobody keeps alive, and release gives it back by lease and token, once", async () => {
  const name = fresh();
  const grant = (await asked("acquire", name, "--ttl", "1m", "--owner", "script")) as {
    token: number;
    lease_id: number;
  };
  const [holder] = (await client.check(name)).holders;
  assert.equal([holder?.owner, holder?.token, holder?.ttlMs], ["script", grant.token, 60_000]);
  const release = () => lockmgr("release", name, "--lease", String(grant.lease_id), "--token", String(grant.token));
  assert.equal(await release(), { code: 0, stdout: `${name} released\n`, stderr: "" });
  assert.equal((await client.check(name)).holders, []);
  const again = await lockmgr("release", name, "--lease", String(grant.lease_id), "--token", String(grant.token + 1));
  assert.is(again.code, 20);
});

test("acquire prints token and lease for people", async () => {
  const name = fresh();
  const { stdout } = await lockmgr("acquire", name, "--ttl", "1m");
  const [holder] = (await client.check(name)).holders;
  assert.is(stdout, `token ${holder?.token}\nlease ${holder?.leaseId}\n`);
});

test("acquire takes several locks, all or none, and says 11 when somebody holds one", async () => {
  const [one, other] = [fresh(), fresh()];
  await using _ = await client.acquire(other);
  const { code, stderr } = await lockmgr("acquire", one, other, "--ttl", "1m");
  assert.is(code, 11);
  assert.match(stderr, `${other} is held by test`);
  assert.equal((await client.check(one)).holders, []);
});

test("with --json a refusal says who is in the way", async () => {
  const name = fresh();
  await using lock = await client.acquire(name);
  const { stderr } = await lockmgr("acquire", name, "--json");
  const { error } = JSON.parse(stderr) as { error: { code: string; details: { holder: { token: number } } } };
  assert.equal([error.code, error.details.holder.token], ["LOCKED", lock.token]);
});

test("check says who holds a lock, and how many wait", async () => {
  const name = fresh();
  assert.is((await lockmgr("check", name)).stdout, `${name} is free\n`);
  await using lock = await client.acquire(name, { metadata: "at work" });
  const { stdout } = await lockmgr("check", name);
  assert.match(stdout, new RegExp(`^${name} is held\\n  by test, exclusive, token ${lock.token}, .*"at work"`));
  const { holders } = (await asked("check", name)) as { holders: { lease_id: number; granted_at: string }[] };
  assert.is(holders[0]?.lease_id, lock.leaseId);
  assert.is(Number.isNaN(Date.parse(holders[0]?.granted_at ?? "")), false);
});

test("a lock-delay is shown as such", async () => {
  const name = fresh();
  await client.acquire(name, { lockDelayMs: 60_000 });
  await client.forceRelease(name, { reason: "test" });
  assert.match((await lockmgr("check", name)).stdout, new RegExp(`^${name} is delayed\\n  unavailable for `));
  assert.match((await lockmgr("ls", name)).stdout, "(delayed)");
});

test("verify exits with 0 for the token that holds, and with 11 for any other", async () => {
  const name = fresh();
  await using lock = await client.acquire(name);
  assert.is((await lockmgr("verify", name, String(lock.token))).code, 0);
  assert.is((await lockmgr("verify", name, String(lock.token - 1))).code, 11);
  assert.is((await lockmgr("verify", name, "x")).code, 64);
});

test("ls lists by prefix, owner and age", async () => {
  const prefix = `${fresh()}/`;
  await using _ = await client.acquireMany([`${prefix}a`, `${prefix}b`]);
  const listed = async (...more: string[]) =>
    ((await asked("ls", prefix, ...more)) as { name: string }[]).map(({ name }) => name);
  assert.equal(await listed(), [`${prefix}a`, `${prefix}b`]);
  assert.equal(await listed("--owner", "test", "--limit", "1"), [`${prefix}a`]);
  assert.equal(await listed("--owner", "nobody"), []);
  assert.equal(await listed("--min-age", "1h"), []);
  const [head, first] = linesOf((await lockmgr("ls", prefix)).stdout);
  assert.match(head ?? "", /^NAME\s+HOLDER\s+MODE\s+TOKEN\s+SINCE\s+LEFT\s+WAITING$/);
  assert.match(first ?? "", new RegExp(`^${prefix}a +test +exclusive +\\d+ +\\S+ +\\S+$`));
});

test("names that would speak to the terminal are shown, not obeyed", async () => {
  const name = `${fresh()}\u001b[31m\n锁`;
  await using _ = await client.acquire(name);
  const { stdout } = await lockmgr("ls", name);
  assert.match(stdout, "\\u{1b}[31m\\n锁");
  assert.not.match(stdout, "\u001b");
  assert.is(((await asked("ls", name)) as { name: string }[])[0]?.name, name);
  const refusal = await lockmgr("acquire", name);
  assert.match(refusal.stderr, "\\u{1b}[31m\\n锁 is held by test");
});

test("waiters lists them in their order", async () => {
  const name = fresh();
  await using _ = await client.acquire(name);
  const giveUp = new AbortController();
  const waiting: Promise<unknown>[] = [];
  for (const owner of ["one", "two"]) {
    const other = client.acquire(name, { metadata: owner, signal: giveUp.signal, context: owner });
    waiting.push(other.catch((error: Error) => error.message));
    await until(`${owner} waits`, async () => (await client.waiters(name)).length === waiting.length);
  }
  const listed = (await asked("waiters", name)) as { position: number; metadata: string }[];
  assert.equal(
    listed.map(({ position, metadata }) => [position, metadata]),
    [
      [1, "one"],
      [2, "two"],
    ],
  );
  const table = (await lockmgr("waiters", name)).stdout;
  assert.is(linesOf(table).length, 3);
  const [, first = ""] = linesOf(table);
  const { code } = await lockmgr("cancel", first.split(/\s+/).at(-1) ?? "");
  assert.is(code, 0);
  assert.match(String(await waiting[0]), "the wait for");
  assert.equal(
    (await client.waiters(name)).map(({ metadata }) => metadata),
    ["two"],
  );
  giveUp.abort();
  await Promise.all(waiting);
});

test("watch tells what is held and then what happens, goes on behind a revision, and ends well when it is told to end", async () => {
  const prefix = `${fresh()}/`;
  const held = await client.acquire(`${prefix}held`);
  const watching = startCommand(["watch", "--prefix", prefix, "--json"], env);
  const kinds = () => documents(watching.stdout()).map(({ kind, lock }) => [kind, lock]);
  await until("what is held is told", () => kinds().length === 1);
  const lock = await client.acquire(`${prefix}a`);
  await lock.release();
  await until("the release is told", () => kinds().length === 3);
  watching.signal("SIGINT");
  assert.is((await watching.ended).code, 0);
  assert.equal(kinds(), [
    ["present", `${prefix}held`],
    ["granted", `${prefix}a`],
    ["released", `${prefix}a`],
  ]);
  const [, granted] = documents(watching.stdout());
  const resumed = startCommand(["watch", `${prefix}a`, "--after", String(granted?.resume_after)], env);
  await until("what came after is told", () => linesOf(resumed.stdout()).length > 0);
  assert.match(linesOf(resumed.stdout())[0] ?? "", /released\s+lock-\d+\/a/);
  resumed.signal("SIGTERM");
  assert.is((await resumed.ended).code, 0);
  await held.release();
});

test("a stream ends without a word when nobody reads it any more", async () => {
  const watching = startCommand(["watch", "--json"], env);
  await using _ = await client.acquire(fresh());
  await until("something is told", () => watching.stdout() !== "");
  watching.stopReading();
  await until("it has noticed", async () => {
    await (await client.acquire(fresh())).release();
    return !watching.isRunning();
  });
  assert.is((await watching.ended).stderr, "");
});

test("elect leads until it is told to end, and -l tells who leads", async () => {
  const name = fresh();
  const listening = startCommand(["elect", "-l", name, "--json"], env);
  const first = startCommand(["elect", name, "10.0.0.1", "--json"], env);
  await until("the first leads", () => first.stdout() !== "");
  const [leading] = documents(first.stdout());
  assert.equal([leading?.leading, leading?.value], [true, "10.0.0.1"]);
  const second = startCommand(["elect", name, "10.0.0.2"], env);
  await until("the second waits", async () => (await client.waiters(name)).length === 1);
  assert.is(second.stdout(), "");
  first.signal("SIGTERM");
  assert.is((await first.ended).code, 0);
  await until("the second leads", () => second.stdout() !== "");
  assert.match(second.stdout(), /^leading lock-\d+ with token \d+\n$/);
  await client.forceRelease(name, { reason: "test" });
  const { code, stderr } = await second.ended;
  assert.is(code, 20);
  assert.match(stderr, "forced");
  const leaders = () =>
    documents(listening.stdout()).map(({ leader }) => (leader as { value: string } | null)?.value ?? null);
  await until("nobody leads at last", () => leaders().includes("10.0.0.2") && leaders().at(-1) === null);
  assert.equal(
    leaders().filter((value) => value !== null),
    ["10.0.0.1", "10.0.0.2"],
  );
  listening.signal("SIGINT");
  assert.is((await listening.ended).code, 0);
});

test("elect is told to end while it waits, and leaves no waiter", async () => {
  const name = fresh();
  await using _ = await client.acquire(name);
  const waiting = startCommand(["elect", name, "x"], env);
  await until("it waits", async () => (await client.waiters(name)).length === 1);
  waiting.signal("SIGINT");
  assert.is((await waiting.ended).code, 0);
  assert.equal(await client.waiters(name), []);
  assert.is((await lockmgr("elect", name, "x", "--wait", "100ms")).code, 11);
});

test("lease ls lists leases, and lease revoke ends one with what it holds", async () => {
  const name = fresh();
  const { lease_id: id } = (await asked("acquire", name, "--ttl", "1m", "--owner", `owner-of-${name}`)) as {
    lease_id: number;
  };
  const listed = async () =>
    ((await asked("lease", "ls", "--owner", `owner-of-${name}`)) as { lease_id: number; locks: number }[]).map(
      ({ lease_id, locks }) => [lease_id, locks],
    );
  assert.equal(await listed(), [[id, 1]]);
  assert.equal(await asked("lease", "revoke", String(id)), { revoked: true, locks: 1 });
  assert.equal(await listed(), []);
  assert.is((await lockmgr("lease", "revoke", "4000000000")).code, 11);
});

test("force-release and yield want a reason, and say whom they have hit", async () => {
  const name = fresh();
  assert.is((await lockmgr("force-release", name)).code, 64);
  assert.is((await lockmgr("force-release", name, "--reason", "x")).code, 11);
  const lock = await client.acquire(name);
  const asks: string[] = [];
  lock.on("yield", ({ reason }) => asks.push(reason));
  assert.equal(await asked("yield", name, "--reason", "please", "--grace", "1m"), { tokens: [lock.token] });
  await until("the holder has been asked", () => asks.length === 1);
  assert.equal(asks, ["please"]);
  assert.equal(await asked("force-release", name, "--reason", "now"), { tokens: [lock.token] });
  await until("the holder has lost it", () => lock.lossReason === "forced");
});

test("yield --force takes the lock when the grace is over", async () => {
  const name = fresh();
  const lock = await client.acquire(name);
  await lockmgr("yield", name, "--reason", "please", "--grace", "300ms", "--force");
  await until("the holder has lost it", () => lock.lossReason === "forced");
});

test("status shows every node that was named, and fails only if none answers", async () => {
  const nobody = `127.0.0.1:${await freePort()}`;
  const some = await command(["status", "--json", "--endpoints", `${env.LOCKMGR_ENDPOINTS},${nobody}`]);
  assert.is(some.code, 0);
  const [node, missing] = JSON.parse(some.stdout) as Record<string, unknown>[];
  assert.equal([node?.node_id, node?.is_leader, node?.cluster_size], ["node-1", true, 1]);
  assert.type(missing?.error, "string");
  assert.match((await lockmgr("status")).stdout, /^ENDPOINT\s+NODE\s+STATE.*\n\S+\s+node-1\s+leader/);
  assert.is((await command(["status", "--endpoints", nobody])).code, 70);
});

test("top says once, elsewhere than on a terminal, which locks most wait for", async () => {
  const prefix = `${fresh()}/`;
  await using _ = await client.acquireMany([`${prefix}a`, `${prefix}b`]);
  const giveUp = new AbortController();
  const waiting = client.acquire(`${prefix}b`, { signal: giveUp.signal, context: "other" }).catch(() => undefined);
  await until("somebody waits", async () => (await client.waiters(`${prefix}b`)).length === 1);
  const rows = (await asked("top", prefix)) as { name: string; queue_length: number }[];
  assert.equal(
    rows.map(({ name, queue_length }) => [name, queue_length]),
    [
      [`${prefix}b`, 1],
      [`${prefix}a`, 0],
    ],
  );
  assert.match((await lockmgr("top", prefix)).stdout, /^2 locks, 2 held, 1 waiting\n/);
  giveUp.abort();
  await waiting;
});

test("serve runs a node until it is told to stop", async () => {
  const ports = ["--grpc-port", "--http-port", "--region-port"];
  const flags = await Promise.all(ports.map(async (flag) => `${flag}=${await freePort()}`));
  const data = temporaryDirectory();
  const serving = startCommand(["serve", ...flags, `--data-dir=${data}`, "--listen-host=127.0.0.1"]);
  const endpoint = `127.0.0.1:${flags[0]?.split("=")[1]}`;
  await until("it serves", async () => (await command(["check", "x", "--endpoints", endpoint])).code === 0);
  serving.signal("SIGTERM");
  assert.is((await serving.ended).code, 0);
  const wrong = await command(["serve", "--no-such-flag"]);
  assert.is(wrong.code, 64);
});

test.run();
