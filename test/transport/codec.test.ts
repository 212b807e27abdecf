import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Entry } from "../../src/actors/messages.ts";
import { logIndex, nodeId, term } from "../../src/actors/scalars.ts";
import {
  decodeEntry,
  decodeHardState,
  encodeEntry,
  encodeHardState,
  MalformedError,
  UnknownEntryError,
  UnknownKindError,
} from "../../src/transport/codec.ts";
import { decodeParcel, encodeParcel } from "../../src/transport/codec-peer.ts";
import { decodeSlice, encodeSlice } from "../../src/transport/codec-snapshot.ts";
import { checkedBody, withChecksum } from "../../src/transport/codec-wire.ts";
import { fc } from "../fast-check.ts";
import { answer, entry, raftMessage, request, slice } from "./arbitrary-letters.ts";
import { regionMessage } from "./arbitrary-regions.ts";

const test = suite("transport/codec");

/** fast-check makes objects without a prototype now and then; letters are plain. */
const plain = <Value>(value: Value): Value => structuredClone(value);

const nothing = { raft: [], requests: [], answers: [], regional: [] };

test("an entry comes back from its bytes as it was", () => {
  fc.assert(fc.property(entry, (before) => assert.equal(decodeEntry(encodeEntry(before)), plain(before))));
});

test("a hard state comes back as it was, with and without a vote", () => {
  for (const votedFor of [null, nodeId("b"), nodeId("")]) {
    const before = { term: term(7), votedFor };
    assert.equal(decodeHardState(encodeHardState(before)), before);
  }
});

test("whatever nodes say to each other comes back as it was", () => {
  const parcel = fc.record({
    raft: fc.array(raftMessage, { maxLength: 4 }),
    requests: fc.array(request, { maxLength: 4 }),
    answers: fc.array(answer, { maxLength: 4 }),
    regional: fc.array(regionMessage, { maxLength: 4 }),
  });
  fc.assert(
    fc.property(parcel, (before) => {
      const after = decodeParcel(encodeParcel(before));
      assert.equal(after, plain(before));
      // What is posted to another thread must not take the whole message along.
      for (const message of after.raft) {
        if (message.type === "snapshotRequest")
          assert.is(message.chunk.bytes.buffer.byteLength, message.chunk.bytes.length);
      }
    }),
  );
});

test("a slice of a snapshot comes back as it was", () => {
  fc.assert(fc.property(slice, (before) => assert.equal(decodeSlice(encodeSlice(before)), plain(before))));
});

test("bytes that are no message are malformed, and nothing worse", () => {
  const decoders = [decodeEntry, decodeHardState, decodeParcel, decodeSlice];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      for (const decode of decoders) attempt(() => decode(bytes));
    }),
  );
});

test("a message with a few bytes changed is malformed or another message, and nothing worse", () => {
  const either = fc.oneof(
    raftMessage.map((message) => ({ ...nothing, raft: [message] })),
    regionMessage.map((message) => ({ ...nothing, regional: [message] })),
  );
  const damaged = fc.tuple(either, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }));
  fc.assert(
    fc.property(damaged, ([parcel, changes]) => {
      const bytes = encodeParcel(parcel);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      attempt(() => decodeParcel(bytes));
    }),
  );
});

function attempt(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    assert.instance(error, MalformedError);
  }
}

test("a command that this version does not know is an error, never a gap", () => {
  // Index 1, term 1, and a command of number 15.
  assert.throws(
    () => decodeEntry(Buffer.from([8, 1, 16, 1, 122, 0])),
    (error: Error) => error instanceof UnknownEntryError,
  );
  assert.throws(
    () => decodeEntry(Buffer.from([8, 1, 16, 1])),
    (error: Error) => error instanceof UnknownEntryError,
  );
});

test("a message, an operation, an outcome or a refusal that this version does not know is an error", () => {
  const unknown = [
    [18, 0],
    [18, 3, 122, 1, 0],
    [26, 0],
    [34, 0],
    [34, 2, 18, 0],
    [34, 2, 24, 99],
  ];
  for (const bytes of unknown) {
    assert.throws(
      () => decodeParcel(Buffer.from(bytes)),
      (error: Error) => error instanceof UnknownKindError,
      `${bytes}`,
    );
  }
});

test("text that is not UTF-8 is malformed, short or long", () => {
  for (const length of [1, 40, 200]) {
    const owner = Buffer.alloc(length, 0x61);
    owner[length - 1] = 0xff;
    const leaseOpened = Buffer.concat([Buffer.from([10, ...varint(length)]), owner]);
    const written = Buffer.concat([Buffer.from([26, ...varint(leaseOpened.length)]), leaseOpened]);
    const bytes = Buffer.concat([Buffer.from([8, 1, 16, 1, 34, ...varint(written.length)]), written]);
    assert.throws(() => decodeEntry(bytes), /not UTF-8/);
  }
});

const isMalformed = (error: Error): boolean => error instanceof MalformedError;

const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, value >> 7]);

test("text that UTF-8 cannot carry is not written as something else", () => {
  const broken = (owner: string): Entry => ({
    index: logIndex(1),
    term: term(1),
    command: { type: "write", requestId: "r", bornAt: 0, write: { type: "openLease", owner, ttl: 1 } } as never,
  });
  assert.throws(() => encodeEntry(broken("\ud800")), isMalformed);
  assert.throws(() => encodeEntry(broken(`${"x".repeat(100)}\udfff`)), isMalformed);
  const marked = broken("\ufeffbyte order mark, 😀");
  assert.equal(decodeEntry(encodeEntry(marked)), marked);
});

test("a number that a double cannot hold exactly is malformed", () => {
  const bytes = [8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 16, 1, 26, 0];
  assert.throws(() => decodeEntry(Buffer.from(bytes)), /too large a number/);
});

test("a span that is no number is malformed", () => {
  const [asked] = fc.sample(request, { seed: 1, numRuns: 1 });
  for (const budget of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const bytes = encodeParcel({ ...nothing, requests: [{ ...asked, budget } as never] });
    assert.throws(() => decodeParcel(bytes), isMalformed, `${budget}`);
  }
});

test("a record with one bit changed does not pass its checksum", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(), fc.nat(7), (body, at, bit) => {
      const record = withChecksum(body);
      assert.equal([...checkedBody(record)], [...body]);
      const place = at % record.length;
      record[place] = (record[place] as number) ^ (1 << bit);
      assert.throws(() => checkedBody(record), isMalformed);
    }),
  );
  assert.throws(() => checkedBody(Buffer.from([1, 2])), /too short/);
});

test.run();
