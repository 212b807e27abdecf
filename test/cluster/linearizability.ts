// Decides whether operations on one lock that overlapped in time have an order that the lock of `lock-model.ts` accepts and
// that respects which of them ended before which began (Wing and Gong 1993, with the memory of Lowe 2017).
//
// What nobody knows the outcome of may be put in at any time, or never, and would make the search endless. Four facts about
// locks keep it short without changing what it finds:
// 1. An operation that leaves the lock as it is costs nothing: where it fits, it is put at once.
// 2. Tokens of a lock rise, so a token that somebody saw cannot be passed over: grants have one order.
// 3. An unknown release or acquire helps only as the reason for an answer that has no other, so it is put directly before one.
// 4. Unknown acquires differ only in when their grants may end: of those that were asked for, the first to end will do.

import type { Operation } from "./history.ts";
import type { Lock, LockModel } from "./lock-model.ts";

export type Verdict =
  | { readonly type: "linearizable" }
  /** `stuckAt` is the operation at which the longest order that was found broke off. */
  | { readonly type: "refused"; readonly stuckAt: Operation }
  | { readonly type: "undecided" };

/** What is the same all through a search. */
interface Search {
  readonly model: LockModel;
  /** Those whose outcome is known, by their beginnings. */
  readonly known: readonly Operation[];
  /** The earliest end of all from this one on. */
  readonly endsFrom: readonly number[];
  /** Acquires of unknown outcome, by the end of the grant that each may have given. */
  readonly acquires: readonly Operation[];
  /** Of the releases of a token whose outcome is unknown, the one that began first. */
  readonly releases: ReadonlyMap<number, Operation>;
  /** Every token that somebody was given or shown, from low to high. */
  readonly tokens: readonly number[];
  /** Whether somebody released a grant of which no acquire is known: then fact 4 does not hold. */
  readonly strangersRelease: boolean;
}

/** How far an order has come. */
interface Position {
  readonly lock: Lock;
  /** Those that have begun and have no place yet, by number. */
  readonly waiting: readonly number[];
  /** The first that can have begun only after one of those that wait had ended. */
  readonly next: number;
  /** The unknown acquires that were put in, by number, in rising order. */
  readonly used: readonly number[];
  /** Nothing that is put next can have taken effect later. */
  readonly latest: number;
}

interface Branch {
  readonly waysOn: readonly Position[];
  tried: number;
}

const positionsMaxDefault = 1_000_000;

export function checkLinearizable(
  operations: readonly Operation[],
  model: LockModel,
  positionsMax = positionsMaxDefault,
): Verdict {
  const search = prepare(operations, model);
  const failed = new Map<string, (readonly number[])[]>();
  const start = settle(search, { lock: model.initial, waiting: [], next: 0, used: [] });
  const path: Branch[] = [{ waysOn: [start], tried: 0 }];
  let mostPlaced = -1;
  let stuckAt = search.known[0] as Operation;
  for (let positions = 0; positions <= positionsMax; ) {
    const branch = path.at(-1);
    if (branch === undefined) return { type: "refused", stuckAt };
    const position = branch.waysOn[branch.tried];
    branch.tried += 1;
    if (position === undefined) {
      path.pop();
      continue;
    }
    const first = firstToEnd(search, position);
    if (first === null) return { type: "linearizable" };
    if (!isNew(failed, position)) continue;
    positions += 1;
    const placed = position.next - position.waiting.length;
    if (placed > mostPlaced) {
      mostPlaced = placed;
      stuckAt = first;
    }
    path.push({ waysOn: waysOnFrom(search, position), tried: 0 });
  }
  return { type: "undecided" };
}

function prepare(operations: readonly Operation[], model: LockModel): Search {
  const known = operations.filter(({ result }) => result !== "unknown").sort((a, b) => a.invokedAt - b.invokedAt);
  const unknown = operations.filter(({ result }) => result === "unknown");
  const endsFrom = new Array<number>(known.length + 1).fill(Number.POSITIVE_INFINITY);
  for (let i = known.length - 1; i >= 0; i -= 1) {
    endsFrom[i] = Math.min((known[i] as Operation).endedAt, endsFrom[i + 1] as number);
  }
  const endOf = (acquire: Operation) => model.step(model.initial, acquire, 0)?.grant?.until ?? 0;
  const releases = new Map<number, Operation>();
  for (const release of unknown.filter(({ action }) => action === "release")) {
    const token = release.token ?? 0;
    const earlier = releases.get(token);
    if (earlier === undefined || release.invokedAt < earlier.invokedAt) releases.set(token, release);
  }
  const given = new Set(tokensOf(known, "acquire", "granted"));
  const shown = new Set([...given, ...tokensOf(known, "check", "locked")]);
  const released = [...tokensOf(known, "release", "released"), ...releases.keys()];
  return {
    model,
    known,
    endsFrom,
    acquires: unknown.filter(({ action }) => action === "acquire").sort((a, b) => endOf(a) - endOf(b)),
    releases,
    tokens: [...shown].sort((a, b) => a - b),
    strangersRelease: released.some((token) => shown.has(token) && !given.has(token)),
  };
}

