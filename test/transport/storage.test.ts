import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { open } from "lmdb";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { noBallot } from "../../src/actors/ballots.ts";
import type { Entry, HardState } from "../../src/actors/messages.ts";
import { leaseId, logIndex, millis, nodeId, requestId, term } from "../../src/actors/scalars.ts";
import { encodeEntry } from "../../src/transport/codec.ts";
import { withChecksum } from "../../src/transport/codec-wire.ts";
import { exitCodes, StartError } from "../../src/transport/resident.ts";
import { startStorage } from "../../src/transport/storage.ts";
import { diskShareOf, isScarce } from "../../src/transport/storage-room.ts";
import { patienceMs } from "../patience.ts";
import { freshDirectory, mailroom, settingsOf } from "./surroundings.ts";

const test = suite("transport/storage");

const entry = (index: number, of = 1): Entry => ({
  index: logIndex(index),
  term: term(of),
  command: {
    type: "write",
    requestId: requestId(`request-${index}`),
    bornAt: logIndex(0),
    write: { type: "openLease", owner: "owner", ttl: millis(1000) },
  },
});
const entries = (from: number, to: number, of = 1): Entry[] =>
  Array.from({ length: to - from + 1 }, (_, offset) => entry(from + offset, of));
const voted: HardState = { term: term(3), votedFor: nodeId("b") };
const append = (appended: readonly Entry[], hardState: HardState | null = null) =>
  ({ type: "append", hardState, entries: appended, replacements: 0, release: [] }) as const;
const envelope = (to: string, of: number) =>
  ({ type: "send", to: nodeId(to), message: { type: "voteResponse", term: term(of), granted: true } }) as const;

async function startIn(dataDir: string, mapBytes = 64 << 20) {
  const room = mailroom<"storage">(settingsOf({ dataDir, mapBytes }));
  const storage = await startStorage(room);
  const loaded = await room.letter("raft", "loaded");
  return { room, storage, loaded };
}

async function startError(dataDir: string): Promise<StartError> {
  try {
    await startStorage(mailroom<"storage">(settingsOf({ dataDir })));
  } catch (error) {
    assert.instance(error, StartError);
    return error as StartError;
  }
  throw new Error("the node starts");
}

/** Changes what is on disk behind the node's back. */
async function tamper(
  dataDir: string,
  table: string,
  change: (database: ReturnType<ReturnType<typeof open>["openDB"]>) => unknown,
): Promise<void> {
  const root = open({ path: join(dataDir, "raft.mdb"), noSubdir: true, encoding: "binary", maxDbs: 8 });
  await change(root.openDB({ name: table, encoding: "binary" }));
  await root.close();
}

test("a new node has nothing and says so, and lock is sent an empty snapshot", async () => {
  const { room, storage, loaded } = await startIn(freshDirectory());
  assert.equal(loaded, { type: "loaded", hardState: { term: 0, votedFor: null }, snapshot: null, entries: [] });
  const { slice } = await room.letter("lock", "restore");
  assert.equal([slice.position, slice.slice, slice.last], [{ index: 0, term: 0 }, 0, true]);
  await storage.stop();
});

test("nothing is posted before the start has resolved", async () => {
  const room = mailroom<"storage">(settingsOf({ dataDir: freshDirectory() }));
  const storage = await startStorage(room);
  assert.equal(room.posted, []);
  await storage.stop();
});

test("term, vote and log survive a restart", async () => {
  const dataDir = freshDirectory();
  const first = await startIn(dataDir);
  first.storage.receive(append(entries(1, 5), voted));
  const persisted = await first.room.letter("raft", "persisted");
  assert.equal(persisted, { type: "persisted", replacements: 0, hardState: voted, lastIndex: 5, lastTerm: 1 });
  await first.storage.stop();
  const second = await startIn(dataDir);
  assert.equal(second.loaded, { type: "loaded", hardState: voted, snapshot: null, entries: entries(1, 5) });
  await second.storage.stop();
});

test("messages are released only after the flush of everything before them", async () => {
  const dataDir = freshDirectory();
  const { room, storage } = await startIn(dataDir);
  storage.receive({ ...append(entries(1, 2), voted), release: [envelope("b", 3)] });
  await undefined;
  assert.is(room.posted.filter(({ to }) => to === "peers").length, 0);
  await room.letter("peers", "send");
  const reader = open({
    path: join(dataDir, "raft.mdb"),
    noSubdir: true,
    encoding: "binary",
    maxDbs: 8,
    readOnly: true,
  });
  assert.ok(reader.openDB({ name: "log", encoding: "binary" }).doesExist(2));
  await reader.close();
  await storage.stop();
});

