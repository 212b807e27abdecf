// What is shown to whoever looks at those who wait: their places, when it may be their turn, their leases, and for whom they wait.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { lock } from "../../../src/actors/lock/receive.ts";
import type { LockState } from "../../../src/actors/lock/state.ts";
import { putLock } from "../../../src/actors/lock/table.ts";
import { plainTerms } from "../../../src/actors/lock/turn.ts";
import type { GrantTerms } from "../../../src/actors/messages.ts";
import type { Look, Outcome } from "../../../src/actors/operations.ts";
import { fencingToken, instant, leaseId, requestId, wallTime } from "../../../src/actors/scalars.ts";
import { applyNext, expire, nextEntry, writeCommand } from "./build.ts";
import { cancel, come, crowd, join, ownerOf, releaseAll, seen, shared, take, want } from "./queue-build.ts";

const test = suite("actors/lock: views of waiters");

const waiters = (name: string, { after = 0, limit = 100 } = {}): Look => ({
  type: "waiters",
  lock: name,
  after,
  limit,
});

const leases = ({ owner = "", after = 0, limit = 100 } = {}): Look => ({
  type: "leases",
  owner,
  after: leaseId(after),
  limit,
});

test("those who wait for a lock are shown in their order, each with what he asked for and his place", () => {
  const state = crowd();
  take(state, want(1, "x"));
  join(state, want(2, ["x", shared("y")], { context: "task", metadata: "m", askedAt: 100 }), "q2");
  join(state, want(3, "x", { priority: 2 }), "q3");
  assert.equal(seen(state, waiters("x")), {
    type: "waitersSeen",
    waiters: [
      {
        requestId: "q3",
        owner: "carl",
        lease: 3,
        context: "",
        demands: want(3, "x").demands,
        priority: 2,
        metadata: "",
        askedAt: 1_700_000_000_000,
        position: 1,
        estimate: null,
      },
      {
        requestId: "q2",
        owner: "bert",
        lease: 2,
        context: "task",
        demands: want(2, ["x", shared("y")]).demands,
        priority: 0,
        metadata: "m",
        askedAt: 100,
        position: 2,
        estimate: null,
      },
    ],
    total: 2,
  });
  assert.equal(seen(state, waiters("z")), { type: "waitersSeen", waiters: [], total: 0 });
});

test("pages of waiters go on behind a place", () => {
  const state = crowd(6);
  take(state, want(1, "x"));
  for (const lease of [2, 3, 4, 5, 6]) join(state, want(lease, "x"), `q${lease}`);
  const shown = seen(state, waiters("x", { after: 2, limit: 2 })) as Extract<Outcome, { type: "waitersSeen" }>;
  assert.equal(
    shown.waiters.map(({ requestId, position }) => [requestId, position]),
    [
      ["q4", 3],
      ["q5", 4],
    ],
  );
  assert.is(shown.total, 5);
});

/** Applies a write at a moment of this node's clock. */
const at = (state: LockState, moment: number, write: Parameters<typeof writeCommand>[1]) =>
  lock.receive(
    state,
    { type: "apply", entries: [nextEntry(state, writeCommand(state, write))], answer: true },
    instant(moment),
  );

test("when it may be whose turn is judged by how long those before took, as soon as two have had theirs", () => {
  const state = crowd(6);
  take(state, want(1, "x"));
  for (const lease of [2, 3, 4, 5, 6]) join(state, want(lease, "x"), `q${lease}`);
  const estimates = () => {
    const shown = seen(state, waiters("x")) as Extract<Outcome, { type: "waitersSeen" }>;
    return shown.waiters.map(({ estimate }) => estimate);
  };
  at(state, 1_000, releaseAll(1, 1));
  assert.equal(estimates(), [null, null, null, null]);
  at(state, 1_400, releaseAll(2, 2));
  assert.equal(estimates(), [400, 800, 1_200]);
  at(state, 2_000, releaseAll(3, 3));
  assert.equal(estimates(), [440, 880]);
});

test("of a lock for which nobody waits no pace is kept, however its queue ended", () => {
  const ends = [
    (state: LockState) => come(state, cancel("q3", 3)),
    (state: LockState) => come(state, expire(3)),
    (state: LockState) => come(state, releaseAll(2, 2)),
  ];
  for (const end of ends) {
    const state = crowd();
    take(state, want(1, "x"));
    join(state, want(2, "x"), "q2");
    join(state, want(3, "x"), "q3");
    come(state, releaseAll(1, 1));
    end(state);
    assert.is(state.paces.size, 0);
  }
});