const tokensOf = (operations: readonly Operation[], action: Operation["action"], result: Operation["result"]) =>
  operations.filter((each) => each.action === action && each.result === result).map(({ token }) => token ?? 0);

/** Lets in what can have begun, and puts what fits without changing the lock, until neither is to be had. */
function settle(search: Search, { lock, waiting, next, used }: Omit<Position, "latest">): Position {
  const { known, endsFrom, model } = search;
  let open = waiting;
  for (let end = next; ; ) {
    const latest = open.reduce((earliest, i) => Math.min(earliest, operation(search, i).endedAt), endsFrom[end] ?? 0);
    const begun = [...open];
    while (end < known.length && operation(search, end).invokedAt <= latest) {
      begun.push(end);
      end += 1;
    }
    open = begun.filter((i) => model.step(lock, operation(search, i), latest) !== lock);
    if (open.length === begun.length) return { lock, waiting: open, next: end, used, latest };
  }
}

const operation = (search: Search, number: number): Operation => search.known[number] as Operation;

/** Of those that wait, the one that ended first; null if all have their places. */
function firstToEnd(search: Search, { waiting }: Position): Operation | null {
  let first: Operation | null = null;
  for (const i of waiting)
    if (first === null || operation(search, i).endedAt < first.endedAt) first = operation(search, i);
  return first;
}

/** Whether nothing was tried from here with as many unknown acquires left, or more. Remembers it. */
function isNew(failed: Map<string, (readonly number[])[]>, { lock, waiting, next, used }: Position): boolean {
  const { grant, highest } = lock;
  const key = `${next} ${waiting.join()} ${highest} ${grant === null ? "free" : `${grant.token ?? "?"} ${grant.until}`}`;
  const before = failed.get(key);
  if (before === undefined) {
    failed.set(key, [used]);
    return true;
  }
  if (before.some((fewer) => isWithin(fewer, used))) return false;
  before.push(used);
  return true;
}

/** Whether all numbers of `few` are among `many`; both rise. */
function isWithin(few: readonly number[], many: readonly number[]): boolean {
  let i = 0;
  for (const number of many) if (number === few[i]) i += 1;
  return i === few.length;
}

/** Every position to which one more operation leads. */
function waysOnFrom(search: Search, position: Position): Position[] {
  const found: Position[] = [];
  for (const number of position.waiting) {
    for (const { lock, used } of afterwards(search, position, operation(search, number))) {
      if (passesOver(search, position.lock, lock)) continue;
      const waiting = position.waiting.filter((other) => other !== number);
      found.push(settle(search, { lock, waiting, next: position.next, used }));
    }
  }
  // What needs fewer unknown acquires is tried first: it leaves more for later.
  return found.sort((a, b) => a.used.length - b.used.length);
}

/** The lock after an operation; where it does not fit by itself, after what may have happened unseen before it. */
function afterwards(search: Search, position: Position, next: Operation): Pick<Position, "lock" | "used">[] {
  const { lock, latest, used } = position;
  const { step } = search.model;
  const direct = step(lock, next, latest);
  if (direct !== null) return [{ lock: direct, used }];
  const release = lock.grant?.token == null ? undefined : search.releases.get(lock.grant.token);
  const freed = release !== undefined && release.invokedAt <= latest ? step(lock, release, latest) : null;
  const afterRelease = freed === null ? null : step(freed, next, latest);
  if (afterRelease !== null) return [{ lock: afterRelease, used }];
  const found: Pick<Position, "lock" | "used">[] = [];
  for (const number of candidates(search, position)) {
    const acquire = search.acquires[number] as Operation;
    const held = step(lock, acquire, latest) ?? (freed === null ? null : step(freed, acquire, latest));
    const after = held === null ? null : step(held, next, latest);
    if (after !== null) found.push({ lock: after, used: [...used, number].sort((a, b) => a - b) });
  }
  return found;
}

/** The unknown acquires that may be put in next. */
function candidates({ acquires, strangersRelease }: Search, { used, latest }: Position): number[] {
  const taken = new Set(used);
  const isOpen = (acquire: Operation, number: number) => acquire.invokedAt <= latest && !taken.has(number);
  if (strangersRelease) return [...acquires.keys()].filter((number) => isOpen(acquires[number] as Operation, number));
  const first = acquires.findIndex(isOpen);
  return first < 0 ? [] : [first];
}

/** Whether a step of the lock leaves behind a token that was seen and can never be given any more. */
function passesOver({ tokens }: Search, before: Lock, after: Lock): boolean {
  if (after.highest === before.highest) return false;
  const index = indexAbove(tokens, before.highest);
  return tokens[index] !== after.highest;
}

/** The first index at which something greater stands. */
function indexAbove(numbers: readonly number[], limit: number): number {
  let from = 0;
  let to = numbers.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((numbers[middle] as number) > limit) to = middle;
    else from = middle + 1;
  }
  return from;
}
