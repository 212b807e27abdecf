// Waiting for a lock that somebody holds, anywhere: first in, first out, inside this region. Whoever waits is tried again when the
// lock may be free: a release has come by, the holder's lease must have ended, or simply now and then, for what says so may be
// lost. Nothing of it is durable: a later leader is sent the requests again by the gateways, in their order.

import { send } from "../actor.ts";
import type { Command, RequestAnswer } from "../messages.ts";
import type { Holder, Outcome } from "../operations.ts";
import { after, type Instant, type Millis, millis } from "../scalars.ts";
import { type Effects, type Errand, type LockWork, nextAsk, type RegionState } from "./state.ts";

/** Whoever is first in line is tried again at least this often. */
const tryAgainMs: Millis = millis(2000);
/** Never at once: a release that came by has not come to all yet, and rivals elsewhere have heard of it too. */
const breathMs: Millis = millis(10);

/** Whether this errand waits now that the lock is held. */
export const isPatient = ({ waitsUntil }: Errand, now: Instant): boolean => waitsUntil !== null && waitsUntil > now;

/** Lets errands wait that have found the lock held, and tells their clients so. */
export function park(work: LockWork, errands: readonly Errand[], holder: Holder, now: Instant): Effects {
  work.seen = holder;
  work.parked.push(...errands);
  work.parked.sort((one, other) => one.cameAt - other.cameAt);
  const soon = holder.remaining > 0 ? Math.min(holder.remaining, tryAgainMs) : tryAgainMs;
  work.wakeAt = after(now, millis(Math.max(soon, breathMs)));
  return tellPlaces(work, errands);
}

/** Tells those who wait where they stand. */
export function tellPlaces({ lock, parked, seen }: LockWork, errands: readonly Errand[]): Effects {
  if (seen === null) return [];
  const queue = parked.length;
  const obstacle = { lock, holder: seen, metadata: "", delayed: null, delayedBy: null, queue };
  const answers = errands.flatMap((errand): RequestAnswer[] => {
    if (errand.task === null) return [];
    const outcome: Outcome = { type: "queued", position: parked.indexOf(errand) + 1, obstacle };
    return [{ requestId: errand.task.requestId, answer: outcome }];
  });
  return answers.length === 0 ? [] : [send("gateway", { type: "answers", answers })];
}

/** Whose turn it is: whoever waits comes before a request for the lock that came later, if he has not been tried since that came. */
export function takeNext(work: LockWork): Errand | null {
  const { parked, waiting } = work;
  const first = parked[0];
  const next = waiting[0];
  const isOvertaking = next?.claim.type === "acquire" && work.triedAt <= next.cameAt;
  // What ends a grant goes before whoever waits for that.
  const isFirstDue = first !== undefined && (next === undefined ? work.isAwake : isOvertaking);
  if (isFirstDue) {
    work.isAwake = false;
    return parked.shift() ?? null;
  }
  return waiting.shift() ?? null;
}

/** The lock may be free soon: whoever is first in line is tried then. */
export function wakeSoon(work: LockWork | undefined, now: Instant): void {
  if (work === undefined || work.parked.length === 0) return;
  const soon = after(now, breathMs);
  if (work.wakeAt > soon) work.wakeAt = soon;
}

/** Takes an errand of this request out of the line; null if none waits. */
export function unpark(work: LockWork, requestId: string): Errand | null {
  for (const line of [work.parked, work.waiting]) {
    const place = line.findIndex(({ task, undoes }) => task?.requestId === requestId && !undoes);
    const [errand] = place < 0 ? [] : line.splice(place, 1);
    if (errand !== undefined) return errand;
  }
  return null;
}

/** Whoever has waited for as long as he may is told so, and the region remembers it. */
export function endWaits(state: RegionState, work: LockWork, now: Instant): Effects {
  const ended = work.parked.filter((errand) => !isPatient(errand, now));
  if (ended.length === 0) return [];
  const kept = work.parked.filter((errand) => isPatient(errand, now));
  work.parked.splice(0, work.parked.length, ...kept);
  return concludeAll(state, ended, { type: "waitOver" });
}

/** The own region remembers what each is about to be told. */
export function concludeAll(state: RegionState, errands: readonly Errand[], outcome: Outcome): Effects {
  const commands: Command[] = [];
  for (const errand of errands) {
    if (errand.task === null) continue;
    const ask = nextAsk(state);
    state.awaited.set(ask, { type: "concluding", errand });
    commands.push({ type: "conclude", ask, requestId: errand.task.requestId, outcome });
  }
  return commands.length === 0 ? [] : [send("raft", { type: "propose", commands })];
}
