// What an acceptor promises, and to whom: one rule per test, whole replies and whole changes compared.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Reply } from "../../../src/actors/ballots.ts";
import { millis } from "../../../src/actors/scalars.ts";
import {
  accept,
  acceptor,
  acceptorAfter,
  acquiring,
  ballot,
  come,
  free,
  grant,
  keepLease,
  noBallot,
  prepare,
  recordOf,
  releasing,
  replyTo,
  settling,
} from "./acceptor-build.ts";
import { expire, holderOf } from "./build.ts";

const test = suite("actors/lock: promises");

const promise = (fields: Partial<Extract<Reply, { type: "promise" }>> = {}) => ({
  type: "promise",
  accepted: null,
  value: null,
  live: false,
  counter: 0,
  floor: noBallot,
  past: null,
  lease: null,
  ...fields,
});

/** Anna holds x with token 1 under her lease 1, accepted at the first ballot of region a. */
const held = () => acceptorAfter(accept(ballot(1), grant()));

// Promises.

test("a lock that nobody has asked for is promised, and the promise is kept", () => {
  const state = acceptor();
  assert.equal(come(state, prepare(ballot(3), acquiring("q1"))), { reply: promise(), changes: [] });
  assert.equal(recordOf(state), { lock: "x", promised: ballot(3), accepted: null, value: null, index: 1 });
});

test("a ballot below a promise is refused, with the promise, and changes nothing", () => {
  const state = acceptorAfter(prepare(ballot(3, "b"), acquiring("q1")));
  for (const lower of [ballot(2, "c"), ballot(3, "a")]) {
    assert.equal(come(state, prepare(lower, acquiring("q2"))), {
      reply: { type: "overtaken", promised: ballot(3, "b") },
      changes: [],
    });
  }
  assert.is(recordOf(state)?.index, 1);
});

test("a promise is repeated to whoever it was given", () => {
  const state = acceptorAfter(prepare(ballot(3), acquiring("q1")));
  assert.equal(replyTo(state, prepare(ballot(3), acquiring("q1"))), promise());
});

test("locks are promised apart from each other", () => {
  const state = acceptorAfter(prepare(ballot(9), acquiring("q1"), "x"));
  assert.equal(replyTo(state, prepare(ballot(1), acquiring("q2"), "y")), promise());
});

test("a promise tells what was accepted, that it has ended, the counter, and what is remembered of the request", () => {
  const state = acceptorAfter(accept(ballot(1), grant({ token: 7 })), accept(ballot(2), free(7)));
  assert.equal(
    replyTo(state, prepare(ballot(5, "c"), acquiring("q1"))),
    promise({
      accepted: ballot(2),
      value: free(7),
      counter: 7 as never,
      past: { type: "grantOver", token: 7 as never, how: "released" },
    }),
  );
});

test("whoever asks for a lock that another holds is told the holder, and nothing is promised", () => {
  const state = held();
  assert.equal(come(state, prepare(ballot(5, "c"), acquiring("q2", { owner: "bert" }))), {
    reply: {
      type: "live",
      accepted: ballot(1),
      holder: holderOf("anna", { lease: 1, token: 1, ttl: 10_000 }),
      requestId: "q1",
      counter: 1,
      lease: null,
    },
    changes: [],
  });
  assert.equal(recordOf(state), { lock: "x", promised: ballot(2), accepted: ballot(1), value: grant(), index: 1 });
});

test("a ballot below a promise is refused, even where somebody holds the lock", () => {
  assert.equal(replyTo(held(), prepare(ballot(1, "b"), acquiring("q2"))), { type: "overtaken", promised: ballot(2) });
});

test("a promise does not disturb who holds the lock", () => {
  const state = held();
  come(state, prepare(ballot(5), acquiring("q1")));
  assert.equal(state.table.locks.get("x")?.token, 1);
});

test("a grant that has expired here is no holder any more", () => {
  const state = held();
  come(state, expire(1, { renewals: 1 }));
  assert.equal(
    replyTo(state, prepare(ballot(5, "c"), acquiring("q2"))),
    promise({ accepted: ballot(1), value: grant(), counter: 1 as never }),
  );
});

// Claims.

const isPromised = (claim: Parameters<typeof prepare>[1]): boolean =>
  replyTo(held(), prepare(ballot(5, "c"), claim))?.type === "promise";

test("the request that was granted is let through to its own grant, and no other of the same lease or owner", () => {
  assert.equal(
    replyTo(held(), prepare(ballot(5, "c"), acquiring("q1"))),
    promise({
      accepted: ballot(1),
      value: grant(),
      live: true,
      counter: 1 as never,
      past: { type: "granted", lease: 1 as never, token: 1 as never, ttl: 10_000 as never },
    }),
  );
  assert.not(isPromised(acquiring("q2", { lease: 1 })));
});

test("a release is let through if everything that it says of the grant fits", () => {
  for (const named of [{ lease: 1 }, { token: 1 }, { lease: 1, token: 1 }, { token: 1, owner: "anna" }]) {
    assert.ok(isPromised(releasing("q9", named)), JSON.stringify(named));
  }
  for (const named of [
    { lease: 2 },
    { token: 2 },
    { lease: 1, token: 2 },
    { lease: 2, token: 1 },
    { token: 1, owner: "bert" },
    { owner: "anna" },
    {},
  ]) {
    assert.not(isPromised(releasing("q9", named)), JSON.stringify(named));
  }
});

test("whoever settles a grant is let through to that grant only", () => {
  assert.ok(isPromised(settling(1)));
  assert.not(isPromised(settling(2)));
});

test("whoever names a lease is told what this region knows of it", () => {
  const state = acceptorAfter(keepLease(1), keepLease(18));
  come(state, expire(1, { renewals: 1 }));
  for (const [lease, view] of [
    [18, { type: "live", owner: "anna", ttl: millis(10_000) }],
    [1, { type: "ended" }],
    [17, { type: "unknown" }],
    [2, { type: "ended" }],
  ] as const) {
    const lock = `lock ${lease}`;
    assert.equal(replyTo(state, prepare(ballot(1), acquiring("q1", { lease }), lock)), promise({ lease: view }));
  }
});

test.run();
