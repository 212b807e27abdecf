// Undoing a request, whatever it has come to. One that waits here leaves the line. Of any other it is found out what has become of it,
// by asking for the lock in its name without waiting: a grant that is found is given back.

import type { Instant } from "../scalars.ts";
import { enqueue } from "./proposer.ts";
import type { Effects, Errand, RegionState, Task } from "./state.ts";
import { concludeAll, unpark } from "./waiting.ts";

/** False if the request says too little of what it means. */
export function cancel(state: RegionState, task: Task, now: Instant): Effects | null {
  const { operation, deadline } = task;
  if (operation.type !== "cancel" || operation.lock === undefined || operation.owner === undefined) return null;
  const { lock, lease, request, owner } = operation;
  const work = state.locks.get(lock);
  const waiting = work === undefined ? null : unpark(work, request);
  if (waiting !== null) {
    const told = concludeAll(state, [waiting], { type: "requestCancelled" });
    const own: Errand = { ...waiting, task, undoes: true };
    return [...told, ...concludeAll(state, [own], { type: "cancelled", token: null })];
  }
  const claim = { type: "acquire", requestId: request, owner, lease } as const;
  return enqueue(state, lock, { claim, task, deadline, isSole: true, undoes: true }, now);
}
