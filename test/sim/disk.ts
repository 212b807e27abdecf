// The simulated `storage` actor and the disk below it. What is written becomes durable in groups, a drawn time later, and
// only then is anything answered or released. A crash loses exactly what was not flushed; of the group that was being flushed
// any beginning may be on disk, torn even within its last entries. A flush that fails stops the node.

import { crc32 } from "node:zlib";
import { noBallot } from "../../src/actors/ballots.ts";
import type {
  ActorName,
  Entry,
  HardState,
  LockToStorage,
  RaftToStorage,
  SnapshotChunk,
  SnapshotPosition,
  SnapshotSlice,
} from "../../src/actors/messages.ts";
import { fencingToken, leaseId, logIndex, type NodeId, type Term, term } from "../../src/actors/scalars.ts";
import { bring, post, type Resident, type SimNode } from "./node.ts";
import type { Random } from "./random.ts";
import { scheduleIn } from "./schedule.ts";
import { check, type Witness } from "./witness.ts";

type ReadChunk = Extract<RaftToStorage, { type: "readChunk" }>;
type Append = Extract<RaftToStorage, { type: "append" }>;
type Written = Exclude<RaftToStorage, ReadChunk> | LockToStorage;

/** A snapshot, kept as it was taken: bytes are made of a slice only when somebody asks for it. */
interface Snapshot {
  readonly position: SnapshotPosition;
  readonly slices: readonly SnapshotSlice[];
}

/** How long a flush takes, in milliseconds; may be changed at any time. */
export interface DiskPace {
  flushMin: number;
  flushMax: number;
  /** How often a flush takes up to `stallMax` instead. */
  stallChance: number;
  stallMax: number;
}

/** What bits may flip in. */
export type Rot = "log" | "vote" | "snapshot";

/** What a disk holds that bits may flip in. The record of term and vote is always there. */
export function perishable({ entries, snapshot }: Disk): Rot[] {
  const parts: Rot[] = ["vote"];
  if (entries.length > 0) parts.push("log");
  if (snapshot !== null) parts.push("snapshot");
  return parts;
}

/** What is wrong with a disk. */
export interface Ailments {
  /** The next flush fails. */
  failing: boolean;
  /** Room is scarce: nothing new is begun. */
  scarce: boolean;
  /** There is no room at all: every flush fails. */
  full: boolean;
  /** Where bits have flipped: a node that reads it all, as it does when it starts, refuses to. */
  rotten: Rot | null;
}

export interface Disk {
  readonly ailments: Ailments;
  /** Stops the node. */
  onFailure: (why: string) => void;
  readonly pace: DiskPace;
  readonly random: Random;
  readonly witness: Witness;
  // Durable:
  hardState: HardState;
  /** Consecutive. */
  entries: Entry[];
  /** The entry before the first of `entries`. */
  base: SnapshotPosition;
  snapshot: Snapshot | null;
  /** A snapshot that is being received. */
  incoming: { from: NodeId; position: SnapshotPosition; slices: SnapshotSlice[] } | null;
  // Lost in a crash:
  /** A snapshot of this node's own that is being taken. */
  taking: { position: SnapshotPosition; slices: SnapshotSlice[] } | null;
  flushing: Written[];
  queued: Written[];
}

const nowhere: SnapshotPosition = { index: logIndex(0), term: term(0) };

/** What a lock table is restored from when there is no snapshot. */
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

export const createDisk = (parts: Pick<Disk, "pace" | "random" | "witness">): Disk => ({
  ...parts,
  ailments: { failing: false, scarce: false, full: false, rotten: null },
  onFailure: () => undefined,
  ...blank(),
});

const blank = () => ({
  hardState: { term: term(0), votedFor: null },
  entries: [],
  base: nowhere,
  snapshot: null,
  incoming: null,
  taking: null,
  flushing: [],
  queued: [],
});

/** An empty disk in the place of this one. */
export const replaceDisk = (disk: Disk): void => void Object.assign(disk, blank());

/** The last entry that is durable. */
export const lastDurable = (disk: Disk): SnapshotPosition => disk.entries.at(-1) ?? disk.base;

