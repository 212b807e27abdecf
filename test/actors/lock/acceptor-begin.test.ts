// What a proposer's own region does: it numbers attempts, accepts at once where it may, and tells what has been
// concluded before.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Ballot, Claim } from "../../../src/actors/ballots.ts";
import type { LockState } from "../../../src/actors/lock/state.ts";
import type { Command } from "../../../src/actors/messages.ts";
import { requestId } from "../../../src/actors/scalars.ts";
import {
  accept,
  acceptor,
  acquiring,
  ballot,
  begin,
  come,
  digestOf,
  free,
  grant,
  implicitOf,
  keepLease,
  noBallot,
  passEntries,
  prepare,
  recordOf,
  releasing,
  replyTo,
  settling,
} from "./acceptor-build.ts";
import { expire } from "./build.ts";

const test = suite("actors/lock: attempts of the own region");

const nothingPromised = {
  type: "promise",
  accepted: null,
  value: null,
  live: false,
  counter: 0,
  floor: noBallot,
  past: null,
  lease: null,
};

const ballotOf = (state: LockState, command: Command): Ballot => {
  const reply = replyTo(state, command);
  if (reply?.type !== "begun" && reply?.type !== "begunAccepted") throw new Error(`not begun: ${reply?.type}`);
  return reply.ballot;
};

// Ballots.

test("an attempt gets a ballot and a lease of this region, and this region's own answer", () => {
  const state = acceptor();
  assert.equal(come(state, begin(acquiring("q1"))), {
    reply: { type: "begun", ballot: ballot(1, "b"), lease: implicitOf(1, 1), own: nothingPromised },
    changes: [],
  });
  assert.equal(recordOf(state)?.promised, ballot(1, "b"));
});

test("only a grant that opens a lease for itself is given the number of one", () => {
  const state = acceptor();
  for (const claim of [acquiring("q1", { lease: 1 }), releasing("q2", { token: 1 }), settling(1)]) {
    const reply = replyTo(state, begin(claim));
    assert.is(reply?.type === "begun" ? reply.lease : "not begun", null);
  }
  assert.equal([...(state.table.acceptor?.leaseNumbers ?? [])], [0, 0, 0]);
});

test("ballots rise, are never chosen twice, and leave room for the one that follows an accept", () => {
  const state = acceptor();
  const chosen = [];
  for (const [at, lock] of ["x", "y", "x", "x", "z"].entries())
    chosen.push(ballotOf(state, begin(acquiring(`q${at}`), { lock })));
  assert.equal(
    chosen.map(({ round }) => round),
    [1, 3, 5, 7, 9],
  );
});

test("a ballot is above what was promised to others, above what the proposer knows of, and above the floor", () => {
  const state = acceptor();
  come(state, prepare(ballot(20, "c"), acquiring("q8")));
  assert.is(ballotOf(state, begin(acquiring("q1"))).round, 21);
  assert.is(ballotOf(state, begin(acquiring("q2"), { above: 40 })).round, 41);
  const forgetful = acceptor({ requestsRemembered: 3 });
  come(forgetful, prepare(ballot(20, "c"), acquiring("q8")));
  passEntries(forgetful, 4);
  assert.is(recordOf(forgetful), null);
  assert.is(ballotOf(forgetful, begin(acquiring("q1"), { lock: "y", bornAt: 5 })).round, 21);
});

test("an attempt for what another holds is told the holder, and disturbs nobody", () => {
  const state = acceptor();
  come(state, accept(ballot(3), grant()));
  const reply = replyTo(state, begin(acquiring("q2", { owner: "bert" })));
  assert.is(reply?.type === "begun" ? reply.own.type : reply?.type, "live");
  assert.equal(recordOf(state)?.promised, ballot(4));
});

// One round trip.

/** Region b has had lock x granted and released; a majority has accepted that under the ballot that is returned. */
function released(state: LockState): Ballot {
  const first = ballotOf(state, begin(acquiring("q1")));
  come(state, accept(first, grant({ lease: implicitOf(1, 1) })));
  const reply = replyTo(state, begin(releasing("q2", { token: 1 }), { known: first }));
  if (reply?.type !== "begunAccepted") throw new Error("not released at once");
  return reply.ballot;
}

