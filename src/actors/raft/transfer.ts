// Handing leadership over (thesis §3.10). Proposals, confirmations and reads stop at once; the most complete follower is
// brought up to date and asked to campaign. If it does not take over in time, this node leads on.

import { setTimer } from "../actor.ts";
import type { Instant } from "../scalars.ts";
import { lastIndex } from "./log.ts";
import { beginRoundIfDue } from "./reads.ts";
import { type Leader, type RaftEffect, type RaftState, tell } from "./state.ts";

export function handOver(state: RaftState, leader: Leader, now: Instant): RaftEffect[] {
  if (leader.transfer !== null) return [];
  const heir = [...leader.followers]
    .filter(([, follower]) => now - follower.heardAt < state.config.node.electionMsMin)
    .sort(([, a], [, b]) => b.matchIndex - a.matchIndex)[0];
  if (heir === undefined) return [];
  leader.transfer = { to: heir[0], sent: false };
  leader.waiting = { queries: [], tickets: [] };
  leader.rounds.length = 0;
  leader.proposals.length = 0;
  return [setTimer("transfer", state.config.node.electionMsMin), ...transferIfReady(state, leader)];
}

/** The heir campaigns once its log is this one. */
export function transferIfReady(state: RaftState, leader: Leader): RaftEffect[] {
  const { transfer } = leader;
  if (transfer === null || transfer.sent) return [];
  if (leader.followers.get(transfer.to)?.matchIndex !== lastIndex(state.log)) return [];
  transfer.sent = true;
  return [tell(transfer.to, { type: "timeoutNow", term: state.term, lastIndex: lastIndex(state.log) })];
}

/** The heir has not taken over in time: this node leads on, and everything that stopped starts again. */
export function onTransferTimeout(state: RaftState, leader: Leader): RaftEffect[] {
  leader.transfer = null;
  return beginRoundIfDue(state, leader);
}
