// Scripted stories of requests that wait while leaders change, logs are replaced by snapshots and nodes start again. Each must
// end well with the service as it ships.

import type { AcquireAll, Operation } from "../../../src/actors/operations.ts";
import { type LeaseId, millis, type NodeId, wallTime } from "../../../src/actors/scalars.ts";
import { type Cluster, crash, diskOf, start, type Watching } from "../cluster.ts";
import { calmPlan, type QueueWork } from "../plan.ts";
import {
  answerTo,
  awaitLeader,
  awaitThat,
  begin,
  client,
  leaderOf,
  open,
  othersThan,
  pass,
  request,
  send,
  take,
} from "../script.ts";
import { check } from "../witness.ts";
import { churn } from "./stories-raft.ts";

const holder = client("holder");
const [first, second] = [client("first"), client("second")];

const want = (who: { name: string }, lease: LeaseId, { wait = 0, delay = 0 } = {}): AcquireAll => ({
  type: "acquireAll",
  demands: [{ lock: "job", mode: "exclusive", permits: 1, limit: 0 }],
  owner: who.name,
  under: { lease },
  context: "",
  wait: millis(wait),
  priority: 0,
  delay: millis(delay),
  metadata: "",
  askedAt: wallTime(0),
});

/** Nobody at work but those of the story, and account is kept of the log. */
const queues: QueueWork = {
  waiting: 0,
  ruling: 0,
  looking: 0,
  watching: 0,
  locks: 1,
  waitMax: 0,
  thinkMax: 0,
  holdMax: 0,
  delayMax: 0,
  severalChance: 0,
  sharingChance: 0,
  priorityChance: 0,
  delayChance: 0,
  cancelChance: 0,
  repeatChance: 0,
  moreChance: 0,
  vanishChance: 0,
};

/** Clients that keep to one attempt for as long as they may wait. */
const patient = (seed: number) => {
  const { manners } = calmPlan(seed);
  return { queues, manners: { ...manners, budgetMin: 60_000, budgetMax: 60_000 } };
};

const answeredWithin = (cluster: Cluster, what: string, asked: ReturnType<typeof send>): string => {
  awaitThat(cluster, `${what} is told`, 3000, () => asked.answer !== undefined);
  return asked.answer?.type ?? "nothing";
};

/** Two wait, each at a follower, when their leader dies. Whoever leads next serves them in their order, and both hear of it without
 *  asking again. */
export function leaderDiesOverWaiters(seed: number, watching: Watching = {}): void {
  const cluster = begin(seed, patient(seed), watching);
  const leader = leaderOf(cluster);
  const [here, there] = othersThan(cluster, leader) as [NodeId, NodeId];
  const lease = open(cluster, holder, 60_000);
  take(cluster, holder, want(holder, lease));
  const leases = [open(cluster, first, 60_000), open(cluster, second, 60_000)] as const;
  const one = send(cluster, first, { operation: want(first, leases[0], { wait: 50_000 }), at: here });
  pass(cluster, 200);
  const two = send(cluster, second, { operation: want(second, leases[1], { wait: 50_000 }), at: there });
  pass(cluster, 200);
  crash(cluster, leader);
  awaitLeader(cluster);
  pass(cluster, 500);
  const end = (ended: LeaseId): Operation => ({ type: "endLease", lease: ended });
  request(cluster, holder, end(lease), here);
  check(answeredWithin(cluster, "who came first", one) === "granted", "waiters are served in order", () => "first");
  check(two.answer === undefined, "waiters are served in order", () => "second");
  request(cluster, first, end(leases[0]), here);
  check(answeredWithin(cluster, "who came second", two) === "granted", "waiters are served in order", () => "second");
}

/** A node starts again from a snapshot in which somebody waits and a lock is delayed: both spans end. */
export function alarmsRestored(seed: number, watching: Watching = {}): void {
  const { node } = calmPlan(seed);
  const changes = { nodes: 1, node: { ...node, snapshotEntries: 32, trailingEntries: 0, sliceRecords: 1000 } };
  const cluster = begin(seed, { ...patient(seed), ...changes }, watching);
  const [id] = cluster.ids as [NodeId];
  const lease = open(cluster, holder, 60_000);
  take(cluster, holder, want(holder, lease, { delay: 5000 }));
  const waits = open(cluster, first, 60_000);
  send(cluster, first, { operation: want(first, waits, { wait: 4000 }) });
  pass(cluster, 100);
  request(cluster, second, { type: "forceRelease", lock: "job", token: null, reason: "it must be" });
  const before = diskOf(cluster, id).snapshot?.position.index ?? 0;
  churn(cluster, 60);
  awaitThat(cluster, "a snapshot", 2000, () => (diskOf(cluster, id).snapshot?.position.index ?? 0) > before);
  crash(cluster, id);
  start(cluster, id);
  awaitLeader(cluster);
  pass(cluster, 7000);
  const again = send(cluster, second, { operation: want(second, open(cluster, second, 60_000)) });
  const answer = answerTo(cluster, again);
  check(answer?.type === "granted", "every alarm rings", () => JSON.stringify(answer));
}
