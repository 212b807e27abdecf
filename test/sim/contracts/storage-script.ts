// What raft and lock may ask of storage, drawn from a seed: appends that replace what they conflict with, votes, releases,
// snapshots that are taken, given up, sent and installed, compaction, chunks that are asked for, and restarts.

import type {
  Entry,
  Envelope,
  HardState,
  LockToStorage,
  RaftToStorage,
  SnapshotPosition,
  SnapshotSlice,
} from "../../../src/actors/messages.ts";
import {
  fencingToken,
  leaseId,
  logIndex,
  millis,
  type NodeId,
  nodeId,
  requestId,
  term,
  wallTime,
} from "../../../src/actors/scalars.ts";
import type { Random } from "../random.ts";

/** A slice of another node's snapshot, to be sent as a chunk. */
export interface Incoming {
  readonly from: NodeId;
  readonly slices: readonly SnapshotSlice[];
  readonly chunk: number;
}

export type Step =
  | { readonly type: "letters"; readonly letters: readonly (RaftToStorage | LockToStorage)[] }
  | ({ readonly type: "chunk" } & Incoming)
  | { readonly type: "restart" };

/** What storage has been asked to hold, as raft sees it. */
export interface Held {
  hardState: HardState;
  /** By index, from 1. */
  terms: number[];
  snapshot: SnapshotPosition;
  chunks: number;
  base: number;
  replacements: number;
  released: number;
  /** How many snapshots of other nodes there were: no two are of the same position. */
  foreign: number;
  /** A slice with nothing in it. */
  readonly empty: SnapshotSlice;
}

export const nothingHeld = (empty: SnapshotSlice): Held => ({
  empty,
  hardState: { term: term(0), votedFor: null },
  terms: [0],
  snapshot: { index: logIndex(0), term: term(0) },
  chunks: 0,
  base: 0,
  replacements: 0,
  released: 0,
  foreign: 0,
});

const nodes = ["b", "c"].map(nodeId);

const lastOf = ({ terms }: Held): SnapshotPosition => ({
  index: logIndex(terms.length - 1),
  term: term(terms.at(-1) as number),
});

function command(random: Random, index: number): Entry["command"] {
  const write = random.pick([
    { type: "openLease", owner: `owner ${index}`, ttl: millis(1000 + index) },
    { type: "release", lock: "lock", grant: { token: fencingToken(index) } },
  ] as const);
  const asked = { type: "write", requestId: requestId(`r${index}`), bornAt: logIndex(index), write } as const;
  return random.pick([{ type: "noop" }, asked, asked]);
}

function envelope(held: Held): Envelope {
  held.released += 1;
  // The term says which release this was.
  return { type: "send", to: nodeId("b"), message: { type: "voteResponse", term: term(held.released), granted: true } };
}

export function drawAppend(random: Random, held: Held): Extract<RaftToStorage, { type: "append" }> {
  let changed: HardState | null = null;
  if (random.chance(0.4)) {
    changed = { term: term(held.hardState.term + random.below(3)), votedFor: random.pick([null, ...nodes]) };
    held.hardState = changed;
  }
  const last = held.terms.length - 1;
  const replaces = random.chance(0.3) && last > held.snapshot.index;
  const first = replaces ? held.snapshot.index + 1 + random.below(last - held.snapshot.index) : last + 1;
  const count = random.chance(0.2) ? 0 : 1 + random.below(5);
  const of = Math.max(held.terms.at(-1) as number, held.hardState.term) + (replaces ? 1 : random.below(2));
  const entries = Array.from(
    { length: count },
    (_, at): Entry => ({ index: logIndex(first + at), term: term(of), command: command(random, first + at) }),
  );
  if (count > 0) {
    if (replaces) held.replacements += 1;
    held.terms.length = first;
    for (const entry of entries) held.terms.push(entry.term);
  }
  const release = Array.from({ length: random.below(3) }, () => envelope(held));
  return { type: "append", hardState: changed, entries, replacements: held.replacements, release };
}

/** A letter that changes nothing; its release tells that everything before it is done. */
export const drawMark = (held: Held): Extract<RaftToStorage, { type: "append" }> => ({
  type: "append",
  hardState: null,
  entries: [],
  replacements: held.replacements,
  release: [envelope(held)],
});

