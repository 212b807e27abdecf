// Those who watch: every node tells its own clients what its table goes through, entry by entry. The last events are kept, so that
// whoever was away can go on where he was; of what is older nothing is known, and he is told so. Not replicated: two nodes tell the
// same events under the same revisions.

import { type Effect, send } from "../actor.ts";
import type { CallId } from "../messages.ts";
import type { LockEvent, WatchWish } from "../operations.ts";
import { type LeaseId, type LogIndex, logIndex, millis } from "../scalars.ts";
import { dropOldest, emptyFifo, type Fifo, fifoItems, fifoSize, oldest, pushLast } from "./fifo.ts";
import { queueOf } from "./queue-table.ts";
import { holdersOf, type Table } from "./table.ts";
import { termsOf } from "./turn.ts";

type Effects = Effect<"lock">[];

/** How many events are kept, and how many characters they may say altogether. */
export const eventsKept = 65_536;
const charactersKept = 8_000_000;
/** The most events in one letter. */
const eventsMax = 1024;

interface Watcher {
  readonly call: CallId;
  readonly what: WatchWish["what"];
  /** He has been told everything up to here. */
  told: LogIndex;
}

export interface Watching {
  /** The events that are kept, and how many characters they say altogether. */
  readonly events: Fifo<LockEvent>;
  characters: number;
  /** Nothing is known of what came up to here. */
  oldest: LogIndex;
  /** How many events there have been since all watchers were told how far it is. */
  untold: number;
  readonly watchers: Map<CallId, Watcher>;
  /** Those who watch one lock, or one lease. The others look at every event. */
  readonly ofLock: Map<string, Set<Watcher>>;
  readonly ofLease: Map<LeaseId, Set<Watcher>>;
  readonly ofPrefix: Set<Watcher>;
}

export const noWatching = (): Watching => ({
  events: emptyFifo(),
  characters: 0,
  oldest: logIndex(0),
  untold: 0,
  watchers: new Map(),
  ofLock: new Map(),
  ofLease: new Map(),
  ofPrefix: new Set(),
});

export function watch(watching: Watching, table: Table, call: CallId, { what, after }: WatchWish): Effects {
  if (after !== null && after < watching.oldest) return [gone(watching, call)];
  const watcher: Watcher = { call, what, told: after ?? table.index };
  watching.watchers.set(call, watcher);
  groupOf(watching, what).add(watcher);
  if (after === null) return inParts(watcher, present(table, what), logIndex(0));
  const missed = after >= table.index ? [] : since(watching, after).filter((event) => isMeant(what, event));
  watcher.told = logIndex(Math.max(after, table.index));
  return inParts(watcher, missed, after);
}

const gone = ({ oldest }: Watching, call: CallId): Effects[number] =>
  send("gateway", { type: "watchGone", call, oldest });

function groupOf({ ofLock, ofLease, ofPrefix }: Watching, what: WatchWish["what"]): Set<Watcher> {
  if ("prefix" in what) return ofPrefix;
  return "lock" in what ? setOf(ofLock, what.lock) : setOf(ofLease, what.lease);
}

function setOf<Key>(groups: Map<Key, Set<Watcher>>, key: Key): Set<Watcher> {
  const group = groups.get(key) ?? new Set<Watcher>();
  groups.set(key, group);
  return group;
}

export function unwatch(watching: Watching, call: CallId): void {
  const watcher = watching.watchers.get(call);
  if (watcher === undefined) return;
  const { what } = watcher;
  watching.watchers.delete(call);
  const group = groupOf(watching, what);
  group.delete(watcher);
  if (group.size > 0) return;
  if ("lock" in what) watching.ofLock.delete(what.lock);
  else if ("lease" in what) watching.ofLease.delete(what.lease);
}

const isMeant = (what: WatchWish["what"], event: LockEvent): boolean => {
  if ("prefix" in what) return event.lock.startsWith(what.prefix);
  return "lock" in what ? event.lock === what.lock : event.lease === what.lease;
};

