import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Effect } from "../../../src/actors/actor.ts";
import type { LockState } from "../../../src/actors/lock/state.ts";
import type { Command, Entry } from "../../../src/actors/messages.ts";
import type { Write } from "../../../src/actors/operations.ts";
import { leaseId, logIndex, requestId, term } from "../../../src/actors/scalars.ts";
import { fc } from "../../fast-check.ts";
import { acquire, acquireUnder, contents, implicit, noop, openLease, receive, release, replica } from "./build.ts";

const test = suite("actors/lock: determinism");

const locks = fc.constantFrom("a", "b", "c");
const owners = fc.constantFrom("anna", "bert");
const leases = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 12 }).map(implicit));
const tokens = fc.integer({ min: 1, max: 12 });

const writes: fc.Arbitrary<Write> = fc.oneof(
  owners.map((owner) => openLease(owner)),
  fc.tuple(locks, owners).map(([name, owner]) => acquire(name, owner)),
  fc.tuple(leases, locks, owners).map(([lease, name, owner]) => acquireUnder(lease, name, owner)),
  fc.tuple(locks, tokens, owners).map(([name, token, owner]) => release(name, { token, owner })),
  fc.tuple(locks, leases).map(([name, lease]) => release(name, { lease })),
);

const commands: fc.Arbitrary<Command> = fc.oneof(
  { weight: 1, arbitrary: fc.constant(noop) },
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 25 }), fc.integer({ min: 0, max: 80 }), writes)
      .map(([as, bornAt, write]) => ({
        type: "write" as const,
        requestId: requestId(`r${as}`),
        bornAt: logIndex(bornAt),
        write,
      })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(leases, fc.integer({ min: 0, max: 1 }), fc.integer({ min: 1, max: 2 }))
      .map(([lease, renewals, inTerm]) => ({
        type: "expire" as const,
        lease: leaseId(lease),
        renewals,
        term: term(inTerm),
      })),
  },
);

const history = fc.array(commands, { minLength: 20, maxLength: 120 }).map((all) =>
  all.map(
    (command, place): Entry => ({
      index: logIndex(place + 1),
      term: term(place < all.length / 2 ? 1 : 2),
      command,
    }),
  ),
);

const options = { requestsRemembered: 20, digestEntries: 1, sliceRecords: 3 };

/** Two runs of one history may differ in what the gateway is told of progress, and in nothing else. */
const withoutProgress = (effects: readonly Effect<"lock">[]) =>
  effects.filter(({ type, ...rest }) => {
    const letter = type === "send" ? (rest as { letter: { type: string; answers?: unknown[] } }).letter : undefined;
    return letter?.type !== "answers" || (letter.answers?.length ?? 0) > 0;
  });

/** A replica that was restored from a snapshot of `original` taken now. */
function restoredFrom(original: LockState): LockState {
  const copy = replica(options);
  let effects = receive(original, { type: "takeSnapshot" });
  for (;;) {
    const [sent] = effects;
    if (sent?.type !== "send" || sent.letter.type !== "snapshotTaken") throw new Error("no slice");
    receive(copy, { type: "restore", slice: structuredClone(sent.letter.slice) });
    if (sent.letter.slice.last) return copy;
    effects = receive(original, { type: "timeout", timer: "slice" });
  }
}

test("a replica restored midway answers as one that applied everything, and has the same digest at every index", () => {
  fc.assert(
    fc.property(history, fc.integer({ min: 0, max: 120 }), (entries, cut) => {
      const whole = replica(options);
      let other: LockState | null = null;
      for (const [place, entry] of entries.entries()) {
        if (place === Math.min(cut, entries.length - 1)) other = restoredFrom(whole);
        const letter = { type: "apply", entries: [entry], answer: true } as const;
        const effects = receive(whole, letter);
        if (other !== null) assert.equal(withoutProgress(receive(other, letter)), withoutProgress(effects));
      }
      assert.ok(other);
      assert.equal(contents(other), contents(whole));
    }),
    { numRuns: 300 },
  );
});

test("entries applied one by one and all at once come to the same", () => {
  fc.assert(
    fc.property(history, (entries) => {
      const [single, batch] = [replica(options), replica(options)];
      for (const entry of entries) receive(single, { type: "apply", entries: [entry], answer: false });
      receive(batch, { type: "apply", entries, answer: true });
      assert.equal(contents(batch), contents(single));
    }),
    { numRuns: 100 },
  );
});

test("tokens rise by one with each grant, none is granted twice, and every lock has one live holder", () => {
  fc.assert(
    fc.property(history, (entries) => {
      const state = replica(options);
      const granted = new Map<number, string>();
      let before = 0;
      for (const entry of entries) {
        receive(state, { type: "apply", entries: [entry], answer: true });
        const { table } = state;
        const counter = table.fencingToken;
        assert.ok(counter === before || counter === before + 1, "a counter that fell or jumped");
        before = counter;
        for (const lock of table.locks.values()) {
          const grant = `${lock.lock} ${lock.owner} ${lock.lease}`;
          assert.is(granted.get(lock.token) ?? grant, grant, "a token of two grants");
          granted.set(lock.token, grant);
          assert.ok(lock.token <= counter);
          assert.ok(table.leases.has(lock.lease), "a lock of a lease that is over");
          assert.ok(table.locksOf.get(lock.lease)?.has(lock));
          assert.not(table.ended.has(lock.token), "a held lock whose grant is over");
        }
        assert.ok(table.outcomes.size <= 2 * options.requestsRemembered);
      }
    }),
    { numRuns: 300 },
  );
});

test("the digest is a function of the records alone, whatever history led to them", () => {
  fc.assert(
    fc.property(history, (entries) => {
      const state = replica(options);
      receive(state, { type: "apply", entries, answer: false });
      assert.equal(restoredFrom(state).table.digest, state.table.digest);
    }),
    { numRuns: 100 },
  );
});

test.run();
