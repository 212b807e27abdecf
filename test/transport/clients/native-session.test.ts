// Sessions: how one begins, what is answered under which id, and what is told of its lease and of watches.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { leaseId, logIndex, millis } from "../../../src/actors/scalars.ts";
import { openMax } from "../../../src/transport/clients/native-session.ts";
import { event, obstacle } from "./native-desk.ts";
import {
  acquire,
  cases,
  check,
  errors,
  free,
  granted,
  hello,
  newOpenRoom,
  newRoom,
  opened,
} from "./native-session-room.ts";

const test = suite("transport/clients/native-session");

test("hello opens a lease and watches it; the welcome says where its events begin", () => {
  const room = newRoom();
  room.say(hello());
  assert.equal(room.requests().at(-1)?.operation, { type: "openLease", owner: "me", ttl: 10_000 });
  assert.is(room.pipe.paused, 1, "nothing is read before the welcome");
  room.answer(opened);
  const watch = room.letters.at(-1);
  assert.equal(watch, { type: "watch", call: room.lastCall("watch"), wish: { what: { lease: 7 }, after: null } });
  // What the lease holds by now is of no interest, in however many letters it is told.
  room.watched(0, [event(20, { kind: "present" })]);
  assert.equal(room.heard(), []);
  room.watched(20, [event(20, { kind: "present" })]);
  const [welcome] = room.heard().flat();
  const lease = { leaseId: 7n, ttlMs: 10_000n, usableMs: 9_850n };
  assert.equal(welcome, { id: 1n, message: { $case: "welcome", value: { lease, nodeId: "a", revision: 20n } } });
  assert.is(room.pipe.resumed, 1);
  room.watched(22, [event(21, { kind: "forced", text: "why" })]);
  const [told] = room.heard().flat();
  assert.ok(told?.id === 1n && told.message?.$case === "events");
  assert.equal([told.message.value.revision, told.message.value.events[0]?.text], [22n, "why"]);
});

test("hello with a lease renews it and goes on after a revision", () => {
  const room = newRoom();
  room.say(hello(7n, 15n));
  assert.equal(room.requests().at(-1)?.operation, { type: "renewLease", lease: 7 });
  room.answer({ type: "leaseRenewed", lease: leaseId(7), ttl: millis(10_000) });
  assert.equal((room.letters.at(-1) as { wish?: object }).wish, { what: { lease: 7 }, after: 15 });
  room.watched(18, [event(16)]);
  const [welcome, told] = room.heard().flat();
  assert.ok(welcome?.message?.$case === "welcome" && told?.message?.$case === "events");
  assert.equal([welcome.message.value.lease?.leaseId, welcome.message.value.revision], [7n, 15n]);
  assert.equal([told.message.value.events.length, told.message.value.revision], [1, 18n]);
});

test("a session that cannot begin ends with the reason", () => {
  const cases: [(room: ReturnType<typeof newRoom>) => void, string][] = [
    [(room) => room.say(check("a")), "invalid"],
    [(room) => room.say({ $case: "hello", value: { leaseId: 0n, open: undefined, afterRevision: 0n } }), "invalid"],
    [
      (room) => {
        room.say(hello(7n));
        room.answer({ type: "leaseEnded", lease: leaseId(7) });
      },
      "leaseEnded",
    ],
    [
      (room) => {
        room.say(hello(7n, 3n));
        room.answer({ type: "leaseRenewed", lease: leaseId(7), ttl: millis(10_000) });
        room.desk.calls.watched({ type: "watchGone", call: room.lastCall("watch"), oldest: logIndex(9) });
      },
      "revisionGone",
    ],
  ];
  for (const [begin, reason] of cases) {
    const room = newRoom();
    begin(room);
    assert.is(room.pipe.ended?.reason, reason);
    assert.is(room.desk.calls.underWay(), 0);
  }
});

test("what comes before the welcome waits for it, and the session's lease stands where none is named", () => {
  const room = newRoom();
  room.say(hello(), acquire(5_000n), { $case: "release", value: { leaseId: 0n, token: 9n, requestId: "", lock: "" } });
  room.say({ $case: "cancel", value: { requestId: "r", under: undefined, lock: "", leaseOwner: "" } });
  assert.is(room.requests().length, 1);
  room.answer(opened);
  room.watched(20);
  const [, acquired, released, cancelled] = room.requests();
  assert.ok(acquired?.operation.type === "acquireAll" && released !== undefined && cancelled !== undefined);
  assert.equal([acquired.operation.under, acquired.budget], [{ lease: 7 }, 10_000]);
  assert.equal(released.operation, { type: "releaseAll", lease: 7, token: 9 });
  assert.equal(cancelled.operation, { type: "cancel", request: acquired.requestId, lease: 7 });
});