/** Whether this entry, or a snapshot that contains its index, is durable. */
export const holds = (disk: Disk, entry: { index: number; term: Term }): boolean =>
  (disk.snapshot !== null && disk.snapshot.position.index >= entry.index) ||
  disk.entries[entry.index - disk.base.index - 1]?.term === entry.term;

/** The process dies: what was not flushed is gone. */
export function loseUnflushed(disk: Disk): void {
  const group = disk.flushing;
  disk.flushing = [];
  disk.queued = [];
  const { random } = disk;
  const whole = random.pick([0, group.length, random.below(group.length + 1)]);
  for (const written of group.slice(0, whole)) apply(disk, written);
  const torn = group[whole];
  if (torn?.type === "append" && torn.entries.length > 1 && random.chance(0.5)) {
    apply(disk, { ...torn, entries: torn.entries.slice(0, random.below(torn.entries.length)), release: [] });
  }
  disk.taking = null;
}

/** The `storage` actor of a node that is just starting. It tells what the disk holds. */
export function storageOf(disk: Disk, node: SimNode): Resident {
  const receive = (letter: RaftToStorage | LockToStorage, _from: ActorName): void => {
    if (letter.type === "readChunk") {
      post(node, "storage", "raft", { type: "chunkRead", to: letter.to, chunk: chunkOf(disk, letter) });
      return;
    }
    disk.queued.push(letter);
    if (disk.flushing.length === 0) flush(disk, node);
  };
  return { receive };
}

/** The first letters of a node: to raft what was stored, to lock the snapshot. */
export function load(disk: Disk, node: SimNode): void {
  const { hardState, snapshot, entries } = disk;
  post(node, "storage", "raft", {
    type: "loaded",
    hardState,
    snapshot: snapshot?.position ?? null,
    entries: [...entries],
  });
  restore(node, snapshot);
  if (disk.ailments.scarce) post(node, "storage", "gateway", { type: "room", scarce: true });
}

function restore(node: SimNode, snapshot: Snapshot | null): void {
  const slices = snapshot?.slices ?? [emptySlice];
  for (const slice of slices) post(node, "storage", "lock", { type: "restore", slice });
}

function flush(disk: Disk, node: SimNode): void {
  const { pace, random, witness } = disk;
  disk.flushing = disk.queued;
  disk.queued = [];
  const { epoch } = node;
  const span = random.chance(pace.stallChance)
    ? random.between(pace.flushMax, pace.stallMax)
    : random.between(pace.flushMin, pace.flushMax);
  scheduleIn(node.timetable, span, () => {
    if (node.epoch !== epoch) return;
    const { ailments } = disk;
    if (ailments.failing || ailments.full) {
      ailments.failing = false;
      return disk.onFailure(ailments.full ? "no space left" : "a flush failed");
    }
    const group = disk.flushing;
    disk.flushing = [];
    const answers = group.map((written) => apply(disk, written));
    witness.flushed?.(node.id);
    // What has come together meanwhile is flushed next; what the answers bring about comes after it.
    if (disk.queued.length > 0) flush(disk, node);
    // Whoever is told of every append and whoever is told of the last one only must come to the same.
    const tellsEach = random.chance(0.3);
    const lastAppend = group.findLastIndex((written) => written.type === "append");
    for (const [at, answer] of answers.entries()) answer(node, tellsEach || at === lastAppend);
  });
}

/** Says what has become durable; appends are told of only if `isTold`. */
type AnswerTo = (node: SimNode, isTold: boolean) => void;
const silence: AnswerTo = () => undefined;

function apply(disk: Disk, written: Written): AnswerTo {
  switch (written.type) {
    case "append":
      return append(disk, written);
    case "compact":
      compact(disk, written.through);
      return silence;
    case "receiveChunk":
      return receiveChunk(disk, written);
    case "snapshotTaken":
      return takeSlice(disk, written.slice);
  }
}

