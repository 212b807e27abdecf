import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { open } from "lmdb";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { SnapshotChunk, SnapshotSlice } from "../../src/actors/messages.ts";
import { fencingToken, leaseId, logIndex, millis, nodeId, regionId, term } from "../../src/actors/scalars.ts";
import { StartError } from "../../src/transport/resident.ts";
import { openPress } from "../../src/transport/snapshot-press.ts";
import { startStorage } from "../../src/transport/storage.ts";
import { freshDirectory, type Mailroom, mailroom, settingsOf } from "./surroundings.ts";

const test = suite("transport/snapshot");

const at = (index: number) => ({ index: logIndex(index), term: term(1) });

/** A slice with so many leases. Their owners do not compress, so that a slice is as large as it looks. */
const sliceOf = (index: number, slice: number, last: boolean, leases = 3): SnapshotSlice => ({
  position: at(index),
  slice,
  last,
  counters: {
    fencingToken: fencingToken(index),
    leaseId: leaseId(slice + 1),
    round: index,
    floor: { round: slice, region: regionId(slice === 0 ? "" : "eu") },
    leaseNumbers: [slice, index],
  },
  leases: Array.from({ length: leases }, (_, id) => ({
    id: leaseId(id + 1),
    owner: randomBytes(64).toString("base64"),
    ttl: millis(1_000),
    renewals: 0,
  })),
  locks: [],
  outcomes: [],
  ended: [],
  acceptors: [],
  waiters: [],
  delays: [],
});

const slicesOf = (index: number, count: number, leases = 3): SnapshotSlice[] =>
  Array.from({ length: count }, (_, slice) => sliceOf(index, slice, slice === count - 1, leases));

const noops = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, offset) => ({
    index: logIndex(from + offset),
    term: term(1),
    command: { type: "noop" } as const,
  }));

async function startIn(dataDir: string) {
  const room = mailroom<"storage">(settingsOf({ dataDir }));
  const storage = await startStorage(room);
  const loaded = await room.letter("raft", "loaded");
  return { room, storage, loaded };
}

type Node = Awaited<ReturnType<typeof startIn>>;

/** What lock is sent to restore, up to the last slice. */
async function restored(room: Mailroom<"storage">): Promise<SnapshotSlice[]> {
  const slices: SnapshotSlice[] = [];
  do slices.push((await room.letter("lock", "restore")).slice);
  while (slices.at(-1)?.last !== true);
  return slices;
}

async function take({ room, storage }: Node, slices: readonly SnapshotSlice[]): Promise<void> {
  const last = slices[0]?.position.index ?? 0;
  const from = Number(storage.inspect().lastIndex) + 1;
  if (last >= from)
    storage.receive({ type: "append", hardState: null, entries: noops(from, last), replacements: 0, release: [] });
  for (const slice of slices) storage.receive({ type: "snapshotTaken", slice });
  assert.is((await room.letter("raft", "snapshotSaved")).position.index, last);
}

async function chunkOf({ room, storage }: Node, chunk: number, position: ReturnType<typeof at> | null = null) {
  storage.receive({ type: "readChunk", to: nodeId("b"), position, chunk });
  return (await room.letter("raft", "chunkRead")).chunk as SnapshotChunk | null;
}

async function chunksOf(node: Node): Promise<SnapshotChunk[]> {
  const first = (await chunkOf(node, 0)) as SnapshotChunk;
  const chunks = [first];
  while (chunks.length < first.chunks) {
    chunks.push((await chunkOf(node, chunks.length, at(first.position.index))) as SnapshotChunk);
  }
  return chunks;
}

const receive = ({ storage }: Node, chunk: SnapshotChunk, from = "b") =>
  storage.receive({ type: "receiveChunk", from: nodeId(from), chunk });

const wanted = async ({ room }: Node): Promise<number> => (await room.letter("raft", "chunkReceived")).next;

async function chunksOnDisk(dataDir: string): Promise<number> {
  const root = open({ path: join(dataDir, "raft.mdb"), noSubdir: true, encoding: "binary", maxDbs: 8 });
  const count = root.openDB({ name: "chunks", encoding: "binary" }).getCount();
  await root.close();
  return count;
}

/** A node that has taken a snapshot, and its chunks. */
async function sender(index: number, slices: readonly SnapshotSlice[]) {
  const dataDir = freshDirectory();
  const node = await startIn(dataDir);
  await restored(node.room);
  await take(node, slices);
  const chunks = await chunksOf(node);
  await node.storage.stop();
  assert.is(chunks[0]?.position.index, index);
  return chunks;
}

