// Log compaction and snapshots: Raft §7, thesis §5.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { raft } from "../../../src/actors/raft/receive.ts";
import type { RaftEffect } from "../../../src/actors/raft/state.ts";
import { logIndex, nodeId, term } from "../../../src/actors/scalars.ts";
import * as build from "./build.ts";

const { appendRequest, appendResponse, apply, at, b, chunk, election, entries, follower, leader, received, toPeer } =
  build;
const test = suite("actors/raft snapshots");

const toStorage = (letter: Extract<RaftEffect, { to: "storage" }>["letter"]): RaftEffect => ({
  type: "send",
  to: "storage",
  letter,
});
const takeSnapshot: RaftEffect = { type: "send", to: "lock", letter: { type: "takeSnapshot" } };
const commit = (index: number) =>
  received(
    "b",
    appendRequest({
      term: term(2),
      previousIndex: logIndex(index),
      previousTerm: term(2),
      commitIndex: logIndex(index),
    }),
  );

test("a snapshot is asked for when the log has grown enough, once", () => {
  const state = follower({ term: 2, log: Array(9).fill(2), leader: "b" });
  assert.not.ok(hasEqual(raft.receive(state, commit(7), at(0)), takeSnapshot));
  assert.ok(hasEqual(raft.receive(state, commit(8), at(0)), takeSnapshot));
  assert.not.ok(hasEqual(raft.receive(state, commit(9), at(0)), takeSnapshot));
});

test("a snapshot waits until the own log holds what it will contain, and what comes after it waits as well", () => {
  const state = follower({ term: 2, log: Array(9).fill(2), leader: "b" });
  // Committed by the others, and applied here, before the own disk has it.
  state.durableIndex = logIndex(3);
  assert.not.ok(hasEqual(raft.receive(state, commit(8), at(0)), takeSnapshot));
  const applied = state.handedToLock;
  raft.receive(state, commit(9), at(1));
  assert.is(state.handedToLock, applied);
  const durable = { replacements: 0, hardState: state.durableHardState, lastIndex: logIndex(9), lastTerm: term(2) };
  const effects = raft.receive(state, { type: "persisted", ...durable }, at(2));
  assert.equal(effects, [takeSnapshot, apply(entries([2], 9), false)]);
});

test("the log before a durable snapshot goes, save a tail", () => {
  const state = follower({ term: 2, log: Array(9).fill(2), commitIndex: 8, leader: "b" });
  const position = { index: logIndex(8), term: term(2) };
  assert.equal(raft.receive(state, { type: "snapshotSaved", position }, at(0)), [
    toStorage({ type: "compact", through: logIndex(6) }),
  ]);
  assert.is(state.log.base.index, 6);
  assert.is(state.log.entries.length, 3);
});

test("entries are applied only when the lock table is restored (§7)", () => {
  const state = follower({ term: 2, leader: "b" });
  const position = { index: logIndex(20), term: term(2) };
  raft.receive(state, { type: "snapshotInstalled", from: b, position }, at(0));
  const fresh = entries([2], 21);
  const request = appendRequest({
    term: term(2),
    previousIndex: logIndex(20),
    previousTerm: term(2),
    entries: fresh,
    commitIndex: logIndex(21),
  });
  const effects = raft.receive(state, received("b", request), at(0));
  assert.is(effects.length, 2, "the timer and the append, nothing for the lock actor");
  assert.equal(raft.receive(state, { type: "restored", index: logIndex(20) }, at(0)), [apply(fresh, false)]);
});

test("the restoration of an older snapshot lets nothing be applied", () => {
  const state = follower({ term: 2, leader: "b" });
  for (const index of [20, 40]) {
    const position = { index: logIndex(index), term: term(2) };
    raft.receive(state, { type: "snapshotInstalled", from: b, position }, at(0));
  }
  raft.receive(state, { type: "restored", index: logIndex(20) }, at(0));
  assert.is(state.handedToLock, null);
});

