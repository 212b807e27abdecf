// The replicated log in memory: everything after `base`, the last entry that was compacted away. Knows indexes and terms,
// nothing of roles or peers. Invariant: `entries[i].index === base.index + 1 + i`, and terms never fall.

import { invariant } from "../invariant.ts";
import type { Entry, SnapshotPosition } from "../messages.ts";
import { type LogIndex, logIndex, type Term, term } from "../scalars.ts";

export interface Log {
  /** The entry before the first one kept; index 0 and term 0 at the very start. */
  base: SnapshotPosition;
  entries: Entry[];
}

export const emptyLog = (base: SnapshotPosition = { index: logIndex(0), term: term(0) }): Log => ({
  base,
  entries: [],
});

export const lastIndex = (log: Log): LogIndex => logIndex(log.base.index + log.entries.length);

export const lastTerm = (log: Log): Term => log.entries[log.entries.length - 1]?.term ?? log.base.term;

/** The term of the entry at `index`, or null if the log does not reach there or no longer holds it. */
export function termAt(log: Log, index: LogIndex): Term | null {
  if (index === log.base.index) return log.base.term;
  return log.entries[index - log.base.index - 1]?.term ?? null;
}

/** At most `max` entries, the first of them at `from`. */
export function entriesFrom(log: Log, from: LogIndex, max: number): Entry[] {
  const start = from - log.base.index - 1;
  invariant(start >= 0, "entries that are asked for are still in the log");
  return log.entries.slice(start, start + max);
}

/** The entries from `from` up to and including `through`. */
export const entriesBetween = (log: Log, from: LogIndex, through: LogIndex): Entry[] =>
  entriesFrom(log, from, through - from + 1);

/** Adds consecutive entries; what the log holds from the first of them on is replaced. */
export function append(log: Log, entries: readonly Entry[]): void {
  const first = entries[0];
  if (first === undefined) return;
  const keep = first.index - log.base.index - 1;
  invariant(keep >= 0 && keep <= log.entries.length, "entries are appended without a gap");
  if (keep < log.entries.length) log.entries.length = keep;
  for (const entry of entries) log.entries.push(entry);
}

/** Forgets everything up to and including `through`. */
export function compact(log: Log, through: LogIndex): void {
  const at = termAt(log, through);
  invariant(at !== null, "the log is compacted up to an entry that it holds");
  log.entries = log.entries.slice(through - log.base.index);
  log.base = { index: through, term: at };
}

/** Raft §5.4.1: whether a log that ends with `index` and `term` is at least as complete as this one. */
export function isUpToDate(log: Log, last: { index: LogIndex; term: Term }): boolean {
  const own = lastTerm(log);
  return last.term > own || (last.term === own && last.index >= lastIndex(log));
}

/** The first index of the run of entries that have the term of the entry at `index`. */
export function firstIndexOfTerm(log: Log, index: LogIndex): LogIndex {
  const wanted = termAt(log, index);
  let first = index;
  while (first - 1 > log.base.index && termAt(log, logIndex(first - 1)) === wanted) first = logIndex(first - 1);
  return first;
}

/** The last index at or before `from` whose term is at most `wanted`; the base's index if there is none after it. */
export function lastIndexWithin(log: Log, from: LogIndex, wanted: Term): LogIndex {
  let index = from < lastIndex(log) ? from : lastIndex(log);
  while (index > log.base.index && (termAt(log, index) as Term) > wanted) index = logIndex(index - 1);
  return index;
}
