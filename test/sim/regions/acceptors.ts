// What is known of one region as an acceptor, from its letters; and the rules that hold for it alone: counters and floors never
// fall, and what was promised binds at every later index.

import { type Ballot, compareBallots, nextBallot } from "../../../src/actors/ballots.ts";
import type { RegionId } from "../../../src/actors/scalars.ts";
import { check } from "../witness.ts";
import type { Command, Query } from "./letters.ts";

/** A step of one acceptor in the order of its log: it has promised `promised`. */
export interface Mark {
  readonly index: number;
  readonly step: "promise" | "accept";
  readonly ballot: Ballot;
}

export interface Asked {
  readonly index: number;
  readonly command: Command | Query;
}

/** What is known of one region. */
export interface Acceptor {
  /** The first entry or read of every question. */
  readonly asked: Map<string, Asked>;
  /** Where an accept of `lock|ballot` first stood in the log. */
  readonly acceptedFirst: Map<string, number>;
  readonly marks: Map<string, Mark[]>;
  /** What it has accepted last of each lock. */
  readonly current: Map<string, string>;
  counter: { readonly index: number; readonly is: number };
  floor: { readonly index: number; readonly is: Ballot };
  length: number;
}

export function noteCounter(acceptor: Acceptor, region: RegionId, index: number, is: number): void {
  const { counter } = acceptor;
  const isInOrder = index >= counter.index ? is >= counter.is : is <= counter.is;
  check(
    isInOrder,
    "the counter of a region never falls",
    () => `${region}: ${is} at ${index}, ${JSON.stringify(counter)}`,
  );
  if (index >= counter.index) acceptor.counter = { index, is };
}

export function noteFloor(acceptor: Acceptor, region: RegionId, index: number, is: Ballot): void {
  const { floor } = acceptor;
  const sign = compareBallots(is, floor.is);
  const isInOrder = index >= floor.index ? sign >= 0 : sign <= 0;
  check(isInOrder, "the floor of a region never falls", () => `${region}: ${JSON.stringify({ is, index, floor })}`);
  if (index >= floor.index) acceptor.floor = { index, is };
}

/** How many steps of one lock are remembered. */
const marksMax = 60;

/** What was promised at one index binds at all later ones. */
export function noteMark(acceptor: Acceptor, region: RegionId, lock: string, mark: Mark): void {
  const marks = acceptor.marks.get(lock) ?? [];
  acceptor.marks.set(lock, marks);
  for (const other of marks) {
    if (other.index === mark.index) continue;
    const [earlier, later] = other.index < mark.index ? [other, mark] : [mark, other];
    const promised = earlier.step === "accept" ? nextBallot(earlier.ballot) : earlier.ballot;
    check(
      compareBallots(later.ballot, promised) >= 0,
      "nothing is promised or accepted below a promise",
      () => `${region}: ${lock}: ${JSON.stringify({ earlier, later })}`,
    );
  }
  marks.push(mark);
  if (marks.length > marksMax) marks.shift();
}
