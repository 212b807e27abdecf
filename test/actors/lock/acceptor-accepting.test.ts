// What an acceptor accepts, and what leases are told of it: one rule per test, whole replies and whole changes compared.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  accept,
  acceptor,
  acceptorAfter,
  acquiring,
  ballot,
  come,
  digestOf,
  free,
  grant,
  implicitOf,
  keepLease,
  prepare,
  recordOf,
  replyTo,
} from "./acceptor-build.ts";
import { expire } from "./build.ts";

const test = suite("actors/lock: accepting");

/** Anna holds x with token 1 under her lease 1, accepted at the first ballot of region a. */
const held = () => acceptorAfter(accept(ballot(1), grant()));

test("what is accepted is held, and the lease is told with what it holds", () => {
  const state = acceptor();
  const came = come(state, accept(ballot(1), grant({ token: 4 })));
  assert.equal(came, {
    reply: { type: "accepted", counter: 4 },
    changes: [
      { type: "opened", lease: 1, ttl: 10_000, renewals: 1 },
      { type: "holds", lease: 1, locks: digestOf(came) },
    ],
  });
  assert.ok(digestOf(came));
  assert.equal(state.table.locks.get("x"), {
    lock: "x",
    owner: "anna",
    lease: 1,
    token: 4,
    grantedAt: 1_700_000_000_000,
    requestId: "q1",
  });
});

test("an accept promises its proposer the next ballot, so that others must go above it", () => {
  const state = acceptorAfter(accept(ballot(1, "b"), grant()), accept(ballot(2, "b"), free(1)));
  assert.equal(recordOf(state)?.promised, ballot(3, "b"));
  assert.equal(replyTo(state, accept(ballot(3, "a"), grant({ token: 2, as: "q2" }))), {
    type: "overtaken",
    promised: ballot(3, "b"),
  });
  assert.equal(replyTo(state, accept(ballot(3, "b"), grant({ token: 2, as: "q2" }))), { type: "accepted", counter: 2 });
});

test("a value below a promise is refused, and changes nothing", () => {
  const state = acceptorAfter(prepare(ballot(4), acquiring("q2")));
  assert.equal(come(state, accept(ballot(3, "c"), grant())), {
    reply: { type: "overtaken", promised: ballot(4) },
    changes: [],
  });
  assert.is(state.table.locks.size, 0);
  assert.is(state.table.fencingToken, 0);
});

test("who holds a lock is followed by nobody else while his lease lives here", () => {
  for (const other of [
    grant({ token: 2, as: "q2", lease: 2 }),
    grant({ token: 1, as: "q2", lease: 2 }),
    grant({ token: 2, lease: 2 }),
    free(2, { how: "expired" }),
  ]) {
    const state = held();
    assert.equal(come(state, accept(ballot(9, "c"), other)), { reply: { type: "occupied" }, changes: [] });
    assert.equal(recordOf(state)?.accepted, ballot(1));
    assert.is(state.table.locks.get("x")?.requestId, "q1");
  }
});

test("another grant of the same lease takes the place of the one that it holds a lock with", () => {
  const state = held();
  assert.equal(replyTo(state, accept(ballot(9, "c"), grant({ token: 2, as: "q2" }))), { type: "accepted", counter: 2 });
  assert.is(state.table.locks.get("x")?.token, 2);
});

test("what was refused because of a holder is refused for good, and lower ballots with it", () => {
  const state = held();
  const other = accept(ballot(9, "c"), grant({ token: 2, as: "q2", lease: 2 }));
  assert.equal(replyTo(state, other), { type: "occupied" });
  come(state, expire(1, { renewals: 1 }));
  assert.is(replyTo(state, other)?.type, "overtaken");
});

test("a grant is taken back under its own ballot, and what is sent again after that does not count", () => {
  const state = held();
  assert.is(replyTo(state, accept(ballot(1), free(1)))?.type, "accepted");
  assert.is(state.table.locks.size, 0);
  assert.is(replyTo(state, accept(ballot(1), grant()))?.type, "overtaken");
});

