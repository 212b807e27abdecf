import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  applied,
  campaign,
  committed,
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
  role,
  sent,
  settle,
  take,
  termOf,
  timeOut,
  votedFor,
} from "./group.ts";
import { acquire, append, preVoted, refused, vote, voted } from "./messages.ts";

// The condensed summary of Raft, in its order: the two calls with the rules of their receivers, then the rules for servers.
const test = suite("paper/figure 3.1");

test("AppendEntries 1 (§3.3): a request of an older term is refused, with the newer term", () => {
  const three = group({ logs: { a: [1] }, terms: { a: 3 } });
  hear(three, "a", "b", append(2, { after: [1, 1], entries: [2] }));
  const answer = only(three, "a", "appendResponse");
  assert.equal([answer.term, answer.matchIndex], [3, null]);
  assert.equal(logOf(three, "a"), [1]);
});

test("AppendEntries 2 (§3.5): a request is refused if the log has no entry at prevLogIndex with prevLogTerm", () => {
  const three = group({ logs: { a: [1, 1] } });
  hear(three, "a", "b", append(2, { after: [3, 2], entries: [2] }));
  assert.is(only(three, "a", "appendResponse").matchIndex, null, "nothing stands there");
  three.wire = [];
  hear(three, "a", "b", append(2, { after: [2, 2], entries: [2] }));
  assert.is(only(three, "a", "appendResponse").matchIndex, null, "an entry of another term stands there");
  assert.equal(logOf(three, "a"), [1, 1]);
});

test("AppendEntries 3 (§3.5): an entry that conflicts is deleted with all that follow it, on disk as well", () => {
  const three = group({ logs: { a: [1, 2, 2, 2] } });
  hear(three, "a", "b", append(3, { after: [1, 1], entries: [3] }));
  assert.equal(logOf(three, "a"), [1, 3]);
  assert.equal(diskOf(three, "a"), [1, 3]);
  assert.is(only(three, "a", "appendResponse").matchIndex, 2);
});

test("AppendEntries 4 (§3.5): entries that are not in the log are appended, and those that are stay", () => {
  const three = group({ logs: { a: [1, 1, 2] } });
  hear(three, "a", "b", append(2, { after: [1, 1], entries: [1, 2, 2] }));
  assert.equal(logOf(three, "a"), [1, 1, 2, 2]);
  three.wire = [];
  hear(three, "a", "b", append(2, { after: [1, 1], entries: [1] }));
  assert.equal(logOf(three, "a"), [1, 1, 2, 2], "an old request that arrives again takes nothing away");
  assert.is(only(three, "a", "appendResponse").matchIndex, 2, "it speaks for what it has shown to agree only");
});

test("AppendEntries 5 (§3.5): commitIndex becomes leaderCommit, but never goes beyond the last new entry", () => {
  const three = group({ logs: { a: [1, 1, 1] } });
  hear(three, "a", "b", append(2, { after: [1, 1], commit: 3 }));
  assert.is(committed(three, "a"), 1, "the entries after the first may differ from the leader's");
  hear(three, "a", "b", append(2, { after: [2, 1], entries: [1], commit: 2 }));
  assert.is(committed(three, "a"), 2);
});

test("RequestVote 1 (§3.3): a candidate of an older term gets no vote, and learns the newer term", () => {
  const three = group({ terms: { a: 3 } });
  hear(three, "a", "b", vote(2, [9, 2]));
  const { term, granted } = only(three, "a", "voteResponse");
  assert.equal([term, granted], [3, false]);
  assert.is(votedFor(three, "a"), null);
});

