// Starts that must fail: each ends with its exit code and says on stderr, in one line per problem, what is wrong; what was on
// disk before is there afterwards, unchanged.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { patienceMs } from "../patience.ts";
import { statelessClient } from "./clients.ts";
import { at } from "./cluster.ts";
import {
  type Ended,
  kill,
  type LaunchOptions,
  launch,
  planSites,
  removeDirectory,
  type Site,
  temporaryDirectory,
  untilReady,
} from "./node-process.ts";

const test = suite("cluster/start");
const usage = 64;
const damagedData = 65;
const unavailable = 69;

let directory: string;
let site: Site;

test.before.each(async () => {
  directory = temporaryDirectory();
  site = at(await planSites(1, directory), 0);
});
test.after.each(() => removeDirectory(directory));

interface BadStart extends Ended {
  readonly lines: readonly string[];
}

/** Starts a node that must end by itself. */
async function startBadly(options: LaunchOptions = {}): Promise<BadStart> {
  const node = launch(site, options);
  const watchdog = setTimeout(() => node.signal("SIGKILL"), patienceMs);
  const ended = await node.ended;
  clearTimeout(watchdog);
  return { ...ended, lines: node.stderr().split("\n").slice(0, -1) };
}

/** Starts a node that must come up, uses it and stops it cleanly. */
async function startWell(use: () => Promise<void> = async () => {}): Promise<void> {
  const node = await untilReady(launch(site));
  await use();
  node.signal("SIGTERM");
  assert.equal(await node.ended, { code: 0, signal: null });
}

/** A digest of every file below the data directory, other than the locks of processes. */
const contents = () =>
  readdirSync(site.dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/lock/.test(entry.name))
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      return `${file} ${createHash("sha256").update(readFileSync(file)).digest("hex")}`;
    })
    .sort();

const saysOnce = ({ lines }: BadStart, what: RegExp) => {
  assert.is(lines.length, 1, `one line, not ${JSON.stringify(lines)}`);
  assert.match(lines[0] ?? "", what);
};

test("problems of the configuration are reported all at once, each with its variable, with exit code 64", async () => {
  const bad = await startBadly({
    env: { GRPC_PORT: "ninety", RAFT_PEERS: "node-2:127.0.0.1", RAFT_HEARTBEAT_INTERVAL_MS: "-1", LOG_LEVEL: "loud" },
  });
  assert.is(bad.code, usage);
  assert.is(bad.lines.length, 4, JSON.stringify(bad.lines));
  for (const name of ["GRPC_PORT", "RAFT_PEERS", "RAFT_HEARTBEAT_INTERVAL_MS", "LOG_LEVEL"]) {
    assert.ok(
      bad.lines.some((line) => line.includes(name)),
      name,
    );
  }
  assert.not(existsSync(site.dataDir), "nothing was created");
});

test("an unknown flag is a problem of the configuration", async () => {
  const bad = await startBadly({ args: ["--no-such-flag"] });
  assert.is(bad.code, usage);
  saysOnce(bad, /no-such-flag/);
});

test("--help and --version answer with exit code 0 and start nothing", async () => {
  for (const flag of ["--help", "--version"]) {
    const node = launch(site, { args: [flag] });
    assert.equal(await node.ended, { code: 0, signal: null });
    assert.match(node.stdout(), flag === "--help" ? /GRPC_PORT/ : /^\d+\.\d+\.\d+/);
    assert.is(node.stderr(), "");
  }
  assert.not(existsSync(site.dataDir));
});

test("a port that is in use is named, and nothing is changed", async () => {
  await startWell();
  const before = contents();
  for (const port of ["grpcPort", "httpPort", "regionPort"] as const) {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen({ port: site[port] }, resolve));
    try {
      const bad = await startBadly();
      assert.is(bad.code, unavailable, port);
      saysOnce(bad, new RegExp(`${site[port]}`));
      assert.equal(contents(), before);
    } finally {
      squatter.close();
    }
  }
});

