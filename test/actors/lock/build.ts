// Builders for tests of the lock actor: a replica, commands, and what came of them.

import type { Effect } from "../../../src/actors/actor.ts";
import type { Config } from "../../../src/actors/config.ts";
import { lock } from "../../../src/actors/lock/receive.ts";
import type { LockState } from "../../../src/actors/lock/state.ts";
import type { Command, Entry, LeaseChange } from "../../../src/actors/messages.ts";
import type { Answer, Write } from "../../../src/actors/operations.ts";
import {
  fencingToken,
  instant,
  leaseId,
  logIndex,
  millis,
  nodeId,
  regionId,
  requestId,
  term,
  wallTime,
} from "../../../src/actors/scalars.ts";

export interface Options {
  readonly requestsRemembered?: number;
  readonly digestEntries?: number;
  readonly sliceRecords?: number;
  /** All regions; the first is this replica's unless `region` says otherwise. */
  readonly regions?: readonly string[];
  readonly region?: string;
}

export const config = (options: Options = {}): Config => ({
  cluster: {
    clusterId: "test",
    regionId: regionId(options.region ?? options.regions?.[0] ?? "default"),
    regions: (options.regions ?? ["default"]).map(regionId),
    voters: [nodeId("a")],
    clockRateErrorMax: 0.01,
    clockAllowanceMs: millis(50),
    requestsRemembered: options.requestsRemembered ?? 100_000,
    digestEntries: options.digestEntries ?? 1_000_000,
  },
  node: {
    nodeId: nodeId("a"),
    incarnation: "1",
    electionMsMin: millis(300),
    electionMsMax: millis(600),
    heartbeatMs: millis(50),
    confirmMs: millis(5),
    appendEntriesMax: 1000,
    appendsInflightMax: 8,
    snapshotEntries: 100_000,
    trailingEntries: 1000,
    sliceRecords: options.sliceRecords ?? 1000,
    inflightMax: 1000,
    inflightBytesMax: 1_000_000,
    retryMs: millis(500),
  },
});

export const replica = (options: Options = {}): LockState => lock.start(config(options));

export type Letter = Parameters<typeof lock.receive>[1];

export const receive = (state: LockState, letter: Letter): Effect<"lock">[] => lock.receive(state, letter, instant(0));

/** The entry after the last one applied. */
export const nextEntry = (state: LockState, command: Command, inTerm = 1): Entry => ({
  index: logIndex(state.table.index + 1),
  term: term(inTerm),
  command,
});

/** Applies the next entry as if this node had proposed it. */
export const applyNext = (state: LockState, command: Command, inTerm = 1): Effect<"lock">[] =>
  receive(state, { type: "apply", entries: [nextEntry(state, command, inTerm)], answer: true });

export interface Told {
  /** What the proposer is told, on whichever way. */
  readonly answer: Answer | null;
  /** What the lease actor is told of leases. */
  readonly changes: readonly LeaseChange[];
}

export function told(effects: readonly Effect<"lock">[]): Told {
  let answer: Answer | null = null;
  const changes: LeaseChange[] = [];
  for (const effect of effects) {
    if (effect.type !== "send") continue;
    const { letter } = effect;
    if (letter.type === "changed") changes.push(...letter.changes);
    if (letter.type === "answers" || letter.type === "complete") answer = letter.answers[0]?.answer ?? answer;
  }
  return { answer, changes };
}

export interface Asking {
  /** Chosen by index unless given. */
  readonly as?: string;
  /** The index that was applied when the request came in; the last one unless given. */
  readonly bornAt?: number;
}

export const writeCommand = (state: LockState, write: Write, { as, bornAt }: Asking = {}): Command => ({
  type: "write",
  requestId: requestId(as ?? `request-${state.table.index + 1}`),
  bornAt: logIndex(bornAt ?? state.table.index),
  write,
});

/** Applies a write and tells what came of it. */
export const ask = (state: LockState, write: Write, asking: Asking = {}): Told =>
  told(applyNext(state, writeCommand(state, write, asking)));

export const openLease = (owner: string, ttl = 10_000): Write => ({ type: "openLease", owner, ttl: millis(ttl) });

/** A stateless acquire, which opens a lease of its own. */
export const acquire = (name: string, owner: string, ttl = 30_000): Write => ({
  type: "acquire",
  lock: name,
  owner,
  under: { ttl: millis(ttl) },
  askedAt: wallTime(1_700_000_000_000),
});

export const acquireUnder = (lease: number, name: string, owner: string): Write => ({
  type: "acquire",
  lock: name,
  owner,
  under: { lease: leaseId(lease) },
  askedAt: wallTime(1_700_000_000_000),
});

export const release = (name: string, grant: { lease?: number; token?: number; owner?: string }): Write => ({
  type: "release",
  lock: name,
  grant: {
    ...(grant.lease === undefined ? {} : { lease: leaseId(grant.lease) }),
    ...(grant.token === undefined ? {} : { token: fencingToken(grant.token) }),
    ...(grant.owner === undefined ? {} : { owner: grant.owner }),
  },
});

export const expire = (lease: number, { renewals = 0, inTerm = 1 } = {}): Command => ({
  type: "expire",
  lease: leaseId(lease),
  renewals,
  term: term(inTerm),
});

export const noop: Command = { type: "noop" };

/** A write that finds nothing to do, to let entries go by. */
export const nothing: Write = release("nobody's", { token: 999_999 });

/** The number of the implicit lease of a grant, spelled out. */
export const implicit = (token: number): number => 2 ** 52 + token;

export const holderOf = (owner: string, { lease, token, ttl }: { lease: number; token: number; ttl: number }) => ({
  owner,
  lease: leaseId(lease),
  token: fencingToken(token),
  ttl: millis(ttl),
  grantedAt: wallTime(1_700_000_000_000),
  remaining: millis(0),
});

/** Everything a replica holds, as plain arrays in a fixed order. */
export function contents({ table }: LockState) {
  const by = <Item>(items: Iterable<Item>, key: (item: Item) => number | string) =>
    [...items].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  return {
    leases: by(table.leases.values(), ({ id }) => id),
    locks: by(table.locks.values(), ({ token }) => token),
    locksOf: by(table.locksOf, ([id]) => id).map(
      ([id, records]) => [id, [...records].map(({ lock }) => lock)] as const,
    ),
    outcomes: by(table.outcomes.values(), (outcome) => outcome.requestId),
    ended: by(table.ended.values(), ({ token }) => token),
    counters: [table.fencingToken, table.leaseId, table.index, table.term],
  };
}
