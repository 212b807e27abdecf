// Confirmation rounds (ReadIndex, thesis §6.4) and leadership transfer (§3.10), which stops them.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { raft } from "../../../src/actors/raft/receive.ts";
import type { RaftEffect } from "../../../src/actors/raft/state.ts";
import { logIndex, millis, term } from "../../../src/actors/scalars.ts";
import * as build from "./build.ts";

const { appendRequest, appendResponse, at, check, leader, received, toPeer } = build;
const test = suite("actors/raft reads");

const beat = (round: number, last = 1) =>
  appendRequest({
    term: term(2),
    previousIndex: logIndex(last),
    previousTerm: term(2),
    commitIndex: logIndex(last),
    round,
  });
const ack = (round: number, matchIndex = 1) =>
  appendResponse({ term: term(2), round, matchIndex: logIndex(matchIndex) });
const read = (name: string) => ({ type: "read", queries: [check(name)] }) as const;
const readByLock = (...names: string[]): RaftEffect => ({
  type: "send",
  to: "lock",
  letter: { type: "read", queries: names.map(check) },
});
const confirmed = (ticket: number): RaftEffect => ({
  type: "send",
  to: "lease",
  letter: { type: "confirmed", ticket },
});
const confirmTimer: RaftEffect = { type: "setTimer", timer: "confirm", min: millis(5), max: millis(5) };

test("a read waits for a majority to answer a heartbeat that was sent after it came", () => {
  const state = leader({ term: 2, log: [2], commitIndex: 1 });
  assert.equal(raft.receive(state, read("x"), at(0)), [toPeer("b", beat(1)), toPeer("c", beat(1))]);
  assert.equal(raft.receive(state, received("b", ack(0)), at(1)), [], "an answer to an older heartbeat proves nothing");
  assert.equal(raft.receive(state, received("b", ack(1)), at(1)), [readByLock("x")]);
});

test("a read waits until all that was committed when its round began is with the lock actor (thesis §6.4)", () => {
  const state = leader({ term: 2, log: Array(9).fill(2), commitIndex: 9 });
  // A snapshot is due, and what comes after it waits until the own disk has what it will contain.
  state.durableIndex = logIndex(3);
  state.handedToLock = logIndex(8);
  raft.receive(state, read("x"), at(0));
  assert.equal(
    raft.receive(state, received("b", ack(1, 9)), at(1)),
    [],
    "the lock actor has not been sent the last entry",
  );
  const durable = { replacements: 0, hardState: state.durableHardState, lastIndex: logIndex(9), lastTerm: term(2) };
  const effects = raft.receive(state, { type: "persisted", ...durable }, at(2));
  const types = effects.flatMap((effect) =>
    effect.type === "send" && effect.to === "lock" ? [effect.letter.type] : [],
  );
  assert.equal(types, ["takeSnapshot", "apply", "read"]);
});

test("what comes while a round is under way shares the next one", () => {
  const state = leader({ term: 2, log: [2], commitIndex: 1 });
  raft.receive(state, read("x"), at(0));
  assert.equal(raft.receive(state, read("y"), at(1)), [confirmTimer]);
  assert.equal(raft.receive(state, { type: "confirm", ticket: 3 }, at(1)), []);
  assert.equal(raft.receive(state, received("b", ack(1)), at(2)), [
    readByLock("x"),
    toPeer("b", beat(2)),
    toPeer("c", beat(2)),
  ]);
  assert.equal(raft.receive(state, received("c", ack(2)), at(3)), [readByLock("y"), confirmed(3)]);
});

test("a round that takes too long holds nobody up", () => {
  const state = leader({ term: 2, log: [2], commitIndex: 1 });
  raft.receive(state, read("x"), at(0));
  raft.receive(state, read("y"), at(1));
  assert.equal(raft.receive(state, { type: "timeout", timer: "confirm" }, at(6)), [
    toPeer("b", beat(2)),
    toPeer("c", beat(2)),
  ]);
  assert.equal(raft.receive(state, received("b", ack(2)), at(7)), [readByLock("x"), readByLock("y")]);
});

