// Log replication and commitment: Raft §5.3, §5.4.2; backtracking by conflicting terms (thesis §3.5); pipelining (§10.2.1).

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { entriesFrom } from "../../../src/actors/raft/log.ts";
import { raft } from "../../../src/actors/raft/receive.ts";
import type { RaftEffect, RaftState } from "../../../src/actors/raft/state.ts";
import { type LogIndex, logIndex, nodeId, term } from "../../../src/actors/scalars.ts";
import * as build from "./build.ts";

const {
  appendRequest,
  appendResponse,
  apply,
  at,
  command,
  election,
  entries,
  follower,
  leader,
  received,
  toPeer,
  write,
} = build;
const test = suite("actors/raft replication");

/** Has these proposed and appended, in one turn. */
const append = (state: RaftState, ...names: string[]): RaftEffect[] => {
  for (const name of names) raft.receive(state, { type: "propose", commands: [command(name)] }, at(0));
  return raft.receive(state, { type: "timeout", timer: "append" }, at(0));
};

const persisted = (
  now: number,
  lastIndex: number,
  lastTerm: number,
  { votedFor = null, replacements = 0 }: { votedFor?: string | null; replacements?: number } = {},
) =>
  ({
    type: "persisted",
    replacements,
    hardState: { term: term(now), votedFor: votedFor === null ? null : nodeId(votedFor) },
    lastIndex: logIndex(lastIndex),
    lastTerm: term(lastTerm),
  }) as const;

test("a follower acknowledges entries only when they are durable (§5.3)", () => {
  const state = follower({ term: 2, log: [1], leader: "b" });
  const fresh = entries([2, 2], 2);
  const request = appendRequest({ term: term(2), previousIndex: logIndex(1), previousTerm: term(1), entries: fresh });
  const answer = appendResponse({ term: term(2), matchIndex: logIndex(3) });
  assert.equal(raft.receive(state, received("b", request), at(0)), [
    election,
    write({ entries: fresh, release: [{ to: "b", message: answer }] }),
  ]);
});

test("an answer to a heartbeat claims nothing that is still being flushed", () => {
  const state = follower({ term: 2, log: [1], leader: "b" });
  const fresh = entries([2], 2);
  const previous = { previousIndex: logIndex(1), previousTerm: term(1) };
  raft.receive(state, received("b", appendRequest({ term: term(2), ...previous, entries: fresh })), at(0));
  const beat = appendRequest({ term: term(2), previousIndex: logIndex(2), previousTerm: term(2), round: 7 });
  assert.equal(raft.receive(state, received("b", beat), at(1)), [
    election,
    toPeer("b", appendResponse({ term: term(2), round: 7, matchIndex: logIndex(1) })),
  ]);
  raft.receive(state, persisted(2, 2, 2), at(2));
  assert.equal(raft.receive(state, received("b", beat), at(3)), [
    election,
    toPeer("b", appendResponse({ term: term(2), round: 7, matchIndex: logIndex(2) })),
  ]);
});

test("a log that is too short says where it ends (thesis §3.5)", () => {
  const state = follower({ term: 2, log: [1], leader: "b" });
  const request = appendRequest({ term: term(2), previousIndex: logIndex(5), previousTerm: term(2), round: 3 });
  assert.equal(raft.receive(state, received("b", request), at(0)), [
    election,
    toPeer("b", appendResponse({ term: term(2), round: 3, conflictIndex: logIndex(2) })),
  ]);
});

test("a log at odds names the whole run of the conflicting term (thesis §3.5)", () => {
  const state = follower({ term: 5, log: [1, 3, 3, 3], leader: "b" });
  const request = appendRequest({ term: term(5), previousIndex: logIndex(4), previousTerm: term(5) });
  assert.equal(raft.receive(state, received("b", request), at(0)), [
    election,
    toPeer("b", appendResponse({ term: term(5), conflictTerm: term(3), conflictIndex: logIndex(2) })),
  ]);
});