test("the data directory of another node or region is refused and left alone", async () => {
  await startWell();
  const before = contents();
  const stranger = await startBadly({ env: { NODE_ID: "node-9" } });
  assert.is(stranger.code, usage);
  saysOnce(stranger, /node-1.*node-9|node-9.*node-1/);
  const foreigner = await startBadly({ env: { REGION_ID: "elsewhere" } });
  assert.is(foreigner.code, usage);
  saysOnce(foreigner, /elsewhere/);
  assert.equal(contents(), before);
});

test("the data directory of a node alone is refused once it has peers, and serves it alone as before", async () => {
  const peers = { RAFT_PEERS: "node-2:127.0.0.1:1,node-3:127.0.0.1:2" };
  const lock = "a-lock-that-outlives-the-refusal";
  const ask = async (client: string) => {
    const caller = statelessClient(site.grpc);
    const answer = await caller.acquire({ lock, client, timeoutMs: 300_000 });
    caller.close();
    return answer;
  };
  await startWell(async () => assert.is((await ask("one")).status, "OK"));
  const before = contents();
  const bad = await startBadly({ env: peers });
  assert.is(bad.code, usage);
  saysOnce(
    bad,
    /belongs to the member node-1 alone, and NODE_ID and RAFT_PEERS name the members node-1, node-2, node-3/,
  );
  assert.equal(contents(), before);
  await startWell(async () => assert.is.not((await ask("two")).status, "OK", "it remembers who holds the lock"));
});

test("a log whose bytes have changed is not served", async () => {
  const lock = "a-lock-whose-name-is-easy-to-find";
  await startWell(async () => {
    const client = statelessClient(site.grpc);
    assert.is((await client.acquire({ lock, client: "one", timeoutMs: 300_000 })).status, "OK");
    client.close();
  });
  assert.ok(flipBits(lock) > 0, "the lock's name is in the log");
  const before = contents();
  const bad = await startBadly();
  assert.is(bad.code, damagedData);
  saysOnce(bad, /entry|log|checksum/i);
  assert.equal(contents(), before);
});

/** Flips a bit of every copy of `text` below the data directory; how many there were. */
function flipBits(text: string): number {
  let flipped = 0;
  for (const entry of readdirSync(site.dataDir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const bytes = readFileSync(file);
    let place = bytes.indexOf(text);
    if (place < 0) continue;
    for (; place >= 0; place = bytes.indexOf(text)) {
      bytes[place] = (bytes[place] ?? 0) ^ 1;
      flipped += 1;
    }
    writeFileSync(file, bytes);
  }
  return flipped;
}

test("a data directory that cannot be made or written is named", async () => {
  const file = join(directory, "a-file");
  writeFileSync(file, "not a directory");
  const bad = await startBadly({ env: { DATA_DIR: join(file, "data") } });
  assert.ok(bad.code !== 0 && bad.code !== null, `ended with ${bad.code ?? bad.signal}`);
  saysOnce(bad, /a-file/);
  assert.is(readFileSync(file, "utf8"), "not a directory");
});

test("a data directory where nothing can be made is named", async () => {
  const bad = await startBadly({ env: { DATA_DIR: "/proc/no-such-directory" } });
  assert.ok(bad.code !== 0 && bad.code !== null, `ended with ${bad.code ?? bad.signal}`);
  saysOnce(bad, /no-such-directory/);
});

test("a second process on the same data directory is refused, and the first goes on", async () => {
  const first = await untilReady(launch(site));
  try {
    const other = at(await planSites(1, join(directory, "other")), 0);
    mkdirSync(join(directory, "other"), { recursive: true });
    const bad = await startBadly({ env: { ...other.env, DATA_DIR: site.dataDir } });
    assert.ok(bad.code !== 0 && bad.code !== null, `ended with ${bad.code ?? bad.signal}`);
    saysOnce(bad, /another process|in use|locked/i);
    assert.ok(first.isRunning());
    const client = statelessClient(site.grpc);
    assert.is((await client.acquire({ lock: "a", client: "one", timeoutMs: 0 })).status, "OK");
    client.close();
  } finally {
    await kill(first);
  }
});

test("a node that was killed starts again on its directory at once", async () => {
  const first = await untilReady(launch(site));
  await kill(first);
  await startWell();
});

test.run();
