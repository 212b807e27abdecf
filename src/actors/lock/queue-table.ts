// The part of the lock table that waits: requests in their queues, and lock-delays. Like table.ts it keeps derived indexes and the
// digest in step, and holds no rule of who may have a lock.

import { invariant } from "../invariant.ts";
import type { DelayRecord, WaiterRecord } from "../messages.ts";
import type { LeaseId } from "../scalars.ts";
import { add, delayHash, subtract, waiterHash } from "./digest.ts";
import { addAmong, addTo, partyKey, removeFrom, type Table } from "./table.ts";

/** So many entries of the log one step of priority is worth: whoever has waited for longer comes before it. */
export const priorityEntries = 10_000;

/** Who comes first: negative if it is `one`. Never changes while both wait. */
export const compareWaiters = (one: Place, other: Place): number =>
  rankOf(one) - rankOf(other) || one.index - other.index;

type Place = Pick<WaiterRecord, "index" | "priority">;

const rankOf = ({ index, priority }: Place): number => index - priority * priorityEntries;

export function putWaiter(table: Table, waiter: WaiterRecord): void {
  invariant(!table.waiters.has(waiter.requestId), "a request waits once");
  table.waiters.set(waiter.requestId, waiter);
  add(table.digest, waiterHash(waiter));
  for (const { lock } of waiter.demands) {
    const queue = table.queues.get(lock);
    if (queue === undefined) table.queues.set(lock, [waiter]);
    else queue.splice(placeOf(queue, waiter), 0, waiter);
  }
  addAmong(table.waitersOf, waiter.lease, waiter);
  addAmong(table.waitersBy, partyKey(waiter), waiter);
}

export function removeWaiter(table: Table, waiter: WaiterRecord): void {
  table.waiters.delete(waiter.requestId);
  subtract(table.digest, waiterHash(waiter));
  for (const { lock } of waiter.demands) {
    const queue = table.queues.get(lock);
    invariant(queue !== undefined, "who waits stands in the queues of what it wants");
    if (queue.length === 1) table.queues.delete(lock);
    else queue.splice(placeOf(queue, waiter), 1);
  }
  removeFrom(table.waitersOf, waiter.lease, waiter);
  removeFrom(table.waitersBy, partyKey(waiter), waiter);
}

/** How many of a queue come before this one. */
export function placeOf(queue: readonly WaiterRecord[], waiter: Place): number {
  let low = 0;
  let high = queue.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareWaiters(queue[middle] as WaiterRecord, waiter) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

const empty: readonly WaiterRecord[] = [];

export const queueOf = ({ queues }: Table, lock: string): readonly WaiterRecord[] => queues.get(lock) ?? empty;

/** Oldest first. */
export const waitersUnder = ({ waitersOf }: Table, lease: LeaseId): readonly WaiterRecord[] =>
  [...(waitersOf.get(lease) ?? [])].sort((one, other) => one.index - other.index);

export function putDelay(table: Table, delay: DelayRecord): void {
  addTo(table.delays, delay.lock, delay);
  add(table.digest, delayHash(delay));
}

export function removeDelay(table: Table, delay: DelayRecord): void {
  const delays = table.delays.get(delay.lock);
  invariant(delays !== undefined, "a delay that ends is under way");
  delays.splice(delays.indexOf(delay), 1);
  if (delays.length === 0) table.delays.delete(delay.lock);
  subtract(table.digest, delayHash(delay));
}

const none: readonly DelayRecord[] = [];

export const delaysOf = ({ delays }: Table, lock: string): readonly DelayRecord[] => delays.get(lock) ?? none;

/** The one that lasts longest; of two, that of the later grant. */
export function longestDelay(delays: readonly DelayRecord[]): DelayRecord | null {
  let longest: DelayRecord | null = null;
  for (const delay of delays) {
    const isLonger = longest === null || delay.delay > longest.delay;
    if (isLonger || (delay.delay === longest?.delay && delay.token > longest.token)) longest = delay;
  }
  return longest;
}
