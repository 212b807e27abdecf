// What holds of queues whatever was asked in whatever order: random histories, looked at after every entry.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { delayAlarm } from "../../../src/actors/alarms.ts";
import { blockerOf, isCompatible, permitsTaken } from "../../../src/actors/lock/granting.ts";
import { compareWaiters, delaysOf, putWaiter, queueOf } from "../../../src/actors/lock/queue-table.ts";
import type { LockState } from "../../../src/actors/lock/state.ts";
import { grantOfRequest, holdersOf } from "../../../src/actors/lock/table.ts";
import { termsOf } from "../../../src/actors/lock/turn.ts";
import type { Command, WaiterRecord } from "../../../src/actors/messages.ts";
import { fc } from "../../fast-check.ts";
import { come, crowd, releaseAll, restoredFrom, ring, wholeOf } from "./queue-build.ts";
import { entryOf, steps } from "./random-build.ts";

const test = suite("actors/lock: whatever is asked");

const options = { requestsRemembered: 30, sliceRecords: 4 };

/** Runs random histories; `look` is shown every entry, before it is applied and afterwards. */
function always(
  look: (state: LockState, command: Command) => (came: ReturnType<typeof come>) => void,
  numRuns = 150,
): void {
  fc.assert(
    fc.property(steps(), (history) => {
      const state = crowd(4, options);
      for (const step of history) {
        const command = entryOf(state, step);
        const then = look(state, command);
        then(come(state, command));
      }
    }),
    { numRuns },
  );
}

test("those who hold a lock together are compatible, and permits never exceed the limit", () => {
  always((state) => () => {
    for (const lock of state.table.locks.keys()) {
      const terms = holdersOf(state.table, lock).map(termsOf);
      for (const [place, one] of terms.entries()) {
        for (const other of terms.slice(place + 1)) assert.ok(isCompatible(one.mode, other.mode), `${lock} is shared`);
      }
      const taken = [...terms, ...delaysOf(state.table, lock)].reduce((sum, { permits }) => sum + permits, 0);
      assert.is(permitsTaken(state.table, lock), taken);
      if (terms[0]?.mode === "semaphore") assert.ok(taken <= 2, `${lock} is overfull`);
    }
    // What is derived from the holders says the same as they do.
    const { locks, permitsOfSharers, grantsBy } = state.table;
    for (const lock of permitsOfSharers.keys()) assert.ok(holdersOf(state.table, lock).length > 1);
    const records = [...locks.keys()].flatMap((lock) => holdersOf(state.table, lock));
    const shareable = records.filter((record) => termsOf(record).mode !== "exclusive");
    assert.equal(grantsBy, new Map(shareable.map(({ requestId, token }) => [requestId, token])));
    for (const record of records) {
      assert.is(grantOfRequest(state.table, record.lock, record.requestId), record);
    }
  });
});

test("whoever waits has somebody in the way: nobody waits in vain", () => {
  always((state) => () => {
    for (const waiter of state.table.waiters.values()) {
      const isBlocked = waiter.demands.some((demand) => blockerOf(state.table, demand, waiter) !== null);
      assert.ok(isBlocked, `${waiter.requestId} could be granted`);
    }
  });
});

test("nobody is granted past somebody who came before and conflicts", () => {
  always((state) => {
    const before = [...state.table.waiters.values()];
    return ({ told }) => {
      for (const [request, answer] of told) {
        if (answer.type !== "granted") continue;
        const winner = before.find(({ requestId }) => requestId === request) as WaiterRecord;
        for (const other of state.table.waiters.values()) {
          if (compareWaiters(other, winner) > 0) continue;
          for (const { lock, mode } of winner.demands) {
            const passed = other.demands.find((demand) => demand.lock === lock);
            assert.ok(passed === undefined || (passed.mode === "shared" && mode === "shared"), `${request} overtook`);
          }
        }
      }
    };
  });
});

