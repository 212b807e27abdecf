import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  answers,
  changed,
  confirm,
  confirmed,
  ended,
  following,
  hasEnded,
  isRenewed,
  isUnknown,
  leader,
  leading,
  leaseIs,
  node,
  opened,
  passTime,
  proposes,
  queried,
  receive,
  renew,
  renewedInLog,
  termBegun,
  ticks,
} from "./build.ts";

const test = suite("actors/lease: renewals");

test("a renewal is answered only after a confirmation round (defect 3)", () => {
  const it = leader(1);
  assert.equal(receive(it, renew(1)), [confirm(1)]);
  assert.equal(receive(it, confirmed(1)), [answers(["r1", isRenewed(1)])]);
});

test("a renewal resets the deadline when it arrives, not when it is confirmed", () => {
  const it = leader(1);
  passTime(it, 1_000);
  receive(it, renew(1));
  passTime(it, 1_900);
  receive(it, confirmed(1));
  assert.equal(passTime(it, 2_199), []);
  assert.equal(passTime(it, 2_200), [proposes([1, 0, 1])]);
});

test("renewals that come while a round is under way share the next", () => {
  const it = leader(1, 2, 3);
  assert.equal(receive(it, renew(1)), [confirm(1)]);
  assert.equal(receive(it, renew(2)), []);
  assert.equal(receive(it, renew(3)), []);
  assert.equal(receive(it, confirmed(1)), [answers(["r1", isRenewed(1)]), confirm(2)]);
  assert.equal(receive(it, confirmed(2)), [answers(["r2", isRenewed(2)], ["r3", isRenewed(3)])]);
  assert.equal(receive(it, renew(1)), [confirm(3)]);
});

test("a deposed leader acknowledges no renewal, though a late round seems to confirm it (defect 3)", () => {
  const it = leader(1);
  receive(it, renew(1));
  receive(it, following(2));
  assert.equal(receive(it, confirmed(1)), []);
  receive(it, leading(3));
  assert.equal(receive(it, confirmed(1)), []);
});

test("a lease that ended before the round was confirmed is answered as ended", () => {
  const it = leader(1);
  receive(it, renew(1));
  receive(it, changed(ended(1)));
  assert.equal(receive(it, confirmed(1)), [answers(["r1", hasEnded(1)])]);
});

// Leases that this actor does not know.

test("a lease that is not known here is asked after; what the lock table says is the answer", () => {
  for (const [outcome, answer] of [
    ["unknown", isUnknown(9)],
    ["ended", hasEnded(9)],
  ] as const) {
    const it = leader(1);
    assert.equal(receive(it, renew(9)), [queried("r9", 9)]);
    assert.equal(receive(it, leaseIs("r9", 9, outcome)), [answers(["r9", answer])]);
  }
});

test("a lease that was opened while it was asked after is renewed", () => {
  const it = leader();
  receive(it, renew(9));
  receive(it, changed(opened(9)));
  passTime(it, 600);
  assert.equal(receive(it, leaseIs("r9", 9, "live")), [answers(["r9", isRenewed(9)])]);
  assert.equal(passTime(it, 1_799), []);
  assert.equal(passTime(it, 1_800), [proposes([9, 0, 1])]);
});

test("known and unknown leases in one letter go their two ways", () => {
  const it = leader(1);
  assert.equal(receive(it, renew(1, 9)), [queried("r9", 9), confirm(1)]);
});

test("the lock table's word is not passed on to whom nobody asked for", () => {
  const it = leader(1);
  receive(it, renew(9));
  receive(it, following(2));
  assert.equal(receive(it, leaseIs("r9", 9, "unknown")), []);
});

// A proposed expiry.

test("a renewal after the expiry was proposed is refused once the lease has ended", () => {
  const it = leader(1);
  passTime(it, 1_200);
  assert.equal(receive(it, renew(1)), [confirm(1)]);
  assert.equal(receive(it, confirmed(1)), []);
  assert.equal(receive(it, changed(ended(1))), [answers(["r1", hasEnded(1)])]);
});

test("a renewal after the expiry was proposed moves no deadline", () => {
  const it = leader(1);
  passTime(it, 1_200);
  const deadline = it.state.leases.get(1 as never)?.deadline;
  receive(it, renew(1));
  assert.is(it.state.leases.get(1 as never)?.deadline, deadline);
});

