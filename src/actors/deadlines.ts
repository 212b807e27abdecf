// A queue of deadlines: a binary heap, earliest first, whose entries may turn out to be outdated. The owner of a thing keeps
// its true deadline; the heap holds a bet that was right when it was placed. Moving a deadline later costs nothing, so a
// renewal is O(1), and only what may really be due is ever looked at.

import type { Instant } from "./scalars.ts";

interface Bet<Key> {
  readonly at: Instant;
  readonly key: Key;
}

/** Earliest first. Change it only through the functions of this file. */
export interface Deadlines<Key> {
  readonly heap: Bet<Key>[];
}

export const noDeadlines = <Key>(): Deadlines<Key> => ({ heap: [] });

/** Adds a bet: `key` is not due before `at`. O(log n). */
export function addDeadline<Key>(deadlines: Deadlines<Key>, key: Key, at: Instant): void {
  const { heap } = deadlines;
  const bet = { at, key };
  let place = heap.length;
  heap.push(bet);
  while (place > 0) {
    const parent = (place - 1) >> 1;
    const above = heap[parent] as Bet<Key>;
    if (above.at <= at) break;
    heap[place] = above;
    place = parent;
  }
  heap[place] = bet;
}

/** When the earliest bet is due, or null if there is none. */
export const nextDeadline = <Key>(deadlines: Deadlines<Key>): Instant | null => deadlines.heap[0]?.at ?? null;

/**
 * Takes the next key whose deadline has passed, or returns null. `trueDeadline` tells a key's deadline as it is now, or null
 * if the key is gone; a bet that turns out to be early is placed anew. O(log n) for each bet looked at.
 */
export function takeOverdue<Key>(
  deadlines: Deadlines<Key>,
  now: Instant,
  trueDeadline: (key: Key) => Instant | null,
): Key | null {
  for (;;) {
    const earliest = deadlines.heap[0];
    if (earliest === undefined || earliest.at > now) return null;
    removeEarliest(deadlines.heap);
    const at = trueDeadline(earliest.key);
    if (at === null) continue;
    if (at <= now) return earliest.key;
    addDeadline(deadlines, earliest.key, at);
  }
}

function removeEarliest<Key>(heap: Bet<Key>[]): void {
  const last = heap.pop() as Bet<Key>;
  const size = heap.length;
  if (size === 0) return;
  let place = 0;
  for (;;) {
    const left = 2 * place + 1;
    if (left >= size) break;
    const right = left + 1;
    const child = right < size && (heap[right] as Bet<Key>).at < (heap[left] as Bet<Key>).at ? right : left;
    const below = heap[child] as Bet<Key>;
    if (below.at >= last.at) break;
    heap[place] = below;
    place = child;
  }
  heap[place] = last;
}