test("RequestVote 2 (§3.4, §3.6): a vote is granted if none is given and the candidate's log is as complete", () => {
  const three = group({ logs: { a: [1, 2] } });
  hear(three, "a", "b", vote(3, [1, 1]));
  assert.is(only(three, "a", "voteResponse").granted, false, "the log of b is less complete");
  three.wire = [];
  hear(three, "a", "c", vote(3, [2, 2]));
  assert.is(only(three, "a", "voteResponse").granted, true);
  three.wire = [];
  hear(three, "a", "b", vote(3, [5, 2]));
  assert.is(only(three, "a", "voteResponse").granted, false, "the vote is given");
  three.wire = [];
  hear(three, "a", "c", vote(3, [2, 2]));
  assert.is(only(three, "a", "voteResponse").granted, true, "c had it, and asks again");
});

test("All servers 1 (§3.5): what is committed is applied, in the order of the log, by every node", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x"), acquire("y"));
  settle(three);
  assert.equal([committed(three, "a"), applied(three, "a")], [3, 3]);
  assert.equal([committed(three, "b"), applied(three, "b")], [1, 1], "b has not heard of it yet");
  heartbeat(three, "a");
  assert.equal([committed(three, "b"), applied(three, "b")], [3, 3]);
});

test("All servers 2 (§3.3): whoever hears of a newer term takes it over and becomes a follower", () => {
  const three = groupLedBy("a");
  campaign(three, "b", ["b"]);
  hear(three, "a", "c", refused(9));
  hear(three, "b", "c", refused(9));
  hear(three, "c", "b", vote(9, [0, 0]));
  for (const id of ["a", "b", "c"]) assert.equal([role(three, id), termOf(three, id)], ["follower", 9], id);
});

test("Followers 1 (§3.4): a follower answers candidates and leaders, and asks nobody anything itself", () => {
  const three = group({ logs: { a: [1] } });
  hear(three, "a", "b", vote(2, [1, 1]));
  hear(three, "a", "c", append(2, { after: [1, 1] }));
  assert.equal(
    three.wire.map(({ from, to, message }) => `${from}→${to} ${message.type}`),
    ["a→b voteResponse", "a→c appendResponse"],
  );
});

test("Followers 2 (§3.4): a follower that hears no leader and grants no vote for an election timeout stands itself", () => {
  const three = group({ terms: { a: 1, b: 1 } });
  const restarted = (effects: readonly { type: string; timer?: string }[]): boolean =>
    effects.some(({ type, timer }) => type === "setTimer" && timer === "election");
  // In the term that the node is in: a newer term restarts the timer by itself.
  assert.ok(restarted(hear(three, "a", "b", append(1))), "a leader restarts the timer");
  assert.ok(restarted(hear(three, "a", "b", append(1))), "every time");
  assert.ok(restarted(hear(three, "b", "c", vote(1, [0, 0]))), "a vote that is granted restarts it");
  const refuses = group({ logs: { a: [1] }, terms: { a: 2 } });
  assert.not(restarted(hear(refuses, "a", "b", vote(2, [0, 0]))), "one that is refused does not");
  timeOut(refuses, "a");
  assert.is(role(refuses, "a"), "candidate");
});

test("Candidates 1 (§3.4): a candidate raises its term, votes for itself, resets its timer and asks all others", () => {
  const three = group({ logs: { a: [1, 1] } });
  timeOut(three, "a");
  const election = hear(three, "a", "b", preVoted(2, true));
  assert.equal([termOf(three, "a"), votedFor(three, "a")], [2, "a"]);
  assert.equal(member(three, "a").disk.hardState, { term: 2, votedFor: "a" });
  assert.ok(election.some((effect) => effect.type === "setTimer" && effect.timer === "election"));
  assert.equal(sent(three, "a", "voteRequest"), [
    { to: "b", message: vote(2, [2, 1]) },
    { to: "c", message: vote(2, [2, 1]) },
  ]);
});

test("Candidates 2 (§3.4): a candidate with the votes of a majority leads, and not before", () => {
  const five = group({ voters: ["a", "b", "c", "d", "e"] });
  campaign(five, "a", ["a", "b"]);
  assert.is(role(five, "a"), "candidate", "only b said that it would vote for a");
  campaign(five, "a", ["a", "b", "c"]);
  assert.is(role(five, "a"), "leader");
});

