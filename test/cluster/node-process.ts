// Real nodes as child processes: started on ports and directories of their own, waited for, sent signals, and always
// removed, whether a test passes, throws or is interrupted. Tests and benchmarks know nodes only through this file.

import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { patienceMs } from "../patience.ts";
import { freePort } from "./ports.ts";

/** Where a node lives, whether it runs or not. */
export interface Site {
  readonly nodeId: string;
  readonly dataDir: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly regionPort: number;
  /** `host:port` of the gRPC interface. */
  readonly grpc: string;
  /** `http://host:port` of the HTTP interface. */
  readonly http: string;
  /** The environment that makes a node of this site. */
  readonly env: Readonly<Record<string, string>>;
}

/** How a process ended. One of the two is null. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One run of a node. */
export interface NodeProcess {
  readonly site: Site;
  readonly pid: number;
  readonly ended: Promise<Ended>;
  readonly isRunning: () => boolean;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** The last 256 KiB of what the process has written. */
  readonly stdout: () => string;
  readonly stderr: () => string;
}

export interface LaunchOptions {
  /** Added to the site's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of the program. */
  readonly args?: readonly string[];
  /** Arguments of node itself, for example `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
}

const program = fileURLToPath(new URL("../../src/main.js", import.meta.url));
const outputMax = 256 * 1024;
/** Nothing takes the processor as long as to start nodes, and nine may start at once. */
const startMsMax = 2 * patienceMs;

const children = new Set<ChildProcess>();
const directories = new Set<string>();
let watching = false;

/** A new directory that is removed when this process ends, at the latest. */
export function temporaryDirectory(): string {
  watchOwnEnd();
  const directory = mkdtempSync(join(tmpdir(), "lockmgr-test-"));
  directories.add(directory);
  return directory;
}

export function removeDirectory(directory: string): void {
  directories.delete(directory);
  rmSync(directory, { recursive: true, force: true });
}

/** Sites for a group of `count` nodes, below `directory`. Nothing is started. */
export async function planSites(
  count: number,
  directory: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Site[]> {
  const ports: { grpc: number; http: number; region: number }[] = [];
  for (let node = 0; node < count; node += 1) {
    ports.push({ grpc: await freePort(), http: await freePort(), region: await freePort() });
  }
  const peersOf = (self: number) =>
    ports.flatMap((port, node) => (node === self ? [] : [`node-${node + 1}:127.0.0.1:${port.region}`]));
  return ports.map((port, node) => {
    const nodeId = `node-${node + 1}`;
    const dataDir = join(directory, nodeId);
    return {
      nodeId,
      dataDir,
      grpcPort: port.grpc,
      httpPort: port.http,
      regionPort: port.region,
      grpc: `127.0.0.1:${port.grpc}`,
      http: `http://127.0.0.1:${port.http}`,
      env: {
        NODE_ID: nodeId,
        GRPC_PORT: String(port.grpc),
        HTTP_PORT: String(port.http),
        REGION_PORT: String(port.region),
        RAFT_PEERS: peersOf(node).join(","),
        DATA_DIR: dataDir,
        LOG_LEVEL: "info",
        // A request is refused for want of a quorum where a test is about that, and never because a machine is slow.
        QUORUM_TIMEOUT_MS: "120000",
        ...env,
      },
    };
  });
}

/** Starts a node at once; `untilReady` waits for it. Nothing of this process' own environment but PATH reaches it. */
export function launch(site: Site, options: LaunchOptions = {}): NodeProcess {
  watchOwnEnd();
  const command = [process.execPath, ...(options.nodeArgs ?? []), program, ...(options.args ?? [])];
  const [executable = "", ...args] = diesWithParent() ? ["setpriv", "--pdeathsig", "KILL", ...command] : command;
  const child = spawn(executable, args, {
    env: { PATH: process.env.PATH ?? "", ...site.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  const ended = new Promise<Ended>((resolve) => {
    // "close" comes after the last output, "exit" may come before it.
    child.once("close", (code, signal) => {
      children.delete(child);
      resolve({ code, signal });
    });
  });
  child.once("error", () => children.delete(child));
  return {
    site,
    pid: child.pid ?? -1,
    ended,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    signal: (signal) => void child.kill(signal),
    stdout: collect(child.stdout),
    stderr: collect(child.stderr),
  };
}

/** Resolves when `/readyz` says that the node knows a leader it can reach; rejects if the node ends before that. */
export async function untilReady(node: NodeProcess): Promise<NodeProcess> {
  const giveUpAt = performance.now() + startMsMax;
  while (node.isRunning() && performance.now() < giveUpAt) {
    if (await answersOk(`${node.site.http}/readyz`)) return node;
    await pause(20);
  }
  const state = node.isRunning() ? "is not ready in time" : "ended before it was ready";
  throw new Error(`${node.site.nodeId} ${state}\n${node.stdout()}${node.stderr()}`);
}

/** Ends a node, stopped or not, and waits until it is gone. */
export async function kill(node: NodeProcess): Promise<Ended> {
  node.signal("SIGKILL");
  return node.ended;
}

/** How much memory the process has resident, in bytes, or null where the system does not tell. */
export function residentBytes(node: NodeProcess): number | null {
  try {
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${node.pid}/status`, "utf8"))?.[1];
    return kibibytes === undefined ? null : Number(kibibytes) * 1024;
  } catch {
    return null;
  }
}

async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = "";
  stream?.setEncoding("utf8");
  stream?.on("data", (chunk: string) => {
    text = (text + chunk).slice(-outputMax);
  });
  return () => text;
}

let setprivFound: boolean | null = null;

/** Whether the system can be told to kill a child with its parent: then even a killed test run leaves nothing behind. */
function diesWithParent(): boolean {
  if (setprivFound === null) {
    setprivFound = (process.env.PATH ?? "").split(":").some((directory) => {
      try {
        accessSync(join(directory, "setpriv"), constants.X_OK);
        return process.platform === "linux";
      } catch {
        return false;
      }
    });
  }
  return setprivFound;
}

/** From the first child on, every end of this process that can be noticed ends the children too. */
function watchOwnEnd(): void {
  if (watching) return;
  watching = true;
  process.once("exit", () => {
    for (const child of children) child.kill("SIGKILL");
    for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  });
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    process.once(signal, () => process.exit(code));
  }
}
