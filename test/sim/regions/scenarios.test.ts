// What the regions promise together, as stories: regions are lost and cut off, leaders die in the middle of a round, clients move.
// Every rule of beliefs.ts and ballot-rules.ts is watched all the time.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RegionMessage } from "../../../src/actors/ballots.ts";
import type { Answer } from "../../../src/actors/operations.ts";
import { type LeaseId, millis, nodeId, regionId } from "../../../src/actors/scalars.ts";
import { crash, nodeOf } from "../cluster.ts";
import { acquire, acquireUnder, release } from "../script.ts";
import type { WideTrap } from "./plan.ts";
import { calmRegions } from "./plan.ts";
import {
  answerTo,
  beginWorld,
  client,
  isolate,
  keepAlive,
  later,
  leaderAt,
  legsOf,
  lose,
  nodesOf,
  open,
  pass,
  request,
  restore,
  send,
  take,
} from "./script.ts";
import { springs } from "./traps.ts";
import { clusterOf } from "./world.ts";

const test = suite("sim/regions/scenarios");

const asia = regionId("asia");
const east = regionId("east");
const north = regionId("north");
const asia1 = nodeId("asia1");
const east1 = nodeId("east1");
const north1 = nodeId("north1");
const anna = client("anna");
const ben = client("ben");
const { each } = calmRegions(1);
/** One attempt per request, as long as a client would wait. */
const once = { each: { ...each, manners: { ...each.manners, patience: 0 } } };

const isGranted = (answer: Answer | null | undefined): boolean => answer?.type === "granted";

test("of two regions that ask for one lock at once, one is granted it", () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const world = beginWorld(seed);
    const asked = [
      send(world, anna, { operation: acquire("job", "anna", 30_000), at: asia1 }),
      send(world, ben, { operation: acquire("job", "ben", 30_000), at: east1 }),
    ];
    const types = asked.map((one) => answerTo(world, one)?.type).sort();
    assert.equal(types, ["granted", "held"]);
  }
});

test("the first grant of a lock takes two round trips, the next grants and releases in its region one", () => {
  const world = beginWorld(1);
  const first = legsOf(world, anna, acquire("job", "anna", 30_000), asia1);
  assert.ok(first > 3.9 && first < 5, `${first}`);
  for (let token = 1; token < 4; token += 1) {
    const released = legsOf(world, anna, release("job", "anna", token as never), asia1);
    assert.ok(released < 2.6, `${released}`);
    const again = legsOf(world, anna, acquire("job", "anna", 30_000), asia1);
    assert.ok(again < 2.6, `${again}`);
  }
  const released = legsOf(world, anna, release("job", "anna", 4 as never), asia1);
  assert.ok(released < 2.6, `${released}`);
  const elsewhere = legsOf(world, ben, acquire("job", "ben", 30_000), north1);
  assert.ok(elsewhere < 5, `${elsewhere}`);
});

test("grants under a client's lease take one round trip too, where the lease is known to be live", () => {
  const world = beginWorld(2);
  const lease = open(world, anna, 30_000, asia1);
  take(world, anna, acquireUnder("job", "anna", lease), asia1);
  request(world, anna, { type: "release", lock: "job", grant: { lease } }, asia1);
  const again = legsOf(world, anna, acquireUnder("job", "anna", lease), asia1);
  assert.ok(again < 2.6, `${again}`);
});

test("when one region is lost the others go on", () => {
  const world = beginWorld(3);
  const held = take(world, anna, acquire("job", "anna", 30_000), asia1);
  lose(world, north);
  assert.is(request(world, anna, release("job", "anna", held.token), asia1)?.type, "released");
  const next = take(world, ben, acquire("job", "ben", 30_000), east1);
  assert.ok(next.token > held.token);
});

test("when two regions are lost nothing is granted and every refusal says so; the service recovers without help", () => {
  const world = beginWorld(4, once);
  lose(world, north);
  lose(world, east);
  pass(world, 500);
  const refused: string[] = [];
  const tap = (letter: unknown): void => {
    const { answers } = letter as { answers: readonly { answer: Answer }[] };
    for (const { answer } of answers) refused.push(answer.type === "refused" ? answer.refusal : answer.type);
  };
  const node = nodeOf(clusterOf(world, asia), asia1);
  node.lookout = (from, to, letter) => {
    if (from === "region" && to === "gateway") tap(letter);
  };
  for (const lock of ["one", "two"]) assert.is(request(world, anna, acquire(lock, "anna", 10_000), asia1), null);
  assert.is(request(world, anna, { type: "openLease", owner: "anna", ttl: millis(5000) }, asia1), null);
  assert.is(request(world, anna, { type: "check", lock: "one" }, asia1), null);
  assert.ok(refused.length >= 4, refused.join());
  assert.ok(
    refused.every((one) => one === "no-quorum" || one === "unknown-outcome"),
    refused.join(),
  );
  assert.is(refused.filter((one) => one === "unknown-outcome").length <= 1, true, refused.join());
  restore(world, east);
  pass(world, 3000);
  for (const lock of ["one", "two"]) take(world, ben, acquire(lock, "ben", 10_000), asia1);
});

