import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Effect } from "../../../src/actors/actor.ts";
import { lock } from "../../../src/actors/lock/receive.ts";
import type { LockState } from "../../../src/actors/lock/state.ts";
import type { SnapshotSlice } from "../../../src/actors/messages.ts";
import {
  acquire,
  acquireUnder,
  applyNext,
  ask,
  contents,
  expire,
  implicit,
  nextEntry,
  nothing,
  openLease,
  receive,
  release,
  replica,
  writeCommand,
} from "./build.ts";

const test = suite("actors/lock: snapshots");

/** Two live leases, two held locks, an ended grant, and outcomes of all of it. */
function filled(sliceRecords = 1000): LockState {
  const state = replica({ sliceRecords });
  ask(state, openLease("anna"), { as: "r1" });
  ask(state, acquireUnder(1, "a", "anna"), { as: "r2" });
  ask(state, acquire("b", "bert"), { as: "r3" });
  applyNext(state, expire(implicit(2)));
  ask(state, acquire("b", "carl"), { as: "r5" });
  ask(state, acquire("b", "dora"), { as: "r6" });
  return state;
}

const slicesIn = (effects: readonly Effect<"lock">[]): SnapshotSlice[] =>
  effects.flatMap((effect) =>
    effect.type === "send" && effect.letter.type === "snapshotTaken" ? [effect.letter.slice] : [],
  );

/** Takes a snapshot to its end. */
function snapshotOf(state: LockState): SnapshotSlice[] {
  const slices = slicesIn(receive(state, { type: "takeSnapshot" }));
  while (slices.at(-1)?.last === false) {
    slices.push(...slicesIn(receive(state, { type: "timeout", timer: "slice" })));
  }
  return slices;
}

test("a small table is one slice, and no timer is set", () => {
  const state = replica();
  ask(state, openLease("anna"), { as: "r1" });
  assert.equal(receive(state, { type: "takeSnapshot" }), [
    {
      type: "send",
      to: "storage",
      letter: {
        type: "snapshotTaken",
        slice: {
          position: { index: 1, term: 1 },
          slice: 0,
          last: true,
          counters: { fencingToken: 0, leaseId: 1, round: 0, floor: { round: 0, region: "" }, leaseNumbers: [] },
          leases: [{ id: 1, owner: "anna", ttl: 10_000, renewals: 0 }],
          locks: [],
          outcomes: [{ requestId: "r1", index: 1, outcome: { type: "leaseOpened", lease: 1, ttl: 10_000 } }],
          ended: [],
          acceptors: [],
          waiters: [],
          delays: [],
        },
      },
    },
  ]);
});

test("an empty table is a snapshot of one slice", () => {
  const slices = snapshotOf(replica());
  assert.is(slices.length, 1);
  assert.is(slices[0]?.last, true);
});

test("slices go out one at a time, the next after a turn for others", () => {
  const state = filled(4);
  const first = receive(state, { type: "takeSnapshot" });
  assert.is(slicesIn(first).length, 1);
  assert.equal(first.at(-1), { type: "setTimer", timer: "slice", min: 0, max: 0 });
  const sizes = [first, receive(state, { type: "timeout", timer: "slice" })].map((effects) =>
    slicesIn(effects).map(({ slice, last, leases, locks, outcomes, ended }) => [
      slice,
      last,
      leases.length + locks.length + outcomes.length + ended.length,
    ]),
  );
  assert.equal(sizes, [[[0, false, 4]], [[1, false, 4]]]);
  const rest = receive(state, { type: "timeout", timer: "slice" });
  assert.equal(rest, [{ type: "send", to: "storage", letter: { type: "snapshotTaken", slice: slicesIn(rest)[0] } }]);
  assert.is(slicesIn(rest)[0]?.last, true);
});

test("a snapshot shows the table as it was when it was asked for, whatever is applied meanwhile", () => {
  const undisturbed = snapshotOf(filled(2));
  const state = filled(2);
  const slices = slicesIn(receive(state, { type: "takeSnapshot" }));
  while (slices.at(-1)?.last === false) {
    ask(state, acquire(`new-${slices.length}`, "eve"));
    ask(state, openLease("anna"), { as: "r1" });
    if (slices.length === 2) ask(state, release("a", { lease: 1 }));
    slices.push(...slicesIn(receive(state, { type: "timeout", timer: "slice" })));
  }
  assert.equal(slices, undisturbed);
});

test("a snapshot that is asked for while one is on its way is that one", () => {
  const state = filled(2);
  receive(state, { type: "takeSnapshot" });
  assert.equal(receive(state, { type: "takeSnapshot" }), []);
  assert.is(slicesIn(receive(state, { type: "timeout", timer: "slice" }))[0]?.slice, 1);
});

test("a table that has been restored tells the leases, the gateway and raft", () => {
  const [slice] = snapshotOf(filled());
  assert.ok(slice);
  assert.equal(receive(replica(), { type: "restore", slice }), [
    {
      type: "send",
      to: "lease",
      letter: {
        type: "changed",
        changes: [
          { type: "cleared" },
          { type: "opened", lease: 1, ttl: 10_000, renewals: 0 },
          { type: "opened", lease: implicit(3), ttl: 30_000, renewals: 0 },
        ],
      },
    },
    { type: "send", to: "gateway", letter: { type: "answers", applied: 6, answers: [] } },
    { type: "send", to: "raft", letter: { type: "restored", index: 6 } },
  ]);
});

/** The order of a Map means nothing: the records of each kind may come in any. */
const disordered = (slices: readonly SnapshotSlice[]): SnapshotSlice[] =>
  slices.map((slice, place) => {
    const { leases, locks, outcomes, ended } = slices[slices.length - 1 - place] as SnapshotSlice;
    return { ...slice, leases, locks, outcomes, ended };
  });

