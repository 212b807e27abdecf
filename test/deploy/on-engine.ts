// With a container engine at hand: builds the image, runs it, starts the three regions and the nine nodes, says to them what
// their users say, kills what runs, and looks whether what was acknowledged still holds. Arguments: where the programs and the
// images to build on are, and where the engine keeps what it has, if it has to be started; none if it runs.

import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { runCommands } from "../interop/commands.ts";
import { runFetching } from "../interop/fetching.ts";
import { newReport, type Report } from "../interop/report.ts";
import { isInstalled, type RunResult, root, run } from "../interop/run.ts";
import { toolsDirectory } from "../interop/toolchains.ts";
import { baseImage } from "./engine.ts";
import { noEngine, type OwnEngine, startOwnEngine } from "./own-engine.ts";

const service = "com.geastalt.lock.grpc.LockService";
const leased = "lowkey.v1.LockService";
const [programs, images, data] = process.argv.slice(2);
/** So long that only what hangs is given up: nine nodes may share half a processor with others. */
const patienceMs = 300_000;

type Answer = Readonly<Record<string, unknown>>;

process.env.PATH = `${toolsDirectory}:${process.env.PATH}`;
process.env.COMPOSE_PROJECT_NAME = "lockmgr-check";
// The older docker-compose gives an engine a minute for an answer; nine nodes that start at once may need more.
process.env.COMPOSE_HTTP_TIMEOUT = "900";
const report: Report = newReport();
const own = await ownEngine();
/** On an engine that others use as well, a name that is nobody's. */
const container = own === null ? "lockmgr-check-node" : "lockmgr";
try {
  if (await image()) {
    await oneNode();
    const compose = await composeProgram();
    if (compose === null) {
      console.log("NOT TESTED: the compose files on an engine: there is no docker-compose");
      report.skip("the compose files run", "there is no docker-compose");
    } else {
      await threeRegions(compose);
      await nineNodes(compose);
    }
  }
} finally {
  await docker("rm", "--force", "--volumes", container);
  await own?.stop();
}
console.log(report.sum());
process.exit(report.failures() > 0 ? 1 : 0);

/** The engine that has been started for this; null if one runs already. Where none can be started, there is nothing to test. */
async function ownEngine(): Promise<OwnEngine | null> {
  if (programs === undefined || images === undefined || data === undefined) return null;
  const started = await startOwnEngine({ programs, images, data });
  if (typeof started !== "string") return started;
  console.log(started);
  process.exit(noEngine);
}

function docker(...args: readonly string[]): Promise<RunResult> {
  return run("docker", args, { cwd: root, withinMs: 1_800_000 });
}

async function must(result: Promise<RunResult>): Promise<string> {
  const { code, output, stdout } = await result;
  if (code !== 0) throw new Error(output.slice(-4_000));
  return stdout.trim();
}

/** Calls an interface, the stateless one unless another is named, at a port of this machine. */
async function call(port: number, method: string, request: Answer, of: string = service): Promise<Answer> {
  const args = ["-plaintext", "-connect-timeout", "60", "-max-time", "150", "-d", JSON.stringify(request)];
  const called = run("grpcurl", [...args, `localhost:${port}`, `${of}/${method}`], { withinMs: patienceMs });
  return JSON.parse(await must(called)) as Answer;
}

/** The first answer that is as wanted, for as long as patience lasts. */
async function eventually(what: string, ask: () => Promise<boolean>): Promise<void> {
  let problem: unknown = "no";
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await pause(500)) {
    try {
      if (await ask()) return;
    } catch (error) {
      problem = error;
    }
  }
  throw new Error(`${what}: not within ${patienceMs / 1_000} s: ${problem}`);
}

function grant(port: number, lock: string): Promise<Answer> {
  return call(port, "AcquireLock", { lock_id: lock, client_id: "my-client-1", timeout_ms: 300_000 });
}

async function isReady(http: number): Promise<boolean> {
  // The engine's proxy may take a connection before there is anybody to answer it.
  return (await fetch(`http://127.0.0.1:${http}/readyz`, { signal: AbortSignal.timeout(30_000) })).status === 200;
}

/** Takes a lock at a port, as soon as the group can grant one, and for so long that no machine is too slow to see it held. */
async function untilHeld(port: number): Promise<{ lock: string; token: string }> {
  const lock = randomUUID();
  const owner = { owner_id: "my-client-1" };
  let lease: unknown = null;
  let token = "";
  await eventually(`a grant at ${port}`, async () => {
    lease ??= (await call(port, "CreateLease", { ...owner, ttl_seconds: 86_400 }, leased)).leaseId;
    // Asked again, a lease that holds the lock is told the same token.
    const answer = await call(port, "AcquireLock", { ...owner, lock_name: lock, lease_id: lease }, leased);
    token = String(answer.fencingToken);
    return true;
  });
  return { lock, token };
}

