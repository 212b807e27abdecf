// What must be so after every entry, whatever the rules are that bring it about: judged from the lists of the model, by nothing but
// who has what and who wants what.

import type { Demand } from "../../../src/actors/operations.ts";
import { check } from "../witness.ts";
import { type Delay, type Hold, isBefore, type Model, stuck, type Waiting } from "./table.ts";

/** Whether two may not hold a lock beside each other, whatever else is held. */
export const clash = (one: Demand, other: Demand): boolean =>
  one.mode === "exclusive" || other.mode === "exclusive" || one.mode !== other.mode;

export interface Change {
  /** What was granted by the entry that has just been applied. */
  readonly granted: readonly number[];
}

const namesOf = ({ holds, waiting }: Model): Set<string> =>
  new Set([...holds.map(({ lock }) => lock), ...waiting.flatMap(({ demands }) => demands.map(({ lock }) => lock))]);

export function judgeTable(model: Model, { granted }: Change): void {
  const seen = (): string => JSON.stringify({ ...model, past: undefined, over: undefined });
  for (const lock of namesOf(model)) judgeHolders(model, lock, seen);
  for (const { lease } of [...model.holds, ...model.waiting]) {
    const isLive = model.leases.some(({ id }) => id === lease);
    check(isLive, "whoever holds or waits has a live lease: no ghost waits", () => `${lease}: ${seen()}`);
  }
  for (const waiting of model.waiting) {
    check(hindered(model, waiting), "nobody waits who could be granted", () => `${waiting.requestId}: ${seen()}`);
    for (const token of granted) judgeOrder(model, waiting, { token, seen });
  }
  check(stuck(model).size === 0, "nobody waits for himself", () => `${[...stuck(model)].join(" ")}: ${seen()}`);
}

function judgeHolders({ holds }: Model, lock: string, seen: () => string): void {
  const ofLock = holds.filter((hold) => hold.lock === lock);
  for (const one of ofLock) {
    for (const other of ofLock) {
      const fit = one === other || !clash(one, other);
      check(fit, "exclusive is alone, and shared is not beside a semaphore", () => `${lock}: ${seen()}`);
    }
  }
  const [any] = ofLock;
  if (any?.mode !== "semaphore") return;
  const permits = ofLock.reduce((sum, hold) => sum + hold.permits, 0);
  check(permits <= any.limit, "permits are never above the limit", () => `${lock}: ${permits}: ${seen()}`);
}

/** Whether somebody is in his way: who has one of his locks, or had it lately, or came before. */
function hindered({ holds, delays, waiting }: Model, who: Waiting): boolean {
  return who.demands.some((demand) => {
    const taken: (Hold | Delay)[] = [...holds, ...delays].filter(({ lock }) => lock === demand.lock);
    if (taken.some((one) => clash(one, demand))) return true;
    const permits = taken.reduce((sum, one) => sum + one.permits, demand.permits);
    if (demand.mode === "semaphore" && permits > demand.limit) return true;
    return waiting.some((other) => isBefore(other, who) && wantsBefore(other, demand));
  });
}

/** Shared requests may pass each other; nobody else may. */
const wantsBefore = ({ demands }: Waiting, demand: Demand): boolean =>
  demands.some(({ lock, mode }) => lock === demand.lock && (mode !== "shared" || demand.mode !== "shared"));

/** Nobody who waits still has been overtaken by what was granted from the same queue. */
function judgeOrder({ holds }: Model, waiting: Waiting, { token, seen }: { token: number; seen: () => string }): void {
  const rank = holds.find((hold) => hold.token === token)?.place ?? null;
  if (rank === null || !isBefore(waiting, rank)) return;
  const isOvertaken = holds.some((hold) => hold.token === token && wantsBefore(waiting, hold));
  check(!isOvertaken, "nobody is overtaken in his queue", () => `${waiting.requestId} by ${token}: ${seen()}`);
}
