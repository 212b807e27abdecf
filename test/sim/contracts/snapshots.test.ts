// A snapshot that a leader sends, held against what raft takes storage for: every chunk is answered once, however many are with it
// at a time; whoever goes on with the chunk that is wanted gets the snapshot installed, whole; and what a chunk says of itself
// must be what is in it.

import { join } from "node:path";
import { open } from "lmdb";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RaftToStorage, SnapshotChunk, SnapshotSlice } from "../../../src/actors/messages.ts";
import { logIndex, nodeId, term } from "../../../src/actors/scalars.ts";
import { chunkOf } from "../../../src/transport/codec-snapshot.ts";
import { openPress } from "../../../src/transport/snapshot-press.ts";
import { freshDirectory } from "../../transport/surroundings.ts";
import { createRandom, type Random } from "../random.ts";
import type { Said } from "./model-disk.ts";
import { emptySlice, startReal, until } from "./real-storage.ts";
import { drawSlices } from "./storage-script.ts";

const test = suite("sim/contracts/snapshots");
const press = openPress();
test.after(() => press.close());

const sender = nodeId("b");

/** A snapshot of at least `count` slices, as chunks. */
async function drawChunks(random: Random, index: number, count: number) {
  const position = { index: logIndex(index), term: term(3) };
  let slices: SnapshotSlice[] = [];
  while (slices.length < count) slices = drawSlices(random, position, emptySlice());
  const bodies = await Promise.all(slices.map((slice) => press.pack(slice)));
  const chunks = bodies.map((bytes, chunk) => chunkOf(position, { chunk, chunks: slices.length, bytes }));
  return { position, slices, chunks };
}

const receive = (chunk: SnapshotChunk): RaftToStorage => ({ type: "receiveChunk", from: sender, chunk });
const isAnswer = ({ letter }: Said): boolean => ["chunkReceived", "snapshotInstalled"].includes(letter.type);
const restored = (said: readonly Said[]): SnapshotSlice[] =>
  said.filter(({ letter }) => letter.type === "restore").map(({ letter }) => letter.slice);

/** Moments of any length, so that letters come at any point of a commit. */
async function aWhile(random: Random): Promise<void> {
  for (let at = random.below(6); at > 0; at -= 1) await (random.chance(0.5) ? undefined : new Promise(setImmediate));
}

async function sendInBursts(seed: number): Promise<void> {
  const random = createRandom(seed, "bursts");
  const said: Said[] = [];
  const dataDir = freshDirectory();
  const { storage, failures } = await startReal(dataDir, said, () => undefined);
  await until(
    () => restored(said).length > 0,
    () => "the first restore",
  );
  said.length = 0;
  const { position, slices, chunks } = await drawChunks(random, 10 + seed, 1);
  const isInstalled = (): boolean => said.some(({ letter }) => letter.type === "snapshotInstalled");
  let next = 0;
  for (let sent = 0; !isInstalled(); ) {
    const burst = [
      next,
      ...Array.from({ length: random.below(4) }, () => random.pick([next, random.below(chunks.length)])),
    ];
    for (const chunk of burst) {
      storage.receive(receive(chunks[chunk] as SnapshotChunk));
      await aWhile(random);
    }
    sent += burst.length;
    assert.ok(sent < 500, "whoever goes on with the chunk that is wanted gets the snapshot installed");
    await until(
      () => failures.length > 0 || said.filter(isAnswer).length >= sent,
      () => `${sent} chunks are answered: ${JSON.stringify(said)}`,
    );
    assert.equal(failures, []);
    assert.is(said.filter(isAnswer).length, sent, "every chunk is answered once");
    const wanted = said.findLast(({ letter }) => letter.type === "chunkReceived" && letter.next !== null);
    next = Math.min(wanted?.letter.next ?? 0, chunks.length - 1);
  }
  assert.is(said.filter(({ letter }) => letter.type === "snapshotInstalled").length, 1);
  const whole = (): boolean => restored(said).some(({ last }) => last);
  await until(whole, () => "the restore");
  assert.equal(restored(said), slices);
  // The first chunk of the next snapshot comes, and no more: the first one is what the node has.
  const newer = await drawChunks(random, 100, 2);
  storage.receive(receive(newer.chunks[0] as SnapshotChunk));
  await storage.stop();
  const again: Said[] = [];
  const { storage: restarted } = await startReal(dataDir, again, () => undefined);
  await until(
    () => restored(again).some(({ last }) => last),
    () => "the restore after a restart",
  );
  assert.equal(restored(again), slices);
  assert.equal(again.find(({ letter }) => letter.type === "loaded")?.letter.snapshot, position);
  await restarted.stop();
}

