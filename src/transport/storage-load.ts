// Reads everything that a node has on disk, and believes nothing of it: checksums, consecutive indexes, both ends of the log,
// every chunk of the snapshot. What is damaged is not served; a node that votes or answers from half a log breaks promises.

import type { Entry, HardState } from "../actors/messages.ts";
import { type LogIndex, logIndex, type Term, term } from "../actors/scalars.ts";
import {
  decodeEntry,
  decodeHardState,
  decodeLogBounds,
  type LogBounds,
  UnknownEntryError,
  UnknownKindError,
} from "./codec.ts";
import { decodeSnapshotRecord, type SnapshotRecord } from "./codec-snapshot.ts";
import { checkedBody, MalformedError } from "./codec-wire.ts";
import type { MetaKey, Tables } from "./storage-database.ts";

/** What a node has on disk. */
export interface Stored {
  readonly hardState: HardState;
  readonly bounds: LogBounds;
  /** The term of the last entry, which may be in the snapshot. */
  readonly lastTerm: Term;
  readonly entries: readonly Entry[];
  readonly snapshot: SnapshotRecord | null;
  /** Keys of chunks that belong to no snapshot: leftovers of one that was never finished. */
  readonly leftovers: readonly [generation: number, chunk: number][];
  /** Higher than every generation in use. */
  readonly nextGeneration: number;
}

/** What a new node has. */
export const nothingStored = {
  hardState: { term: term(0), votedFor: null },
  bounds: { first: logIndex(1), last: logIndex(0) },
} as const satisfies Partial<Stored>;

/** Reads and verifies. Throws a `MalformedError` that names what is damaged. */
export function readAll(tables: Tables): Stored {
  const hardState = readMeta(tables, "hardState", decodeHardState);
  const bounds = readMeta(tables, "logBounds", decodeLogBounds);
  if (hardState === null) throw new MalformedError("the record of term and vote is missing");
  if (bounds === null) throw new MalformedError("the record of the log's bounds is missing");
  const snapshot = readMeta(tables, "snapshot", decodeSnapshotRecord);
  const { leftovers, nextGeneration } = readChunks(tables, snapshot);
  const entries = readLog(tables, bounds);
  const covered = snapshot?.position.index ?? logIndex(0);
  if (bounds.first > covered + 1) {
    throw new MalformedError(`entries ${covered + 1} to ${bounds.first - 1} are neither in the log nor in a snapshot`);
  }
  if (bounds.last < covered)
    throw new MalformedError(`the log ends at ${bounds.last}, before its snapshot at ${covered}`);
  const lastTerm = entries.at(-1)?.term ?? snapshot?.position.term ?? term(0);
  return { hardState, bounds, lastTerm, entries, snapshot, leftovers, nextGeneration };
}

/** Whether anything was ever stored. */
export const isBlank = (tables: Tables): boolean => !tables.meta.doesExist("hardState");

/** Decodes a record; whatever is wrong with it is said of `what`. */
function decodeRecord<Value>(what: string, record: Uint8Array, decode: (body: Uint8Array) => Value): Value {
  try {
    return decode(checkedBody(record));
  } catch (error) {
    if (error instanceof UnknownEntryError) throw error;
    const reason = `${what}: ${(error as Error).message}`;
    throw error instanceof UnknownKindError ? new UnknownKindError(reason) : new MalformedError(reason);
  }
}

function readMeta<Value>(tables: Tables, key: MetaKey, decode: (body: Uint8Array) => Value): Value | null {
  const record = tables.meta.get(key);
  return record === undefined ? null : decodeRecord(`record ${key}`, record, decode);
}

function readLog(tables: Tables, bounds: LogBounds): Entry[] {
  const entries: Entry[] = [];
  let expected: number = bounds.first;
  for (const { key, value } of tables.log.getRange({})) {
    if (key !== expected) throw new MalformedError(`entry ${expected} is missing from the log`);
    const entry = decodeRecord(`entry ${key}`, value, decodeEntry);
    if (entry.index !== key) throw new MalformedError(`entry ${key} says that it is entry ${entry.index}`);
    entries.push(entry);
    expected++;
  }
  if (expected !== bounds.last + 1) throw new MalformedError(`entry ${expected} is missing from the log`);
  return entries;
}

function readChunks(
  tables: Tables,
  snapshot: SnapshotRecord | null,
): { leftovers: [generation: number, chunk: number][]; nextGeneration: number } {
  const leftovers: [number, number][] = [];
  let nextGeneration = (snapshot?.generation ?? 0) + 1;
  let chunks = 0;
  for (const { key, value } of tables.chunks.getRange({})) {
    const [generation, chunk] = key;
    nextGeneration = Math.max(nextGeneration, generation + 1);
    if (generation !== snapshot?.generation) {
      leftovers.push([generation, chunk]);
      continue;
    }
    if (chunk !== chunks) break;
    decodeRecord(`chunk ${chunk} of the snapshot`, value, () => undefined);
    chunks++;
  }
  if (snapshot !== null && chunks !== snapshot.chunks) {
    throw new MalformedError(`chunk ${chunks} of the snapshot is missing`);
  }
  return { leftovers, nextGeneration };
}

/** The last index of a log that is empty and begins at `first`. */
export const boundsAfter = (index: LogIndex): LogBounds => ({ first: logIndex(index + 1), last: index });
