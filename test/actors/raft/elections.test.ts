// Elections: Raft §5.2 and §5.4.1, PreVote and CheckQuorum (thesis §9.6, §6.2, §4.2.3), durability of votes (§5).

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { raft } from "../../../src/actors/raft/receive.ts";
import { logIndex, nodeId, term } from "../../../src/actors/scalars.ts";
import * as build from "./build.ts";

const { at, candidate, election, follower, leader, received, toPeer, write } = build;
const test = suite("actors/raft elections");

test("a voter grants one vote per term, and keeps its word to the same candidate (§5.2)", () => {
  const voter = follower({ term: 4, votedFor: "b" });
  assert.equal(raft.receive(voter, received("c", build.voteRequest({ term: term(4) })), at(0)), [
    toPeer("c", { type: "voteResponse", term: term(4), granted: false }),
  ]);
  assert.equal(raft.receive(voter, received("b", build.voteRequest({ term: term(4) })), at(0)), [
    election,
    toPeer("b", { type: "voteResponse", term: term(4), granted: true }),
  ]);
});

test("a vote leaves only after term and vote are on disk (§5)", () => {
  const voter = follower({ term: 3 });
  const granted = { type: "voteResponse", term: term(4), granted: true } as const;
  assert.equal(raft.receive(voter, received("b", build.voteRequest({ term: term(4) })), at(0)), [
    write({ hardState: { term: 4, votedFor: "b" } }),
    election,
    election,
    write({ release: [{ to: "b", message: granted }] }),
    build.standing("follower", 4, null),
  ]);
});

test("a voter refuses a candidate whose log is less complete (§5.4.1)", () => {
  for (const [lastIndex, lastTerm, granted] of [
    [9, 1, false],
    [1, 2, false],
    [2, 2, true],
    [1, 3, true],
  ] as const) {
    const voter = follower({ term: 3, log: [1, 2] });
    raft.receive(
      voter,
      received("b", build.voteRequest({ term: term(4), lastIndex: logIndex(lastIndex), lastTerm: term(lastTerm) })),
      at(0),
    );
    assert.is(voter.votedFor, granted ? nodeId("b") : null, `last entry ${lastIndex} of term ${lastTerm}`);
  }
});

test("stepping down in the same term keeps the vote (§5.2)", () => {
  const state = candidate({ term: 4 });
  raft.receive(state, received("b", build.appendRequest({ term: term(4) })), at(0));
  assert.is(state.role.type, "follower");
  assert.is(state.votedFor, nodeId("a"));
});

test("a follower that misses its leader asks first whether it could win, and changes no term by asking (thesis §9.6)", () => {
  const state = follower({ term: 4, log: [1, 4], leader: "b" });
  const question = { type: "preVoteRequest", term: term(5), lastIndex: logIndex(2), lastTerm: term(4) } as const;
  assert.equal(raft.receive(state, { type: "timeout", timer: "election" }, at(9000)), [
    election,
    toPeer("b", question),
    toPeer("c", question),
    build.standing("candidate", 4, null),
  ]);
  assert.is(state.term, 4);
});

test("a majority of pre-votes starts the election; the requests ride behind the candidate's own vote (§5.2)", () => {
  const state = candidate({ term: 4, pre: true });
  const request = build.voteRequest({ term: term(5) });
  assert.equal(raft.receive(state, received("b", { type: "preVoteResponse", term: term(5), granted: true }), at(0)), [
    write({ hardState: { term: 5, votedFor: "a" } }),
    election,
    write({ release: [{ to: "b", message: request }] }),
    write({ release: [{ to: "c", message: request }] }),
    build.standing("candidate", 5, null),
  ]);
});

test("a candidate's own vote counts once it is durable, not before", () => {
  const state = candidate({ term: 5, votes: [] });
  raft.receive(state, received("b", { type: "voteResponse", term: term(5), granted: true }), at(0));
  assert.is(state.role.type, "candidate", "one vote of three");
  raft.receive(
    state,
    {
      type: "persisted",
      replacements: 0,
      hardState: { term: term(5), votedFor: nodeId("a") },
      lastIndex: logIndex(0),
      lastTerm: term(0),
    },
    at(0),
  );
  assert.is(state.role.type, "leader");
});

test("a vote of another term counts for nothing (§5.2)", () => {
  const state = candidate({ term: 5 });
  assert.equal(raft.receive(state, received("b", { type: "voteResponse", term: term(4), granted: true }), at(0)), []);
  assert.is(state.role.type, "candidate");
});

test("a candidate whom a majority refuses waits as a follower (§5.2)", () => {
  const state = candidate({ term: 5 });
  const refusal = { type: "voteResponse", term: term(5), granted: false } as const;
  raft.receive(state, received("b", refusal), at(0));
  raft.receive(state, received("c", refusal), at(0));
  assert.is(state.role.type, "follower");
});

test("a new leader begins its term with an entry of its own and tells everybody (§8)", () => {
  const state = candidate({ term: 5, log: [1] });
  const first = { index: logIndex(2), term: term(5), command: build.noop };
  const request = build.appendRequest({
    term: term(5),
    previousIndex: logIndex(1),
    previousTerm: term(1),
    entries: [first],
  });
  assert.equal(raft.receive(state, received("b", { type: "voteResponse", term: term(5), granted: true }), at(7)), [
    { type: "cancelTimer", timer: "election" },
    build.heartbeat,
    write({ entries: [first] }),
    toPeer("b", request),
    toPeer("c", request),
    ...build.leadership("leading", 5),
    build.standing("leader", 5, null),
  ]);
});

