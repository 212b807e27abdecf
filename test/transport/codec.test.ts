import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Entry, ForwardedRequest, RaftMessage, RequestAnswer, SnapshotSlice } from "../../src/actors/messages.ts";
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

const test = suite("transport/codec");

// Words and numbers as letters have them: any text that UTF-8 can carry, any count that a double holds.
const word = fc.string({ unit: "grapheme", maxLength: 80 });
const count = fc.maxSafeNat();
const span = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const just = <Type extends string>(type: Type) => fc.constant(type);

const holder = fc.record({ owner: word, lease: count, token: count, ttl: count, grantedAt: count, remaining: span });
const ending = fc.constantFrom("released", "expired");
const write = fc.oneof(
  fc.record({ type: just("openLease"), owner: word, ttl: count }),
  fc.record({
    type: just("acquire"),
    lock: word,
    owner: word,
    under: fc.oneof(fc.record({ lease: count }), fc.record({ ttl: count })),
    askedAt: count,
  }),
  fc.record({
    type: just("release"),
    lock: word,
    grant: fc.record({ lease: count, token: count, owner: word }, { requiredKeys: [] }),
  }),
);
const command = fc.oneof(
  fc.record({ type: just("noop") }),
  fc.record({ type: just("write"), requestId: word, bornAt: count, write }),
  fc.record({ type: just("expire"), lease: count, renewals: count, term: count }),
);
const entry = fc.record({ index: count, term: count, command }) as unknown as fc.Arbitrary<Entry>;
const outcome = fc.oneof(
  fc.record({ type: fc.constantFrom("leaseOpened", "leaseRenewed"), lease: count, ttl: count }),
  fc.record({ type: just("granted"), lease: count, token: count, ttl: count }),
  fc.record({ type: just("released"), token: count }),
  fc.record({
    type: fc.constantFrom("locked", "held", "staleToken", "heldByAnotherLease", "heldByAnotherOwner"),
    holder,
  }),
  fc.record({ type: fc.constantFrom("free", "notHeld", "grantExpired", "forgotten") }),
  fc.record({ type: just("grantOver"), token: count, how: ending }),
  fc.record({ type: fc.constantFrom("leaseUnknown", "leaseEnded"), lease: count }),
  fc.record({ type: just("leaseOfAnother"), owner: word }),
);
const refused = fc.record({
  type: just("refused"),
  refusal: fc.constantFrom("no-leader", "unknown-outcome", "overloaded", "disk-full", "stopping"),
});
const position = fc.record({ index: count, term: count });
const chunk = fc
  .record({
    position,
    chunk: fc.nat(1000),
    bytes: fc.uint8Array({ maxLength: 200 }),
    checksum: fc.nat(0xffffffff),
  })
  .map((part) => ({ ...part, chunks: part.chunk + 1 }));
const append = fc
  .record({
    type: just("appendRequest"),
    term: fc.constant(Number.MAX_SAFE_INTEGER),
    previousIndex: fc.nat(),
    previousTerm: count,
    entries: fc.array(entry, { maxLength: 5 }),
    commitIndex: count,
    round: count,
    digest: fc.option(fc.record({ index: count, digest: word })),
  })
  .map((request) => ({
    ...request,
    entries: request.entries.map((each, offset) => ({ ...each, index: request.previousIndex + 1 + offset })),
  }));
const raftMessage = fc.oneof(
  fc.record({ type: just("preVoteRequest"), term: count, lastIndex: count, lastTerm: count }),
  fc.record({ type: fc.constantFrom("preVoteResponse", "voteResponse"), term: count, granted: fc.boolean() }),
  fc.record({ type: just("voteRequest"), term: count, lastIndex: count, lastTerm: count, transfer: fc.boolean() }),
  append,
  fc.record({
    type: just("appendResponse"),
    term: count,
    round: count,
    matchIndex: fc.option(count),
    conflictTerm: count,
    conflictIndex: count,
  }),
  fc.record({ type: just("snapshotRequest"), term: count, chunk }),
  fc.record({ type: just("snapshotResponse"), term: count, position, next: fc.nat(), installed: fc.boolean() }),
  fc.record({ type: just("timeoutNow"), term: count, lastIndex: count }),
) as unknown as fc.Arbitrary<RaftMessage>;
const request = fc.record({
  requestId: word,
  bornAt: count,
  operation: fc.oneof(
    write,
    fc.record({ type: just("renewLease"), lease: count }),
    fc.record({ type: just("check"), lock: word }),
  ),
  bytes: count,
  budget: span,
}) as unknown as fc.Arbitrary<ForwardedRequest>;
const answer = fc.record({
  requestId: word,
  answer: fc.oneof(outcome, refused),
}) as unknown as fc.Arbitrary<RequestAnswer>;
const slice = fc.record({
  position,
  slice: fc.nat(),
  last: fc.boolean(),
  counters: fc.record({ fencingToken: count, leaseId: count }),
  leases: fc.array(fc.record({ id: count, owner: word, ttl: count, renewals: count }), { maxLength: 5 }),
  locks: fc.array(
    fc.record({ lock: word, owner: word, lease: count, token: count, grantedAt: count, requestId: word }),
    { maxLength: 5 },
  ),
  outcomes: fc.array(fc.record({ requestId: word, index: count, outcome }), { maxLength: 5 }),
  ended: fc.array(fc.record({ lock: word, owner: word, lease: count, token: count, how: ending, index: count }), {
    maxLength: 5,
  }),
}) as unknown as fc.Arbitrary<SnapshotSlice>;

/** fast-check makes objects without a prototype now and then; letters are plain. */
const plain = <Value>(value: Value): Value => structuredClone(value);

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
  const damaged = fc.tuple(raftMessage, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }));
  fc.assert(
    fc.property(damaged, ([message, changes]) => {
      const bytes = encodeParcel({ raft: [message], requests: [], answers: [] });
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
