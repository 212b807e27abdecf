// The lease actor where there are several regions: it answers to the proposers, with what a lease holds here.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Ballot, noBallot, type Reply } from "../../../src/actors/ballots.ts";
import type { LeaseChange } from "../../../src/actors/messages.ts";
import type { Holder } from "../../../src/actors/operations.ts";
import { fencingToken, leaseId, millis, regionId, requestId, wallTime } from "../../../src/actors/scalars.ts";
import {
  changed,
  confirm,
  confirmed,
  ended,
  following,
  type Letter,
  leader,
  leading,
  leaseIs,
  opened,
  passTime,
  proposes,
  queried,
  receive,
  regionalLeader,
  regionalNode,
  renew,
  renewedInLog,
  termBegun,
  ticks,
} from "./build.ts";

const test = suite("actors/lease: regions");

const holds = (lease: number, locks: string): LeaseChange => ({ type: "holds", lease: leaseId(lease), locks });

type Result = readonly [as: string, lease: number, result: "renewed" | "ended" | "unknown", locks?: string];

const renewals = (...results: Result[]) => ({
  type: "send",
  to: "region",
  letter: {
    type: "renewals",
    results: results.map(([as, lease, result, locks = ""]) => ({
      requestId: as,
      lease,
      result,
      ttl: result === "renewed" ? 1_000 : 0,
      locks,
    })),
  },
});

test("a renewal is answered to the proposer, after a confirmation round, with what the lease holds", () => {
  const it = regionalLeader(1);
  receive(it, changed(holds(1, "x and y")));
  assert.equal(receive(it, renew(1)), [confirm(1)]);
  assert.equal(receive(it, confirmed(1)), [renewals(["r1", 1, "renewed", "x and y"])]);
});

test("renewals of one round are answered in one letter", () => {
  const it = regionalLeader(1, 2);
  receive(it, changed(holds(2, "x")));
  receive(it, renew(1, 2));
  assert.equal(receive(it, confirmed(1)), [renewals(["r1", 1, "renewed"], ["r2", 2, "renewed", "x"])]);
});

test("what a lease holds when the round is over is told, not what it held when the renewal came", () => {
  const it = regionalLeader(1);
  receive(it, changed(holds(1, "x")));
  receive(it, renew(1));
  receive(it, changed(holds(1, "")));
  assert.equal(receive(it, confirmed(1)), [renewals(["r1", 1, "renewed", ""])]);
});

test("a lease that comes back holds nothing until it is told so", () => {
  const it = regionalLeader(1);
  receive(it, changed(holds(1, "x")));
  receive(it, renew(1));
  receive(it, changed(ended(1), opened(1, { renewals: 9 })));
  assert.equal(receive(it, confirmed(1)), [renewals(["r1", 1, "renewed", ""])]);
});

test("a lease that was renewed through the log holds what it held", () => {
  const it = regionalLeader(1);
  receive(it, changed(holds(1, "x"), renewedInLog(1, 5)));
  receive(it, renew(1));
  assert.equal(receive(it, confirmed(1)), [renewals(["r1", 1, "renewed", "x"])]);
});

test("a lease that came back is not ended by an expiry that was proposed before", () => {
  const it = regionalLeader(1);
  assert.equal(passTime(it, 1_200), [proposes([1, 0, 1])]);
  receive(it, changed(ended(1), opened(1, { renewals: 9 })));
  assert.equal(passTime(it, 2_399), []);
  assert.equal(passTime(it, 2_400), [proposes([1, 9, 1])]);
});

test("a lease that ended before the round was over is told as ended, and holds nothing", () => {
  const it = regionalLeader(1);
  receive(it, changed(holds(1, "x")));
  receive(it, renew(1));
  receive(it, changed(ended(1)));
  assert.equal(receive(it, confirmed(1)), [renewals(["r1", 1, "ended"])]);
});

test("a lease that is not known here is asked after; the lock table's word goes to the proposer", () => {
  for (const outcome of ["unknown", "ended"] as const) {
    const it = regionalLeader(1);
    assert.equal(receive(it, renew(9)), [queried("r9", 9)]);
    assert.equal(receive(it, leaseIs("r9", 9, outcome)), [renewals(["r9", 9, outcome])]);
  }
});

test("a lease that was opened while it was asked after is renewed, with what it holds", () => {
  const it = regionalLeader();
  receive(it, renew(9));
  receive(it, changed(opened(9), holds(9, "x")));
  assert.equal(receive(it, leaseIs("r9", 9, "live")), [renewals(["r9", 9, "renewed", "x"])]);
});

