// What the leader of a term does: it appends what is proposed, keeps its followers' logs equal to its own, commits what a
// majority holds, gives up when it no longer hears a majority (CheckQuorum), and hands its leadership over when asked.

import { cancelTimer, setTimer } from "../actor.ts";
import { isMajority, reachedByMajority } from "../electorate.ts";
import { invariant } from "../invariant.ts";
import type { Command, Entry, RaftMessage } from "../messages.ts";
import { type Instant, type LogIndex, logIndex, millis, type NodeId } from "../scalars.ts";
import { handToLock } from "./applying.ts";
import { becomeFollower } from "./follower.ts";
import { append, lastIndex, lastIndexWithin, termAt } from "./log.ts";
import { newProgress, type Progress, probeAt, succeed } from "./progress.ts";
import { beginRoundIfDue, settleRounds } from "./reads.ts";
import { beat, replicate } from "./replication.ts";
import { beginSnapshot, keepSendingSnapshot, onChunkStored } from "./sending-snapshots.ts";
import { type Leader, type RaftEffect, type RaftState, write } from "./state.ts";
import { transferIfReady } from "./transfer.ts";

type Message<Type extends RaftMessage["type"]> = Extract<RaftMessage, { type: Type }>;

export function becomeLeader(state: RaftState, now: Instant): RaftEffect[] {
  const next = logIndex(lastIndex(state.log) + 1);
  const leader: Leader = {
    type: "leader",
    followers: new Map(state.peers.map((peer) => [peer, newProgress(next, now)])),
    firstIndex: next,
    proposals: [],
    round: 0,
    waiting: { queries: [], tickets: [] },
    rounds: [],
    transfer: null,
  };
  state.role = leader;
  state.leader = state.self;
  state.committedByLeader = null;
  const beat: RaftEffect[] = state.peers.length > 0 ? [setTimer("heartbeat", state.config.node.heartbeatMs)] : [];
  // Raft §8: an entry of its own term tells the leader what is committed.
  return [cancelTimer("election"), ...beat, ...appendCommands(state, leader, [{ type: "noop" }])];
}

/** What comes in one turn is appended together, and so is what comes during a flush: one flush and one request each. */
export function propose(state: RaftState, leader: Leader, commands: readonly Command[]): RaftEffect[] {
  if (leader.transfer !== null) return [];
  const wasIdle = leader.proposals.length === 0 && isFlushed(state);
  for (const command of commands) {
    // An expiry is the judgement of one term's leader and worth nothing in another.
    if (command.type !== "expire" || command.term === state.term) leader.proposals.push(command);
  }
  return wasIdle && leader.proposals.length > 0 ? [setTimer("append", millis(0))] : [];
}

/** Appends what is proposed, unless a flush is under way: then its end does. */
export const appendProposals = (state: RaftState, leader: Leader): RaftEffect[] =>
  isFlushed(state) ? appendCommands(state, leader, leader.proposals.splice(0)) : [];

const isFlushed = (state: RaftState): boolean => state.durableIndex === lastIndex(state.log);

/** Own disk and followers are sent the entries at the same time (thesis §10.2.1). */
function appendCommands(state: RaftState, leader: Leader, commands: readonly Command[]): RaftEffect[] {
  if (commands.length === 0) return [];
  const first = lastIndex(state.log) + 1;
  const entries = commands.map(
    (command, place): Entry => ({ index: logIndex(first + place), term: state.term, command }),
  );
  append(state.log, entries);
  const effects: RaftEffect[] = [write(state, { entries })];
  for (const [to, follower] of leader.followers) effects.push(...replicate(state, leader, to, follower));
  return effects;
}

/** The own log has become durable up to `durableIndex`. */
export function onLogDurable(state: RaftState, leader: Leader): RaftEffect[] {
  return [...advanceCommit(state, leader), ...appendProposals(state, leader)];
}