test("what queues while a commit runs is one commit, told by one letter, released in order", async () => {
  const { room, storage } = await startIn(freshDirectory());
  const before = Number(storage.inspect().commits);
  storage.receive({ ...append(entries(1, 1)), release: [envelope("b", 1)] });
  await new Promise(setImmediate);
  for (let index = 2; index <= 9; index++) {
    storage.receive({ ...append(entries(index, index)), release: [envelope("b", index)] });
  }
  assert.is((await room.letter("raft", "persisted")).lastIndex, 1);
  assert.is((await room.letter("raft", "persisted")).lastIndex, 9);
  assert.is(room.posted.filter(({ letter }) => letter.type === "persisted").length, 2);
  assert.is(Number(storage.inspect().commits) - before, 2);
  const released = room.posted.filter(({ to }) => to === "peers").map(({ letter }) => letter.message.term);
  assert.equal(released, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  await storage.stop();
});

test("entries that conflict with the log replace it from there on", async () => {
  const dataDir = freshDirectory();
  const first = await startIn(dataDir);
  first.storage.receive(append(entries(1, 9)));
  first.storage.receive(append(entries(4, 5, 2)));
  const persisted = await first.room.letter("raft", "persisted");
  assert.equal([persisted.lastIndex, persisted.lastTerm], [5, 2]);
  await first.storage.stop();
  const second = await startIn(dataDir);
  assert.equal(second.loaded.entries, [...entries(1, 3), ...entries(4, 5, 2)]);
  await second.storage.stop();
});

test("entries that leave a gap stop the node", async () => {
  const { room, storage } = await startIn(freshDirectory());
  storage.receive(append(entries(2, 3)));
  assert.match((await room.failure()).message, "no gap");
  await storage.stop();
});

test("an entry whose bytes have changed is not served, and nothing is changed", async () => {
  const dataDir = freshDirectory();
  const { storage } = await startIn(dataDir);
  storage.receive(append(entries(1, 5)));
  await storage.stop();
  await tamper(dataDir, "log", (log) => {
    const record = Buffer.from(log.get(3) as Uint8Array);
    record[10] = (record[10] as number) ^ 1;
    return log.put(3, record);
  });
  for (const attempt of [1, 2]) {
    const error = await startError(dataDir);
    assert.is(error.exitCode, exitCodes.damagedData, `attempt ${attempt}`);
    assert.match(error.message, /entry 3: the checksum does not fit.*To rejoin/);
  }
});

test("a log with a missing entry, a missing end or a wrong entry is not served", async () => {
  const damages: [RegExp, (log: ReturnType<ReturnType<typeof open>["openDB"]>) => unknown][] = [
    [/entry 3 is missing/, (log) => log.remove(3)],
    [/entry 5 is missing/, (log) => log.remove(5)],
    [/entry 2 says that it is entry 4/, (log) => log.put(2, withChecksum(encodeEntry(entry(4))))],
  ];
  for (const [message, damage] of damages) {
    const dataDir = freshDirectory();
    const { storage } = await startIn(dataDir);
    storage.receive(append(entries(1, 5)));
    await storage.stop();
    await tamper(dataDir, "log", damage);
    assert.match((await startError(dataDir)).message, message);
  }
});

test("a damaged vote is not served", async () => {
  const dataDir = freshDirectory();
  const { storage } = await startIn(dataDir);
  await storage.stop();
  await tamper(dataDir, "meta", (meta) => meta.put("hardState", Buffer.from([1, 2, 3, 4, 5])));
  assert.match((await startError(dataDir)).message, /record hardState: the checksum does not fit/);
});

test("an entry of a kind that this version does not know is not skipped", async () => {
  const dataDir = freshDirectory();
  const { storage } = await startIn(dataDir);
  storage.receive(append(entries(1, 1)));
  await storage.stop();
  // Index 1, term 1, and a command of number 15.
  await tamper(dataDir, "log", (log) => log.put(1, withChecksum(Buffer.from([8, 1, 16, 1, 122, 0]))));
  assert.match((await startError(dataDir)).message, /newer version: entry 1: a kind of command/);
});

test("a file that was cut short is not served, and does not kill the process", async () => {
  const dataDir = freshDirectory();
  const { storage } = await startIn(dataDir);
  storage.receive(append(entries(1, 2000)));
  await storage.stop();
  const file = join(dataDir, "raft.mdb");
  truncateSync(file, statSync(file).size >> 1);
  const error = await startError(dataDir);
  assert.is(error.exitCode, exitCodes.damagedData);
  assert.match(error.message, /is damaged: .*To rejoin/);
});

test("a file that is no database is not served", async () => {
  const dataDir = freshDirectory();
  const { storage } = await startIn(dataDir);
  await storage.stop();
  for (const junk of [Buffer.alloc(100), Buffer.alloc(8192), Buffer.alloc(20_000, 7)]) {
    writeFileSync(join(dataDir, "raft.mdb"), junk);
    assert.is((await startError(dataDir)).exitCode, exitCodes.damagedData);
  }
});

test("a directory whose database is gone is not started as if it were new", async () => {
  const dataDir = freshDirectory();
  const { storage } = await startIn(dataDir);
  await storage.stop();
  rmSync(join(dataDir, "raft.mdb"));
  const error = await startError(dataDir);
  assert.is(error.exitCode, exitCodes.damagedData);
  assert.not(existsSync(join(dataDir, "raft.mdb")));
});

test("the log is compacted in steps, and goes on after that", async () => {
  const dataDir = freshDirectory();
  const first = await startIn(dataDir);
  first.storage.receive(append(entries(1, 10_000)));
  first.storage.receive({
    type: "snapshotTaken",
    slice: {
      position: { index: logIndex(9_950), term: term(1) },
      slice: 0,
      last: true,
      counters: { fencingToken: 0 as never, leaseId: leaseId(0), round: 0, floor: noBallot, leaseNumbers: [] },
      leases: [],
      locks: [],
      outcomes: [],
      ended: [],
      acceptors: [],
      waiters: [],
      delays: [],
    },
  });
  assert.equal((await first.room.letter("raft", "snapshotSaved")).position, { index: 9_950, term: 1 });
  first.storage.receive({ type: "compact", through: logIndex(9_900) });
  while (first.storage.inspect().firstIndex !== 9_901) await new Promise(setImmediate);
  first.storage.receive(append(entries(10_001, 10_002)));
  await first.storage.stop();
  const second = await startIn(dataDir);
  assert.equal(second.loaded.entries, entries(9_901, 10_002));
  assert.equal(second.loaded.snapshot, { index: 9_950, term: 1 });
  await second.storage.stop();
});

test("only what is in a snapshot leaves the log", async () => {
  const { room, storage } = await startIn(freshDirectory());
  storage.receive(append(entries(1, 5)));
  await room.letter("raft", "persisted");
  assert.throws(() => storage.receive({ type: "compact", through: logIndex(3) }), /only what is in a snapshot/);
  await storage.stop();
});

test("room is scarce from 80 % of map or disk on, and plenty again a little below", () => {
  const room = (used: number, diskShare: number) => ({ usedBytes: used, mapBytes: 100, diskShare });
  assert.is(isScarce(room(79, 0.1), false), false);
  assert.is(isScarce(room(80, 0.1), false), true);
  assert.is(isScarce(room(10, 0.8), false), true);
  assert.is(isScarce(room(79, 0.1), true), true);
  assert.is(isScarce(room(77, 0.77), true), false);
});

test("a disk is as full as df says: what the system keeps of it for itself is neither used nor free", () => {
  assert.is(diskShareOf({ blocks: 1_000, bfree: 850, bavail: 150 }), 0.5);
  assert.is(diskShareOf({ blocks: 1_000, bfree: 1_000, bavail: 950 }), 0);
  assert.is(diskShareOf({ blocks: 1_000, bfree: 50, bavail: 0 }), 1);
});

test("the gateway is told when room becomes scarce, and when it is plenty again", async () => {
  const { room, storage } = await startIn(freshDirectory(), 1 << 20);
  storage.receive(append(entries(1, 16_000)));
  assert.is((await room.letter("gateway", "room")).scarce, true);
  storage.receive(append(entries(2, 2, 2)));
  assert.is((await room.letter("gateway", "room")).scarce, false);
  await storage.stop();
});

test("a write that the disk refuses stops the node, and what was durable stays", async () => {
  const dataDir = freshDirectory();
  const program = new URL("./storage-full-disk.js", import.meta.url).pathname;
  // A limit on the size of files is the nearest thing to a full disk that every machine has.
  const { status, stdout } = spawnSync(
    "sh",
    ["-c", `ulimit -f 4096; exec "${process.execPath}" "${program}" "${dataDir}"`],
    {
      encoding: "utf8",
      timeout: patienceMs,
    },
  );
  assert.is(status, 74, stdout);
  const { durable } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { durable: number };
  const { storage, loaded } = await startIn(dataDir);
  assert.ok(durable > 0);
  assert.is(loaded.entries.length, durable);
  await storage.stop();
});

test("a stopped node leaves no lock behind", async () => {
  const dataDir = freshDirectory();
  const { storage } = await startIn(dataDir);
  await storage.stop();
  assert.not(readdirSync(dataDir).includes("lockmgr.lock"));
});

test.run();