test("while an expiry is proposed a renewal is held back, and the log decides", () => {
  for (const [change, result] of [
    [ended(1), "ended"],
    [renewedInLog(1, 7), "renewed"],
  ] as const) {
    const it = regionalLeader(1);
    passTime(it, 1_200);
    receive(it, renew(1));
    assert.equal(receive(it, confirmed(1)), []);
    const told = receive(it, changed(change)).filter(({ type }) => type === "send");
    assert.equal(told, [renewals(["r1", 1, result])]);
  }
});

test("a deposed leader tells the proposer nothing", () => {
  const it = regionalLeader(1);
  receive(it, renew(1));
  receive(it, following(2));
  assert.equal(receive(it, confirmed(1)), []);
});

test("what leases hold is known to followers, and told when they lead", () => {
  const it = regionalNode();
  receive(it, changed(opened(1), holds(1, "x")));
  receive(it, leading(2));
  receive(it, changed(termBegun(2)));
  receive(it, renew(1));
  assert.equal(receive(it, confirmed(1)), [renewals(["r1", 1, "renewed", "x"])]);
});

test("after a snapshot was restored leases hold what it says", () => {
  const it = regionalLeader(1);
  receive(it, changed(holds(1, "x")));
  receive(it, changed({ type: "cleared" }, opened(1), opened(2), holds(2, "y")));
  receive(it, renew(1, 2));
  assert.equal(receive(it, confirmed(1)), [renewals(["r1", 1, "renewed"], ["r2", 2, "renewed", "y"])]);
});

test("what a lease holds that has ended meanwhile is not kept", () => {
  const it = regionalLeader(1);
  assert.equal(receive(it, changed(ended(1), holds(1, "x"))), []);
  assert.is(it.state.leases.size, 0);
});

// Replies that name a holder.

const holder = (lease: number, remaining: number): Holder => ({
  owner: "anna",
  lease: leaseId(lease),
  token: fencingToken(1),
  ttl: millis(1_000),
  grantedAt: wallTime(1_700_000_000_000),
  remaining: millis(remaining),
});
const ballot: Ballot = { round: 3, region: regionId("default") };

const live = (remaining: number): Extract<Reply, { type: "live" }> => ({
  type: "live",
  accepted: ballot,
  holder: holder(1, remaining),
  requestId: requestId("q1"),
  counter: fencingToken(1),
  lease: null,
});
const view = (remaining: number): Reply => ({
  type: "view",
  accepted: ballot,
  value: null,
  live: true,
  holder: holder(1, remaining),
});
const begun = (remaining: number): Reply => ({ type: "begun", ballot, lease: null, own: live(remaining) });

const completeReplies = (...replies: Reply[]): Letter => ({
  type: "completeReplies",
  replies: replies.map((reply, at) => ({ ask: `ask ${at}`, reply })),
});
const replied = (...replies: Reply[]) => ({
  type: "send",
  to: "region",
  letter: { type: "replies", replies: replies.map((reply, at) => ({ ask: `ask ${at}`, reply })) },
});

test("replies that name a holder say how long he has left, for his client", () => {
  const it = regionalLeader(1);
  passTime(it, 400);
  assert.equal(receive(it, completeReplies(live(0), view(0), begun(0))), [replied(live(600), view(600), begun(600))]);
});

test("replies that name nobody are passed on as they are", () => {
  const it = regionalLeader(1);
  const overtaken: Reply = { type: "overtaken", promised: ballot };
  const nobody: Reply = { type: "view", accepted: noBallot, value: null, live: false, holder: null };
  const attempt: Reply = { type: "begun", ballot, lease: null, own: overtaken };
  assert.equal(receive(it, completeReplies(overtaken, nobody, attempt)), [replied(overtaken, nobody, attempt)]);
});

test("a holder whose lease has ended meanwhile has nothing left", () => {
  const it = regionalLeader(1);
  receive(it, changed(ended(1)));
  assert.equal(receive(it, completeReplies(live(0))), [replied(live(0))]);
});

test("with one region nothing is told to a proposer", () => {
  const it = leader(1);
  receive(it, renew(1));
  const [told] = receive(it, confirmed(1));
  assert.is(told?.type === "send" ? told.to : "", "gateway");
});

test("a lease that is opened is watched at once", () => {
  const it = regionalLeader();
  assert.equal(receive(it, changed(opened(2), holds(2, "x"))), [ticks(100)]);
});

test.run();