export function onHeartbeatTimeout(state: RaftState, leader: Leader, now: Instant): RaftEffect[] {
  if (!hearsMajority(state, leader, now)) {
    // CheckQuorum (thesis §6.2): a leader without a majority can do nothing but mislead.
    return becomeFollower(state, { term: state.term, leader: null }, now);
  }
  const effects: RaftEffect[] = [setTimer("heartbeat", state.config.node.heartbeatMs), ...beat(state, leader)];
  for (const [to, follower] of leader.followers) {
    follower.probed = false;
    effects.push(...replicate(state, leader, to, follower), ...keepSendingSnapshot(state, to, follower, now));
  }
  return effects;
}

function hearsMajority(state: RaftState, leader: Leader, now: Instant): boolean {
  let heard = 1;
  for (const follower of leader.followers.values()) {
    if (now - follower.heardAt < state.config.node.electionMsMax) heard += 1;
  }
  return isMajority(heard, state.peers.length + 1);
}

export function onAppendResponse(
  state: RaftState,
  leader: Leader,
  from: NodeId,
  message: Message<"appendResponse">,
  now: Instant,
): RaftEffect[] {
  const follower = hear(leader, from, now);
  if (message.round > follower.round) follower.round = message.round;
  const effects = settleRounds(state, leader);
  if (message.matchIndex !== null) {
    invariant(message.matchIndex <= lastIndex(state.log), "a follower has no more of this term than its leader");
    if (follower.mode === "snapshot" && message.matchIndex < state.log.base.index) return effects;
    succeed(follower, message.matchIndex);
    effects.push(...advanceCommit(state, leader), ...transferIfReady(state, leader));
  } else if (follower.mode !== "snapshot") {
    const isNews = probeAt(follower, nextAfterConflict(state, message));
    if (isNews && follower.nextIndex <= state.log.base.index) {
      return [...effects, ...beginSnapshot(follower, from, now)];
    }
  }
  effects.push(...replicate(state, leader, from, follower));
  return effects;
}

/** Thesis §3.5: the last entry of the leader's that may agree, in one step for each term at odds. */
function nextAfterConflict(state: RaftState, message: Message<"appendResponse">): LogIndex {
  if (message.conflictTerm === 0) return logIndex(Math.min(message.conflictIndex, lastIndex(state.log) + 1));
  const agreed = lastIndexWithin(state.log, message.conflictIndex, message.conflictTerm);
  return logIndex(Math.min(agreed + 1, message.conflictIndex));
}

function hear(leader: Leader, from: NodeId, now: Instant): Progress {
  const follower = leader.followers.get(from);
  invariant(follower !== undefined, "a leader hears only members of its group");
  follower.heardAt = now;
  return follower;
}

export function onSnapshotResponse(
  state: RaftState,
  leader: Leader,
  from: NodeId,
  message: Message<"snapshotResponse">,
  now: Instant,
): RaftEffect[] {
  const follower = hear(leader, from, now);
  if (!message.installed) return onChunkStored(follower, from, message, now);
  succeed(follower, message.position.index);
  return [...advanceCommit(state, leader), ...replicate(state, leader, from, follower)];
}

/** Raft §5.4.2: only entries of the current term are committed by counting; those before them follow. */
function advanceCommit(state: RaftState, leader: Leader): RaftEffect[] {
  const held = [state.durableIndex, ...[...leader.followers.values()].map((follower) => follower.matchIndex)];
  const reached = reachedByMajority(held);
  if (reached <= state.commitIndex || termAt(state.log, reached) !== state.term) return [];
  const isFirst = state.committedByLeader === null;
  state.commitIndex = reached;
  state.committedByLeader = reached;
  // Followers send requests here once they hear that this leader knows what is committed: they shall hear at once.
  const news = isFirst ? beat(state, leader) : [];
  return [...handToLock(state), ...news, ...beginRoundIfDue(state, leader)];
}
