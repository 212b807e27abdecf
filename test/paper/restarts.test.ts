import { suite } from "uvu";
import * as assert from "uvu/assert";
import { logIndex, term } from "../../src/actors/scalars.ts";
import {
  applied,
  campaign,
  committed,
  crash,
  deliver,
  diskOf,
  flush,
  group,
  groupLedBy,
  hear,
  heartbeat,
  logOf,
  member,
  only,
  propose,
  restart,
  role,
  sent,
  settle,
  step,
  take,
  termOf,
  timeOut,
  tokens,
  votedFor,
} from "./group.ts";
import { acquire, append, vote, voted } from "./messages.ts";

const test = suite("paper/persisted state and restarts");

test("§3.8: a vote is on disk before it is given", () => {
  const three = group({ flushesOnDemand: true });
  hear(three, "a", "b", vote(1, [0, 0]));
  assert.equal(three.wire, []);
  flush(three, "a");
  assert.equal(member(three, "a").disk.hardState, { term: 1, votedFor: "b" });
  assert.is(only(three, "a", "voteResponse").granted, true);
});

test("§3.8: a node that crashes before its vote is on disk has not given it, and may give another", () => {
  const three = group({ flushesOnDemand: true });
  hear(three, "a", "b", vote(1, [0, 0]));
  crash(three, "a");
  restart(three, "a");
  hear(three, "a", "c", vote(1, [0, 0]));
  flush(three, "a");
  assert.equal(
    sent(three, "a", "voteResponse").map(({ to, message }) => [to, message.granted]),
    [["c", true]],
  );
});

test("§3.8: a node that has voted votes for no other candidate of that term after a restart", () => {
  const three = group();
  hear(three, "a", "b", vote(1, [0, 0]));
  take(three, () => true);
  crash(three, "a");
  restart(three, "a");
  assert.equal([termOf(three, "a"), votedFor(three, "a")], [1, "b"]);
  hear(three, "a", "c", vote(1, [0, 0]));
  assert.is(only(three, "a", "voteResponse").granted, false);
});

test("§3.8: a candidate's vote for itself counts only once it is on disk, so that it cannot vote twice", () => {
  const three = group({ flushesOnDemand: true });
  timeOut(three, "a");
  deliver(three, ({ to }) => to === "b");
  deliver(three, ({ from }) => from === "b");
  assert.is(termOf(three, "a"), 1);
  assert.equal(sent(three, "a", "voteRequest"), [], "nobody is asked before");
  // Not even if somebody votes for it unasked, and an older flush returns.
  hear(three, "a", "b", voted(1, true));
  const { hardState } = member(three, "a").disk;
  step(three, "a", { type: "persisted", hardState, replacements: 0, lastIndex: logIndex(0), lastTerm: term(0) });
  assert.is(role(three, "a"), "candidate");
  crash(three, "a");
  restart(three, "a");
  assert.equal([termOf(three, "a"), votedFor(three, "a")], [0, null]);
});

test("§3.8: the term is kept, so that nothing of an older leader is taken after a restart", () => {
  const three = group();
  hear(three, "a", "b", append(5));
  take(three, () => true);
  crash(three, "a");
  restart(three, "a");
  hear(three, "a", "c", append(4, { entries: [4] }));
  assert.equal([only(three, "a", "appendResponse").term, logOf(three, "a")], [5, []]);
});

test("§3.8: entries are on disk before they count: for the follower's answer, and for the leader's own part", () => {
  const three = groupLedBy("a", { flushesOnDemand: true });
  for (let turn = 0; turn < 6 && committed(three, "a") < 1; turn += 1) {
    for (const id of ["a", "b", "c"]) flush(three, id);
    settle(three);
  }
  propose(three, "a", acquire("x"));
  deliver(three, ({ to }) => to === "b");
  settle(three, ["a", "b"]);
  assert.is(committed(three, "a"), 1, "two nodes have the entry, neither durably");
  flush(three, "b");
  settle(three, ["a", "b"]);
  assert.is(committed(three, "a"), 1, "one of three has it durably");
  flush(three, "a");
  assert.is(committed(three, "a"), 2);
});

test("§3.8: what was acknowledged is there after every node has lost power at once", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x"), acquire("y"));
  settle(three);
  assert.is(member(three, "a").answers.get("y")?.type, "granted");
  for (const id of ["a", "b", "c"]) crash(three, id);
  take(three, () => true);
  for (const id of ["a", "b", "c"]) restart(three, id);
  campaign(three, "c");
  heartbeat(three, "c");
  for (const id of ["a", "b", "c"]) {
    assert.equal(tokens(three, id), [
      ["x", 1],
      ["y", 2],
    ]);
  }
});

test("§3.8: a restarted node knows nothing as committed: it applies its log again as a leader tells it how far", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x"));
  settle(three);
  heartbeat(three, "a");
  assert.is(applied(three, "b"), 2);
  crash(three, "b");
  restart(three, "b");
  assert.equal([committed(three, "b"), applied(three, "b"), tokens(three, "b")], [0, 0, []]);
  heartbeat(three, "a");
  assert.equal([committed(three, "b"), applied(three, "b"), tokens(three, "b")], [2, 2, [["x", 1]]]);
});

test("§3.8: a node comes back as a follower, whatever it was", () => {
  const three = groupLedBy("a");
  crash(three, "a");
  restart(three, "a");
  assert.equal([role(three, "a"), termOf(three, "a"), member(three, "a").raft.leader], ["follower", 1, null]);
  assert.equal(three.wire, []);
});

test("§3.8: an entry that was replaced is replaced on disk, before the answer that says so", () => {
  const three = group({ logs: { a: [1, 2, 2] }, flushesOnDemand: true });
  hear(three, "a", "b", append(3, { after: [1, 1], entries: [3] }));
  crash(three, "a");
  assert.equal([diskOf(three, "a"), three.wire], [[1, 2, 2], []]);
  restart(three, "a");
  hear(three, "a", "b", append(3, { after: [1, 1], entries: [3] }));
  flush(three, "a");
  assert.equal(diskOf(three, "a"), [1, 3]);
  assert.is(only(three, "a", "appendResponse").matchIndex, 2);
});

test.run();
