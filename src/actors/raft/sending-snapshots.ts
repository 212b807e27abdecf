// How a leader brings up a follower that needs entries which are compacted: with its newest snapshot, one chunk at a time
// (Raft §7). A chunk or its answer may be lost; then it is sent again. If storage has replaced the snapshot meanwhile, the
// transfer starts over with the newest.

import { send } from "../actor.ts";
import type { RaftMessage, SnapshotPosition, StorageToRaft } from "../messages.ts";
import type { Instant, NodeId } from "../scalars.ts";
import { awaitSnapshot, type Progress } from "./progress.ts";
import { type Leader, type RaftEffect, type RaftState, tell } from "./state.ts";

export function beginSnapshot(follower: Progress, to: NodeId, now: Instant): RaftEffect[] {
  awaitSnapshot(follower, now);
  return [askForChunk(to, null, 0)];
}

const askForChunk = (to: NodeId, position: SnapshotPosition | null, chunk: number): RaftEffect =>
  send("storage", { type: "readChunk", to, position, chunk });

/** Called with every heartbeat. */
export function keepSendingSnapshot(state: RaftState, to: NodeId, follower: Progress, now: Instant): RaftEffect[] {
  if (follower.mode !== "snapshot") {
    return follower.nextIndex <= state.log.base.index ? beginSnapshot(follower, to, now) : [];
  }
  const { snapshot } = follower;
  if (snapshot === null || now - snapshot.askedAt < state.config.node.electionMsMin) return [];
  snapshot.askedAt = now;
  return [askForChunk(to, snapshot.position, snapshot.chunk)];
}

export function onChunkRead(
  state: RaftState,
  leader: Leader,
  message: Extract<StorageToRaft, { type: "chunkRead" }>,
  now: Instant,
): RaftEffect[] {
  const follower = leader.followers.get(message.to);
  if (follower?.mode !== "snapshot") return [];
  if (message.chunk === null) return beginSnapshot(follower, message.to, now);
  const { position, chunk } = message.chunk;
  follower.snapshot = { position, chunk, askedAt: now };
  return [tell(message.to, { type: "snapshotRequest", term: state.term, chunk: message.chunk })];
}

/** The follower has stored a chunk and names the next. A repeated answer asks for nothing twice. */
export function onChunkStored(
  follower: Progress,
  from: NodeId,
  { position, next }: Extract<RaftMessage, { type: "snapshotResponse" }>,
  now: Instant,
): RaftEffect[] {
  const { snapshot } = follower;
  if (snapshot?.position?.index !== position.index || next === snapshot.chunk) return [];
  follower.snapshot = { position, chunk: next, askedAt: now };
  return [askForChunk(from, position, next)];
}
