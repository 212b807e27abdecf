// Bytes that an earlier version has written, of before locks could be waited for and shared. They mean today what they meant then;
// and whatever that version could say is written as it wrote it, so that clusters are upgraded one node at a time.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Entry, ForwardedRequest, SendingReply, SnapshotSlice } from "../../src/actors/messages.ts";
import { decodeEntry, encodeEntry } from "../../src/transport/codec.ts";
import { decodeParcel, encodeParcel } from "../../src/transport/codec-peer.ts";
import { decodeSlice, encodeSlice } from "../../src/transport/codec-snapshot.ts";

const test = suite("transport/codec of an earlier version");

const bytesOf = (hex: string): Uint8Array => Buffer.from(hex, "hex");
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const nothing = { raft: [], requests: [], answers: [], regional: [] };

const holder = { owner: "h", lease: 7, token: 9, ttl: 1000, grantedAt: 1_700_000_000_000, remaining: 0.5 };

const entries: readonly (readonly [string, object])[] = [
  ["080110011a00", { index: 1, term: 1, command: { type: "noop" } }],
  [
    "08ac021002220f0a017210ab021a070a02c3b610e807",
    {
      index: 300,
      term: 2,
      command: { type: "write", requestId: "r", bornAt: 299, write: { type: "openLease", owner: "ö", ttl: 1000 } },
    },
  ],
  [
    "08ac02100222170a017210ab02220f0a016112016f18072880d095ffbc31",
    {
      index: 300,
      term: 2,
      command: {
        type: "write",
        requestId: "r",
        bornAt: 299,
        write: { type: "acquire", lock: "a", owner: "o", under: { lease: 7 }, askedAt: 1_700_000_000_000 },
      },
    },
  ],
  [
    "08ac02100222180a017210ab0222100a016112016f20f4032880d095ffbc31",
    {
      index: 300,
      term: 2,
      command: {
        type: "write",
        requestId: "r",
        bornAt: 299,
        write: { type: "acquire", lock: "a", owner: "o", under: { ttl: 500 }, askedAt: 1_700_000_000_000 },
      },
    },
  ],
  [
    "08ac02100222120a017210ab022a0a0a01611007180922016f",
    {
      index: 300,
      term: 2,
      command: {
        type: "write",
        requestId: "r",
        bornAt: 299,
        write: { type: "release", lock: "a", grant: { lease: 7, token: 9, owner: "o" } },
      },
    },
  ],
  [
    "08ac021002220d0a017210ab022a050a01611809",
    {
      index: 300,
      term: 2,
      command: {
        type: "write",
        requestId: "r",
        bornAt: 299,
        write: { type: "release", lock: "a", grant: { token: 9 } },
      },
    },
  ],
  ["08ad0210022a06080710031802", { index: 301, term: 2, command: { type: "expire", lease: 7, renewals: 3, term: 2 } }],
];

const operations: readonly (readonly [string, object])[] = [
  ["1a1c0a017210ab021a070a02c3b610e80740144900000000002059405004", { type: "openLease", owner: "ö", ttl: 1000 }],
  [
    "1a240a017210ab02220f0a016112016f18072880d095ffbc3140144900000000002059405004",
    { type: "acquire", lock: "a", owner: "o", under: { lease: 7 }, askedAt: 1_700_000_000_000 },
  ],
  [
    "1a250a017210ab0222100a016112016f20f4032880d095ffbc3140144900000000002059405004",
    { type: "acquire", lock: "a", owner: "o", under: { ttl: 500 }, askedAt: 1_700_000_000_000 },
  ],
  [
    "1a1f0a017210ab022a0a0a01611007180922016f40144900000000002059405004",
    { type: "release", lock: "a", grant: { lease: 7, token: 9, owner: "o" } },
  ],
  ["1a1a0a017210ab022a050a0161180940144900000000002059405004", { type: "release", lock: "a", grant: { token: 9 } }],
  ["1a150a017210ab02300740144900000000002059405004", { type: "renewLease", lease: 7 }],
  ["1a160a017210ab023a016140144900000000002059405004", { type: "check", lock: "a" }],
];

