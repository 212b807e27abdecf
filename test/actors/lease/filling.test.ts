// How much time is left, wherever an answer names a holder, a lock-delay or a lease.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { delayAlarm } from "../../../src/actors/alarms.ts";
import { fillAnswer, type TimeLeft } from "../../../src/actors/lease/filling.ts";
import { namesHolder } from "../../../src/actors/naming.ts";
import type { Answer, GrantView, Holder, LockView, Obstacle } from "../../../src/actors/operations.ts";
import { fencingToken, leaseId, millis, requestId, wallTime } from "../../../src/actors/scalars.ts";
import { alarmSet, answers, changed, isRenewed, leader, node, passTime, receive } from "./build.ts";

const test = suite("actors/lease: filling");

/** Of lease n there are n milliseconds left, of the delay of grant n on lock x there are 1 000 + n. */
const left: TimeLeft = {
  ofLease: (lease) => millis(lease),
  ofAlarm: (alarm) => millis([41, 42].find((token) => alarm === delayAlarm("x", fencingToken(token))) ?? -2_000),
};

const holder = (lease: number, remaining = 0): Holder => ({
  owner: "anna",
  lease: leaseId(lease),
  token: fencingToken(1),
  ttl: millis(9_000),
  grantedAt: wallTime(0),
  remaining: millis(remaining),
});

const grant = (lease: number, remaining = 0): GrantView => ({
  ...holder(lease, remaining),
  mode: "shared",
  permits: 1,
  limit: 0,
  context: "",
  delay: millis(0),
  metadata: "",
  yielding: null,
});

const view = (filled: { grants: readonly GrantView[]; delayed: Record<number, number> }): LockView => ({
  lock: "x",
  grants: filled.grants,
  delays: Object.entries(filled.delayed).map(([token, remaining]) => ({
    token: fencingToken(Number(token)),
    owner: "anna",
    how: "expired",
    delay: millis(5_000),
    remaining: millis(remaining),
  })),
  queue: 2,
});

const obstacle = (of: Partial<Obstacle>): Obstacle => ({
  lock: "x",
  holder: null,
  metadata: "",
  delayed: null,
  delayedBy: null,
  queue: 1,
  ...of,
});

const leaseView = (lease: number, remaining: number) => ({
  lease: leaseId(lease),
  owner: "anna",
  ttl: millis(9_000),
  remaining: millis(remaining),
  metadata: "",
  locks: 1,
  waiting: 0,
});

/** What the lock actor says, and what it becomes. */
const rows: readonly (readonly [Answer, Answer])[] = [
  ...(["held", "locked", "staleToken", "heldByAnotherLease", "heldByAnotherOwner"] as const).map(
    (type) =>
      [
        { type, holder: holder(5) },
        { type, holder: holder(5, 5) },
      ] as const,
  ),
  [
    { type: "queued", position: 3, obstacle: obstacle({ holder: holder(5) }) },
    { type: "queued", position: 3, obstacle: obstacle({ holder: holder(5, 5) }) },
  ],
  [
    { type: "busy", obstacle: obstacle({ delayed: millis(5_000), delayedBy: fencingToken(41) }) },
    { type: "busy", obstacle: obstacle({ delayed: millis(41), delayedBy: fencingToken(41) }) },
  ],
  [
    { type: "lockSeen", lock: view({ grants: [grant(5), grant(6)], delayed: { 41: 0, 42: 0 } }) },
    { type: "lockSeen", lock: view({ grants: [grant(5, 5), grant(6, 6)], delayed: { 41: 41, 42: 42 } }) },
  ],
  [
    {
      type: "locksSeen",
      locks: [view({ grants: [], delayed: {} }), view({ grants: [], delayed: { 42: 0 } })],
      next: "y",
    },
    {
      type: "locksSeen",
      locks: [view({ grants: [], delayed: {} }), view({ grants: [], delayed: { 42: 42 } })],
      next: "y",
    },
  ],
  [
    { type: "leasesSeen", leases: [leaseView(5, 0), leaseView(6, 0)], next: null },
    { type: "leasesSeen", leases: [leaseView(5, 5), leaseView(6, 6)], next: null },
  ],
];

test("whatever names a holder, a delay or a lease goes by way of the lease actor, which says how much is left of it", () => {
  for (const [said, filled] of rows) {
    assert.ok(namesHolder(said), said.type);
    assert.equal(fillAnswer(said, left), filled);
  }
});

test("what names nobody needs no filling", () => {
  const none: Answer[] = [
    { type: "queued", position: 2, obstacle: obstacle({}) },
    { type: "busy", obstacle: obstacle({ queue: 7 }) },
    { type: "lockSeen", lock: view({ grants: [], delayed: {} }) },
    { type: "locksSeen", locks: [view({ grants: [], delayed: {} })], next: null },
    { type: "leasesSeen", leases: [], next: null },
    { type: "granted", lease: leaseId(1), token: fencingToken(1), ttl: millis(9_000) },
    { type: "free" },
    { type: "waitOver" },
    { type: "refused", refusal: "overloaded" },
    isRenewed(1),
  ];
  for (const said of none) {
    assert.not(namesHolder(said), said.type);
    assert.is(fillAnswer(said, left), said);
  }
});

test("what is left of a lock-delay counts from when the leader began to time it; without timers it is all of it", () => {
  const asked = { type: "busy", obstacle: obstacle({ delayed: millis(1), delayedBy: fencingToken(4) }) } as const;
  const complete = { type: "complete", answers: [{ requestId: requestId("r"), answer: asked }] } as const;
  const told = (delayed: number) =>
    answers(["r", { ...asked, obstacle: { ...asked.obstacle, delayed: millis(delayed) } }]);
  const set = changed(alarmSet(delayAlarm("x", fencingToken(4)), 1_000));

  const timed = leader();
  receive(timed, set);
  passTime(timed, 300);
  assert.equal(receive(timed, complete), [told(700)]);
  passTime(timed, 1_500);
  assert.equal(receive(timed, complete), [told(0)]);

  const untimed = node();
  receive(untimed, set);
  untimed.now = 300;
  assert.equal(receive(untimed, complete), [told(1_000)]);
  assert.equal(receive(leader(), complete), [told(0)], "nothing is left of a delay that is over");
});

test.run();
