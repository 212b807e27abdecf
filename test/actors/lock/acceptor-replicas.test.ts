// That the replicas of an acceptor agree, whatever a snapshot was taken of and in whatever order they were asked.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Claim, Value } from "../../../src/actors/ballots.ts";
import { lock } from "../../../src/actors/lock/receive.ts";
import type { LockState } from "../../../src/actors/lock/state.ts";
import type { Command, Entry, SnapshotSlice } from "../../../src/actors/messages.ts";
import { leaseId, logIndex, requestId, term } from "../../../src/actors/scalars.ts";
import { fc } from "../../fast-check.ts";
import {
  accept,
  acceptor,
  acquiring,
  ballot,
  begin,
  beginLease,
  come,
  free,
  grant,
  implicitOf,
  keepLease,
  noBallot,
  passEntries,
  prepare,
  recordOf,
  releasing,
  restoredFrom,
  settling,
  wholeOf,
} from "./acceptor-build.ts";
import { expire, noop, receive } from "./build.ts";

const test = suite("actors/lock: replicas of an acceptor");

/** A region in the middle of things: promised, accepted, held, ended, forgotten. */
function inTheMiddle(options = {}): LockState {
  const state = acceptor({ requestsRemembered: 8, ...options });
  come(state, prepare(ballot(30, "c"), acquiring("q0"), "forgotten"));
  come(state, accept(ballot(1), grant(), "long held"));
  passEntries(state, 9);
  come(state, beginLease("l1", { bornAt: 10 }));
  come(state, accept(ballot(40), grant({ token: 9, as: "q2" }), "x"));
  come(state, accept(ballot(40, "c"), grant({ token: 4, as: "q3" }), "y"));
  come(state, accept(ballot(41, "c"), free(4, { as: "q4" }), "y"));
  come(state, prepare(ballot(50, "c"), acquiring("q5"), "z"));
  come(state, begin(acquiring("q6"), { lock: "w", bornAt: 14 }));
  return state;
}

test("a snapshot restores records, floor, rounds, numbers and what leases hold", () => {
  const state = inTheMiddle();
  assert.equal(state.table.acceptor?.floor, ballot(30, "c"));
  for (const sliceRecords of [1, 3, 1000]) {
    const original = inTheMiddle({ sliceRecords });
    const copy = restoredFrom(original, { requestsRemembered: 8 });
    assert.equal(wholeOf(copy), wholeOf(state));
    assert.is(lock.inspect(copy).digest, lock.inspect(state).digest);
  }
});

test("a table that has been restored tells what every lease holds", () => {
  const state = acceptor();
  const { changes } = come(state, accept(ballot(1), grant()));
  const [sent] = receive(state, { type: "takeSnapshot" });
  assert.ok(sent?.type === "send" && sent.letter.type === "snapshotTaken");
  const [told] = receive(acceptor(), { type: "restore", slice: sent.letter.slice });
  assert.equal(told, {
    type: "send",
    to: "lease",
    letter: { type: "changed", changes: [{ type: "cleared" }, ...changes] },
  });
});

test("the digest differs when anything of what an acceptor keeps differs", () => {
  const state = inTheMiddle();
  const [sent] = receive(state, { type: "takeSnapshot" });
  assert.ok(sent?.type === "send" && sent.letter.type === "snapshotTaken" && sent.letter.slice.last);
  const { slice } = sent.letter;
  const digests = new Set<unknown>();
  let variants = 0;
  const digestOf = (changed: SnapshotSlice): void => {
    const copy = acceptor();
    receive(copy, { type: "restore", slice: changed });
    digests.add(lock.inspect(copy).digest);
    variants += 1;
  };
  digestOf(slice);
  const held = slice.acceptors.find(({ value }) => value?.type === "grant");
  const ended = slice.acceptors.find(({ value }) => value?.type === "free");
  assert.ok(held?.value?.type === "grant" && ended?.value?.type === "free");
  const { value: grantValue } = held;
  const values = [
    ...(["owner", "requestId"] as const).map((field) => ({ ...grantValue, [field]: "other" })),
    ...(["lease", "ttl", "token", "grantedAt"] as const).map((field) => ({ ...grantValue, [field]: 99 })),
    { ...ended.value, how: "expired" },
    { ...ended.value, token: 99 },
    { ...ended.value, requestId: null },
    null,
  ] as Value[];
  const rest = slice.acceptors.filter((record) => record !== held);
  for (const value of values) digestOf({ ...slice, acceptors: [...rest, { ...held, value }] });
  for (const change of [
    { promised: ballot(51, "c") },
    { promised: ballot(held.promised.round, "b") },
    { accepted: ballot(held.accepted?.round ?? 0, "b") },
    { accepted: null },
    { index: logIndex(3) },
    { lock: "other" },
  ]) {
    digestOf({ ...slice, acceptors: [...rest, { ...held, ...change }] });
  }
  const { counters } = slice;
  for (const change of [{ round: 99 }, { floor: ballot(29, "c") }, { floor: noBallot }, { leaseNumbers: [9, 1, 0] }]) {
    digestOf({ ...slice, counters: { ...counters, ...change } });
  }
  assert.is(digests.size, variants);
});

// Whatever is asked, in whatever order.

