// Several locks in one request: all of them or none, from the first moment to the last.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { waitAlarm } from "../../../src/actors/alarms.ts";
import { requestId } from "../../../src/actors/scalars.ts";
import { expire, implicit, release } from "./build.ts";
import {
  answerTo,
  cancel,
  come,
  crowd,
  forceRelease,
  granted,
  heldBy,
  holding,
  inTheWay,
  join,
  permits,
  releaseAll,
  shared,
  short,
  take,
  waiting,
  want,
} from "./queue-build.ts";

const test = suite("actors/lock: several locks");

test("several locks are granted together, with one token", () => {
  const state = crowd();
  assert.equal(come(state, want(1, ["x", shared("y"), permits("z", 2, 5)], { metadata: "host 7" })), {
    answer: granted(1, 1),
    told: [],
    changes: [],
    events: ["x", "y", "z"].map((lock) => ({
      revision: 5,
      kind: "granted",
      lock,
      owner: "anna",
      lease: 1,
      token: 1,
      text: "host 7",
      span: 0,
      queue: 0,
    })),
  });
  for (const lock of ["x", "y", "z"]) assert.equal(holding(state, lock), ["anna 1"]);
});

test("several locks under a lease of their own are granted together, or none is", () => {
  const state = crowd();
  const came = come(state, want(1, ["x", "y"], { ttl: 5_000 }));
  assert.equal(came.answer, granted(implicit(1), 1, 5_000));
  assert.equal(came.changes, [{ type: "opened", lease: implicit(1), ttl: 5_000, renewals: 0 }]);
  assert.equal(short(came.events), ["granted x anna 1 0", "granted y anna 1 0"]);
  const refused = come(state, want(2, ["z", "y"], { ttl: 5_000 }));
  assert.is(refused.answer?.type, "busy");
  assert.equal([refused.changes, refused.events], [[], []]);
  assert.equal([state.table.leases.size, holding(state, "z")], [5, []]);
});

test("if one of several is not to be had none is taken, and the first that is not is told", () => {
  const state = crowd();
  take(state, want(1, "y"));
  take(state, want(2, "z"));
  assert.equal(come(state, want(3, ["x", "y", "z"], { wait: 0 })), {
    answer: { type: "busy", obstacle: heldBy("y", 1, 1) },
    told: [],
    changes: [],
    events: [],
  });
  assert.equal(holding(state, "x"), []);
  assert.is(state.table.fencingToken, 2);
});

test("whoever waits for several holds none of them, and stands in the queue of each", () => {
  const state = crowd();
  take(state, want(1, "y"));
  const came = come(state, want(2, ["x", "y"]), "q2");
  assert.equal(came.answer, { type: "queued", position: 1, obstacle: heldBy("y", 1, 1, { queue: 1 }) });
  assert.equal(came.changes, [{ type: "alarmSet", alarm: waitAlarm(requestId("q2")), span: 60_000 }]);
  assert.equal(short(came.events), ["queued x bert 0 1", "queued y bert 0 1"]);
  assert.equal([holding(state, "x"), waiting(state, "x"), waiting(state, "y")], [[], ["q2"], ["q2"]]);
});

test("whoever waits for several is told the place of his longest queue", () => {
  const state = crowd(5);
  take(state, want(1, ["x", "y"]));
  join(state, want(2, "y"), "q2");
  join(state, want(3, "y"), "q3");
  assert.equal(answerTo(state, want(4, ["x", "y"]), "q4"), {
    type: "queued",
    position: 3,
    obstacle: heldBy("x", 1, 1, { queue: 1 }),
  });
});

test("whoever waits for several is granted all of them when the last comes free", () => {
  const state = crowd();
  take(state, want(1, "x"));
  take(state, want(2, "y"));
  join(state, want(3, ["x", "y"]), "q3");
  assert.equal(come(state, releaseAll(1, 1)).told, []);
  assert.equal(holding(state, "x"), []);
  const came = come(state, releaseAll(2, 2));
  assert.equal(came.told, [["q3", granted(3, 3)]]);
  assert.equal(came.changes, [{ type: "alarmGone", alarm: waitAlarm(requestId("q3")) }]);
  assert.equal(short(came.events), ["released y bert 2 1", "granted x carl 3 0", "granted y carl 3 0"]);
});

test("whoever waits for several keeps his place in every queue: later ones do not pass him", () => {
  const state = crowd();
  take(state, want(1, "y"));
  join(state, want(2, ["x", "y"]), "q2");
  join(state, want(3, "x"), "q3");
  join(state, want(4, "y"), "q4");
  assert.equal(come(state, releaseAll(1, 1)).told, [["q2", granted(2, 2)]]);
  assert.equal(come(state, releaseAll(2, 2)).told, [
    ["q3", granted(3, 3)],
    ["q4", granted(4, 4)],
  ]);
});

