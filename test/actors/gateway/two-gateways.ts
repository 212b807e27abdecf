// Two gateways, a log and a lock table of the simplest kind, in a drawn order of events: letters are delayed, between the two also lost,
// repeated and reordered; leaders come and go; clients come, repeat what others asked for, and go. Whatever a client is told is checked.

import * as assert from "uvu/assert";
import type { Effect, Inbox } from "../../../src/actors/actor.ts";
import { gateway } from "../../../src/actors/gateway/receive.ts";
import type { GatewayState, Pending } from "../../../src/actors/gateway/state.ts";
import type { CallId, RequestAnswer } from "../../../src/actors/messages.ts";
import type { Answer } from "../../../src/actors/operations.ts";
import { fencingToken, leaseId, logIndex, millis, nodeId, type RequestId } from "../../../src/actors/scalars.ts";
import { createRandom, type Random } from "../../sim/random.ts";
import { acquireAll, at, cancelled, config, link, queued, request, standing, timeout } from "./builders.ts";

type Name = "a" | "b";
type Timer = "deadline" | "retry" | "resend";
type Letter = Inbox<"gateway">;

interface Node {
  readonly name: Name;
  readonly state: GatewayState;
  readonly timers: Map<Timer, number>;
  /** Answers on their way: from the lock actor, and by way of the lease actor. In order on each, in none between them. */
  readonly direct: Letter[];
  readonly viaLease: Letter[];
  /** From the other node. */
  readonly network: Letter[];
}

interface Call {
  readonly node: Node;
  readonly id: RequestId;
  readonly cameAt: number;
  told: boolean;
}

export interface World {
  readonly random: Random;
  readonly nodes: Readonly<Record<Name, Node>>;
  readonly calls: Map<CallId, Call>;
  /** What is proposed and not applied, all by the leader. */
  readonly log: RequestId[];
  readonly table: Map<RequestId, "queued" | "granted" | "over">;
  /** When an answer was made. */
  readonly madeAt: WeakMap<Answer, number>;
  /** Whether leaders come and go. */
  readonly isRestless: boolean;
  leader: Name | null;
  term: number;
  step: number;
  now: number;
  lastCall: number;
}

const wish = acquireAll("x");
const other = { a: "b", b: "a" } as const;

export function createWorld(seed: number, { isRestless }: { isRestless: boolean }): World {
  const create = (name: Name): Node => {
    const state = gateway.start({
      ...config,
      node: { ...config.node, nodeId: nodeId(name), incarnation: name, inflightMax: 1000, inflightBytesMax: 1e6 },
    });
    return { name, state, timers: new Map(), direct: [], viaLease: [], network: [] };
  };
  const world: World = {
    random: createRandom(seed, "two gateways"),
    nodes: { a: create("a"), b: create("b") },
    calls: new Map(),
    log: [],
    table: new Map(),
    madeAt: new WeakMap(),
    isRestless,
    leader: null,
    term: 0,
    step: 0,
    now: 0,
    lastCall: 0,
  };
  connect(world);
  return world;
}

function connect(world: World): void {
  for (const name of ["a", "b"] as const) give(world, world.nodes[name], link(other[name], "there:1"));
}

function give(world: World, node: Node, letter: Letter): void {
  for (const effect of gateway.receive(node.state, letter, at(world.now))) carryOut(world, node, effect);
  checkSums(node.state);
}

function carryOut(world: World, node: Node, effect: Effect<"gateway">): void {
  if (effect.type === "setTimer") node.timers.set(effect.timer, world.now + effect.min);
  if (effect.type !== "send") return;
  if (effect.to === "clients") tellClient(world, effect.letter);
  if (effect.to === "raft" && effect.letter.type === "propose" && world.leader === node.name) {
    for (const command of effect.letter.commands) if (command.type === "write") world.log.push(command.requestId);
  }
  if (effect.to === "peers") {
    const from = nodeId(node.name);
    const letter: Letter =
      effect.letter.type === "forward"
        ? { type: "forwarded", from, requests: effect.letter.requests }
        : { type: "replied", from, answers: effect.letter.answers };
    world.nodes[other[node.name]].network.push(letter);
  }
}

function tellClient(world: World, letter: Extract<Effect<"gateway">, { to: "clients" }>["letter"]): void {
  if (letter.type !== "waiting" && letter.type !== "answered") return;
  const call = world.calls.get(letter.call);
  assert.ok(call !== undefined, "only who waits is told anything, and nobody after his answer");
  if (letter.type === "waiting") {
    assert.not(call.told, "that it waits is told once");
    call.told = true;
    return;
  }
  // A new leader starts every span anew. So what the leader before it answered just now is as good as the answer of the next.
  const madeAt = world.isRestless ? world.step : (world.madeAt.get(letter.answer) ?? -1);
  assert.ok(madeAt > call.cameAt, `call ${letter.call} came at ${call.cameAt}, its answer is of ${madeAt}`);
  world.calls.delete(letter.call);
}

/** What is under way and what waits is counted exactly. */
function checkSums({ pending, inflight, inflightBytes, waiting, waitingBytes }: GatewayState): void {
  const sum = (count: (each: Pending) => number): number =>
    [...pending.values()].reduce((all, each) => all + count(each), 0);
  assert.equal(
    [inflight, inflightBytes, waiting, waitingBytes],
    [
      sum((each) => each.calls),
      sum((each) => each.bytes),
      sum((each) => each.places),
      sum((each) => each.places * each.size),
    ],
  );
  for (const { waits, calls, callers } of pending.values()) {
    if (waits) assert.ok(calls >= callers.filter(({ told }) => !told).length);
  }
}