test("conflicting entries are replaced, agreeing ones are kept (§5.3)", () => {
  const state = follower({ term: 5, log: [1, 3, 3, 3], commitIndex: 1, leader: "b" });
  const sent = entries([3, 5], 2);
  const request = appendRequest({ term: term(5), previousIndex: logIndex(1), previousTerm: term(1), entries: sent });
  raft.receive(state, received("b", request), at(0));
  assert.equal(
    state.log.entries.map((entry) => entry.term),
    [1, 3, 5],
  );
  assert.is(state.durableIndex, 2, "what replaced a durable entry is not durable yet");
});

test("a delayed request takes nothing away from the log (§5.3)", () => {
  const state = follower({ term: 5, log: [1, 5, 5], leader: "b" });
  const old = appendRequest({
    term: term(5),
    previousIndex: logIndex(1),
    previousTerm: term(1),
    entries: entries([5], 2),
  });
  raft.receive(state, received("b", old), at(0));
  assert.is(state.log.entries.length, 3);
});

test("a follower commits no further than the request has shown to agree (§5.3)", () => {
  const state = follower({ term: 5, log: [1, 4, 4], leader: "b" });
  const request = appendRequest({
    term: term(5),
    previousIndex: logIndex(1),
    previousTerm: term(1),
    commitIndex: logIndex(3),
  });
  raft.receive(state, received("b", request), at(0));
  assert.is(state.commitIndex, 1);
});

test("a committed entry is never replaced: that would be a broken invariant", () => {
  const state = follower({ term: 5, log: [1, 4], commitIndex: 2, leader: "b" });
  const sent = entries([5], 2);
  const request = appendRequest({ term: term(5), previousIndex: logIndex(1), previousTerm: term(1), entries: sent });
  assert.throws(() => raft.receive(state, received("b", request), at(0)), /committed entry is never replaced/);
});

test("a term has one leader: two would be a broken invariant (§5.2)", () => {
  const state = follower({ term: 5, leader: "b" });
  assert.throws(() => raft.receive(state, received("c", appendRequest({ term: term(5) })), at(0)), /one leader/);
});

test("a leader writes its own log and sends to followers at the same time (thesis §10.2.1)", () => {
  const state = leader({ term: 2, log: [2], commitIndex: 1 });
  const entry = { index: logIndex(2), term: term(2), command: command("x") };
  const request = appendRequest({
    term: term(2),
    previousIndex: logIndex(1),
    previousTerm: term(2),
    entries: [entry],
    commitIndex: logIndex(1),
  });
  assert.equal(append(state, "x"), [write({ entries: [entry] }), toPeer("b", request), toPeer("c", request)]);
});

test("what is proposed in one turn is appended together at its end", () => {
  const state = leader({ term: 2, log: [2], commitIndex: 1 });
  const propose = (name: string) => raft.receive(state, { type: "propose", commands: [command(name)] }, at(0));
  assert.equal(propose("x"), [{ type: "setTimer", timer: "append", min: 0, max: 0 }]);
  assert.equal(propose("y"), []);
  const together = ["x", "y"].map((name, place) => ({
    index: logIndex(2 + place),
    term: term(2),
    command: command(name),
  }));
  const effects = raft.receive(state, { type: "timeout", timer: "append" }, at(0));
  assert.equal(effects[0], write({ entries: together }));
  assert.equal(raft.receive(state, { type: "timeout", timer: "append" }, at(0)), [], "nothing is appended twice");
});

test("what is proposed during a flush is appended together when it ends", () => {
  const state = leader({ term: 2, log: [2], commitIndex: 1 });
  append(state, "x");
  assert.equal(raft.receive(state, { type: "propose", commands: [command("y")] }, at(0)), []);
  assert.equal(raft.receive(state, { type: "propose", commands: [command("z")] }, at(0)), []);
  const effects = raft.receive(state, persisted(2, 2, 2, { votedFor: "a" }), at(1));
  const together = [
    { index: logIndex(3), term: term(2), command: command("y") },
    { index: logIndex(4), term: term(2), command: command("z") },
  ];
  assert.equal(effects[0], write({ entries: together }));
});

