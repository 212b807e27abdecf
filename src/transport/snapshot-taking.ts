// Stores the snapshot that this node's lock actor takes: each slice becomes a chunk, and the last one makes them the node's
// snapshot.

import type { LockToStorage, SnapshotSlice } from "../actors/messages.ts";
import type { Surroundings } from "./resident.ts";
import type { SnapshotPress } from "./snapshot-press.ts";
import { type Job, type Making, type Shelf, samePosition } from "./snapshot-shelf.ts";
import type { Transaction } from "./storage-database.ts";

/** What taking and receiving have in common. */
export interface SnapshotWorkshop {
  readonly surroundings: Surroundings<"storage">;
  readonly shelf: Shelf;
  readonly press: SnapshotPress;
  readonly enqueue: (job: Job) => void;
  /** Runs one task after the other. */
  readonly inTurn: (task: () => Promise<void>) => void;
}

export interface SnapshotTaking {
  readonly take: (slice: LockToStorage["slice"]) => void;
  /** A newer snapshot is there: what is being taken is worth nothing any more. */
  readonly giveUp: (transaction: Transaction) => void;
}

export function takeSnapshots({ surroundings, shelf, press, enqueue, inTurn }: SnapshotWorkshop): SnapshotTaking {
  let taking: Making | null = null;

  function take(slice: SnapshotSlice): void {
    if (slice.slice === 0) {
      if (taking !== null) discard(taking);
      taking = shelf.open(slice.position);
    }
    const making = taking;
    // A slice that does not belong here is of a snapshot that was given up.
    if (making === null || !samePosition(making.position, slice.position)) return;
    inTurn(async () => {
      const body = await press.pack(slice);
      if (making !== taking) return;
      const chunk = making.next++;
      if (slice.last) taking = null;
      enqueue(slice.last ? completion(making, { chunk, body }) : stage(making, { chunk, body }));
    });
  }

  const discard = (making: Making): void =>
    enqueue({ write: (transaction) => shelf.remove(transaction, making), done: () => undefined });

  const stage = ({ generation }: Making, { chunk, body }: { chunk: number; body: Uint8Array }): Job => ({
    write: (transaction) => transaction.put("chunks", [generation, chunk], body),
    done: () => undefined,
  });

  /** The last slice. If a snapshot that is no older has come meanwhile, that serves just as well. */
  function completion(making: Making, { chunk, body }: { chunk: number; body: Uint8Array }): Job {
    const { position, generation, next: chunks } = making;
    return {
      write: (transaction) => {
        if (shelf.isOvertaken(position)) return shelf.remove(transaction, making);
        transaction.put("chunks", [generation, chunk], body);
        shelf.install(transaction, { position, chunks, generation });
      },
      done: () => {
        shelf.settle();
        const installed = shelf.installed();
        if (installed !== null) surroundings.post("raft", { type: "snapshotSaved", position: installed.position });
      },
    };
  }

  return {
    take,
    giveUp: (transaction) => {
      if (taking !== null) shelf.remove(transaction, taking);
      taking = null;
    },
  };
}
