import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fencingToken, logIndex, requestId } from "../../src/actors/scalars.ts";
import {
  applied,
  campaign,
  check,
  committed,
  crash,
  deliver,
  type Group,
  groupLedBy,
  hear,
  heartbeat,
  logOf,
  member,
  propose,
  role,
  sent,
  settle,
  step,
  take,
  timeOut,
  tokens,
} from "./group.ts";
import { acquire, refused } from "./messages.ts";

const test = suite("paper/clients");

const answer = (of: Group, id: string, request: string) => member(of, id).answers.get(request);

test("§6.2: a node that does not lead does nothing for a client, and says who leads", () => {
  const three = groupLedBy("a");
  for (const id of ["b", "c"]) {
    propose(three, id, acquire("x"));
    check(three, id, "x");
    assert.equal([logOf(three, id), three.wire], [[1], []], id);
    assert.is(member(three, id).standing?.leader, "a", id);
  }
});

test("§6.2: a leader that is cut off stops answering for a leader after an election timeout, so that clients look elsewhere", () => {
  const three = groupLedBy("a");
  three.now += 1000;
  timeOut(three, "a", "heartbeat");
  assert.is(member(three, "a").standing?.leader, null);
});

test("§6.2: a node that stands for election names no leader to clients", () => {
  const three = groupLedBy("a");
  timeOut(three, "b");
  assert.is(member(three, "b").standing?.leader, null);
});

test("§6.3: a request that comes twice takes effect once, and has the same answer both times", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x", "r"));
  settle(three);
  const first = answer(three, "a", "r");
  member(three, "a").answers.clear();
  propose(three, "a", acquire("x", "r"));
  settle(three);
  assert.is(first?.type, "granted");
  assert.equal(answer(three, "a", "r"), first);
  assert.equal([tokens(three, "a"), applied(three, "a")], [[["x", 1]], 3]);
});

test("§6.3: a request whose effect is over is not done again, however late it is repeated", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x", "r"));
  propose(three, "a", {
    type: "write",
    requestId: requestId("s"),
    bornAt: logIndex(0),
    write: { type: "release", lock: "x", grant: { token: fencingToken(1) } },
  });
  settle(three);
  assert.equal([answer(three, "a", "s")?.type, tokens(three, "a")], ["released", []]);
  propose(three, "a", acquire("x", "r"));
  settle(three);
  assert.equal([answer(three, "a", "r")?.type, tokens(three, "a")], ["grantOver", []]);
});

test("§6.3: a request whose leader crashed before it answered is answered by the next, and has taken effect once", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x", "r"));
  deliver(three, ({ to }) => to === "b");
  crash(three, "a");
  take(three, () => true);
  campaign(three, "b", ["b", "c"]);
  assert.equal(tokens(three, "b"), [["x", 1]], "the entry was on b, and is committed with b's own");
  assert.not(member(three, "b").answers.has("r"), "b did not propose it");
  propose(three, "b", acquire("x", "r"));
  settle(three, ["b", "c"]);
  const repeated = answer(three, "b", "r");
  assert.equal([repeated?.type, repeated?.type === "granted" && repeated.token], ["granted", 1]);
  assert.equal(tokens(three, "b"), [["x", 1]]);
});

test("§6.3: every replica finds the same requests repeated, for what it knows of them is in the log", () => {
  const three = groupLedBy("a");
  for (const request of ["r", "s", "r"]) propose(three, "a", acquire("x", request));
  propose(three, "a", acquire("y", "s"));
  settle(three);
  heartbeat(three, "a");
  const outcomes = (id: string) => [...member(three, id).lock.table.outcomes.values()];
  assert.is(outcomes("a").length, 2);
  for (const id of ["b", "c"]) assert.equal([outcomes(id), tokens(three, id)], [outcomes("a"), tokens(three, "a")], id);
});

test("§6.4 (1): a new leader answers no read before an entry of its own term is committed", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x"));
  settle(three);
  // b has the entry and does not know that it is committed.
  campaign(three, "b", ["b"]);
  three.now += 1000;
  timeOut(three, "b");
  for (const type of ["preVoteRequest", "preVoteResponse", "voteRequest", "voteResponse"]) {
    deliver(three, ({ message, from, to }) => message.type === type && from !== "a" && to !== "a");
  }
  assert.is(role(three, "b"), "leader");
  take(three, () => true);
  check(three, "b", "x");
  assert.equal([three.wire, committed(three, "b")], [[], 1]);
  heartbeat(three, "b", ["b", "c"]);
  heartbeat(three, "b", ["b", "c"]);
  assert.is(committed(three, "b"), 3);
  assert.is(answer(three, "b", "check x")?.type, "locked");
});

test("§6.4 (2, 3): a read waits until a majority has answered a heartbeat that was sent after it came", () => {
  const three = groupLedBy("a");
  // Answers to what was sent before the read say nothing of what happened since.
  timeOut(three, "a", "heartbeat");
  deliver(three, ({ to }) => to === "b");
  check(three, "a", "x");
  const late = take(three, ({ from }) => from === "a");
  deliver(three, ({ from }) => from === "b");
  assert.not(member(three, "a").answers.has("check x"));
  three.wire = late;
  deliver(three, ({ to }) => to === "b");
  deliver(three, ({ from }) => from === "b");
  assert.is(answer(three, "a", "check x")?.type, "free");
});

test("§6.4: a leader that was deposed unawares answers no read, though it has not heard of its successor", () => {
  const three = groupLedBy("a");
  campaign(three, "b", ["b", "c"]);
  propose(three, "b", acquire("x"));
  settle(three, ["b", "c"]);
  assert.is(role(three, "a"), "leader");
  check(three, "a", "x");
  settle(three);
  assert.not(member(three, "a").answers.has("check x"), "free would be the answer of the past");
  assert.is(role(three, "a"), "follower");
});

test("§6.4 (4, 5): a read is answered from a state that has everything that was committed when it came", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x"));
  deliver(three, ({ to }) => to === "b");
  deliver(three, ({ from }) => from === "b");
  check(three, "a", "x");
  settle(three, ["a", "c"]);
  assert.is(answer(three, "a", "check x")?.type, "locked");
});

test("§6.4: reads that come together share a round, and none writes to the log", () => {
  const three = groupLedBy("a");
  for (const name of ["x", "y", "z"]) check(three, "a", name);
  // The first began a round at once; the others wait for the one after it.
  settle(three);
  const rounds = member(three, "a").raft.role;
  assert.is(rounds.type === "leader" && rounds.round, 2);
  assert.equal(
    ["x", "y", "z"].map((name) => answer(three, "a", `check ${name}`)?.type),
    ["free", "free", "free"],
  );
  assert.equal(logOf(three, "a"), [1]);
});

test("§6.4: a confirmation is an answer in the leader's term, whatever it says of entries", () => {
  const three = groupLedBy("a");
  step(three, "a", { type: "confirm", ticket: 7 });
  const [beat] = sent(three, "a", "appendRequest");
  take(three, () => true);
  assert.is(beat?.message.round, 1);
  // b lost its log; it says that it agrees with nothing, and still that it knows no newer leader.
  hear(three, "a", "b", refused(1, 1));
  assert.equal(member(three, "a").confirmed, [7]);
});

test.run();
