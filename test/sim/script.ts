// The words of scripted scenarios: build a calm cluster, ask it something and wait for the answer, let time pass, wait for a
// leader. Everything else a scenario does stands in cluster.ts and network.ts.

import type { Answer, Operation } from "../../src/actors/operations.ts";
import {
  type FencingToken,
  type LeaseId,
  type Millis,
  millis,
  type NodeId,
  wallTime,
} from "../../src/actors/scalars.ts";
import { ask, type Client, type Request } from "./clients.ts";
import { type Cluster, createCluster, startAll, type Watching } from "./cluster.ts";
import { calmPlan, type Plan } from "./plan.ts";
import { runUntil } from "./schedule.ts";
import { check } from "./witness.ts";

/** A started cluster without clients of its own, some time after its first election. */
export function begin(seed: number, changes: Partial<Plan> = {}, watching: Watching = {}): Cluster {
  const cluster = createCluster({ ...calmPlan(seed), ...changes }, watching);
  startAll(cluster);
  awaitLeader(cluster);
  pass(cluster, 200);
  return cluster;
}

export const client = (name: string): Client => ({ name, clockRate: 1 });

/** Lets time pass. */
export const pass = (cluster: Cluster, span: number): boolean =>
  runUntil(cluster.timetable, cluster.timetable.now + span);

/** Lets time pass until `isDone`, which must be within `span`. */
export function awaitThat(cluster: Cluster, what: string, span: number, isDone: () => boolean): void {
  const isInTime = runUntil(cluster.timetable, cluster.timetable.now + span, isDone);
  check(isInTime, `${what} within ${span} ms`, () => `not by ${cluster.timetable.now}`);
}

/** Waits until a node leads in a later term than any before. */
export function awaitLeader(cluster: Cluster): NodeId {
  const { leaders } = cluster.ledger;
  const before = leaders.size;
  awaitThat(cluster, "a leader is elected", 5000, () => leaders.size > before);
  return [...leaders.values()].at(-1) as NodeId;
}

export const leaderOf = (cluster: Cluster): NodeId => [...cluster.ledger.leaders.values()].at(-1) as NodeId;
export const othersThan = (cluster: Cluster, id: NodeId): NodeId[] => cluster.ids.filter((other) => other !== id);

/** Something that has been asked. */
export interface Asked {
  readonly request: Request;
  /** Undefined while nothing came back; null once the client has given up. */
  answer: Answer | null | undefined;
}

/** Asks and goes on. Without `isNamed` the request is not tried again. */
export function send(cluster: Cluster, who: Client, wish: Parameters<typeof ask>[2]): Asked {
  const asked: { request?: Request; answer: Asked["answer"] } = { answer: undefined };
  asked.request = ask(cluster.crowd, who, wish, (answer) => {
    asked.answer = answer;
  });
  return asked as Asked;
}

/** Waits for what was asked. */
export function answerTo(cluster: Cluster, asked: Asked): Answer | null {
  awaitThat(cluster, "what was asked ends", 30_000, () => asked.answer !== undefined);
  return asked.answer ?? null;
}

/** Asks and waits for the answer. */
export const request = (cluster: Cluster, who: Client, operation: Operation, at?: NodeId): Answer | null =>
  answerTo(cluster, send(cluster, who, { operation, ...(at === undefined ? {} : { at }) }));

export const acquire = (lock: string, owner: string, ttl: number): Operation => ({
  type: "acquire",
  lock,
  owner,
  under: { ttl: millis(ttl) as Millis },
  askedAt: wallTime(0),
});

export const acquireUnder = (lock: string, owner: string, lease: LeaseId): Operation => ({
  type: "acquire",
  lock,
  owner,
  under: { lease },
  askedAt: wallTime(0),
});

export const release = (lock: string, owner: string, token: FencingToken): Operation => ({
  type: "release",
  lock,
  grant: { token, owner },
});

/** Asks for a lock that must be granted. */
export function take(
  cluster: Cluster,
  who: Client,
  operation: Operation,
  at?: NodeId,
): Extract<Answer, { type: "granted" }> {
  const answer = request(cluster, who, operation, at);
  if (answer?.type !== "granted") throw new Error(`granted was expected, not ${JSON.stringify(answer)}`);
  return answer;
}

/** Opens a lease. */
export function open(cluster: Cluster, who: Client, ttl: number): LeaseId {
  const answer = request(cluster, who, { type: "openLease", owner: who.name, ttl: millis(ttl) });
  if (answer?.type !== "leaseOpened") throw new Error(`a lease was expected, not ${JSON.stringify(answer)}`);
  return answer.lease;
}
