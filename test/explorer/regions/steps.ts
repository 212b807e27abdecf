// What may happen next in a state, always in the same order; what is judged after it; and each of it in words.

import { deliver, forget, keepTime } from "./acceptors.ts";
import { release, renew } from "./clients.ts";
import {
  acceptedAt,
  acceptors,
  acksAt,
  ask,
  ballotsOf,
  bit,
  countOf,
  floorAt,
  holderAt,
  kind,
  leaseAt,
  lockOf,
  type Model,
  majority,
  nextOf,
  phase,
  promisedAt,
  promisesAt,
  rankOf,
  read,
  requestAt,
  type State,
  slot,
  slotAt,
  timerAt,
} from "./model.ts";
import { conclude, decide, takeUp } from "./proposers.ts";

export type Event =
  | { readonly type: "begin"; readonly request: number; readonly what: number; readonly first: Event }
  | {
      readonly type: "decide";
      readonly lock: number;
      readonly ballot: number;
      readonly said: string;
      readonly first: Event | null;
    }
  | {
      readonly type: "grant";
      readonly lock: number;
      readonly ballot: number;
      readonly request: number;
      readonly token: number;
    }
  | { readonly type: "abandon"; readonly lock: number; readonly ballot: number }
  | {
      readonly type: "go on";
      readonly lock: number;
      readonly ballot: number;
      readonly next: number;
      readonly request: number;
    }
  | {
      readonly type: "promise";
      readonly acceptor: number;
      readonly lock: number;
      readonly ballot: number;
      readonly isLost: boolean;
    }
  | {
      readonly type: "accept" | "taken back";
      readonly acceptor: number;
      readonly lock: number;
      readonly ballot: number;
    }
  | { readonly type: "held"; readonly request: number; readonly token: number }
  | { readonly type: "renew"; readonly lease: number; readonly renewal: number; readonly names: number }
  | { readonly type: "renewed"; readonly acceptor: number; readonly lease: number; readonly renewal: number }
  | { readonly type: "expire"; readonly acceptor: number; readonly lease: number }
  | { readonly type: "forget"; readonly acceptor: number; readonly lock: number }
  | { readonly type: "release"; readonly request: number };

/** A state that may follow, by which event, and what is broken by it. */
export type Visit = (next: State, event: Event, broken?: string | null) => void;

export function follow(m: Model, from: State, visit: Visit): void {
  const visitTidied: Visit = (next, event, broken = null) => {
    tidy(m, next);
    visit(next, event, broken ?? judge(m, next));
  };
  takeUp(m, from, visitTidied);
  decide(m, from, visitTidied);
  conclude(m, from, visitTidied);
  deliver(m, from, visitTidied);
  keepTime(m, from, visitTidied);
  renew(m, from, visitTidied);
  release(m, from, visitTidied);
  forget(m, from, visitTidied);
}

/** Numbers that have run out are all alike. */
function tidy(m: Model, state: State): void {
  tidyLeases(m, state);
  tidyDead(m, state);
}

function tidyLeases(m: Model, state: State): void {
  for (let lease = 0; lease < m.leases; lease += 1) {
    const over = read(state, leaseAt(m, lease) + 1);
    if (over === 0) continue;
    for (let acceptor = 0; acceptor < acceptors; acceptor += 1) {
      const timer = timerAt(m, acceptor, lease);
      if (read(state, timer) > 0 && read(state, timer) < over) state[timer] = over;
    }
    for (let lock = 0; lock < m.locks; lock += 1) tidySlots(m, state, { lock, lease, over });
  }
}

