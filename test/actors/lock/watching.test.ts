// Those who watch: everything that happens to what they watch, in order, and nothing else.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { lock } from "../../../src/actors/lock/receive.ts";
import type { Entry } from "../../../src/actors/messages.ts";
import type { WatchWish } from "../../../src/actors/operations.ts";
import { leaseId, logIndex } from "../../../src/actors/scalars.ts";
import { applyNext, expire, nextEntry, noop, receive, writeCommand } from "./build.ts";
import {
  askYield,
  cancel,
  crowd,
  forceRelease,
  join,
  proclaim,
  releaseAll,
  ring,
  shared,
  short,
  take,
  want,
} from "./queue-build.ts";
import { all, hear, show, unseen, watch } from "./watch-build.ts";

const test = suite("actors/lock: watching");

test("whoever begins to watch is told what is held, and how far that is", () => {
  const state = crowd();
  take(state, want(1, "x", { metadata: "host 7" }));
  take(state, want(2, shared("y")));
  take(state, want(3, shared("y")));
  join(state, want(4, "x"), "q4");
  const told = show(unseen(), watch(state, all));
  assert.is(told.revision, 8);
  assert.equal(told.events[0], {
    revision: 8,
    kind: "present",
    lock: "x",
    owner: "anna",
    lease: 1,
    token: 1,
    text: "host 7",
    span: 0,
    queue: 1,
  });
  assert.equal(short(told.events), ["present x anna 1 1", "present y bert 2 0", "present y carl 3 0"]);
});

test("whoever watches what nobody holds is told that at once", () => {
  assert.equal(watch(crowd(), { lock: "x" }), [
    { type: "send", to: "gateway", letter: { type: "watched", call: 1, revision: 4, events: [] } },
  ]);
});

test("all events of an entry come in one letter, under its revision", () => {
  const state = crowd();
  take(state, want(1, ["x", "y"]));
  join(state, want(2, "y"), "q2");
  watch(state, all);
  const told = show(unseen(), applyNext(state, writeCommand(state, releaseAll(1, 1))));
  assert.equal([told.letters, told.revision], [1, 7]);
  assert.equal(short(told.events), ["released x anna 1 0", "released y anna 1 1", "granted y bert 2 0"]);
  assert.ok(told.events.every(({ revision }) => revision === 7));
});

test("entries that come together are told together, and the letter says how far it is", () => {
  const state = crowd();
  watch(state, all);
  const first = nextEntry(state, writeCommand(state, want(1, "x")));
  const entries: Entry[] = [
    first,
    { ...first, index: logIndex(6), command: noop },
    { ...first, index: logIndex(7), command: writeCommand(state, want(2, "y"), { as: "q7" }) },
    { ...first, index: logIndex(8), command: noop },
  ];
  const told = show(unseen(), receive(state, { type: "apply", entries, answer: false }));
  assert.equal([told.letters, told.revision], [1, 8]);
  assert.equal(
    told.events.map(({ revision }) => revision),
    [5, 7],
  );
});

test("every kind of event is told when it happens", () => {
  const state = crowd();
  watch(state, all);
  const heard = [
    hear(state, want(1, "x", { delay: 5_000 }), "q1"),
    hear(state, proclaim("x", 1, 1, "leader")),
    hear(state, askYield("x")),
    hear(state, want(2, "x"), "q2"),
    hear(state, want(3, "x"), "q3"),
    hear(state, cancel("q3", 3)),
    hear(state, forceRelease("x")),
    short(show(unseen(), applyNext(state, ring("d:1:x"))).events),
    short(show(unseen(), applyNext(state, expire(2))).events),
    hear(state, want(3, "x")),
    hear(state, { type: "endLease", lease: leaseId(3) }),
    hear(state, want(4, "x")),
    hear(state, releaseAll(4, 4)),
  ];
  assert.equal(heard.flat(), [
    "granted x anna 1 0",
    "proclaimed x anna 1 0",
    "yieldAsked x anna 1 0",
    "queued x bert 0 1",
    "queued x carl 0 2",
    "unqueued x carl 0 1",
    "forced x anna 1 1",
    "delayed x anna 1 1",
    "available x anna 1 1",
    "granted x bert 2 0",
    "expired x bert 2 0",
    "granted x carl 3 0",
    "revoked x carl 3 0",
    "granted x dora 4 0",
    "released x dora 4 0",
  ]);
});

test("what changes nothing is told to nobody", () => {
  const state = crowd();
  take(state, want(1, "x"), "q1");
  watch(state, all);
  for (const write of [want(2, "x", { wait: 0 }), releaseAll(2, 1), forceRelease("y")]) {
    assert.equal(hear(state, write), []);
  }
  assert.equal(hear(state, want(1, "x"), "q1"), []);
});

test("whoever watches a prefix, a lock or a lease is told of that, and of nothing else", () => {
  const state = crowd();
  const wishes: readonly WatchWish["what"][] = [{ prefix: "a/" }, { lock: "a" }, { lease: leaseId(2) }, all];
  for (const [call, what] of wishes.entries()) watch(state, what, null, call);
  const writes = [want(1, "a"), want(1, "a/b"), want(2, "a/c"), want(2, "b"), want(3, "c")];
  const told = wishes.map(() => unseen());
  for (const write of writes) {
    const effects = applyNext(state, writeCommand(state, write));
    for (const [call, seen] of told.entries()) show(seen, effects, call);
  }
  assert.equal(
    told.map(({ events }) => events.map((event) => event.lock)),
    [["a/b", "a/c"], ["a"], ["a/c", "b"], ["a", "a/b", "a/c", "b", "c"]],
  );
});

test("what is present is told of a prefix, a lock or a lease only", () => {
  const state = crowd();
  for (const [lease, name] of [
    [1, "a"],
    [1, "a/b"],
    [2, "a/c"],
    [2, "b"],
  ] as const)
    take(state, want(lease, name));
  const present = (what: WatchWish["what"]) => show(unseen(), watch(state, what)).events.map((event) => event.lock);
  assert.equal(present({ prefix: "a/" }), ["a/b", "a/c"]);
  assert.equal(present({ lock: "a" }), ["a"]);
  assert.equal(present({ lease: leaseId(2) }), ["a/c", "b"]);
});

test("whoever does not watch any more is told nothing, and nothing is kept of him", () => {
  const state = crowd();
  for (const [call, what] of [all, { lock: "x" }, { lease: leaseId(1) }].entries()) {
    watch(state, what, null, call);
    assert.equal(receive(state, { type: "unwatch", call }), []);
  }
  assert.equal(receive(state, { type: "unwatch", call: 99 }), []);
  assert.equal(hear(state, want(1, "x")), []);
  const { watchers, ofLock, ofLease, ofPrefix } = state.watching;
  assert.equal([watchers.size, ofLock.size, ofLease.size, ofPrefix.size], [0, 0, 0, 0]);
  assert.is(lock.inspect(state).watches, 0);
});

test.run();
