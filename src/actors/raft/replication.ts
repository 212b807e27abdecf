// The append requests of a leader: what a follower lacks, and the empty ones that say who leads.

import { invariant } from "../invariant.ts";
import type { Entry, RaftMessage } from "../messages.ts";
import { type LogIndex, logIndex, type NodeId } from "../scalars.ts";
import { entriesFrom, lastIndex, termAt } from "./log.ts";
import type { Progress } from "./progress.ts";
import { type Leader, type RaftEffect, type RaftState, tell } from "./state.ts";

type AppendRequest = Extract<RaftMessage, { type: "appendRequest" }>;

/** Sends a follower what it lacks, as far as may be under way to it. */
export function replicate(state: RaftState, leader: Leader, to: NodeId, follower: Progress): RaftEffect[] {
  const { appendEntriesMax, appendsInflightMax } = state.config.node;
  const effects: RaftEffect[] = [];
  while (follower.mode !== "snapshot" && !follower.probed && follower.inflight.length < appendsInflightMax) {
    if (follower.nextIndex > lastIndex(state.log)) break;
    if (follower.nextIndex <= state.log.base.index) break;
    const entries = entriesFrom(state.log, follower.nextIndex, appendEntriesMax);
    effects.push(tell(to, appendRequest(state, leader, logIndex(follower.nextIndex - 1), entries)));
    if (follower.mode === "probing") {
      follower.probed = true;
    } else {
      follower.nextIndex = logIndex(follower.nextIndex + entries.length);
      follower.inflight.push(logIndex(follower.nextIndex - 1));
    }
  }
  return effects;
}

function appendRequest(
  state: RaftState,
  leader: Leader,
  previousIndex: LogIndex,
  entries: readonly Entry[],
): AppendRequest {
  const previousTerm = termAt(state.log, previousIndex);
  invariant(previousTerm !== null, "a leader names only entries that it holds");
  return {
    type: "appendRequest",
    term: state.term,
    previousIndex,
    previousTerm,
    entries,
    // Before an entry of its own term is committed a leader does not know what is (thesis §6.4), and says nothing.
    commitIndex: state.committedByLeader ?? logIndex(0),
    round: leader.round,
    digest: null,
  };
}

/** An empty append request for every follower: it says that this node leads, and shows whether requests were lost. */
export function beat(state: RaftState, leader: Leader): RaftEffect[] {
  const digest = state.digests[state.digests.length - 1] ?? null;
  const effects: RaftEffect[] = [];
  for (const [to, follower] of leader.followers) {
    const previous = follower.nextIndex - 1;
    const previousIndex =
      follower.mode === "snapshot" || previous < state.log.base.index ? state.log.base.index : logIndex(previous);
    effects.push(tell(to, { ...appendRequest(state, leader, previousIndex, []), digest }));
  }
  return effects;
}