const isAtOnce = (state: LockState, claim: Claim, known: Ballot | null): boolean =>
  replyTo(state, begin(claim, { known }))?.type === "begunAccepted";

test("what this region's last value was known to be accepted with is released in one round trip", () => {
  const state = acceptor();
  const first = ballotOf(state, begin(acquiring("q1")));
  come(state, accept(first, grant({ lease: 1 })));
  assert.equal(come(state, begin(releasing("q2", { token: 1, lease: 1 }), { known: first })), {
    reply: { type: "begunAccepted", ballot: ballot(2, "b"), value: free(1, { as: "q2" }) },
    changes: [{ type: "holds", lease: 1, locks: "" }],
  });
  assert.equal(recordOf(state)?.promised, ballot(3, "b"));
  assert.equal(state.table.outcomes.get(requestId("q2"))?.outcome, { type: "released", token: 1 });
});

test("what was released is granted again in one round trip, with the next token and a lease of its own", () => {
  const state = acceptor();
  const known = released(state);
  const lease = implicitOf(2, 1);
  const value = grant({ as: "q3", token: 2, lease, ttl: 30_000 });
  const came = come(state, begin(acquiring("q3"), { known }));
  assert.equal(came, {
    reply: { type: "begunAccepted", ballot: ballot(known.round + 1, "b"), value },
    changes: [
      { type: "opened", lease, ttl: 30_000, renewals: 4 },
      { type: "holds", lease, locks: digestOf(came) },
    ],
  });
});

test("a client's own lease that lives here is granted to in one round trip, for as long as it lasts", () => {
  const state = acceptor();
  const known = released(state);
  come(state, keepLease(1));
  assert.equal(replyTo(state, begin(acquiring("q3", { lease: 1 }), { known })), {
    type: "begunAccepted",
    ballot: ballot(known.round + 1, "b"),
    value: grant({ as: "q3", token: 2, lease: 1 }),
  });
});

for (const [why, doAskFirst] of [
  ["nothing is known of a majority", (state) => !released(state) || isAtOnce(state, acquiring("q3"), null)],
  ["an older ballot is known", (state) => isAtOnce(state, acquiring("q3"), ballot(released(state).round - 1, "b"))],
  [
    "what was accepted last is not what is known of a majority",
    (state) => {
      come(state, accept(ballot(1), free(1)));
      come(state, prepare(ballot(2, "b"), acquiring("q8")));
      return isAtOnce(state, acquiring("q3"), ballot(1, "b"));
    },
  ],
  [
    "the ballot is another region's",
    (state) => {
      come(state, accept(ballot(2, "c"), free(1)));
      return isAtOnce(state, acquiring("q3"), ballot(2, "c"));
    },
  ],
  [
    "another proposer was promised in between",
    (state) => {
      const known = released(state);
      come(state, prepare(ballot(9, "c"), acquiring("q8")));
      return isAtOnce(state, acquiring("q3"), known);
    },
  ],
  [
    "another attempt of this region came in between",
    (state) => {
      const known = released(state);
      come(state, begin(acquiring("q8")));
      return isAtOnce(state, acquiring("q3"), known);
    },
  ],
  [
    "somebody holds the lock here",
    (state) => {
      come(state, accept(ballot(1, "b"), grant()));
      return isAtOnce(state, acquiring("q3"), ballot(1, "b"));
    },
  ],
  [
    "the last value is a grant that has only expired here: others may hold it live",
    (state) => {
      come(state, accept(ballot(1, "b"), grant()));
      come(state, expire(1, { renewals: 1 }));
      return isAtOnce(state, acquiring("q3"), ballot(1, "b"));
    },
  ],
  ["something is remembered of the request", (state) => isAtOnce(state, acquiring("q1"), released(state))],
  ["the lease is not known here", (state) => isAtOnce(state, acquiring("q3", { lease: 1 }), released(state))],
  [
    "the lease is another owner's",
    (state) => {
      const known = released(state);
      come(state, keepLease(1));
      return isAtOnce(state, acquiring("q3", { lease: 1, owner: "bert" }), known);
    },
  ],
  [
    "the release does not fit",
    (state) => {
      come(state, accept(ballot(1, "b"), grant()));
      return isAtOnce(state, releasing("q3", { token: 2 }), ballot(1, "b"));
    },
  ],
  ["the lock is not held", (state) => isAtOnce(state, releasing("q3", { token: 1 }), released(state))],
  ["a grant is settled", (state) => isAtOnce(state, settling(1), released(state))],
] as readonly (readonly [string, (state: LockState) => boolean])[]) {
  test(`the others are asked first where ${why}`, () => {
    assert.not(doAskFirst(acceptor()));
  });
}

