// Who would wait for himself, by way of whomever: he is refused at once, with the cycle; and nobody else is.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { waitsOf } from "../../../src/actors/lock/deadlock.ts";
import type { WaiterRecord } from "../../../src/actors/messages.ts";
import { leaseId } from "../../../src/actors/scalars.ts";
import { expire } from "./build.ts";
import {
  answerTo,
  cancel,
  come,
  crowd,
  forceRelease,
  granted,
  join,
  ownerOf,
  permits,
  releaseAll,
  shared,
  take,
  waiting,
  want,
} from "./queue-build.ts";

const test = suite("actors/lock: deadlock");

const party = (lease: number, context = "") => ({ lease: leaseId(lease), context, owner: ownerOf(lease) });

/** Who waits for whom, who holds the lock or stands before him in its queue. */
const edge = (waiter: number, lock: string, blocker: number, how: "holds" | "waits" = "holds") => ({
  waiter: party(waiter),
  lock,
  blocker: party(blocker),
  isHolder: how === "holds",
});

test("of two who would wait for each other the second is refused, with the cycle, and nothing is left of him", () => {
  const state = crowd();
  take(state, want(1, "x"));
  take(state, want(2, "y"));
  join(state, want(1, "y"), "q1");
  assert.equal(come(state, want(2, "x"), "q2"), {
    answer: { type: "deadlock", cycle: [edge(2, "x", 1), edge(1, "y", 2)] },
    told: [],
    changes: [],
    events: [],
  });
  assert.equal([waiting(state, "x"), waiting(state, "y")], [[], ["q1"]]);
  assert.is(state.table.waitersOf.size, 1);
});

test("of three who would wait in a ring the third is refused, with the whole ring", () => {
  const state = crowd();
  for (const [lease, lock] of [
    [1, "x"],
    [2, "y"],
    [3, "z"],
  ] as const)
    take(state, want(lease, lock));
  join(state, want(1, "y"), "q1");
  join(state, want(2, "z"), "q2");
  assert.equal(answerTo(state, want(3, "x")), {
    type: "deadlock",
    cycle: [edge(3, "x", 1), edge(1, "y", 2), edge(2, "z", 3)],
  });
});

test("whoever is refused for a deadlock and repeats that is refused alike; under a new request it is looked at anew", () => {
  const state = crowd();
  take(state, want(1, "x"));
  take(state, want(2, "y"));
  join(state, want(1, "y"), "q1");
  const refused = answerTo(state, want(2, "x"), "q2");
  come(state, cancel("q1", 1));
  assert.equal(answerTo(state, want(2, "x"), "q2"), refused);
  assert.is(answerTo(state, want(2, "x"), "q3")?.type, "queued");
});

test("a cycle may go through a queue: whoever stands before another is waited for by him", () => {
  const state = crowd();
  take(state, want(1, "x"));
  take(state, want(3, "y"));
  join(state, want(2, "x"), "q2");
  join(state, want(3, "x"), "q3");
  // Bert stands before carl in the queue of x, and would wait for what carl holds.
  assert.equal(answerTo(state, want(2, "y")), {
    type: "deadlock",
    cycle: [edge(2, "y", 3), edge(3, "x", 2, "waits")],
  });
});

test("whoever waits behind others who go on is in no deadlock", () => {
  const state = crowd();
  take(state, want(1, "x"));
  take(state, want(3, "y"));
  join(state, want(2, "x"), "q2");
  join(state, want(3, "x"), "q3");
  assert.is(answerTo(state, want(4, "y"))?.type, "queued");
});

test("whoever holds a lock and would wait for it waits for himself", () => {
  const state = crowd();
  take(state, want(1, "x"));
  assert.equal(answerTo(state, want(1, "x")), { type: "deadlock", cycle: [edge(1, "x", 1)] });
});

test("whoever shares a lock and would have it exclusively waits for himself", () => {
  const state = crowd();
  take(state, want(1, shared("x")));
  assert.equal(answerTo(state, want(1, "x")), { type: "deadlock", cycle: [edge(1, "x", 1)] });
});

