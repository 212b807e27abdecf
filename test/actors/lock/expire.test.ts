import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  acquire,
  acquireUnder,
  applyNext,
  ask,
  expire,
  implicit,
  nextEntry,
  noop,
  openLease,
  receive,
  release,
  replica,
  told,
} from "./build.ts";

const test = suite("actors/lock: expire");

test("an expiry in its own term ends the lease and frees its locks", () => {
  const state = replica();
  ask(state, openLease("anna"));
  ask(state, acquireUnder(1, "b", "anna"));
  ask(state, acquireUnder(1, "a", "anna"));
  assert.equal(applyNext(state, expire(1)), [
    { type: "send", to: "lease", letter: { type: "changed", changes: [{ type: "ended", lease: 1 }] } },
  ]);
  assert.is(state.table.leases.size, 0);
  assert.is(state.table.locks.size, 0);
  // In the order of their grants.
  assert.equal(
    [...state.table.ended.values()].map(({ lock, token, how }) => ({ lock, token, how })),
    [
      { lock: "b", token: 1, how: "expired" },
      { lock: "a", token: 2, how: "expired" },
    ],
  );
});

test("an expiry frees only the locks that the lease holds at that entry", () => {
  const state = replica();
  ask(state, openLease("anna"));
  ask(state, openLease("bert"));
  ask(state, acquireUnder(1, "a", "anna"));
  ask(state, release("a", { lease: 1 }));
  ask(state, acquireUnder(2, "a", "bert"));
  applyNext(state, expire(1));
  assert.is(state.table.locks.get("a")?.lease, 2);
});

test("an expiry that was decided in an earlier term is void: a new leader has started every ttl anew (defect 2)", () => {
  const state = replica();
  ask(state, acquire("job", "anna"));
  assert.equal(applyNext(state, expire(implicit(1), { inTerm: 1 }), 2), []);
  assert.is(state.table.locks.size, 1);
});

test("a repeat of the acquire between proposal and application of an expiry keeps the lease", () => {
  const state = replica();
  ask(state, acquire("job", "anna"), { as: "r" });
  const proposed = expire(implicit(1), { renewals: 0 });
  ask(state, acquire("job", "anna"), { as: "r" });
  // Nobody is told: the lease actor has heard of the renewal, and may have proposed again under the new count since.
  assert.equal(applyNext(state, proposed), []);
  assert.is(state.table.locks.size, 1);
  assert.equal(applyNext(state, expire(implicit(1), { renewals: 1 })), [
    { type: "send", to: "lease", letter: { type: "changed", changes: [{ type: "ended", lease: implicit(1) }] } },
  ]);
});

test("an expiry of a lease that has ended is void", () => {
  const state = replica();
  ask(state, acquire("job", "anna"));
  applyNext(state, expire(implicit(1)));
  ask(state, acquire("job", "bert"));
  assert.equal(applyNext(state, expire(implicit(1))), []);
  assert.is(state.table.locks.get("job")?.owner, "bert");
});

test("the first entry of a term tells the lease actor that the table is whole", () => {
  assert.equal(told(applyNext(replica(), noop, 7)).changes, [{ type: "termBegun", term: 7 }]);
});

test("the same entries end every replica in the same state, whenever each applies them (defects 1 and 11)", () => {
  const [leader, follower] = [replica({ digestEntries: 1 }), replica({ digestEntries: 1 })];
  ask(leader, openLease("x"));
  ask(follower, openLease("x"));
  const entry = nextEntry(leader, expire(1));
  const digests = (state: typeof leader, isAwaited: boolean) =>
    receive(state, { type: "apply", entries: [entry], answer: isAwaited }).filter(
      (effect) => effect.type === "send" && effect.to === "raft",
    );
  assert.equal(digests(leader, true), digests(follower, false));
});

test.run();
