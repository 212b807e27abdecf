// How fast a queue moves, as this node has seen it: from one grant to the next, while somebody waits. For estimates only; it is
// not replicated, and nothing is decided by it.

import type { LockEvent } from "../operations.ts";
import { between, type Instant, type Millis, millis } from "../scalars.ts";
import type { Pacing } from "./state.ts";
import type { Pace } from "./views.ts";

/** How much the last grant counts against those before. */
const weight = 0.2;

export function keepPace(paces: Map<string, Pacing>, events: readonly LockEvent[], now: Instant): void {
  for (const { kind, lock, queue } of events) {
    if (kind !== "granted" && kind !== "unqueued") continue;
    const pacing = paces.get(lock);
    if (queue === 0) {
      if (pacing !== undefined) paces.delete(lock);
    } else if (kind === "unqueued") {
    } else if (pacing === undefined) {
      paces.set(lock, { grantedAt: now, mean: null });
    } else {
      const span = between(pacing.grantedAt, now);
      pacing.mean = millis(pacing.mean === null ? span : pacing.mean + weight * (span - pacing.mean));
      pacing.grantedAt = now;
    }
  }
}

export const paceOf =
  (paces: ReadonlyMap<string, Pacing>): Pace =>
  (lock): Millis | null =>
    paces.get(lock)?.mean ?? null;
