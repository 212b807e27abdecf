// The LMDB environment of a node: what is in it, how it is opened, and the one way to change it. A commit has happened when
// its flush has returned, and not before.
//
// `overlappingSync: false` is not a matter of taste. With lmdb's default a failed write of the meta page still reports
// success, and after a failed flush the next commit reports success over lost pages. In plain mode the writer thread commits
// with LMDB's own flush of data and meta page, and marks the transaction as committed only then (lmdb's src/writer.cpp, `Write`), so
// that the promise of a batch is resolved after the flush, or rejected with nothing changed.

import { type Database, type Key, open, type RootDatabase } from "lmdb";
import { withChecksum } from "./codec-wire.ts";
import type { DataDirectory } from "./data-directory.ts";
import { prepareDatabaseFile } from "./storage-file.ts";

/** The records of `meta`. */
export type MetaKey = "hardState" | "logBounds" | "snapshot";

export interface Tables {
  /** One record each of what there is one of. */
  readonly meta: Database<Uint8Array, MetaKey>;
  /** The entries of the log, by index. */
  readonly log: Database<Uint8Array, number>;
  /** The chunks of the snapshot and of those in the making, by [generation, chunk]. */
  readonly chunks: Database<Uint8Array, [generation: number, chunk: number]>;
}

/** What one commit changes, collected before any of it is written: whatever can fail, such as encoding, fails before. */
export interface Transaction {
  readonly put: <Name extends keyof Tables>(table: Name, key: KeyOf<Name>, body: Uint8Array) => void;
  readonly remove: <Name extends keyof Tables>(table: Name, key: KeyOf<Name>) => void;
  /** Removes every record of the table that is in it or was put into it before. */
  readonly clear: (table: keyof Tables) => void;
}

type KeyOf<Name extends keyof Tables> = Parameters<Tables[Name]["get"]>[0];

export interface StorageDatabase {
  readonly tables: Tables;
  /** Resolves when what `collect` asked for is on the disk, all of it. Rejects if it is not; then nothing more may be tried. */
  readonly commit: (collect: (transaction: Transaction) => void) => Promise<void>;
  /** How much of the file is in use, not counting free pages. */
  readonly usedBytes: () => number;
  readonly close: () => Promise<void>;
}

/** A commit that takes longer than this never ends: after a panic of the environment promises do not settle. */
const commitSecondsMax = 10;

type AnyTable = Database<Uint8Array, Key>;
type Step = (tables: Tables) => unknown;

export function openDatabase(directory: DataDirectory, options: { mapBytes: number }): StorageDatabase {
  prepareDatabaseFile(directory.databasePath);
  const root = open<Uint8Array>({
    path: directory.databasePath,
    noSubdir: true,
    encoding: "binary",
    maxDbs: 8,
    mapSize: options.mapBytes,
    overlappingSync: false,
  });
  const table = <K extends Key>(name: keyof Tables) => root.openDB<Uint8Array, K>({ name, encoding: "binary" });
  const tables: Tables = { meta: table("meta"), log: table("log"), chunks: table("chunks") };
  return {
    tables,
    commit: (collect) => commit(root, tables, collect),
    usedBytes: () => usedBytes(tables),
    close: async () => {
      await root.close();
    },
  };
}

interface Stats {
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

async function commit(
  root: RootDatabase<Uint8Array>,
  tables: Tables,
  collect: (transaction: Transaction) => void,
): Promise<void> {
  const steps: Step[] = [];
  collect({
    put: (table, key, body) => {
      const record = withChecksum(body);
      steps.push((all) => (all[table] as AnyTable).put(key, record));
    },
    remove: (table, key) => {
      steps.push((all) => (all[table] as AnyTable).remove(key));
    },
    clear: (table) => {
      steps.push((all) => all[table].clearAsync());
    },
  });
  if (steps.length === 0) return;
  await withinTime(
    root.batch(() => {
      for (const step of steps) step(tables);
    }),
  );
}

/** Counts seconds that this thread has seen, so that a process that was suspended is not taken for a disk that hangs. */
function withinTime(committed: Promise<boolean>): Promise<void> {
  return new Promise((resolve, reject) => {
    let seconds = 0;
    const watchdog = setInterval(() => {
      if (++seconds >= commitSecondsMax) settle(() => reject(new Error(`a commit was pending for ${seconds} s`)));
    }, 1_000);
    const settle = (settled: () => void): void => {
      clearInterval(watchdog);
      settled();
    };
    committed.then(
      () => settle(resolve),
      // lmdb tells the cause by a second promise.
      ({ message, commitError }: CommitError) =>
        (commitError ?? Promise.reject(new Error(message))).catch((cause: Error) =>
          settle(() => reject(new Error(`a commit failed: ${cause.message}`, { cause }))),
        ),
    );
  });
}

interface CommitError extends Error {
  readonly commitError?: Promise<never>;
}

function usedBytes(tables: Tables): number {
  let bytes = 0;
  for (const table of Object.values(tables) as Database[]) {
    const { pageSize, treeBranchPageCount, treeLeafPageCount, overflowPages } = table.getStats() as Stats;
    bytes += pageSize * (treeBranchPageCount + treeLeafPageCount + overflowPages);
  }
  return bytes;
}