const names = fc.constantFrom("x", "y", "z");
const rounds = fc.integer({ min: 1, max: 40 });
const ballots = fc.tuple(rounds, fc.constantFrom("a", "b", "c")).map(([round, region]) => ballot(round, region));
const leases = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc
    .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 2 }))
    .map(([count, place]) => implicitOf(count, place)),
);
const tokens = fc.integer({ min: 1, max: 12 });
const requests = fc.integer({ min: 0, max: 12 }).map((at) => `q${at}`);
const claims: fc.Arbitrary<Claim> = fc.oneof(
  requests.map((as) => acquiring(as)),
  fc.tuple(requests, leases).map(([as, lease]) => acquiring(as, { lease })),
  fc.tuple(requests, tokens).map(([as, token]) => releasing(as, { token })),
  fc.tuple(requests, leases).map(([as, lease]) => releasing(as, { lease })),
  tokens.map(settling),
);
const values: fc.Arbitrary<Value> = fc.oneof(
  fc.tuple(requests, leases, tokens).map(([as, lease, token]) => grant({ as, lease, token })),
  fc.tuple(requests, tokens).map(([as, token]) => free(token, { as })),
  tokens.map((token) => free(token, { how: "expired" })),
);
const bornAt = fc.integer({ min: 0, max: 120 });
/** The last two are of what there is: the ballot that was accepted last, and the renewals of a lease that lives. */
type Drawn = (state: LockState) => Command;
const commands: fc.Arbitrary<Drawn> = fc.oneof(
  fc.constant(() => noop),
  fc.tuple(ballots, claims, names).map(
    ([at, claim, name]) =>
      () =>
        prepare(at, claim, name),
  ),
  fc.tuple(ballots, values, names).map(
    ([at, value, name]) =>
      () =>
        accept(at, value, name),
  ),
  fc.tuple(claims, bornAt, rounds, names).map(
    ([claim, born, above, name]) =>
      () =>
        begin(claim, { bornAt: born, above, lock: name }),
  ),
  fc.tuple(requests, bornAt).map(
    ([as, born]) =>
      () =>
        beginLease(as, { bornAt: born }),
  ),
  leases.map((id) => () => keepLease(id)),
  requests.map(
    (as) => (): Command => ({ type: "conclude", ask: "ask", requestId: requestId(as), outcome: { type: "notHeld" } }),
  ),
  fc.tuple(claims, names).map(
    ([claim, name]) =>
      (state: LockState) =>
        begin(claim, { known: recordOf(state, name)?.accepted ?? null, bornAt: 120, lock: name }),
  ),
  fc.tuple(values, names).map(
    ([value, name]) =>
      (state: LockState) =>
        accept(recordOf(state, name)?.promised ?? ballot(1), value, name),
  ),
  fc.nat(9).map((at) => (state: LockState): Command => {
    const all = [...state.table.leases.values()];
    const lease = all[at % Math.max(all.length, 1)];
    return lease === undefined ? noop : expire(lease.id, { renewals: lease.renewals });
  }),
);
const history = fc.array(commands, { minLength: 30, maxLength: 120 });
const options = { requestsRemembered: 15, digestEntries: 1, sliceRecords: 4 };

const entryFor = (state: LockState, command: Command): Entry => ({
  index: logIndex(state.table.index + 1),
  term: term(1),
  command,
});

/** Two replicas may differ in what their gateways are told of progress, and in nothing else. */
const effectsOf = (state: LockState, entry: Entry) =>
  receive(state, { type: "apply", entries: [entry], answer: true }).filter(
    (effect) => effect.type !== "send" || effect.to !== "gateway",
  );

test("a replica restored midway replies as one that applied everything, and has the same digest at every index", () => {
  fc.assert(
    fc.property(history, fc.nat(119), (drawn, cut) => {
      const whole = acceptor(options);
      let other: LockState | null = null;
      for (const [place, draw] of drawn.entries()) {
        if (place === Math.min(cut, drawn.length - 1)) other = restoredFrom(whole, options);
        const entry = entryFor(whole, draw(whole));
        const effects = effectsOf(whole, entry);
        if (other !== null) assert.equal(effectsOf(other, entry), effects);
      }
      assert.ok(other);
      assert.equal(wholeOf(other), wholeOf(whole));
    }),
    { numRuns: 100 },
  );
});

test("promises, floor, rounds and counter never fall; a ballot is accepted with one value; who holds is what was accepted", () => {
  fc.assert(
    fc.property(history, (drawn) => {
      const state = acceptor(options);
      const accepted = new Map<string, string>();
      let [floor, round, counter] = [0, 0, 0];
      for (const draw of drawn) {
        const promisedBefore = new Map(
          [...(state.table.acceptor?.records ?? [])].map(([name, { promised }]) => [name, promised]),
        );
        receive(state, { type: "apply", entries: [entryFor(state, draw(state))], answer: true });
        const { acceptor: parts, locks, leases: live, fencingToken, outcomes } = state.table;
        assert.ok(parts);
        assert.ok(parts.floor.round >= floor && parts.round >= round && fencingToken >= counter);
        [floor, round, counter] = [parts.floor.round, parts.round, fencingToken];
        for (const [name, record] of parts.records) {
          assert.ok(record.promised.round >= (promisedBefore.get(name)?.round ?? 0));
          assert.ok(record.promised.round <= parts.round);
          if (record.accepted === null) continue;
          const key = `${name} ${record.accepted.round} ${record.accepted.region}`;
          const says = JSON.stringify(record.value);
          assert.is(accepted.get(key) ?? says, says, "a ballot with two values");
          accepted.set(key, says);
        }
        for (const held of locks.values()) {
          const value = parts.records.get(held.lock)?.value;
          assert.ok(value?.type === "grant" && value.token === held.token && value.requestId === held.requestId);
          assert.ok(live.has(held.lease));
        }
        assert.ok(parts.records.size <= locks.size + options.requestsRemembered + 1);
        assert.ok(outcomes.size <= 4 * options.requestsRemembered);
        for (const [id] of parts.holdings) assert.ok(state.table.locksOf.has(leaseId(id)));
      }
    }),
    { numRuns: 100 },
  );
});

test.run();
