// The `storage` actor of a trace, flushed by hand: what raft and lock ask it to keep is durable only when the script says
// `flush`, and only then is anything answered or released. A crash loses whatever has not been flushed.

import { noBallot } from "../../src/actors/ballots.ts";
import type {
  Entry,
  Envelope,
  HardState,
  LockToStorage,
  RaftToStorage,
  SnapshotChunk,
  SnapshotPosition,
  SnapshotSlice,
  StorageToLock,
  StorageToRaft,
} from "../../src/actors/messages.ts";
import { fencingToken, leaseId, logIndex, term } from "../../src/actors/scalars.ts";

type ToStorage = RaftToStorage | LockToStorage;
type Append = Extract<RaftToStorage, { type: "append" }>;

/** What storage says, and to whom. */
export type Said =
  | { readonly to: "raft"; readonly letter: StorageToRaft }
  | { readonly to: "lock"; readonly letter: StorageToLock }
  | { readonly to: "peers"; readonly letter: Envelope };

interface Snapshot {
  readonly position: SnapshotPosition;
  readonly slices: SnapshotSlice[];
}

export interface Disk {
  hardState: HardState;
  /** Consecutive; the first of them follows `base`. */
  entries: Entry[];
  base: SnapshotPosition;
  snapshot: Snapshot | null;
  incoming: Snapshot | null;
  // Lost in a crash:
  taking: Snapshot | null;
  unflushed: ToStorage[];
}

const nowhere: SnapshotPosition = { index: logIndex(0), term: term(0) };

const emptySlice: SnapshotSlice = {
  position: nowhere,
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

export const blankDisk = (): Disk => ({
  hardState: { term: term(0), votedFor: null },
  entries: [],
  base: nowhere,
  snapshot: null,
  incoming: null,
  taking: null,
  unflushed: [],
});

export function loseUnflushed(disk: Disk): void {
  disk.unflushed = [];
  disk.taking = null;
}

/** What a node that starts is told. */
export const load = ({ hardState, snapshot, entries }: Disk): Said[] => [
  { to: "raft", letter: { type: "loaded", hardState, snapshot: snapshot?.position ?? null, entries: [...entries] } },
  ...restore(snapshot),
];

const restore = (snapshot: Snapshot | null): Said[] =>
  (snapshot?.slices ?? [emptySlice]).map((slice) => ({ to: "lock", letter: { type: "restore", slice } }));

/** Takes a letter. A chunk is read at once, everything else waits for the flush. */
export function keep(disk: Disk, letter: ToStorage): Said[] {
  if (letter.type === "readChunk") {
    return [{ to: "raft", letter: { type: "chunkRead", to: letter.to, chunk: chunkOf(disk, letter) } }];
  }
  disk.unflushed.push(letter);
  return [];
}

/** Everything that was to be kept is durable. */
export function flush(disk: Disk): Said[] {
  const written = disk.unflushed;
  disk.unflushed = [];
  const last = written.findLast((letter) => letter.type === "append");
  return written.flatMap((letter) => apply(disk, letter, letter === last));
}

function apply(disk: Disk, letter: ToStorage, isLastAppend: boolean): Said[] {
  switch (letter.type) {
    case "append":
      return append(disk, letter, isLastAppend);
    case "compact":
      return compact(disk, letter.through);
    case "snapshotTaken":
      return takeSlice(disk, letter.slice);
    case "receiveChunk":
      return receiveChunk(disk, letter);
    case "readChunk":
      return [];
  }
}

/** One `persisted` tells of all appends of a flush. */
function append(disk: Disk, { hardState, entries, replacements, release }: Append, isLast: boolean): Said[] {
  if (hardState !== null) disk.hardState = hardState;
  const first = entries[0];
  if (first !== undefined) disk.entries.splice(first.index - disk.base.index - 1, Number.POSITIVE_INFINITY, ...entries);
  const { index: lastIndex, term: lastTerm } = disk.entries.at(-1) ?? disk.base;
  const persisted = { type: "persisted", replacements, hardState: disk.hardState, lastIndex, lastTerm } as const;
  const told: Said[] = isLast ? [{ to: "raft", letter: persisted }] : [];
  return [...told, ...release.map((letter): Said => ({ to: "peers", letter }))];
}

function compact(disk: Disk, through: number): Said[] {
  const gone = disk.entries.filter((entry) => entry.index <= through);
  const last = gone.at(-1);
  if (last === undefined) return [];
  disk.base = { index: last.index, term: last.term };
  disk.entries = disk.entries.slice(gone.length);
  return [];
}

function takeSlice(disk: Disk, slice: SnapshotSlice): Said[] {
  if (slice.slice === 0) disk.taking = { position: slice.position, slices: [] };
  disk.taking?.slices.push(slice);
  if (!slice.last) return [];
  disk.snapshot = disk.taking;
  disk.taking = null;
  return [{ to: "raft", letter: { type: "snapshotSaved", position: slice.position } }];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Here a chunk is a slice. */
function chunkOf({ snapshot }: Disk, { chunk }: Extract<RaftToStorage, { type: "readChunk" }>): SnapshotChunk | null {
  const slice = snapshot?.slices[chunk];
  if (snapshot === null || slice === undefined) return null;
  const bytes = encoder.encode(JSON.stringify(slice));
  return { position: snapshot.position, chunk, chunks: snapshot.slices.length, bytes, checksum: 0 };
}

function receiveChunk(disk: Disk, { from, chunk }: Extract<RaftToStorage, { type: "receiveChunk" }>): Said[] {
  const { position } = chunk;
  if (chunk.chunk === 0) disk.incoming = { position, slices: [] };
  const { incoming } = disk;
  if (incoming?.slices.length === chunk.chunk) {
    incoming.slices.push(JSON.parse(decoder.decode(chunk.bytes)) as SnapshotSlice);
  }
  const next = incoming?.slices.length ?? 0;
  if (next < chunk.chunks) return [{ to: "raft", letter: { type: "chunkReceived", from, position, next } }];
  disk.snapshot = incoming;
  disk.incoming = null;
  disk.taking = null;
  disk.entries = [];
  disk.base = position;
  return [{ to: "raft", letter: { type: "snapshotInstalled", from, position } }, ...restore(disk.snapshot)];
}
