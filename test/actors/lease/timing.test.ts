import { suite } from "uvu";
import * as assert from "uvu/assert";
import { instant, leaseId } from "../../../src/actors/scalars.ts";
import {
  answers,
  changed,
  confirm,
  confirmed,
  ended,
  following,
  hasEnded,
  held,
  isRenewed,
  leader,
  leading,
  node,
  opened,
  passTime,
  proposes,
  receive,
  renew,
  renewedInLog,
  termBegun,
  tick,
  ticks,
} from "./build.ts";

const test = suite("actors/lease: timers");

test("a lease that is not renewed is proposed for expiry once ttl·(1+ρ) + ε have passed, not before", () => {
  const it = leader(1);
  assert.equal(passTime(it, 1_199), []);
  assert.equal(passTime(it, 1_200), [proposes([1, 0, 1])]);
});

test("an expiry is proposed once", () => {
  const it = leader(1);
  passTime(it, 1_200);
  assert.equal(passTime(it, 60_000), []);
});

test("a leader ticks while it has leases, and not without", () => {
  const it = node();
  assert.equal(receive(it, leading(1)), []);
  assert.equal(receive(it, changed(termBegun(1))), []);
  assert.equal(receive(it, changed(opened(1))), [ticks(100)]);
  assert.equal(receive(it, changed(opened(2))), []);
  it.now = 100;
  assert.equal(receive(it, tick), [ticks(100)]);
  it.now = 200;
  receive(it, changed(ended(1), ended(2)));
  assert.equal(receive(it, tick), []);
  assert.equal(receive(it, changed(opened(3))), [ticks(100)]);
});

test("the tick comes when the next deadline is due", () => {
  const it = leader(1);
  passTime(it, 1_130);
  it.now = 1_200;
  assert.is(it.state.timing?.tickAt, 1_200);
});

test("a follower knows the leases and times nothing", () => {
  const it = node();
  assert.equal(receive(it, changed(opened(1), opened(2), ended(2), renewedInLog(1, 4), termBegun(3))), []);
  assert.equal([...it.state.leases.keys()], [1]);
  assert.is(it.state.leases.get(leaseId(1))?.renewals, 4);
  it.now = 100_000;
  assert.equal(receive(it, tick), []);
});

test("a new leader gives every lease its full span from the moment it applied the first entry of its term (defect 2)", () => {
  const it = node();
  receive(it, changed(opened(1), termBegun(1)));
  it.now = 10_000;
  assert.equal(receive(it, leading(2)), []);
  it.now = 15_000;
  assert.equal(receive(it, changed(termBegun(2))), [ticks(100)]);
  assert.equal(passTime(it, 16_199), []);
  assert.equal(passTime(it, 16_200), [proposes([1, 0, 2])]);
});

test("the timers wait for the first entry of the leader's own term, not of another", () => {
  const it = node();
  receive(it, leading(3));
  assert.equal(receive(it, changed(opened(1), termBegun(2))), []);
  assert.is(it.state.timing, null);
});

test("the first entry of the term may be heard of before the leadership", () => {
  const it = node();
  receive(it, changed(opened(1), termBegun(2)));
  it.now = 500;
  assert.equal(receive(it, leading(2)), [ticks(100)]);
  assert.equal(passTime(it, 1_699), []);
  assert.equal(passTime(it, 1_700), [proposes([1, 0, 2])]);
});

test("leading again in the same term starts every ttl anew", () => {
  const it = leader(1);
  passTime(it, 1_100);
  assert.equal(receive(it, leading(1)), [{ type: "cancelTimer", timer: "tick" }, ticks(100)]);
  assert.equal(passTime(it, 2_299), []);
  assert.equal(passTime(it, 2_300), [proposes([1, 0, 1])]);
});

test("leading again in the same term proposes again what was proposed: that may be in the log, or may be lost", () => {
  const it = leader(1, 2);
  passTime(it, 1_150);
  receive(it, renew(2));
  passTime(it, 1_200);
  assert.equal(receive(it, leading(1)).slice(0, 3), [
    { type: "cancelTimer", timer: "tick" },
    proposes([1, 0, 1]),
    ticks(100),
  ]);
});

