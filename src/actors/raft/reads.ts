// Confirmation rounds (ReadIndex, thesis §6.4): whatever needs to know that this node still leads waits for a majority to
// answer a heartbeat that was sent after it came. No log entry, no flush, no trust in clocks.

import { send, setTimer } from "../actor.ts";
import { reachedByMajority } from "../electorate.ts";
import type { Query } from "../messages.ts";
import { beat } from "./replication.ts";
import type { Leader, RaftEffect, RaftState, Waiting } from "./state.ts";

/** Takes what has to wait, and begins a round unless one is under way that the next will follow. */
export function awaitRound(
  state: RaftState,
  leader: Leader,
  { queries = [], tickets = [] }: { readonly queries?: readonly Query[]; readonly tickets?: readonly number[] },
): RaftEffect[] {
  if (leader.transfer !== null) return [];
  const isFirst = isIdle(leader.waiting);
  for (const query of queries) leader.waiting.queries.push(query);
  for (const ticket of tickets) leader.waiting.tickets.push(ticket);
  if (leader.rounds.length === 0) return beginRound(state, leader);
  return isFirst ? [setTimer("confirm", state.config.node.confirmMs)] : [];
}

const isIdle = (waiting: Waiting): boolean => waiting.queries.length === 0 && waiting.tickets.length === 0;

export const beginRoundIfDue = (state: RaftState, leader: Leader): RaftEffect[] =>
  leader.rounds.length === 0 ? beginRound(state, leader) : [];

/** Begins a round for all that wait. A leader knows what is committed only once an entry of its own term is (thesis §6.4). */
function beginRound(state: RaftState, leader: Leader): RaftEffect[] {
  const knowsCommitted = state.commitIndex >= leader.firstIndex && state.handedToLock !== null;
  if (isIdle(leader.waiting) || !knowsCommitted || leader.transfer !== null) return [];
  leader.round += 1;
  leader.rounds.push({ round: leader.round, readIndex: state.commitIndex, waiting: leader.waiting });
  leader.waiting = { queries: [], tickets: [] };
  if (state.peers.length === 0) return settleRounds(state, leader);
  return beat(state, leader);
}

/** A round that takes longer than it should holds nobody up: those that came meanwhile start the next. */
export const onConfirmTimeout = (state: RaftState, leader: Leader): RaftEffect[] => beginRound(state, leader);

/**
 * Lets go what waited for rounds that a majority has answered, once everything that was committed when its round began has been handed
 * to the lock actor (thesis §6.4): that may wait for this node's own disk, when a snapshot is due.
 */
export function settleRounds(state: RaftState, leader: Leader): RaftEffect[] {
  if (leader.rounds.length === 0) return [];
  const answered = [leader.round, ...[...leader.followers.values()].map((follower) => follower.round)];
  const reached = reachedByMajority(answered);
  const effects: RaftEffect[] = [];
  for (let first = leader.rounds[0]; first !== undefined; first = leader.rounds[0]) {
    if (first.round > reached || first.readIndex > (state.handedToLock ?? -1)) break;
    leader.rounds.shift();
    const { queries, tickets } = first.waiting;
    if (queries.length > 0) effects.push(send("lock", { type: "read", queries }));
    for (const ticket of tickets) effects.push(send("lease", { type: "confirmed", ticket }));
  }
  if (effects.length > 0) effects.push(...beginRoundIfDue(state, leader));
  return effects;
}