// What may happen.

function answer(world: World, requestId: RequestId, made: Answer): void {
  if (world.leader === null) return;
  world.madeAt.set(made, world.step);
  const given: RequestAnswer = { requestId, answer: made };
  const node = world.nodes[world.leader];
  if (made.type === "queued") node.viaLease.push({ type: "answers", answers: [given] });
  else node.direct.push({ type: "answers", applied: logIndex(7), answers: [given] });
}

function wordOf(world: World, id: RequestId): Answer {
  const token = fencingToken(1);
  switch (world.table.get(id)) {
    case "granted":
      return { type: "granted", lease: leaseId(7), token, ttl: millis(1000) };
    case "over":
      return { type: "grantOver", token, how: "released" };
    default:
      return { ...queued() };
  }
}

function applyNext(world: World): void {
  const id = world.log.shift();
  if (id === undefined) return;
  if (!world.table.has(id)) world.table.set(id, world.random.chance(0.3) ? "granted" : "queued");
  answer(world, id, wordOf(world, id));
}

/** One whose request is in this state goes on to the next. A waiting that ends is an answer; the end of a grant is none. */
function moveOn(world: World, from: "queued" | "granted", to: "granted" | "over"): void {
  const ids = [...world.table].flatMap(([id, state]) => (state === from ? [id] : []));
  if (ids.length === 0) return;
  const id = world.random.pick(ids);
  world.table.set(id, to);
  if (from === "queued") answer(world, id, wordOf(world, id));
}

function comes(world: World): void {
  world.lastCall += 1;
  const call = world.lastCall;
  const id = `r${Math.floor(call / 12) + world.random.below(2)}` as RequestId;
  const node = world.nodes[world.random.pick(["a", "b"] as const)];
  world.calls.set(call, { node, id, cameAt: world.step, told: false });
  give(world, node, request(call, wish, { id, budget: 1e9 }));
}

function goes(world: World): void {
  if (world.calls.size === 0) return;
  const [number, call] = world.random.pick([...world.calls]);
  world.calls.delete(number);
  give(world, call.node, cancelled(number));
}

/** What an earlier leader has not applied is lost, or nobody is told of it. */
function tellLeader(world: World, leader: Name | null): void {
  world.leader = null;
  if (world.random.chance(0.5)) while (world.log.length > 0) applyNext(world);
  world.log.length = 0;
  world.leader = leader;
  world.term += 1;
  for (const name of world.random.shuffle(["a", "b"] as const)) {
    give(
      world,
      world.nodes[name],
      standing(leader, { term: world.term, role: leader === name ? "leader" : "follower" }),
    );
  }
}

function breakLink(world: World): void {
  for (const name of ["a", "b"] as const) {
    world.nodes[name].network.length = 0;
    give(world, world.nodes[name], link(other[name], null));
  }
  connect(world);
}

function deliver(world: World, node: Node, isCalm: boolean): void {
  const { random } = world;
  const line = random.pick([node.direct, node.viaLease, node.network]);
  if (line.length === 0) return;
  const isNetwork = line === node.network && !isCalm;
  if (isNetwork && random.chance(0.05)) {
    line.shift();
    return;
  }
  const place = isNetwork && random.chance(0.2) ? random.below(line.length) : 0;
  const [letter] = isNetwork && random.chance(0.05) ? [line[place]] : line.splice(place, 1);
  if (letter !== undefined) give(world, node, letter);
}

function ring(world: World, node: Node): void {
  for (const [timer, due] of node.timers) {
    if (due > world.now) continue;
    node.timers.delete(timer);
    give(world, node, timeout(timer));
  }
}

/** One step of the drawn order. */
export function shake(world: World): void {
  const { random, nodes } = world;
  world.step += 1;
  world.now += random.below(40);
  const node = nodes[random.pick(["a", "b"] as const)];
  const drawn = random.below(1000);
  if (drawn < 120) comes(world);
  else if (drawn < 160) goes(world);
  else if (drawn < 165 && world.isRestless) tellLeader(world, random.pick(["a", "b", null]));
  else if (drawn < 170 && world.leader === null) tellLeader(world, random.pick(["a", "b"]));
  else if (drawn < 175) breakLink(world);
  else if (drawn < 215) moveOn(world, "queued", "granted");
  else if (drawn < 235) moveOn(world, "granted", "over");
  else if (drawn < 400) applyNext(world);
  else if (drawn < 500) ring(world, node);
  else deliver(world, node, false);
}

/** Lets everything that is under way come to rest, without anything new. */
export function settle(world: World, seconds: number): void {
  if (world.leader === null) tellLeader(world, "a");
  const end = world.now + seconds * 1000;
  while (world.now < end) {
    world.step += 1;
    world.now += 5;
    for (const node of Object.values(world.nodes)) {
      applyNext(world);
      for (let letters = 0; letters < 6; letters += 1) deliver(world, node, true);
      ring(world, node);
    }
  }
}

/** Ends all waiting. */
export function endWaits(world: World): void {
  while ([...world.table.values()].includes("queued")) {
    world.step += 1;
    moveOn(world, "queued", "granted");
  }
}

/** The calls that have not been told that their request waits. */
export const untold = (world: World): number => [...world.calls.values()].filter(({ told }) => !told).length;
