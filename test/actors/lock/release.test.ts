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

const test = suite("actors/lock: release");

const heldByAnna = (token = 1) => holderOf("anna", { lease: implicit(token), token, ttl: 30_000 });

test("a release by token and owner frees the lock and ends the lease that was opened for it", () => {
  const state = replica();
  ask(state, acquire("job", "anna"));
  assert.equal(ask(state, release("job", { token: 1, owner: "anna" })), {
    answer: { type: "released", token: 1 },
    changes: [{ type: "ended", lease: implicit(1) }],
  });
  assert.is(state.table.locks.size, 0);
  assert.is(state.table.leases.size, 0);
});

test("a release by lease frees the lock and leaves the lease to its client", () => {
  const state = replica();
  ask(state, openLease("anna"));
  ask(state, acquireUnder(1, "job", "anna"));
  assert.equal(ask(state, release("job", { lease: 1 })), { answer: { type: "released", token: 1 }, changes: [] });
  assert.ok(state.table.leases.size === 1);
});

test("a wrong token while another grant holds the lock is stale, whoever asks", () => {
  const state = replica();
  ask(state, acquire("job", "anna"));
  for (const owner of ["anna", "bert"]) {
    assert.equal(ask(state, release("job", { token: 7, owner })).answer, { type: "staleToken", holder: heldByAnna() });
  }
  assert.is(state.table.locks.size, 1);
});

test("the right token of another owner frees nothing", () => {
  const state = replica();
  ask(state, acquire("job", "anna"));
  assert.equal(ask(state, release("job", { token: 1, owner: "bert" })).answer, {
    type: "heldByAnotherOwner",
    holder: heldByAnna(),
  });
  assert.is(state.table.locks.size, 1);
});

test("the token of a grant that has expired is answered as expired while nobody holds the lock", () => {
  const state = replica();
  ask(state, acquire("job", "anna"));
  applyNext(state, expire(implicit(1)));
  assert.equal(ask(state, release("job", { token: 1, owner: "anna" })).answer, { type: "grantExpired" });
  assert.equal(ask(state, release("job", { token: 1, owner: "bert" })).answer, { type: "grantExpired" });
});

test("an expired grant is still known as expired after another grant of the lock has come and gone", () => {
  const state = replica();
  ask(state, acquire("job", "anna"));
  applyNext(state, expire(implicit(1)));
  ask(state, acquire("job", "bert"));
  assert.is(ask(state, release("job", { token: 1, owner: "anna" })).answer?.type, "staleToken");
  ask(state, release("job", { token: 2, owner: "bert" }));
  assert.equal(ask(state, release("job", { token: 1, owner: "anna" })).answer, { type: "grantExpired" });
});

test("an expired grant is known as expired under its own lock's name only", () => {
  const state = replica();
  ask(state, acquire("job", "anna"));
  applyNext(state, expire(implicit(1)));
  assert.equal(ask(state, release("other", { token: 1, owner: "anna" })).answer, { type: "notHeld" });
});

test("a lock that was never held, or is released already, is not held", () => {
  const state = replica();
  assert.equal(ask(state, release("job", { token: 1, owner: "anna" })).answer, { type: "notHeld" });
  ask(state, acquire("job", "anna"));
  ask(state, release("job", { token: 1, owner: "anna" }));
  assert.equal(ask(state, release("job", { token: 1, owner: "anna" })).answer, { type: "notHeld" });
});

test("how a grant ended is forgotten in time; then nobody holds the lock, no more", () => {
  const state = replica({ requestsRemembered: 3 });
  ask(state, acquire("job", "anna"));
  applyNext(state, expire(implicit(1)));
  ask(state, openLease("bert"));
  ask(state, openLease("bert"));
  assert.equal(ask(state, release("job", { token: 1, owner: "anna" })).answer, { type: "grantExpired" });
  assert.equal(ask(state, release("job", { token: 1, owner: "anna" })).answer, { type: "notHeld" });
  assert.is(state.table.ended.size, 0);
});

test("an unknown lease releases nothing", () => {
  assert.equal(ask(replica(), release("job", { lease: 1 })).answer, { type: "leaseUnknown", lease: 1 });
});

test("an ended lease releases nothing", () => {
  const state = replica();
  ask(state, openLease("anna"));
  applyNext(state, expire(1));
  assert.equal(ask(state, release("job", { lease: 1 })).answer, { type: "leaseEnded", lease: 1 });
});

test("a lease releases no lock that nobody holds", () => {
  const state = replica();
  ask(state, openLease("anna"));
  assert.equal(ask(state, release("job", { lease: 1 })).answer, { type: "notHeld" });
});

test("a lease releases no lock of another lease", () => {
  const state = replica();
  ask(state, openLease("anna"));
  ask(state, acquire("job", "anna"));
  assert.equal(ask(state, release("job", { lease: 1 })).answer, { type: "heldByAnotherLease", holder: heldByAnna() });
  assert.is(state.table.locks.size, 1);
});

test("an old handle with its token does not free a newer grant of its own lease (defect 10)", () => {
  const state = replica();
  ask(state, openLease("anna"));
  ask(state, acquireUnder(1, "job", "anna"));
  ask(state, release("job", { lease: 1, token: 1 }));
  ask(state, acquireUnder(1, "job", "anna"));
  assert.equal(ask(state, release("job", { lease: 1, token: 1 })).answer, {
    type: "staleToken",
    holder: holderOf("anna", { lease: 1, token: 2, ttl: 10_000 }),
  });
  assert.is(state.table.locks.get("job")?.token, 2);
});

test("a release that names neither lease nor token frees nothing", () => {
  const state = replica();
  ask(state, acquire("job", "anna"));
  assert.equal(ask(state, release("job", { owner: "anna" })).answer, { type: "staleToken", holder: heldByAnna() });
  assert.equal(ask(state, release("free", { owner: "anna" })).answer, { type: "notHeld" });
});

test("a lease that was opened for one lock and took a second ends with the last of them", () => {
  const state = replica();
  ask(state, acquire("a", "anna"));
  ask(state, acquireUnder(implicit(1), "b", "anna"));
  assert.equal(ask(state, release("a", { token: 1, owner: "anna" })).changes, []);
  assert.equal(ask(state, release("b", { token: 2, owner: "anna" })).changes, [{ type: "ended", lease: implicit(1) }]);
});

test.run();