test("whoever waits for a lock and would wait for it again waits for himself", () => {
  const state = crowd();
  take(state, want(1, "x"));
  join(state, want(2, "x"), "q2");
  assert.equal(answerTo(state, want(2, "x")), { type: "deadlock", cycle: [edge(2, "x", 2, "waits")] });
});

test("tasks of one lease that have contexts of their own wait for each other, and may lock each other out", () => {
  const state = crowd();
  take(state, want(1, "x", { context: "one" }));
  take(state, want(1, "y", { context: "other" }));
  join(state, want(1, "x", { context: "other" }), "q1");
  assert.equal(answerTo(state, want(1, "y", { context: "one" })), {
    type: "deadlock",
    cycle: [
      { waiter: party(1, "one"), lock: "y", blocker: party(1, "other"), isHolder: true },
      { waiter: party(1, "other"), lock: "x", blocker: party(1, "one"), isHolder: true },
    ],
  });
});

test("the same context of another lease is somebody else", () => {
  const state = crowd();
  take(state, want(1, "x", { context: "task" }));
  assert.is(answerTo(state, want(2, "x", { context: "task" }))?.type, "queued");
});

test("whoever shares waits for all who are in the way: one who waits for him is enough", () => {
  const state = crowd();
  take(state, want(1, shared("x")));
  take(state, want(2, shared("x")));
  take(state, want(3, "y"));
  join(state, want(2, "y"), "q2");
  assert.equal(answerTo(state, want(3, "x")), { type: "deadlock", cycle: [edge(3, "x", 2), edge(2, "y", 3)] });
});

test("of a semaphore no cycle is closed while a holder who can go on gives back enough", () => {
  const state = crowd();
  take(state, want(1, permits("s", 1, 2)));
  take(state, want(2, permits("s", 1, 2)));
  take(state, want(3, "y"));
  join(state, want(1, "y"), "q1");
  // Anna waits for carl, but bert can give his permit back.
  assert.is(answerTo(state, want(3, permits("s", 1, 2)), "q3")?.type, "queued");
  assert.equal(come(state, releaseAll(2, 2)).told, [["q3", granted(3, 4)]]);
});

test("whoever holds a permit and waits for one more is in no deadlock while another can give his back", () => {
  const state = crowd();
  take(state, want(1, permits("s", 1, 2)));
  take(state, want(2, permits("s", 1, 2)));
  assert.is(answerTo(state, want(1, permits("s", 1, 2)), "q1")?.type, "queued");
  assert.equal(answerTo(state, want(2, permits("s", 1, 2))), {
    type: "deadlock",
    cycle: [edge(2, "s", 2)],
  });
  assert.equal(come(state, releaseAll(2, 2)).told, [["q1", granted(1, 3)]]);
});

test("of a semaphore a cycle is closed when those who can go on do not give back enough", () => {
  const state = crowd();
  take(state, want(1, permits("s", 1, 2)));
  take(state, want(2, permits("s", 1, 2)));
  take(state, want(3, "y"));
  join(state, want(1, "y"), "q1");
  assert.equal(answerTo(state, want(3, permits("s", 2, 2))), {
    type: "deadlock",
    cycle: [edge(3, "s", 1), edge(1, "y", 3)],
  });
});

test("the last holder of a semaphore who could go on closes the cycle when he waits", () => {
  const state = crowd();
  take(state, want(1, permits("s", 1, 2)));
  take(state, want(2, permits("s", 1, 2)));
  take(state, want(3, ["y", "z"]));
  join(state, want(1, "y"), "q1");
  join(state, want(3, permits("s", 1, 2)), "q3");
  assert.equal(answerTo(state, want(2, "z")), {
    type: "deadlock",
    cycle: [edge(2, "z", 3), edge(3, "s", 2)],
  });
});

test("whoever is behind one who is behind himself closes a cycle through queues alone", () => {
  const state = crowd(5);
  take(state, want(1, ["x", "y"]));
  join(state, want(2, "x"), "q2");
  join(state, want(3, "y"), "q3");
  join(state, want(3, "x"), "q3x");
  assert.equal(answerTo(state, want(2, "y")), {
    type: "deadlock",
    cycle: [edge(2, "y", 3, "waits"), edge(3, "x", 2, "waits")],
  });
});

