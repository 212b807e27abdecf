// How far one follower is, as its leader knows it. Probing sends one request at a time until the logs are known to agree;
// replicating sends ahead of the answers, up to a bound; a follower that is too far behind is sent a snapshot.

import type { SnapshotPosition } from "../messages.ts";
import { type Instant, type LogIndex, logIndex } from "../scalars.ts";

export interface Progress {
  mode: "probing" | "replicating" | "snapshot";
  /** The next entry to send. */
  nextIndex: LogIndex;
  /** The follower's log is durable and equal to the leader's up to here. */
  matchIndex: LogIndex;
  /** The last index of each append request that is under way, oldest first. */
  inflight: LogIndex[];
  /** Probing: a request is under way, and the next waits for its answer or for a heartbeat. */
  probed: boolean;
  /** The newest confirmation round that the follower has answered. */
  round: number;
  heardAt: Instant;
  /** Sending a snapshot: which one, once storage has said so, the chunk that is wanted, and when it was last asked for. */
  snapshot: { position: SnapshotPosition | null; chunk: number; askedAt: Instant } | null;
}

export const newProgress = (nextIndex: LogIndex, now: Instant): Progress => ({
  mode: "probing",
  nextIndex,
  matchIndex: logIndex(0),
  inflight: [],
  probed: false,
  round: 0,
  heardAt: now,
  snapshot: null,
});

/** The follower has everything up to `matchIndex`. */
export function succeed(progress: Progress, matchIndex: LogIndex): void {
  if (matchIndex > progress.matchIndex) progress.matchIndex = matchIndex;
  if (progress.nextIndex <= progress.matchIndex) progress.nextIndex = logIndex(progress.matchIndex + 1);
  while ((progress.inflight[0] ?? Number.POSITIVE_INFINITY) <= progress.matchIndex) progress.inflight.shift();
  progress.mode = "replicating";
  progress.probed = false;
  progress.snapshot = null;
}

/** The follower's log does not agree; `nextIndex` is where to try next. Tells whether that is news. */
export function probeAt(progress: Progress, nextIndex: LogIndex): boolean {
  // Answers to requests that were already under way say the same again.
  if (progress.mode === "probing" && progress.probed && nextIndex >= progress.nextIndex) return false;
  // A follower that lacks what it once had was started with an empty disk. It is believed: what it is not known to have is
  // not counted, and sent again. If the answer is an old one, the next one puts that right.
  if (progress.matchIndex >= nextIndex) progress.matchIndex = logIndex(nextIndex - 1);
  progress.mode = "probing";
  progress.nextIndex = nextIndex;
  progress.inflight = [];
  progress.probed = false;
  return true;
}

export function awaitSnapshot(progress: Progress, now: Instant): void {
  progress.mode = "snapshot";
  progress.inflight = [];
  progress.probed = false;
  progress.snapshot = { position: null, chunk: 0, askedAt: now };
}
