// The Raft actor: elections, replication, commitment, confirmation rounds. First the rules that hold in every role (terms,
// durability), then the role. It never touches the disk or the network: storage and peers do, on its letters.

import { type Behaviour, type Inbox, type Inspection, send } from "../actor.ts";
import type { PeersToRaft, RaftMessage, RaftToGateway, StorageToRaft } from "../messages.ts";
import { type Instant, logIndex } from "../scalars.ts";
import { feedRestored, handToLock, onDigest, onRestored, onSnapshotSaved } from "./applying.ts";
import {
  becomeCandidate,
  onElectionTimeout,
  onHardStateDurable,
  onPreVoteResponse,
  onTimeoutNow,
  onVoteResponse,
} from "./candidate.ts";
import {
  answerStale,
  becomeFollower,
  electionTimer,
  onAppendRequest,
  onChunkReceived,
  onPreVoteRequest,
  onSnapshotInstalled,
  onSnapshotRequest,
  onVoteRequest,
} from "./follower.ts";
import {
  appendProposals,
  onAppendResponse,
  onHeartbeatTimeout,
  onLogDurable,
  onSnapshotResponse,
  propose,
} from "./leader.ts";
import { emptyLog, lastIndex, termAt } from "./log.ts";
import { awaitRound, beginRoundIfDue, onConfirmTimeout, settleRounds } from "./reads.ts";
import { onChunkRead } from "./sending-snapshots.ts";
import {
  hardState,
  hearsLeader,
  type Leader,
  type RaftEffect,
  type RaftState,
  sameHardState,
  start,
  tellDurably,
  write,
} from "./state.ts";
import { handOver, onTransferTimeout } from "./transfer.ts";

export const raft: Behaviour<"raft", RaftState> = { start, receive, inspect };

function receive(state: RaftState, message: Inbox<"raft">, now: Instant): RaftEffect[] {
  const effects = dispatch(state, message, now);
  return withConsequences(state, effects);
}

function dispatch(state: RaftState, message: Inbox<"raft">, now: Instant): RaftEffect[] {
  switch (message.type) {
    case "loaded":
      return onLoaded(state, message);
    case "received":
      return onReceived(state, message, now);
    case "persisted":
      return onPersisted(state, message, now);
    case "propose":
      return asLeader(state, (leader) => propose(state, leader, message.commands));
    case "read":
      return asLeader(state, (leader) => awaitRound(state, leader, { queries: message.queries }));
    case "confirm":
      return asLeader(state, (leader) => awaitRound(state, leader, { tickets: [message.ticket] }));
    case "restored":
      return [...onRestored(state, message.index), ...asLeader(state, (leader) => beginRoundIfDue(state, leader))];
    case "digest":
      return onDigest(state, message.digest);
    case "snapshotSaved":
      return onSnapshotSaved(state, message.position);
    case "chunkRead":
      return asLeader(state, (leader) => onChunkRead(state, leader, message, now));
    case "chunkReceived":
      return onChunkReceived(state, message);
    case "snapshotInstalled":
      return onSnapshotInstalled(state, message);
    case "handOver":
      return asLeader(state, (leader) => handOver(state, leader, now));
    case "timeout":
      return onTimeout(state, message.timer, now);
  }
}

/** What only a leader can do is dropped elsewhere: the sender learns from `standing` or `following` to turn elsewhere. */
const asLeader = (state: RaftState, act: (leader: Leader) => RaftEffect[]): RaftEffect[] =>
  state.role.type === "leader" ? act(state.role) : [];

function onTimeout(
  state: RaftState,
  timer: Extract<Inbox<"raft">, { type: "timeout" }>["timer"],
  now: Instant,
): RaftEffect[] {
  switch (timer) {
    case "election":
      return onElectionTimeout(state);
    case "heartbeat":
      return asLeader(state, (leader) => onHeartbeatTimeout(state, leader, now));
    case "append":
      return asLeader(state, (leader) => appendProposals(state, leader));
    case "confirm":
      return asLeader(state, (leader) => onConfirmTimeout(state, leader));
    case "transfer":
      return asLeader(state, (leader) => onTransferTimeout(state, leader));
  }
}

function onLoaded(state: RaftState, message: Extract<StorageToRaft, { type: "loaded" }>): RaftEffect[] {
  state.loaded = true;
  state.term = message.hardState.term;
  state.votedFor = message.hardState.votedFor;
  state.writtenHardState = message.hardState;
  state.durableHardState = message.hardState;
  if (message.snapshot !== null) state.snapshot = message.snapshot;
  state.log = emptyLog(state.snapshot);
  for (const entry of message.entries) if (entry.index > state.snapshot.index) state.log.entries.push(entry);
  state.durableIndex = lastIndex(state.log);
  state.commitIndex = state.snapshot.index;
  // Nobody to wait for: a group of one elects itself at once.
  const begun =
    state.peers.length === 0 ? becomeCandidate(state, { pre: false, transfer: false }) : [electionTimer(state)];
  return [...begun, ...feedRestored(state)];
}