test("whoever would overtake one who waits for what he holds closes a cycle", () => {
  const state = crowd();
  take(state, want(1, "x"));
  take(state, want(2, "y"));
  join(state, want(3, ["x", "y"]), "q3");
  // Behind carl, who waits for what bert holds, bert would wait for carl; before him he does not.
  assert.equal(answerTo(state, want(2, "x")), {
    type: "deadlock",
    cycle: [edge(2, "x", 3, "waits"), edge(3, "y", 2)],
  });
  assert.is(answerTo(state, want(2, "x", { priority: 1 }))?.type, "queued");
});

test("a lock that is free is refused to whoever would make him wait for whom he waits, by overtaking", () => {
  const state = crowd();
  take(state, want(1, "y"));
  join(state, want(2, ["x", "y"]), "q2");
  take(state, want(2, "z"));
  join(state, want(3, "z"), "q3");
  // X is free, but bert waits for it, and carl waits for bert.
  assert.equal(answerTo(state, want(3, "x", { priority: 1 })), {
    type: "deadlock",
    cycle: [edge(3, "z", 2), edge(2, "x", 3)].map((each) => ({ ...each, isHolder: each.lock === "z" })),
  });
  assert.equal(answerTo(state, want(4, "x", { priority: 1 })), granted(4, 3));
});

test("one of several locks is enough for a cycle", () => {
  const state = crowd();
  take(state, want(1, "x"));
  take(state, want(2, "y"));
  join(state, want(1, ["free", "y"]), "q1");
  assert.equal(answerTo(state, want(2, ["other", "x"])), {
    type: "deadlock",
    cycle: [edge(2, "x", 1), edge(1, "y", 2)],
  });
});

test("whoever does not wait is in no deadlock: he is told that it is busy", () => {
  const state = crowd();
  take(state, want(1, "x"));
  take(state, want(2, "y"));
  join(state, want(1, "y"), "q1");
  assert.is(answerTo(state, want(2, "x", { wait: 0 }))?.type, "busy");
  assert.is(answerTo(state, want(2, "x", { ttl: 5_000 }))?.type, "busy");
});

test("a wait that is over closes no cycle any more, whatever ended it", () => {
  const ends = [cancel("q1", 1), expire(1), forceRelease("y"), releaseAll(2, 2)];
  for (const end of ends) {
    const state = crowd();
    take(state, want(1, "x"));
    take(state, want(2, "y"));
    join(state, want(1, "y"), "q1");
    come(state, end);
    assert.not(answerTo(state, want(2, "x"))?.type === "deadlock");
  }
});

test("of a cycle that is very long the beginning is told", () => {
  const state = crowd(100);
  for (let lease = 1; lease <= 100; lease += 1) take(state, want(lease, `lock ${lease}`));
  for (let lease = 1; lease < 100; lease += 1) join(state, want(lease, `lock ${lease + 1}`), `q${lease}`);
  const answer = answerTo(state, want(100, "lock 1"));
  assert.ok(answer?.type === "deadlock");
  assert.equal(answer.cycle[0], edge(100, "lock 1", 1));
  assert.equal(answer.cycle[31], edge(31, "lock 32", 32));
  assert.is(answer.cycle.length, 32);
});

test("the cycle that is told leads through nobody with whom only a lock-delay is in the way", () => {
  const state = crowd();
  const lost = take(state, want(3, permits("s", 1, 3), { delay: 5000 }));
  take(state, want(1, permits("s", 2, 3)));
  come(state, forceRelease("s", lost));
  join(state, want(2, "s"), "q2");
  assert.equal(answerTo(state, want(1, permits("s", 1, 3)), "q1"), {
    type: "deadlock",
    cycle: [edge(1, "s", 2, "waits"), edge(2, "s", 1)],
  });
});

test("who waits for the end of a lock-delay alone waits for nobody", () => {
  const state = crowd();
  const lost = take(state, want(3, permits("s", 1, 3), { delay: 5000 }));
  take(state, want(1, permits("s", 2, 3)));
  come(state, forceRelease("s", lost));
  join(state, want(2, permits("s", 1, 3)), "q2");
  const [waiter] = state.table.waiters.values();
  assert.equal(waitsOf(state.table, waiter as WaiterRecord), []);
});

test.run();
