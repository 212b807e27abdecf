import { suite } from "uvu";
import * as assert from "uvu/assert";
import { lock } from "../../../src/actors/lock/receive.ts";
import { leaseId, logIndex, requestId, term } from "../../../src/actors/scalars.ts";
import {
  acquire,
  acquireUnder,
  applyNext,
  ask,
  expire,
  holderOf,
  implicit,
  type Letter,
  nextEntry,
  noop,
  nothing,
  openLease,
  receive,
  release,
  replica,
  writeCommand,
} from "./build.ts";

const test = suite("actors/lock: receive");

const held = { type: "held", holder: holderOf("anna", { lease: implicit(1), token: 1, ttl: 30_000 }) };

test("a batch becomes one letter of changes, one of answers that name a holder, and one of other answers", () => {
  const state = replica({ digestEntries: 2 });
  const commands = [
    noop,
    writeCommand(state, acquire("job", "anna"), { as: "r2" }),
    writeCommand(state, acquire("job", "bert"), { as: "r3" }),
    writeCommand(state, openLease("carl"), { as: "r4" }),
  ];
  const entries = commands.map((command, place) => ({ index: logIndex(place + 1), term: term(1), command }));
  const twin = replica();
  const [, digestOf2, , digestOf4] = commands.map((command) => {
    applyNext(twin, command);
    return lock.inspect(twin).digest;
  });
  assert.equal(receive(state, { type: "apply", entries, answer: true }), [
    {
      type: "send",
      to: "lease",
      letter: {
        type: "changed",
        changes: [
          { type: "termBegun", term: 1 },
          { type: "opened", lease: implicit(1), ttl: 30_000, renewals: 0 },
          { type: "opened", lease: 1, ttl: 10_000, renewals: 0 },
        ],
      },
    },
    { type: "send", to: "lease", letter: { type: "complete", answers: [{ requestId: "r3", answer: held }] } },
    {
      type: "send",
      to: "gateway",
      letter: {
        type: "answers",
        applied: 4,
        answers: [
          { requestId: "r2", answer: { type: "granted", lease: implicit(1), token: 1, ttl: 30_000 } },
          { requestId: "r4", answer: { type: "leaseOpened", lease: 1, ttl: 10_000 } },
        ],
      },
    },
    { type: "send", to: "raft", letter: { type: "digest", digest: { index: 2, digest: digestOf2 } } },
    { type: "send", to: "raft", letter: { type: "digest", digest: { index: 4, digest: digestOf4 } } },
  ]);
});

test("whoever did not propose answers nobody, and follows the leases all the same", () => {
  const state = replica();
  const entries = [nextEntry(state, writeCommand(state, openLease("anna")))];
  assert.equal(receive(state, { type: "apply", entries, answer: false }), [
    {
      type: "send",
      to: "lease",
      letter: { type: "changed", changes: [{ type: "opened", lease: 1, ttl: 10_000, renewals: 0 }] },
    },
  ]);
});

test("a gateway to which nothing is answered is still told how far entries are applied", () => {
  const state = replica();
  const told: unknown[] = [];
  for (let index = 1; index <= 2_048; index += 1) {
    const entries = [nextEntry(state, writeCommand(state, nothing))];
    told.push(...receive(state, { type: "apply", entries, answer: false }));
  }
  assert.equal(told, [
    { type: "send", to: "gateway", letter: { type: "answers", applied: 1024, answers: [] } },
    { type: "send", to: "gateway", letter: { type: "answers", applied: 2048, answers: [] } },
  ]);
});

test("the gateway is told often enough for requests not to look too old", () => {
  const state = replica({ requestsRemembered: 8 });
  const entries = [nextEntry(state, writeCommand(state, nothing))];
  assert.equal(receive(state, { type: "apply", entries, answer: false }), []);
  assert.equal(
    receive(state, { type: "apply", entries: [nextEntry(state, writeCommand(state, nothing))], answer: false }),
    [{ type: "send", to: "gateway", letter: { type: "answers", applied: 2, answers: [] } }],
  );
});

test("an entry that is not the next breaks an invariant, be it later or applied already", () => {
  const state = replica();
  applyNext(state, noop);
  for (const index of [1, 3]) {
    const entries = [{ index: logIndex(index), term: term(1), command: noop }];
    assert.throws(
      () => receive(state, { type: "apply", entries, answer: false }),
      /entries are applied once, in order/,
    );
  }
});

test("an entry of a kind that this node does not know stops it", () => {
  const state = replica();
  const entries = [nextEntry(state, { type: "tomorrow" } as never)];
  assert.throws(() => receive(state, { type: "apply", entries, answer: false }), /every kind of entry is known/);
});

test("a check is answered with the holder by way of the lease actor, or as free at once", () => {
  const state = replica();
  ask(state, acquire("job", "anna"));
  const queries = [
    { type: "check", requestId: requestId("q1"), lock: "job" },
    { type: "check", requestId: requestId("q2"), lock: "other" },
  ] as const;
  assert.equal(receive(state, { type: "read", queries }), [
    {
      type: "send",
      to: "lease",
      letter: {
        type: "complete",
        answers: [{ requestId: "q1", answer: { type: "locked", holder: held.holder } }],
      },
    },
    {
      type: "send",
      to: "gateway",
      letter: { type: "answers", applied: 1, answers: [{ requestId: "q2", answer: { type: "free" } }] },
    },
  ]);
});

test("the lease actor is told which leases are live, have ended, or never were", () => {
  const state = replica();
  ask(state, openLease("anna"));
  ask(state, openLease("bert"));
  ask(state, acquire("job", "carl"));
  applyNext(state, expire(1));
  ask(state, release("job", { token: 1, owner: "carl" }));
  const expected = [
    [1, "ended"],
    [2, "live"],
    [3, "unknown"],
    [implicit(1), "ended"],
    [implicit(2), "unknown"],
  ] as const;
  const queries = expected.map(([lease]) => ({
    type: "lease" as const,
    requestId: requestId(`q${lease}`),
    lease: leaseId(lease),
  }));
  assert.equal(receive(state, { type: "read", queries }), [
    {
      type: "send",
      to: "lease",
      letter: {
        type: "leases",
        answers: expected.map(([lease, outcome]) => ({ requestId: `q${lease}`, lease, outcome })),
      },
    },
  ]);
});

test("a count tells leases, locks and the fencing counter", () => {
  const state = replica();
  ask(state, openLease("anna"));
  ask(state, acquireUnder(1, "a", "anna"));
  ask(state, acquireUnder(1, "b", "anna"));
  ask(state, release("a", { lease: 1 }));
  assert.equal(receive(state, { type: "count", call: 5 } as Letter), [
    {
      type: "send",
      to: "gateway",
      letter: { type: "counted", call: 5, counts: { leases: 1, locks: 1, fencingCounter: 2 } },
    },
  ]);
});

test.run();
