// Scripted stories of leadership and of reads, each about something that the drawn plans seldom or never bring about. Each must
// end well with the service as it ships, and end badly with the mutants that are named for it.

import type { NodeId } from "../../../src/actors/scalars.ts";
import { askToHandOver, behaviours, type Cluster, diskOf, goOn, stop, type Watching } from "../cluster.ts";
import { block, partition, unblockAll } from "../network.ts";
import type { Hosting } from "../node.ts";
import {
  acquire,
  awaitLeader,
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
import { check, Violation } from "../witness.ts";
import { type Gate, lateLetters } from "./late-letters.ts";

const alice = client("alice");
const rival = client("rival");

/** Takes and releases a lock again and again. */
export function churn(cluster: Cluster, times: number): void {
  for (let at = 0; at < times; at += 1) {
    const { token } = take(cluster, alice, acquire("churned", "alice", 10_000), leaderOf(cluster));
    request(cluster, alice, release("churned", "alice", token), leaderOf(cluster));
  }
}

const checkNoElection = (cluster: Cluster, before: number): void =>
  check(cluster.ledger.leaders.size === before, "nobody disturbs a leader that serves", () =>
    JSON.stringify([...cluster.ledger.leaders]),
  );

/** A follower does not hear its leader, and is heard by everybody; then it hears it again (thesis §9.6). */
export function deafFollower(seed: number, watching: Watching = {}): void {
  const cluster = begin(seed, {}, watching);
  const leader = leaderOf(cluster);
  const before = cluster.ledger.leaders.size;
  block(cluster.network, leader, othersThan(cluster, leader)[0] as NodeId);
  pass(cluster, 3000);
  unblockAll(cluster.network);
  pass(cluster, 2000);
  checkNoElection(cluster, before);
}

/** A leader is heard by everybody and hears nobody: it must give up, or nobody serves (thesis §6.2). */
export function deafLeader(seed: number, watching: Watching = {}): void {
  const cluster = begin(seed, {}, watching);
  const leader = leaderOf(cluster);
  for (const other of othersThan(cluster, leader)) block(cluster.network, other, leader);
  awaitLeader(cluster);
}

/** A leader gives a transfer up and leads on; then its request to campaign arrives (thesis §3.10). */
export function transferGivenUp(seed: number, watching: Watching = {}): void {
  const cluster = begin(seed, {}, watching);
  const leader = leaderOf(cluster);
  const before = cluster.ledger.leaders.size;
  const { weather } = cluster.network;
  Object.assign(weather, { delayMin: 1500, delayMax: 1501, overtakeChance: 1 });
  askToHandOver(cluster, leader);
  pass(cluster, 1);
  Object.assign(weather, cluster.plan.weather);
  pass(cluster, 800);
  take(cluster, alice, acquire("job", "alice", 60_000), leader);
  pass(cluster, 3000);
  checkNoElection(cluster, before);
}

/** The gateway of a leader sleeps through the loss of its leadership, and wakes when its node has just been elected again and
 *  does not know what is committed. What clients asked meanwhile must not be answered from the table as it was (thesis §6.4). */
export function readAtOnce(seed: number, watching: Watching = {}): void {
  let isAsked = false;
  const said = (_node: NodeId, from: string, to: string, letter: unknown): void => {
    isAsked ||= from === "gateway" && to === "raft" && (letter as { type: string }).type === "read";
  };
  const cluster = begin(seed, {}, { ...watching, witnesses: [...(watching.witnesses ?? []), { said }] });
  const again = leaderOf(cluster);
  stop(cluster, again, ["clients", "gateway"]);
  askToHandOver(cluster, again);
  const between = awaitLeader(cluster);
  const third = othersThan(cluster, again).filter((id) => id !== between);
  partition(cluster.network, third, [again, between]);
  pass(cluster, 800);
  for (const id of cluster.ids) Object.assign(diskOf(cluster, id).pace, { flushMin: 100, flushMax: 101 });
  take(cluster, rival, acquire("job", "rival", 60_000), between);
  askToHandOver(cluster, between);
  const { leaders } = cluster.ledger;
  send(cluster, alice, { operation: { type: "check", lock: "job" }, isNamed: false, at: again });
  awaitThat(cluster, "the leader of old leads again", 5000, () => leaders.size === 3);
  goOn(cluster, again, ["clients", "gateway"]);
  for (let at = 0; at < 500 && !isAsked; at += 1) pass(cluster, 0.002);
  // It asks once, and hears of everything else afterwards.
  stop(cluster, again, ["clients", "gateway"]);
  pass(cluster, 500);
  goOn(cluster, again, ["clients", "gateway"]);
  pass(cluster, 5000);
}

/** A lease actor hears so late that its node leads no more that it proposes an expiry meanwhile; and what it proposed is so long
 *  on its way that its node leads again, two terms later. The lease was renewed in between. */
export function expiryOverdue(seed: number, watching: Watching = {}): void {
  const gate: Gate = { node: null, isTold: false, expiries: 0 };
  const raft = lateLetters(watching.behaviours?.raft ?? behaviours.raft, gate);
  const cluster = begin(seed, {}, { ...watching, behaviours: { ...watching.behaviours, raft } });
  const again = leaderOf(cluster);
  const id = open(cluster, alice, 2000);
  pass(cluster, 500);
  gate.node = again;
  stop(cluster, again, ["lock"]);
  askToHandOver(cluster, again);
  const between = awaitLeader(cluster);
  const third = othersThan(cluster, again).filter((other) => other !== between);
  partition(cluster.network, third, [again, between]);
  pass(cluster, 500);
  const first = request(cluster, alice, { type: "renewLease", lease: id }, between);
  check(first?.type === "leaseRenewed", "a lease has its full span under a new leader", () => JSON.stringify(first));
  awaitThat(cluster, "an expiry is proposed", 2000, () => gate.expiries > 0);
  gate.isTold = true;
  goOn(cluster, again, ["lock"]);
  pass(cluster, 100);
  askToHandOver(cluster, between);
  check(awaitLeader(cluster) === again, "the only heir takes over", () => again);
  gate.node = null;
  pass(cluster, 200);
  const second = request(cluster, alice, { type: "renewLease", lease: id }, again);
  check(second?.type === "leaseRenewed", "a lease is renewed in time", () => JSON.stringify(second));
}

/** A replica is told of another digest than its table has: it must not go on as if nothing were wrong. */
export function digestDiffers(seed: number, watching: Watching = {}): void {
  const honest = watching.behaviours?.raft ?? behaviours.raft;
  const raft: Hosting = (config) => {
    const actor = honest(config);
    const isWrong = config.node.nodeId === "n2";
    const tamper = (letter: unknown): unknown => {
      const { type, digest } = letter as { type: string; digest?: object };
      return isWrong && type === "digest" ? { type, digest: { ...digest, digest: "another" } } : letter;
    };
    return { receive: (letter, now) => actor.receive(tamper(letter), now) };
  };
  const cluster = begin(seed, {}, { ...watching, behaviours: { ...watching.behaviours, raft } });
  let stopped = "nobody stopped";
  try {
    churn(cluster, 30);
    pass(cluster, 1000);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    stopped = error.message;
  }
  check(/the lock table at index \d+ is the leader's/.test(stopped), "a replica that differs stops", () => stopped);
}