test("a grant has all of its locks from its first moment to its last", () => {
  always((state, command) => {
    const sizes = (): [number, number][] => [...state.table.grants].map(([token, records]) => [token, records.length]);
    const before = new Map(sizes());
    const wanted = new Map<string, number>();
    for (const { requestId, demands } of state.table.waiters.values()) wanted.set(requestId, demands.length);
    if (command.type === "write" && command.write.type === "acquireAll" && !wanted.has(command.requestId)) {
      wanted.set(command.requestId, command.write.demands.length);
    }
    return () => {
      for (const [token, size] of sizes()) {
        const [first] = state.table.grants.get(token as never) ?? [];
        assert.is(size, before.get(token) ?? wanted.get(first?.requestId ?? "") ?? 1);
      }
    };
  });
});

/** Whoever does not wait gives back what he holds, again and again; delays end. Tells how many are left who wait. */
function leftWaiting(state: LockState): number {
  for (;;) {
    const { table } = state;
    const delay = [...table.delays.values()].flat()[0];
    const waits = (lease: number, context: string) =>
      [...table.waiters.values()].some((waiter) => waiter.lease === lease && waiter.context === context);
    const grant = [...table.grants.values()].flat().find((record) => !waits(record.lease, termsOf(record).context));
    if (grant !== undefined) come(state, releaseAll(grant.lease, grant.token));
    else if (delay !== undefined) come(state, ring(delayAlarm(delay.lock, delay.token)));
    else return table.waiters.size;
  }
}

test("everybody who waits comes to his turn once those who do not wait give back what they hold", () => {
  fc.assert(
    fc.property(steps(40), (history) => {
      const state = crowd(4, options);
      for (const step of history) come(state, entryOf(state, step));
      assert.is(leftWaiting(state), 0);
    }),
    { numRuns: 250 },
  );
});

test("whoever is refused for a deadlock would never have come to his turn, and the cycle told is one", () => {
  let judged = 0;
  fc.assert(
    fc.property(steps(40), (history) => {
      const state = crowd(4, options);
      for (const step of history) {
        const command = entryOf(state, step);
        const { answer } = come(state, command);
        if (answer?.type !== "deadlock" || command.type !== "write" || command.write.type !== "acquireAll") continue;
        const { cycle } = answer;
        for (const [place, { blocker }] of cycle.entries()) {
          assert.equal(blocker, cycle[(place + 1) % cycle.length]?.waiter);
        }
        const copy = restoredFrom(state, options);
        const { type: _, under, ...asked } = command.write;
        assert.ok("lease" in under);
        putWaiter(copy.table, { ...asked, lease: under.lease, requestId: "stuck" as never, index: copy.table.index });
        // A party that waits for several things at a time waits for all of them, by definition: it might do without some.
        const parties = [...copy.table.waiters.values()].map(({ lease, context }) => `${lease} ${context}`);
        if (new Set(parties).size < parties.length) continue;
        judged += 1;
        assert.ok(leftWaiting(copy) > 0);
      }
    }),
    { numRuns: 250 },
  );
  assert.ok(judged > 20, `only ${judged} judged`);
});

test("what is derived follows from the records: queues, grants by token, locks and waiters by lease", () => {
  always((state) => () => assert.equal(wholeOf(restoredFrom(state, options)), wholeOf(state)), 100);
});

test("a replica restored midway does as one that applied everything: answers, alarms and events alike", () => {
  fc.assert(
    fc.property(steps(), fc.integer({ min: 0, max: 59 }), (history, cut) => {
      const state = crowd(4, options);
      let other: LockState | null = null;
      for (const [place, step] of history.entries()) {
        if (place === Math.min(cut, history.length - 1)) other = restoredFrom(state, options);
        const command = entryOf(state, step);
        const came = come(state, command);
        if (other !== null) assert.equal(come(other, command), came);
      }
      assert.equal(wholeOf(other as LockState), wholeOf(state));
    }),
    { numRuns: 300 },
  );
});

test("queues are sorted, and told as they are", () => {
  always((state) => () => {
    for (const [lock, queue] of state.table.queues) {
      assert.ok(queue.length > 0);
      assert.is(queueOf(state.table, lock), queue);
      for (const [place, waiter] of queue.entries()) {
        const next = queue[place + 1];
        if (next !== undefined) assert.ok(compareWaiters(waiter, next) < 0);
      }
    }
  });
});

test.run();
