import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  campaign,
  deliver,
  group,
  groupLedBy,
  hear,
  heartbeat,
  logOf,
  member,
  only,
  propose,
  role,
  sent,
  settle,
  take,
  termOf,
  timeOut,
  votedFor,
} from "./group.ts";
import { acquire, append, preVote, preVoted, vote } from "./messages.ts";

const test = suite("paper/elections");

test("§3.3: terms act as a clock: they are exchanged with every message and only grow", () => {
  const three = groupLedBy("a");
  campaign(three, "b", ["b", "c"]);
  assert.equal([termOf(three, "b"), termOf(three, "c")], [2, 2]);
  assert.equal([role(three, "a"), termOf(three, "a")], ["leader", 1], "a has heard nothing of it");
  heartbeat(three, "a", ["a", "c"]);
  assert.equal([role(three, "a"), termOf(three, "a")], ["follower", 2], "the answer of c says so");
});

test("§3.4: a node starts as a follower and stays one as long as it hears of a leader", () => {
  const three = group();
  for (const id of ["a", "b", "c"]) assert.is(role(three, id), "follower");
  campaign(three, "a");
  for (let beat = 0; beat < 5; beat += 1) {
    three.now += 50;
    heartbeat(three, "a");
  }
  assert.equal([role(three, "b"), termOf(three, "b"), member(three, "b").raft.leader], ["follower", 1, "a"]);
});

test("§3.4: at most one node leads a term, though two campaign in it (Election Safety, figure 3.2)", () => {
  const five = group({ voters: ["a", "b", "c", "d", "e"] });
  for (const id of ["a", "e"]) timeOut(five, id);
  deliver(five, ({ message }) => message.type === "preVoteRequest");
  deliver(five, ({ message }) => message.type === "preVoteResponse");
  assert.equal([termOf(five, "a"), termOf(five, "e")], [1, 1]);
  deliver(five, ({ from, to }) => from === "a" && to !== "e");
  deliver(five, ({ from, to }) => from === "e" && to !== "a");
  settle(five);
  assert.equal([role(five, "a"), role(five, "e")], ["leader", "follower"]);
  assert.equal(
    ["b", "c", "d"].map((id) => votedFor(five, id)),
    ["a", "a", "a"],
  );
});

test("§3.4: a split vote elects nobody, and the next election timeout begins a new term", () => {
  const voters = ["a", "b", "c", "d"];
  const four = group({ voters });
  for (const id of ["a", "d"]) timeOut(four, id);
  deliver(four, ({ message }) => message.type === "preVoteRequest");
  deliver(four, ({ message }) => message.type === "preVoteResponse");
  deliver(four, ({ from, to }) => from === "a" && to === "b");
  deliver(four, ({ from, to }) => from === "d" && to === "c");
  settle(four);
  assert.equal(
    voters.filter((id) => role(four, id) === "leader"),
    [],
  );
  assert.equal(
    voters.map((id) => votedFor(four, id)),
    ["a", "a", "d", "d"],
  );
  campaign(four, "d");
  assert.equal([role(four, "d"), termOf(four, "d")], ["leader", 2]);
});

test("§3.6.1: a voter's log that is more complete keeps it from granting: the later last term wins, then the longer log", () => {
  const grants = (voter: readonly number[], last: readonly [number, number]): boolean => {
    const three = group({ logs: { a: voter } });
    hear(three, "a", "b", vote(9, last));
    return only(three, "a", "voteResponse").granted;
  };
  assert.is(grants([1, 1, 3], [1, 4]), true, "a later last term, though shorter");
  assert.is(grants([1, 1, 3], [5, 2]), false, "an earlier last term, though longer");
  assert.is(grants([1, 1, 3], [2, 3]), false, "the same last term, shorter");
  assert.is(grants([1, 1, 3], [3, 3]), true, "equally complete");
  assert.is(grants([1, 1, 3], [4, 3]), true, "the same last term, longer");
});

test("§3.6.1: a node that lacks a committed entry cannot be elected (Leader Completeness, figure 3.2)", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x"));
  settle(three, ["a", "b"]);
  campaign(three, "c", ["b", "c"]);
  assert.is(role(three, "c"), "candidate");
  campaign(three, "b", ["b", "c"]);
  assert.is(role(three, "b"), "leader");
  assert.equal(logOf(three, "c"), [1, 1, 2]);
});