test("even a refusal of entries confirms the leader", () => {
  const state = leader({ term: 2, log: [2], commitIndex: 1 });
  raft.receive(state, read("x"), at(0));
  const refusal = appendResponse({ term: term(2), round: 1, conflictIndex: logIndex(1) });
  assert.equal(raft.receive(state, received("b", refusal), at(1))[0], readByLock("x"));
});

test("a new leader answers nothing before an entry of its own term is committed (thesis §6.4)", () => {
  const state = leader({ term: 2, log: [1, 2], commitIndex: 1, firstIndex: 2, matched: { b: 1, c: 1 } });
  assert.equal(raft.receive(state, read("x"), at(0)), []);
  const effects = raft.receive(state, received("b", ack(0, 2)), at(1));
  assert.equal(effects, [
    build.apply(build.entries([2], 2), true),
    toPeer("b", beat(1, 2)),
    toPeer("c", { ...beat(1, 1), commitIndex: logIndex(2), previousTerm: term(1) }),
  ]);
});

test("a group of one confirms by itself", () => {
  const state = leader({ voters: ["a"], term: 2, log: [2], commitIndex: 1 });
  assert.equal(raft.receive(state, read("x"), at(0)), [readByLock("x")]);
});

test("a leader that is deposed forgets what waits: the gateway routes it anew", () => {
  const state = leader({ term: 2, log: [2], commitIndex: 1 });
  raft.receive(state, read("x"), at(0));
  raft.receive(state, received("b", appendResponse({ term: term(3) })), at(1));
  const effects = raft.receive(state, received("b", ack(1)), at(2));
  assert.equal(effects, []);
});

test("a transfer stops proposals and confirmations at once, and tells everybody (thesis §3.10)", () => {
  const state = leader({ term: 2, log: [2], commitIndex: 1 });
  raft.receive(state, read("x"), at(0));
  assert.equal(raft.receive(state, { type: "handOver" }, at(1)), [
    { type: "setTimer", timer: "transfer", min: millis(500), max: millis(500) },
    toPeer("b", { type: "timeoutNow", term: term(2), lastIndex: logIndex(1) }),
    ...build.leadership("following", 2),
    build.standing("leader", 2, null, 1),
  ]);
  assert.equal(raft.receive(state, read("y"), at(2)), []);
  assert.equal(raft.receive(state, { type: "propose", commands: [build.command("z")] }, at(2)), []);
  assert.equal(raft.receive(state, received("b", ack(1)), at(2)), [], "the read that waited is not confirmed any more");
});

test("the heir is brought up to date before it is told to campaign (thesis §3.10)", () => {
  const state = leader({ term: 2, log: [2, 2], commitIndex: 1, matched: { b: 1, c: 0 } });
  raft.receive(state, { type: "handOver" }, at(1));
  const effects = raft.receive(state, received("b", ack(0, 2)), at(2));
  assert.equal(effects[effects.length - 1], toPeer("b", { type: "timeoutNow", term: term(2), lastIndex: logIndex(2) }));
});

test("a transfer that fails ends, and everything that stopped starts again", () => {
  const state = leader({ term: 2, log: [2], commitIndex: 1 });
  raft.receive(state, { type: "handOver" }, at(1));
  assert.equal(raft.receive(state, { type: "timeout", timer: "transfer" }, at(501)), [
    ...build.leadership("leading", 2),
    build.standing("leader", 2, "a", 1),
  ]);
});

test("a request to campaign counts only in its term and only for its log (thesis §3.10)", () => {
  const now = { term: term(2), lastIndex: logIndex(1) };
  const heir = () => build.follower({ term: 2, log: [2], leader: "b" });
  const stale = heir();
  raft.receive(stale, received("b", { type: "timeoutNow", ...now, lastIndex: logIndex(9) }), at(0));
  assert.is(stale.role.type, "follower", "the log has gone on");
  const late = heir();
  raft.receive(late, received("b", { type: "timeoutNow", ...now, term: term(1) }), at(0));
  assert.is(late.role.type, "follower", "the term has gone on");
  const ready = heir();
  raft.receive(ready, received("b", { type: "timeoutNow", ...now }), at(0));
  assert.is(ready.role.type, "candidate");
  assert.is(ready.term, 3);
});

test.run();