test("Candidates 3 (§3.4): a candidate that discovers a leader of its term returns to follower", () => {
  const three = group();
  timeOut(three, "a");
  deliver(three, ({ message }) => message.type === "preVoteRequest");
  deliver(three, ({ message }) => message.type === "preVoteResponse");
  assert.equal([role(three, "a"), termOf(three, "a")], ["candidate", 1]);
  hear(three, "a", "b", append(1));
  assert.equal([role(three, "a"), member(three, "a").raft.leader], ["follower", "b"]);
  assert.is(votedFor(three, "a"), "a", "its vote of that term is spent");
});

test("Candidates 4 (§3.4): a candidate whose election timeout passes starts a new election", () => {
  const stuck = group();
  timeOut(stuck, "a");
  hear(stuck, "a", "b", preVoted(1, true));
  assert.equal([role(stuck, "a"), termOf(stuck, "a")], ["candidate", 1]);
  take(stuck, () => true);
  campaign(stuck, "a");
  assert.equal([role(stuck, "a"), termOf(stuck, "a")], ["leader", 2]);
});

test("Leaders 1 (§3.4): a leader tells everybody at once that it leads, and again at every heartbeat", () => {
  const three = group();
  timeOut(three, "a");
  hear(three, "a", "b", preVoted(1, true));
  take(three, () => true);
  hear(three, "a", "b", voted(1, true));
  assert.equal(
    sent(three, "a", "appendRequest").map(({ to }) => to),
    ["b", "c"],
  );
  take(three, () => true);
  for (const beat of [1, 2]) {
    const effects = timeOut(three, "a", "heartbeat");
    assert.ok(
      effects.some((effect) => effect.type === "setTimer" && effect.timer === "heartbeat"),
      `beat ${beat}`,
    );
    assert.equal([...new Set(take(three, () => true).map(({ to }) => to))], ["b", "c"], `beat ${beat}`);
  }
});

test("Leaders 2 (§3.5): a command is appended at once and answered only when its entry is applied", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x"));
  assert.equal(logOf(three, "a"), [1, 1]);
  assert.not(member(three, "a").answers.has("x"), "nobody else has it");
  deliver(three, ({ to }) => to === "b");
  assert.not(member(three, "a").answers.has("x"), "what b has to say has not arrived");
  deliver(three, ({ from }) => from === "b");
  assert.is(member(three, "a").answers.get("x")?.type, "granted");
});

test("Leaders 3 (§3.5): a follower that lacks entries is sent them from nextIndex on, further back until the logs agree", () => {
  const three = group({ logs: { a: [1, 1, 2, 3], b: [1, 1, 2, 2], c: [] } });
  campaign(three, "a");
  for (const id of ["a", "b", "c"]) assert.equal(logOf(three, id), [1, 1, 2, 3, 4], id);
});

test("Leaders 4 (§3.5, §3.6): an entry of the leader's own term is committed when a majority holds it durably", () => {
  const five = group({ voters: ["a", "b", "c", "d", "e"] });
  campaign(five, "a");
  propose(five, "a", acquire("x"));
  settle(five, ["a", "b"]);
  assert.is(committed(five, "a"), 1, "two of five hold it");
  heartbeat(five, "a", ["a", "b", "c"]);
  assert.is(committed(five, "a"), 2);
  const slow = group({ flushesOnDemand: true });
  timeOut(slow, "a");
  deliver(slow, () => true);
  deliver(slow, () => true);
  flush(slow, "a");
  deliver(slow, ({ to }) => to === "b");
  flush(slow, "b");
  deliver(slow, ({ from }) => from === "b");
  assert.is(role(slow, "a"), "leader");
  deliver(slow, ({ to }) => to === "b");
  deliver(slow, ({ from }) => from === "b");
  flush(slow, "a");
  assert.is(committed(slow, "a"), 0, "b has the entry, and has not flushed it");
  flush(slow, "b");
  deliver(slow, ({ from }) => from === "b");
  assert.is(committed(slow, "a"), 1);
});

test.run();
