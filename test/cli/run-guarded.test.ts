// Whatever becomes of the process that holds the lock, its command is dead before anybody else is granted the lock. The
// command writes the moment of the monotonic clock every few milliseconds; another client waits for the lock all the time.

import * as assert from "uvu/assert";
import { type Client, connect } from "../../src/client/index.ts";
import { at, type Cluster, leaderOf, startCluster, until } from "../cluster/cluster.ts";
import { removeDirectory, temporaryDirectory } from "../cluster/node-process.ts";
import { type Cable, openCable, passes } from "../cluster/tcp-proxy.ts";
import { suite } from "../suite.ts";
import { endCommands, type Running, startCommand } from "./commands.ts";
import { type Diary, diaryIn, parentOf, runs } from "./diary.ts";

const directory = temporaryDirectory();
let cluster: Cluster;
let client: Client;
let cable: Cable;
let names = 0;

/** Between the last breath of the command and the grant there is the margin, and what clocks may differ by. */
const apartNs = 100_000_000n;

interface Scene {
  readonly name: string;
  readonly diary: Diary;
  readonly running: Running;
  /** Resolves with the moment at which another client has been granted the lock. */
  readonly granted: Promise<bigint>;
}

/** A command that runs under a lock which another client waits for. */
async function scene(defies: string, options: readonly string[] = ["--ttl", "3s", "--grace", "500ms"]): Promise<Scene> {
  const name = `guarded-${++names}`;
  const diary = diaryIn(directory, name);
  const running = startCommand(["run", name, ...options, "--", ...diary.command()], {
    LOCKMGR_ENDPOINTS: `127.0.0.1:${cable.port}`,
    DEFIES: defies,
  });
  await diary.untilStarted();
  const granted = client.acquire(name).then(async (lock) => {
    const moment = process.hrtime.bigint();
    // At the very moment of the grant, before anything else can happen.
    assert.is(runs(diary.pid()), false, "the command runs while another client holds its lock");
    await lock.release();
    return moment;
  });
  // Whether it was is told to whoever waits for it.
  granted.catch(() => undefined);
  await until("the other client waits", async () => (await client.waiters(name)).length === 1);
  return { name, diary, running, granted };
}

async function assertDeadBefore({ diary, granted }: Scene): Promise<void> {
  const grantedNs = await granted;
  assert.ok(
    diary.lastNs() + apartNs < grantedNs,
    `${grantedNs - diary.lastNs()} ns between the command and the next grant`,
  );
}

const test = suite("cli/run, guarded");

test.before(async () => {
  cluster = await startCluster({ size: 3 });
  // The command's way to the service leads through the cable; the other client's does not.
  cable = await openCable(at(cluster.sites, await leaderOf(cluster)).grpcPort);
  client = await connect(
    cluster.sites.map(({ grpc }) => grpc),
    { owner: "the next" },
  );
});
test.before.each(() => {
  cable.cut(false);
  for (const direction of ["there", "back"] as const) cable.treat(direction, passes);
});
test.after.each(endCommands);
test.after(async () => {
  await client.close();
  await cable.close();
  await cluster.stop();
  removeDirectory(directory);
});

for (const defies of ["", "SIGTERM", "SIGTERM,stop"]) {
  const what = { "": "obeys", SIGTERM: "defies SIGTERM", "SIGTERM,stop": "has stopped itself" }[defies];

  test(`a command that ${what} is dead before the next grant when its run is stopped; continued, that exits with 20`, async () => {
    const it = await scene(defies);
    it.running.signal("SIGSTOP");
    await assertDeadBefore(it);
    if (defies !== "SIGTERM,stop") assert.is(it.diary.had("SIGTERM"), true);
    it.running.signal("SIGCONT");
    assert.is((await it.running.ended).code, 20);
  });

  test(`a command that ${what} is dead before the next grant when its run is killed`, async () => {
    const it = await scene(defies);
    it.running.signal("SIGKILL");
    await assertDeadBefore(it);
  });

  test(`a command that ${what} is dead before the next grant when the service cannot be heard any more`, async () => {
    const it = await scene(defies);
    cable.treat("back", { type: "swallow" });
    await assertDeadBefore(it);
    assert.is((await it.running.ended).code, 20);
  });
}

test("a command is dead before the next grant when its guardian is stopped and its run cut off", async () => {
  const it = await scene("SIGTERM");
  process.kill(parentOf(it.diary.pid()), "SIGSTOP");
  cable.treat("back", { type: "swallow" });
  assert.ok(it.diary.lastNs() < (await it.granted));
  assert.is((await it.running.ended).code, 20);
});

test("a command is dead before the next grant when its run is cut off altogether", async () => {
  const it = await scene("SIGTERM");
  cable.cut(true);
  await assertDeadBefore(it);
  assert.is((await it.running.ended).code, 20);
});

test("a command is dead before the next grant when nothing that its run says arrives, and the answers to what is held up count for nothing", async () => {
  const it = await scene("SIGTERM");
  cable.treat("there", { type: "hold" });
  await until("the command has been asked to end", () => it.diary.had("SIGTERM"));
  cable.treat("there", passes);
  await it.running.ended;
  await it.granted;
  assert.is(runs(it.diary.pid()), false);
});

test("a command whose grace is most of what the ttl leaves is still dead before the next grant", async () => {
  const it = await scene("SIGTERM", ["--ttl", "2s", "--grace", "900ms"]);
  it.running.signal("SIGSTOP");
  await assertDeadBefore(it);
});

test("a command goes on through the loss of the leader", async () => {
  const name = "through-all";
  const diary = diaryIn(directory, name);
  const endpoints = cluster.sites.map(({ grpc }) => grpc).join(",");
  const running = startCommand(["run", name, "--", ...diary.command()], { LOCKMGR_ENDPOINTS: endpoints });
  await diary.untilStarted();
  await cluster.kill(await leaderOf(cluster));
  // Longer than the ttl, by the same clock.
  const endNs = process.hrtime.bigint() + 11_000_000_000n;
  await until("a ttl has passed", () => process.hrtime.bigint() > endNs);
  assert.is(runs(diary.pid()), true);
  assert.is((await client.verify(name, diary.token())).current, true);
  running.signal("SIGINT");
  assert.is((await running.ended).code, 130);
});

test.run();