test("§3.9: election timeouts are drawn anew from a range every time, so that a split vote is not split again", () => {
  const three = group();
  const range = { type: "setTimer", timer: "election", min: 500, max: 1000 };
  const drawn = () => member(three, "a").timers.get("election");
  assert.equal(drawn(), range, "at the start");
  for (const cause of [
    () => hear(three, "a", "b", append(1)),
    () => hear(three, "a", "c", vote(2, [0, 0], { transfer: true })),
    () => timeOut(three, "a"),
    () => hear(three, "a", "b", preVoted(3, true)),
    () => hear(three, "a", "b", append(4)),
  ]) {
    member(three, "a").timers.delete("election");
    cause();
    assert.equal(drawn(), range, cause.toString());
  }
});

test("§3.9: a leader beats many times within the shortest election timeout", () => {
  const three = groupLedBy("a");
  const beat = member(three, "a").timers.get("heartbeat");
  const election = member(three, "b").timers.get("election");
  assert.ok((beat?.max ?? Number.NaN) * 5 <= (election?.min ?? Number.NaN));
});

test("§4.2.3: a node that does not hear the leader cannot depose it with a newer term while others hear it", () => {
  const three = groupLedBy("a");
  three.now += 100;
  heartbeat(three, "a", ["a", "b"]);
  // As a node would that does not ask first.
  hear(three, "b", "c", vote(7, [1, 1]));
  hear(three, "a", "c", vote(7, [1, 1]));
  assert.equal([termOf(three, "a"), termOf(three, "b")], [1, 1]);
  assert.is(role(three, "a"), "leader");
  assert.equal(sent(three, "b", "voteResponse"), [], "a request is ignored, not refused");
});

test("§4.2.3: once the leader has been silent for the shortest election timeout, an election goes ahead", () => {
  const three = groupLedBy("a");
  three.now += 499;
  hear(three, "b", "c", vote(2, [1, 1]));
  assert.is(termOf(three, "b"), 1);
  three.now += 1;
  hear(three, "b", "c", vote(2, [1, 1]));
  assert.equal([termOf(three, "b"), votedFor(three, "b")], [2, "c"]);
});

test("§6.2: a leader that hears no majority for an election timeout stops being one", () => {
  const three = groupLedBy("a");
  three.now += 999;
  timeOut(three, "a", "heartbeat");
  assert.is(role(three, "a"), "leader", "it may still have a majority");
  three.now += 1;
  timeOut(three, "a", "heartbeat");
  assert.equal([role(three, "a"), member(three, "a").standing?.leader], ["follower", null]);
  assert.is(termOf(three, "a"), 1, "its term is not over");
  const held = groupLedBy("a");
  for (let beat = 0; beat < 30; beat += 1) {
    held.now += 100;
    heartbeat(held, "a", ["a", "b"]);
  }
  assert.is(role(held, "a"), "leader", "one follower of two is enough");
});

test("§9.6: a node asks whether it could win before it raises its term, and does so only if a majority says yes", () => {
  const three = groupLedBy("a");
  for (let election = 0; election < 4; election += 1) {
    campaign(three, "c", ["c"]);
    assert.equal([termOf(three, "c"), votedFor(three, "c")], [1, "a"], "asking costs no term and no vote");
  }
  campaign(three, "c", ["b", "c"]);
  assert.equal([role(three, "c"), termOf(three, "c")], ["leader", 2]);
});

test("§9.6: a node that was cut off comes back without disturbing the leader", () => {
  const three = groupLedBy("a");
  for (let election = 0; election < 4; election += 1) {
    campaign(three, "c", ["c"]);
    heartbeat(three, "a", ["a", "b"]);
  }
  timeOut(three, "c");
  settle(three);
  assert.equal([role(three, "a"), termOf(three, "a")], ["leader", 1]);
  heartbeat(three, "a");
  assert.equal([role(three, "c"), member(three, "c").raft.leader], ["follower", "a"]);
});

test("§9.6: a voter says yes only to a log that is as complete as its own, and only if it hears no leader", () => {
  const three = group({ logs: { b: [1, 1] } });
  hear(three, "b", "c", preVote(2, [1, 1]));
  assert.is(only(three, "b", "preVoteResponse").granted, false);
  take(three, () => true);
  hear(three, "b", "c", preVote(2, [2, 1]));
  assert.is(only(three, "b", "preVoteResponse").granted, true);
  assert.equal([termOf(three, "b"), votedFor(three, "b")], [1, null], "it promises nothing by that");
  take(three, () => true);
  hear(three, "b", "a", append(1, { after: [2, 1] }));
  hear(three, "b", "c", preVote(2, [2, 1]));
  assert.is(only(three, "b", "preVoteResponse").granted, false);
});

test.run();
