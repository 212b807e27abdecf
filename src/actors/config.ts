// What an actor may know of its surroundings. `ClusterConfig` must be equal on every node of a region and is compared when
// nodes connect; `NodeConfig` may differ from node to node.

import type { Millis, NodeId, RegionId } from "./scalars.ts";

/** Equal on every node of a region: what is applied, and what is promised about time, depends on it. */
export interface ClusterConfig {
  readonly clusterId: string;
  readonly regionId: RegionId;
  /** All regions, this one included, sorted. Each is one acceptor; a majority of them decides. */
  readonly regions: readonly RegionId[];
  /** The members of the region's Raft group, this node included, sorted. */
  readonly voters: readonly NodeId[];
  /** ρ: by how much the rate of a clock may be wrong, as a fraction. */
  readonly clockRateErrorMax: number;
  /** ε: what is added on top for everything that ρ does not cover. */
  readonly clockAllowanceMs: Millis;
  /** For how many log entries the outcome of a write is remembered. */
  readonly requestsRemembered: number;
  /** A digest of the lock table is compared between replicas whenever an index is a multiple of this. */
  readonly digestEntries: number;
}

/** May differ from node to node. */
export interface NodeConfig {
  readonly nodeId: NodeId;
  /** Different at every start of the process; with a counter it makes request ids unique. */
  readonly incarnation: string;
  /** A follower that has not heard of a leader for a span drawn from min..max campaigns. */
  readonly electionMsMin: Millis;
  readonly electionMsMax: Millis;
  readonly heartbeatMs: Millis;
  /** How long a confirmation round is waited for before those that came later start the next. */
  readonly confirmMs: Millis;
  /** The most entries in one append request. */
  readonly appendEntriesMax: number;
  /** The most append requests under way to one follower. */
  readonly appendsInflightMax: number;
  /** A snapshot is taken when the log has grown by this many entries since the last. */
  readonly snapshotEntries: number;
  /** How many entries before a snapshot are kept for followers that are a little behind. */
  readonly trailingEntries: number;
  /** How many records of the lock table go into one slice of a snapshot. */
  readonly sliceRecords: number;
  /** The most requests that the gateway has under way; the next is refused. */
  readonly inflightMax: number;
  /** The most bytes of requests that the gateway has under way. */
  readonly inflightBytesMax: number;
  /** How long a forwarded request stays unanswered before it is sent again. */
  readonly retryMs: Millis;
}

export interface Config {
  readonly cluster: ClusterConfig;
  readonly node: NodeConfig;
}
