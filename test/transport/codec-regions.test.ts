// What regions say to each other that no region could have said, and what nodes of an earlier version say.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RegionMessage, Reply } from "../../src/actors/ballots.ts";
import { noBallot } from "../../src/actors/ballots.ts";
import { InvariantError } from "../../src/actors/invariant.ts";
import {
  fencingToken,
  leaseId,
  logIndex,
  millis,
  nodeId,
  regionId,
  requestId,
  term,
  wallTime,
} from "../../src/actors/scalars.ts";
import { decodeEntry, MalformedError, UnknownEntryError, UnknownKindError } from "../../src/transport/codec.ts";
import { decodeGreeting, decodeParcel, encodeGreeting, encodeParcel } from "../../src/transport/codec-peer.ts";
import { decodeSlice } from "../../src/transport/codec-snapshot.ts";
import { Entry } from "../../src/transport/generated/lockmgr/log/v1/log.ts";
import { ExchangeRequest, type Hello } from "../../src/transport/generated/lockmgr/peer/v1/peer.ts";
import type { RegionMessage as WireMessage } from "../../src/transport/generated/lockmgr/peer/v1/region.ts";
import { Slice } from "../../src/transport/generated/lockmgr/snapshot/v1/snapshot.ts";
import { helloTo } from "../../src/transport/peers-hello.ts";
import { settingsOf } from "./surroundings.ts";

const test = suite("transport/codec between regions");

const nothing = { raft: [], requests: [], answers: [], regional: [] };
const sent = (message: RegionMessage): RegionMessage | undefined =>
  decodeParcel(encodeParcel({ ...nothing, regional: [message] })).regional[0];

/** Reads a message between regions that was written by somebody else. */
const received = (message: NonNullable<WireMessage["message"]> | undefined) => () =>
  decodeParcel(ExchangeRequest.encode({ ...nothing, hello: undefined, regional: [{ message }] }).finish());

const isMalformed = (error: Error): boolean => error instanceof MalformedError && !(error instanceof UnknownKindError);
const isUnknown = (error: Error): boolean => error instanceof UnknownKindError;

const ballot = { round: 1n, region: "eu" };
const grant = { owner: "o", lease: 1n, ttlMs: 1n, token: 1n, grantedAtMs: 1n, requestId: "r" };

test("the largest numbers and the emptiest words come back as they were", () => {
  const max = Number.MAX_SAFE_INTEGER;
  const messages: RegionMessage[] = [
    {
      type: "ask",
      ask: "",
      question: {
        type: "accept",
        lock: "",
        ballot: { round: max, region: regionId("") },
        value: {
          type: "grant",
          owner: "",
          lease: leaseId(max),
          ttl: millis(max),
          token: fencingToken(max),
          grantedAt: wallTime(max),
          requestId: requestId(""),
        },
        requestId: requestId(""),
      },
    },
    { type: "ask", ask: "a", question: { type: "renew", leases: [] } },
    { type: "ask", ask: "a", question: { type: "renew", leases: [leaseId(0), leaseId(max)] } },
    { type: "pong", ping: max, leads: term(0) },
    { type: "pong", ping: 0, leads: null },
    { type: "leads", leads: null },
  ];
  for (const message of messages) assert.equal(sent(message), message);
});

test("nothing that was ever forgotten, remembered or accepted is not the same as something empty", () => {
  const promise: Reply = {
    type: "promise",
    accepted: null,
    value: null,
    live: false,
    counter: fencingToken(0),
    floor: noBallot,
    past: null,
    lease: null,
  };
  const free: Reply = {
    ...promise,
    accepted: { round: 1, region: regionId("") },
    value: { type: "free", token: fencingToken(0), how: "expired", requestId: requestId("") },
    past: { type: "free" },
    lease: { type: "unknown" },
  };
  for (const reply of [promise, free]) {
    const message: RegionMessage = { type: "reply", ask: "a", reply };
    assert.equal(sent(message), message);
  }
});

test("what a region answers its own proposer is not said to another region", () => {
  const replies: Reply[] = [
    { type: "begun", ballot: noBallot, lease: null, own: { type: "overtaken", promised: noBallot } },
    {
      type: "begunAccepted",
      ballot: noBallot,
      value: { type: "free", token: fencingToken(1), how: "released", requestId: null },
    },
    { type: "concluded", outcome: { type: "forgotten" } },
    { type: "leaseBegun", lease: leaseId(1) },
  ];
  for (const reply of replies) {
    assert.throws(
      () => sent({ type: "reply", ask: "a", reply }),
      (error: Error) => error instanceof InvariantError,
      reply.type,
    );
  }
});

