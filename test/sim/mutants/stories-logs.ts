// Scripted stories of logs that come to differ. Each must end well with the service as it ships, and end badly with the mutants
// that are named for it.

import type { RaftMessage } from "../../../src/actors/messages.ts";
import type { NodeId, Term } from "../../../src/actors/scalars.ts";
import {
  askToHandOver,
  type Cluster,
  crash,
  diskOf,
  goOn,
  nodeOf,
  start,
  startAll,
  stop,
  type Watching,
} from "../cluster.ts";
import { holds } from "../disk.ts";
import { block, type Cargo, partition, unblockAll } from "../network.ts";
import { post } from "../node.ts";
import { calmPlan } from "../plan.ts";
import { acquire, awaitLeader, awaitThat, begin, client, leaderOf, othersThan, pass, send, take } from "../script.ts";
import { churn } from "./stories-raft.ts";

const alice = client("alice");

const holdersOf = (cluster: Cluster, entry: { index: number; term: Term }): NodeId[] =>
  cluster.ids.filter((id) => holds(diskOf(cluster, id), entry));

interface Disagreement {
  readonly cluster: Cluster;
  /** Two that hold an entry which no other does; the first of them led when it was written, and is down. */
  readonly first: NodeId;
  readonly second: NodeId;
  /** One that led after it, holds an entry of its own at the same index, and is down. */
  readonly between: NodeId;
  readonly entry: { readonly index: number; readonly term: Term };
}

/** Five nodes, two of which wrote different entries at one index. */
function disagree(seed: number, watching: Watching): Disagreement {
  const { node } = calmPlan(seed);
  const cluster = begin(seed, { nodes: 5, node: { ...node, appendEntriesMax: 1 } }, watching);
  const { network, ledger } = cluster;
  const first = leaderOf(cluster);
  const [second, ...rest] = othersThan(cluster, first) as [NodeId, ...NodeId[]];
  partition(network, [first, second], rest);
  const entry = { index: ledger.committed.length + 1, term: [...ledger.leaders.keys()].at(-1) as Term };
  send(cluster, alice, { operation: acquire("job", "alice", 60_000), isNamed: false, at: first });
  awaitThat(cluster, "two hold the entry", 400, () => holdersOf(cluster, entry).length === 2);
  crash(cluster, first);
  const between = awaitLeader(cluster);
  partition(network, [between], othersThan(cluster, between));
  pass(cluster, 50);
  crash(cluster, between);
  unblockAll(network);
  return { cluster, first, second, between, entry };
}

function awaitAll(cluster: Cluster): void {
  const { ids, ledger } = cluster;
  pass(cluster, 2000);
  awaitThat(cluster, "all catch up", 8000, () => ids.every((id) => ledger.handed.get(id) === ledger.committed.length));
}

/** Raft §5.4.2, Figure 8: an entry of an older term reaches a majority, and its leader dies before one of its own term has. The
 *  node with an entry of a term in between is elected, and must be free to replace it. */
export function figureEight(seed: number, watching: Watching = {}): void {
  const { cluster, first, second, between, entry } = disagree(seed, watching);
  const { network } = cluster;
  start(cluster, first);
  awaitThat(cluster, "a majority holds the entry", 20_000, () => holdersOf(cluster, entry).length === 3);
  const leader = leaderOf(cluster);
  for (const other of othersThan(cluster, leader)) block(network, leader, other);
  pass(cluster, 50);
  for (const id of [first, second]) crash(cluster, id);
  unblockAll(network);
  start(cluster, between);
  awaitLeader(cluster);
  startAll(cluster);
  awaitAll(cluster);
}

/** A follower's log is at odds with its leader's, and its entries are the newer ones (thesis §3.5). */
export function newerConflict(seed: number, watching: Watching = {}): void {
  const { cluster, first, between, entry } = disagree(seed, watching);
  start(cluster, first);
  awaitThat(cluster, "four hold the entry", 20_000, () => holdersOf(cluster, entry).length === 4);
  start(cluster, between);
  awaitAll(cluster);
}

/** A follower is sent a snapshot because it was cut off; while its disk replaces the log by it, a request that was sent before
 *  arrives at last. What it brings must not be appended to a log that is about to go (Raft §7). */
