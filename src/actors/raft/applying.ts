// What happens to entries once they are committed: they are handed to the lock actor, in order and once; now and then it is
// asked for a snapshot, and the log before the snapshot is let go. Also the comparison of state digests.

import { send } from "../actor.ts";
import { invariant } from "../invariant.ts";
import type { Entry, SnapshotPosition, StateDigest } from "../messages.ts";
import { type LogIndex, logIndex } from "../scalars.ts";
import { compact, entriesBetween, lastIndex } from "./log.ts";
import type { RaftEffect, RaftState } from "./state.ts";

/** The most entries in one letter to the lock actor. */
const applyEntriesMax = 1024;
/** How many digests of its own a node keeps for comparison. */
const digestsMax = 8;
/** A snapshot waits for transfers under way until the log is this many times as long as it should be. */
const patience = 4;

/**
 * Sends the lock actor everything that is committed and that it has not been sent. A snapshot that is due comes first, and waits until
 * this node's own log holds what it will contain: else a crash could leave a snapshot beyond the end of the log.
 */
export function handToLock(state: RaftState): RaftEffect[] {
  const effects: RaftEffect[] = [];
  while (state.handedToLock !== null) {
    if (isSnapshotDue(state)) {
      if (state.durableIndex < state.handedToLock) break;
      state.snapshotUnderWay = true;
      effects.push(send("lock", { type: "takeSnapshot" }));
    }
    if (state.handedToLock >= state.commitIndex) break;
    const from = logIndex(state.handedToLock + 1);
    const through = logIndex(Math.min(state.handedToLock + applyEntriesMax, state.commitIndex));
    const entries = entriesBetween(state.log, from, through);
    const own = state.role.type === "leader" ? entries.findIndex((entry) => entry.term === state.term) : -1;
    const proposedElsewhere = own < 0 ? entries : entries.slice(0, own);
    const proposedHere = own < 0 ? [] : entries.slice(own);
    if (proposedElsewhere.length > 0) effects.push(apply(proposedElsewhere, false));
    if (proposedHere.length > 0) effects.push(apply(proposedHere, true));
    state.handedToLock = through;
  }
  return effects;
}

const apply = (entries: readonly Entry[], answer: boolean): RaftEffect =>
  send("lock", { type: "apply", entries, answer });

/** A new snapshot makes storage forget the one before, which a follower may be waiting for; so a transfer delays it. */
function isSnapshotDue(state: RaftState): boolean {
  if (state.snapshotUnderWay || state.handedToLock === null) return false;
  const grown = state.handedToLock - state.snapshot.index;
  const { snapshotEntries } = state.config.node;
  if (grown < snapshotEntries) return false;
  return grown >= patience * snapshotEntries || !isSendingSnapshot(state);
}

const isSendingSnapshot = (state: RaftState): boolean =>
  state.role.type === "leader" &&
  [...state.role.followers.values()].some(
    (follower) => follower.snapshot !== null && follower.heardAt >= follower.snapshot.askedAt,
  );

/** The lock actor has restored a snapshot. If it is not the newest, the newest will be reported, too. */
export function onRestored(state: RaftState, index: LogIndex): RaftEffect[] {
  state.restoredIndex = index;
  return feedRestored(state);
}

/** Once the lock actor's table is what the newest snapshot holds, it can take the entries after it. Storage and lock report
 *  on different ways, so either may be first. */
export function feedRestored(state: RaftState): RaftEffect[] {
  if (state.handedToLock !== null || state.restoredIndex !== state.snapshot.index) return [];
  state.handedToLock = state.restoredIndex;
  return handToLock(state);
}

/** A snapshot of this node's own is durable: the log before it may go, save a tail for followers that are a little behind. */
export function onSnapshotSaved(state: RaftState, position: SnapshotPosition): RaftEffect[] {
  state.snapshotUnderWay = false;
  if (position.index <= state.snapshot.index) return [];
  state.snapshot = position;
  const through = logIndex(position.index - state.config.node.trailingEntries);
  if (through <= state.log.base.index) return [];
  invariant(through <= lastIndex(state.log), "a snapshot holds no more than the log has held");
  compact(state.log, through);
  return [send("storage", { type: "compact", through })];
}

/** The lock actor's digest at an agreed index. */
export function onDigest(state: RaftState, digest: StateDigest): RaftEffect[] {
  state.digests.push(digest);
  if (state.digests.length > digestsMax) state.digests.shift();
  if (state.digestAwaited?.index === digest.index) compareDigest(state, state.digestAwaited);
  return [];
}

/** The leader's digest at an agreed index: replicas that differ have stopped being replicas, and must not go on. */
export function compareDigest(state: RaftState, theirs: StateDigest): void {
  const ours = state.digests.find((digest) => digest.index === theirs.index);
  if (ours === undefined) {
    const newest = state.digests[state.digests.length - 1];
    state.digestAwaited = newest === undefined || newest.index < theirs.index ? theirs : null;
    return;
  }
  state.digestAwaited = null;
  invariant(
    ours.digest === theirs.digest,
    `the lock table at index ${theirs.index} is the leader's (${ours.digest} here, ${theirs.digest} there)`,
  );
}