test("a refusal waits for its round too, though the lease has ended meanwhile", () => {
  const it = leader(1);
  passTime(it, 1_200);
  receive(it, renew(1));
  assert.equal(receive(it, changed(ended(1))), []);
  assert.equal(receive(it, confirmed(1)), [answers(["r1", hasEnded(1)])]);
});

test("an expiry proposed while the round was under way holds the answer back", () => {
  const it = leader(1);
  receive(it, renew(1));
  assert.equal(passTime(it, 1_200), [proposes([1, 0, 1])]);
  assert.equal(receive(it, confirmed(1)), []);
  assert.equal(receive(it, changed(ended(1))), [answers(["r1", hasEnded(1)])]);
});

test("an answer held back for an expiry that the log voids becomes a renewal", () => {
  const it = leader(1);
  passTime(it, 1_200);
  receive(it, renew(["a", 1], ["b", 1]));
  receive(it, confirmed(1));
  assert.equal(receive(it, changed(renewedInLog(1, 1))), [answers(["a", isRenewed(1)], ["b", isRenewed(1)])]);
  assert.equal(passTime(it, 2_399), []);
  assert.equal(passTime(it, 2_400), [proposes([1, 1, 1])]);
});

test("an answer that was held back is given once", () => {
  const it = leader(1);
  passTime(it, 1_200);
  receive(it, renew(1));
  receive(it, confirmed(1));
  assert.equal(receive(it, changed(renewedInLog(1, 1))), [answers(["r1", isRenewed(1)])]);
  assert.equal(receive(it, changed(renewedInLog(1, 2))), []);
  assert.equal(receive(it, changed(ended(1))).length, 0);
});

test("a lease that was opened while it was asked after is not renewed while its expiry is proposed", () => {
  const it = leader();
  assert.equal(receive(it, renew(1)), [queried("r1", 1)]);
  receive(it, changed(opened(1)));
  assert.equal(passTime(it, 1_200), [proposes([1, 0, 1])]);
  assert.equal(receive(it, leaseIs("r1", 1, "live")), []);
  assert.equal(receive(it, changed(ended(1))), [answers(["r1", hasEnded(1)])]);
});

test("leading again in the same term does not make a lease renewable whose expiry may be in the log", () => {
  const it = leader(1);
  passTime(it, 1_200);
  receive(it, leading(1));
  assert.equal(receive(it, renew(1)), [confirm(1)]);
  assert.equal(receive(it, confirmed(1)), []);
  assert.equal(receive(it, changed(ended(1))), [answers(["r1", hasEnded(1)])]);
});

// Before and between leaderships.

test("nothing is answered before the first entry of the term is applied: the table may not be whole", () => {
  const it = node();
  receive(it, changed(opened(1)));
  receive(it, leading(2));
  assert.equal(receive(it, renew(1)), []);
  assert.equal(receive(it, renew(9)), []);
  it.now = 500;
  assert.equal(receive(it, changed(termBegun(2))), [ticks(100), queried("r9", 9), confirm(1)]);
  assert.equal(receive(it, confirmed(1)), [answers(["r1", isRenewed(1)])]);
});

test("a renewal that comes before this actor has heard that it leads is not lost", () => {
  const it = node();
  receive(it, changed(opened(1), termBegun(2)));
  assert.equal(receive(it, renew(1)), []);
  assert.equal(receive(it, leading(2)), [ticks(100), confirm(1)]);
});

test("leading again in the same term asks anew for everything unanswered: raft has dropped what it was asked", () => {
  const it = leader(1, 2, 3);
  receive(it, renew(1));
  receive(it, renew(2, 9));
  assert.equal(receive(it, leading(1)), [
    { type: "cancelTimer", timer: "tick" },
    ticks(100),
    queried("r9", 9),
    confirm(2),
  ]);
  assert.equal(receive(it, confirmed(1)), []);
  assert.equal(receive(it, confirmed(2)), [answers(["r1", isRenewed(1)], ["r2", isRenewed(2)])]);
});

test("a follower drops what is unanswered: the gateway turns elsewhere with it", () => {
  const it = leader(1);
  receive(it, renew(1));
  receive(it, renew(1, 9));
  receive(it, following(2));
  receive(it, leading(3));
  assert.equal(receive(it, changed(termBegun(3))), [ticks(100)]);
});

test.run();