/** The same by the stateless interface, where a lock lives for five minutes at most. */
async function untilGranted(port: number, lock: string): Promise<{ lock: string; token: string }> {
  let token = "";
  await eventually(`a grant at ${port}`, async () => {
    const answer = await grant(port, lock);
    if (answer.status === "LOCK_STATUS_OK") token = String(answer.fencingToken);
    // An attempt that timed out may have been granted; the lock is then seen as held.
    else if (answer.status === "LOCK_STATUS_ALREADY_LOCKED")
      token = String((await call(port, "CheckLock", { lock_id: lock })).fencingToken);
    else throw new Error(JSON.stringify(answer));
    return token !== "";
  });
  return { lock, token };
}

async function isHeld(port: number, { lock, token }: { lock: string; token: string }): Promise<void> {
  await eventually(`${lock} is held, says ${port}`, async () => {
    const { isLocked, fencingToken, status, ...rest } = await call(port, "CheckLock", { lock_id: lock });
    if (status !== "LOCK_STATUS_OK" && status !== "LOCK_STATUS_NOT_FOUND") throw new Error(JSON.stringify(status));
    deepEqual([isLocked, fencingToken], [true, token], JSON.stringify(rest));
    return true;
  });
}

async function image(): Promise<boolean> {
  const stand = own === null ? [] : [`NODE_IMAGE=${own.base.run}`, `BUILD_IMAGE=${own.base.build}`];
  // Here a registry that fails in passing is asked again.
  if (own === null) await runFetching("docker", ["pull", baseImage()]);
  const started = Date.now();
  await report.rule("docker build -t lockmgr .", async () => {
    await must(docker("build", "-t", "lockmgr", ...stand.flatMap((arg) => ["--build-arg", arg]), "."));
    console.log(`      built in ${Math.round((Date.now() - started) / 1_000)} s`);
  });
  if (report.failures() > 0) return false;
  await report.rule("the image holds what runs and nothing else", async () => {
    const layers = await must(docker("history", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", "lockmgr"));
    const added = layers
      .split("\n")
      .filter((line) => / COPY /.test(line))
      .reduce((total, line) => total + Number(line.split(" ", 1)[0]), 0);
    console.log(`      ${Math.round(added / 1e6)} MB on top of the image of node`);
    ok(added < 60e6, layers);
    const none = await must(
      docker(
        "run",
        "--rm",
        "--entrypoint",
        "sh",
        "lockmgr",
        "-c",
        "ls -d /app/node_modules/typescript /app/test /app/src || true",
      ),
    );
    equal(none, "");
  });
  return true;
}

/** The commands as users of the earlier system know them. */
async function oneNode(): Promise<void> {
  // What a run that was broken off has left on an engine that goes on.
  await docker("rm", "--force", "--volumes", container);
  await report.rule(
    "docker run -d --name lockmgr -p 9090:9090 -p 9091:9091 lockmgr: the commands of its users",
    async () => {
      await must(docker("run", "-d", "--name", container, "-p", "9090:9090", "-p", "9091:9091", "lockmgr"));
      await eventually("it lists its services", async () => {
        const services = await must(run("grpcurl", ["-plaintext", "localhost:9090", "list"]));
        return services.includes(service);
      });
      const { token } = await untilGranted(9090, "550e8400-e29b-41d4-a716-446655440000");
      equal(token, "1");
      const lock = { lock_id: "550e8400-e29b-41d4-a716-446655440000" };
      const release = { ...lock, client_id: "my-client-1", fencing_token: 1 };
      deepEqual(await call(9090, "ReleaseLock", release), { success: true, status: "LOCK_STATUS_OK" });
    },
  );
  await report.rule("as process 1 it ends with 0 on SIGTERM, and a lock outlives kill and stop", async () => {
    const held = await untilHeld(9090);
    await must(docker("kill", container));
    await must(docker("start", container));
    await isHeld(9090, held);
    await must(docker("stop", "--time", "300", container));
    equal(await must(docker("inspect", "--format", "{{.State.ExitCode}}", container)), "0");
    await must(docker("start", container));
    await isHeld(9090, held);
  });
  await report.rule("its health check holds", () =>
    eventually("healthy", async () => {
      const health = await must(docker("inspect", "--format", "{{.State.Health.Status}}", container));
      return health === "healthy";
    }),
  );
  await report.rule("it runs with nothing: no root, no capability, no file to write but its data", async () => {
    await must(docker("rm", "--force", "--volumes", container));
    const bare = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"];
    await must(docker("run", "-d", "--name", container, ...bare, "-p", "9090:9090", "-p", "8080:8080", "lockmgr"));
    await eventually("it is ready", () => isReady(8080));
    const uid = await must(docker("exec", container, "node", "--print", "process.getuid()"));
    equal(uid, "1000");
  });
  const installed = (program: string) => ({ command: [program], reason: "" });
  const site = { grpcPort: 9090, httpPort: 8080 };
  await runCommands(report, { site, grpcurl: installed("grpcurl"), curl: installed("curl") });
  await docker("rm", "--force", "--volumes", container);
}

type Compose = (file: string, ...args: readonly string[]) => Promise<string>;

async function composeProgram(): Promise<Compose | null> {
  const unpacked = programs === undefined ? null : join(programs, "usr", "bin", "docker-compose");
  const command =
    (await docker("compose", "version")).code === 0
      ? ["docker", "compose"]
      : unpacked !== null && (await run("/usr/bin/python3", [unpacked, "version"])).code === 0
        ? ["/usr/bin/python3", unpacked]
        : isInstalled("docker-compose")
          ? ["docker-compose"]
          : null;
  if (command === null) return null;
  const [program = "", ...first] = command;
  return (file, ...args) => must(run(program, [...first, "-f", file, ...args], { cwd: root, withinMs: 900_000 }));
}

async function threeRegions(compose: Compose): Promise<void> {
  const file = "docker-compose.yml";
  const ports = { "us-east-1": 9090, "us-west-2": 9190, "eu-west-1": 9290 };
  await within(compose, file, async () => {
    await eventually("all regions are ready", async () => {
      for (const http of [8080, 8180, 8280]) equal(await isReady(http), true, `${http}`);
      return true;
    });
    await report.rule("docker-compose up -d: locks under leases, by JSON over HTTP", async () => {
      const program = join(root, "helm", "lockmgr", "files", "test.mjs");
      const { code, output } = await run(process.execPath, [program, "http://127.0.0.1:8080"], { withinMs: 600_000 });
      equal(code, 0, output);
    });
    await report.rule("docker-compose up -d: three regions grant one lock once, and all see it", async () => {
      const held = await untilHeld(ports["us-east-1"]);
      for (const port of Object.values(ports)) await isHeld(port, held);
      let answer: Answer = {};
      await eventually("the other region says yes or no", async () => {
        answer = await grant(ports["us-west-2"], held.lock);
        const said = ["LOCK_STATUS_OK", "LOCK_STATUS_ALREADY_LOCKED"].includes(String(answer.status));
        if (!said) throw new Error(JSON.stringify(answer));
        return said;
      });
      equal(answer.status, "LOCK_STATUS_ALREADY_LOCKED");
      match(String(answer.errorMessage), /my-client-1/);
    });
    await report.rule("a region that is killed stops neither grants nor what was granted, and comes back", async () => {
      const before = await untilHeld(ports["us-east-1"]);
      await compose(file, "kill", "eu-west-1");
      await isHeld(ports["us-west-2"], before);
      const during = await untilHeld(ports["us-west-2"]);
      notEqual(during.token, before.token);
      await compose(file, "up", "-d");
      for (const held of [before, during]) await isHeld(ports["eu-west-1"], held);
    });
    await report.rule("all three regions killed and started: what was acknowledged still holds", async () => {
      const held = await untilHeld(ports["eu-west-1"]);
      await compose(file, "kill");
      await compose(file, "up", "-d");
      for (const port of Object.values(ports)) await isHeld(port, held);
    });
  });
}

async function nineNodes(compose: Compose): Promise<void> {
  const file = "docker-compose-cluster.yml";
  await within(compose, file, async () => {
    await report.rule("three regions of three: granted by one region, seen by the others", async () => {
      const held = await untilHeld(9090);
      for (const port of [9120, 9210, 9320]) await isHeld(port, held);
    });
    await report.rule(
      "a node in each region is killed: a delay, no loss; removed, it comes back with its volume",
      async () => {
        const held = await untilHeld(9190);
        const killed = ["us-east-1-a", "us-west-2-b", "eu-west-1-c"];
        await compose(file, "kill", ...killed);
        const during = await untilHeld(9110);
        await isHeld(9290, held);
        await compose(file, "rm", "--force", ...killed);
        await compose(file, "up", "-d");
        for (const port of [9090, 9210, 9320]) for (const lock of [held, during]) await isHeld(port, lock);
      },
    );
  });
}

/** Brings a compose file up, and whatever happens down again, with its volumes. */
async function within(compose: Compose, file: string, check: () => Promise<void>): Promise<void> {
  const failedBefore = report.failures();
  if (own === null) await compose(file, "down", "--volumes").catch(() => undefined);
  try {
    await report.rule(`${file} comes up`, async () => {
      await compose(file, "up", "-d");
    });
    await check();
  } finally {
    if (report.failures() > failedBefore) console.log((await compose(file, "logs", "--tail", "15")).slice(-8_000));
    await report.rule(`${file} goes down, every node cleanly`, async () => {
      await compose(file, "stop", "--timeout", "300");
      const listed = await compose(file, "ps", "-a", "-q").catch(() => compose(file, "ps", "-q"));
      for (const id of listed.split("\n").filter((line) => line !== "")) {
        const [name, code] = (await must(docker("inspect", "--format", "{{.Name}} {{.State.ExitCode}}", id))).split(
          " ",
        );
        const { output } = await docker("logs", "--tail", "100", id);
        match(output, /"msg":"stopped"/, `${name} ended with ${code}:\n${output.slice(-2_000)}`);
        equal(code, "0", `${name} has stopped, and ended with ${code}:\n${output.slice(-2_000)}`);
      }
      await compose(file, "down", "--volumes");
    });
  }
}
