// Waiting where there are several regions: first in, first out inside a region; a release is heard of in all of them; nobody is
// granted what he has given up.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Answer, Operation } from "../../../src/actors/operations.ts";
import { type LeaseId, leaseId, millis, type NodeId, nodeId, regionId, wallTime } from "../../../src/actors/scalars.ts";
import { crash, start } from "../cluster.ts";
import { acquire, acquireUnder, release } from "../script.ts";
import {
  type Asked,
  answerTo,
  awaitThat,
  beginWorld,
  client,
  isolate,
  keepAlive,
  open,
  pass,
  reconnect,
  request,
  send,
  take,
} from "./script.ts";
import { clusterOf, type World } from "./world.ts";

const test = suite("sim/regions/waiting");

const asia = regionId("asia");
const asia1 = nodeId("asia1");
const east1 = nodeId("east1");
const north1 = nodeId("north1");
const anna = client("anna");
const ben = client("ben");
const carl = client("carl");

const wanting = (lock: string, owner: string, { lease, wait }: { lease: LeaseId; wait: number }): Operation => ({
  type: "acquireAll",
  demands: [{ lock, mode: "exclusive", permits: 1, limit: 0 }],
  owner,
  under: { lease },
  context: "",
  wait: millis(wait),
  priority: 0,
  delay: millis(0),
  metadata: "",
  askedAt: wallTime(0),
});

/** A client with a lease of his own, which he keeps alive through one node. */
function enter(world: World, who: ReturnType<typeof client>, at: NodeId) {
  const lease = open(world, who, 4000, at);
  const { renewal } = keepAlive(world, { lease, at, every: 1000 });
  return { who, at, lease, renewal };
}

type Guest = ReturnType<typeof enter>;

const wait = (world: World, { who, at, lease }: Guest, span = 60_000): Asked =>
  send(world, who, { operation: wanting("job", who.name, { lease, wait: span }), at });

const give = (world: World, { who, at, lease }: Guest, answer: Answer | null | undefined): Answer | null => {
  assert.is(answer?.type, "granted");
  if (answer?.type !== "granted") return null;
  return request(world, who, { type: "release", lock: "job", grant: { lease, token: answer.token } }, at);
};

const leave = (...guests: readonly Guest[]): void => {
  for (const { renewal } of guests) renewal.isOver = true;
};

test("whoever waits is granted the lock when it is released, in any region, in the order of his region", () => {
  for (let seed = 1; seed < 6; seed += 1) {
    const world = beginWorld(seed);
    const holder = take(world, anna, acquire("job", "anna", 20_000), asia1);
    const [first, second, third] = [enter(world, ben, east1), enter(world, carl, east1), enter(world, anna, north1)];
    const asked = [first, second, third].map((guest) => {
      const waiting = wait(world, guest);
      pass(world, 300);
      return waiting;
    });
    assert.ok(asked.every(({ answer }) => answer === undefined));
    request(world, anna, release("job", "anna", holder.token), asia1);
    const tokens: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      awaitThat(world, "the next is granted", 4000, () => asked.filter(({ answer }) => answer != null).length > round);
      const place = asked.findIndex(({ answer }, at) => answer?.type === "granted" && !tokens.includes(at));
      tokens.push(place);
      assert.is(asked.filter(({ answer }) => answer === undefined).length, 2 - round, "one at a time");
      assert.is(give(world, [first, second, third][place] as Guest, asked[place]?.answer)?.type, "released");
    }
    assert.ok(tokens.indexOf(0) < tokens.indexOf(1), "ben came before carl, to the same region");
    leave(first, second, third);
    pass(world, 6000);
  }
});

test("one lease asks twice: each request stands for itself", () => {
  const world = beginWorld(11);
  const guest = enter(world, ben, east1);
  const one = answerTo(world, wait(world, guest));
  const two = wait(world, guest);
  const atOnce = request(world, ben, wanting("job", "ben", { lease: guest.lease, wait: 0 }), north1);
  assert.is(atOnce?.type, "held");
  pass(world, 3000);
  assert.is(two.answer, undefined);
  give(world, guest, one);
  assert.is(answerTo(world, two)?.type, "granted");
  // The leased interface goes on as it was: the holder gets his token again.
  assert.is(request(world, ben, acquireUnder("job", "ben", guest.lease), asia1)?.type, "granted");
  leave(guest);
});

