import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  applied,
  campaign,
  committed,
  crash,
  deliver,
  type Group,
  group,
  groupLedBy,
  heartbeat,
  logOf,
  member,
  only,
  propose,
  restart,
  role,
  sent,
  settle,
  take,
  termOf,
  timeOut,
  tokens,
} from "./group.ts";
import { acquire } from "./messages.ts";

const test = suite("paper/log");

test("§3.5: an entry is committed once the leader that made it has it on a majority, and so are all before it", () => {
  const five = groupLedBy("a", { voters: ["a", "b", "c", "d", "e"] });
  propose(five, "a", acquire("x"), acquire("y"));
  propose(five, "a", acquire("z"));
  settle(five, ["a", "b", "c"]);
  assert.equal([committed(five, "a"), applied(five, "a")], [4, 4]);
  assert.equal(tokens(five, "a"), [
    ["x", 1],
    ["y", 2],
    ["z", 3],
  ]);
});

test("§3.5: followers learn how far the log is committed from the leader's next request", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x"));
  settle(three);
  assert.is(committed(three, "b"), 1);
  propose(three, "a", acquire("y"));
  assert.is(sent(three, "a", "appendRequest")[0]?.message.commitIndex, 2);
  settle(three);
  assert.is(committed(three, "b"), 2);
});

test("§3.5: a leader tries again until every follower has every entry, though it has been answered long ago", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x"));
  settle(three, ["a", "b"]);
  assert.is(member(three, "a").answers.get("x")?.type, "granted");
  assert.equal(logOf(three, "c"), [1]);
  heartbeat(three, "a");
  heartbeat(three, "a");
  assert.equal(logOf(three, "c"), [1, 1]);
  assert.is(applied(three, "c"), 2);
});

test("§3.5: a leader never overwrites or deletes entries of its own log (Leader Append-Only, figure 3.2)", () => {
  const three = group({ logs: { a: [1, 2], b: [1, 1, 1, 1], c: [1] } });
  campaign(three, "a");
  assert.equal(logOf(three, "a"), [1, 2, 3]);
  assert.equal(logOf(three, "b"), [1, 2, 3], "what is at odds with the leader's log goes, not the leader's");
});

// Figure 3.6: what followers' logs may look like when the leader of term 8 comes to power.
const figure36: Readonly<Record<string, readonly number[]>> = {
  l: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6],
  a: [1, 1, 1, 4, 4, 5, 5, 6, 6],
  b: [1, 1, 1, 4],
  c: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
  d: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
  e: [1, 1, 1, 4, 4, 4, 4],
  f: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
};

test("§3.5, figure 3.6: a leader makes logs equal to its own that lack entries, have too many, or both", () => {
  const voters = ["l", "a", "b", "c", "d", "e", "f"];
  const terms = Object.fromEntries(voters.map((id) => [id, 7]));
  const seven = group({ voters, logs: figure36, terms });
  campaign(seven, "l", ["l", "a", "b", "e", "f"]);
  assert.equal([role(seven, "l"), termOf(seven, "l")], ["leader", 8]);
  heartbeat(seven, "l");
  heartbeat(seven, "l");
  const whole = [...(figure36.l ?? []), 8];
  for (const id of voters) assert.equal(logOf(seven, id), whole, id);
  for (const id of voters) assert.is(committed(seven, id), whole.length, id);
});

test("§3.5: a follower names the term at odds and its first entry, so that one refusal bypasses the whole term", () => {
  const refusals = (l: readonly number[], f: readonly number[]): number => {
    const three = group({ voters: ["l", "f", "g"], logs: { l, f } });
    campaign(three, "l", ["l", "g"]);
    let count = 0;
    timeOut(three, "l", "heartbeat");
    while (three.wire.length > 0) {
      count += sent(three, "f", "appendResponse").filter(({ message }) => message.matchIndex === null).length;
      deliver(three, () => true);
    }
    assert.equal(logOf(three, "f"), logOf(three, "l"));
    return count;
  };
  // The heartbeat and the probe behind it are refused for the same reason; after that the leader knows where to begin.
  assert.is(refusals(figure36.l ?? [], figure36.f ?? []), 2);
  assert.is(refusals([1, 1, 1, 1, 1, 1, 1, 1, 1, 5], [1, 2, 2, 2, 2, 2, 2, 2, 2, 2]), 2);
});