test("when one who waits for several gives up, the queues of all of them move on", () => {
  const state = crowd();
  take(state, want(1, "y"));
  join(state, want(2, ["x", "y", "z"]), "q2");
  join(state, want(3, "x"), "q3");
  join(state, want(4, "z"), "q4");
  const came = come(state, cancel("q2", 2));
  assert.equal(came.told, [
    ["q2", { type: "requestCancelled" }],
    ["q3", granted(3, 2)],
    ["q4", granted(4, 3)],
  ]);
  assert.equal(short(came.events), [
    "unqueued x bert 0 1",
    "unqueued y bert 0 0",
    "unqueued z bert 0 1",
    "granted x carl 2 0",
    "granted z dora 3 0",
  ]);
});

test("a chain of those who wait for two each is served one after the other, the unrelated together", () => {
  const state = crowd(6);
  take(state, want(1, ["a", "b", "c", "d", "e"]));
  for (const [lease, wanted] of [
    [2, ["a", "b"]],
    [3, ["b", "c"]],
    [4, ["c", "d"]],
    [5, ["d", "e"]],
  ] as const)
    join(state, want(lease, wanted), `q${lease}`);
  assert.equal(come(state, releaseAll(1, 1)).told, [["q2", granted(2, 2)]]);
  assert.equal(come(state, releaseAll(2, 2)).told, [["q3", granted(3, 3)]]);
  assert.equal(come(state, cancel("q4", 4)).told, [
    ["q4", { type: "requestCancelled" }],
    ["q5", granted(5, 4)],
  ]);
});

test("of those whom one release sets free, whoever came first is first, in whatever queue", () => {
  const state = crowd(6);
  take(state, want(1, ["x", "y"]));
  join(state, want(2, "y"), "q2");
  join(state, want(3, ["x", "z"]), "q3");
  join(state, want(4, "x"), "q4");
  join(state, want(5, "z"), "q5");
  assert.equal(come(state, releaseAll(1, 1)).told, [
    ["q2", granted(2, 2)],
    ["q3", granted(3, 3)],
  ]);
});

test("a grant of several ends as a whole, whichever of its locks is named and whatever ends it", () => {
  const ends = [
    releaseAll(1, 1),
    release("y", { token: 1 }),
    release("y", { lease: 1 }),
    forceRelease("y"),
    cancel("q1", 1),
    expire(1),
  ];
  for (const end of ends) {
    const state = crowd();
    take(state, want(1, ["x", "y", "z"]), "q1");
    join(state, want(2, "x"), "q2");
    join(state, want(3, "z"), "q3");
    const { told } = come(state, end);
    assert.equal(told, [
      ["q2", granted(2, 2)],
      ["q3", granted(3, 3)],
    ]);
    assert.equal([holding(state, "x"), holding(state, "y"), holding(state, "z")], [["bert 2"], [], ["carl 3"]]);
    assert.is(state.table.grants.has(1 as never), false);
  }
});

test("a lease of its own ends with the grant, in all its locks", () => {
  const state = crowd();
  take(state, want(1, ["x", "y"], { ttl: 5_000 }));
  assert.equal(come(state, release("x", { token: 1 })).changes, [{ type: "ended", lease: implicit(1) }]);
  assert.is(state.table.leases.size, 4);
});

test("whoever comes for several and finds a queue before him is told that nobody holds it", () => {
  const state = crowd();
  take(state, want(1, "y"));
  join(state, want(2, ["x", "y"]), "q2");
  assert.equal(answerTo(state, want(3, ["x", "z"], { wait: 0 })), {
    type: "busy",
    obstacle: inTheWay("x", { queue: 1 }),
  });
});

test("the modes of one request are each its lock's own", () => {
  const state = crowd();
  take(state, want(1, [shared("x"), "y"]));
  assert.equal(answerTo(state, want(2, [shared("x"), "z"])), granted(2, 2));
  join(state, want(3, ["x", permits("p", 2, 2)]), "q3");
  join(state, want(4, permits("p", 1, 2)), "q4");
  come(state, releaseAll(1, 1));
  assert.equal(come(state, releaseAll(2, 2)).told, [["q3", granted(3, 3)]]);
  assert.equal(come(state, releaseAll(3, 3)).told, [["q4", granted(4, 4)]]);
});

test.run();
