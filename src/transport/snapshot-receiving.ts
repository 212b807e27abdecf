// Stores the snapshot that a leader sends to this node. Chunks come one after the other; whatever else comes is answered with the one
// that is wanted. The last one's commit replaces snapshot and log together. Every chunk is answered once, when it is certain that it
// replaces the log no more, or has: until then raft takes no entries.

import type { RaftToStorage, SnapshotChunk, SnapshotPosition } from "../actors/messages.ts";
import type { NodeId } from "../actors/scalars.ts";
import { type Job, type Making, samePosition } from "./snapshot-shelf.ts";
import type { SnapshotTaking, SnapshotWorkshop } from "./snapshot-taking.ts";
import type { Transaction } from "./storage-database.ts";

/** A snapshot that another node sends. */
interface Receiving extends Making {
  readonly from: NodeId;
  readonly chunks: number;
  /** The chunk `next` is being verified or written. */
  busy: boolean;
}

interface ReceivingOptions extends SnapshotWorkshop {
  readonly taking: SnapshotTaking;
  /** Puts into the transaction that the log is empty and goes on after the snapshot. */
  readonly replaceLog: (transaction: Transaction, position: SnapshotPosition) => void;
  /** Sends the lock actor the snapshot that is on disk. */
  readonly restore: () => void;
}

export type ReceiveChunk = (letter: Extract<RaftToStorage, { type: "receiveChunk" }>) => void;

export function receiveSnapshots(options: ReceivingOptions): ReceiveChunk {
  const { surroundings, shelf, press, enqueue, inTurn } = options;
  const { post, log } = surroundings;
  let receiving: Receiving | null = null;
  /** The commit under way replaces the log. */
  let installing = false;

  const receive: ReceiveChunk = ({ from, chunk }) => {
    const { position, chunks } = chunk;
    const wanted = (next: number | null) => post("raft", { type: "chunkReceived", from, position, next });
    if (installing) return wanted(null);
    if (receiving !== null && !continues(receiving, from, chunk)) giveUp(receiving);
    // Never back: what this node has is as good, or better.
    const installed = shelf.installed();
    if (installed !== null && installed.position.index >= position.index) return wanted(chunks);
    if (receiving === null) {
      if (chunk.chunk !== 0) return wanted(0);
      receiving = { ...shelf.open(position), from, chunks, busy: false };
    }
    const making = receiving;
    if (making.busy) return wanted(null);
    if (chunk.chunk !== making.next) return wanted(making.next);
    making.busy = true;
    inTurn(() => verify(making, chunk));
  };

  /** Slices of two nodes need not fit together, even if they are of the same moment. */
  const continues = (making: Receiving, from: NodeId, { position, chunks }: SnapshotChunk): boolean =>
    making.from === from && making.chunks === chunks && samePosition(making.position, position);

  function giveUp(making: Receiving): void {
    receiving = null;
    enqueue({ write: (transaction) => shelf.remove(transaction, making), done: () => undefined });
  }

  async function verify(making: Receiving, chunk: SnapshotChunk): Promise<void> {
    const { from, position } = making;
    const isGood = await press.verify(chunk).catch((error: Error) => {
      log.error({ from, position, chunk: chunk.chunk, err: error }, "a chunk of a snapshot cannot be read");
      return false;
    });
    if (making !== receiving) return post("raft", { type: "chunkReceived", from, position, next: null });
    if (isGood)
      return enqueue(chunk.chunk === making.chunks - 1 ? installation(making, chunk) : reception(making, chunk));
    making.busy = false;
    post("raft", { type: "chunkReceived", from, position, next: making.next });
  }

  const reception = (making: Receiving, chunk: SnapshotChunk): Job => ({
    write: (transaction) => {
      if (making !== receiving) return;
      making.next++;
      transaction.put("chunks", [making.generation, chunk.chunk], chunk.bytes);
    },
    done: () => {
      making.busy = false;
      const { from, position } = making;
      post("raft", { type: "chunkReceived", from, position, next: making === receiving ? making.next : null });
    },
  });

  /** The last chunk: snapshot and log change in one commit. */
  function installation(making: Receiving, chunk: SnapshotChunk): Job {
    const { from, position, chunks, generation } = making;
    let outcome: "installed" | "overtaken" | "given up" = "given up";
    return {
      write: (transaction) => {
        if (making !== receiving) return;
        receiving = null;
        if (shelf.isOvertaken(position)) {
          outcome = "overtaken";
          return shelf.remove(transaction, making);
        }
        outcome = "installed";
        installing = true;
        options.taking.giveUp(transaction);
        transaction.put("chunks", [generation, chunk.chunk], chunk.bytes);
        shelf.install(transaction, { position, chunks, generation });
        options.replaceLog(transaction, position);
      },
      done: () => {
        if (outcome !== "installed") {
          const next = outcome === "overtaken" ? chunks : null;
          return post("raft", { type: "chunkReceived", from, position, next });
        }
        installing = false;
        shelf.settle();
        options.restore();
        post("raft", { type: "snapshotInstalled", from, position });
      },
    };
  }

  return receive;
}