test("answers come under their ids as they are known, those of a turn in one frame", () => {
  const room = newOpenRoom();
  room.say(check("a"), acquire(5_000n), { $case: "ping", value: {} });
  const [first = 0, second = 0] = room
    .requests()
    .slice(-2)
    .map(({ call }) => call);
  room.desk.calls.wait(second, { type: "queued", position: 3, obstacle });
  room.desk.calls.wait(second, { type: "queued", position: 3, obstacle });
  room.desk.calls.wait(second, { type: "queued", position: 1, obstacle });
  const frames = room.heard();
  assert.is(frames.length, 1);
  assert.equal(cases(frames), [
    [4, "pong"],
    [3, "queued"],
    [3, "queued"],
  ]);
  room.answer(granted, second);
  room.answer(free, first);
  assert.equal(cases(room.heard()), [
    [3, "acquired"],
    [2, "checked"],
  ]);
  assert.equal(room.counted.slice(-2), ["lockmgr.v1.LockService/Acquire 0", "lockmgr.v1.LockService/Check 0"]);
});

test("a call at fault, or unknown, is an error under its id alone", () => {
  const room = newOpenRoom();
  room.say(check(""), undefined, hello(), check("a"));
  room.answer({ type: "refused", refusal: "no-leader" });
  const told = room.heard();
  assert.equal(errors(told), [
    [2, "invalid"],
    [3, "unserved"],
    [4, "invalid"],
    [5, "no-leader"],
  ]);
  const [fault] = told.flat();
  assert.ok(fault?.message?.$case === "error");
  assert.equal(
    [fault.message.value.code, fault.message.value.message],
    [3, "lock must not be empty; it takes 1 to 512 bytes of UTF-8"],
  );
  assert.is(room.pipe.ended, undefined);
});

test("an id that is used again while it is open ends the session, for no answer would be clear", () => {
  const room = newOpenRoom();
  room.session.received(
    {
      messages: [
        { id: 9n, message: check("a") },
        { id: 9n, message: check("b") },
      ],
    },
    10,
  );
  assert.is(room.pipe.ended?.reason, "invalid");
  assert.is(room.desk.calls.underWay(), 0, "its calls are forgotten");
});

test("no more calls are open than there may be", () => {
  const room = newOpenRoom();
  const messages = Array.from({ length: openMax }, (_, n) => ({ id: BigInt(n + 2), message: check("a") }));
  room.session.received({ messages }, 10);
  // The watch of the lease counts as well.
  assert.equal(errors(room.heard()), [[openMax + 1, "overloaded"]]);
  room.answer(free, room.requests()[5]?.call);
  room.session.received({ messages: [{ id: 1_000_000n, message: check("a") }] }, 10);
  assert.equal(cases(room.heard()), [[6, "checked"]]);
});

test("watches are told under their ids until they are forgotten", () => {
  const room = newOpenRoom();
  room.say({ $case: "watch", value: { what: { $case: "leaseId", value: 0n }, afterRevision: 3n } });
  assert.equal((room.letters.at(-1) as { wish?: object }).wish, { what: { lease: 7 }, after: 3 });
  const call = room.lastCall("watch");
  room.watched(5, [event(5)]);
  assert.equal(cases(room.heard()), [[2, "events"]]);
  room.watched(6, [event(6)]);
  room.say({ $case: "forget", value: 2n });
  assert.equal(room.letters.at(-1), { type: "cancelled", call });
  assert.equal(room.heard(), [], "what was not told yet is not told any more");
  room.say({ $case: "watch", value: { what: { $case: "prefix", value: "" }, afterRevision: 3n } });
  room.desk.calls.watched({ type: "watchGone", call: room.lastCall("watch"), oldest: logIndex(9) });
  assert.equal(errors(room.heard()), [[4, "revision-gone"]]);
});

test("a forgotten call is not answered", () => {
  const room = newOpenRoom();
  room.say(acquire(5_000n));
  const call = room.lastCall();
  room.say({ $case: "forget", value: 2n });
  assert.equal(room.letters.at(-1), { type: "cancelled", call });
  room.answer(granted, call);
  assert.equal(room.heard(), []);
});

test.run();