test("a ballot taken at once is never chosen again", () => {
  const state = acceptor();
  const known = released(state);
  const taken = ballotOf(state, begin(acquiring("q3"), { known }));
  assert.equal(taken, ballot(3, "b"));
  assert.not(isAtOnce(state, acquiring("q4"), known));
  assert.ok(ballotOf(state, begin(acquiring("q5"))).round > taken.round);
});

// What is remembered.

test("what was concluded is told again, and no ballot is chosen", () => {
  const state = acceptor();
  const outcome = { type: "notHeld" } as const;
  const conclude = { type: "conclude", ask: "ask", requestId: requestId("q1"), outcome } as const;
  assert.equal(come(state, conclude), { reply: { type: "concluded", outcome }, changes: [] });
  assert.equal(replyTo(state, begin(releasing("q1", { token: 3 }))), { type: "concluded", outcome });
  assert.is(recordOf(state), null);
});

test("a release that was accepted here may be known here only: the regions judge it together", () => {
  const state = acceptor();
  come(state, accept(ballot(1), grant()));
  come(state, accept(ballot(2), free(1, { as: "q2" })));
  const reply = replyTo(state, begin(releasing("q2", { token: 1 })));
  assert.is(reply?.type, "begun");
  if (reply?.type !== "begun" || reply.own.type !== "promise") return assert.unreachable();
  assert.equal(reply.own.past, { type: "released", token: 1 });
});

test("a release that comes again, naming a lease alone, does not end at once what its lease holds since", () => {
  const state = acceptor();
  come(state, accept(ballot(1), grant()));
  come(state, accept(ballot(2), free(1, { as: "q2" })));
  come(state, accept(ballot(3), grant({ token: 2, as: "q3" })));
  const command = begin(releasing("q2", { lease: 1 }), { known: ballot(3) });
  assert.is(replyTo(state, command)?.type, "begun");
  assert.is(state.table.locks.get("x")?.token, 2);
});

test("nothing concluded takes the place of what is remembered, a grant least of all", () => {
  const state = acceptor();
  come(state, accept(ballot(1), grant()));
  const outcome = { type: "notHeld" } as const;
  assert.equal(replyTo(state, { type: "conclude", ask: "ask", requestId: requestId("q1"), outcome }), {
    type: "concluded",
    outcome,
  });
  assert.is(state.table.outcomes.get(requestId("q1"))?.outcome.type, "granted");
  come(state, accept(ballot(2), free(1, { as: "q2" })));
  assert.equal(replyTo(state, { type: "conclude", ask: "ask", requestId: requestId("q2"), outcome }), {
    type: "concluded",
    outcome: { type: "released", token: 1 },
  });
});

test("whether a grant that is remembered still holds is asked of all regions", () => {
  const state = acceptor();
  come(state, accept(ballot(1), grant()));
  for (const end of [null, expire(1, { renewals: 1 })]) {
    if (end !== null) come(state, end);
    assert.is(replyTo(state, begin(acquiring("q1")))?.type, "begun");
  }
});

test("a request from before what is remembered is not begun, unless it is known to be granted", () => {
  const state = acceptor({ requestsRemembered: 5 });
  come(state, accept(ballot(1), grant()));
  passEntries(state, 10);
  assert.equal(replyTo(state, begin(acquiring("q9"), { lock: "y", bornAt: 5 })), {
    type: "concluded",
    outcome: { type: "forgotten" },
  });
  assert.is(replyTo(state, begin(acquiring("q1"), { bornAt: 5 }))?.type, "begun");
  assert.is(replyTo(state, begin(acquiring("q9"), { lock: "y", bornAt: 8 }))?.type, "begun");
});

test("whoever settles a grant is never too late", () => {
  const state = acceptor({ requestsRemembered: 2 });
  passEntries(state, 10);
  assert.is(replyTo(state, begin(settling(1)))?.type, "begun");
});

test.run();
