// Queues, delays and terms of grants in snapshots: nothing is lost, and what happens afterwards is the same.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { lock } from "../../../src/actors/lock/receive.ts";
import type { LockState } from "../../../src/actors/lock/state.ts";
import type { Command, SnapshotSlice } from "../../../src/actors/messages.ts";
import type { Write } from "../../../src/actors/operations.ts";
import { acceptor, wholeOf as wholeOfRegion } from "./acceptor-build.ts";
import { expire, receive, release, replica, writeCommand } from "./build.ts";
import {
  askYield,
  cancel,
  come,
  crowd,
  endLease,
  join,
  permits,
  proclaim,
  releaseAll,
  restoredFrom,
  ring,
  seen,
  shared,
  take,
  waiting,
  want,
  wholeOf,
} from "./queue-build.ts";

const test = suite("actors/lock: snapshots of queues");

/** Of everything something: grants in all modes and of several locks, terms, yields, delays, waiters of all priorities. */
function filled(sliceRecords = 1000): LockState {
  const state = crowd(6, { sliceRecords });
  take(state, want(1, shared("a"), { metadata: "m", delay: 1_000, context: "task" }), "q1");
  take(state, want(2, [shared("a"), "b", permits("s", 2, 3)], { delay: 2_000 }), "q2");
  take(state, want(3, ["c", "d"]), "q3");
  take(state, want(4, permits("s", 1, 3), { delay: 500 }), "q4");
  join(state, want(5, ["c", "a"], { priority: 2, context: "task", metadata: "w", wait: 9_000 }), "q5");
  join(state, want(6, "c", { priority: 9 }), "q6");
  join(state, want(6, permits("s", 3, 3), { context: "other" }), "q7");
  come(state, askYield("c", { force: true }));
  come(state, askYield("a", { token: 1 }));
  come(state, proclaim("d", 3, 3, "says"));
  come(state, expire(4));
  return state;
}

function slicesOf(state: LockState): SnapshotSlice[] {
  const slices: SnapshotSlice[] = [];
  let effects = receive(state, { type: "takeSnapshot" });
  for (;;) {
    const [sent] = effects;
    if (sent?.type !== "send" || sent.letter.type !== "snapshotTaken") throw new Error("no slice");
    slices.push(structuredClone(sent.letter.slice));
    if (sent.letter.slice.last) return slices;
    effects = receive(state, { type: "timeout", timer: "slice" });
  }
}

const digestOf = (state: LockState) => lock.inspect(state).digest;

test("nothing of queues, delays and terms is lost in a snapshot, whatever its slices", () => {
  for (const size of [1, 2, 7, 1_000]) {
    const original = filled(size);
    const restored = restoredFrom(original);
    assert.equal(wholeOf(restored), wholeOf(original));
    assert.is(digestOf(restored), digestOf(original));
    assert.equal(waiting(restored, "c"), ["q6", "q5"]);
  }
});

test("a snapshot shows the queues as they were when it was asked for, whatever is applied meanwhile", () => {
  const undisturbed = slicesOf(filled(2));
  const state = filled(2);
  const slices: SnapshotSlice[] = [];
  let effects = receive(state, { type: "takeSnapshot" });
  const writes: readonly Write[] = [
    cancel("q5", 5),
    releaseAll(3, 3),
    want(5, "e"),
    endLease(2),
    proclaim("e", 5, 5, "!"),
  ];
  for (let at = 0; ; at += 1) {
    const [sent] = effects;
    if (sent?.type !== "send" || sent.letter.type !== "snapshotTaken") throw new Error("no slice");
    slices.push(structuredClone(sent.letter.slice));
    if (sent.letter.slice.last) break;
    const write = writes[at];
    if (write !== undefined) come(state, write);
    effects = receive(state, { type: "timeout", timer: "slice" });
  }
  assert.equal(slices, undisturbed);
});

test("a table that was restored asks for all of its alarms anew, after its leases", () => {
  const [slice] = slicesOf(filled());
  const effects = receive(replica(), { type: "restore", slice: slice as SnapshotSlice });
  const [first] = effects;
  assert.ok(first?.type === "send" && first.letter.type === "changed");
  const opened = [1, 2, 3, 5, 6].map((lease) => ({ type: "opened", lease, ttl: 10_000, renewals: 0 }));
  assert.equal(first.letter.changes, [
    { type: "cleared" },
    ...opened,
    { type: "alarmSet", alarm: "w:q5", span: 9_000 },
    { type: "alarmSet", alarm: "w:q6", span: 60_000 },
    { type: "alarmSet", alarm: "w:q7", span: 60_000 },
    { type: "alarmSet", alarm: "d:4:s", span: 500 },
    { type: "alarmSet", alarm: "y:3:c", span: 5_000 },
  ]);
});