test("a snapshot that was taken is what a restart restores", async () => {
  const dataDir = freshDirectory();
  const slices = slicesOf(50, 3);
  const first = await startIn(dataDir);
  await take(first, slices);
  await first.storage.stop();
  const second = await startIn(dataDir);
  assert.equal(second.loaded.snapshot, at(50));
  assert.equal(await restored(second.room), slices);
  await second.storage.stop();
});

test("a newer snapshot replaces the older, chunks and all", async () => {
  const dataDir = freshDirectory();
  const node = await startIn(dataDir);
  await take(node, slicesOf(50, 5));
  const newer = slicesOf(60, 2);
  await take(node, newer);
  assert.is(await chunkOf(node, 0, at(50)), null);
  assert.is((await chunkOf(node, 0))?.position.index, 60);
  await node.storage.stop();
  assert.is(await chunksOnDisk(dataDir), 2);
  const again = await startIn(dataDir);
  assert.equal(await restored(again.room), newer);
  await again.storage.stop();
});

test("large slices go through the pool and come back the same", async () => {
  const dataDir = freshDirectory();
  const slices = slicesOf(10, 2, 2_000);
  const node = await startIn(dataDir);
  await take(node, slices);
  assert.ok(((await chunkOf(node, 0))?.bytes.length ?? 0) > 64 * 1024);
  await node.storage.stop();
  const again = await startIn(dataDir);
  assert.equal(await restored(again.room), slices);
  await again.storage.stop();
});

test("a node without a snapshot, or without such a chunk, says so", async () => {
  const node = await startIn(freshDirectory());
  assert.is(await chunkOf(node, 0), null);
  await take(node, slicesOf(5, 2));
  assert.is(await chunkOf(node, 2), null);
  assert.is(await chunkOf(node, 0, at(4)), null);
  await node.storage.stop();
});

test("a snapshot that is received replaces snapshot, log and lock table together", async () => {
  const slices = slicesOf(500, 3);
  const chunks = await sender(500, slices);
  const dataDir = freshDirectory();
  const node = await startIn(dataDir);
  await restored(node.room);
  await take(node, slicesOf(20, 4));
  for (const [index, chunk] of chunks.entries()) {
    receive(node, chunk);
    if (index < chunks.length - 1) assert.is(await wanted(node), index + 1);
  }
  assert.equal(await node.room.letter("raft", "snapshotInstalled"), {
    type: "snapshotInstalled",
    from: "b",
    position: at(500),
  });
  assert.equal(await restored(node.room), slices);
  node.storage.receive({ type: "append", hardState: null, entries: noops(501, 502), replacements: 0, release: [] });
  await node.storage.stop();
  assert.is(await chunksOnDisk(dataDir), 3);
  const again = await startIn(dataDir);
  assert.equal([again.loaded.snapshot, again.loaded.entries], [at(500), noops(501, 502)]);
  assert.equal(await restored(again.room), slices);
  await again.storage.stop();
});

test("chunks out of order are answered with the one that is wanted", async () => {
  const chunks = (await sender(500, slicesOf(500, 3))) as [SnapshotChunk, SnapshotChunk, SnapshotChunk];
  const node = await startIn(freshDirectory());
  receive(node, chunks[1]);
  assert.is(await wanted(node), 0);
  receive(node, chunks[0]);
  assert.is(await wanted(node), 1);
  receive(node, chunks[0]);
  assert.is(await wanted(node), 1);
  receive(node, chunks[2]);
  assert.is(await wanted(node), 1);
  receive(node, chunks[1]);
  assert.is(await wanted(node), 2);
  receive(node, chunks[2]);
  await node.room.letter("raft", "snapshotInstalled");
  receive(node, chunks[2]);
  assert.is(await wanted(node), 3);
  await node.storage.stop();
});

test("a chunk that was damaged on the way, or says something else than it is, is asked for again", async () => {
  const chunks = (await sender(500, slicesOf(500, 2))) as [SnapshotChunk, SnapshotChunk];
  const node = await startIn(freshDirectory());
  const damaged = Uint8Array.from(chunks[0].bytes);
  damaged[7] = (damaged[7] as number) ^ 1;
  receive(node, { ...chunks[0], bytes: damaged });
  assert.is(await wanted(node), 0);
  receive(node, { ...chunks[1], chunk: 0 });
  assert.is(await wanted(node), 0);
  receive(node, { ...chunks[0], position: at(600) });
  assert.is(await wanted(node), 0);
  receive(node, chunks[0]);
  assert.is(await wanted(node), 1);
  await node.storage.stop();
});

