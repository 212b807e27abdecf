// Debian's engine, started in the namespaces of this process, which its parent has made for it: it sees no other network, and
// ends with this process. Then the images that stand in for what a registry would have.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { run } from "../interop/run.ts";
import { patienceMs } from "../patience.ts";

export interface OwnEngine {
  /** The names of the images to build on. */
  readonly base: { readonly run: string; readonly build: string };
  readonly stop: () => Promise<void>;
}

export interface OwnEngineFolders {
  readonly programs: string;
  readonly images: string;
  /** Where it keeps what it has; its parent removes that. */
  readonly data: string;
}

/** The exit code of a test that could not start one. */
export const noEngine = 69;

const socket = "unix:///run/docker.sock";

/** Where the programs are, for this process and its children. */
export function usePrograms(programs: string): void {
  const folders = ["names", "usr/sbin", "usr/bin", "sbin", "bin"].map((folder) => join(programs, folder));
  process.env.PATH = [...folders, process.env.PATH].join(":");
  const triplet = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  process.env.LD_LIBRARY_PATH = join(programs, "usr", "lib", triplet);
  process.env.XTABLES_LIBDIR = join(programs, "usr", "lib", triplet, "xtables");
  process.env.PYTHONPATH = join(programs, "usr", "lib", "python3", "dist-packages");
  process.env.DOCKER_HOST = socket;
}

/** Starts the engine and imports the images. If this machine does not let it start, the answer is why. */
export async function startOwnEngine({ programs, images, data }: OwnEngineFolders): Promise<OwnEngine | string> {
  usePrograms(programs);
  await must("ip", ["link", "set", "lo", "up"]);
  await must("mount", ["-t", "tmpfs", "tmpfs", "/run"]);
  const log = join(data, "log");
  const out = openSync(log, "w");
  const where = ["--data-root", join(data, "data"), "--exec-root", "/run/docker", "--pidfile", "/run/docker.pid"];
  const daemon = spawn("dockerd", [...where, "--host", socket], { stdio: ["ignore", out, out] });
  const failed = await untilItAnswers(daemon);
  if (failed !== null) return `${failed}\n${readFileSync(log, "utf8").slice(-2_000)}`;
  const path = 'ENV PATH="/usr/local/bin:/usr/bin:/bin"';
  const [base, extra] = [join(images, "run"), join(images, "build")];
  await must("sh", ["-c", `tar -C '${base}' -c . | docker import --change '${path}' - lockmgr-base-run`]);
  const registry = (await run("npm", ["config", "get", "registry"])).stdout.trim();
  const offline = `ENV npm_config_offline=true npm_config_cache=/npm-cache npm_config_registry=${registry}`;
  const dockerfile = `FROM lockmgr-base-run\nCOPY . /\n${offline}\n`;
  await must("sh", ["-c", `printf '${dockerfile}' | docker build -t lockmgr-base-build -f - '${extra}'`]);
  return {
    base: { run: "lockmgr-base-run", build: "lockmgr-base-build" },
    stop: async () => {
      daemon.kill("SIGTERM");
      await Promise.race([new Promise((resolve) => daemon.once("exit", resolve)), pause(60_000)]);
    },
  };
}

async function must(command: string, args: readonly string[]): Promise<void> {
  const result = await run(command, args, { withinMs: 900_000 });
  if (result.code !== 0) throw new Error(`${command} ${args.join(" ")}\n${result.output}`);
}

async function untilItAnswers(daemon: ChildProcess): Promise<string | null> {
  let problem = `it does not answer within ${patienceMs} ms`;
  let ended = false;
  daemon.once("error", (error) => {
    problem = error.message;
    ended = true;
  });
  daemon.once("exit", (code) => {
    problem = `it ended with ${code}`;
    ended = true;
  });
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline && !ended; await pause(250)) {
    if (existsSync("/run/docker.sock") && (await run("docker", ["version"])).code === 0) return null;
  }
  return problem;
}