/** What is held now, as events. */
function present(table: Table, what: WatchWish["what"]): LockEvent[] {
  const records =
    "lease" in what
      ? [...(table.locksOf.get(what.lease) ?? [])]
      : "lock" in what
        ? holdersOf(table, what.lock)
        : [...table.locks.keys()]
            .filter((name) => name.startsWith(what.prefix))
            .flatMap((name) => holdersOf(table, name));
  return records.map((record) => ({
    revision: table.index,
    kind: "present",
    lock: record.lock,
    owner: record.owner,
    lease: record.lease,
    token: record.token,
    text: termsOf(record).metadata,
    span: millis(0),
    queue: queueOf(table, record.lock).length,
  }));
}

/** In letters of bearable size. Only the last says how far it is: whoever has not got that goes on where he was `before`. */
function inParts({ call, told }: Watcher, events: readonly LockEvent[], before: LogIndex): Effects {
  const effects: Effects = [];
  let from = 0;
  for (; events.length - from > eventsMax; from += eventsMax) {
    const part = events.slice(from, from + eventsMax);
    effects.push(send("gateway", { type: "watched", call, revision: before, events: part }));
  }
  effects.push(send("gateway", { type: "watched", call, revision: told, events: events.slice(from) }));
  return effects;
}

/** The kept events that came after `after`, oldest first. */
function since({ events }: Watching, after: LogIndex): readonly LockEvent[] {
  const kept = fifoItems(events);
  let place = kept.length;
  while (place > 0 && (kept[place - 1] as LockEvent).revision > after) place -= 1;
  return kept.slice(place);
}

/** Keeps the events of some entries, and tells whoever watches. `index` is the last of these entries. */
export function tellWatchers(watching: Watching, events: readonly LockEvent[], index: LogIndex): Effects {
  for (const event of events) keep(watching, event);
  if (watching.watchers.size === 0) return [];
  const news = new Map<Watcher, LockEvent[]>();
  for (const event of events) {
    for (const watcher of watchersOf(watching, event)) {
      if (event.revision <= watcher.told) continue;
      const told = news.get(watcher);
      if (told === undefined) news.set(watcher, [event]);
      else told.push(event);
    }
  }
  watching.untold += events.length;
  // Whoever hears of nothing would some day be too far behind to go on.
  const isDue = watching.untold >= eventsKept / 4;
  if (isDue) {
    watching.untold = 0;
    for (const watcher of watching.watchers.values()) if (!news.has(watcher)) news.set(watcher, []);
  }
  const effects: Effects = [];
  for (const [watcher, told] of news) {
    const before = watcher.told;
    if (index > before) watcher.told = index;
    effects.push(...inParts(watcher, told, before));
  }
  return effects;
}

function* watchersOf({ ofLock, ofLease, ofPrefix }: Watching, event: LockEvent): Iterable<Watcher> {
  yield* ofLock.get(event.lock) ?? [];
  yield* ofLease.get(event.lease) ?? [];
  for (const watcher of ofPrefix) if (isMeant(watcher.what, event)) yield watcher;
}

function keep(watching: Watching, event: LockEvent): void {
  pushLast(watching.events, event);
  watching.characters += sizeOf(event);
  while (fifoSize(watching.events) > eventsKept || watching.characters > charactersKept) {
    const dropped = oldest(watching.events);
    if (dropped === undefined) return;
    dropOldest(watching.events);
    watching.characters -= sizeOf(dropped);
    if (dropped.revision > watching.oldest) watching.oldest = dropped.revision;
  }
}

const sizeOf = ({ lock, owner, text }: LockEvent): number => lock.length + owner.length + text.length;

/** The table is another one now: what happened in between is not known. Whoever is not as far begins anew. */
export function beginAnew(watching: Watching, index: LogIndex): Effects {
  const effects: Effects = [];
  for (let event = oldest(watching.events); event !== undefined; event = oldest(watching.events)) {
    dropOldest(watching.events);
  }
  watching.characters = 0;
  watching.oldest = index;
  for (const watcher of [...watching.watchers.values()]) {
    if (watcher.told >= index) continue;
    unwatch(watching, watcher.call);
    effects.push(gone(watching, watcher.call));
  }
  return effects;
}