function onPersisted(
  state: RaftState,
  message: Extract<StorageToRaft, { type: "persisted" }>,
  now: Instant,
): RaftEffect[] {
  state.durableHardState = message.hardState;
  const effects = onHardStateDurable(state, now);
  // The append may have been overtaken by a replacement, or by a snapshot; then it says nothing of what the log is now.
  const isCurrent =
    message.replacements === state.replacements && termAt(state.log, message.lastIndex) === message.lastTerm;
  if (isCurrent && message.lastIndex > state.durableIndex) {
    state.durableIndex = message.lastIndex;
    effects.push(...asLeader(state, (leader) => onLogDurable(state, leader)));
    // A snapshot may have waited for this, entries behind it, and reads behind those.
    effects.push(...handToLock(state), ...asLeader(state, (leader) => settleRounds(state, leader)));
  }
  return effects;
}

/** The rule of terms (Raft §5.1), then the message. */
function onReceived(state: RaftState, { from, message }: PeersToRaft, now: Instant): RaftEffect[] {
  if (!state.loaded || !state.peers.includes(from)) return [];
  if (message.type === "preVoteRequest") return onPreVoteRequest(state, from, message, now);
  if (message.type === "preVoteResponse" && message.granted) return onPreVoteResponse(state, from, message, now);
  if (message.term < state.term) return onOlderTerm(state, from, message);
  if (message.term === state.term) return onCurrentTerm(state, from, message, now);
  // Thesis §4.2.3: who hears a leader is not drawn into an election, unless that leader asked for it.
  if (message.type === "voteRequest" && !message.transfer && hearsLeader(state, now)) return [];
  const effects = becomeFollower(state, { term: message.term, leader: null }, now);
  return [...effects, ...onCurrentTerm(state, from, message, now)];
}

function onOlderTerm(state: RaftState, from: PeersToRaft["from"], message: RaftMessage): RaftEffect[] {
  switch (message.type) {
    case "appendRequest":
    case "snapshotRequest":
      return [answerStale(state, from)];
    case "voteRequest":
      return [tellDurably(state, from, { type: "voteResponse", term: state.term, granted: false })];
    default:
      return [];
  }
}

function onCurrentTerm(state: RaftState, from: PeersToRaft["from"], message: RaftMessage, now: Instant): RaftEffect[] {
  switch (message.type) {
    case "preVoteRequest":
      return onPreVoteRequest(state, from, message, now);
    case "preVoteResponse":
      return onPreVoteResponse(state, from, message, now);
    case "voteRequest":
      return onVoteRequest(state, from, message);
    case "voteResponse":
      return onVoteResponse(state, from, message, now);
    case "appendRequest":
      return onAppendRequest(state, from, message, now);
    case "appendResponse":
      return asLeader(state, (leader) => onAppendResponse(state, leader, from, message, now));
    case "snapshotRequest":
      return onSnapshotRequest(state, from, message, now);
    case "snapshotResponse":
      return asLeader(state, (leader) => onSnapshotResponse(state, leader, from, message, now));
    case "timeoutNow":
      return onTimeoutNow(state, message);
  }
}

/** What follows from a change of state, whatever caused it: a new term or vote is written before anything else happens, and
 *  those who depend on who leads are told. */
function withConsequences(state: RaftState, effects: RaftEffect[]): RaftEffect[] {
  const kept = hardState(state);
  if (!sameHardState(kept, state.writtenHardState)) {
    state.writtenHardState = kept;
    effects.unshift(write(state, { hardState: kept }));
  }
  const isLeading = state.role.type === "leader" && state.role.transfer === null;
  const leadingTerm = isLeading ? state.term : null;
  if (leadingTerm !== state.toldLeading) {
    state.toldLeading = leadingTerm;
    const leadership = { type: isLeading ? "leading" : "following", term: state.term } as const;
    effects.push(send("lease", leadership), send("region", leadership));
  }
  tellStanding(state, effects);
  return effects;
}

/** Requests go to a leader that knows what is committed, and not before: so they can say when they were born. */
function tellStanding(state: RaftState, effects: RaftEffect[]): void {
  const { role, term, committedByLeader, toldStanding: told } = state;
  const isHandingOver = role.type === "leader" && role.transfer !== null;
  const leader = committedByLeader === null || isHandingOver ? null : state.leader;
  const committed = logIndex(Math.max(state.commitIndex, committedByLeader ?? 0));
  // A gateway that knew too little would take a new request for one that is too old; so now and then it is told again.
  const tellEntries = Math.ceil(state.config.cluster.requestsRemembered / 4);
  const isKnown =
    told?.role === role.type &&
    told.term === term &&
    told.leader === leader &&
    committed - told.committed < tellEntries;
  if (isKnown) return;
  const standing: RaftToGateway = { type: "standing", role: role.type, term, leader, committed };
  state.toldStanding = standing;
  effects.push(send("gateway", standing));
}

function inspect(state: RaftState): Inspection {
  const { role } = state;
  const followers = role.type === "leader" ? [...role.followers.values()] : [];
  return {
    role: role.type,
    leader: state.leader ?? "",
    term: state.term,
    commitIndex: state.commitIndex,
    lastIndex: lastIndex(state.log),
    durableIndex: state.durableIndex,
    snapshotIndex: state.snapshot.index,
    logEntries: state.log.entries.length,
    behindMax: Math.max(0, ...followers.map((follower) => lastIndex(state.log) - follower.matchIndex)),
    voters: state.peers.length + 1,
    transferring: role.type === "leader" && role.transfer !== null ? 1 : 0,
  };
}