test("an end that comes below a promise does not count, but holds the lock no longer here", () => {
  const state = held();
  replyTo(state, accept(ballot(9, "c"), grant({ token: 2, as: "q2", lease: 2 })));
  assert.is(replyTo(state, accept(ballot(2), free(1, { as: "q9" })))?.type, "overtaken");
  assert.is(state.table.locks.size, 0);
});

test("after his lease has expired here he is followed by the next", () => {
  const state = held();
  come(state, expire(1, { renewals: 1 }));
  const next = grant({ token: 2, as: "q2", lease: 2, owner: "bert" });
  assert.equal(replyTo(state, accept(ballot(9, "c"), next)), { type: "accepted", counter: 2 });
  assert.is(state.table.locks.get("x")?.owner, "bert");
});

test("the end of a grant frees the lock and tells the lease that it holds it no more", () => {
  const state = held();
  assert.equal(come(state, accept(ballot(2), free(1, { as: "q9" }))), {
    reply: { type: "accepted", counter: 1 },
    changes: [{ type: "holds", lease: 1, locks: "" }],
  });
  assert.is(state.table.locks.size, 0);
  assert.equal(state.table.outcomes.get("q9" as never)?.outcome, { type: "released", token: 1 });
  assert.equal(state.table.outcomes.get("q1" as never)?.outcome, { type: "grantOver", token: 1, how: "released" });
});

test("a lease that a grant opened for itself ends with it; its lock or another's, it makes no difference to others", () => {
  const lease = implicitOf(1, 0);
  const state = acceptorAfter(accept(ballot(1), grant({ lease })), accept(ballot(1), grant({ as: "q2" }), "y"));
  assert.equal(come(state, accept(ballot(2), free(1))), {
    reply: { type: "accepted", counter: 1 },
    changes: [{ type: "ended", lease }],
  });
  assert.equal([...state.table.leases.keys()], [1]);
});

test("an end that was not asked for by a release is remembered for no request", () => {
  const state = held();
  come(state, accept(ballot(2), free(1, { how: "expired" })));
  assert.equal([...state.table.outcomes.keys()], ["q1"]);
  assert.equal(state.table.outcomes.get("q1" as never)?.outcome, { type: "grantOver", token: 1, how: "expired" });
});

test("an end is accepted where the grant never came, and its token counts", () => {
  const state = acceptor();
  assert.equal(come(state, accept(ballot(2), free(5, { as: "q9" }))), {
    reply: { type: "accepted", counter: 5 },
    changes: [],
  });
  assert.equal(recordOf(state)?.value, free(5, { as: "q9" }));
});

test("the counter is the highest token that was seen, and never falls", () => {
  const state = acceptorAfter(
    accept(ballot(1), grant({ token: 9 })),
    accept(ballot(1), grant({ token: 3, as: "q2" }), "y"),
  );
  assert.is(state.table.fencingToken, 9);
  come(state, accept(ballot(2), free(9)));
  assert.is(state.table.fencingToken, 9);
});

// Timers.

test("an accept starts the lease's timer anew, with the index as its count", () => {
  const state = held();
  assert.equal(come(state, accept(ballot(2), grant())).changes, [{ type: "renewed", lease: 1, renewals: 2 }]);
  assert.equal(come(state, accept(ballot(1), grant({ token: 2, as: "q2" }), "y")).changes[0], {
    type: "renewed",
    lease: 1,
    renewals: 3,
  });
});

test("a lease that is kept is opened, and its timer starts anew when it is kept again", () => {
  const state = acceptor();
  assert.equal(come(state, keepLease(1)), {
    reply: { type: "leaseKept" },
    changes: [{ type: "opened", lease: 1, ttl: 10_000, renewals: 1 }],
  });
  assert.equal(come(state, keepLease(1)), {
    reply: { type: "leaseKept" },
    changes: [{ type: "renewed", lease: 1, renewals: 2 }],
  });
});

test("a lease comes back with an accept, and without the locks that it held before", () => {
  const state = acceptorAfter(accept(ballot(1), grant()), expire(1, { renewals: 1 }));
  const came = come(state, accept(ballot(1), grant({ token: 2, as: "q2" }), "y"));
  assert.equal(came.changes, [
    { type: "opened", lease: 1, ttl: 10_000, renewals: 3 },
    { type: "holds", lease: 1, locks: digestOf(came) },
  ]);
  assert.equal([...state.table.locks.keys()], ["y"]);
  const fresh = come(acceptor(), accept(ballot(1), grant({ token: 2, as: "q2" }), "y"));
  assert.is(digestOf(came), digestOf(fresh));
});

