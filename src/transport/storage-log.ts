// Term, vote and log on disk: what each commit changes of them, and what raft is told once that is durable.

import { invariant } from "../actors/invariant.ts";
import type { HardState, RaftToStorage } from "../actors/messages.ts";
import { type LogIndex, logIndex, type Term } from "../actors/scalars.ts";
import { encodeEntry, encodeHardState, encodeLogBounds, type LogBounds } from "./codec.ts";
import type { Surroundings } from "./resident.ts";
import type { Job } from "./snapshot-shelf.ts";
import type { Transaction } from "./storage-database.ts";
import { boundsAfter, type Stored } from "./storage-load.ts";

/** How many entries one commit removes at most, so that appends need not wait long for a compaction. */
const compactionEntriesMax = 4_096;

export interface KeptLog {
  readonly append: (letter: Extract<RaftToStorage, { type: "append" }>) => void;
  readonly compact: (through: LogIndex) => void;
  readonly replace: (transaction: Transaction, position: { index: LogIndex; term: Term }) => void;
  readonly inspect: () => { readonly firstIndex: number; readonly lastIndex: number; readonly entriesAppended: number };
}

/** Term, vote and log: what is written, and raft told of it. */
export function keepLog({ post }: Surroundings<"storage">, stored: Stored, enqueue: (job: Job) => void): KeptLog {
  // As of the commit that is being put together.
  let hardState: HardState = stored.hardState;
  let bounds: LogBounds = stored.bounds;
  let lastTerm: Term = stored.lastTerm;
  let replacements = 0;
  let compactThrough = logIndex(0);
  let entriesAppended = 0;
  /** Appends of the commit under way whose durability has not been told. */
  let untold = 0;

  function setBounds(transaction: Transaction, changed: LogBounds): void {
    bounds = changed;
    transaction.put("meta", "logBounds", encodeLogBounds(changed));
  }

  const append: KeptLog["append"] = ({ hardState: changed, entries, replacements: counted, release }) =>
    enqueue({
      write: (transaction) => {
        untold++;
        replacements = counted;
        if (changed !== null) {
          hardState = changed;
          transaction.put("meta", "hardState", encodeHardState(changed));
        }
        const first = entries[0];
        const last = entries.at(-1);
        if (first === undefined || last === undefined) return;
        invariant(
          first.index >= bounds.first && first.index <= bounds.last + 1,
          "appended entries leave no gap in the log",
        );
        for (const entry of entries) transaction.put("log", entry.index, encodeEntry(entry));
        for (let index: number = last.index + 1; index <= bounds.last; index++) transaction.remove("log", index);
        entriesAppended += entries.length;
        lastTerm = last.term;
        setBounds(transaction, { first: bounds.first, last: last.index });
      },
      done: () => {
        // One letter says it for all appends of this commit.
        if (--untold === 0)
          post("raft", { type: "persisted", replacements, hardState, lastIndex: bounds.last, lastTerm });
        for (const envelope of release) post("peers", envelope);
      },
    });

  const compact = (through: LogIndex): void => {
    const wasBusy = compactThrough >= bounds.first;
    compactThrough = logIndex(Math.max(compactThrough, through));
    if (!wasBusy) compactNext();
  };

  function compactNext(): void {
    enqueue({
      write: (transaction) => {
        const end = Math.min(compactThrough, bounds.last, bounds.first + compactionEntriesMax - 1);
        if (end < bounds.first) return;
        for (let index: number = bounds.first; index <= end; index++) transaction.remove("log", index);
        setBounds(transaction, { first: logIndex(end + 1), last: bounds.last });
      },
      done: () => {
        if (bounds.first <= Math.min(compactThrough, bounds.last)) compactNext();
      },
    });
  }

  const replace: KeptLog["replace"] = (transaction, { index, term }) => {
    transaction.clear("log");
    lastTerm = term;
    setBounds(transaction, boundsAfter(index));
  };

  return {
    append,
    compact,
    replace,
    inspect: () => ({ firstIndex: bounds.first, lastIndex: bounds.last, entriesAppended }),
  };
}
