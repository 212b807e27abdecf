// What the regions promise when many want one lock, and when what one of them was told is lost or comes late.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Answer } from "../../../src/actors/operations.ts";
import { type NodeId, nodeId, regionId } from "../../../src/actors/scalars.ts";
import { crash, start } from "../cluster.ts";
import { acquire, acquireUnder, release } from "../script.ts";
import { calmRegions } from "./plan.ts";
import {
  answerTo,
  awaitLater,
  awaitThat,
  beginWorld,
  client,
  keepAlive,
  later,
  lose,
  open,
  pass,
  reconnect,
  request,
  send,
  take,
} from "./script.ts";
import { way } from "./wide.ts";
import { clusterOf, type World } from "./world.ts";

const test = suite("sim/regions/rivals");

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

test("rivals in three regions do not starve each other", () => {
  const world = beginWorld(9);
  const counts = new Map<string, number>();
  const until = world.timetable.now + 30_000;
  const live = (name: string, at: NodeId): void => {
    if (world.timetable.now > until) return;
    const asked = send(world, client(name), { operation: acquire("job", name, 5000), at });
    awaitLater(world, asked, () => {
      if (asked.answer?.type !== "granted") return later(world, 30, () => live(name, at));
      counts.set(name, (counts.get(name) ?? 0) + 1);
      const { token } = asked.answer;
      later(world, 50, () => {
        const freed = send(world, client(name), { operation: release("job", name, token), at });
        awaitLater(world, freed, () => later(world, 30, () => live(name, at)));
      });
    });
  };
  live("anna", asia1);
  live("ben", east1);
  live("carl", north1);
  pass(world, 32_000);
  const all = ["anna", "ben", "carl"].map((name) => counts.get(name) ?? 0);
  assert.ok(
    all.every((count) => count >= 5),
    all.join(),
  );
});

test("what was forgotten is not accepted any more, however late it comes", () => {
  const small = {
    ...each,
    cluster: { ...each.cluster, requestsRemembered: 20 },
    manners: { ...each.manners, patience: 0 },
  };
  const world = beginWorld(10, { each: small });
  // The acceptor in the north hears of the accept only much later.
  let isHeld = false;
  world.wide.taps.add((from, to, message) => {
    if (message.type !== "ask" || message.question.type !== "accept" || isHeld) return;
    if (from.region === asia && to.region === east) {
      isHeld = true;
      world.wide.latencies.set(way(asia, north), 6000);
      world.wide.latencies.set(way(asia, east), 6000);
    }
  });
  const asked = send(world, anna, { operation: acquire("job", "anna", 1000), at: asia1 });
  pass(world, 3500);
  reconnect(world);
  world.wide.latencies.set(way(asia, north), 40);
  world.wide.latencies.set(way(asia, east), 40);
  const first = take(world, ben, acquire("job", "ben", 1000), east1);
  request(world, ben, release("job", "ben", first.token), east1);
  for (let at = 0; at < 40; at += 1)
    request(world, ben, acquire(`other ${at % 3}`, "ben", 1000), at % 2 ? east1 : north1);
  pass(world, 8000);
  answerTo(world, asked);
  const last = take(world, ben, acquire("job", "ben", 1000), north1);
  assert.ok(last.token > first.token);
});

test("a lease that one majority has renewed holds the lock that another majority has accepted", () => {
  for (let seed = 11; seed < 16; seed += 1) {
    const world = beginWorld(seed);
    const lease = open(world, anna, 2000, asia1);
    const { told, renewal } = keepAlive(world, { lease, at: asia1, every: 600 });
    // Grants reach asia and east, renewals asia and north, in turn.
    for (let round = 0; round < 5; round += 1) {
      world.wide.blocked.add(way(asia, north));
      const grant = send(world, anna, { operation: acquireUnder(`job ${round}`, "anna", lease), at: asia1 });
      pass(world, 700);
      world.wide.blocked.clear();
      world.wide.blocked.add(way(asia, east));
      pass(world, 900);
      send(world, ben, { operation: acquire(`job ${round}`, "ben", 1000), at: north1 });
      world.wide.blocked.clear();
      answerTo(world, grant);
    }
    renewal.isOver = true;
    pass(world, 5000);
    assert.ok(told.length > 3);
  }
});

test("a lost Abandon is made good: the lock is free again, and the lease of its client lives on", () => {
  const world = beginWorld(16, once);
  const lease = open(world, anna, 3000, asia1);
  const { renewal, told } = keepAlive(world, { lease, at: asia1, every: 900 });
  // What asia has accepted is accepted in the north and nowhere else; nothing of it is heard, and then asia's proposer dies.
  for (const lost of [way(asia, east), way(north, asia)]) world.wide.blocked.add(lost);
  send(world, anna, { operation: acquireUnder("job", "anna", lease), at: asia1 });
  pass(world, 600);
  crash(clusterOf(world, asia), asia1);
  pass(world, 100);
  world.wide.blocked.clear();
  start(clusterOf(world, asia), asia1);
  pass(world, 10_000);
  assert.ok(told.some(({ type, at }) => type === "leaseRenewed" && at > world.timetable.now - 3000));
  renewal.isOver = true;
  pass(world, 5000);
  awaitThat(world, "nobody holds the lock", 10_000, () => isFree(world));
});

function isFree(world: World): boolean {
  return request(world, ben, { type: "check", lock: "job" }, east1)?.type === "free";
}

test("duelling proposers come to an end, however the regions lie", () => {
  for (let seed = 20; seed < 26; seed += 1) {
    const world = beginWorld(seed);
    world.wide.latencies.set(way(asia, east), 5 * (seed - 19));
    world.wide.latencies.set(way(east, north), 150);
    const asked = [asia1, east1, north1].map((at, place) =>
      send(world, client(`rival${place}`), { operation: acquire("job", `rival${place}`, 60_000), at }),
    );
    pass(world, 3000);
    assert.is(asked.filter(({ answer }) => isGranted(answer)).length, 1);
  }
});

test("with one region lost, and disks slower than the way between regions, one of two who ask at once gets the lock", () => {
  const disk = { ...each.disk, flushMin: 50, flushMax: 250 };
  const manners = { ...each.manners, budgetMin: 5000, budgetMax: 5000, patience: 0 };
  // In these worlds neither came through while both stepped back for only as long as a message takes.
  for (const seed of [50, 61, 63, 88, 91, 97, 133, 175, 187, 211, 279, 287, 289]) {
    const world = beginWorld(seed, { each: { ...each, disk, manners } });
    for (const from of world.ids) for (const to of world.ids) world.wide.latencies.set(way(from, to), 1);
    lose(world, asia);
    pass(world, 200);
    const asked = [east1, north1].map((at) => send(world, client(at), { operation: acquire("job", at, 60_000), at }));
    const types = asked.map((request) => answerTo(world, request)?.type).sort();
    assert.equal(types, ["granted", "held"], `seed ${seed}`);
  }
});

test.run();
