// Builders for tests of the acceptor: a replica of one of three regions, what proposers ask of it, and what it replies.

import type { Effect } from "../../../src/actors/actor.ts";
import {
  type AcceptorRecord,
  type Ballot,
  type Claim,
  type FreeValue,
  type GrantValue,
  noBallot,
  type RegionCommand,
  type Reply,
  type Value,
} from "../../../src/actors/ballots.ts";
import type { LockState } from "../../../src/actors/lock/state.ts";
import type { Command, LeaseChange } from "../../../src/actors/messages.ts";
import type { Ending } from "../../../src/actors/operations.ts";
import {
  fencingToken,
  type LeaseId,
  leaseId,
  logIndex,
  millis,
  regionId,
  requestId,
  wallTime,
} from "../../../src/actors/scalars.ts";
import { applyNext, contents, noop, type Options, receive, replica } from "./build.ts";

const regions = ["a", "b", "c"];
const someTime = wallTime(1_700_000_000_000);

/** A replica of region b, of three. */
export const acceptor = (options: Options = {}): LockState => replica({ regions, region: "b", ...options });

export const ballot = (round: number, region = "a"): Ballot => ({ round, region: regionId(region) });
export { noBallot };

/** The number of the `count`th implicit lease that the region at `place` numbers, spelled out. */
export const implicitOf = (count: number, place: number): LeaseId => leaseId(2 ** 52 + (count - 1) * 16 + place + 1);

/** What region a grants first: token 1, under lease 1, to anna, who asked as "q1"; unless said otherwise. */
export const grant = ({
  owner = "anna",
  lease = 1,
  token = 1,
  ttl = 10_000,
  as = "q1",
}: {
  owner?: string;
  lease?: number;
  token?: number;
  ttl?: number;
  as?: string;
} = {}): GrantValue => ({
  type: "grant",
  owner,
  lease: leaseId(lease),
  ttl: millis(ttl),
  token: fencingToken(token),
  grantedAt: someTime,
  requestId: requestId(as),
});

export const free = (token: number, { how = "released", as }: { how?: Ending; as?: string } = {}): FreeValue => ({
  type: "free",
  token: fencingToken(token),
  how,
  requestId: as === undefined ? null : requestId(as),
});

export const acquiring = (as: string, { lease, owner = "anna" }: { lease?: number; owner?: string } = {}): Claim => ({
  type: "acquire",
  requestId: requestId(as),
  owner,
  lease: lease === undefined ? null : leaseId(lease),
});

export const releasing = (as: string, named: { lease?: number; token?: number; owner?: string }): Claim => ({
  type: "release",
  requestId: requestId(as),
  grant: {
    ...(named.lease === undefined ? {} : { lease: leaseId(named.lease) }),
    ...(named.token === undefined ? {} : { token: fencingToken(named.token) }),
    ...(named.owner === undefined ? {} : { owner: named.owner }),
  },
});

export const settling = (token: number): Claim => ({ type: "settle", token: fencingToken(token) });

export const prepare = (at: Ballot, claim: Claim, lock = "x"): RegionCommand => ({
  type: "prepare",
  ask: "ask",
  lock,
  ballot: at,
  claim,
});

export const accept = (at: Ballot, value: Value, lock = "x"): RegionCommand => ({
  type: "accept",
  ask: "ask",
  lock,
  ballot: at,
  value,
  requestId: value.type === "free" ? value.requestId : null,
});

export const begin = (
  claim: Claim,
  {
    known = null,
    above = 0,
    bornAt = 0,
    lock = "x",
  }: { known?: Ballot | null; above?: number; bornAt?: number; lock?: string } = {},
): RegionCommand => ({
  type: "begin",
  ask: "ask",
  lock,
  claim,
  bornAt: logIndex(bornAt),
  ttl: millis(30_000),
  askedAt: someTime,
  above,
  known,
});

export const beginLease = (as: string, { owner = "anna", bornAt = 0 } = {}): RegionCommand => ({
  type: "beginLease",
  ask: "ask",
  requestId: requestId(as),
  bornAt: logIndex(bornAt),
  owner,
  ttl: millis(10_000),
});

export const keepLease = (id: number, { owner = "anna", ttl = 10_000 } = {}): RegionCommand => ({
  type: "keepLease",
  ask: "ask",
  lease: { id: leaseId(id), owner, ttl: millis(ttl) },
});

export interface Came {
  /** What the proposer is told, on whichever way. */
  readonly reply: Reply | null;
  /** What the lease actor is told of leases. */
  readonly changes: readonly LeaseChange[];
}

export function cameOf(effects: readonly Effect<"lock">[]): Came {
  let reply: Reply | null = null;
  const changes: LeaseChange[] = [];
  for (const effect of effects) {
    if (effect.type !== "send") continue;
    const { letter } = effect;
    if (letter.type === "changed") changes.push(...letter.changes);
    if (letter.type === "replies" || letter.type === "completeReplies") reply = letter.replies[0]?.reply ?? reply;
  }
  return { reply, changes };
}

/** Applies the next entry and tells what came of it. */
export const come = (state: LockState, command: Command): Came => cameOf(applyNext(state, command));

/** The same for who wants the reply only. */
export const replyTo = (state: LockState, command: Command): Reply | null => come(state, command).reply;

/** Applies entries that do nothing. */
export function passEntries(state: LockState, entries: number): void {
  for (let entry = 0; entry < entries; entry += 1) applyNext(state, noop);
}

/** A replica that has applied these. */
export function acceptorAfter(...commands: readonly Command[]): LockState {
  const state = acceptor();
  for (const command of commands) applyNext(state, command);
  return state;
}

export const recordOf = ({ table }: LockState, lock = "x"): AcceptorRecord | null =>
  table.acceptor?.records.get(lock) ?? null;

/** What a live lease holds here, as the lease actor is told. */
export function digestOf(came: Came): string | null {
  const holds = came.changes.find((change) => change.type === "holds");
  return holds?.type === "holds" ? holds.locks : null;
}

/** Everything a replica holds, its acceptor included, as plain values in a fixed order. */
export function wholeOf(state: LockState) {
  const { acceptor: parts } = state.table;
  const sorted = <Item>(items: Iterable<readonly [string | number, Item]>) =>
    [...items].sort(([a], [b]) => (a < b ? -1 : 1));
  const { locksOf, ...rest } = contents(state);
  return {
    ...rest,
    locksOf: locksOf.map(([lease, names]) => [lease, [...names].sort()]),
    records: sorted(parts?.records ?? []),
    holdings: sorted(parts?.holdings ?? []).map(([lease, { first, second }]) => [lease, first, second]),
    floor: parts?.floor,
    round: parts?.round,
    leaseNumbers: [...(parts?.leaseNumbers ?? [])],
  };
}

/** A replica of the same region that was restored from a snapshot of `original` taken now. */
export function restoredFrom(original: LockState, options: Options = {}): LockState {
  const copy = acceptor(options);
  let effects = receive(original, { type: "takeSnapshot" });
  for (;;) {
    const [sent] = effects;
    if (sent?.type !== "send" || sent.letter.type !== "snapshotTaken") throw new Error("no slice");
    receive(copy, { type: "restore", slice: structuredClone(sent.letter.slice) });
    if (sent.letter.slice.last) return copy;
    effects = receive(original, { type: "timeout", timer: "slice" });
  }
}
