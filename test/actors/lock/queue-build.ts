// Builders for tests of queues: a replica with some leases, requests for locks in every mode, and all that came of an entry.

import type { LockState } from "../../../src/actors/lock/state.ts";
import { holdersOf } from "../../../src/actors/lock/table.ts";
import type { AlarmId, Command, LeaseChange } from "../../../src/actors/messages.ts";
import type {
  AcquireAll,
  Answer,
  Demand,
  LockEvent,
  Look,
  Obstacle,
  Outcome,
  Write,
} from "../../../src/actors/operations.ts";
import { fencingToken, leaseId, millis, requestId, term, wallTime } from "../../../src/actors/scalars.ts";
import {
  applyNext,
  ask,
  contents,
  holderOf,
  noop,
  type Options,
  openLease,
  receive,
  replica,
  writeCommand,
} from "./build.ts";

export const people = ["anna", "bert", "carl", "dora", "eve", "fred"] as const;

export const ownerOf = (lease: number): string => people[lease - 1] ?? `owner ${lease}`;

/** A replica in which lease 1 is anna's, lease 2 bert's, and so on, each of 10 seconds. */
export function crowd(count = 4, options: Options = {}): LockState {
  const state = replica(options);
  for (let lease = 1; lease <= count; lease += 1) ask(state, openLease(ownerOf(lease)));
  return state;
}

export const exclusive = (lock: string): Demand => ({ lock, mode: "exclusive", permits: 1, limit: 0 });
export const shared = (lock: string): Demand => ({ lock, mode: "shared", permits: 1, limit: 0 });
export const permits = (lock: string, count: number, limit: number): Demand => ({
  lock,
  mode: "semaphore",
  permits: count,
  limit,
});

export interface Wish {
  /** 60 seconds unless given. */
  readonly wait?: number;
  readonly priority?: number;
  readonly delay?: number;
  readonly context?: string;
  readonly metadata?: string;
  readonly owner?: string;
  /** Under a lease of its own, not under the one that is named. */
  readonly ttl?: number;
  readonly askedAt?: number;
}

type Wanted = string | Demand;

/** A request under a lease of `crowd`; a name alone is wanted exclusively. */
export const want = (lease: number, wanted: Wanted | readonly Wanted[], wish: Wish = {}): AcquireAll => ({
  type: "acquireAll",
  demands: [wanted].flat().map((each) => (typeof each === "string" ? exclusive(each) : each)) as Demand[],
  owner: wish.owner ?? ownerOf(lease),
  under: wish.ttl === undefined ? { lease: leaseId(lease) } : { ttl: millis(wish.ttl) },
  context: wish.context ?? "",
  wait: millis(wish.wait ?? (wish.ttl === undefined ? 60_000 : 0)),
  priority: wish.priority ?? 0,
  delay: millis(wish.delay ?? 0),
  metadata: wish.metadata ?? "",
  askedAt: wallTime(wish.askedAt ?? 1_700_000_000_000),
});

export const releaseAll = (lease: number, token: number): Write => ({
  type: "releaseAll",
  lease: leaseId(lease),
  token: fencingToken(token),
});

export const cancel = (request: string, lease: number | null): Write => ({
  type: "cancel",
  request: requestId(request),
  lease: lease === null ? null : leaseId(lease),
});

export const endLease = (lease: number): Write => ({ type: "endLease", lease: leaseId(lease) });

export const proclaim = (lock: string, lease: number, token: number, metadata: string): Write => ({
  type: "proclaim",
  lock,
  lease: leaseId(lease),
  token: fencingToken(token),
  metadata,
});

export const askYield = (
  lock: string,
  { token = null, reason = "please", grace = 5_000, force = false }: Partial<Asking> = {},
): Write => ({
  type: "askYield",
  lock,
  token: token === null ? null : fencingToken(token),
  reason,
  grace: millis(grace),
  force,
});

interface Asking {
  readonly token: number | null;
  readonly reason: string;
  readonly grace: number;
  readonly force: boolean;
}

export const forceRelease = (lock: string, token: number | null = null, reason = "stuck"): Write => ({
  type: "forceRelease",
  lock,
  token: token === null ? null : fencingToken(token),
  reason,
});

/** The lease actor of the leader of `inTerm` says that a span is over. */
export const ring = (alarm: AlarmId, inTerm = 1): Command => ({ type: "alarm", alarm, term: term(inTerm) });

export interface Came {
  /** What the asker is told, on whichever way. */
  readonly answer: Answer | null;
  /** What those are told who waited, in order. */
  readonly told: readonly (readonly [string, Answer])[];
  readonly changes: readonly LeaseChange[];
  readonly events: readonly LockEvent[];
}

/** Applies the next entry, a write under the request id `as`, and tells all that came of it. */
export function come(state: LockState, asked: Write | Command, as?: string, inTerm = 1): Came {
  const command = isCommand(asked) ? asked : writeCommand(state, asked, as === undefined ? {} : { as });
  const own = command.type === "write" ? command.requestId : null;
  const effects = applyNext(state, command, inTerm);
  let answer: Answer | null = null;
  const told: (readonly [string, Answer])[] = [];
  const changes: LeaseChange[] = [];
  for (const effect of effects) {
    if (effect.type !== "send") continue;
    const { letter } = effect;
    if (letter.type === "changed") changes.push(...letter.changes);
    if (letter.type !== "answers" && letter.type !== "complete") continue;
    for (const each of letter.answers as readonly { requestId: string; answer: Answer }[]) {
      if (each.requestId === own) answer = each.answer;
      else told.push([each.requestId, each.answer]);
    }
  }
  return { answer, told, changes, events: eventsOfLast(state) };
}

