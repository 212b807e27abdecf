// Servers of others, each a child process on a free port of loopback with data of its own: PostgreSQL, Redis, an S3 server. They end
// with this process at the latest.

import { type ChildProcess, spawn } from "node:child_process";
import { chownSync, mkdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { removeDirectory, temporaryDirectory } from "../cluster/node-process.ts";
import { freePort } from "../cluster/ports.ts";
import { patienceMs } from "../patience.ts";
import { run } from "./run.ts";

/** A server that runs. */
export interface Server {
  /** The environment in which the usual clients find it. */
  readonly env: Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
}

/** PostgreSQL refuses to run as root. This is the number of the user "nobody", which every Linux has. */
const nobody = 65_534;

const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** `folder` holds PostgreSQL's programs. */
export async function startPostgres(folder: string): Promise<Server> {
  const directory = temporaryDirectory();
  const user = process.getuid?.() === 0 ? { uid: nobody } : {};
  if ("uid" in user) chownSync(directory, nobody, nobody);
  const data = join(directory, "data");
  const made = await run(
    join(folder, "initdb"),
    ["--pgdata", data, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"],
    { cwd: directory, ...user },
  );
  if (made.code !== 0) throw new Error(`initdb\n${made.output}`);
  const port = await freePort();
  const settings = ["listen_addresses=127.0.0.1", `unix_socket_directories=${directory}`, "fsync=off"];
  return start(directory, {
    program: join(folder, "postgres"),
    args: ["-D", data, "-p", String(port), ...settings.flatMap((setting) => ["-c", setting])],
    port,
    // Ends at once, and takes its children along.
    signal: "SIGQUIT",
    isReady: async () => {
      const asked = await run(join(folder, "pg_isready"), ["--host", "127.0.0.1", "--port", String(port)]);
      return asked.code === 0;
    },
    env: { PGHOST: "127.0.0.1", PGPORT: String(port), PGUSER: "postgres", PGDATABASE: "postgres" },
    ...user,
  });
}

/** `folder` holds `redis-server`. */
export async function startRedis(folder: string): Promise<Server> {
  const directory = temporaryDirectory();
  const port = await freePort();
  return start(directory, {
    program: join(folder, "redis-server"),
    args: ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory],
    port,
    env: { REDIS_URL: `redis://127.0.0.1:${port}` },
  });
}

/** `program` is versitygw: S3 over the files of a directory. */
export async function startS3(program: string): Promise<Server> {
  const directory = temporaryDirectory();
  const buckets = join(directory, "buckets");
  const bucket = "lockmgr-example";
  // Every folder is a bucket.
  mkdirSync(join(buckets, bucket), { recursive: true });
  const port = await freePort();
  const [access, secret] = ["lockmgr", "lockmgr-secret"];
  return start(directory, {
    program,
    // What belongs to an object is kept in attributes of its file, so that one answer tells of one version.
    args: ["--port", `127.0.0.1:${port}`, "--access", access, "--secret", secret, "--quiet", "posix", buckets],
    port,
    env: {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: access,
      AWS_SECRET_ACCESS_KEY: secret,
      BUCKET: bucket,
    },
  });
}

interface Plan {
  readonly program: string;
  readonly args: readonly string[];
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  readonly signal?: NodeJS.Signals;
  readonly uid?: number;
  /** Whether it answers; else it is enough that it takes connections. */
  readonly isReady?: () => Promise<boolean>;
}

async function start(directory: string, plan: Plan): Promise<Server> {
  const child = spawn(plan.program, plan.args, {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"],
    ...(plan.uid === undefined ? {} : { uid: plan.uid, gid: plan.uid }),
  });
  children.add(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      output = (output + chunk).slice(-10_000);
    });
  }
  let isOver = false;
  const over = new Promise<void>((resolve) => {
    const end = () => {
      isOver = true;
      children.delete(child);
      resolve();
    };
    child.once("error", (error) => {
      output += error.message;
      end();
    });
    child.once("exit", end);
  });
  const stop = async () => {
    if (!isOver) child.kill(plan.signal ?? "SIGTERM");
    const limit = setTimeout(() => child.kill("SIGKILL"), patienceMs);
    await over;
    clearTimeout(limit);
    removeDirectory(directory);
  };
  const giveUpAt = performance.now() + patienceMs;
  const isReady = plan.isReady ?? (() => accepts(plan.port));
  while (!(await isReady())) {
    if (isOver || performance.now() > giveUpAt) {
      await stop();
      throw new Error(`${plan.program} does not come up\n${output}`);
    }
    await pause(50);
  }
  return { env: plan.env, stop };
}

/** Whether somebody takes connections on a port of loopback. */
const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
