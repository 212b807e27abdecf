// The snapshots of a node: the one it has, which it restores its lock table from and sends to others, the one it is taking, and
// the one it is being sent.

import { noBallot } from "../actors/ballots.ts";
import type { LockToStorage, RaftToStorage, SnapshotPosition, SnapshotSlice } from "../actors/messages.ts";
import { fencingToken, leaseId, logIndex, term } from "../actors/scalars.ts";
import { chunkOf } from "./codec-snapshot.ts";
import type { Surroundings } from "./resident.ts";
import type { SnapshotPress } from "./snapshot-press.ts";
import { type ReceiveChunk, receiveSnapshots } from "./snapshot-receiving.ts";
import { type Job, openShelf, samePosition } from "./snapshot-shelf.ts";
import { type SnapshotWorkshop, takeSnapshots } from "./snapshot-taking.ts";
import type { Tables, Transaction } from "./storage-database.ts";
import type { Stored } from "./storage-load.ts";

export interface SnapshotStore {
  readonly installed: () => SnapshotPosition | null;
  /** Removes what snapshots that were never finished have left, and sends the lock actor the snapshot there is. */
  readonly begin: () => void;
  readonly take: (slice: LockToStorage["slice"]) => void;
  readonly receive: ReceiveChunk;
  readonly read: (letter: Extract<RaftToStorage, { type: "readChunk" }>) => void;
  /** Resolves when nothing is under way any more. */
  readonly stop: () => Promise<void>;
}

interface StoreOptions {
  readonly surroundings: Surroundings<"storage">;
  readonly tables: Tables;
  readonly stored: Stored;
  readonly press: SnapshotPress;
  readonly enqueue: (job: Job) => void;
  /** Puts into the transaction that the log is empty and goes on after the snapshot. */
  readonly replaceLog: (transaction: Transaction, position: SnapshotPosition) => void;
}

/** What the lock actor is sent where there is no snapshot. */
const emptySlice: SnapshotSlice = {
  position: { index: logIndex(0), term: term(0) },
  slice: 0,
  last: true,
  counters: { fencingToken: fencingToken(0), leaseId: leaseId(0), round: 0, floor: noBallot, leaseNumbers: [] },
  leases: [],
  locks: [],
  outcomes: [],
  ended: [],
  acceptors: [],
  waiters: [],
  delays: [],
};

export function openSnapshotStore(options: StoreOptions): SnapshotStore {
  const { surroundings, tables, stored, press, enqueue, replaceLog } = options;
  const { post, log } = surroundings;
  const line = waitingLine(surroundings.fail);
  const shelf = openShelf(tables, stored);
  const workshop: SnapshotWorkshop = { surroundings, shelf, press, enqueue, inTurn: line.inTurn };
  const taking = takeSnapshots(workshop);
  const receive = receiveSnapshots({ ...workshop, taking, replaceLog, restore });
  /** Counts the snapshots that the lock actor was told to restore, so that a newer one ends the sending of an older. */
  let restores = 0;

  function restore(): void {
    const run = ++restores;
    const record = shelf.installed();
    if (record === null) return post("lock", { type: "restore", slice: emptySlice });
    line.inTurn(async () => {
      for (let chunk = 0; chunk < record.chunks && run === restores; chunk++) {
        const body = shelf.readBody(record, chunk);
        if (body === null) return;
        const slice = await press.unpack(body);
        if (run === restores) post("lock", { type: "restore", slice });
      }
    });
  }

  function sweep(): void {
    if (stored.leftovers.length === 0) return;
    enqueue({
      write: (transaction) => {
        for (const key of stored.leftovers) transaction.remove("chunks", key);
      },
      done: () => log.info({ chunks: stored.leftovers.length }, "removed what unfinished snapshots had left"),
    });
  }

  const read: SnapshotStore["read"] = ({ to, position, chunk }) => {
    const record = shelf.installed();
    const isThere =
      record !== null && chunk < record.chunks && samePosition(position ?? record.position, record.position);
    const bytes = isThere ? shelf.readBody(record, chunk) : null;
    const found =
      record === null || bytes === null ? null : chunkOf(record.position, { chunk, chunks: record.chunks, bytes });
    post("raft", { type: "chunkRead", to, chunk: found });
  };

  return {
    installed: () => shelf.installed()?.position ?? null,
    begin: () => {
      sweep();
      restore();
    },
    take: taking.take,
    receive,
    read,
    stop: async () => {
      restores++;
      await line.close();
    },
  };
}

/** Runs tasks one after the other, until it is closed. */
function waitingLine(fail: (error: Error) => void): Pick<SnapshotWorkshop, "inTurn"> & { close: () => Promise<void> } {
  let open = true;
  let last: Promise<void> = Promise.resolve();
  return {
    inTurn: (task) => {
      last = last
        .then(async () => {
          if (open) await task();
        })
        .catch(fail);
    },
    close: async () => {
      open = false;
      await last;
    },
  };
}