test("chunks of two senders are never mixed", async () => {
  const ofB = (await sender(500, slicesOf(500, 2))) as [SnapshotChunk, SnapshotChunk];
  const slicesOfC = slicesOf(500, 2, 5);
  const ofC = (await sender(500, slicesOfC)) as [SnapshotChunk, SnapshotChunk];
  const node = await startIn(freshDirectory());
  await restored(node.room);
  receive(node, ofB[0], "b");
  assert.is(await wanted(node), 1);
  receive(node, ofC[1], "c");
  assert.is(await wanted(node), 0);
  receive(node, ofC[0], "c");
  assert.is(await wanted(node), 1);
  receive(node, ofC[1], "c");
  assert.is((await node.room.letter("raft", "snapshotInstalled")).from, "c");
  assert.equal(await restored(node.room), slicesOfC);
  await node.storage.stop();
});

test("an older snapshot than the node's own is not accepted", async () => {
  const older = await sender(40, slicesOf(40, 1));
  const node = await startIn(freshDirectory());
  await take(node, slicesOf(50, 1));
  receive(node, older[0] as SnapshotChunk);
  assert.is(await wanted(node), 1);
  assert.is((await chunkOf(node, 0))?.position.index, 50);
  await node.storage.stop();
});

test("a crash in the middle of taking or receiving leaves the old snapshot, and the leftovers go", async () => {
  const chunks = await sender(500, slicesOf(500, 3));
  const dataDir = freshDirectory();
  const old = slicesOf(20, 2);
  const node = await startIn(dataDir);
  await take(node, old);
  receive(node, chunks[0] as SnapshotChunk);
  await wanted(node);
  for (const slice of slicesOf(20, 3).slice(0, 2)) node.storage.receive({ type: "snapshotTaken", slice });
  // Both are on disk as far as they came, and nobody goes on with them.
  receive(node, chunks[1] as SnapshotChunk);
  await wanted(node);
  await node.storage.stop();
  assert.ok((await chunksOnDisk(dataDir)) > 2);
  const again = await startIn(dataDir);
  assert.equal(again.loaded.snapshot, at(20));
  assert.equal(await restored(again.room), old);
  await again.storage.stop();
  assert.is(await chunksOnDisk(dataDir), 2);
});

test("what a node was taking when a newer snapshot came is given up", async () => {
  const slices = slicesOf(500, 1);
  const [chunk] = (await sender(500, slices)) as [SnapshotChunk];
  const dataDir = freshDirectory();
  const node = await startIn(dataDir);
  await restored(node.room);
  const [first, second] = slicesOf(20, 2) as [SnapshotSlice, SnapshotSlice];
  node.storage.receive({ type: "snapshotTaken", slice: first });
  receive(node, chunk);
  await node.room.letter("raft", "snapshotInstalled");
  node.storage.receive({ type: "snapshotTaken", slice: second });
  assert.equal(await restored(node.room), slices);
  await node.storage.stop();
  assert.is(await chunksOnDisk(dataDir), 1);
  assert.is(node.room.posted.filter(({ letter }) => letter.type === "snapshotSaved").length, 0);
});

test("a snapshot with a damaged or missing chunk is not served", async () => {
  for (const damage of ["changed", "missing"]) {
    const dataDir = freshDirectory();
    const node = await startIn(dataDir);
    await take(node, slicesOf(20, 2));
    await node.storage.stop();
    const root = open({ path: join(dataDir, "raft.mdb"), noSubdir: true, encoding: "binary", maxDbs: 8 });
    const chunks = root.openDB({ name: "chunks", encoding: "binary" });
    const [key] = [...chunks.getKeys()].slice(-1);
    await (damage === "missing"
      ? chunks.remove(key as never)
      : chunks.put(key as never, Buffer.from("something else")));
    await root.close();
    try {
      await startIn(dataDir);
      assert.unreachable();
    } catch (error) {
      assert.instance(error, StartError);
      assert.match((error as StartError).message, /chunk 1 of the snapshot.*To rejoin/);
    }
  }
});

test("the press verifies what a chunk says of itself", async () => {
  const press = openPress();
  const slice = sliceOf(9, 0, false, 2_000);
  const bytes = await press.pack(slice);
  assert.equal(await press.unpack(bytes), slice);
  const { crc32 } = await import("node:zlib");
  const chunk = { position: at(9), chunk: 0, chunks: 2, bytes, checksum: crc32(bytes) };
  assert.is(await press.verify(chunk), true);
  assert.is(await press.verify({ ...chunk, chunks: 1 }), false);
  assert.is(await press.verify({ ...chunk, checksum: 1 }), false);
  await press.close();
});

test.run();