test("a follower that needs what is compacted is sent the newest snapshot, chunk by chunk", () => {
  const state = leader({ term: 2, log: Array(9).fill(2), commitIndex: 8, matched: { b: 0, c: 9 } });
  raft.receive(state, { type: "snapshotSaved", position: { index: logIndex(8), term: term(2) } }, at(0));
  const short = appendResponse({ term: term(2), conflictIndex: logIndex(1) });
  const entryAfterSnapshot = appendRequest({
    term: term(2),
    previousIndex: logIndex(8),
    previousTerm: term(2),
    entries: entries([2], 9),
    commitIndex: logIndex(9),
  });
  assert.equal(raft.receive(state, received("b", short), at(1)), [
    toStorage({ type: "readChunk", to: b, position: null, chunk: 0 }),
  ]);
  const first = chunk(8, 2, 0);
  assert.equal(raft.receive(state, { type: "chunkRead", to: b, chunk: first }, at(2)), [
    toPeer("b", { type: "snapshotRequest", term: term(2), chunk: first }),
  ]);
  const wanted = {
    type: "snapshotResponse",
    term: term(2),
    position: first.position,
    next: 1,
    installed: false,
  } as const;
  assert.equal(raft.receive(state, received("b", wanted), at(3)), [
    toStorage({ type: "readChunk", to: b, position: first.position, chunk: 1 }),
  ]);
  assert.equal(raft.receive(state, received("b", wanted), at(3)), [], "a repeated answer asks for nothing twice");
  const effects = raft.receive(state, received("b", { ...wanted, next: 0, installed: true }), at(4));
  assert.is(build.progressOf(state, "b").matchIndex, 8);
  assert.equal(effects, [apply(entries([2], 9), true), toPeer("b", entryAfterSnapshot)]);
});

test("a snapshot that storage has replaced is started over with the newest", () => {
  const state = leader({ term: 2, log: [2], matched: { b: 0, c: 1 } });
  const progress = build.progressOf(state, "b");
  progress.mode = "snapshot";
  progress.snapshot = { position: { index: logIndex(1), term: term(2) }, chunk: 3, askedAt: at(0) };
  assert.equal(raft.receive(state, { type: "chunkRead", to: b, chunk: null }, at(1)), [
    toStorage({ type: "readChunk", to: b, position: null, chunk: 0 }),
  ]);
});

test("a lost chunk is sent again after a while", () => {
  const state = leader({ term: 2, log: [2], matched: { b: 0, c: 1 } });
  const position = { index: logIndex(1), term: term(2) };
  const progress = build.progressOf(state, "b");
  progress.mode = "snapshot";
  progress.snapshot = { position, chunk: 3, askedAt: at(0) };
  const again = toStorage({ type: "readChunk", to: b, position, chunk: 3 });
  assert.not.ok(hasEqual(raft.receive(state, { type: "timeout", timer: "heartbeat" }, at(499)), again));
  assert.ok(hasEqual(raft.receive(state, { type: "timeout", timer: "heartbeat" }, at(500)), again));
});

test("a chunk goes to storage, and no entry is taken while storage may be replacing the log", () => {
  const state = follower({ term: 2, log: [1], leader: "b" });
  const first = chunk(8, 2);
  const request = { type: "snapshotRequest", term: term(2), chunk: first } as const;
  assert.equal(raft.receive(state, received("b", request), at(0)), [
    election,
    toStorage({ type: "receiveChunk", from: b, chunk: first }),
  ]);
  const append = appendRequest({
    term: term(2),
    previousIndex: logIndex(1),
    previousTerm: term(1),
    entries: entries([2], 2),
  });
  assert.equal(raft.receive(state, received("b", append), at(1)), [election]);
  raft.receive(state, { type: "chunkReceived", from: b, position: first.position, next: 1 }, at(2));
  assert.is(raft.receive(state, received("b", append), at(3)).length, 2);
});

