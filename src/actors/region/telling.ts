// Telling those who wait what has come of a lock: the one whose attempt it was, and those who came before it and want the same.

import type { RequestAnswer } from "../messages.ts";
import type { Answer, Outcome } from "../operations.ts";
import type { Instant } from "../scalars.ts";
import type { Attempt, Effects, Errand, LockWork, RegionState } from "./state.ts";
import { concludeAll, isPatient, park } from "./waiting.ts";

/** Whoever came before this ballot and wants the same finds what it has found; a repeat of the very grant looks for itself. */
export function tellCompanions(
  state: RegionState,
  work: LockWork,
  { begunAt, grantees }: Attempt,
  outcome: Extract<Outcome, { type: "held" }>,
  now: Instant,
): Effects {
  const isTold = ({ claim, cameAt, isSole }: Errand): boolean =>
    cameAt < begunAt &&
    claim.type === "acquire" &&
    (isSole || claim.lease !== outcome.holder.lease) &&
    !grantees.includes(claim.requestId);
  const told = work.waiting.filter(isTold);
  const kept = work.waiting.filter((errand) => !isTold(errand));
  work.waiting.splice(0, work.waiting.length, ...kept);
  const waiting = told.filter((errand) => isPatient(errand, now));
  const ended = told.filter((errand) => errand.claim.type === "acquire" && !isPatient(errand, now));
  const parked = waiting.length === 0 ? [] : park(work, waiting, outcome.holder, now);
  return [...parked, ...concludeAll(state, ended, outcome)];
}

export function answerErrand(state: RegionState, { task, undoes }: Errand, answer: Answer): RequestAnswer[] {
  if (task === null) return [];
  state.requests.delete(task.requestId);
  return [{ requestId: task.requestId, answer: undoes ? undone(answer) : answer }];
}

/** Whatever has been found out about a request that was to be undone, nothing is left of it. */
function undone(answer: Answer): Answer {
  if (answer.type === "refused") return answer;
  return { type: "cancelled", token: answer.type === "released" ? answer.token : null };
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