export function lateEntries(seed: number, watching: Watching = {}): void {
  const late: RaftMessage[] = [];
  let away: NodeId | null = null;
  const transmitted = (_from: NodeId, to: NodeId, cargo: Cargo): void => {
    if (to !== away || cargo.type !== "raft" || cargo.message.type !== "appendRequest") return;
    if (cargo.message.entries.length > 0 && late.length === 0) late.push(cargo.message);
  };
  const { node } = calmPlan(seed);
  const plan = { node: { ...node, snapshotEntries: 32, trailingEntries: 0, sliceRecords: 1000 } };
  const cluster = begin(seed, plan, { ...watching, witnesses: [...(watching.witnesses ?? []), { transmitted }] });
  const { network } = cluster;
  const leader = leaderOf(cluster);
  away = othersThan(cluster, leader)[0] as NodeId;
  partition(network, [away], othersThan(cluster, away));
  churn(cluster, 60);
  pass(cluster, 1000);
  const disk = diskOf(cluster, away);
  Object.assign(disk.pace, { flushMin: 300, flushMax: 301 });
  unblockAll(network);
  const isInstalling = (): boolean => disk.flushing.some(({ type }) => type === "receiveChunk");
  awaitThat(cluster, "the snapshot is with storage", 5000, isInstalling);
  const message = late[0] as RaftMessage;
  post(nodeOf(cluster, away), "peers", "raft", { type: "received", from: leader, message });
  awaitAll(cluster);
}

/** A leader that is cut off goes on writing, so that its log becomes the longest. What the others commit meanwhile must survive
 *  the death of their leader (Raft §5.4.1). */
export function longerLog(seed: number, watching: Watching = {}): void {
  const cluster = begin(seed, {}, watching);
  const { network } = cluster;
  const old = leaderOf(cluster);
  partition(network, [old], othersThan(cluster, old));
  for (let at = 0; at < 10; at += 1) {
    const operation = acquire(`job-${at}`, "alice", 60_000);
    send(cluster, client(`alice${at}`), { operation, isNamed: false, at: old });
    pass(cluster, 10);
  }
  const dead = awaitLeader(cluster);
  take(cluster, alice, acquire("another", "alice", 60_000), dead);
  pass(cluster, 1500);
  crash(cluster, dead);
  unblockAll(network);
  awaitLeader(cluster);
  startAll(cluster);
  awaitAll(cluster);
}

/** A leader gives a transfer up; its heir campaigned at once, but is heard only after more has been committed (Raft §5.4.1). */
export function lateCampaign(seed: number, watching: Watching = {}): void {
  const heirs: NodeId[] = [];
  const voters = new Set<NodeId>();
  const transmitted = (_from: NodeId, to: NodeId, cargo: Cargo): void => {
    if (cargo.type !== "raft") return;
    if (cargo.message.type === "timeoutNow") heirs.push(to);
    if (cargo.message.type === "voteRequest" && cargo.message.transfer) voters.add(to);
  };
  const cluster = begin(seed, {}, { ...watching, witnesses: [...(watching.witnesses ?? []), { transmitted }] });
  const { network } = cluster;
  const leader = leaderOf(cluster);
  askToHandOver(cluster, leader);
  awaitThat(cluster, "an heir is asked to campaign", 100, () => heirs.length > 0);
  const heir = heirs[0] as NodeId;
  Object.assign(network.weather, { delayMin: 540, delayMax: 550, overtakeChance: 1 });
  awaitThat(cluster, "the heir campaigns", 100, () => voters.size === 2);
  Object.assign(network.weather, cluster.plan.weather);
  partition(network, [heir], [leader]);
  pass(cluster, 504);
  const operation = acquire("job", "alice", 60_000);
  send(cluster, alice, { operation, isNamed: false, at: leader });
  pass(cluster, 500);
  unblockAll(network);
  pass(cluster, 5000);
}

/** The lock actor of a follower stands still. What it was handed before, and the snapshot that came after, wait for it together. */
export function entriesMeetSnapshot(seed: number, watching: Watching = {}): void {
  const { node } = calmPlan(seed);
  const plan = { node: { ...node, snapshotEntries: 32, trailingEntries: 0, sliceRecords: 1000 } };
  const cluster = begin(seed, plan, watching);
  const { network } = cluster;
  const away = othersThan(cluster, leaderOf(cluster))[0] as NodeId;
  stop(cluster, away, ["lock"]);
  churn(cluster, 4);
  pass(cluster, 200);
  partition(network, [away], othersThan(cluster, away));
  churn(cluster, 60);
  pass(cluster, 1000);
  unblockAll(network);
  awaitThat(cluster, "the snapshot is installed", 5000, () => diskOf(cluster, away).snapshot !== null);
  pass(cluster, 500);
  goOn(cluster, away, ["lock"]);
  awaitAll(cluster);
}