test("an entry is committed when a majority has it, and its proposer's answers are wanted", () => {
  const state = leader({ term: 2, log: [2], commitIndex: 1 });
  append(state, "x");
  raft.receive(state, persisted(2, 2, 2, { votedFor: "a" }), at(1));
  assert.is(state.commitIndex, 1, "one of three");
  const entry = { index: logIndex(2), term: term(2), command: command("x") };
  const effects = raft.receive(state, received("b", appendResponse({ term: term(2), matchIndex: logIndex(2) })), at(1));
  assert.equal(effects, [apply([entry], true)]);
});

test("two followers commit without the leader's own disk (thesis §10.2.1)", () => {
  const state = leader({ term: 2, log: [2], commitIndex: 1 });
  append(state, "x");
  for (const peer of ["b", "c"]) {
    raft.receive(state, received(peer, appendResponse({ term: term(2), matchIndex: logIndex(2) })), at(1));
  }
  assert.is(state.commitIndex, 2);
});

test("only entries of the current term are committed by counting (§5.4.2, figure 8)", () => {
  const state = leader({ term: 4, log: [1, 2, 4], commitIndex: 1, matched: { b: 1, c: 1 }, firstIndex: 3 });
  raft.receive(state, received("b", appendResponse({ term: term(4), matchIndex: logIndex(2) })), at(0));
  assert.is(state.commitIndex, 1, "the entry of term 2 is on a majority, and is not committed");
  const effects = raft.receive(state, received("b", appendResponse({ term: term(4), matchIndex: logIndex(3) })), at(0));
  assert.is(state.commitIndex, 3);
  assert.equal(effects, [apply(entries([2], 2), false), apply(entries([4], 3), true)]);
});

test("an expiry judged in another term is not proposed", () => {
  const state = leader({ term: 4, log: [4], commitIndex: 1 });
  const expire = { type: "expire", lease: 1, renewals: 0, term: term(3) } as never;
  assert.equal(raft.receive(state, { type: "propose", commands: [expire] }, at(0)), []);
});

test("what is proposed to a follower is dropped", () => {
  const state = follower({ term: 4 });
  assert.equal(raft.receive(state, { type: "propose", commands: [command("x")] }, at(0)), []);
});

test("a leader skips a whole conflicting term in one step (thesis §3.5)", () => {
  const state = leader({ term: 6, log: [1, 1, 4, 5, 6], matched: { b: 0, c: 5 } });
  const progress = build.progressOf(state, "b");
  progress.nextIndex = logIndex(6);
  const conflict = { conflictTerm: term(2), conflictIndex: logIndex(3) };
  raft.receive(state, received("b", appendResponse({ term: term(6), ...conflict })), at(0));
  assert.is(progress.nextIndex, 3, "entry 2 of term 1 is the last that may agree");
  assert.is(progress.mode, "probing");
});

test("a follower that was started anew with an empty disk is brought up from the start", () => {
  const state = leader({ term: 6, log: [6, 6, 6], commitIndex: 3 });
  const effects = raft.receive(
    state,
    received("b", appendResponse({ term: term(6), conflictIndex: logIndex(1) })),
    at(0),
  );
  assert.is(build.progressOf(state, "b").matchIndex, 0);
  const all = appendRequest({ term: term(6), entries: entries([6, 6, 6]), commitIndex: logIndex(3) });
  assert.equal(effects, [toPeer("b", all)]);
});

test("a probe that is under way is not repeated for every answer to what was sent before it", () => {
  const state = leader({ term: 6, log: [6, 6, 6], matched: { b: 0, c: 3 } });
  build.progressOf(state, "b").nextIndex = logIndex(4);
  const tooShort = received("b", appendResponse({ term: term(6), conflictIndex: logIndex(1) }));
  assert.is(raft.receive(state, tooShort, at(0)).length, 1);
  assert.is(raft.receive(state, tooShort, at(0)).length, 0);
});

