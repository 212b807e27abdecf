// Elections: first the question whether one could be won (PreVote, thesis §9.6), then the vote itself (Raft §5.2).

import { isMajority } from "../electorate.ts";
import type { RaftMessage } from "../messages.ts";
import { type Instant, type NodeId, type Term, term } from "../scalars.ts";
import { becomeFollower, electionTimer } from "./follower.ts";
import { becomeLeader } from "./leader.ts";
import { lastIndex, lastTerm } from "./log.ts";
import {
  type Candidate,
  hardState,
  type RaftEffect,
  type RaftState,
  sameHardState,
  tell,
  tellDurably,
} from "./state.ts";

/** No leader has been heard of for too long. */
export function onElectionTimeout(state: RaftState): RaftEffect[] {
  if (state.role.type === "leader") return [];
  // Storage replaces the log at this moment; what it holds cannot be said yet.
  if (state.chunksInStorage > 0) return [electionTimer(state)];
  return becomeCandidate(state, { pre: state.peers.length > 0, transfer: false });
}

/** The leader asks this node to take over (thesis §3.10). A request that has gone stale means nothing. */
export function onTimeoutNow(state: RaftState, message: Extract<RaftMessage, { type: "timeoutNow" }>): RaftEffect[] {
  if (state.role.type !== "follower" || state.chunksInStorage > 0 || message.lastIndex !== lastIndex(state.log))
    return [];
  return becomeCandidate(state, { pre: false, transfer: true });
}

export function becomeCandidate(
  state: RaftState,
  { pre, transfer }: { readonly pre: boolean; readonly transfer: boolean },
): RaftEffect[] {
  const candidate: Candidate = { type: "candidate", pre, transfer, votes: new Map() };
  state.role = candidate;
  state.leader = null;
  state.committedByLeader = null;
  const last = { lastIndex: lastIndex(state.log), lastTerm: lastTerm(state.log) };
  if (pre) {
    candidate.votes.set(state.self, true);
    const next = term(state.term + 1);
    const asked = state.peers.map((peer) => tell(peer, { type: "preVoteRequest", term: next, ...last }));
    return [electionTimer(state), ...asked];
  }
  // The vote for itself counts once it is durable, see `onHardStateDurable`: else a crash could let it vote twice.
  state.term = term(state.term + 1);
  state.votedFor = state.self;
  const request: RaftMessage = { type: "voteRequest", term: state.term, ...last, transfer };
  return [electionTimer(state), ...state.peers.map((peer) => tellDurably(state, peer, request))];
}

export function onHardStateDurable(state: RaftState, now: Instant): RaftEffect[] {
  const { role } = state;
  if (role.type !== "candidate" || role.pre || role.votes.has(state.self)) return [];
  if (!sameHardState(state.durableHardState, hardState(state))) return [];
  return onVote(state, role, { voter: state.self, granted: true }, now);
}

export function onPreVoteResponse(
  state: RaftState,
  from: NodeId,
  message: Extract<RaftMessage, { type: "preVoteResponse" }>,
  now: Instant,
): RaftEffect[] {
  const { role } = state;
  if (role.type !== "candidate" || !role.pre) return [];
  if (message.granted && message.term !== state.term + 1) return [];
  return onVote(state, role, { voter: from, granted: message.granted }, now);
}

export function onVoteResponse(
  state: RaftState,
  from: NodeId,
  message: { readonly term: Term; readonly granted: boolean },
  now: Instant,
): RaftEffect[] {
  const { role } = state;
  if (role.type !== "candidate" || role.pre || message.term !== state.term) return [];
  return onVote(state, role, { voter: from, granted: message.granted }, now);
}

function onVote(
  state: RaftState,
  role: Candidate,
  { voter, granted }: { readonly voter: NodeId; readonly granted: boolean },
  now: Instant,
): RaftEffect[] {
  role.votes.set(voter, granted);
  const voters = state.peers.length + 1;
  const given = [...role.votes.values()].filter((vote) => vote).length;
  if (isMajority(given, voters)) {
    return role.pre ? becomeCandidate(state, { pre: false, transfer: false }) : becomeLeader(state, now);
  }
  if (isMajority(role.votes.size - given, voters)) {
    return becomeFollower(state, { term: state.term, leader: null }, now);
  }
  return [];
}
