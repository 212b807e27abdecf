// Which faults struck in which state of the cluster: a run whose faults never meet an election, a snapshot or an expiry
// proves less than it seems to.

import type { ActorName, LeaseToRaft } from "../../src/actors/messages.ts";
import type { NodeId } from "../../src/actors/scalars.ts";
import { type Cluster, currentLeader, diskOf, nodeOf } from "./cluster.ts";
import { isPaused } from "./node.ts";
import type { Witness } from "./witness.ts";

export const clusterStates = ["led", "leaderless", "snapshot", "expiring", "restoring", "someDown"] as const;
export type ClusterState = (typeof clusterStates)[number];

/** How often, as `fault/state`. */
export type Coverage = Map<string, number>;

const justNowMs = 300;

export interface Observer {
  readonly witness: Witness;
  /** Since when nobody has led, and when an expiry was last proposed, by true time. */
  lastExpiryAt: number;
  readonly leading: Set<NodeId>;
}

/** Watches what cannot be seen at a glance. */
export function createObserver(now: () => number): Observer {
  const leading = new Set<NodeId>();
  const said = (node: NodeId, from: ActorName, to: ActorName, letter: unknown): void => {
    if (from === "lease" && to === "raft") {
      if ((letter as LeaseToRaft).type === "propose") observer.lastExpiryAt = now();
    } else if (from === "raft" && to === "lease") {
      const { type } = letter as { type: string };
      if (type === "leading") leading.add(node);
      else if (type === "following") leading.delete(node);
    }
  };
  const observer: Observer = {
    witness: { said, stopped: (node) => void leading.delete(node) },
    lastExpiryAt: Number.NEGATIVE_INFINITY,
    leading,
  };
  return observer;
}

/** What the cluster is like at this moment. */
export function statesOf(cluster: Cluster, observer: Observer): ClusterState[] {
  const { ids, ledger, timetable } = cluster;
  const leader = currentLeader(cluster);
  const isLed = leader !== null && observer.leading.has(leader) && !isPaused(nodeOf(cluster, leader), "raft");
  const states: ClusterState[] = [isLed ? "led" : "leaderless"];
  if (ids.some((id) => diskOf(cluster, id).incoming !== null || diskOf(cluster, id).taking !== null))
    states.push("snapshot");
  if (timetable.now - observer.lastExpiryAt < justNowMs) states.push("expiring");
  if (ids.some((id) => nodeOf(cluster, id).isRunning && !ledger.handed.has(id))) states.push("restoring");
  if (ids.some((id) => !nodeOf(cluster, id).isRunning)) states.push("someDown");
  return states;
}

export function cover(coverage: Coverage, fault: string, states: readonly ClusterState[]): void {
  for (const state of states) {
    const key = `${fault}/${state}`;
    coverage.set(key, (coverage.get(key) ?? 0) + 1);
  }
}