test("no more requests are under way to a follower than allowed, and none has more entries than allowed", () => {
  const state = leader({ term: 6, log: Array(20).fill(6), matched: { b: 0, c: 20 } });
  const progress = build.progressOf(state, "b");
  progress.mode = "probing";
  progress.nextIndex = logIndex(1);
  raft.receive(state, received("b", appendResponse({ term: term(6), matchIndex: logIndex(0) })), at(0));
  assert.equal(progress.inflight, [4, 8]);
  raft.receive(state, received("b", appendResponse({ term: term(6), matchIndex: logIndex(4) })), at(0));
  assert.equal(progress.inflight, [8, 12]);
});

test("a heartbeat shows that requests were lost, and they are sent again", () => {
  const state = leader({ term: 6, log: Array(6).fill(6), matched: { b: 2, c: 6 } });
  const progress = build.progressOf(state, "b");
  progress.nextIndex = logIndex(7);
  progress.inflight = [logIndex(6)];
  const effects = raft.receive(
    state,
    received("b", appendResponse({ term: term(6), conflictIndex: logIndex(3) })),
    at(0),
  );
  const resent = appendRequest({
    term: term(6),
    previousIndex: logIndex(2),
    previousTerm: term(6),
    entries: entriesFrom(state.log, 3 as LogIndex, 4),
  });
  assert.equal(effects, [toPeer("b", resent)]);
});

test("an append that was overtaken by a truncation makes nothing durable", () => {
  const state = follower({ term: 3, log: [1], leader: "b" });
  const previous = { previousIndex: logIndex(1), previousTerm: term(1) };
  raft.receive(state, received("b", appendRequest({ term: term(3), ...previous, entries: entries([2, 2], 2) })), at(0));
  raft.receive(state, received("c", appendRequest({ term: term(4), ...previous, entries: entries([4, 4], 2) })), at(0));
  raft.receive(state, persisted(3, 3, 2), at(1));
  assert.is(state.durableIndex, 1);
  raft.receive(state, persisted(4, 3, 4, { replacements: 1 }), at(1));
  assert.is(state.durableIndex, 3);
});

test("an entry that was replaced and came back is durable only once it was written again", () => {
  const state = follower({ term: 3, log: [1], leader: "b" });
  const previous = { previousIndex: logIndex(1), previousTerm: term(1) };
  const take = (from: string, now: number, terms: number[]) =>
    raft.receive(
      state,
      received(from, appendRequest({ term: term(now), ...previous, entries: entries(terms, 2) })),
      at(0),
    );
  take("b", 3, [2]);
  take("c", 4, [3]);
  take("b", 5, [2, 5]);
  raft.receive(state, persisted(3, 2, 2), at(1));
  assert.is(state.durableIndex, 1, "what is on disk now is the first writing; the second is under way over it");
  raft.receive(state, persisted(5, 3, 5, { replacements: 2 }), at(1));
  assert.is(state.durableIndex, 3);
});

test("replicas that differ at an agreed index stop", () => {
  const state = follower({ term: 2, log: [2], leader: "b" });
  raft.receive(state, { type: "digest", digest: { index: logIndex(64), digest: "x" } }, at(0));
  const beat = (digest: string) =>
    received("b", appendRequest({ term: term(2), digest: { index: logIndex(64), digest } }));
  raft.receive(state, beat("x"), at(0));
  assert.throws(() => raft.receive(state, beat("y"), at(0)), /lock table at index 64/);
});

test("a digest that arrives before the follower is there is compared when it is", () => {
  const state = follower({ term: 2, log: [2], leader: "b" });
  raft.receive(
    state,
    received("b", appendRequest({ term: term(2), digest: { index: logIndex(64), digest: "x" } })),
    at(0),
  );
  assert.throws(
    () => raft.receive(state, { type: "digest", digest: { index: logIndex(64), digest: "y" } }, at(0)),
    /lock table at index 64/,
  );
});

test.run();