test("requests are sent to a leader that knows what is committed, and not before (thesis §6.4)", () => {
  const state = leader({ term: 5, log: [1, 5], commitIndex: 1, firstIndex: 2, matched: { b: 1, c: 1 } });
  state.committedByLeader = null;
  raft.receive(state, { type: "timeout", timer: "heartbeat" }, at(0));
  assert.is(state.toldStanding?.leader, null);
  const effects = raft.receive(
    state,
    received("b", build.appendResponse({ term: term(5), matchIndex: logIndex(2) })),
    at(0),
  );
  assert.equal(effects[effects.length - 1], build.standing("leader", 5, "a", 2));
  const beat = { term: term(5), previousIndex: logIndex(2), previousTerm: term(5), commitIndex: logIndex(2) };
  assert.equal(effects[1], toPeer("b", build.appendRequest(beat)), "followers hear of it at once");
});

test("a follower sends requests to its leader once that says what is committed", () => {
  const state = follower({ term: 5, log: [5], leader: null });
  const beat = build.appendRequest({ term: term(5), previousIndex: logIndex(1), previousTerm: term(5) });
  const toGateway = (message: typeof beat) =>
    raft.receive(state, received("b", message), at(0)).filter((effect) => "to" in effect && effect.to === "gateway");
  assert.equal(toGateway(beat), []);
  assert.equal(toGateway({ ...beat, commitIndex: logIndex(9) }), [build.standing("follower", 5, "b", 9)]);
  assert.equal(toGateway({ ...beat, commitIndex: logIndex(10) }), [], "it is not told of every step");
  assert.equal(toGateway({ ...beat, commitIndex: logIndex(259) }), [build.standing("follower", 5, "b", 259)]);
});

test("who hears a leader grants no pre-vote and ignores a vote request (thesis §4.2.3)", () => {
  const state = follower({ term: 4, leader: "b", leaderHeardAt: 1000 });
  assert.equal(raft.receive(state, received("c", build.voteRequest({ term: term(9) })), at(1499)), []);
  assert.is(state.term, 4);
  assert.equal(raft.receive(state, received("c", build.preVoteRequest({ term: term(5) })), at(1499)), [
    toPeer("c", { type: "preVoteResponse", term: term(4), granted: false }),
  ]);
  assert.equal(raft.receive(state, received("c", build.preVoteRequest({ term: term(5) })), at(1500)), [
    toPeer("c", { type: "preVoteResponse", term: term(5), granted: true }),
  ]);
});

test("an election that the leader asked for is not held up by having heard of it (thesis §3.10)", () => {
  const state = follower({ term: 4, leader: "b", leaderHeardAt: 1000 });
  raft.receive(state, received("c", build.voteRequest({ term: term(5), transfer: true })), at(1001));
  assert.is(state.votedFor, nodeId("c"));
});

test("a leader that hears no majority for an election timeout steps down (CheckQuorum, thesis §6.2)", () => {
  const state = leader({ term: 4, log: [4] });
  build.progressOf(state, "b").heardAt = at(100);
  assert.is(raft.receive(state, { type: "timeout", timer: "heartbeat" }, at(1099)).length > 0, true);
  assert.is(state.role.type, "leader");
  assert.equal(raft.receive(state, { type: "timeout", timer: "heartbeat" }, at(1100)), [
    election,
    ...build.noLeaderTimers,
    ...build.leadership("following", 4),
    build.standing("follower", 4, null),
  ]);
});

test("a message of a newer term makes anybody a follower of that term (§5.1)", () => {
  const state = leader({ term: 4, log: [4] });
  raft.receive(state, received("b", build.appendResponse({ term: term(6) })), at(0));
  assert.is(state.role.type, "follower");
  assert.is(state.term, 6);
  assert.is(state.votedFor, null);
});

test("a leader of an older term is told of the newer one (§5.1)", () => {
  const state = follower({ term: 6, log: [1] });
  assert.equal(raft.receive(state, received("b", build.appendRequest({ term: term(4) })), at(0)), [
    toPeer("b", build.appendResponse({ term: term(6), conflictIndex: logIndex(2) })),
  ]);
});

test("a group of one elects itself when its log is loaded and its vote is durable", () => {
  const state = raft.start(build.config(["a"]));
  const loaded = { type: "loaded", hardState: { term: term(2), votedFor: null }, snapshot: null, entries: [] } as const;
  assert.equal(raft.receive(state, loaded, at(0)), [
    write({ hardState: { term: 3, votedFor: "a" } }),
    election,
    build.standing("candidate", 3, null),
  ]);
  const persisted = { hardState: { term: term(3), votedFor: nodeId("a") }, lastIndex: logIndex(0), lastTerm: term(0) };
  raft.receive(state, { type: "persisted", replacements: 0, ...persisted }, at(1));
  assert.is(state.role.type, "leader");
});

test("nobody who is not a member is listened to", () => {
  const state = follower({ term: 4 });
  assert.equal(raft.receive(state, received("x", build.voteRequest({ term: term(9) })), at(0)), []);
  assert.is(state.term, 4);
});

test.run();
