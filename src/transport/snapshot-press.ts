// Turns slices of a snapshot into the bodies of chunks and back. Large ones are compressed in a pool of its own, off this thread;
// small ones are not worth the way there.

import { Piscina } from "piscina";
import type { SnapshotChunk, SnapshotSlice } from "../actors/messages.ts";
import { decodeSlice, encodeSlice } from "./codec-snapshot.ts";
import * as job from "./snapshot-job.ts";

export interface SnapshotPress {
  /** The body of the chunk for this slice. */
  readonly pack: (slice: SnapshotSlice) => Promise<Uint8Array>;
  /** The slice in the body of a chunk. Rejects if there is none. */
  readonly unpack: (body: Uint8Array) => Promise<SnapshotSlice>;
  /** Whether the chunk is whole, can be read, and contains the slice that it says it does. Rejects if it cannot be read. */
  readonly verify: (chunk: SnapshotChunk) => Promise<boolean>;
  readonly close: () => Promise<void>;
}

/** From this size on it pays to hand the work to another thread. */
const bytesForPool = 64 * 1024;

export function openPress(): SnapshotPress {
  let pool: Piscina | null = null;
  const elsewhere = <Result>(name: keyof typeof job, task: unknown, bytes: Uint8Array): Promise<Result> => {
    pool ??= new Piscina({
      filename: new URL("./snapshot-job.js", import.meta.url).href,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: 5_000,
    });
    return pool.run(task, { name, transferList: [bytes.buffer as ArrayBuffer] });
  };
  return {
    pack: async (slice) => {
      const bytes = encodeSlice(slice);
      return bytes.length < bytesForPool ? job.pack(bytes) : elsewhere("pack", bytes, bytes);
    },
    unpack: async (body) => {
      if (body.length < bytesForPool) return decodeSlice(job.unpack(body));
      // The body goes on being used here, so the other thread gets a copy.
      const copy = new Uint8Array(body);
      return decodeSlice(await elsewhere<Uint8Array>("unpack", copy, copy));
    },
    verify: async (chunk) => {
      if (chunk.bytes.length < bytesForPool) return job.verify(chunk);
      const bytes = new Uint8Array(chunk.bytes);
      return elsewhere("verify", { ...chunk, bytes }, bytes);
    },
    close: async () => {
      await pool?.destroy();
    },
  };
}
