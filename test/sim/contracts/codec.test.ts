// The codec, held against what the simulator's wires and disks do: they carry every letter unchanged. Letters of all kinds are taken
// from simulated runs, and every number, text and truth in them is replaced by the values at the edges, one at a time.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type {
  Entry,
  ForwardedRequest,
  HardState,
  RaftMessage,
  SendingReply,
  SnapshotSlice,
} from "../../../src/actors/messages.ts";
import { logIndex, term } from "../../../src/actors/scalars.ts";
import {
  decodeEntry,
  decodeHardState,
  encodeEntry,
  encodeHardState,
  MalformedError,
  UnknownEntryError,
} from "../../../src/transport/codec.ts";
import { decodeParcel, encodeParcel, type Parcel } from "../../../src/transport/codec-peer.ts";
import {
  decodeSlice,
  decodeSnapshotRecord,
  encodeSlice,
  encodeSnapshotRecord,
} from "../../../src/transport/codec-snapshot.ts";
import { lateCampaign, lateEntries } from "../mutants/stories-logs.ts";
import { longTailMeetsSnapshot } from "../mutants/stories-snapshots.ts";
import type { Cargo } from "../network.ts";
import { type Plan, planOf } from "../plan.ts";
import { simulate } from "../simulation.ts";
import type { Witness } from "../witness.ts";

const test = suite("sim/contracts/codec");