test("what follows is the same on a replica that was restored: grants, alarms, events and digests", () => {
  const next: readonly (Write | Command)[] = [
    ring("d:4:s"),
    releaseAll(2, 2),
    ring("y:3:c"),
    want(1, ["c", "d"], { context: "new" }),
    cancel("q6", 6),
    expire(5),
    endLease(1),
    releaseAll(6, 6),
    want(2, permits("s", 3, 3)),
  ];
  for (let cut = 0; cut < next.length; cut += 1) {
    const original = filled(1);
    for (const each of next.slice(0, cut)) come(original, each);
    const restored = restoredFrom(original);
    for (const each of next.slice(cut)) {
      assert.equal(come(restored, each), come(original, each));
      assert.is(digestOf(restored), digestOf(original));
    }
    assert.equal(wholeOf(restored), wholeOf(original));
    assert.equal(seen(restored, { type: "waits", limit: 100 }), seen(original, { type: "waits", limit: 100 }));
  }
});

test("the locks of a grant end in one order, on replicas that were restored as well", () => {
  const ends: readonly (Write | Command)[] = [
    releaseAll(2, 2),
    release("y", { token: 2 }),
    cancel("q2", 2),
    expire(2),
    endLease(2),
    expire(1),
  ];
  const changes: readonly (Write | Command)[] = [
    releaseAll(1, 1),
    proclaim("z", 2, 2, "says"),
    askYield("z"),
    want(3, shared("y")),
  ];
  for (const end of ends) {
    for (const change of changes) {
      const original = crowd();
      take(original, want(1, [shared("y")], { delay: 1_000 }), "q1");
      take(original, want(2, ["z", shared("y"), "x"], { delay: 1_000 }), "q2");
      come(original, change);
      const restored = restoredFrom(original);
      assert.equal(come(restored, end), come(original, end));
      assert.is(digestOf(restored), digestOf(original));
    }
  }
});

test("a lease ends its grants in one order, on replicas that were restored as well", () => {
  for (const change of [proclaim("b", 1, 1, "says"), proclaim("a", 1, 2, "says"), askYield("c", { force: true })]) {
    const original = crowd();
    take(original, want(1, ["c", "b"], { delay: 1_000 }));
    take(original, want(1, "a", { delay: 1_000 }));
    come(original, change);
    const restored = restoredFrom(original);
    assert.equal(come(restored, expire(1)), come(original, expire(1)));
    assert.is(digestOf(restored), digestOf(original));
  }
});

test("the digest differs when any field of a waiter, a delay or the terms of a grant differs", () => {
  const [slice] = slicesOf(filled());
  assert.ok(slice);
  const digests = new Set<unknown>();
  const count = (changed: SnapshotSlice): void => {
    const state = replica();
    receive(state, { type: "restore", slice: changed });
    digests.add(digestOf(state));
  };
  count(slice);
  let variants = 1;
  const vary = (value: unknown): unknown => {
    if (typeof value === "boolean") return !value;
    return typeof value === "number" ? value + 1 : `${value}x`;
  };
  const varied = (record: object): object[] =>
    Object.entries(record).flatMap(([field, value]): object[] => {
      if (Array.isArray(value)) {
        return value.flatMap((item, at) => varied(item).map((each) => ({ ...record, [field]: value.with(at, each) })));
      }
      if (typeof value === "object" && value !== null)
        return varied(value).map((each) => ({ ...record, [field]: each }));
      return value === null ? [] : [{ ...record, [field]: vary(value) }];
    });
  for (const kind of ["waiters", "delays"] as const) {
    for (const record of varied(slice[kind][0] as object)) {
      count({ ...slice, [kind]: [record, ...slice[kind].slice(1)] } as SnapshotSlice);
      variants += 1;
    }
  }
  const yielding = slice.locks.findIndex(({ terms }) => (terms?.yielding ?? null) !== null);
  const { terms } = slice.locks[yielding] ?? {};
  for (const changed of varied(terms as object)) {
    const locks = slice.locks.with(yielding, { ...slice.locks[yielding], terms: changed } as never);
    count({ ...slice, locks });
    variants += 1;
  }
  assert.ok(variants > 30, `only ${variants}`);
  assert.is(digests.size, variants);
});

test("what waits and what is delayed is counted", () => {
  const { waiters, delays } = lock.inspect(filled());
  assert.equal([waiters, delays], [3, 1]);
});

test("where there are several regions no queue, delay or grant by token is kept, and none is in a snapshot", () => {
  const state = acceptor();
  come(state, expire(1));
  come(state, ring("w:q1"));
  const { grants, waiters, queues, delays, sharers } = state.table;
  assert.equal([grants.size, waiters.size, queues.size, delays.size, sharers.size], [0, 0, 0, 0, 0]);
  const [slice] = slicesOf(state);
  assert.equal([slice?.waiters, slice?.delays], [[], []]);
  assert.is(wholeOfRegion(state).records.length, 0);
});

test("a request that waits is answered as it waits by a replica that was restored", () => {
  const original = filled();
  const restored = restoredFrom(original);
  for (const as of ["q5", "q6", "q7"]) {
    const repeat = (state: LockState) => come(state, writeCommand(state, want(1, "x"), { as }));
    assert.equal(repeat(restored), repeat(original));
  }
});

test.run();