/** What happened in the last entry. */
export function eventsOfLast({ table, watching }: LockState): readonly LockEvent[] {
  const { items, head } = watching.events;
  let from = items.length;
  while (from > head && items[from - 1]?.revision === table.index) from -= 1;
  return items.slice(from) as LockEvent[];
}

const isCommand = (asked: Write | Command): asked is Command =>
  asked.type === "write" || asked.type === "expire" || asked.type === "alarm" || asked.type === "noop";

/** The same for who wants the answer only. */
export const answerTo = (state: LockState, asked: Write, as?: string): Answer | null => come(state, asked, as).answer;

/** Applies a request that is granted at once, and returns its token. */
export function take(state: LockState, asked: Write, as?: string): number {
  const answer = answerTo(state, asked, as);
  if (answer?.type !== "granted") throw new Error(`not granted: ${JSON.stringify(answer)}`);
  return answer.token;
}

/** Applies a request that has to wait. */
export function join(state: LockState, asked: Write, as: string): void {
  const answer = answerTo(state, asked, as);
  if (answer?.type !== "queued") throw new Error(`not queued: ${JSON.stringify(answer)}`);
}

export const granted = (lease: number, token: number, ttl = 10_000): Outcome => ({
  type: "granted",
  lease: leaseId(lease),
  token: fencingToken(token),
  ttl: millis(ttl),
});

/** A lock is held by a lease of `crowd`, and so many wait for it. */
export const heldBy = (lock: string, lease: number, token: number, { queue = 0, metadata = "" } = {}): Obstacle => ({
  lock,
  holder: holderOf(ownerOf(lease), { lease, token, ttl: 10_000 }),
  metadata,
  delayed: null,
  delayedBy: null,
  queue,
});

/** Nobody holds a lock, but others wait for it, or it is delayed. */
export const inTheWay = (
  lock: string,
  { queue = 0, delayed, by }: { queue?: number; delayed?: number; by?: number },
): Obstacle => ({
  lock,
  holder: null,
  metadata: "",
  delayed: delayed === undefined ? null : millis(delayed),
  delayedBy: by === undefined ? null : fencingToken(by),
  queue,
});

/** The requests that wait for a lock, in their order. */
export const waiting = ({ table }: LockState, lock: string): readonly string[] =>
  (table.queues.get(lock) ?? []).map((waiter) => waiter.requestId);

/** Who holds a lock: owner and token of each. */
export const holding = ({ table }: LockState, lock: string): readonly string[] =>
  holdersOf(table, lock).map(({ owner, token }) => `${owner} ${token}`);

/** Events in short: what, of which lock, whose, with which token, and how many wait now. */
export const short = (events: readonly LockEvent[]): readonly string[] =>
  events.map(({ kind, lock, owner, token, queue }) => `${kind} ${lock} ${owner} ${token} ${queue}`);

/** What a look at the table shows. */
export function seen(state: LockState, look: Look): Outcome {
  for (const effect of receive(state, {
    type: "read",
    queries: [{ type: "look", requestId: requestId("look"), look }],
  })) {
    if (effect.type !== "send") continue;
    const { letter } = effect;
    if (letter.type === "answers" || letter.type === "complete") return letter.answers[0]?.answer as Outcome;
  }
  throw new Error("nothing seen");
}

/** Lets so many entries go by. */
export function pass(state: LockState, entries: number): void {
  for (let entry = 0; entry < entries; entry += 1) applyNext(state, noop);
}

/** A replica that was restored from a snapshot of `original` taken now. */
export function restoredFrom(original: LockState, options: Options = {}): LockState {
  const copy = replica(options);
  let effects = receive(original, { type: "takeSnapshot" });
  for (;;) {
    const [sent] = effects;
    if (sent?.type !== "send" || sent.letter.type !== "snapshotTaken") throw new Error("no slice");
    receive(copy, { type: "restore", slice: structuredClone(sent.letter.slice) });
    if (sent.letter.slice.last) return copy;
    effects = receive(original, { type: "timeout", timer: "slice" });
  }
}

/** Everything a replica holds, its queues and delays included, as plain values in a fixed order. */
export function wholeOf(state: LockState) {
  const { table } = state;
  const names = <Item>(lists: ReadonlyMap<string, readonly Item[]>, nameOf: (item: Item) => string) =>
    [...lists].map(([lock, items]) => `${lock}: ${items.map(nameOf).join(" ")}`).sort();
  const { locksOf, ...rest } = contents(state);
  return {
    ...rest,
    locksOf: locksOf.map(([lease, held]) => [lease, [...held].sort()]),
    holders: [...table.locks.keys()].sort().map((lock) => [lock, holdersOf(table, lock)]),
    grants: [...table.grants]
      .map(
        ([token, records]) =>
          `${token} ${records
            .map(({ lock }) => lock)
            .sort()
            .join(" ")}`,
      )
      .sort(),
    waiters: [...table.waiters.values()].sort((one, other) => one.index - other.index),
    queues: names(table.queues, (waiter) => waiter.requestId),
    waitersOf: [...table.waitersOf]
      .map(
        ([lease, each]) =>
          `${lease} ${[...each]
            .map(({ index }) => index)
            .sort((a, b) => a - b)
            .join(" ")}`,
      )
      .sort(),
    delays: [...table.delays.values()]
      .flat()
      .sort((one, other) => one.token - other.token || (one.lock < other.lock ? -1 : 1)),
    digest: [table.digest.first, table.digest.second],
  };
}
