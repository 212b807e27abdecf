// Scripted stories of leases, and of requests that come once more when everybody has forgotten them. Each must end well with the
// service as it ships, and end badly with the mutants that are named for it.

import { logIndex, type NodeId, type RequestId } from "../../../src/actors/scalars.ts";
import { type Cluster, diskOf, goOn, nodeOf, stop, type Watching } from "../cluster.ts";
import { post, setClockRate } from "../node.ts";
import { calmPlan } from "../plan.ts";
import {
  type Asked,
  acquire,
  answerTo,
  awaitThat,
  begin,
  client,
  leaderOf,
  open,
  othersThan,
  pass,
  release,
  request,
  send,
  take,
} from "../script.ts";
import { check } from "../witness.ts";
import { churn } from "./stories-raft.ts";

const alice = client("alice");
const looker = client("looker");

/** Clocks that are as wrong as is allowed: those of the servers too fast, the client's too slow. */
export function clocksAtTheBound(seed: number, watching: Watching = {}): void {
  const cluster = begin(seed, { clockError: 0 }, watching);
  for (const id of cluster.ids) setClockRate(nodeOf(cluster, id), 1.0099);
  const lease = open(cluster, { name: "slow", clockRate: 0.9901 }, 60_000);
  awaitThat(cluster, "the lease ends", 65_000, () => cluster.beliefs.ended.has(lease));
}

/** The lease actor of a leader stands still for longer than a ttl. A renewal that came in time waits for it all the while. */
export function leaseThreadStalls(seed: number, watching: Watching = {}): void {
  const { manners } = calmPlan(seed);
  const cluster = begin(seed, {}, watching);
  const leader = leaderOf(cluster);
  const lease = open(cluster, alice, 3000);
  stop(cluster, leader, ["lease"]);
  pass(cluster, 1500);
  Object.assign(cluster.crowd.manners, { budgetMin: 200, budgetMax: 250 });
  send(cluster, alice, { operation: { type: "renewLease", lease }, isNamed: false, at: leader });
  pass(cluster, 2500);
  Object.assign(cluster.crowd.manners, manners);
  goOn(cluster, leader, ["lease"]);
  pass(cluster, 500);
  const answer = request(cluster, alice, { type: "renewLease", lease }, leader);
  check(answer?.type === "leaseRenewed", "a lease that is renewed in time stays", () => JSON.stringify(answer));
}

/** A request comes once more, as from another node's gateway that knows nothing of its answer. */
function comeAgain(cluster: Cluster, { request: once }: Asked, bornAt: number): void {
  const leader = leaderOf(cluster);
  const { operation } = once;
  const repeated = {
    requestId: once.requestId as RequestId,
    bornAt: logIndex(bornAt),
    operation,
    bytes: 100,
    budget: 2000 as never,
    sending: 1,
  };
  const from = othersThan(cluster, leader)[0] as NodeId;
  post(nodeOf(cluster, leader), "peers", "gateway", { type: "forwarded", from, requests: [repeated] });
  pass(cluster, 500);
}

/** Asks for a lock and gives it back; says what was asked, and what was committed before. */
function takeAndRelease(cluster: Cluster): { asked: Asked; bornAt: number } {
  const bornAt = cluster.ledger.committed.length;
  const asked = send(cluster, alice, { operation: acquire("job", "alice", 60_000) });
  const answer = answerTo(cluster, asked);
  if (answer?.type !== "granted") throw new Error(`granted was expected, not ${JSON.stringify(answer)}`);
  request(cluster, alice, release("job", "alice", answer.token));
  return { asked, bornAt };
}

function checkFree(cluster: Cluster, rule: string): void {
  const answer = request(cluster, looker, { type: "check", lock: "job" });
  check(answer?.type === "free", rule, () => JSON.stringify(answer));
}

/** A request whose grant is over comes once more. */
export function grantIsOver(seed: number, watching: Watching = {}): void {
  const cluster = begin(seed, {}, watching);
  const { asked, bornAt } = takeAndRelease(cluster);
  churn(cluster, 10);
  comeAgain(cluster, asked, bornAt);
  checkFree(cluster, "a request is granted once");
}

/** A request comes once more after everything about it was forgotten. */
export function veryLateRepeat(seed: number, watching: Watching = {}): void {
  const { cluster: whole } = calmPlan(seed);
  const cluster = begin(seed, { cluster: { ...whole, requestsRemembered: 20 } }, watching);
  const { asked, bornAt } = takeAndRelease(cluster);
  churn(cluster, 20);
  comeAgain(cluster, asked, bornAt);
  checkFree(cluster, "a request that may have been done is not done again");
}

/** Many requests, of which few are remembered: an entry leaves two outcomes at most here, its own and that of the grant it ends. */
export function muchIsForgotten(seed: number, watching: Watching = {}): void {
  const { cluster: whole, node } = calmPlan(seed);
  const plan = { cluster: { ...whole, requestsRemembered: 20 }, node: { ...node, snapshotEntries: 32 } };
  const cluster = begin(seed, plan, watching);
  churn(cluster, 60);
  pass(cluster, 2000);
  for (const id of cluster.ids) {
    const slices = diskOf(cluster, id).snapshot?.slices ?? [];
    const outcomes = slices.reduce((sum, slice) => sum + slice.outcomes.length, 0);
    check(slices.length > 0 && outcomes <= 40, "what is remembered is bounded", () => `${id}: ${outcomes} outcomes`);
  }
}

/** A client releases what it held before its lease expired, and now holds again. */
export function staleRelease(seed: number, watching: Watching = {}): void {
  const cluster = begin(seed, {}, watching);
  const first = take(cluster, alice, acquire("job", "alice", 1000));
  pass(cluster, 1500);
  const second = take(cluster, alice, acquire("job", "alice", 60_000));
  const answer = request(cluster, alice, release("job", "alice", first.token));
  check(answer?.type === "staleToken", "a stale token frees nothing", () => JSON.stringify(answer));
  const seen = request(cluster, looker, { type: "check", lock: "job" });
  const isHeld = seen?.type === "locked" && seen.holder.token === second.token;
  check(isHeld, "a stale token frees nothing", () => JSON.stringify(seen));
}
