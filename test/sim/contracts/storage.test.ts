// The real storage on a real disk, held against the simulated disk: whatever it is asked, it gives the same answers in the same
// order, lets go what it was given for release when that is durable and no sooner, and starts with the same after a restart.

import { open } from "lmdb";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type {
  Envelope,
  HardState,
  LockToStorage,
  RaftToStorage,
  SnapshotPosition,
} from "../../../src/actors/messages.ts";
import { term } from "../../../src/actors/scalars.ts";
import { decodeEntry, decodeHardState, decodeLogBounds } from "../../../src/transport/codec.ts";
import { chunkOf } from "../../../src/transport/codec-snapshot.ts";
import { checkedBody } from "../../../src/transport/codec-wire.ts";
import { openPress } from "../../../src/transport/snapshot-press.ts";
import { freshDirectory } from "../../transport/surroundings.ts";
import { createRandom } from "../random.ts";
import { modelDisk, type Said } from "./model-disk.ts";
import { emptySlice, startReal, until } from "./real-storage.ts";
import { drawMark, drawSteps, type Held, type Incoming, noteInstalled, nothingHeld } from "./storage-script.ts";

const test = suite("sim/contracts/storage");

const seeds = Array.from({ length: 24 }, (_, at) => at + 1);
const rounds = 24;
const press = openPress();
test.after(() => press.close());

/** What a node has on disk at some moment. */
interface OnDisk {
  readonly hardState: HardState;
  readonly last: number;
  readonly lastTerm: number;
}

/** A second look at the database, as it is for whoever opens it now. */
function openReader(dataDir: string) {
  const root = open<Uint8Array>({
    path: `${dataDir}/raft.mdb`,
    noSubdir: true,
    encoding: "binary",
    maxDbs: 8,
    readOnly: true,
  });
  const meta = root.openDB<Uint8Array, string>({ name: "meta", encoding: "binary" });
  const log = root.openDB<Uint8Array, number>({ name: "log", encoding: "binary" });
  const body = (record: Uint8Array | undefined): Uint8Array => checkedBody(record as Uint8Array);
  return {
    look: (): OnDisk => {
      root.resetReadTxn();
      meta.resetReadTxn();
      log.resetReadTxn();
      const { last } = decodeLogBounds(body(meta.get("logBounds")));
      const record = log.get(last);
      const lastTerm = record === undefined ? -1 : decodeEntry(body(record)).term;
      return { hardState: decodeHardState(body(meta.get("hardState"))), last, lastTerm };
    },
    close: () => root.close(),
  };
}

/** What is compared: reports of durability may be fewer than appends, so only the last one counts. */
const comparable = (said: readonly Said[]): Said[] => said.filter(({ letter }) => letter.type !== "persisted");
const lastPersisted = (said: readonly Said[]): unknown =>
  said.findLast(({ letter }) => letter.type === "persisted")?.letter ?? null;

/** Letters by receiver: across arrows there is no order. */
async function byArrow(said: readonly Said[]): Promise<Record<string, unknown[]>> {
  const arrows: Record<string, unknown[]> = { raft: [], lock: [], peers: [], gateway: [] };
  for (const { to, letter } of comparable(said)) arrows[to]?.push(await readable(letter));
  return arrows;
}

/** The bytes of a chunk are the codec's own affair; what is in them is not. */
// biome-ignore lint/suspicious/noExplicitAny: a letter of any kind.
async function readable(letter: any): Promise<unknown> {
  if (letter.type !== "chunkRead" || letter.chunk === null) return letter;
  const { bytes, checksum, ...rest } = letter.chunk;
  assert.is(chunkOf(rest.position, { ...rest, bytes }).checksum, checksum);
  const text = new TextDecoder().decode(bytes);
  return { ...letter, chunk: { ...rest, slice: text.startsWith("{") ? JSON.parse(text) : await press.unpack(bytes) } };
}

const receiveChunk = ({ from, slices, chunk }: Incoming, bytes: Uint8Array): RaftToStorage => ({
  type: "receiveChunk",
  from,
  chunk: chunkOf(slices[0]?.position as never, { chunk, chunks: slices.length, bytes }),
});

async function chunksFor(incoming: Incoming): Promise<{ real: RaftToStorage; model: RaftToStorage }> {
  const slice = incoming.slices[incoming.chunk];
  const asJson = new TextEncoder().encode(JSON.stringify(slice));
  return {
    real: receiveChunk(incoming, await press.pack(slice as never)),
    model: receiveChunk(incoming, asJson),
  };
}