test("§3.5: logs with an entry of equal index and term are equal up to there (Log Matching, figure 3.2)", () => {
  const voters = ["a", "b", "c"];
  const three = group();
  for (const [leader, deaf] of [
    ["a", "c"],
    ["b", "a"],
    ["c", "b"],
    ["a", "c"],
    ["b", "a"],
  ] as const) {
    const others = voters.filter((id) => id !== deaf);
    // The leader before hears nobody any more, and gives up.
    three.now += 1000;
    for (const id of voters) timeOut(three, id, "heartbeat");
    take(three, () => true);
    campaign(three, leader, others);
    if (role(three, leader) !== "leader") campaign(three, leader, others);
    assert.is(role(three, leader), "leader");
    // The first request is lost, the second arrives at one follower, the third stays with the leader.
    propose(three, leader, acquire(`lost ${three.now}`));
    take(three, () => true);
    propose(three, leader, acquire(`at two ${three.now}`));
    settle(three, others);
    propose(three, leader, acquire(`left behind ${three.now}`));
    take(three, () => true);
    expectMatching(three);
  }
  heartbeat(three, "b");
  heartbeat(three, "b");
  for (const id of voters) assert.equal(logOf(three, id), logOf(three, "b"), id);
});

function expectMatching({ members }: Group): void {
  for (const one of members.values()) {
    for (const other of members.values()) {
      const [mine, theirs] = [one.raft.log.entries, other.raft.log.entries];
      let last = Math.min(mine.length, theirs.length) - 1;
      while (last >= 0 && mine[last]?.term !== theirs[last]?.term) last -= 1;
      assert.equal(mine.slice(0, last + 1), theirs.slice(0, last + 1), `${one.id} and ${other.id}`);
    }
  }
}

// Figure 3.7: five servers; entries are sent one at a time, so that one can be on a majority while the next is not.
function figure37AsFarAsC(): Group {
  const voters = ["s1", "s2", "s3", "s4", "s5"];
  const logs = Object.fromEntries(voters.map((id) => [id, [1]]));
  const five = group({ voters, logs, appendEntriesMax: 1 });
  // (a) s1 leads term 2 and has its entry at index 2 on s2.
  five.now += 1000;
  timeOut(five, "s1");
  for (const type of ["preVoteRequest", "preVoteResponse", "voteRequest", "voteResponse"]) {
    deliver(five, ({ message }) => message.type === type);
  }
  deliver(five, ({ to }) => to === "s2");
  assert.equal(
    voters.map((id) => logOf(five, id)),
    [[1, 2], [1, 2], [1], [1], [1]],
    "(a)",
  );
  // (b) s1 crashes; s5 is elected for term 3 by s3, s4 and itself, and has another entry at index 2.
  crash(five, "s1");
  take(five, () => true);
  five.now += 1000;
  timeOut(five, "s5");
  for (const type of ["preVoteRequest", "preVoteResponse", "voteRequest", "voteResponse"]) {
    deliver(five, ({ from, to, message }) => message.type === type && from !== "s2" && to !== "s2");
  }
  assert.equal([role(five, "s5"), logOf(five, "s5")], ["leader", [1, 3]], "(b)");
  // (c) s5 crashes; s1 restarts, is elected for term 4 and goes on to replicate index 2: to s3, which makes a majority.
  crash(five, "s5");
  take(five, () => true);
  restart(five, "s1");
  // The first attempt teaches it term 3.
  for (const _attempt of [1, 2]) {
    five.now += 1000;
    timeOut(five, "s1");
    deliver(five, ({ message }) => message.type === "preVoteRequest");
    deliver(five, ({ message }) => message.type === "preVoteResponse");
  }
  const isOfTerm4 = ({ message }: Group["wire"][number]): boolean =>
    message.type === "appendRequest" && message.entries.some((entry) => entry.index > 2);
  for (let round = 0; round < 12; round += 1) {
    if (round === 6) timeOut(five, "s1", "heartbeat");
    take(five, ({ to }) => to === "s4");
    take(five, isOfTerm4);
    deliver(five, () => true);
  }
  assert.equal([role(five, "s1"), termOf(five, "s1")], ["leader", 4], "(c)");
  assert.equal(
    voters.map((id) => logOf(five, id)),
    [[1, 2, 4], [1, 2], [1, 2], [1], [1, 3]],
    "(c)",
  );
  return five;
}

