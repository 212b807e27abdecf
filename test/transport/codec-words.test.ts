// Every word of the log, of requests and of answers by itself, and the places where something may be left out: all cross as they are.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Command, ForwardedRequest, SnapshotSlice } from "../../src/actors/messages.ts";
import type { Answer, Operation, Outcome, Write } from "../../src/actors/operations.ts";
import { decodeEntry, encodeEntry } from "../../src/transport/codec.ts";
import { decodeParcel, encodeParcel } from "../../src/transport/codec-peer.ts";
import { decodeSlice, encodeSlice } from "../../src/transport/codec-snapshot.ts";
import { fc } from "../fast-check.ts";
import { operationsOfEachKind, writesOfEachKind } from "./arbitrary-letters.ts";
import { outcomesOfEachKind } from "./arbitrary-outcomes.ts";

const test = suite("transport/codec, word by word");

const nothing = { raft: [], requests: [], answers: [], regional: [] };
/** Of each kind so many. */
const draws = { numRuns: 20 };

const applied = (command: Command): Command =>
  decodeEntry(encodeEntry({ index: 1, term: 1, command } as never)).command;
const write = (operation: Write): Command => ({ type: "write", requestId: "r", bornAt: 1, write: operation }) as never;
const forwarded = (operation: Operation): Operation | undefined => {
  const request = { requestId: "r", bornAt: 1, operation, bytes: 1, budget: 1, sending: 1 } as ForwardedRequest;
  return decodeParcel(encodeParcel({ ...nothing, requests: [request] })).requests[0]?.operation;
};
const answered = (answer: Answer): Answer | undefined =>
  decodeParcel(encodeParcel({ ...nothing, answers: [{ requestId: "r", answer, sending: 1 } as never] })).answers[0]
    ?.answer;

function crosses<Word>(words: readonly fc.Arbitrary<Word>[], cross: (word: Word) => unknown): void {
  for (const word of words) {
    fc.assert(
      fc.property(word, (before) => assert.equal(cross(before), structuredClone(before))),
      draws,
    );
  }
}

test("every kind of write stands in an entry as it was proposed", () => {
  crosses(writesOfEachKind, (operation) => (applied(write(operation)) as { write?: Write }).write);
});

test("every kind of operation is forwarded as it was asked for", () => {
  crosses(operationsOfEachKind, forwarded);
});

test("every kind of outcome reaches the node that asked as it was", () => {
  crosses(outcomesOfEachKind, answered);
});

test("an alarm names what the table has called it, whatever that is", () => {
  for (const alarm of ["", "d:7:a", "w:r", `y:9:${"ä".repeat(512)}`]) {
    const command = { type: "alarm", alarm, term: 3 } as Command;
    assert.equal(applied(command), command);
  }
});

/** A slice with one record of each kind that may leave something out. */
const sliceOf = (records: object): SnapshotSlice =>
  ({
    position: { index: 1, term: 1 },
    slice: 0,
    last: true,
    counters: { fencingToken: 1, leaseId: 1, round: 0, floor: { round: 0, region: "" }, leaseNumbers: [] },
    leases: [],
    locks: [],
    outcomes: [],
    ended: [],
    acceptors: [],
    waiters: [],
    delays: [],
    ...records,
  }) as never;

test("a lease of which nothing is said has no metadata, however that was said", () => {
  const openLease = { type: "openLease", owner: "o", ttl: 1 };
  assert.equal(applied(write({ ...openLease, metadata: "" } as never)), write(openLease as never));
  assert.equal(forwarded({ ...openLease, metadata: "" } as never), openLease);
  const lease = { id: 1, owner: "o", ttl: 1, renewals: 0 };
  const silent = sliceOf({ leases: [lease] });
  assert.equal(decodeSlice(encodeSlice(sliceOf({ leases: [{ ...lease, metadata: "" }] }))), silent);
  assert.is("metadata" in (decodeSlice(encodeSlice(silent)).leases[0] as object), false);
});

test("a lock that is held in the simplest way has no terms, and the emptiest terms are not the same", () => {
  const lock = { lock: "a", owner: "o", lease: 1, token: 1, grantedAt: 1, requestId: "r" };
  const terms = { mode: "shared", permits: 0, limit: 0, context: "", delay: 0, metadata: "", yielding: null };
  const asked = { ...terms, yielding: { reason: "", grace: 0, force: false } };
  const before = sliceOf({ locks: [lock, { ...lock, terms }, { ...lock, terms: asked }] });
  const after = decodeSlice(encodeSlice(before));
  assert.equal(after, before);
  assert.is("terms" in (after.locks[0] as object), false);
});

test("nothing is not the same as something empty", () => {
  const obstacle = { lock: "", holder: null, metadata: "", delayed: null, delayedBy: null, queue: 0 };
  const zero = { ...obstacle, delayed: 0, delayedBy: 0 };
  const outcomes: object[] = [
    { type: "busy", obstacle },
    { type: "busy", obstacle: zero },
    { type: "cancelled", token: null },
    { type: "cancelled", token: 0 },
    { type: "locksSeen", locks: [], next: null },
    { type: "locksSeen", locks: [], next: "" },
    { type: "leasesSeen", leases: [], next: null },
    { type: "leasesSeen", leases: [], next: 0 },
  ];
  for (const outcome of outcomes) assert.equal(answered(outcome as Outcome), outcome);
  const list = { type: "list", prefix: "", owner: "", lease: null, grantedBefore: null, after: "", limit: 0 };
  const operations: object[] = [
    list,
    { ...list, lease: 0, grantedBefore: 0 },
    { type: "forceRelease", lock: "", token: null, reason: "" },
    { type: "forceRelease", lock: "", token: 0, reason: "" },
    { type: "cancel", request: "", lease: null },
    { type: "cancel", request: "", lease: 0 },
  ];
  for (const operation of operations) assert.equal(forwarded(operation as Operation), operation);
});

test.run();