test("a wait that is over is told, and never granted afterwards", () => {
  const world = beginWorld(12);
  const holder = take(world, anna, acquire("job", "anna", 20_000), asia1);
  const guest = enter(world, ben, east1);
  const asked = wait(world, guest, 1500);
  assert.is(answerTo(world, asked)?.type, "waitOver");
  request(world, anna, release("job", "anna", holder.token), asia1);
  pass(world, 5000);
  assert.is(request(world, carl, { type: "check", lock: "job" }, north1)?.type, "free");
  leave(guest);
});

test("a cancelled wait leaves nothing, whether it waits, was granted, or comes only later", () => {
  const world = beginWorld(13);
  const holder = take(world, anna, acquire("job", "anna", 20_000), asia1);
  const guest = enter(world, ben, east1);
  const { lease, at } = guest;
  const cancel = (asked: Asked, by: NodeId): Answer | null => {
    const { requestId } = asked.request;
    assert.ok(requestId !== null);
    return request(world, ben, { type: "cancel", request: requestId, lease, lock: "job", owner: "ben" }, by);
  };
  const waiting = wait(world, guest);
  pass(world, 500);
  assert.equal(cancel(waiting, at), { type: "cancelled", token: null });
  assert.is(answerTo(world, waiting)?.type, "requestCancelled");
  request(world, anna, release("job", "anna", holder.token), asia1);
  const granted = wait(world, guest);
  const answer = answerTo(world, granted);
  assert.equal(cancel(granted, north1), { type: "cancelled", token: answer?.type === "granted" ? answer.token : -1 });
  assert.is(request(world, carl, { type: "check", lock: "job" }, north1)?.type, "free");
  leave(guest);
});

test("the lease of one who waits ends: he is told so, and the next is granted", () => {
  const world = beginWorld(14);
  const holder = take(world, anna, acquire("job", "anna", 60_000), asia1);
  const [gone, next] = [enter(world, ben, east1), enter(world, carl, east1)];
  const lost = wait(world, gone);
  pass(world, 200);
  const kept = wait(world, next);
  leave(gone);
  assert.is(answerTo(world, lost)?.type, "leaseEnded");
  request(world, anna, release("job", "anna", holder.token), asia1);
  assert.is(answerTo(world, kept)?.type, "granted");
  leave(next);
});

test("a region that was cut off when the lock was released tries again by itself", () => {
  const world = beginWorld(15);
  const holder = take(world, anna, acquire("job", "anna", 60_000), asia1);
  const guest = enter(world, ben, east1);
  const asked = wait(world, guest);
  pass(world, 500);
  isolate(world, regionId("east"));
  request(world, anna, release("job", "anna", holder.token), asia1);
  pass(world, 500);
  reconnect(world);
  assert.is(answerTo(world, asked)?.type, "granted");
  leave(guest);
});

test("the leader of a region dies while clients wait there: they wait on, and are granted the lock", () => {
  const world = beginWorld(16, { nodes: 3 });
  const holder = take(world, anna, acquire("job", "anna", 60_000), nodeId("asia1"));
  const guest = enter(world, ben, nodeId("east1"));
  const asked = wait(world, guest);
  pass(world, 500);
  const { ids } = clusterOf(world, regionId("east"));
  const dead = ids.find((id) => id !== guest.at) as NodeId;
  crash(clusterOf(world, regionId("east")), dead);
  pass(world, 3000);
  start(clusterOf(world, regionId("east")), dead);
  request(world, anna, release("job", "anna", holder.token), nodeId("asia1"));
  assert.is(answerTo(world, asked)?.type, "granted");
  leave(guest);
});

test("a lock whose holder is gone for ever comes to the one who waits elsewhere", () => {
  const world = beginWorld(17);
  take(world, anna, acquire("job", "anna", 3000), asia1);
  const guest = enter(world, ben, east1);
  const asked = wait(world, guest);
  pass(world, 300);
  crash(clusterOf(world, asia), asia1);
  assert.is(answerTo(world, asked)?.type, "granted");
  leave(guest);
});

test("where there are several regions a wait has a lease, and the lease has the wait", () => {
  const world = beginWorld(18);
  const lease = leaseId(999_999);
  const asked = send(world, ben, { operation: wanting("job", "ben", { lease, wait: 5000 }), at: east1 });
  assert.is(answerTo(world, asked)?.type, "leaseUnknown");
});

test.run();
