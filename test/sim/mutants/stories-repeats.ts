// Scripted stories of requests that are repeated because their answer was lost, and of tables that are restored. Each must end
// well with the service as it ships, and end badly with the mutants that are named for it.

import { millis, type NodeId } from "../../../src/actors/scalars.ts";
import { askToHandOver, type Cluster, crash, diskOf, start, type Watching } from "../cluster.ts";
import { slowDown } from "../network.ts";
import { calmPlan } from "../plan.ts";
import {
  type Asked,
  acquire,
  acquireUnder,
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

const alice = client("alice");

const setBudget = (cluster: Cluster, budget: number): void =>
  void Object.assign(cluster.crowd.manners, { budgetMin: budget, budgetMax: budget });

/** Asks `at` for something whose answer is lost once it is committed. */
function loseAnswer(cluster: Cluster, operation: Parameters<typeof request>[2], at: NodeId): Asked {
  const before = cluster.ledger.committed.length;
  const asked = send(cluster, alice, { operation, at });
  awaitThat(cluster, "it is committed", 2000, () => cluster.ledger.committed.length > before);
  cluster.crowd.unreachable.add(at);
  return asked;
}

/** The repeat of a request comes shortly before the lease that it was granted would end, and the disks are slow: the expiry is
 *  proposed before the repeat is applied. */
function repeatNearTheEnd(operation: Parameters<typeof request>[2]) {
  return (seed: number, watching: Watching = {}): void => {
    const cluster = begin(seed, {}, watching);
    setBudget(cluster, 700);
    const asked = loseAnswer(cluster, operation, othersThan(cluster, leaderOf(cluster))[0] as NodeId);
    pass(cluster, 20);
    for (const id of cluster.ids) Object.assign(diskOf(cluster, id).pace, { flushMin: 150, flushMax: 151 });
    setBudget(cluster, 3000);
    const answer = answerTo(cluster, asked);
    check(
      answer?.type === "granted" || answer?.type === "leaseOpened",
      "a request whose answer was lost is answered when it is repeated",
      () => JSON.stringify(answer),
    );
    awaitThat(cluster, "the lease ends", 8000, () => cluster.beliefs.ended.has(answer.lease));
  };
}

export const acquireRepeated = repeatNearTheEnd(acquire("job", "alice", 1000));
export const openingRepeated = repeatNearTheEnd({ type: "openLease", owner: "alice", ttl: millis(1000) });

/** The answer to a request is long on its way to the node that sent it on. Meanwhile the same comes there once more, from a client that
 *  has lost his connection: what is granted to him must not be older than his call. */
export function joinedLate(seed: number, watching: Watching = {}): void {
  const { node } = calmPlan(seed);
  const cluster = begin(seed, { node: { ...node, retryMs: millis(10_000) } }, watching);
  const leader = leaderOf(cluster);
  const [far] = othersThan(cluster, leader) as [NodeId];
  slowDown(cluster.network, leader, far, 1500);
  // It misses its leader, and finds it again.
  pass(cluster, 4000);
  check(leaderOf(cluster) === leader, "nobody disturbs a leader that serves", () => leader);
  setBudget(cluster, 10_000);
  const operation = acquire("job", "alice", 2000);
  const first = send(cluster, alice, { operation, at: far });
  pass(cluster, 1400);
  const second = send(cluster, alice, { operation, at: far, repeats: first.request });
  for (const asked of [first, second]) {
    const answer = answerTo(cluster, asked);
    check(answer?.type === "granted", "who joins a request is answered", () => JSON.stringify(answer));
  }
  pass(cluster, 3000);
}

/** A renewal comes while the expiry of its lease is being written: whoever is told that it was renewed must still have it. */
export function renewalMeetsExpiry(seed: number, watching: Watching = {}): void {
  let isProposed = false;
  const said = (_node: NodeId, from: string, to: string, letter: unknown): void => {
    isProposed ||= from === "lease" && to === "raft" && (letter as { type: string }).type === "propose";
  };
  const cluster = begin(seed, {}, { ...watching, witnesses: [...(watching.witnesses ?? []), { said }] });
  const leader = leaderOf(cluster);
  const lease = open(cluster, alice, 1000);
  for (const id of cluster.ids) Object.assign(diskOf(cluster, id).pace, { flushMin: 200, flushMax: 201 });
  awaitThat(cluster, "an expiry is proposed", 3000, () => isProposed);
  const asked = send(cluster, alice, { operation: { type: "renewLease", lease }, isNamed: false, at: leader });
  const answer = answerTo(cluster, asked);
  pass(cluster, 600);
  const isKept = answer?.type !== "leaseRenewed" || !cluster.beliefs.ended.has(lease);
  check(isKept, "a lease that was renewed lives on", () => JSON.stringify(answer));
}

/** A lease is renewed, and then its leader hands over: the next one knows nothing of the renewal. */
export function fullSpan(seed: number, watching: Watching = {}): void {
  const cluster = begin(seed, {}, watching);
  const lease = open(cluster, alice, 3000);
  pass(cluster, 2000);
  request(cluster, alice, { type: "renewLease", lease });
  askToHandOver(cluster, leaderOf(cluster));
  awaitLeader(cluster);
  awaitThat(cluster, "the lease ends", 5000, () => cluster.beliefs.ended.has(lease));
}

/** Every node is started anew from a snapshot of a table that holds something of every kind. */
export function everythingRestored(seed: number, watching: Watching = {}): void {
  const { cluster: whole, node } = calmPlan(seed);
  const plan = {
    cluster: { ...whole, digestEntries: 1 },
    node: { ...node, snapshotEntries: 16, trailingEntries: 0 },
  };
  const cluster = begin(seed, plan, watching);
  setBudget(cluster, 300);
  const asked = loseAnswer(
    cluster,
    acquire("job", "alice", 60_000),
    othersThan(cluster, leaderOf(cluster))[0] as NodeId,
  );
  answerTo(cluster, asked);
  cluster.crowd.unreachable.clear();
  setBudget(cluster, 3000);
  take(cluster, alice, acquireUnder("other", "alice", open(cluster, alice, 60_000)));
  for (const id of cluster.ids) {
    churn(cluster, 12);
    pass(cluster, 500);
    const isLeader = id === leaderOf(cluster);
    crash(cluster, id);
    if (isLeader) awaitLeader(cluster);
    start(cluster, id);
    pass(cluster, 1500);
    open(cluster, alice, 60_000);
  }
  churn(cluster, 5);
  pass(cluster, 1000);
}