function append(disk: Disk, { hardState, entries, replacements, release }: Append): AnswerTo {
  if (hardState !== null) {
    check(hardState.term >= disk.hardState.term, "a stored term never falls", () => JSON.stringify({ hardState }));
    disk.hardState = hardState;
  }
  const first = entries[0];
  if (first !== undefined) {
    const kept = first.index - disk.base.index - 1;
    check(kept >= 0 && kept <= disk.entries.length, "entries are appended without a gap", () =>
      JSON.stringify({ first: first.index, base: disk.base, last: lastDurable(disk) }),
    );
    disk.entries.length = kept;
    disk.entries.push(...entries);
  }
  const { index, term: lastTerm } = lastDurable(disk);
  const told = disk.hardState;
  return (node, isTold) => {
    if (isTold) {
      const persisted = { type: "persisted", replacements, hardState: told, lastIndex: index, lastTerm } as const;
      bring(node, "storage", "raft", persisted);
    }
    for (const envelope of release) bring(node, "storage", "peers", envelope);
  };
}

function compact(disk: Disk, through: number): void {
  const gone = Math.min(through - disk.base.index, disk.entries.length);
  if (gone <= 0) return;
  const last = disk.entries[gone - 1] as Entry;
  check((disk.snapshot?.position.index ?? 0) >= through, "only what a snapshot contains is dropped", () =>
    JSON.stringify({ through, snapshot: disk.snapshot?.position }),
  );
  disk.base = { index: last.index, term: last.term };
  disk.entries = disk.entries.slice(gone);
}

// Snapshots.

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const decode = (chunk: SnapshotChunk): SnapshotSlice => JSON.parse(decoder.decode(chunk.bytes)) as SnapshotSlice;

const isSame = (one: SnapshotPosition, other: SnapshotPosition): boolean =>
  one.index === other.index && one.term === other.term;

function takeSlice(disk: Disk, slice: SnapshotSlice): AnswerTo {
  const { position } = slice;
  if (slice.slice === 0) disk.taking = { position, slices: [] };
  const { taking } = disk;
  // A slice that does not belong here is of a snapshot that was given up when the leader's was installed.
  if (taking === null || !isSame(taking.position, position)) return silence;
  check(taking.slices.length === slice.slice, "slices of a snapshot arrive in order", () => JSON.stringify(slice));
  taking.slices.push(slice);
  if (!slice.last) return silence;
  disk.taking = null;
  if (position.index > (disk.snapshot?.position.index ?? 0)) disk.snapshot = taking;
  const saved = disk.snapshot?.position ?? position;
  return (node) => post(node, "storage", "raft", { type: "snapshotSaved", position: saved });
}

function chunkOf(disk: Disk, { position, chunk }: ReadChunk): SnapshotChunk | null {
  const { snapshot } = disk;
  if (snapshot === null || (position !== null && !isSame(position, snapshot.position))) return null;
  const slice = snapshot.slices[chunk];
  if (slice === undefined) return null;
  const bytes = encoder.encode(JSON.stringify(slice));
  return { position: snapshot.position, chunk, chunks: snapshot.slices.length, bytes, checksum: crc32(bytes) };
}

function receiveChunk(disk: Disk, { from, chunk }: Extract<RaftToStorage, { type: "receiveChunk" }>): AnswerTo {
  const { position } = chunk;
  check(crc32(chunk.bytes) === chunk.checksum, "a chunk arrives as it was sent", () => JSON.stringify(position));
  if (position.index <= (disk.snapshot?.position.index ?? 0)) {
    return (node) => post(node, "storage", "raft", { type: "chunkReceived", from, position, next: chunk.chunks });
  }
  const former = disk.incoming;
  // Slices of two nodes need not fit together, even if they are of the same moment.
  const continues = former !== null && former.from === from && isSame(former.position, position);
  const incoming = continues ? former : { from, position, slices: [] };
  disk.incoming = incoming;
  if (chunk.chunk === incoming.slices.length) incoming.slices.push(decode(chunk));
  const next = incoming.slices.length;
  if (next < chunk.chunks)
    return (node) => post(node, "storage", "raft", { type: "chunkReceived", from, position, next });
  const snapshot = { position, slices: incoming.slices };
  disk.snapshot = snapshot;
  disk.taking = null;
  disk.incoming = null;
  disk.entries = [];
  disk.base = position;
  return (node) => {
    post(node, "storage", "raft", { type: "snapshotInstalled", from, position });
    restore(node, snapshot);
  };
}
