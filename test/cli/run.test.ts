import * as assert from "uvu/assert";
import { type Client, connect } from "../../src/client/index.ts";
import { type Cluster, startCluster, until } from "../cluster/cluster.ts";
import { removeDirectory, temporaryDirectory } from "../cluster/node-process.ts";
import { freePort } from "../cluster/ports.ts";
import { suite } from "../suite.ts";
import { command, endCommands, startCommand } from "./commands.ts";
import { diaryIn, runs } from "./diary.ts";

const directory = temporaryDirectory();
let cluster: Cluster;
let client: Client;
let env: Readonly<Record<string, string>>;
let names = 0;
/** A lock, and the diary of the command that runs under it. */
const fresh = () => {
  const name = `run-${++names}`;
  return { name, diary: diaryIn(directory, name) };
};
/** Long enough for renewals on a machine that has much to do. */
const ttl = ["--ttl", "60s"];

const run = (name: string, options: readonly string[], words: readonly string[], more: Record<string, string> = {}) =>
  startCommand(["run", name, ...ttl, ...options, "--", ...words], { ...env, ...more });

const test = suite("cli/run");

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
  removeDirectory(directory);
});

test("it exits with the command's code, and the command has had the lock's name and token and the output", async () => {
  const { name, diary } = fresh();
  const words = ["sh", "-c", '"$@"; echo "under $LOCK_NAME $OTHER"; exit $?', "sh", ...diary.command(10)];
  const { code, stdout, stderr } = await run(name, [], words, { OTHER: "kept" }).ended;
  assert.equal([code, stdout, stderr], [0, `under ${name} kept\n`, ""]);
  assert.is(diary.lockName(), name);
  assert.is((await client.verify(name, diary.token())).current, false);
  assert.is((await run(name, [], ["sh", "-c", "exit 37"]).ended).code, 37);
});

test("it exits with 128 and the number of the signal that has ended the command", async () => {
  assert.is((await run(fresh().name, [], ["sh", "-c", "kill -USR2 $$"]).ended).code, 140);
});

test("a command that cannot be found is 127, one that cannot be run 126, and the lock is free again", async () => {
  const { name } = fresh();
  assert.is((await run(name, [], ["no-such-command-anywhere"]).ended).code, 127);
  assert.is((await run(name, ["--wait", "0"], [directory]).ended).code, 126);
  assert.equal((await client.check(name)).holders, []);
});

test("the token is that of the grant, the owner and the metadata are what was given", async () => {
  const { name, diary } = fresh();
  const running = run(name, ["--owner", "me", "--metadata", "nightly"], diary.command());
  await diary.untilStarted();
  const [holder] = (await client.check(name)).holders;
  assert.equal([holder?.owner, holder?.metadata, holder?.token], ["me", "nightly", diary.token()]);
  running.signal("SIGTERM");
  assert.is((await running.ended).code, 143);
});

test("every signal is handed on to the command", async () => {
  const { name, diary } = fresh();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
  const running = run(name, [], diary.command(), { DEFIES: signals.join(",") });
  await diary.untilStarted();
  for (const signal of signals) {
    running.signal(signal);
    await until(`the command has had ${signal}`, () => diary.had(signal));
  }
  process.kill(diary.pid(), "SIGKILL");
  assert.is((await running.ended).code, 137);
});

test("whoever does not get the lock exits with 11 and starts nothing", async () => {
  const { name, diary } = fresh();
  await using _ = await client.acquire(name);
  for (const wait of ["0", "200ms"]) {
    const { code, stderr } = await run(name, ["--wait", wait], diary.command()).ended;
    assert.is(code, 11);
    assert.match(stderr, name);
  }
  assert.is(diary.hasStarted(), false);
  assert.equal(await client.waiters(name), []);
});

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGUSR1", 138],
] as const) {
  test(`${signal} while it waits ends the wait with ${code} and leaves no waiter`, async () => {
    const { name, diary } = fresh();
    await using _ = await client.acquire(name);
    const running = run(name, [], diary.command());
    await until("it waits", async () => (await client.waiters(name)).length === 1);
    running.signal(signal);
    assert.is((await running.ended).code, code);
    assert.equal(await client.waiters(name), []);
    assert.is(diary.hasStarted(), false);
  });
}

test("without a service to speak to it exits with 70, and says what to do", async () => {
  const nobody = { LOCKMGR_ENDPOINTS: `127.0.0.1:${await freePort()}` };
  const { code, stderr } = await run(fresh().name, [], ["true"], nobody).ended;
  assert.is(code, 70);
  assert.match(stderr, "--endpoints");
});

test("a ttl too short for the grace is refused, with the least that goes", async () => {
  const { code, stderr } = await command(["run", "x", "--ttl", "5s", "--grace", "5s", "--", "true"], env);
  assert.is(code, 64);
  assert.match(stderr, /--ttl 5s is too short for --grace 5s.*at least 9\.\ds/);
});