test("§3.6.2, figure 3.7 (c): an entry of an older term that is on a majority is not committed by that", () => {
  const five = figure37AsFarAsC();
  for (const id of ["s1", "s2", "s3", "s4"]) assert.ok(committed(five, id) < 2, id);
});

test("§3.6.2, figure 3.7 (d): for it may still be overwritten by a leader of a later term", () => {
  const five = figure37AsFarAsC();
  crash(five, "s1");
  take(five, () => true);
  restart(five, "s5");
  campaign(five, "s5");
  // It learns of term 4 from those who refuse, if they must; then it wins, with the votes of s2, s3 and s4.
  if (role(five, "s5") !== "leader") campaign(five, "s5");
  assert.is(role(five, "s5"), "leader");
  for (const id of ["s2", "s3", "s4", "s5"]) assert.equal(logOf(five, id).slice(0, 2), [1, 3], id);
});

test("§3.6.2, figure 3.7 (e): once an entry of the leader's own term is on a majority, both are committed for good", () => {
  const five = figure37AsFarAsC();
  heartbeat(five, "s1", ["s1", "s2", "s3"]);
  heartbeat(five, "s1", ["s1", "s2", "s3"]);
  assert.is(committed(five, "s1"), 3);
  crash(five, "s1");
  take(five, () => true);
  restart(five, "s5");
  for (let election = 0; election < 3; election += 1) {
    campaign(five, "s5");
    assert.is.not(role(five, "s5"), "leader");
  }
  campaign(five, "s3");
  assert.is(role(five, "s3"), "leader");
  for (const id of ["s2", "s3", "s4", "s5"]) assert.equal(logOf(five, id).slice(0, 3), [1, 2, 4], id);
});

test("§3.6.3: nodes that apply an index apply the same entry there (State Machine Safety, figure 3.2)", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x", "first"));
  settle(three, ["a", "b"]);
  // What a has alone is never committed; b leads on with another entry at the same index.
  propose(three, "a", acquire("y", "of a alone"));
  campaign(three, "b", ["b", "c"]);
  propose(three, "b", acquire("y", "of b"));
  settle(three);
  heartbeat(three, "b");
  heartbeat(three, "b");
  for (const id of ["a", "b", "c"]) {
    assert.equal(member(three, id).raft.log.entries, member(three, "b").raft.log.entries, id);
    assert.equal(tokens(three, id), [
      ["x", 1],
      ["y", 2],
    ]);
    assert.is(applied(three, id), 4, id);
  }
  assert.not(member(three, "a").answers.has("of a alone"), "and nobody was told of what was not done");
});

test("§3.7: a request that a follower has heard already does no harm when it is sent again", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x"));
  const requests = take(three, ({ to }) => to === "b");
  three.wire = [...requests, ...requests, ...requests];
  settle(three);
  assert.equal(logOf(three, "b"), [1, 1]);
  assert.is(committed(three, "a"), 2);
});

test("§3.7: a follower that was down is sent what it missed when it is back", () => {
  const three = groupLedBy("a");
  crash(three, "c");
  for (const name of ["x", "y", "z"]) {
    propose(three, "a", acquire(name));
    settle(three);
  }
  assert.is(committed(three, "a"), 4, "a majority goes on without it");
  restart(three, "c");
  for (let beat = 0; beat < 3; beat += 1) heartbeat(three, "a");
  assert.equal(logOf(three, "c"), [1, 1, 1, 1]);
  assert.is(applied(three, "c"), 4);
});

test("§3.5: only what a follower reports as a match counts, never what was sent to it", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x"));
  assert.equal(committed(three, "a"), 1);
  deliver(three, ({ to }) => to === "b");
  assert.is(only(three, "b", "appendResponse").matchIndex, 2);
  assert.equal(committed(three, "a"), 1);
});

test.run();
