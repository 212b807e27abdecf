// What the reference model of queues keeps: plain lists, searched from end to end whenever something is asked of them. Nothing
// is derived, nothing is kept in order, nothing is fast; so that what it says is plain to see.

import type { AlarmId } from "../../../src/actors/messages.ts";
import type { Demand, Ending, LockEvent, Mode, Outcome, Yielding } from "../../../src/actors/operations.ts";
import type { FencingToken, LeaseId, LogIndex, Millis, RequestId } from "../../../src/actors/scalars.ts";

export interface ModelLease {
  readonly id: LeaseId;
  readonly owner: string;
  readonly ttl: Millis;
  renewals: number;
}

/** A lock that is held; several of them may be of one grant. */
export interface Hold extends Demand {
  readonly token: FencingToken;
  readonly lease: LeaseId;
  readonly owner: string;
  readonly requestId: RequestId;
  readonly context: string;
  readonly delay: Millis;
  /** Where the request stood, or would have stood, in its queues. */
  readonly place: Pick<Waiting, "index" | "priority">;
  metadata: string;
  yielding: Yielding | null;
}

/** A lock that was lost, and is not to be had for a while. */
export interface Delay extends Demand {
  readonly token: FencingToken;
  readonly lease: LeaseId;
  readonly owner: string;
  readonly how: Ending;
  readonly delay: Millis;
}

export interface Waiting {
  readonly requestId: RequestId;
  readonly lease: LeaseId;
  readonly owner: string;
  readonly context: string;
  readonly demands: readonly Demand[];
  readonly wait: Millis;
  readonly priority: number;
  readonly delay: Millis;
  readonly metadata: string;
  readonly index: LogIndex;
}

export interface Past {
  readonly requestId: RequestId;
  readonly index: LogIndex;
  readonly outcome: Outcome;
}

export interface Over {
  readonly lock: string;
  readonly token: FencingToken;
  readonly how: Ending;
  readonly index: LogIndex;
}

export interface Model {
  readonly requestsRemembered: number;
  index: number;
  fencingToken: number;
  leaseId: number;
  leases: ModelLease[];
  holds: Hold[];
  delays: Delay[];
  waiting: Waiting[];
  past: Past[];
  over: Over[];
  alarms: AlarmId[];
}

export const createModel = (requestsRemembered: number): Model => ({
  requestsRemembered,
  index: 0,
  fencingToken: 0,
  leaseId: 0,
  leases: [],
  holds: [],
  delays: [],
  waiting: [],
  past: [],
  over: [],
  alarms: [],
});

/** What an entry did. */
export interface Effected {
  /** What those are told who asked, the one who asked by this entry first. */
  readonly answers: { readonly requestId: RequestId; readonly outcome: Outcome }[];
  readonly events: ModelEvent[];
  readonly alarms: ({ readonly set: AlarmId; readonly span: Millis } | { readonly gone: AlarmId })[];
  /** The tokens that were granted. */
  readonly granted: FencingToken[];
  /** What was lost or given back. */
  readonly ended: { readonly hold: Hold; readonly how: Ending }[];
  /** Who waits for whom, with the one who was refused because it closes a circle. */
  refusing: Graph | null;
}

/** An event, as far as the model goes. */
export type ModelEvent = Pick<LockEvent, "kind" | "lock" | "owner" | "lease" | "token" | "text" | "span">;

// Who is in whose way.

/** How long a request of one priority less must have waited to come first, in entries. */
const entriesPerPriority = 10_000;

export const rank = ({ index, priority }: Pick<Waiting, "index" | "priority">): number =>
  index - priority * entriesPerPriority;

type Queued = Pick<Waiting, "index" | "priority">;

/** Of equal rank the one who asked first comes first. */
export const isBefore = (one: Queued, other: Queued): boolean =>
  rank(one) < rank(other) || (rank(one) === rank(other) && one.index < other.index);

const bothAre = (mode: Mode, one: Demand, other: Demand): boolean => one.mode === mode && other.mode === mode;

/** Whether one who waits for a lock may not be overtaken by another who wants it. */
export const rivals = (one: Demand, other: Demand): boolean =>
  one.lock === other.lock && !bothAre("shared", one, other);

/** Those holders, or delays, that keep a lock from being had. */
export function blockers<Taken extends Demand>(demand: Demand, taken: readonly Taken[]): Taken[] {
  const ofLock = taken.filter(({ lock }) => lock === demand.lock);
  const alike = ofLock.filter((one) => bothAre("semaphore", one, demand));
  const others = ofLock.filter((one) => !bothAre("semaphore", one, demand) && !bothAre("shared", one, demand));
  const permits = alike.reduce((sum, one) => sum + one.permits, demand.permits);
  return permits > demand.limit && demand.mode === "semaphore" ? [...others, ...alike] : others;
}

/** Those who wait before somebody, in at least one queue in which they may not be overtaken. */
export const earlier = (model: Model, who: Queued & Pick<Waiting, "demands">): Waiting[] =>
  model.waiting.filter(
    (other) =>
      isBefore(other, who) && other.demands.some((theirs) => who.demands.some((demand) => rivals(theirs, demand))),
  );

export function mayBeGranted(model: Model, who: Queued & Pick<Waiting, "demands">): boolean {
  const taken = [...model.holds, ...model.delays];
  return earlier(model, who).length === 0 && who.demands.every((demand) => blockers(demand, taken).length === 0);
}

export const first = (waiting: readonly Waiting[]): Waiting | undefined =>
  waiting.reduce<Waiting | undefined>(
    (best, one) => (best === undefined || isBefore(one, best) ? one : best),
    undefined,
  );

// Who waits for whom.

export const nodeOf = ({ lease, context }: { lease: LeaseId; context: string }): string => `${lease}/${context}`;

/** For whom somebody waits, or would wait. */
export const waitsFor = (model: Model, who: Queued & Pick<Waiting, "demands">): string[] => [
  ...who.demands.flatMap((demand) => blockers(demand, model.holds).map(nodeOf)),
  ...earlier(model, who).map(nodeOf),
];

export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** Who waits for whom. */
export function graphOf(model: Model): Graph {
  const graph = new Map<string, Set<string>>();
  for (const waiting of model.waiting) {
    const node = nodeOf(waiting);
    const others = graph.get(node) ?? new Set();
    graph.set(node, others);
    for (const other of waitsFor(model, waiting)) others.add(other);
  }
  return graph;
}

/**
 * Those who can never go on, whatever those do who do not wait: let everybody go on who can, and give back what he has, again and
 * again; who is left then waits for himself.
 */
export function stuck(model: Model): Set<string> {
  const left = new Set(model.waiting.map(nodeOf));
  const isLeft = (one: { lease: LeaseId; context: string }): boolean => left.has(nodeOf(one));
  const canGoOn = (waiting: Waiting): boolean =>
    !earlier(model, waiting).some(isLeft) &&
    waiting.demands.every((demand) => blockers(demand, model.holds.filter(isLeft)).length === 0);
  for (;;) {
    const free = [...left].filter((node) => model.waiting.every((one) => nodeOf(one) !== node || canGoOn(one)));
    if (free.length === 0) return left;
    for (const node of free) left.delete(node);
  }
}
