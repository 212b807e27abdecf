// What a queue costs grows with those who stand in it, not with their square. Counted is work, not time: how often the table looks
// into what a waiter wants.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { LockState } from "../../../src/actors/lock/state.ts";
import type { LockRecord } from "../../../src/actors/messages.ts";
import type { AcquireAll, Demand } from "../../../src/actors/operations.ts";
import { come, crowd, join, permits, releaseAll, shared, take, want } from "./queue-build.ts";

const test = suite("actors/lock: what a queue costs");

interface Count {
  looks: number;
}

/** The request, whose demands count whoever looks at them. */
function counted(asked: AcquireAll, count: Count): AcquireAll {
  const demands = new Proxy(asked.demands as Demand[], {
    get: (target, key) => {
      count.looks += 1;
      return Reflect.get(target, key);
    },
  });
  return { ...asked, demands };
}

/** How a crowd of `size` waiters comes, and goes. */
type Story = (size: number, count: Count) => void;

function assertNoSquare(story: Story): void {
  const looksOf = (size: number): number => {
    const count = { looks: 0 };
    story(size, count);
    return count.looks;
  };
  const [small, large] = [looksOf(100), looksOf(400)];
  // Four times as many: four times the work, and a little for searching; sixteen times if everybody looked at everybody.
  assert.ok(large < 6 * small, `${small} looks for 100 waiters, ${large} for 400`);
}

/** Whoever has the lock gives it back, and so does whoever gets it then, until nobody waits. */
function passOn(state: LockState, token: number): void {
  let [lease, next] = [1, token];
  for (;;) {
    const [told] = come(state, releaseAll(lease, next)).told;
    const answer = told?.[1];
    if (answer?.type !== "granted") return;
    [lease, next] = [answer.lease, answer.token];
  }
}

test("of many who wait for one lock each costs as much as the one before, when he comes and when it is his turn", () => {
  assertNoSquare((size, count) => {
    const state = crowd(size + 1);
    const token = take(state, want(1, "x"));
    for (let lease = 2; lease <= size + 1; lease += 1) join(state, counted(want(lease, "x"), count), `q${lease}`);
    passOn(state, token);
    assert.is(state.table.waiters.size, 0);
  });
});

test("so it is if each of them holds another lock meanwhile", () => {
  assertNoSquare((size, count) => {
    const state = crowd(size + 1);
    take(state, want(1, "x"));
    for (let lease = 2; lease <= size + 1; lease += 1) {
      take(state, want(lease, `own ${lease}`));
      join(state, counted(want(lease, "x"), count), `q${lease}`);
    }
  });
});

test("so it is if all of them are tasks of one lease", () => {
  assertNoSquare((size, count) => {
    const state = crowd(2);
    const token = take(state, want(1, "x"));
    for (let task = 0; task < size; task += 1) {
      join(state, counted(want(2, "x", { context: `task ${task}` }), count), `q${task}`);
    }
    passOn(state, token);
    assert.is(state.table.waiters.size, 0);
  });
});

test("so it is if one party waits for many locks, one after the other", () => {
  assertNoSquare((size, count) => {
    const state = crowd(2);
    for (let lock = 0; lock < size; lock += 1) {
      take(state, want(1, `x${lock}`));
      join(state, counted(want(2, `x${lock}`), count), `q${lock}`);
    }
  });
});

test("so it is if that party holds many locks, and others wait for one of them", () => {
  assertNoSquare((size, count) => {
    const state = crowd(3);
    take(state, want(2, "y"));
    join(state, want(3, "y"), "y");
    for (let lock = 0; lock < size; lock += 1) {
      take(state, want(2, `own ${lock}`));
      take(state, want(1, `x${lock}`));
      join(state, counted(want(2, `x${lock}`), count), `q${lock}`);
    }
  });
});

test("so it is if they wait for a permit of a semaphore", () => {
  assertNoSquare((size, count) => {
    const state = crowd(size + 1);
    const token = take(state, want(1, permits("s", 1, 1)));
    for (let lease = 2; lease <= size + 1; lease += 1) {
      join(state, counted(want(lease, permits("s", 1, 1)), count), `q${lease}`);
    }
    passOn(state, token);
    assert.is(state.table.waiters.size, 0);
  });
});

test("so it is if all who share a lock come to their turn at once", () => {
  assertNoSquare((size, count) => {
    const state = crowd(size + 1);
    const token = take(state, want(1, "x"));
    for (let lease = 2; lease <= size + 1; lease += 1) {
      join(state, counted(want(lease, shared("x")), count), `q${lease}`);
    }
    assert.is(come(state, releaseAll(1, token)).told.length, size);
  });
});

test("of many who hold one lock together none is looked at when another comes, or the same comes again", () => {
  for (const demand of [shared("x"), permits("x", 1, 1_000)]) {
    const state = crowd(1);
    const held = 300;
    for (let holder = 0; holder < held; holder += 1) take(state, want(1, demand));
    const sharers = state.table.sharers.get("x");
    assert.is(sharers?.length, held - 1);
    let looks = 0;
    const watched = new Proxy(sharers as LockRecord[], {
      get: (target, key) => {
        looks += 1;
        return Reflect.get(target, key);
      },
    });
    state.table.sharers.set("x", watched);
    take(state, want(1, demand), "last");
    take(state, want(1, demand), "last");
    assert.ok(looks < 10, `${looks} looks among ${held} holders of ${demand.mode}`);
  }
});

test.run();