/** Stories and a plan that bring about letters of every kind. */
const tales = [lateEntries, longTailMeetsSnapshot, lateCampaign];
const plan: Plan = { ...planOf(1), faultyMs: 2000, faults: [] };
const numbers = [0, 1, 127, 128, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
/** What is counted in 32 bits. */
const small = new Set(["slice", "next", "checksum"]);
const texts = ["", "a", "\ufeffä😀\u0000", "x".repeat(300)];

/** One of each shape: which fields there are, and of which types they are. */
interface Samples {
  readonly raft: Map<string, RaftMessage>;
  readonly requests: Map<string, ForwardedRequest>;
  readonly answers: Map<string, SendingReply>;
  readonly entries: Map<string, Entry>;
  readonly slices: Map<string, SnapshotSlice>;
  readonly hardStates: Map<string, HardState>;
}

const words = new Set(["type", "how", "refusal"]);

function shapeOf(value: unknown, key = ""): string {
  if (words.has(key)) return String(value);
  if (value instanceof Uint8Array) return "bytes";
  if (Array.isArray(value)) return `[${[...new Set(value.map((item) => shapeOf(item)))].slice(0, 2).join()}]`;
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  return `{${Object.entries(value).map(([name, field]) => `${name}:${shapeOf(field, name)}`)}}`;
}

function collect(): Samples {
  const samples: Samples = {
    raft: new Map(),
    requests: new Map(),
    answers: new Map(),
    entries: new Map(),
    slices: new Map(),
    hardStates: new Map(),
  };
  const keep = <Item>(into: Map<string, Item>, item: Item): void => {
    const shape = shapeOf(item);
    if (!into.has(shape)) into.set(shape, item);
  };
  const witness: Witness = {
    transmitted: (_from: unknown, _to: unknown, cargo: Cargo) => {
      if (cargo.type === "raft") keep(samples.raft, cargo.message);
      if (cargo.type === "forward") for (const request of cargo.requests) keep(samples.requests, request);
      if (cargo.type === "reply") for (const answer of cargo.answers) keep(samples.answers, answer);
    },
    said: (_node, from, to, letter) => {
      const { type, entries, hardState, slice } = letter as {
        readonly type: string;
        readonly entries: readonly Entry[];
        readonly hardState: HardState | null;
        readonly slice: SnapshotSlice;
      };
      if (to !== "storage") return;
      if (from === "lock" && type === "snapshotTaken") keep(samples.slices, slice);
      if (from !== "raft" || type !== "append") return;
      for (const entry of entries) keep(samples.entries, entry);
      if (hardState !== null) keep(samples.hardStates, hardState);
    },
  };
  for (const tell of tales) tell(1, { witnesses: [witness] });
  simulate(plan.seed, { plan, witnesses: [witness] });
  return samples;
}

/** The same value with one leaf replaced at a time. `fixed` are the fields on which others depend. */
function* variants(value: unknown, fixed: ReadonlySet<string>, key = ""): Generator<unknown> {
  if (words.has(key) || fixed.has(key)) return;
  if (typeof value === "number") yield* numbers.filter((number) => number < 2 ** 32 || !small.has(key));
  else if (typeof value === "string") yield* texts;
  else if (typeof value === "boolean") yield !value;
  else if (value instanceof Uint8Array) yield* [new Uint8Array(0), new Uint8Array([0, 255])];
  else if (Array.isArray(value)) {
    yield [];
    for (const [at, item] of value.slice(0, 3).entries()) {
      for (const other of variants(item, fixed)) yield value.map((one, place) => (place === at ? other : one));
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [name, field] of Object.entries(value)) {
      for (const other of variants(field, fixed, name)) yield { ...value, [name]: other };
    }
  }
}

/** Every value comes back as it was, and so does each of its variants. Tells how many there were. */
function roundTrips<Item>(
  samples: ReadonlyMap<string, Item>,
  trip: (item: Item) => unknown,
  fixed: readonly string[] = [],
): number {
  let count = 0;
  for (const sample of samples.values()) {
    for (const item of [sample, ...variants(sample, new Set(fixed))]) {
      const back = trip(item as Item);
      count += 1;
      if (JSON.stringify(back, inBytes) !== JSON.stringify(item, inBytes)) assert.equal(back, structuredClone(item));
    }
  }
  return count;
}

const inBytes = (_key: string, value: unknown): unknown => (value instanceof Uint8Array ? [...value] : value);

/** No bytes at all are a parcel with nothing in it. */
const parcel = (part: Partial<Parcel>): Parcel =>
  decodeParcel(encodeParcel({ ...decodeParcel(new Uint8Array(0)), ...part }));

const samples = collect();

test("whatever nodes say to each other in simulated runs comes back from its bytes", () => {
  const types = new Set([...samples.raft.values()].map(({ type }) => type));
  assert.is(types.size, 9, [...types].join());
  // The entries of a request follow each other, and are looked at by themselves; a chunk is one of so many.
  const fixed = ["entries", "term", "previousIndex", "chunk", "chunks"];
  assert.ok(roundTrips(samples.raft, (one) => parcel({ raft: [one] }).raft[0], fixed) > 100);
  // Terms by themselves: no entry is there to be of a later one.
  const withoutEntries = new Map([...samples.raft].filter(([, message]) => !("entries" in message)));
  assert.ok(roundTrips(withoutEntries, (one) => parcel({ raft: [one] }).raft[0], ["chunk", "chunks"]) > 100);
});

test("whatever gateways say to each other in simulated runs comes back from its bytes", () => {
  assert.ok(roundTrips(samples.requests, (one) => parcel({ requests: [one] }).requests[0]) > 50);
  assert.ok(roundTrips(samples.answers, (one) => parcel({ answers: [one] }).answers[0]) > 50);
});

test("whatever is kept in simulated runs comes back from its bytes", () => {
  assert.ok(roundTrips(samples.entries, (one) => decodeEntry(encodeEntry(one))) > 100);
  // A ballot without a round is none, whatever its region.
  assert.ok(roundTrips(samples.slices, (one) => decodeSlice(encodeSlice(one)), ["floor"]) > 100);
  assert.ok(roundTrips(samples.hardStates, (one) => decodeHardState(encodeHardState(one))) > 10);
});

test("what no node says is refused: it must not be taken for anything else, nor be skipped", () => {
  const append = [...samples.raft.values()].find((one) => one.type === "appendRequest" && one.entries.length > 0);
  const chunk = [...samples.raft.values()].find((one) => one.type === "snapshotRequest");
  assert.ok(append?.type === "appendRequest" && chunk?.type === "snapshotRequest");
  const [entry] = append.entries as [Entry];
  const never: RaftMessage[] = [
    { ...append, entries: [{ ...entry, term: term(append.term + 1) }] },
    { ...append, entries: [{ ...entry, index: logIndex(entry.index + 1) }] },
    { ...append, entries: [entry, entry] },
    { ...chunk, chunk: { ...chunk.chunk, chunk: chunk.chunk.chunks } },
  ];
  for (const [at, message] of never.entries()) {
    assert.throws(
      () => parcel({ raft: [message] }),
      (error: Error) => error instanceof MalformedError,
      `${at}`,
    );
  }
  const [request] = [...samples.requests.values()] as [ForwardedRequest];
  for (const budget of [Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(
      () => parcel({ requests: [{ ...request, budget: budget as never }] }),
      (error: Error) => error instanceof MalformedError,
      `${budget}`,
    );
  }
  const record = encodeSnapshotRecord({ position: chunk.chunk.position, chunks: 0, generation: 1 });
  assert.throws(
    () => decodeSnapshotRecord(record),
    (error: Error) => error instanceof MalformedError,
  );
  // Entries of index 1 and term 1: with a write that says nothing, and with one of an operation that nobody knows.
  for (const bytes of [
    [8, 1, 16, 1, 34, 0],
    [8, 1, 16, 1, 34, 2, 122, 0],
    [8, 1, 16, 1],
  ]) {
    assert.throws(
      () => decodeEntry(Buffer.from(bytes)),
      (error: Error) => error instanceof UnknownEntryError,
      `${bytes}`,
    );
  }
});

test("a parcel keeps the order of what it holds", () => {
  const raft = [...samples.raft.values()];
  const requests = [...samples.requests.values()];
  const answers = [...samples.answers.values()];
  const back = parcel({ raft, requests, answers });
  assert.equal(
    back.raft.map(({ type }) => type),
    raft.map(({ type }) => type),
  );
  assert.equal(
    back.requests.map(({ requestId }) => requestId),
    requests.map(({ requestId }) => requestId),
  );
  assert.equal(
    back.answers.map(({ requestId }) => requestId),
    answers.map(({ requestId }) => requestId),
  );
});

test.run();
