// The numbers of leases where there are several regions, and the requests for them.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isImplicit, regionalLease, regionalNumber } from "../../../src/actors/scalars.ts";
import {
  acceptor,
  acquiring,
  begin,
  beginLease,
  come,
  implicitOf,
  keepLease,
  passEntries,
  replyTo,
  restoredFrom,
} from "./acceptor-build.ts";
import { expire } from "./build.ts";

const test = suite("actors/lock: leases of several regions");

test("a lease of a client is numbered by the region that opens it, and held there first", () => {
  const state = acceptor();
  assert.equal(come(state, beginLease("q1")), {
    reply: { type: "leaseBegun", lease: 2 },
    changes: [{ type: "opened", lease: 2, ttl: 10_000, renewals: 1 }],
  });
  assert.equal(come(state, beginLease("q2")), {
    reply: { type: "leaseBegun", lease: 18 },
    changes: [{ type: "opened", lease: 18, ttl: 10_000, renewals: 2 }],
  });
});

test("no two regions give one number, to leases of either kind", () => {
  const given = new Set<number>();
  for (const region of ["a", "b", "c"]) {
    const state = acceptor({ region });
    for (let count = 0; count < 4; count += 1) {
      const opened = replyTo(state, beginLease(`l${count}`));
      const begun = replyTo(state, begin(acquiring(`q${count}`)));
      assert.ok(opened?.type === "leaseBegun" && begun?.type === "begun" && begun.lease !== null);
      assert.not(isImplicit(opened.lease));
      assert.ok(isImplicit(begun.lease));
      given.add(opened.lease).add(begun.lease);
    }
  }
  assert.is(given.size, 24);
});

test("the number of a lease says which region numbered it, and how many it had numbered", () => {
  for (const [count, place] of [
    [1, 0],
    [7, 2],
    [1_000_000, 15],
  ] as const) {
    assert.equal(regionalNumber(regionalLease(count, place)), { count, place });
    assert.equal(regionalNumber(implicitOf(count, place)), { count, place });
  }
});

test("a lease that another region numbered does not change what this one numbers next", () => {
  const state = acceptor();
  for (const count of [40, 3]) come(state, keepLease(regionalLease(count, 2)));
  assert.equal([...(state.table.acceptor?.leaseNumbers ?? [])], [0, 0, 40]);
  assert.equal(replyTo(state, beginLease("q1")), { type: "leaseBegun", lease: 2 });
});

test("a request for a lease that is repeated gets the same lease, with its timer started anew", () => {
  const state = acceptor();
  come(state, beginLease("q1"));
  assert.equal(come(state, beginLease("q1")), {
    reply: { type: "leaseBegun", lease: 2 },
    changes: [{ type: "renewed", lease: 2, renewals: 2 }],
  });
});

test("a request for a lease that has ended since is told so; one from before what is remembered is not begun", () => {
  const state = acceptor({ requestsRemembered: 5 });
  come(state, beginLease("q1"));
  come(state, expire(2, { renewals: 1 }));
  assert.equal(come(state, beginLease("q1")), {
    reply: { type: "concluded", outcome: { type: "leaseEnded", lease: 2 } },
    changes: [],
  });
  passEntries(state, 10);
  assert.equal(replyTo(state, beginLease("q1", { bornAt: 5 })), { type: "concluded", outcome: { type: "forgotten" } });
});

test("a replica restored in between numbers on where the other was", () => {
  const state = acceptor();
  come(state, beginLease("q1"));
  come(state, begin(acquiring("q2")));
  const copy = restoredFrom(state);
  for (const command of [beginLease("q3"), begin(acquiring("q4"), { lock: "y" })]) {
    assert.equal(come(copy, command), come(state, command));
  }
});

test.run();