test("a deposed leader stops its timers, and in a new term nothing of the old is pending", () => {
  const it = leader(1);
  passTime(it, 1_200);
  assert.equal(receive(it, following(2)), [{ type: "cancelTimer", timer: "tick" }]);
  assert.equal(passTime(it, 9_000), []);
  receive(it, leading(3));
  receive(it, changed(termBegun(3)));
  // The expiry of term 1 is void now, so the lease is as good as any.
  receive(it, renew(1));
  assert.equal(receive(it, confirmed(1)), [answers(["r1", isRenewed(1)])]);
  assert.equal(passTime(it, 10_199), []);
  assert.equal(passTime(it, 10_200), [proposes([1, 0, 3])]);
});

test("a renewal through the log starts the full span again, and the next expiry names the new count", () => {
  const it = leader(1);
  passTime(it, 1_000);
  receive(it, changed(renewedInLog(1, 1)));
  assert.equal(passTime(it, 2_199), []);
  assert.equal(passTime(it, 2_200), [proposes([1, 1, 1])]);
});

test("a renewal through the log after an expiry was proposed makes the lease renewable again", () => {
  const it = leader(1);
  passTime(it, 1_200);
  receive(it, changed(renewedInLog(1, 1)));
  receive(it, renew(1));
  assert.equal(receive(it, confirmed(1)), [answers(["r1", isRenewed(1)])]);
  assert.equal(passTime(it, 2_399), []);
  assert.equal(passTime(it, 2_400), [proposes([1, 1, 1])]);
});

test("a snapshot replaces all leases", () => {
  const it = node();
  receive(it, changed(opened(1), opened(2)));
  receive(it, changed({ type: "cleared" }, opened(2, { renewals: 3 }), opened(7)));
  assert.equal([...it.state.leases.keys()], [2, 7]);
  assert.is(it.state.leases.get(leaseId(2))?.renewals, 3);
});

// Stalls.

test("after a stall of this loop the outage is added to all deadlines", () => {
  const it = leader(1, 2);
  passTime(it, 50);
  // The tick was due at 100; nothing happened until 5 000.
  it.now = 5_000;
  assert.equal(receive(it, tick), [ticks(100)]);
  assert.equal(passTime(it, 6_099), []);
  assert.equal(passTime(it, 6_100), [proposes([1, 0, 1], [2, 0, 1])]);
});

test("a stall is noticed by whichever letter comes first", () => {
  const it = leader(1);
  it.now = 5_000;
  receive(it, changed());
  assert.equal(receive(it, tick), [ticks(100)]);
  assert.equal(passTime(it, 6_099), []);
  assert.equal(passTime(it, 6_100), [proposes([1, 0, 1])]);
});

test("a renewal that waited out a stall in the mailbox, behind the tick, keeps its lease", () => {
  const it = leader(1);
  it.now = 5_000;
  receive(it, tick);
  assert.equal(receive(it, renew(1)), [confirm(1)]);
  assert.equal(receive(it, confirmed(1)), [answers(["r1", isRenewed(1)])]);
});

test("a late tick is no stall while other letters come", () => {
  const it = leader(1);
  for (const now of [150, 300, 450, 600, 750, 900, 1_050]) {
    it.now = now;
    receive(it, changed());
  }
  it.now = 1_200;
  assert.equal(receive(it, tick), [proposes([1, 0, 1]), ticks(100)]);
});

test("where every tick is late the lease clock still goes on", () => {
  const it = leader(1);
  let proposedAt: number | null = null;
  for (let now = 300; now <= 6_000 && proposedAt === null; now += 300) {
    it.now = now;
    if (receive(it, tick).some(({ type }) => type === "send")) proposedAt = now;
  }
  // 100 of every 300 ms count.
  assert.is(proposedAt, 3_600);
});

