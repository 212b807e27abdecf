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

/** A command that runs under a lock which another client waits for, and what is done to it. */
interface Play {
  readonly title: string;
  /** What the command takes no notice of, or does to itself. */
  readonly defies: string;
  readonly grace?: string;
  readonly harm: (scene: Scene) => void | Promise<void>;
  /** What is true once another client has the lock. */
  readonly after?: (scene: Scene) => Promise<void>;
}

interface Scene {
  readonly diary: Diary;
  readonly running: Running;
  /** The command's way to the service; the other client's does not lead through it. */
  readonly cable: Cable;
  /** Resolves with the moment at which another client has been granted the lock. */
  readonly granted: Promise<bigint>;
}

const ttl = "20s";
const ttlNs = 20_000_000_000n;

/** What clients count less on a ttl than the service does: the command's end must not hang on how soon a process gets to run. */
const allowanceMs = 4_000;

const exitsWith20 = async ({ running }: Scene) => {
  const { code, stderr } = await running.ended;
  assert.is(code, 20, stderr);
};

const plays: readonly Play[] = [
  ...["", "SIGTERM", "SIGTERM,stop"].flatMap((defies): Play[] => {
    const what = { "": "obeys", SIGTERM: "defies SIGTERM", "SIGTERM,stop": "has stopped itself" }[defies];
    return [
      {
        title: `a command that ${what} is dead before the next grant when its run is stopped; continued, that exits with 20`,
        defies,
        harm: ({ running }) => running.signal("SIGSTOP"),
        after: async (scene) => {
          if (defies !== "SIGTERM,stop") assert.is(scene.diary.had("SIGTERM"), true);
          scene.running.signal("SIGCONT");
          await exitsWith20(scene);
        },
      },
      {
        title: `a command that ${what} is dead before the next grant when its run is killed`,
        defies,
        harm: ({ running }) => running.signal("SIGKILL"),
      },
      {
        title: `a command that ${what} is dead before the next grant when the service cannot be heard any more`,
        defies,
        harm: ({ cable }) => cable.treat("back", { type: "swallow" }),
        after: exitsWith20,
      },
    ];
  }),
  {
    title: "a command is dead before the next grant when its guardian is stopped and its run cut off",
    defies: "SIGTERM",
    harm: ({ diary, cable }) => {
      process.kill(parentOf(diary.pid()), "SIGSTOP");
      cable.treat("back", { type: "swallow" });
    },
    after: exitsWith20,
  },
  {
    title: "a command is dead before the next grant when its run is cut off altogether",
    defies: "SIGTERM",
    harm: ({ cable }) => cable.cut(true),
    after: exitsWith20,
  },
  {
    title:
      "a command is dead before the next grant when nothing that its run says arrives, and the answers to what is held up count for nothing",
    defies: "SIGTERM",
    harm: async ({ cable, diary }) => {
      cable.treat("there", { type: "hold" });
      await until("the command has been asked to end", () => diary.had("SIGTERM"));
      cable.treat("there", passes);
    },
    after: exitsWith20,
  },
  {
    title: "a command whose grace is most of what the ttl leaves is still dead before the next grant",
    defies: "SIGTERM",
    grace: "9s",
    harm: ({ running }) => running.signal("SIGSTOP"),
  },
];

/** All of them play at the same time, since each takes a ttl. */
const scenes = new Map<Play, Scene & { readonly harmed: Promise<void> }>();
const cables: Cable[] = [];

async function begin({ defies, grace = "500ms" }: Play, leaderPort: number): Promise<Scene> {
  const name = `guarded-${cables.length}`;
  const diary = diaryIn(directory, name);
  const cable = await openCable(leaderPort);
  cables.push(cable);
  const running = startCommand(["run", name, "--ttl", ttl, "--grace", grace, "--", ...diary.command()], {
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
  return { diary, running, cable, granted };
}

const test = suite("cli/run, guarded");

test.before(async () => {
  cluster = await startCluster({
    size: 3,
    env: { CLOCK_ALLOWANCE_MS: String(allowanceMs), LOCK_MIN_TIMEOUT_MS: String(2 * allowanceMs) },
  });
  client = await connect(
    cluster.sites.map(({ grpc }) => grpc),
    { owner: "the next", ttlMs: 60_000 },
  );
  const { grpcPort } = at(cluster.sites, await leaderOf(cluster));
  for (const play of plays) {
    const scene = await begin(play, grpcPort);
    const harmed = Promise.resolve(play.harm(scene));
    harmed.catch(() => undefined);
    scenes.set(play, { ...scene, harmed });
  }
});
test.after(async () => {
  endCommands();
  await client.close();
  for (const cable of cables) await cable.close();
  await cluster.stop();
  removeDirectory(directory);
});

for (const play of plays) {
  test(play.title, async () => {
    const scene = scenes.get(play);
    assert.ok(scene);
    const grantedNs = await scene.granted;
    assert.ok(scene.diary.lastNs() < grantedNs);
    await scene.harmed;
    await play.after?.(scene);
    assert.is(runs(scene.diary.pid()), false);
  });
}

test("a command goes on through the loss of the leader", async () => {
  const name = "through-all";
  const diary = diaryIn(directory, name);
  const running = startCommand(["run", name, "--ttl", ttl, "--grace", "500ms", "--", ...diary.command()], {
    LOCKMGR_ENDPOINTS: cluster.sites.map(({ grpc }) => grpc).join(","),
  });
  await diary.untilStarted();
  await cluster.kill(await leaderOf(cluster));
  // Longer than the ttl, by the same clock.
  const endNs = process.hrtime.bigint() + ttlNs + ttlNs / 10n;
  await until("a ttl has passed", () => process.hrtime.bigint() > endNs);
  assert.is(runs(diary.pid()), true);
  assert.is((await client.verify(name, diary.token())).current, true);
  running.signal("SIGINT");
  assert.is((await running.ended).code, 130);
});

test.run();