test("chunks that come in bursts are each answered once, and the snapshot is installed whole", async () => {
  for (let seed = 1; seed <= 25; seed += 1) {
    try {
      await sendInBursts(seed);
    } catch (error) {
      (error as Error).message = `seed ${seed}: ${(error as Error).message}`;
      throw error;
    }
  }
});

test("a chunk that is another than it says is asked for again", async () => {
  const random = createRandom(1, "disguised");
  const { position, chunks } = await drawChunks(random, 50, 3);
  const [first, second] = chunks as [SnapshotChunk, SnapshotChunk];
  const disguises: SnapshotChunk[] = [
    { ...first, bytes: second.bytes, checksum: second.checksum },
    { ...first, position: { ...position, term: term(position.term + 1) } },
    { ...first, position: { ...position, index: logIndex(position.index + 1) } },
    { ...first, checksum: first.checksum ^ 1 },
    { ...first, chunks: 1 },
  ];
  const said: Said[] = [];
  const { storage } = await startReal(freshDirectory(), said, () => undefined);
  for (const [at, chunk] of disguises.entries()) {
    storage.receive(receive(chunk));
    await until(
      () => said.filter(isAnswer).length > at,
      () => `disguise ${at} is answered`,
    );
    const { letter } = said.filter(isAnswer)[at] as Said;
    assert.equal([letter.type, letter.next], ["chunkReceived", 0], `disguise ${at}`);
  }
  await storage.stop();
});

/** A node that has a log of so many entries. */
async function nodeWithLog(entries: number) {
  const said: Said[] = [];
  const dataDir = freshDirectory();
  const { storage, failures } = await startReal(dataDir, said, () => undefined);
  const appended = Array.from({ length: entries }, (_, at) => ({
    index: logIndex(at + 1),
    term: term(1),
    command: { type: "noop" } as const,
  }));
  storage.receive({ type: "append", hardState: null, entries: appended, replacements: 0, release: [] });
  const of = (type: string): Said["letter"][] =>
    said.filter(({ letter }) => letter.type === type).map(({ letter }) => letter);
  const awaits = (type: string, count = 1): Promise<void> =>
    until(
      () => failures.length > 0 || of(type).length >= count,
      () => `${type}: ${JSON.stringify(said)}`,
    );
  await awaits("persisted");
  return { storage, dataDir, of, awaits };
}

/** A snapshot that a node takes of its own log, of so many slices. */
const ownSlices = (index: number, count: number): SnapshotSlice[] =>
  Array.from({ length: count }, (_, slice) => ({
    ...emptySlice(),
    position: { index: logIndex(index), term: term(1) },
    slice,
    last: slice === count - 1,
  }));

const take = ({ storage }: Awaited<ReturnType<typeof nodeWithLog>>, slices: readonly SnapshotSlice[]): void => {
  for (const slice of slices) storage.receive({ type: "snapshotTaken", slice });
};

async function chunksOnDisk(dataDir: string): Promise<number> {
  const root = open({ path: join(dataDir, "raft.mdb"), noSubdir: true, encoding: "binary", maxDbs: 8 });
  const count = root.openDB({ name: "chunks", encoding: "binary" }).getCount();
  await root.close();
  return count;
}