test("nothing of a table is lost in a snapshot, in whatever slices and order it comes", () => {
  const original = filled(1);
  ask(original, acquireUnder(1, "z", "anna"));
  ask(original, acquireUnder(1, "y", "anna"));
  const restored = replica();
  for (const slice of disordered(snapshotOf(original))) receive(restored, { type: "restore", slice });
  assert.equal(contents(restored), contents(original));
  assert.is(lock.inspect(restored).digest, lock.inspect(original).digest);
});

test("a restored table forgets at the same entry as one that was not", () => {
  const options = { requestsRemembered: 6, sliceRecords: 1 };
  const [original, restored] = [replica(options), replica(options)];
  for (const name of ["a", "b"]) ask(original, acquire(name, "anna"));
  for (const [name, token] of [
    ["a", 1],
    ["b", 2],
  ] as const)
    ask(original, release(name, { token }));
  for (const slice of disordered(snapshotOf(original))) receive(restored, { type: "restore", slice });
  for (let entry = 0; entry < 8; entry += 1) {
    for (const state of [original, restored]) ask(state, nothing);
    assert.equal(contents(restored), contents(original));
  }
});

test("the digest differs when any field of any record differs", () => {
  const [slice] = snapshotOf(filled());
  assert.ok(slice);
  const digests = new Set<unknown>();
  const digestOf = (changed: SnapshotSlice) => {
    const state = replica();
    receive(state, { type: "restore", slice: changed });
    digests.add(lock.inspect(state).digest);
  };
  digestOf(slice);
  let variants = 1;
  const vary = (value: unknown): unknown => (typeof value === "number" ? value + 1 : `${value}x`);
  for (const kind of ["locks", "outcomes", "ended", "leases"] as const) {
    const records = slice[kind] as readonly object[];
    const first = records[0] as Record<string, unknown>;
    for (const field of Object.keys(first)) {
      // A lock of a lease that is not there is no table at all; its lease is varied together with it below.
      if (typeof first[field] === "object" || (kind === "leases" && field === "id")) continue;
      if (kind === "locks" && field === "lease") continue;
      digestOf({ ...slice, [kind]: [{ ...first, [field]: vary(first[field]) }, ...records.slice(1)] } as SnapshotSlice);
      variants += 1;
    }
  }
  for (const [place, { outcome }] of slice.outcomes.entries()) {
    for (const field of Object.keys(outcome)) {
      const value = (outcome as unknown as Record<string, unknown>)[field];
      if (typeof value === "object" || field === "type") continue;
      const outcomes = slice.outcomes.map((remembered, at) =>
        at === place ? { ...remembered, outcome: { ...outcome, [field]: vary(value) } } : remembered,
      );
      digestOf({ ...slice, outcomes } as SnapshotSlice);
      variants += 1;
    }
  }
  digestOf({ ...slice, counters: { ...slice.counters, fencingToken: 99 as never } });
  digestOf({ ...slice, counters: { ...slice.counters, leaseId: 99 as never } });
  assert.is(digests.size, variants + 2);
});

test("entries that a restored snapshot holds may arrive after it, and are not applied again", () => {
  const original = replica();
  const entries = ["x", "y", "z"].map((name) => {
    const entry = nextEntry(original, writeCommand(original, acquire(name, "anna")));
    receive(original, { type: "apply", entries: [entry], answer: false });
    return entry;
  });
  const behind = replica();
  for (const slice of snapshotOf(original)) receive(behind, { type: "restore", slice });
  assert.equal(receive(behind, { type: "apply", entries, answer: false }), []);
  assert.equal(contents(behind), contents(original));
  assert.throws(
    () => receive(original, { type: "apply", entries, answer: false }),
    /applied once, in order/,
    "where nothing was restored, nothing comes twice",
  );
});

test("a snapshot that begins anew replaces the one that was half restored", () => {
  const slices = snapshotOf(filled(3));
  const state = replica();
  receive(state, { type: "restore", slice: slices[0] as SnapshotSlice });
  for (const slice of slices) receive(state, { type: "restore", slice });
  assert.equal(contents(state), contents(filled()));
});

test("until the last slice is there the old table is in use", () => {
  const slices = snapshotOf(filled(3));
  const state = replica();
  assert.equal(receive(state, { type: "restore", slice: slices[0] as SnapshotSlice }), []);
  assert.is(state.table.index, 0);
});

test("a slice out of order, of another snapshot, or from before what is applied breaks an invariant", () => {
  const slices = snapshotOf(filled(3));
  const second = slices[1] as SnapshotSlice;
  assert.throws(() => receive(replica(), { type: "restore", slice: second }), /come in their order/);
  const state = replica();
  receive(state, { type: "restore", slice: slices[0] as SnapshotSlice });
  const stray = { ...second, position: { ...second.position, index: 7 as never } };
  assert.throws(() => receive(state, { type: "restore", slice: stray }), /are not mixed/);
  const ahead = filled();
  ask(ahead, nothing);
  const [old] = snapshotOf(filled());
  assert.throws(() => receive(ahead, { type: "restore", slice: old as SnapshotSlice }), /takes nothing back/);
});

test("leases are told in letters of bounded size", () => {
  const original = replica({ sliceRecords: 100_000 });
  for (let count = 0; count < 5_000; count += 1) ask(original, openLease("anna"));
  const [slice] = snapshotOf(original);
  const effects = receive(replica(), { type: "restore", slice: slice as SnapshotSlice });
  assert.equal(
    effects.map((effect) =>
      effect.type === "send" && effect.letter.type === "changed" ? effect.letter.changes.length : 0,
    ),
    [4_096, 905, 0, 0],
  );
});

test.run();