/** Ballots of which nothing can come any more are all alike: no majority will promise, or nobody has it or will accept it. */
function tidyDead(m: Model, state: State): void {
  if (!m.rules.promiseAtAccept || !m.rules.nextPromiseEnds || !m.rules.floorRefuses || !m.rules.promiseAtTakingBack)
    return;
  for (let lock = 0; lock < m.locks; lock += 1) {
    for (let ballot = ballotsOf(m, lock); ballot > 0; ballot -= 1) {
      const at = slotAt(m, lock, ballot);
      const now = read(state, at);
      if (now === phase.unused || now === phase.over) continue;
      if (now === phase.preparing ? canBePromised(m, state, lock, ballot) : isAlive(m, state, lock, ballot)) continue;
      state.fill(0, at, at + slot.way + 1);
      state[at] = phase.over;
      for (let acceptor = 0; acceptor < acceptors; acceptor += 1) {
        for (const bits of [promisesAt(m, acceptor, lock), acksAt(m, acceptor, lock)]) {
          state[bits] = read(state, bits) & ~bit(ballot - 1);
        }
      }
    }
  }
}

const isRefused = (m: Model, state: State, acceptor: number, lock: number, ballot: number): boolean => {
  const promised = read(state, promisedAt(m, acceptor, lock));
  if (promised === 0) return ballot <= read(state, floorAt(m, acceptor));
  return rankOf(m, ballot) < rankOf(m, promised);
};

function canBePromised(m: Model, state: State, lock: number, ballot: number): boolean {
  let promising = 0;
  for (let acceptor = 0; acceptor < acceptors; acceptor += 1) {
    const isPromised = (read(state, promisesAt(m, acceptor, lock)) & bit(ballot - 1)) !== 0;
    if (isPromised || !isRefused(m, state, acceptor, lock, ballot)) promising += 1;
  }
  return promising >= majority;
}

/** It is somebody's record, or may become one, or something may follow it. */
function isAlive(m: Model, state: State, lock: number, ballot: number): boolean {
  const next = nextOf(m, ballot);
  const hasNext = next <= ballotsOf(m, lock);
  const nextPhase = hasNext ? read(state, slotAt(m, lock, next)) : phase.over;
  for (let acceptor = 0; acceptor < acceptors; acceptor += 1) {
    if (read(state, acceptedAt(m, acceptor, lock)) === ballot) return true;
    if (!isRefused(m, state, acceptor, lock, ballot)) return true;
    if (nextPhase === phase.unused && !isRefused(m, state, acceptor, lock, next)) return true;
  }
  // A proposer was told of it.
  for (let other = ballot + 1; other <= ballotsOf(m, lock); other += 1) {
    const otherAt = slotAt(m, lock, other);
    if (read(state, otherAt) !== phase.preparing) continue;
    if (read(state, otherAt + slot.top) === ballot || read(state, otherAt + slot.own) === ballot) return true;
  }
  // A grant or the acknowledgement of a release may still be under way.
  const isKnown = countOf(state, m, acksAt(m, 0, lock), bit(ballot - 1)) >= majority;
  const at = slotAt(m, lock, ballot);
  const what = read(state, at + slot.kind);
  return (
    isKnown &&
    (what === kind.release ||
      (what === kind.acquire && read(state, at) === phase.accepting && read(state, at + slot.epoch) > 0))
  );
}

function tidySlots(m: Model, state: State, { lock, lease, over }: { lock: number; lease: number; over: number }): void {
  for (let ballot = 1; ballot <= ballotsOf(m, lock); ballot += 1) {
    const at = slotAt(m, lock, ballot);
    const isOwn = m.config.requests[read(state, at + slot.request)]?.lease === lease;
    if (isOwn && read(state, at + slot.epoch) <= over) state[at + slot.epoch] = 0;
  }
}

function judge(m: Model, state: State): string | null {
  for (let request = 0; request < m.config.requests.length; request += 1) {
    const at = requestAt(m, request);
    const isOpen = read(state, at + ask.window) > 0;
    const isReleased = read(state, at + ask.isReleased) === 1;
    if (!isOpen && !isReleased) continue;
    const holders = holdersOf(m, state, request);
    if (isOpen && holders < majority && m.rules.alsoReadsJudged) {
      return `a read does not miss a holder: request ${request + 1} counts on its lock, which a majority calls free`;
    }
    if (isReleased && holders >= majority && isFreed(m, state, request)) {
      return `a release that was acknowledged stays: request ${request + 1} has its lock again`;
    }
  }
  return null;
}

