import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { LockState } from "../../../src/actors/lock/state.ts";
import {
  acquire,
  acquireUnder,
  applyNext,
  ask,
  contents,
  expire,
  implicit,
  nothing,
  openLease,
  release,
  replica,
} from "./build.ts";

const test = suite("actors/lock: repeats of requests");

const letGoBy = (state: LockState, entries: number): void => {
  for (let entry = 0; entry < entries; entry += 1) ask(state, nothing);
};

const granted = { type: "granted", lease: implicit(1), token: 1, ttl: 30_000 };

test("a repeated acquire is answered with its grant, not refused by it (defect 9)", () => {
  const state = replica();
  assert.equal(ask(state, acquire("job", "anna"), { as: "r" }).answer, granted);
  assert.equal(ask(state, acquire("job", "anna"), { as: "r" }).answer, granted);
  assert.is(state.table.fencingToken, 1);
});

test("a repeat of a stateless acquire renews its lease through the log", () => {
  const state = replica();
  ask(state, acquire("job", "anna"), { as: "r" });
  assert.equal(ask(state, acquire("job", "anna"), { as: "r" }).changes, [
    { type: "renewed", lease: implicit(1), renewals: 1 },
  ]);
  assert.equal(ask(state, acquire("job", "anna"), { as: "r" }).changes, [
    { type: "renewed", lease: implicit(1), renewals: 2 },
  ]);
});

test("a repeat of an acquire under a lease of the client's own does not renew that lease", () => {
  const state = replica();
  ask(state, openLease("anna"));
  const first = ask(state, acquireUnder(1, "job", "anna"), { as: "r" });
  assert.equal(ask(state, acquireUnder(1, "job", "anna"), { as: "r" }), first);
});

test("a repeat of an acquire whose grant was released is told so and is not granted again", () => {
  const state = replica();
  ask(state, acquire("job", "anna"), { as: "r" });
  ask(state, release("job", { token: 1, owner: "anna" }));
  assert.equal(ask(state, acquire("job", "anna"), { as: "r" }), {
    answer: { type: "grantOver", token: 1, how: "released" },
    changes: [],
  });
  assert.is(state.table.locks.size, 0);
});

test("a repeat of an acquire whose grant has expired is told so, also when another holds the lock now", () => {
  const state = replica();
  ask(state, acquire("job", "anna"), { as: "r" });
  applyNext(state, expire(implicit(1)));
  const over = { type: "grantOver", token: 1, how: "expired" };
  assert.equal(ask(state, acquire("job", "anna"), { as: "r" }).answer, over);
  ask(state, acquire("job", "bert"));
  assert.equal(ask(state, acquire("job", "anna"), { as: "r" }).answer, over);
});

test("the repeat of a request that was answered with an older grant of its lease is told when that grant is over", () => {
  const state = replica();
  ask(state, openLease("anna"));
  ask(state, acquireUnder(1, "job", "anna"), { as: "first" });
  ask(state, acquireUnder(1, "job", "anna"), { as: "second" });
  ask(state, release("job", { lease: 1 }));
  ask(state, acquireUnder(1, "job", "anna"), { as: "third" });
  assert.equal(ask(state, acquireUnder(1, "job", "anna"), { as: "second" }).answer, {
    type: "grantOver",
    token: 1,
    how: "released",
  });
});

test("a grant remembers its request as long as it holds, however long ago its outcome was forgotten", () => {
  const state = replica({ requestsRemembered: 3 });
  ask(state, acquire("job", "anna"), { as: "r", bornAt: 0 });
  letGoBy(state, 10);
  assert.equal(ask(state, acquire("job", "anna"), { as: "r", bornAt: 0 }), {
    answer: granted,
    changes: [{ type: "renewed", lease: implicit(1), renewals: 1 }],
  });
});

test("the end of a grant is remembered from the end on, not from the grant on", () => {
  const state = replica({ requestsRemembered: 3 });
  ask(state, acquire("job", "anna"), { as: "r" });
  letGoBy(state, 10);
  ask(state, release("job", { token: 1, owner: "anna" }));
  letGoBy(state, 2);
  assert.is(ask(state, acquire("job", "anna"), { as: "r" }).answer?.type, "grantOver");
});