test("a semaphore lets as many commands run as there are permits, and shared holders run together", async () => {
  const semaphore = fresh().name;
  const permits = ["-n", "2", "--limit", "4"];
  const [one, two] = [fresh().diary, fresh().diary];
  const running = [run(semaphore, permits, one.command()), run(semaphore, permits, two.command())];
  await one.untilStarted();
  await two.untilStarted();
  assert.is((await run(semaphore, [...permits, "--wait", "0"], ["true"]).ended).code, 11);
  for (const each of running) each.signal("SIGTERM");
  await Promise.all(running.map(({ ended }) => ended));

  const { name, diary } = fresh();
  const reader = run(name, ["--shared"], diary.command());
  await diary.untilStarted();
  assert.is((await run(name, ["--shared", "--wait", "0"], ["true"]).ended).code, 0);
  assert.is((await run(name, ["--wait", "0"], ["true"]).ended).code, 11);
  reader.signal("SIGTERM");
  await reader.ended;
});

test("the lock is given back only when the whole group is gone", async () => {
  const { name, diary } = fresh();
  const [node = "", ...rest] = diary.command(600);
  // The command ends at once, and leaves somebody of its group behind.
  const words = ["sh", "-c", '"$@" & exit 9', "sh", node, ...rest];
  const running = run(name, [], words);
  await diary.untilStarted();
  await using _ = await client.acquire(name);
  const grantedNs = process.hrtime.bigint();
  assert.ok(diary.lastNs() < grantedNs);
  assert.is(runs(diary.pid()), false);
  assert.is((await running.ended).code, 9);
});

test("two in line run one after the other, in their order", async () => {
  const { name, diary: first } = fresh();
  const { diary: second } = fresh();
  const { diary: third } = fresh();
  const one = run(name, [], first.command());
  await first.untilStarted();
  const two = run(name, [], second.command(100));
  await until("the second waits", async () => (await client.waiters(name)).length === 1);
  const three = run(name, [], third.command(100));
  await until("the third waits", async () => (await client.waiters(name)).length === 2);
  one.signal("SIGTERM");
  assert.equal(
    (await Promise.all([one, two, three].map(({ ended }) => ended))).map(({ code }) => code),
    [143, 0, 0],
  );
  const startNs = (diary: typeof first) => BigInt((diary.lines()[1] ?? "0").split(" ")[1] ?? "0");
  assert.ok(first.lastNs() < startNs(second) && second.lastNs() < startNs(third));
  assert.ok(first.token() < second.token() && second.token() < third.token());
});

test("whoever takes the lock by force has the command ended, and it exits with 20", async () => {
  const { name, diary } = fresh();
  const running = run(name, [], diary.command(), { DEFIES: "SIGTERM" });
  await diary.untilStarted();
  const forced = await command(["force-release", name, "--reason", "it hangs"], env);
  assert.is(forced.code, 0);
  const { code, stderr } = await running.ended;
  assert.is(code, 20);
  assert.match(stderr, "forced (it hangs)");
  assert.is(runs(diary.pid()), false);
});

test("where there is a lock-delay the command has its grace when the lock is taken, and is gone before the next has it", async () => {
  const { name, diary } = fresh();
  const running = run(name, ["--delay", "10s", "--grace", "3s"], diary.command(), { DEFIES: "SIGTERM" });
  await diary.untilStarted();
  await client.forceRelease(name, { reason: "it hangs" });
  await using _ = await client.acquire(name);
  assert.is(runs(diary.pid()), false);
  assert.is(diary.had("SIGTERM"), true);
  assert.is((await running.ended).code, 20);
});

test("a command whose holder is asked to yield is asked to end", async () => {
  const { name, diary } = fresh();
  const running = run(name, [], diary.command());
  await diary.untilStarted();
  assert.is((await command(["yield", name, "--reason", "maintenance", "--grace", "10s"], env)).code, 0);
  const { code, stderr } = await running.ended;
  assert.is(code, 20);
  assert.match(stderr, "maintenance");
  assert.is(diary.had("SIGTERM"), true);
});

test("--json says errors as JSON", async () => {
  const { name } = fresh();
  await using _ = await client.acquire(name);
  const { stderr } = await command(["run", name, "--wait", "0", "--json", "--", "true"], env);
  assert.is((JSON.parse(stderr) as { error: { code: string } }).error.code, "LOCKED");
});

test("everything behind -- is the command's own, options of this program included", async () => {
  const { stdout } = await command(["run", fresh().name, "--", "echo", "--json", "--", "-n"], env);
  assert.is(stdout, "--json -- -n\n");
});

test.run();
