// Very many requests wait, each for a lock of its own: how much memory a node takes for one, how long a lock takes from the
// release to the next grant meanwhile, and what it costs if the leader is lost.

import { setTimeout as pause } from "node:timers/promises";
import { at, type Cluster, leaderOf, others } from "../../test/cluster/cluster.ts";
import { type NodeProcess, residentBytes } from "../../test/cluster/node-process.ts";
import { newCrowd, type Session, type Told, tokenOf, wants } from "./client.ts";
import { type LeaderLost, loseLeader } from "./losing.ts";
import { anonymousBytes, cpuMs } from "./processes.ts";
import { handOver, type Spans, type Stage, spansOf } from "./stage.ts";

export interface Memory {
  /** Of the leader: all that is resident, and that without the pages of the database. */
  readonly residentBytes: number;
  readonly anonymousBytes: number;
}

export interface ManyRow {
  readonly nodes: number;
  readonly waiters: number;
  /** Nothing held, all held, all held and waited for. */
  readonly memory: { readonly idle: Memory; readonly held: Memory; readonly waiting: Memory };
  readonly bytesPerHeld: number;
  readonly bytesPerWaiter: number;
  readonly holdSeconds: number;
  readonly enqueueSeconds: number;
  /** Of the cores of all nodes. */
  readonly enqueueCpuMs: number;
  /** From the release of a lock to the grant of the next, in milliseconds. */
  readonly handover: Spans;
  /** Null with one node. */
  readonly leaderLost: LeaderLost | null;
}

const waitMs = 3_600_000;
/** A session may have 10 000 calls open. */
const perSession = 5_000;
/** So many calls of one session wait for their first answer. */
const windowOf = 200;
const handovers = 200;
const settleMs = 5_000;

const lockName = (number: number): string => `resource/${number}`;

export async function measureMany(cluster: Cluster, waiters: number): Promise<ManyRow> {
  const leader = await leaderOf(cluster);
  const node = at(cluster.nodes, leader);
  const crowd = newCrowd();
  // With several nodes nobody is at the leader, so that all waits outlive it.
  const doors = cluster.sites.length === 1 ? [leader] : others(cluster, leader);
  const doorOf = (number: number) => at(cluster.sites, at(doors, number % doors.length)).grpc;
  const [holder, waiter] = [await crowd.open("holder", doorOf(0)), await crowd.open("waiter", doorOf(1))];
  const sessions: Session[] = [];
  while (sessions.length * perSession < waiters + perSession) {
    sessions.push(await crowd.open(`session-${sessions.length}`, doorOf(sessions.length)));
  }
  const stage: Stage = { cluster, leader, crowd, holder, waiter, sessions, tokens: [], turns: [] };
  const idle = await memoryOf(node);
  const holdSeconds = await secondsOf(() => overAll(stage, waiters, hold));
  const held = await memoryOf(node);
  const cpuBefore = cpuMs(cluster.nodes);
  const enqueueSeconds = await secondsOf(() => overAll(stage, waiters, enqueue));
  const enqueueCpuMs = cpuMs(cluster.nodes) - cpuBefore;
  const waiting = await memoryOf(node);
  const spans: number[] = [];
  for (const number of range(0, handovers)) spans.push(await handOver(stage, number));
  if ((await leaderOf(cluster)) !== leader) throw new Error("another node has come to lead meanwhile");
  const leaderLost = cluster.sites.length === 1 ? null : await loseLeader(stage, range(handovers, waiters));
  crowd.close();
  return {
    nodes: cluster.sites.length,
    waiters,
    memory: { idle, held, waiting },
    bytesPerHeld: (held.anonymousBytes - idle.anonymousBytes) / waiters,
    bytesPerWaiter: (waiting.anonymousBytes - held.anonymousBytes) / waiters,
    holdSeconds,
    enqueueSeconds,
    enqueueCpuMs,
    handover: spansOf(spans),
    leaderLost,
  };
}

/** When what was left over has been collected, as far as it is. */
async function memoryOf(node: NodeProcess): Promise<Memory> {
  await pause(settleMs);
  return { residentBytes: residentBytes(node) ?? Number.NaN, anonymousBytes: anonymousBytes(node) };
}

async function secondsOf(use: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await use();
  return (performance.now() - begun) / 1_000;
}

/** Does `one` for every lock, a few at a time in every session. */
async function overAll(
  stage: Stage,
  count: number,
  one: (stage: Stage, session: Session, number: number) => Promise<void>,
): Promise<void> {
  const { sessions } = stage;
  await Promise.all(
    sessions.flatMap((session, place) =>
      Array.from({ length: windowOf }, async (_, line) => {
        const step = sessions.length * windowOf;
        for (let number = line * sessions.length + place; number < count; number += step) {
          await one(stage, session, number);
        }
      }),
    ),
  );
}

async function hold({ holder, tokens }: Stage, session: Session, number: number): Promise<void> {
  const value = await session.ask(wants(lockName(number), holder, 0), "acquired");
  tokens[number] = tokenOf({ $case: "acquired", value });
}

/** Resolves when it stands in the queue. */
function enqueue(stage: Stage, session: Session, number: number): Promise<void> {
  return new Promise((queued) => {
    const told = new Promise<Told | Error>((done) => {
      session.say(wants(lockName(number), stage.waiter, waitMs, `wait-${number}`), { queued, done });
    });
    const turn = told.then(tokenOf);
    stage.turns[number] = turn;
    // A refusal is seen where the turn is waited for.
    turn.then(
      () => queued(),
      () => queued(),
    );
  });
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);