test("a message, question, answer, value or claim of a kind that this version does not know is an error", () => {
  const prepare = { lock: "l", ballot, claim: { claim: undefined } };
  const accept = { lock: "l", ballot, value: { value: undefined }, requestId: undefined };
  const unknownRenewal = { lease: 1n, result: 99 as never, ttlMs: 1n, locks: "" };
  const unknownLease = { accepted: undefined, value: undefined, live: false, counter: 0n, floor: undefined };
  const messages: (NonNullable<WireMessage["message"]> | undefined)[] = [
    undefined,
    { $case: "ask", value: { ask: "a", question: undefined } },
    { $case: "ask", value: { ask: "a", question: { $case: "prepare", value: prepare } } },
    { $case: "ask", value: { ask: "a", question: { $case: "accept", value: accept } } },
    { $case: "reply", value: { ask: "a", reply: undefined } },
    { $case: "reply", value: { ask: "a", reply: { $case: "renewals", value: { results: [unknownRenewal] } } } },
    {
      $case: "reply",
      value: {
        ask: "a",
        reply: { $case: "promise", value: { ...unknownLease, past: undefined, lease: { view: undefined } } },
      },
    },
    {
      $case: "reply",
      value: {
        ask: "a",
        reply: { $case: "promise", value: { ...unknownLease, past: { outcome: undefined }, lease: undefined } },
      },
    },
  ];
  for (const [place, message] of messages.entries()) assert.throws(received(message), isUnknown, `message ${place}`);
});

test("a question or an answer that lacks a part is malformed", () => {
  const noHolder = { accepted: ballot, holder: undefined, requestId: "r", counter: 0n, lease: undefined };
  const view = { live: false, holder: undefined };
  const value = { value: { $case: "grant", value: grant } } as const;
  const messages: NonNullable<WireMessage["message"]>[] = [
    {
      $case: "ask",
      value: { ask: "a", question: { $case: "prepare", value: { lock: "l", ballot: undefined, claim: undefined } } },
    },
    {
      $case: "ask",
      value: { ask: "a", question: { $case: "prepare", value: { lock: "l", ballot, claim: undefined } } },
    },
    {
      $case: "ask",
      value: {
        ask: "a",
        question: { $case: "accept", value: { lock: "l", ballot, value: undefined, requestId: undefined } },
      },
    },
    { $case: "reply", value: { ask: "a", reply: { $case: "live", value: noHolder } } },
    {
      $case: "reply",
      value: { ask: "a", reply: { $case: "view", value: { ...view, accepted: ballot, value: undefined } } },
    },
    { $case: "reply", value: { ask: "a", reply: { $case: "view", value: { ...view, accepted: undefined, value } } } },
  ];
  for (const [place, message] of messages.entries()) assert.throws(received(message), isMalformed, `message ${place}`);
});

test("a number that a double cannot hold exactly is malformed, wherever it stands", () => {
  const large = 2n ** 53n;
  const messages: NonNullable<WireMessage["message"]>[] = [
    { $case: "ping", value: { ping: large } },
    { $case: "leads", value: { leads: large } },
    { $case: "ask", value: { ask: "a", question: { $case: "renew", value: { leases: [1n, large] } } } },
    { $case: "ask", value: { ask: "a", question: { $case: "holdings", value: large } } },
    { $case: "reply", value: { ask: "a", reply: { $case: "overtaken", value: { round: large, region: "" } } } },
    { $case: "reply", value: { ask: "a", reply: { $case: "accepted", value: large } } },
  ];
  for (const [place, message] of messages.entries()) assert.throws(received(message), isMalformed, `message ${place}`);
});

test("an entry on behalf of a proposer that says nothing known is an error, never a gap", () => {
  const entryOf = (command: NonNullable<Entry["command"]>) => () =>
    decodeEntry(Entry.encode({ index: 1n, term: 1n, command }).finish());
  const isUnknownEntry = (error: Error): boolean => error instanceof UnknownEntryError;
  assert.throws(
    entryOf({ $case: "prepare", value: { ask: "a", lock: "l", ballot, claim: { claim: undefined } } }),
    isUnknownEntry,
  );
  assert.throws(
    entryOf({
      $case: "accept",
      value: { ask: "a", lock: "l", ballot, value: { value: undefined }, requestId: undefined },
    }),
    isUnknownEntry,
  );
  assert.throws(entryOf({ $case: "keepLease", value: { ask: "a", lease: undefined } }), isMalformed);
  assert.throws(entryOf({ $case: "conclude", value: { ask: "a", requestId: "r", outcome: undefined } }), isMalformed);
});

test("a snapshot that was taken before there were regions is read as one of a region alone", () => {
  const before = Slice.encode({
    position: { index: 7n, term: 1n },
    slice: 0,
    last: true,
    fencingToken: 3n,
    leaseId: 2n,
    leases: [],
    locks: [],
    outcomes: [],
    ended: [],
    round: 0n,
    floor: undefined,
    leaseNumbers: [],
    acceptors: [],
    waiters: [],
    delays: [],
  }).finish();
  const { counters, acceptors, position } = decodeSlice(before);
  assert.equal(counters, { fencingToken: 3, leaseId: 2, round: 0, floor: noBallot, leaseNumbers: [] });
  assert.equal([acceptors, position], [[], { index: logIndex(7), term: term(1) }]);
});

test("a greeting comes back as it was, and one without regions is of a node that knows only its own", () => {
  const hello = helloTo(nodeId("b"), settingsOf());
  assert.equal(decodeGreeting(encodeGreeting(hello)), hello);
  const nameless = { ...hello, toNodeId: null, toRegionId: regionId("eu") };
  assert.equal(decodeGreeting(encodeGreeting(nameless)), nameless);
  const wire = ExchangeRequest.decode(encodeGreeting(hello)).hello as Hello;
  const early = ExchangeRequest.encode({ ...nothing, hello: { ...wire, regions: [], toRegionId: "" } }).finish();
  assert.equal(decodeGreeting(early), hello);
});

test.run();
