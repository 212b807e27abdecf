import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { freePort } from "../cluster/ports.ts";

const program = fileURLToPath(new URL("../../src/main.js", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "lockmgr-main-"));

interface Run {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** It is asked to stop once, when it has written this to standard output. */
  readonly stopAfter?: string;
}

/** Runs the program from another directory than its own, to its end. */
async function run({ args = [], env = {}, stopAfter }: Run) {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH, ...env },
  });
  let [output, errors] = ["", ""];
  let asked = false;
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
    if (asked || stopAfter === undefined || !output.includes(stopAfter)) return;
    // Only once: a node that is asked again later does not wait for a clean end.
    asked = true;
    child.kill("SIGTERM");
  });
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk;
  });
  const [code, signal] = await once(child, "close");
  return { code: code ?? signal, output, errors };
}

const freePorts = async (): Promise<Record<string, string>> => ({
  GRPC_PORT: String(await freePort()),
  HTTP_PORT: String(await freePort()),
  REGION_PORT: String(await freePort()),
  LISTEN_HOST: "127.0.0.1",
});

const test = suite("main");
test.after(() => rmSync(directory, { recursive: true, force: true }));

test("--version and --help answer on standard output and start nothing", async () => {
  const version = await run({ args: ["--version"] });
  assert.equal(version, { code: 0, output: version.output, errors: "" });
  assert.match(version.output, /^\d+\.\d+\.\d+\S*\n$/);
  const help = await run({ args: ["--help"] });
  assert.is(help.code, 0);
  for (const name of ["GRPC_PORT", "--grpc-port", "DATA_DIR", "RAFT_PEERS"])
    assert.ok(help.output.includes(name), name);
});

test("every problem of the configuration is told at once, each with the variable's name", async () => {
  const { code, output, errors } = await run({
    env: { GRPC_PORT: "abc", DATA_DIR: "", RAFT_HEARTBEAT_INTERVAL_MS: "-1" },
  });
  assert.is(code, 64);
  assert.is(output, "");
  const lines = errors.trimEnd().split("\n");
  for (const name of ["GRPC_PORT", "RAFT_HEARTBEAT_INTERVAL_MS"]) {
    assert.is(lines.filter((line) => line.startsWith(`${name}:`)).length, 1, name);
  }
});

for (const threads of ["separate", "shared"]) {
  test(`a node serves, logs JSON, keeps its data under the current directory and stops with 0; threads ${threads}`, async () => {
    const { code, output, errors } = await run({
      env: { ...(await freePorts()), DATA_DIR: `data-${threads}`, THREADS: threads },
      stopAfter: '"msg":"serving"',
    });
    assert.equal([code, errors], [0, ""]);
    const entries = output
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.ok(entries.every(({ node, region }) => node === "node-1" && region === "default"));
    assert.ok(entries.some(({ msg }) => msg === "stopped"));
    assert.ok(existsSync(join(directory, `data-${threads}`)));
  });
}

test("a port in use is one clear line and another exit code, and nothing is written", async () => {
  const ports = await freePorts();
  const occupant = createServer().listen(Number(ports.GRPC_PORT), "127.0.0.1");
  await once(occupant, "listening");
  const { code, errors } = await run({ env: { ...ports, DATA_DIR: "untouched" } });
  occupant.close();
  assert.is(code, 69);
  assert.match(errors, new RegExp(`^lockmgr: [^\\n]*${ports.GRPC_PORT}[^\\n]*\\n$`));
  assert.not(existsSync(join(directory, "untouched")));
});

test.run();