/** Knows what is to be on disk after each append, and which append each release belongs to. */
function createLedger() {
  const states: OnDisk[] = [];
  const appendOf = new Map<number, number>();
  let shape = { last: 0, lastTerm: 0 };
  const push = (changed: HardState | null): void => {
    const hardState = changed ?? states.at(-1)?.hardState ?? { term: term(0), votedFor: null };
    states.push({ hardState, ...shape });
  };
  return {
    note: (letter: RaftToStorage | LockToStorage): void => {
      if (letter.type !== "append") return;
      const entry = letter.entries.at(-1);
      if (entry !== undefined) shape = { last: entry.index, lastTerm: entry.term };
      for (const { message } of letter.release) appendOf.set(message.term, states.length);
      push(letter.hardState);
    },
    noteInstalled: (position: SnapshotPosition): void => {
      shape = { last: position.index, lastTerm: position.term };
      push(null);
    },
    /** Whether the disk holds what the append of this release, or a later one, has written. */
    isDurable: ({ message }: Envelope, { hardState, last, lastTerm }: OnDisk): boolean =>
      states
        .slice(appendOf.get(message.term))
        .some(
          (state) =>
            state.last === last &&
            (lastTerm === -1 || state.lastTerm === lastTerm) &&
            state.hardState.term === hardState.term &&
            state.hardState.votedFor === hardState.votedFor,
        ),
  };
}

async function holdsFor(seed: number): Promise<void> {
  const random = createRandom(seed, "storage");
  const held: Held = nothingHeld(emptySlice());
  const dataDir = freshDirectory();
  const model = modelDisk(seed);
  const said: Said[] = [];
  const ledger = createLedger();
  let reader: ReturnType<typeof openReader> | null = null;
  const early: unknown[] = [];
  const onSaid = ({ to, letter }: Said): void => {
    if (to === "peers" && !ledger.isDurable(letter, (reader as ReturnType<typeof openReader>).look()))
      early.push(letter);
  };
  const begin = async () => {
    const real = await startReal(dataDir, said, onSaid);
    reader = openReader(dataDir);
    const expected = model.start();
    await until(
      () => comparable(said).length >= comparable(expected).length,
      () => "the first letters",
    );
    assert.equal(await byArrow(said.splice(0)), await byArrow(expected));
    return real;
  };
  let real = await begin();
  const give = async (forReal: readonly never[], forModel: readonly never[], what: string) => {
    for (const letter of forReal) ledger.note(letter);
    const expected = model.give(forModel);
    for (const letter of forReal) real.storage.receive(letter);
    const wanted = comparable(expected).length;
    await until(
      () => real.failures.length > 0 || comparable(said).length >= wanted,
      () => `${what}: ${JSON.stringify(comparable(said))} instead of ${JSON.stringify(comparable(expected))}`,
    );
    assert.equal(real.failures, []);
    const told = said.splice(0);
    assert.equal(await byArrow(told), await byArrow(expected), what);
    // A chunk is verified before it is written, so what came after it may be durable before it.
    if (!what.endsWith("chunk")) assert.equal(lastPersisted(told), lastPersisted(expected), what);
    assert.equal(early, [], "nothing leaves before it is durable");
    const installed = expected.find(({ letter }) => letter.type === "snapshotInstalled");
    return installed?.letter.position ?? null;
  };
  for (let round = 0; round < rounds; round += 1) {
    for (const step of drawSteps(random, held)) {
      const what = `round ${round}, ${step.type}`;
      if (step.type === "restart") {
        await (reader as unknown as { close: () => Promise<void> }).close();
        await real.storage.stop();
        model.stop();
        // Chunks that were received before a restart may be asked for again; the real storage does so.
        model.disk.incoming = null;
        said.length = 0;
        real = await begin();
      } else if (step.type === "chunk") {
        const { real: forReal, model: forModel } = await chunksFor(step);
        const position = await give([forReal as never], [forModel as never], what);
        if (position === null) continue;
        noteInstalled(held, position, step.slices.length);
        ledger.noteInstalled(position);
      } else {
        // The last letter changes nothing; its release tells that everything before it is done.
        const letters = [...step.letters, drawMark(held)] as never[];
        await give(letters, letters, what);
      }
    }
  }
  await (reader as unknown as { close: () => Promise<void> }).close();
  await real.storage.stop();
}

// One test for all seeds: the first that fails is enough to look at.
test("storage is what the simulator takes it for, whatever it is asked", async () => {
  for (const seed of seeds) {
    try {
      await holdsFor(seed);
    } catch (error) {
      (error as Error).message = `seed ${seed}: ${(error as Error).message}`;
      throw error;
    }
  }
});

test.run();
