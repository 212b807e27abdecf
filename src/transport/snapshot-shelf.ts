// The snapshot that a node has, and the generations of chunks on disk. Chunks are stored under the number of their generation as they
// come; only the last one's commit makes their generation the node's snapshot and removes the one before. So a crash at any
// step leaves the old snapshot or the new one, and leftovers that the next start removes.

import type { SnapshotPosition } from "../actors/messages.ts";
import { encodeSnapshotRecord, type SnapshotRecord } from "./codec-snapshot.ts";
import { checkedBody, MalformedError } from "./codec-wire.ts";
import type { Tables, Transaction } from "./storage-database.ts";
import type { Stored } from "./storage-load.ts";

/** Something to be done in the next commit, and what follows once that is durable. */
export interface Job {
  readonly write: (transaction: Transaction) => void;
  readonly done: () => void;
}

/** A snapshot in the making. */
export interface Making {
  readonly generation: number;
  readonly position: SnapshotPosition;
  /** How many chunks there are so far. */
  next: number;
}

export interface Shelf {
  /** The snapshot on disk. */
  readonly installed: () => SnapshotRecord | null;
  /** The snapshot as it will be after the commit that is being put together. */
  readonly newest: () => SnapshotRecord | null;
  /** Begins a snapshot in a generation of its own. */
  readonly open: (position: SnapshotPosition) => Making;
  /** Whether a snapshot at `position` would be no newer than `newest`. */
  readonly isOvertaken: (position: SnapshotPosition) => boolean;
  /** Makes the chunks of a generation the node's snapshot. */
  readonly install: (transaction: Transaction, record: SnapshotRecord) => void;
  /** What was installed is on disk now. */
  readonly settle: () => void;
  /** Removes the chunks of a snapshot that will not be finished. */
  readonly remove: (transaction: Transaction, making: Making) => void;
  /** The body of a chunk of the snapshot; null if that has just been replaced. */
  readonly readBody: (record: SnapshotRecord, chunk: number) => Uint8Array | null;
}

export const samePosition = (a: SnapshotPosition, b: SnapshotPosition): boolean =>
  a.index === b.index && a.term === b.term;

export function openShelf(tables: Tables, { snapshot, nextGeneration: firstGeneration }: Stored): Shelf {
  let installed = snapshot;
  let newest = snapshot;
  let nextGeneration = firstGeneration;

  function remove(transaction: Transaction, { generation, chunks }: { generation: number; chunks: number }): void {
    for (let chunk = 0; chunk < chunks; chunk++) transaction.remove("chunks", [generation, chunk]);
  }

  return {
    installed: () => installed,
    newest: () => newest,
    open: (position) => ({ generation: nextGeneration++, position, next: 0 }),
    isOvertaken: (position) => newest !== null && newest.position.index >= position.index,
    install: (transaction, record) => {
      transaction.put("meta", "snapshot", encodeSnapshotRecord(record));
      if (newest !== null) remove(transaction, newest);
      newest = record;
    },
    settle: () => {
      installed = newest;
    },
    remove: (transaction, { generation, next }) => remove(transaction, { generation, chunks: next }),
    readBody: (record, chunk) => {
      const stored = tables.chunks.get([record.generation, chunk]);
      if (stored !== undefined) return checkedBody(stored);
      if (newest?.generation !== record.generation) return null;
      throw new MalformedError(`chunk ${chunk} of the snapshot at ${record.position.index} is missing`);
    },
  };
}
