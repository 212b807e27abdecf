import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  acquire,
  acquireUnder,
  applyNext,
  ask,
  expire,
  holderOf,
  implicit,
  openLease,
  release,
  replica,
} from "./build.ts";

const test = suite("actors/lock: acquire");

test("the first grant of a fresh cluster has token 1", () => {
  assert.equal(ask(replica(), acquire("job", "anna")), {
    answer: { type: "granted", lease: implicit(1), token: 1, ttl: 30_000 },
    changes: [{ type: "opened", lease: implicit(1), ttl: 30_000, renewals: 0 }],
  });
});

test("the leases that clients open count 1, 2, 3, whatever grants open leases of their own", () => {
  const state = replica();
  assert.equal(ask(state, openLease("anna", 5_000)), {
    answer: { type: "leaseOpened", lease: 1, ttl: 5_000 },
    changes: [{ type: "opened", lease: 1, ttl: 5_000, renewals: 0 }],
  });
  ask(state, acquire("job", "bert"));
  assert.equal(ask(state, openLease("carl")).answer, { type: "leaseOpened", lease: 2, ttl: 10_000 });
});

test("every grant has a higher token than the one before, of any lock (defect 4)", () => {
  const state = replica();
  ask(state, openLease("anna"));
  assert.equal(ask(state, acquireUnder(1, "a", "anna")).answer, { type: "granted", lease: 1, token: 1, ttl: 10_000 });
  assert.equal(ask(state, acquire("b", "bert")).answer, { type: "granted", lease: implicit(2), token: 2, ttl: 30_000 });
  ask(state, release("a", { lease: 1 }));
  assert.equal(ask(state, acquireUnder(1, "a", "anna")).answer, { type: "granted", lease: 1, token: 3, ttl: 10_000 });
});

test("a held lock is refused with its holder", () => {
  const state = replica();
  ask(state, acquire("job", "anna"));
  assert.equal(ask(state, acquire("job", "bert")), {
    answer: { type: "held", holder: holderOf("anna", { lease: implicit(1), token: 1, ttl: 30_000 }) },
    changes: [],
  });
});

test("a held lock is refused to the same owner too", () => {
  const state = replica();
  ask(state, acquire("job", "anna"));
  assert.equal(ask(state, acquire("job", "anna")).answer, {
    type: "held",
    holder: holderOf("anna", { lease: implicit(1), token: 1, ttl: 30_000 }),
  });
});

test("a refused acquire takes no token", () => {
  const state = replica();
  ask(state, acquire("job", "anna"));
  ask(state, acquire("job", "bert"));
  assert.is(state.table.fencingToken, 1);
});

test("a lease that already holds the lock gets the same token again", () => {
  const state = replica();
  ask(state, openLease("anna"));
  const first = ask(state, acquireUnder(1, "job", "anna"));
  assert.equal(ask(state, acquireUnder(1, "job", "anna")), first);
  assert.is(state.table.fencingToken, 1);
});

test("a lock held by one interface is refused to the other, whichever was first", () => {
  const state = replica();
  ask(state, openLease("anna"));
  ask(state, acquireUnder(1, "a", "anna"));
  ask(state, acquire("b", "bert"));
  assert.is(ask(state, acquire("a", "bert")).answer?.type, "held");
  assert.is(ask(state, acquireUnder(1, "b", "anna")).answer?.type, "held");
});

test("another lease of the same owner does not share the lock", () => {
  const state = replica();
  ask(state, openLease("anna"));
  ask(state, openLease("anna"));
  ask(state, acquireUnder(1, "job", "anna"));
  assert.is(ask(state, acquireUnder(2, "job", "anna")).answer?.type, "held");
});

test("a lease that nobody ever opened is unknown", () => {
  const state = replica();
  ask(state, openLease("anna"));
  for (const lease of [0, 2, implicit(1)]) {
    assert.equal(ask(state, acquireUnder(lease, "job", "anna")).answer, { type: "leaseUnknown", lease });
  }
});

test("a lease that has expired has ended", () => {
  const state = replica();
  ask(state, openLease("anna"));
  applyNext(state, expire(1));
  assert.equal(ask(state, acquireUnder(1, "job", "anna")).answer, { type: "leaseEnded", lease: 1 });
});

test("the lease of a released grant has ended", () => {
  const state = replica();
  ask(state, acquire("job", "anna"));
  ask(state, release("job", { token: 1, owner: "anna" }));
  const lease = implicit(1);
  assert.equal(ask(state, acquireUnder(lease, "job", "anna")).answer, { type: "leaseEnded", lease });
});

test("a lease of another owner acquires nothing, and its owner is named", () => {
  const state = replica();
  ask(state, openLease("anna"));
  assert.equal(ask(state, acquireUnder(1, "job", "bert")).answer, { type: "leaseOfAnother", owner: "anna" });
  assert.is(state.table.locks.size, 0);
});

test("a freed lock is granted to the next who asks, with the next token", () => {
  const state = replica();
  ask(state, acquire("job", "anna"));
  ask(state, release("job", { token: 1, owner: "anna" }));
  assert.equal(ask(state, acquire("job", "bert")).answer, {
    type: "granted",
    lease: implicit(2),
    token: 2,
    ttl: 30_000,
  });
});

test.run();
