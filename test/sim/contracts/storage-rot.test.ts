// What the real storage does about what must not be: bytes that have changed, records that are gone, and questions that raft never
// asks. It stops, or does not start; it never serves what it cannot vouch for.

import { open } from "lmdb";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { logIndex, term } from "../../../src/actors/scalars.ts";
import { decodeLogBounds, encodeLogBounds } from "../../../src/transport/codec.ts";
import { checkedBody, withChecksum } from "../../../src/transport/codec-wire.ts";
import { exitCodes, type Resident, StartError } from "../../../src/transport/resident.ts";
import { freshDirectory } from "../../transport/surroundings.ts";
import { createRandom, type Random } from "../random.ts";
import type { Said } from "./model-disk.ts";
import { emptySlice, startReal, until } from "./real-storage.ts";
import { drawAppend, drawSlices, nothingHeld } from "./storage-script.ts";

const test = suite("sim/contracts/storage-rot");

test("what raft never asks stops the node: entries before the log begins, or letting go what no snapshot holds", async () => {
  const random = createRandom(1, "never");
  for (const never of ["entries", "compact"]) {
    const said: Said[] = [];
    const { storage, failures } = await startReal(freshDirectory(), said, () => undefined);
    await fill(storage, said, random);
    if (never === "compact") {
      assert.throws(() => storage.receive({ type: "compact", through: logIndex(6) }), /only what is in a snapshot/);
    } else {
      storage.receive({ type: "compact", through: logIndex(5) });
      await until(
        () => storage.inspect().firstIndex === 6,
        () => "the log is let go",
      );
      const entry = { index: logIndex(5), term: term(1), command: { type: "noop" } } as const;
      storage.receive({ type: "append", hardState: null, entries: [entry], replacements: 0, release: [] });
      await until(
        () => failures.length > 0,
        () => "a failure",
      );
      assert.match(failures[0]?.message ?? "", "no gap");
    }
    await storage.stop();
  }
});

test("a record of what there is one of, or the log before the snapshot, must not be missing", async () => {
  for (const missing of ["hardState", "logBounds", "log", "chunk"]) {
    const dataDir = await filled(3);
    const root = open<Uint8Array>({ path: `${dataDir}/raft.mdb`, noSubdir: true, encoding: "binary", maxDbs: 8 });
    const meta = root.openDB<Uint8Array, string>({ name: "meta", encoding: "binary" });
    if (missing === "log") {
      const log = root.openDB<Uint8Array, number>({ name: "log", encoding: "binary" });
      for (let index = 1; index <= 7; index += 1) await log.remove(index);
      const { last } = decodeLogBounds(checkedBody(meta.get("logBounds") as Uint8Array));
      await meta.put("logBounds", withChecksum(encodeLogBounds({ first: logIndex(8), last })));
    } else if (missing === "chunk") {
      const chunks = root.openDB<Uint8Array, never>({ name: "chunks", encoding: "binary" });
      await chunks.remove([...chunks.getKeys()][0] as never);
    } else await meta.remove(missing);
    await root.close();
    await refuses(dataDir, missing);
  }
});

async function refuses(dataDir: string, why: string): Promise<void> {
  try {
    const { storage } = await startReal(dataDir, [], () => undefined);
    await storage.stop();
  } catch (error) {
    assert.instance(error, StartError, String(error));
    assert.is((error as StartError).exitCode, exitCodes.damagedData);
    return;
  }
  assert.unreachable(`the node starts: ${why}`);
}

/** Asks for a log of twelve entries at least, a vote, and a snapshot at 5. */
async function fill({ receive }: Resident<"storage">, said: readonly Said[], random: Random): Promise<void> {
  const held = nothingHeld(emptySlice());
  while (held.terms.length <= 12) receive(drawAppend(random, held));
  const position = { index: logIndex(5), term: term(held.terms[5] as number) };
  for (const slice of drawSlices(random, position, held.empty)) receive({ type: "snapshotTaken", slice });
  await until(
    () => said.some(({ letter }) => letter.type === "snapshotSaved"),
    () => "the snapshot",
  );
}

/** A directory in which all that is. */
async function filled(seed: number): Promise<string> {
  const dataDir = freshDirectory();
  const said: Said[] = [];
  const { storage } = await startReal(dataDir, said, () => undefined);
  await fill(storage, said, createRandom(seed, "filled"));
  await storage.stop();
  return dataDir;
}

for (const table of ["meta", "log", "chunks"]) {
  test(`a record of ${table} with one bit changed keeps the node from starting`, async () => {
    const random = createRandom(7, table);
    const dataDir = await filled(7);
    for (let attempt = 0; attempt < 12; attempt += 1) {
      const root = open<Uint8Array>({ path: `${dataDir}/raft.mdb`, noSubdir: true, encoding: "binary", maxDbs: 8 });
      const records = root.openDB<Uint8Array, never>({ name: table, encoding: "binary" });
      const key = random.pick([...records.getKeys()]) as never;
      const whole = Buffer.from(records.get(key) as Uint8Array);
      const flipped = Buffer.from(whole);
      const at = random.below(flipped.length);
      flipped[at] = (flipped[at] as number) ^ (1 << random.below(8));
      await records.put(key, flipped);
      await root.close();
      await refuses(dataDir, `${table}/${key} is changed at ${at}`);
      const again = open<Uint8Array>({ path: `${dataDir}/raft.mdb`, noSubdir: true, encoding: "binary", maxDbs: 8 });
      await again.openDB<Uint8Array, never>({ name: table, encoding: "binary" }).put(key, whole);
      await again.close();
    }
  });
}

test.run();