// Leases, and who waits for whom.

test("leases are shown by number, with what they hold and how many wait under them, of one owner or of all", () => {
  const state = crowd(2);
  applyNext(state, writeCommand(state, { type: "openLease", owner: "anna", ttl: 5_000 as never, metadata: "host 7" }));
  take(state, want(1, ["x", "y"]));
  take(state, want(2, "z"));
  join(state, want(2, "x"), "q2");
  const lease = (id: number, owner: string, fields = {}) => ({
    lease: id,
    owner,
    ttl: 10_000,
    remaining: 0,
    metadata: "",
    locks: 0,
    waiting: 0,
    ...fields,
  });
  const [first, second, third] = [
    lease(1, "anna", { locks: 2 }),
    lease(2, "bert", { locks: 1, waiting: 1 }),
    lease(3, "anna", { ttl: 5_000, metadata: "host 7" }),
  ];
  assert.equal(seen(state, leases()), { type: "leasesSeen", leases: [first, second, third], next: null });
  assert.equal(seen(state, leases({ owner: "anna" })), { type: "leasesSeen", leases: [first, third], next: null });
  assert.equal(seen(state, leases({ limit: 2 })), { type: "leasesSeen", leases: [first, second], next: 2 });
  assert.equal(seen(state, leases({ after: 2 })), { type: "leasesSeen", leases: [third], next: null });
  assert.equal(seen(state, leases({ owner: "nobody" })), { type: "leasesSeen", leases: [], next: null });
});

test("who waits for whom is shown: for those who hold, and for the nearest in the queue", () => {
  const state = crowd(5);
  const party = (id: number) => ({ lease: id, context: "", owner: ownerOf(id) });
  take(state, want(1, shared("x")));
  take(state, want(2, shared("x")));
  join(state, want(3, "x"), "q3");
  join(state, want(4, shared("x")), "q4");
  join(state, want(5, shared("x")), "q5");
  const edges = [
    { waiter: party(3), lock: "x", blocker: party(1), isHolder: true },
    { waiter: party(3), lock: "x", blocker: party(2), isHolder: true },
    { waiter: party(4), lock: "x", blocker: party(3), isHolder: false },
    { waiter: party(5), lock: "x", blocker: party(3), isHolder: false },
  ];
  assert.equal(seen(state, { type: "waits", limit: 100 }), { type: "waitsSeen", waits: edges, isWhole: true });
  assert.equal(seen(state, { type: "waits", limit: 4 }), { type: "waitsSeen", waits: edges, isWhole: true });
  assert.equal(seen(state, { type: "waits", limit: 3 }), {
    type: "waitsSeen",
    waits: edges.slice(0, 3),
    isWhole: false,
  });
  assert.equal(seen(crowd(), { type: "waits", limit: 3 }), { type: "waitsSeen", waits: [], isWhole: true });
});

test("of who waits for whom as much is shown as travels in one message", () => {
  const state = crowd(2);
  const name = "n".repeat(500);
  take(state, want(1, name));
  for (let place = 0; place < 600; place += 1) {
    join(state, want(2, name, { context: `${place}${"c".repeat(120)}` }), `q${place}`);
  }
  const { waits, isWhole } = seen(state, { type: "waits", limit: 10_000 }) as Extract<Outcome, { type: "waitsSeen" }>;
  const size = JSON.stringify(waits).length;
  assert.not(isWhole);
  assert.ok(size > 500_000 && size < 1_000_000, `${size} characters`);
});

test("one who waits for very many is shown as far as is asked for", () => {
  const state = crowd(2);
  const terms: GrantTerms = { ...plainTerms, mode: "shared" };
  const held = { lock: "x", owner: ownerOf(1), lease: leaseId(1), grantedAt: wallTime(0), requestId: requestId("") };
  for (let token = 1; token <= 150_000; token += 1)
    putLock(state.table, { ...held, token: fencingToken(token), terms });
  join(state, want(2, "x"), "q2");
  const { waits, isWhole } = seen(state, { type: "waits", limit: 3 }) as Extract<Outcome, { type: "waitsSeen" }>;
  assert.equal([waits.length, isWhole], [3, false]);
});

test.run();
