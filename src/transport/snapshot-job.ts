// The CPU-bound work on snapshots, done on a worker thread of the pool: bytes in, bytes out, nothing kept.

import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { SnapshotChunk } from "../actors/messages.ts";
import { decodeBody, decodeSlice, encodeBody, isIntact } from "./codec-snapshot.ts";

/** No slice is larger than this; a body that claims to be is not a slice. */
const sliceBytesMax = 256 * 1024 * 1024;

/** The body of a chunk, from the bytes of a slice. */
export const pack = (slice: Uint8Array): Uint8Array => encodeBody(deflateRawSync(slice, { level: 1 }));

/** The bytes of a slice, from the body of a chunk. */
export const unpack = (body: Uint8Array): Uint8Array =>
  inflateRawSync(decodeBody(body), { maxOutputLength: sliceBytesMax });

/** Whether the chunk is whole, can be read, and contains the slice that it says it does. */
export function verify(chunk: SnapshotChunk): boolean {
  if (!isIntact(chunk)) return false;
  const { position, slice, last } = decodeSlice(unpack(chunk.bytes));
  const isOfThisSnapshot = position.index === chunk.position.index && position.term === chunk.position.term;
  return isOfThisSnapshot && slice === chunk.chunk && last === (chunk.chunk === chunk.chunks - 1);
}