test("an expiry of an earlier life of a lease does not count in the next", () => {
  const state = acceptorAfter(accept(ballot(1), grant()), expire(1, { renewals: 1 }), accept(ballot(2), grant()));
  assert.equal(come(state, expire(1, { renewals: 1 })), { reply: null, changes: [] });
  assert.is(state.table.locks.size, 1);
  assert.equal(come(state, expire(1, { renewals: 3 })).changes, [{ type: "ended", lease: 1 }]);
});

test("an expiry frees what the lease holds here, and what was accepted stays to be told", () => {
  const state = acceptorAfter(accept(ballot(1), grant()), accept(ballot(1), grant({ token: 2, as: "q2" }), "y"));
  assert.equal(come(state, expire(1, { renewals: 2 })).changes, [{ type: "ended", lease: 1 }]);
  assert.is(state.table.locks.size, 0);
  assert.equal(recordOf(state), { lock: "x", promised: ballot(2), accepted: ballot(1), value: grant(), index: 3 });
});

// Repeats.

test("an accept that is sent again counts again, and starts the timer anew", () => {
  const state = held();
  assert.equal(come(state, accept(ballot(1), grant())), {
    reply: { type: "accepted", counter: 1 },
    changes: [{ type: "renewed", lease: 1, renewals: 2 }],
  });
});

test("an accept that is sent again after the grant has expired here counts no more, and brings nothing back", () => {
  const state = acceptorAfter(accept(ballot(1), grant()), expire(1, { renewals: 1 }));
  assert.equal(come(state, accept(ballot(1), grant())), { reply: { type: "occupied" }, changes: [] });
  assert.is(state.table.locks.size + state.table.leases.size, 0);
});

test("an accept that is sent again after a higher ballot was accepted is refused", () => {
  const state = acceptorAfter(accept(ballot(1), grant()), accept(ballot(2), free(1)));
  assert.equal(come(state, accept(ballot(1), grant())), {
    reply: { type: "overtaken", promised: ballot(3) },
    changes: [],
  });
  assert.equal(come(state, accept(ballot(2), free(1))), { reply: { type: "accepted", counter: 1 }, changes: [] });
});

test("an accept that is sent again after a higher ballot was promised counts: it was accepted before", () => {
  const state = acceptorAfter(accept(ballot(1), grant()), prepare(ballot(7, "c"), acquiring("q1")));
  assert.equal(replyTo(state, accept(ballot(1), grant())), { type: "accepted", counter: 1 });
  assert.equal(recordOf(state)?.promised, ballot(7, "c"));
});

// What a lease holds.

test("what a lease holds is told alike by all regions that hold the same, in whatever order it came", () => {
  const one = accept(ballot(1), grant());
  const other = accept(ballot(1, "c"), grant({ token: 2, as: "q2" }), "y");
  const here = acceptorAfter(one);
  const there = acceptor({ region: "c" });
  come(there, other);
  assert.is(digestOf(come(here, other)), digestOf(come(there, one)));
});

test("what a lease holds is told apart by every field of every grant", () => {
  const told = [
    accept(ballot(1), grant()),
    accept(ballot(1), grant(), "y"),
    accept(ballot(1), grant({ token: 2 })),
    accept(ballot(1), grant({ as: "q2" })),
    accept(ballot(1), grant({ owner: "bert" })),
  ].map((command) => digestOf(come(acceptor(), command)));
  assert.is(new Set(told).size, 5);
  assert.not(told.includes(""));
});

test("a lease that holds nothing any more is told as one that never did", () => {
  const state = held();
  come(state, accept(ballot(1), grant({ token: 2, as: "q2" }), "y"));
  assert.is(
    digestOf(come(state, accept(ballot(2), free(2), "y"))),
    digestOf(come(acceptor(), accept(ballot(1), grant()))),
  );
  assert.is(digestOf(come(state, accept(ballot(2), free(1)))), "");
});

test.run();