function holdersOf(m: Model, state: State, request: number): number {
  let holders = 0;
  for (let acceptor = 0; acceptor < acceptors; acceptor += 1) {
    if (holderAt(m, state, acceptor, lockOf(m, request)) === request) holders += 1;
  }
  return holders;
}

/** Its release was acknowledged. */
function isFreed(m: Model, state: State, request: number): boolean {
  const lock = lockOf(m, request);
  for (let ballot = 1; ballot <= ballotsOf(m, lock); ballot += 1) {
    const at = slotAt(m, lock, ballot);
    if (read(state, at) !== phase.accepting || read(state, at + slot.kind) !== kind.release) continue;
    if (read(state, at + slot.request) !== request) continue;
    if (countOf(state, m, acksAt(m, 0, lock), bit(ballot - 1)) >= (m.rules.releaseMajority ? majority : 1)) return true;
  }
  return false;
}

// In words.

export function describe(m: Model, state: State, event: Event, names: readonly number[]): string {
  const name = (acceptor: number): string => `acceptor ${(names[acceptor] as number) + 1}`;
  const lockName = (lock: number): string => (m.locks === 1 ? "" : ` of lock ${lock + 1}`);
  const ballotName = (lock: number, ballot: number): string =>
    `ballot ${ballot}${lockName(lock)} (${requestName(read(state, slotAt(m, lock, ballot) + slot.request))})`;
  switch (event.type) {
    case "begin":
      return `${event.what === kind.release ? "release" : "take up"} ${requestName(event.request)} of lease ${m.config.requests[event.request]?.lease}: ${describe(m, state, event.first, names)}`;
    case "promise":
      return `${name(event.acceptor)} promises ${ballotName(event.lock, event.ballot)}${event.isLost ? ", which is lost" : ""}`;
    case "decide":
      return `${ballotName(event.lock, event.ballot)} is promised by a majority: ${event.said}${event.first === null ? "" : `; ${describe(m, state, event.first, names)}`}`;
    case "accept":
      return `${name(event.acceptor)} accepts ${ballotName(event.lock, event.ballot)}`;
    case "grant":
      return `${ballotName(event.lock, event.ballot)} is accepted by a majority: the client is given token ${event.token}`;
    case "abandon":
      return `${ballotName(event.lock, event.ballot)} is given up by its proposer`;
    case "taken back":
      return `${name(event.acceptor)} ends the grant that is taken back, under ${ballotName(event.lock, event.ballot)}`;
    case "held":
      return `a rival is told that ${requestName(event.request)} holds, with token ${event.token}`;
    case "go on":
      return `ballot ${event.ballot}${lockName(event.lock)} is accepted by a majority: ballot ${event.next} follows without promises of its own, for ${requestName(event.request)}`;
    case "renew":
      return `lease ${event.lease} sends renewal ${event.renewal + 1}, naming ${requestNames(event.names)}`;
    case "renewed":
      return `${name(event.acceptor)} counts renewal ${event.renewal + 1} of lease ${event.lease}`;
    case "expire":
      return `${name(event.acceptor)} lets lease ${event.lease} expire`;
    case "forget":
      return `${name(event.acceptor)} drops its record${lockName(event.lock)}`;
    case "release":
      return `the client of ${requestName(event.request)} gives it up`;
  }
}

const requestName = (request: number): string => `request ${request + 1}`;

const requestNames = (names: number): string =>
  [0, 1, 2, 3, 4, 5, 6, 7]
    .filter((request) => (names & bit(request)) !== 0)
    .map(requestName)
    .join(" and ");