/** `like` is a slice with nothing in it. */
export function drawSlices(random: Random, position: SnapshotPosition, like: SnapshotSlice): SnapshotSlice[] {
  const slices = 1 + random.below(4);
  return Array.from({ length: slices }, (_, slice) => ({
    ...like,
    position,
    slice,
    last: slice === slices - 1,
    counters: { ...like.counters, fencingToken: fencingToken(position.index), leaseId: leaseId(random.below(1000)) },
    leases: Array.from({ length: random.below(4) }, (_none, at) => ({
      id: leaseId(10 * slice + at + 1),
      owner: "o".repeat(random.below(40)),
      ttl: millis(1000 + random.below(9000)),
      renewals: random.below(3),
    })),
    locks: Array.from({ length: random.below(3) }, (_none, at) => ({
      lock: `lock ${slice}.${at}`,
      owner: "somebody",
      lease: leaseId(at + 1),
      token: fencingToken(at + 1),
      grantedAt: wallTime(random.below(1e9)),
      requestId: requestId(`q${at}`),
    })),
  }));
}

/** Own snapshots: all slices, with appends in between; or only some of them, and then the next snapshot. */
function drawTaking(random: Random, held: Held): Step {
  const index = held.snapshot.index + 1 + random.below(held.terms.length - 1 - held.snapshot.index);
  const position = { index: logIndex(index), term: term(held.terms[index] as number) };
  const slices = drawSlices(random, position, held.empty);
  const isWhole = random.chance(0.8);
  const letters = slices.slice(0, isWhole ? undefined : -1).flatMap((slice) => {
    const taken: LockToStorage = { type: "snapshotTaken", slice };
    return random.chance(0.4) ? [taken, { ...drawMark(held) }] : [taken];
  });
  if (isWhole) {
    held.snapshot = position;
    held.chunks = slices.length;
  }
  return { type: "letters", letters };
}

function drawReads(random: Random, held: Held): Step {
  const { snapshot } = held;
  const positions = [
    null,
    snapshot,
    { ...snapshot, index: logIndex(snapshot.index + 1) },
    { ...snapshot, term: term(snapshot.term + 1) },
  ];
  const letters = Array.from({ length: 3 }, () => ({
    type: "readChunk" as const,
    to: random.pick(nodes),
    position: random.pick(positions),
    chunk: random.below(held.chunks + 2),
  }));
  return { type: "letters", letters };
}

/** Another node's snapshot, which may be behind this node's own. Chunks come in their order, twice, too early, or not at all. */
function drawIncoming(random: Random, held: Held): Step[] {
  const last = lastOf(held);
  const isOlder = random.chance(0.15);
  const index = isOlder ? 1 + random.below(held.snapshot.index + 1) : last.index + 1 + random.below(5);
  held.foreign += 1;
  const slices = drawSlices(random, { index: logIndex(index), term: term(last.term + held.foreign) }, held.empty);
  const from = random.pick(nodes);
  const steps: Step[] = [];
  const chunk = (of: number, by = from): void => void steps.push({ type: "chunk", from: by, slices, chunk: of });
  // Now and then the rest never comes.
  const coming = random.chance(0.3) ? random.below(slices.length + 1) : slices.length;
  for (let of = 0; of < coming; of += 1) {
    if (random.chance(0.2)) chunk(random.below(slices.length), random.pick(nodes));
    chunk(of);
    if (random.chance(0.2)) chunk(of);
  }
  return steps;
}

/** The next few steps. The script must be told when a snapshot was installed. */
export function drawSteps(random: Random, held: Held): Step[] {
  const hasNews = held.terms.length - 1 > held.snapshot.index;
  switch (random.below(12)) {
    case 0:
    case 1:
      return hasNews ? [drawTaking(random, held)] : [];
    case 2: {
      if (held.snapshot.index <= held.base) return [];
      const through = held.base + 1 + random.below(held.snapshot.index - held.base);
      held.base = through;
      return [{ type: "letters", letters: [{ type: "compact", through: logIndex(through) }] }];
    }
    case 3:
      return [drawReads(random, held)];
    case 4:
      return drawIncoming(random, held);
    case 5:
      return [{ type: "restart" }];
    default: {
      const letters = Array.from({ length: 1 + random.below(5) }, () => drawAppend(random, held));
      return [{ type: "letters", letters }];
    }
  }
}

/** A snapshot that was sent has replaced everything. */
export function noteInstalled(held: Held, position: SnapshotPosition, chunks: number): void {
  held.snapshot = position;
  held.chunks = chunks;
  held.base = position.index;
  held.terms = Array.from({ length: position.index + 1 }, () => position.term);
}