test("as long as any chunk is with storage, no entry is taken, and what storage ignores is told to nobody", () => {
  const state = follower({ term: 2, log: [1], leader: "b" });
  const give = (index: number) =>
    raft.receive(state, received("b", { type: "snapshotRequest", term: term(2), chunk: chunk(index, 2) }), at(0));
  give(8);
  give(12);
  const { position } = chunk(12, 2);
  assert.equal(raft.receive(state, { type: "chunkReceived", from: b, position, next: null }, at(1)), []);
  const previous = { previousIndex: logIndex(1), previousTerm: term(1) };
  const append = appendRequest({ term: term(2), ...previous, entries: entries([2], 2) });
  assert.equal(raft.receive(state, received("b", append), at(2)), [election]);
});

test("no election is begun while storage may be replacing the log", () => {
  const state = follower({ term: 2, log: [1], leader: "b" });
  raft.receive(state, received("b", { type: "snapshotRequest", term: term(2), chunk: chunk(8, 2) }), at(0));
  assert.equal(raft.receive(state, { type: "timeout", timer: "election" }, at(9000)), [election]);
});

test("who has the snapshot's entries needs no snapshot", () => {
  const state = follower({ term: 2, log: [2, 2], commitIndex: 2, leader: "b" });
  const offered = chunk(2, 2);
  const request = { type: "snapshotRequest", term: term(2), chunk: offered } as const;
  const has = {
    type: "snapshotResponse",
    term: term(2),
    position: offered.position,
    next: 2,
    installed: true,
  } as const;
  assert.equal(raft.receive(state, received("b", request), at(0)), [election, toPeer("b", has)]);
});

test("an installed snapshot is the log, and is acknowledged", () => {
  const state = follower({ term: 2, log: [1, 1, 1], leader: "b" });
  const position = { index: logIndex(20), term: term(2) };
  const installed = { type: "snapshotResponse", term: term(2), position, next: 0, installed: true } as const;
  assert.equal(raft.receive(state, { type: "snapshotInstalled", from: b, position }, at(0)), [toPeer("b", installed)]);
  assert.equal([state.log.base, state.log.entries, state.durableIndex, state.commitIndex], [position, [], 20, 20]);
});

test("after a restart the log begins at the snapshot", () => {
  const state = raft.start(build.config());
  const position = { index: logIndex(3), term: term(1) };
  const hardState = { term: term(4), votedFor: nodeId("c") };
  raft.receive(state, { type: "loaded", hardState, snapshot: position, entries: entries([1, 1, 1, 1, 4], 1) }, at(0));
  assert.equal(
    [state.term, state.votedFor, state.commitIndex, state.durableIndex, state.log.entries.length],
    [4, "c", 3, 5, 2],
  );
});

test("a new snapshot waits for a transfer under way, though not for ever", () => {
  const state = leader({ term: 2, log: Array(40).fill(2), matched: { b: 0, c: 40 } });
  const progress = build.progressOf(state, "b");
  progress.mode = "snapshot";
  progress.snapshot = { position: null, chunk: 0, askedAt: at(10) };
  progress.heardAt = at(11);
  state.durableIndex = logIndex(8);
  const acknowledge = (matchIndex: number) =>
    received("c", appendResponse({ term: term(2), matchIndex: logIndex(matchIndex) }));
  build.progressOf(state, "c").matchIndex = logIndex(0);
  assert.not.ok(hasEqual(raft.receive(state, acknowledge(8), at(12)), takeSnapshot));
  state.durableIndex = logIndex(32);
  assert.ok(hasEqual(raft.receive(state, acknowledge(32), at(13)), takeSnapshot));
});

function hasEqual(effects: readonly RaftEffect[], wanted: RaftEffect): boolean {
  return effects.some((effect) => JSON.stringify(effect) === JSON.stringify(wanted));
}

test.run();
