// Slices and chunks of snapshots ↔ bytes. The field comments of proto/lockmgr/snapshot/v1 say what the bytes mean.

import { crc32 } from "node:zlib";
import { noBallot } from "../actors/ballots.ts";
import type { SnapshotChunk, SnapshotPosition, SnapshotSlice } from "../actors/messages.ts";
import {
  delayFromWire,
  delayToWire,
  endedFromWire,
  endedToWire,
  leaseFromWire,
  leaseToWire,
  lockFromWire,
  lockToWire,
  rememberedFromWire,
  rememberedToWire,
  waiterFromWire,
  waiterToWire,
} from "./codec-record.ts";
import { ballotToWire, optionalBallotFromWire, recordFromWire, recordToWire } from "./codec-region.ts";
import { fromWire, MalformedError, present, reading, toWire, unknownKind } from "./codec-wire.ts";
import * as wire from "./generated/lockmgr/snapshot/v1/snapshot.ts";

export const positionToWire = ({ index, term }: SnapshotPosition): wire.Position => ({
  index: toWire(index),
  term: toWire(term),
});

export function positionFromWire(position: wire.Position | undefined): SnapshotPosition {
  const { index, term } = present(position, "the position of a snapshot");
  return { index: fromWire(index), term: fromWire(term) };
}

export const chunkToWire = (chunk: SnapshotChunk): wire.Chunk => ({
  position: positionToWire(chunk.position),
  chunk: chunk.chunk,
  chunks: chunk.chunks,
  body: chunk.bytes,
  checksum: chunk.checksum,
});

/** The checksum is not verified here: whoever stores the chunk does, and asks for it again. */
export function chunkFromWire(chunk: wire.Chunk): SnapshotChunk {
  if (chunk.chunk >= chunk.chunks) throw new MalformedError(`there is no chunk ${chunk.chunk} of ${chunk.chunks}`);
  return {
    position: positionFromWire(chunk.position),
    chunk: chunk.chunk,
    chunks: chunk.chunks,
    // A copy: what is posted to another thread takes its whole buffer along.
    bytes: new Uint8Array(chunk.body),
    checksum: chunk.checksum,
  };
}

/** A chunk around `bytes`, which are the body. */
export const chunkOf = (
  position: SnapshotPosition,
  { chunk, chunks, bytes }: { chunk: number; chunks: number; bytes: Uint8Array },
): SnapshotChunk => ({ position, chunk, chunks, bytes, checksum: crc32(bytes) });

export const isIntact = (chunk: SnapshotChunk): boolean => crc32(chunk.bytes) === chunk.checksum;

/** Which snapshot is the node's, and where its chunks are. */
export interface SnapshotRecord {
  readonly position: SnapshotPosition;
  readonly chunks: number;
  readonly generation: number;
}

export const encodeSnapshotRecord = ({ position, chunks, generation }: SnapshotRecord): Uint8Array =>
  wire.Snapshot.encode({ position: positionToWire(position), chunks, generation: toWire(generation) }).finish();

export const decodeSnapshotRecord = (bytes: Uint8Array): SnapshotRecord =>
  reading("record of the snapshot", () => {
    const { position, chunks, generation } = wire.Snapshot.decode(bytes);
    if (chunks === 0) throw new MalformedError("a snapshot has at least one chunk");
    return { position: positionFromWire(position), chunks, generation: fromWire(generation) };
  });

export const encodeBody = (deflated: Uint8Array): Uint8Array =>
  wire.Body.encode({ slice: { $case: "deflated", value: deflated } }).finish();

/** The compressed bytes in a body. */
export const decodeBody = (bytes: Uint8Array): Uint8Array =>
  reading("chunk of a snapshot", () => {
    const { slice } = wire.Body.decode(bytes);
    return slice === undefined ? unknownKind("compression") : slice.value;
  });

export function encodeSlice(slice: SnapshotSlice): Uint8Array {
  return wire.Slice.encode({
    position: positionToWire(slice.position),
    slice: slice.slice,
    last: slice.last,
    fencingToken: toWire(slice.counters.fencingToken),
    leaseId: toWire(slice.counters.leaseId),
    leases: slice.leases.map(leaseToWire),
    locks: slice.locks.map(lockToWire),
    outcomes: slice.outcomes.map(rememberedToWire),
    ended: slice.ended.map(endedToWire),
    round: toWire(slice.counters.round),
    floor: slice.counters.floor.round === 0 ? undefined : ballotToWire(slice.counters.floor),
    leaseNumbers: slice.counters.leaseNumbers.map(toWire),
    acceptors: slice.acceptors.map(recordToWire),
    waiters: slice.waiters.map(waiterToWire),
    delays: slice.delays.map(delayToWire),
  }).finish();
}

export const decodeSlice = (bytes: Uint8Array): SnapshotSlice =>
  reading("slice of a snapshot", () => sliceFromWire(wire.Slice.decode(bytes)));

function sliceFromWire(slice: wire.Slice): SnapshotSlice {
  return {
    position: positionFromWire(slice.position),
    slice: slice.slice,
    last: slice.last,
    counters: {
      fencingToken: fromWire(slice.fencingToken),
      leaseId: fromWire(slice.leaseId),
      round: fromWire(slice.round),
      floor: optionalBallotFromWire(slice.floor) ?? noBallot,
      leaseNumbers: slice.leaseNumbers.map((count) => fromWire(count)),
    },
    leases: slice.leases.map(leaseFromWire),
    locks: slice.locks.map(lockFromWire),
    outcomes: slice.outcomes.map(rememberedFromWire),
    ended: slice.ended.map(endedFromWire),
    acceptors: slice.acceptors.map(recordFromWire),
    waiters: slice.waiters.map(waiterFromWire),
    delays: slice.delays.map(delayFromWire),
  };
}
