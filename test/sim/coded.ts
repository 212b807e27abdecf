// What the wire makes of a message: the bytes of the real codec, and from them a message again, snapshots slice by slice. It must be
// the same message; what arrives is what was read from the bytes, so that whatever differs is also seen by all that follows.

import { isDeepStrictEqual } from "node:util";
import { crc32 } from "node:zlib";
import type { RaftMessage, SnapshotChunk, SnapshotSlice } from "../../src/actors/messages.ts";
import { decodeParcel, encodeParcel, type Parcel } from "../../src/transport/codec-peer.ts";
import { decodeSlice, encodeSlice } from "../../src/transport/codec-snapshot.ts";
import type { Cargo } from "./network.ts";
import { Violation } from "./witness.ts";

const nothing: Parcel = { raft: [], requests: [], answers: [], regional: [] };

/** The same cargo, read from its bytes. */
export function throughCodec(cargo: Cargo): Cargo {
  try {
    const read = crossed(cargo);
    if (isDeepStrictEqual(read, cargo)) return withSlice(read);
  } catch (error) {
    throw new Violation(`a message crosses the wire as it is: ${(error as Error).message}`);
  }
  throw new Violation(`a message crosses the wire as it is: ${JSON.stringify(cargo)}`);
}

const parcelOf = (cargo: Cargo): Parcel => {
  switch (cargo.type) {
    case "raft":
      return { ...nothing, raft: [cargo.message] };
    case "forward":
      return { ...nothing, requests: cargo.requests };
    case "reply":
      return { ...nothing, answers: cargo.answers };
  }
};

function crossed(cargo: Cargo): Cargo {
  const { raft, requests, answers } = decodeParcel(encodeParcel(parcelOf(cargo)));
  switch (cargo.type) {
    case "raft":
      return { type: "raft", message: raft[0] as RaftMessage };
    case "forward":
      return { type: "forward", requests };
    case "reply":
      return { type: "reply", answers };
  }
}

/** Simulated disks write slices as JSON; here each passes through the bytes that real ones write. */
function withSlice(cargo: Cargo): Cargo {
  if (cargo.type !== "raft" || cargo.message.type !== "snapshotRequest") return cargo;
  const { message } = cargo;
  return { type: "raft", message: { ...message, chunk: rewritten(message.chunk) } };
}

function rewritten(chunk: SnapshotChunk): SnapshotChunk {
  // What was damaged on purpose stays so.
  if (crc32(chunk.bytes) !== chunk.checksum) return chunk;
  const slice = JSON.parse(new TextDecoder().decode(chunk.bytes)) as SnapshotSlice;
  const bytes = new TextEncoder().encode(JSON.stringify(decodeSlice(encodeSlice(slice))));
  return { ...chunk, bytes, checksum: crc32(bytes) };
}
