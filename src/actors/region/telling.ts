// Telling those who wait what has come of a lock: the one whose attempt it was, and those who came before it and want the same.

import { send } from "../actor.ts";
import type { Command, RequestAnswer } from "../messages.ts";
import type { Answer, Outcome } from "../operations.ts";
import { type Attempt, type Effects, type Errand, type LockWork, nextAsk, type RegionState } from "./state.ts";

/** Whoever came before this ballot and wants the same finds what it has found; a repeat of the very grant looks for itself. */
export function tellCompanions(
  state: RegionState,
  work: LockWork,
  { begunAt, grantees }: Attempt,
  outcome: Extract<Outcome, { type: "held" }>,
): Effects {
  const isTold = ({ claim, cameAt }: Errand): boolean =>
    cameAt < begunAt &&
    claim.type === "acquire" &&
    claim.lease !== outcome.holder.lease &&
    !grantees.includes(claim.requestId);
  const told = work.waiting.filter(isTold);
  const kept = work.waiting.filter((errand) => !isTold(errand));
  work.waiting.splice(0, work.waiting.length, ...kept);
  const commands: Command[] = [];
  for (const errand of told) {
    if (errand.claim.type !== "acquire") continue;
    const ask = nextAsk(state);
    state.awaited.set(ask, { type: "concluding", errand });
    commands.push({ type: "conclude", ask, requestId: errand.claim.requestId, outcome });
  }
  return commands.length === 0 ? [] : [send("raft", { type: "propose", commands })];
}

export function answerErrand(state: RegionState, { task }: Errand, answer: Answer): RequestAnswer[] {
  if (task === null) return [];
  state.requests.delete(task.requestId);
  return [{ requestId: task.requestId, answer }];
}

export function count({ counts }: RegionState, { type }: Outcome): void {
  if (type === "granted") counts.granted += 1;
  else if (type === "released") counts.released += 1;
  else counts.refused += 1;
}

export function refuse(state: RegionState, errand: Errand, refusal: "no-quorum" | "unknown-outcome"): RequestAnswer[] {
  state.counts.quorumFailed += 1;
  return answerErrand(state, errand, { type: "refused", refusal });
}