test("a region that is cut off stops acknowledging renewals, and others take over only after the lease has ended", () => {
  const world = beginWorld(5, once);
  const lease = open(world, anna, 3000, asia1);
  take(world, anna, acquireUnder("job", "anna", lease), asia1);
  const { told, renewal } = keepAlive(world, { lease, at: asia1, every: 1000 });
  pass(world, 5000);
  assert.ok(told.length > 3);
  assert.ok(told.every(({ type }) => type === "leaseRenewed"));
  isolate(world, asia);
  const cutAt = world.timetable.now;
  let taken: Answer | null = null;
  while (!isGranted(taken)) {
    taken = request(world, ben, acquire("job", "ben", 10_000), east1);
    assert.ok(world.timetable.now < cutAt + 9000, "the others take over in the end");
    pass(world, 50);
  }
  renewal.isOver = true;
  const until = world.beliefs.leases.get(lease)?.until ?? 0;
  assert.ok(world.timetable.now >= until);
  assert.is(told.filter((one) => one.at > cutAt + 200 && one.type === "leaseRenewed").length, 0);
});

test("a client whose region is lost keeps its lease alive through another region", () => {
  const world = beginWorld(6, once);
  const lease = open(world, anna, 3000, asia1);
  const held = take(world, anna, acquireUnder("job", "anna", lease), asia1);
  lose(world, asia);
  for (let at = 0; at < 10; at += 1) {
    assert.is(request(world, anna, { type: "renewLease", lease }, east1)?.type, "leaseRenewed");
    pass(world, 1000);
  }
  assert.is(request(world, ben, acquire("job", "ben", 3000), north1)?.type, "held");
  const again = request(world, anna, acquireUnder("job", "anna", lease), east1);
  assert.equal(again, { type: "granted", lease, token: held.token, ttl: 3000 });
  restore(world, asia);
  pass(world, 1500);
  assert.is(request(world, anna, { type: "renewLease", lease }, asia1)?.type, "leaseRenewed");
});

const steps: readonly WideTrap[] = [
  "begin",
  "accept",
  "askPrepare",
  "askAccept",
  "replyPrepare",
  "replyAccept",
  "replies",
  "answer",
];

for (const step of steps) {
  test(`whoever leads a region may die at the step ${step} of a round: a repeat gets one and the same grant`, () => {
    for (const region of [asia, east]) {
      const world = beginWorld(7, { nodes: 3 });
      let isSprung = false;
      for (const id of nodesOf(world, region)) {
        const node = nodeOf(clusterOf(world, region), id);
        node.lookout = (from, to, letter) => {
          if (isSprung || !springs[step](from, to, letter)) return;
          isSprung = true;
          later(world, 0, () => crash(clusterOf(world, region), id));
        };
      }
      const asked = send(world, anna, { operation: acquire("job", "anna", 20_000), at: leaderAt(world, asia) });
      const answer = answerTo(world, asked);
      assert.ok(isGranted(answer), JSON.stringify(answer));
      restore(world, region);
      pass(world, 3000);
      const repeat = { operation: asked.request.operation, repeats: asked.request, at: leaderAt(world, east) };
      assert.equal(answerTo(world, send(world, anna, repeat)), answer);
      assert.is(request(world, ben, acquire("job", "ben", 2000), leaderAt(world, north))?.type, "held");
    }
  });
}

test("renewals of many leases travel together", () => {
  const world = beginWorld(8);
  const leases = Array.from({ length: 200 }, (_, at) => {
    const who = client(`client${at}`);
    return send(world, who, { operation: { type: "openLease", owner: who.name, ttl: millis(20_000) }, at: asia1 });
  }).map((asked) => (answerTo(world, asked) as { lease: LeaseId }).lease);
  let messages = 0;
  const isOfRenewal = (message: RegionMessage): boolean =>
    (message.type === "ask" && message.question.type === "renew") ||
    (message.type === "reply" && message.reply.type === "renewals");
  world.wide.taps.add((_from, _to, message) => {
    if (isOfRenewal(message)) messages += 1;
  });
  const asked = leases.map((lease) => send(world, anna, { operation: { type: "renewLease", lease }, at: asia1 }));
  for (const one of asked) assert.is(answerTo(world, one)?.type, "leaseRenewed");
  pass(world, 1000);
  assert.ok(messages > 0 && messages < leases.length / 4, `${messages}`);
});

test.run();
