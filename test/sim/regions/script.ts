// The words of scripted scenarios with several regions: build a calm world, ask something of a node and wait for the answer, cut
// regions off, kill leaders. What a scenario means stands in scenarios.test.ts.

import type { Answer, Operation } from "../../../src/actors/operations.ts";
import { type LeaseId, millis, type NodeId, type RegionId } from "../../../src/actors/scalars.ts";
import { ask, type Client, type Request } from "../clients.ts";
import { crash, nodeOf, start } from "../cluster.ts";
import { runUntil, scheduleIn } from "../schedule.ts";
import { check } from "../witness.ts";
import { calmRegions, type RegionPlan } from "./plan.ts";
import { way } from "./wide.ts";
import { clusterOf, createWorld, leaderOfRegion, startWorld, type Watching, type World } from "./world.ts";

/** How far apart the regions of a scenario are, one way, in milliseconds. */
export const legMs = 40;

/** Started regions without clients of their own, some time after every region has elected a leader and knows the others'. */
export function beginWorld(
  seed: number,
  { regions = 3, nodes = 1, ...changes }: Partial<RegionPlan> & { readonly nodes?: number } = {},
  watching: Watching = {},
): World {
  const calm = calmRegions(seed);
  const each = { ...calm.each, nodes, ...changes.each };
  const world = createWorld({ ...calm, ...changes, regions, each }, watching);
  for (const from of world.ids) for (const to of world.ids) world.wide.latencies.set(way(from, to), legMs);
  startWorld(world);
  awaitThat(world, "every region is led", 10_000, () => world.ids.every((id) => leaderOfRegion(world, id) !== null));
  pass(world, 1500);
  return world;
}

export const client = (name: string): Client => ({ name, clockRate: 1 });

export const pass = (world: World, span: number): boolean => runUntil(world.timetable, world.timetable.now + span);

export function awaitThat(world: World, what: string, span: number, isDone: () => boolean): void {
  const isInTime = runUntil(world.timetable, world.timetable.now + span, isDone);
  check(isInTime, `${what} within ${span} ms`, () => `not by ${world.timetable.now}`);
}

export const nodesOf = (world: World, region: RegionId): readonly NodeId[] => clusterOf(world, region).ids;
export const leaderAt = (world: World, region: RegionId): NodeId => leaderOfRegion(world, region) as NodeId;

/** Nothing passes between this region and the others. */
export function isolate(world: World, region: RegionId): void {
  for (const other of world.ids) {
    if (other === region) continue;
    world.wide.blocked.add(way(region, other));
    world.wide.blocked.add(way(other, region));
  }
}

export const reconnect = (world: World): void => world.wide.blocked.clear();

/** kill -9 of a whole region. */
export function lose(world: World, region: RegionId): void {
  for (const id of nodesOf(world, region)) crash(clusterOf(world, region), id);
}

export function restore(world: World, region: RegionId): void {
  for (const id of nodesOf(world, region)) {
    if (!nodeOf(clusterOf(world, region), id).isRunning) start(clusterOf(world, region), id);
  }
}

/** Something that has been asked. */
export interface Asked {
  readonly request: Request;
  /** Undefined while nothing came back; null once the client has given up. */
  answer: Answer | null | undefined;
  answeredAt: number;
}

export function send(world: World, who: Client, wish: Parameters<typeof ask>[2]): Asked {
  const asked: { request?: Request; answer: Asked["answer"]; answeredAt: number } = {
    answer: undefined,
    answeredAt: 0,
  };
  asked.request = ask(world.crowd, who, wish, (answer) => {
    asked.answer = answer;
    asked.answeredAt = world.timetable.now;
  });
  return asked as Asked;
}

export function answerTo(world: World, asked: Asked, span = 30_000): Answer | null {
  awaitThat(world, "what was asked ends", span, () => asked.answer !== undefined);
  return asked.answer ?? null;
}

/** Asks a node and waits for the answer. */
export const request = (world: World, who: Client, operation: Operation, at: NodeId): Answer | null =>
  answerTo(world, send(world, who, { operation, at }));

/** How long something took, in one-way trips between regions. */
export function legsOf(world: World, who: Client, operation: Operation, at: NodeId): number {
  const asked = send(world, who, { operation, at });
  answerTo(world, asked);
  return (asked.answeredAt - asked.request.askedAt) / legMs;
}

/** Asks for what must be granted. */
export function take(
  world: World,
  who: Client,
  operation: Operation,
  at: NodeId,
): Extract<Answer, { type: "granted" }> {
  const answer = request(world, who, operation, at);
  if (answer?.type !== "granted") throw new Error(`granted was expected, not ${JSON.stringify(answer)}`);
  return answer;
}

/** Opens a lease. */
export function open(world: World, who: Client, ttl: number, at: NodeId): LeaseId {
  const answer = request(world, who, { type: "openLease", owner: who.name, ttl: millis(ttl) }, at);
  if (answer?.type !== "leaseOpened") throw new Error(`a lease was expected, not ${JSON.stringify(answer)}`);
  return answer.lease;
}

/** A client renews all the time through nodes of one region. */
export function keepAlive(world: World, { lease, at, every }: { lease: LeaseId; at: NodeId; every: number }) {
  const told: { at: number; type: string | null }[] = [];
  const renewal = { isOver: false };
  const renew = (): void => {
    if (renewal.isOver) return;
    const asked = send(world, client("anna"), { operation: { type: "renewLease", lease }, at });
    awaitLater(world, asked, () => {
      told.push({ at: world.timetable.now, type: asked.answer?.type ?? null });
      renewLater();
    });
  };
  const renewLater = (): void => {
    later(world, every, renew);
  };
  renew();
  return { told, renewal };
}

export function awaitLater(world: World, asked: ReturnType<typeof send>, act: () => void): void {
  if (asked.answer !== undefined) return act();
  later(world, 5, () => awaitLater(world, asked, act));
}

export function later(world: World, span: number, act: () => void): void {
  const { timetable } = world;
  scheduleIn(timetable, span, act);
}