const answers: readonly (readonly [string, object])[] = [
  ["220e0a017212070a05080710e8072004", { type: "leaseOpened", lease: 7, ttl: 1000 }],
  ["220e0a017212071205080710e8072004", { type: "leaseRenewed", lease: 7, ttl: 1000 }],
  ["22100a017212091a070807100918e8072004", { type: "granted", lease: 7, token: 9, ttl: 1000 }],
  ["22090a0172120220092004", { type: "released", token: 9 }],
  ["22230a0172121c2a1a0a01681007180920e8072880d095ffbc3131000000000000e03f2004", { type: "locked", holder }],
  ["22090a0172120232002004", { type: "free" }],
  ["22230a0172121c3a1a0a01681007180920e8072880d095ffbc3131000000000000e03f2004", { type: "held", holder }],
  ["220d0a017212064204080910012004", { type: "grantOver", token: 9, how: "released" }],
  ["220d0a017212064204080910022004", { type: "grantOver", token: 9, how: "expired" }],
  ["22090a0172120248072004", { type: "leaseUnknown", lease: 7 }],
  ["22090a0172120250072004", { type: "leaseEnded", lease: 7 }],
  ["220a0a017212035a016f2004", { type: "leaseOfAnother", owner: "o" }],
  ["22090a0172120262002004", { type: "notHeld" }],
  ["22090a017212026a002004", { type: "grantExpired" }],
  ["22230a0172121c721a0a01681007180920e8072880d095ffbc3131000000000000e03f2004", { type: "staleToken", holder }],
  [
    "22230a0172121c7a1a0a01681007180920e8072880d095ffbc3131000000000000e03f2004",
    { type: "heldByAnotherLease", holder },
  ],
  [
    "22240a0172121d82011a0a01681007180920e8072880d095ffbc3131000000000000e03f2004",
    { type: "heldByAnotherOwner", holder },
  ],
  ["220a0a017212038a01002004", { type: "forgotten" }],
  ["22070a017218012004", { type: "refused", refusal: "no-leader" }],
  ["22070a017218022004", { type: "refused", refusal: "unknown-outcome" }],
  ["22070a017218032004", { type: "refused", refusal: "overloaded" }],
  ["22070a017218042004", { type: "refused", refusal: "disk-full" }],
  ["22070a017218052004", { type: "refused", refusal: "stopping" }],
  ["22070a017218062004", { type: "refused", refusal: "no-quorum" }],
];

const sliceBytes =
  "0a0508ac021002180120092807320a080712016f18e80720033a140a016112016f180720092880d095ffbc3132017242110a017210ab021a091a070807100918e8074a0f0a016212016f18072008280230aa0250045a06080112026575620201026a0e0a0163120608041202657528a902";
const slice: object = {
  position: { index: 300, term: 2 },
  slice: 0,
  last: true,
  counters: { fencingToken: 9, leaseId: 7, round: 4, floor: { round: 1, region: "eu" }, leaseNumbers: [1, 2] },
  leases: [{ id: 7, owner: "o", ttl: 1000, renewals: 3 }],
  locks: [{ lock: "a", owner: "o", lease: 7, token: 9, grantedAt: 1_700_000_000_000, requestId: "r" }],
  outcomes: [{ requestId: "r", index: 299, outcome: { type: "granted", lease: 7, token: 9, ttl: 1000 } }],
  ended: [{ lock: "b", owner: "o", lease: 7, token: 8, how: "expired", index: 298 }],
  acceptors: [{ lock: "c", promised: { round: 4, region: "eu" }, accepted: null, value: null, index: 297 }],
};

test("an entry of the log means what it meant", () => {
  for (const [hex, entry] of entries) {
    assert.equal(decodeEntry(bytesOf(hex)), entry);
    assert.is(hexOf(encodeEntry(entry as Entry)), hex);
  }
});

test("a forwarded request means what it meant", () => {
  for (const [hex, operation] of operations) {
    const request = { requestId: "r", bornAt: 299, operation, bytes: 20, budget: 100.5, sending: 4 };
    assert.equal(decodeParcel(bytesOf(hex)).requests, [request]);
    assert.is(hexOf(encodeParcel({ ...nothing, requests: [request as ForwardedRequest] })), hex);
  }
});

test("an answer means what it meant", () => {
  for (const [hex, answer] of answers) {
    const reply = { requestId: "r", answer, sending: 4 };
    assert.equal(decodeParcel(bytesOf(hex)).answers, [reply]);
    assert.is(hexOf(encodeParcel({ ...nothing, answers: [reply as SendingReply] })), hex);
  }
});

test("a slice of a snapshot means what it meant, and nobody waits in it", () => {
  const today = { ...slice, waiters: [], delays: [] };
  assert.equal(decodeSlice(bytesOf(sliceBytes)), today);
  assert.is(hexOf(encodeSlice(today as unknown as SnapshotSlice)), sliceBytes);
});

test.run();
