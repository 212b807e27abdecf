// Scripted stories of snapshots that meet a log which is not what the leader might think. Each must end well with the service as
// it ships.

import type { Entry, RaftMessage } from "../../../src/actors/messages.ts";
import { logIndex, type NodeId, type Term } from "../../../src/actors/scalars.ts";
import { type Cluster, diskOf, nodeOf, type Watching } from "../cluster.ts";
import { lastDurable } from "../disk.ts";
import { type Cargo, partition, unblockAll } from "../network.ts";
import { post } from "../node.ts";
import { calmPlan } from "../plan.ts";
import { acquire, awaitLeader, awaitThat, begin, client, leaderOf, othersThan, pass, send } from "../script.ts";
import { churn } from "./stories-raft.ts";

const smallLogs = (seed: number) => {
  const { node } = calmPlan(seed);
  return { node: { ...node, snapshotEntries: 32, trailingEntries: 0, sliceRecords: 1000 } };
};

function awaitAll(cluster: Cluster): void {
  const { ids, ledger } = cluster;
  pass(cluster, 2000);
  awaitThat(cluster, "all catch up", 8000, () => ids.every((id) => ledger.handed.get(id) === ledger.committed.length));
}

/** A follower has just installed a snapshot when a request arrives that begins before it and ends after it, as a leader with
 *  a longer log sends it: what the snapshot holds is passed over, and the rest is taken in whole (Raft §5.3, §7). */
export function entriesSpanSnapshot(seed: number, watching: Watching = {}): void {
  const sent = new Map<number, Entry>();
  const transmitted = (_from: NodeId, _to: NodeId, { type, message }: Cargo & { message?: RaftMessage }): void => {
    if (type !== "raft" || message?.type !== "appendRequest") return;
    for (const entry of message.entries) sent.set(entry.index, entry);
  };
  const witnesses = [...(watching.witnesses ?? []), { transmitted }];
  const cluster = begin(seed, smallLogs(seed), { ...watching, witnesses });
  const { network, ledger } = cluster;
  const leader = leaderOf(cluster);
  const away = othersThan(cluster, leader)[0] as NodeId;
  const disk = diskOf(cluster, away);
  partition(network, [away], othersThan(cluster, away));
  churn(cluster, 60);
  pass(cluster, 1000);
  unblockAll(network);
  awaitThat(cluster, "the snapshot is installed", 5000, () => disk.snapshot !== null);
  partition(network, [away], othersThan(cluster, away));
  pass(cluster, 20);
  churn(cluster, 5);
  pass(cluster, 200);
  const from = lastDurable(disk).index - 4;
  const entries = Array.from({ length: 9 }, (_, at) => sent.get(from + 1 + at) as Entry);
  post(nodeOf(cluster, away), "peers", "raft", {
    type: "received",
    from: leader,
    message: {
      type: "appendRequest",
      term: [...ledger.leaders.keys()].at(-1) as Term,
      previousIndex: logIndex(from),
      previousTerm: sent.get(from)?.term as Term,
      entries,
      commitIndex: logIndex(from),
      round: 0,
      digest: null,
    },
  });
  const last = entries.at(-1)?.index as number;
  awaitThat(cluster, "what comes after the snapshot is kept", 200, () => lastDurable(disk).index >= last);
  unblockAll(network);
  awaitAll(cluster);
}

/** A leader that was cut off has written more than its successors' snapshot reaches, and all of it is at odds with them. The
 *  snapshot must replace its log, however long that is (Raft §7). */
export function longTailMeetsSnapshot(seed: number, watching: Watching = {}): void {
  const cluster = begin(seed, smallLogs(seed), watching);
  const { network } = cluster;
  const old = leaderOf(cluster);
  partition(network, [old], othersThan(cluster, old));
  for (let at = 0; at < 200; at += 1) {
    const operation = acquire(`job-${at}`, "alice", 60_000);
    send(cluster, client(`alice${at}`), { operation, isNamed: false, at: old });
  }
  awaitLeader(cluster);
  churn(cluster, 60);
  pass(cluster, 500);
  unblockAll(network);
  awaitAll(cluster);
}
