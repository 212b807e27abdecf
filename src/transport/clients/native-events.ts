// Events on their way to one watcher: kept in order while he does not read, and told in portions that fit a message. A portion says
// how far he is then; only what is told in full counts, so that whoever comes back names a place where nothing was cut.

import type { LockEvent } from "../../actors/operations.ts";
import type { LogIndex } from "../../actors/scalars.ts";
import type { WatchResponse } from "../generated/lockmgr/v1/lock.ts";
import { toEvent } from "./native-telling.ts";

/** How much one portion holds, in UTF-16 units, of which none takes more than three bytes. */
export const portionUnitsMax = 400_000;
/** How much is kept for a watcher who does not read. What was there when he began does not count. */
export const keptUnitsMax = 1_000_000;
const eventUnits = 48;

/** What the lock table tells. Of what comes in several letters only the last says how far it goes. */
interface Letter {
  readonly revision: LogIndex;
  readonly events: readonly LockEvent[];
}

export interface EventQueue {
  /** False: so much is kept already that the watcher must begin anew. */
  readonly add: (letter: Letter) => boolean;
  /** The next portion; null if there is nothing to tell. */
  readonly take: () => WatchResponse | null;
  /** How far the watcher has been told everything. */
  readonly told: () => bigint;
}

/** A watcher that goes on after `after`; null: what is present comes first, and counts only when all of it is told. */
export function newEventQueue(after: LogIndex | null): EventQueue {
  const events: LockEvent[] = [];
  /** How many of them have been taken. */
  let taken = 0;
  let told: number = after ?? 0;
  /** How far he is once all of them are taken. */
  let upTo: number = told;
  let kept = 0;
  /** How many of the events were present when the watch began. */
  let present = 0;
  let isPresent = after === null;
  let isDue = false;
  /** Even one who is told of nothing learns that he watches, and from where. */
  let isFresh = true;

  const add: EventQueue["add"] = (letter) => {
    if (kept > keptUnitsMax) return false;
    for (const event of letter.events) events.push(event);
    if (isPresent) {
      present += letter.events.length;
      isPresent = hasMore(letter);
    } else {
      kept += unitsOf(letter.events);
    }
    upTo = Math.max(upTo, letter.revision);
    isDue = isFresh || events.length > taken;
    if (!isDue) told = upTo;
    return true;
  };

  const take: EventQueue["take"] = () => {
    if (!isDue) return null;
    const from = taken;
    let units = 0;
    while (taken < events.length && (taken === from || units < portionUnitsMax)) {
      units += unitsOf([events[taken++] as LockEvent]);
    }
    const portion = events.slice(from, taken);
    kept = Math.max(0, kept - units);
    const next = events[taken];
    if (next === undefined) told = isPresent ? told : Math.max(told, upTo);
    // They come in the order of their revisions: whatever the next one belongs to has not been told in full.
    else if (taken >= present) told = Math.max(told, next.revision - 1);
    if (next === undefined || taken > compactAt) {
      events.splice(0, taken);
      present = Math.max(0, present - taken);
      taken = 0;
    }
    isDue = events.length > 0;
    isFresh = false;
    return { events: portion.map(toEvent), revision: BigInt(told) };
  };
  return { add, take, told: () => BigInt(told) };
}

/** What has been taken is let go of from so many on. */
const compactAt = 10_000;

/** Whether more of what is present follows: then a letter does not say how far it goes. */
export const hasMore = ({ revision, events }: Letter): boolean => revision === 0 && events.length > 0;

const unitsOf = (events: readonly LockEvent[]): number =>
  events.reduce((sum, { lock, owner, text }) => sum + eventUnits + lock.length + owner.length + text.length, 0);