// Many leases.

test("a mass expiry is spread over ticks", () => {
  const it = leader();
  receive(it, changed(...Array.from({ length: 1_200 }, (_, place) => opened(place + 1))));
  const sizes = passTime(it, 1_300).map((effect) =>
    effect.type === "send" && effect.letter.type === "propose" ? effect.letter.commands.length : 0,
  );
  assert.equal(sizes, [512, 512, 176]);
});

test("100 000 leases that are not due wake nothing up in vain", () => {
  const it = leader();
  const all = Array.from({ length: 100_000 }, (_, place) => opened(place + 1, { ttl: 60_000 }));
  receive(it, changed(...all));
  assert.equal(passTime(it, 60_000), []);
  assert.is(it.state.looks, 0);
});

test("100 000 leases that are renewed are looked at once in a span, not once in a tick", () => {
  const it = leader();
  const all = Array.from({ length: 100_000 }, (_, place) => place + 1);
  receive(it, changed(...all.map((id) => opened(id, { ttl: 1_000 }))));
  for (let now = 400; now <= 4_000; now += 400) {
    assert.equal(passTime(it, now), []);
    for (let from = 0; from < all.length; from += 1_000) receive(it, renew(...all.slice(from, from + 1_000)));
  }
  // Deadlines fall at most every 800 ms, for 4 000 ms: the bet that is early is placed at the true deadline.
  assert.ok(it.state.looks <= 100_000 * 5, `${it.state.looks} looks`);
});

test("the heap grows with live leases, not with those that have come and gone", () => {
  const it = leader(1);
  for (let id = 2; id < 20_000; id += 1) receive(it, changed(opened(id, { ttl: 300_000 }), ended(id)));
  assert.ok((it.state.timing?.deadlines.heap.length ?? 0) <= 1_026);
  assert.equal(passTime(it, 1_199), []);
  assert.equal(passTime(it, 1_200), [proposes([1, 0, 1])]);
});

// What is left.

const complete = (...leases: number[]) =>
  ({
    type: "complete",
    answers: leases.map((id) => ({ requestId: `r${id}` as never, answer: held(id) })),
  }) as const;

test("an answer that names a holder says what is left of its ttl, without what the server adds", () => {
  const it = leader(1);
  passTime(it, 300);
  assert.equal(receive(it, complete(1)), [answers(["r1", held(1, 700)])]);
});

test("what is left is never less than nothing", () => {
  const it = leader(1);
  passTime(it, 1_100);
  assert.equal(receive(it, complete(1)), [answers(["r1", held(1, 0)])]);
});

test("what is left is the whole ttl where no timers run", () => {
  const it = node();
  receive(it, changed(opened(1)));
  it.now = 700;
  assert.equal(receive(it, complete(1)), [answers(["r1", held(1, 1_000)])]);
});

test("of a lease that has ended nothing is left", () => {
  assert.equal(receive(leader(), complete(9)), [answers(["r9", held(9, 0)])]);
});

test("what is left counts from the last renewal, on a clock that stood still with this loop", () => {
  const it = leader(1);
  passTime(it, 400);
  receive(it, renew(1));
  it.now = 5_000;
  receive(it, tick);
  // Alive until the tick was due at 500.
  assert.equal(receive(it, complete(1)), [answers(["r1", held(1, 900)])]);
});

test("an answer that names nobody passes unchanged", () => {
  const letter = { type: "complete", answers: [{ requestId: "r1" as never, answer: hasEnded(1) }] } as const;
  assert.equal(receive(leader(), letter), [answers(["r1", hasEnded(1)])]);
});

test("deadlines are moments of the monotonic clock that is handed in, wherever that starts (defect 11)", () => {
  const it = node();
  it.now = 7_777_777;
  receive(it, leading(1));
  receive(it, changed(opened(1), termBegun(1)));
  assert.is(it.state.leases.get(leaseId(1))?.deadline, instant(7_777_777 + 1_200));
});

test.run();