test("a repeat of a refused acquire gets the same refusal, also when the lock is free now", () => {
  const state = replica();
  ask(state, acquire("job", "anna"));
  const refused = ask(state, acquire("job", "bert"), { as: "r" });
  assert.is(refused.answer?.type, "held");
  ask(state, release("job", { token: 1, owner: "anna" }));
  assert.equal(ask(state, acquire("job", "bert"), { as: "r" }), refused);
});

test("a repeat of openLease gets the same lease, renewed through the log", () => {
  const state = replica();
  ask(state, openLease("anna"), { as: "r" });
  assert.equal(ask(state, openLease("anna"), { as: "r" }), {
    answer: { type: "leaseOpened", lease: 1, ttl: 10_000 },
    changes: [{ type: "renewed", lease: 1, renewals: 1 }],
  });
  assert.is(state.table.leases.size, 1);
});

test("a repeat of openLease whose lease is over is told so", () => {
  const state = replica();
  ask(state, openLease("anna"), { as: "r" });
  applyNext(state, expire(1));
  assert.equal(ask(state, openLease("anna"), { as: "r" }), {
    answer: { type: "leaseEnded", lease: 1 },
    changes: [],
  });
});

test("a repeated release gets the same answer and frees nobody else's lock", () => {
  const state = replica();
  ask(state, openLease("anna"));
  ask(state, acquireUnder(1, "job", "anna"));
  const first = ask(state, release("job", { lease: 1 }), { as: "r" });
  ask(state, acquireUnder(1, "job", "anna"));
  assert.equal(ask(state, release("job", { lease: 1 }), { as: "r" }), first);
  assert.is(state.table.locks.get("job")?.token, 2);
});

test("a request born before everything that is remembered is not done", () => {
  const state = replica({ requestsRemembered: 3 });
  letGoBy(state, 5);
  assert.equal(ask(state, acquire("job", "anna"), { bornAt: 1 }), { answer: { type: "forgotten" }, changes: [] });
  assert.is(state.table.locks.size, 0);
});

test("a request born when the oldest outcome that is remembered was not applied yet is done", () => {
  const state = replica({ requestsRemembered: 3 });
  letGoBy(state, 5);
  assert.equal(ask(state, acquire("job", "anna"), { bornAt: 2 }).answer, granted);
});

test("whatever may be done again is remembered, and nothing older", () => {
  const state = replica({ requestsRemembered: 3 });
  ask(state, openLease("anna"), { as: "r", bornAt: 0 });
  letGoBy(state, 2);
  // Index 4: the outcome at index 1 is the oldest that is remembered.
  assert.equal(ask(state, openLease("anna"), { as: "r", bornAt: 0 }).answer, {
    type: "leaseOpened",
    lease: 1,
    ttl: 10_000,
  });
  assert.equal(ask(state, openLease("anna"), { as: "r", bornAt: 0 }).answer, { type: "forgotten" });
});

test("what is remembered is bounded by entries, however many writes go by", () => {
  const state = replica({ requestsRemembered: 10 });
  for (let round = 0; round < 5_000; round += 1) {
    ask(state, acquire("job", "anna"));
    ask(state, release("job", { token: round + 1, owner: "anna" }));
  }
  const { outcomes, ended, outcomesByAge, endedByAge, locksOf } = state.table;
  assert.is(outcomes.size, 10);
  assert.is(ended.size, 5);
  assert.is(locksOf.size, 0);
  assert.ok(outcomesByAge.items.length < 4_096);
  assert.ok(endedByAge.items.length < 4_096);
});

test("an entry that does nothing leaves the digest as it was, once its outcome is forgotten", () => {
  const state = replica({ requestsRemembered: 1 });
  ask(state, acquire("job", "anna"));
  applyNext(state, { type: "noop" });
  const { outcomes, ended, locks } = contents(state);
  const digest = state.table.digest.first;
  ask(state, acquire("job", "bert"));
  applyNext(state, { type: "noop" });
  assert.equal({ outcomes, ended, locks }, { outcomes: [], ended: [], locks: contents(state).locks });
  assert.is(state.table.digest.first, digest);
});

test.run();