test("a snapshot that was begun and not finished leaves nothing on disk once the next is taken", async () => {
  const node = await nodeWithLog(30);
  const commits = (): number => Number(node.storage.inspect().commits);
  const before = commits();
  take(node, ownSlices(20, 4).slice(0, 3));
  await until(
    () => commits() > before,
    () => "a slice is on disk",
  );
  take(node, ownSlices(30, 2));
  await node.awaits("snapshotSaved");
  assert.is(node.of("snapshotSaved")[0]?.position.index, 30);
  await node.storage.stop();
  assert.is(await chunksOnDisk(node.dataDir), 2);
});

test("a snapshot that is taken is not kept if a newer one was received meanwhile", async () => {
  const { position, slices, chunks } = await drawChunks(createRandom(2, "newer"), 500, 2);
  const node = await nodeWithLog(20);
  for (const [at, chunk] of chunks.entries()) {
    node.storage.receive(receive(chunk));
    if (at < chunks.length - 1) await node.awaits("chunkReceived", at + 1);
  }
  await node.awaits("snapshotInstalled");
  take(node, ownSlices(20, 1));
  await node.awaits("snapshotSaved");
  assert.equal(node.of("snapshotSaved")[0]?.position, position);
  await node.storage.stop();
  assert.is(await chunksOnDisk(node.dataDir), slices.length);
  const said: Said[] = [];
  const { storage } = await startReal(node.dataDir, said, () => undefined);
  await until(
    () => restored(said).some(({ last }) => last),
    () => "the restore after a restart",
  );
  assert.equal(restored(said), slices);
  await storage.stop();
});

test("the rest of a snapshot that was given up for a received one is worth nothing, and the next is taken whole", async () => {
  const { position, chunks } = await drawChunks(createRandom(3, "given up"), 500, 1);
  const node = await nodeWithLog(20);
  const [first, ...rest] = ownSlices(20, 3) as [SnapshotSlice, ...SnapshotSlice[]];
  take(node, [first]);
  for (const [at, chunk] of chunks.entries()) {
    node.storage.receive(receive(chunk));
    if (at < chunks.length - 1) await node.awaits("chunkReceived", at + 1);
  }
  await node.awaits("snapshotInstalled");
  take(node, rest);
  // What is verified later than they are packed tells that they have been looked at.
  const damaged = { ...chunks[0], position: { ...position, index: logIndex(900) }, checksum: 0 } as SnapshotChunk;
  const answers = node.of("chunkReceived").length;
  node.storage.receive(receive(damaged));
  await node.awaits("chunkReceived", answers + 1);
  const index = logIndex(position.index + 1);
  const entries = [{ index, term: position.term, command: { type: "noop" } }] as const;
  node.storage.receive({ type: "append", hardState: null, entries, replacements: 0, release: [] });
  take(
    node,
    ownSlices(index, 2).map((slice) => ({ ...slice, position: { index, term: position.term } })),
  );
  await node.awaits("snapshotSaved");
  assert.equal(
    node.of("snapshotSaved").map((saved) => saved.position.index),
    [index],
  );
  await node.storage.stop();
  assert.is(await chunksOnDisk(node.dataDir), 2);
});

test("while the log is being replaced no chunk is asked for", async () => {
  const { chunks } = await drawChunks(createRandom(4, "replacing"), 500, 3);
  const node = await nodeWithLog(20);
  for (const [at, chunk] of chunks.slice(0, -1).entries()) {
    node.storage.receive(receive(chunk));
    await node.awaits("chunkReceived", at + 1);
  }
  const before = node.of("chunkReceived").length;
  const last = chunks.at(-1) as SnapshotChunk;
  node.storage.receive(receive(last));
  // At every moment until it is installed; only then is it said that there are no more.
  while (node.of("snapshotInstalled").length === 0) {
    await new Promise(setImmediate);
    node.storage.receive(receive(last));
  }
  const answers = node
    .of("chunkReceived")
    .slice(before)
    .map(({ next }) => next);
  assert.equal(
    answers.filter((next) => next !== null && next !== chunks.length),
    [],
  );
  await node.storage.stop();
});

test.run();
