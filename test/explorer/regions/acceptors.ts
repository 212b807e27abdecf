// What acceptors do: promise, accept, renew, expire, forget. Each answer is known to whoever asked at once, or never.

import { prolong } from "./clients.ts";
import {
  acceptedAt,
  acceptors,
  acksAt,
  ask,
  ballotsOf,
  birthFloorAt,
  bit,
  copyOf,
  counterAt,
  floorAt,
  holderAt,
  kind,
  knownAt,
  leaseAt,
  leaseOf,
  lockOf,
  type Model,
  nextOf,
  phase,
  promisedAt,
  promisesAt,
  rankOf,
  read,
  renewalAt,
  renewedAt,
  requestAt,
  type State,
  slot,
  slotAt,
  status,
  statusAt,
  timerAt,
  topFree,
  way,
} from "./model.ts";
import type { Visit } from "./steps.ts";

interface Place {
  readonly acceptor: number;
  readonly lock: number;
  readonly ballot: number;
}

/** Whatever was sent for a ballot arrives, for the first time or again. */
export function deliver(m: Model, from: State, visit: Visit): void {
  for (let lock = 0; lock < m.locks; lock += 1) {
    for (let ballot = 1; ballot <= ballotsOf(m, lock); ballot += 1) {
      const at = slotAt(m, lock, ballot);
      const now = read(from, at);
      if (now === phase.unused || now === phase.over) continue;
      for (let acceptor = 0; acceptor < acceptors; acceptor += 1) {
        const place = { acceptor, lock, ballot };
        if (now === phase.preparing) promise(m, from, place, visit);
        else if (read(from, at + slot.kind) === kind.abandon)
          takeBack(m, from, place, ballot - m.config.regions, visit);
        else accept(m, from, place, visit);
        if (now === phase.abandoned && m.rules.takesBackInPlace) takeBack(m, from, place, ballot, visit);
      }
    }
  }
}

/** An acceptor that has dropped the lock's record has its floor instead. */
const isBelowFloor = (m: Model, state: State, { acceptor, lock, ballot }: Place): boolean =>
  m.rules.floorRefuses &&
  read(state, promisedAt(m, acceptor, lock)) === 0 &&
  ballot <= read(state, floorAt(m, acceptor));

export function promise(m: Model, from: State, place: Place, visit: Visit): void {
  const { acceptor, lock, ballot } = place;
  const promises = promisesAt(m, acceptor, lock);
  if ((read(from, promises) & bit(ballot - 1)) !== 0) return;
  const promised = rankOf(m, read(from, promisedAt(m, acceptor, lock)));
  const accepted = rankOf(m, read(from, acceptedAt(m, acceptor, lock)));
  const rank = rankOf(m, ballot);
  // A prepare that arrives again is answered again, until something was accepted under its ballot.
  if (rank < promised || (rank === promised && accepted >= rank) || isBelowFloor(m, from, place)) return;
  const request = read(from, slotAt(m, lock, ballot) + slot.request);
  const holder = holderAt(m, from, acceptor, lock);
  if (m.rules.liveAtPrepare && holder !== -1 && holder !== request) return;
  const state = copyOf(m, from);
  state[promisedAt(m, acceptor, lock)] = ballot;
  if (m.config.losses && rank > promised) visit(copyOf(m, state), { type: "promise", ...place, isLost: true });
  state[promises] = read(from, promises) | bit(ballot - 1);
  tellPromise(m, state, place);
  visit(state, { type: "promise", ...place, isLost: false });
}

/** What the promises of a ballot say together. */
function tellPromise(m: Model, state: State, { acceptor, lock, ballot }: Place): void {
  const at = slotAt(m, lock, ballot);
  const raise = (field: number, value: number): void => {
    state[at + field] = Math.max(value, read(state, at + field));
  };
  const raiseFloor = (floor: number, birth: number): void => {
    const before = read(state, at + slot.floor);
    state[at + slot.floor] = (Math.max(floor, before >> 4) << 4) | Math.max(birth, before & 15);
  };
  raiseFloor(0, read(state, birthFloorAt(m, acceptor)));
  const request = read(state, at + slot.request);
  const accepted = read(state, acceptedAt(m, acceptor, lock));
  const counter = read(state, counterAt(m, acceptor));
  if (m.rules.highestCounter) raise(slot.counter, counter);
  else state[at + slot.counter] = counter;
  if ((read(state, knownAt(m, acceptor, lock)) & bit(request)) !== 0) state[at + slot.known] = 1;
  if (accepted === 0) {
    // Nothing accepted since the floor: whatever was dropped may have been anything up to there.
    raiseFloor(read(state, floorAt(m, acceptor)), 0);
    return;
  }
  const isFree = read(state, statusAt(m, acceptor, lock)) === status.free;
  const isHeld = holderAt(m, state, acceptor, lock) !== -1 ? 1 : 0;
  const seen = isFree ? topFree : isHeld;
  const top = read(state, at + slot.top);
  if (accepted > top) {
    state[at + slot.top] = accepted;
    state[at + slot.topHeld] = seen;
  } else if (accepted === top) raise(slot.topHeld, seen);
  const record = slotAt(m, lock, accepted);
  if (!isFree && read(state, record + slot.request) === request && read(state, record + slot.kind) === kind.acquire)
    raise(slot.own, accepted);
}

export function accept(m: Model, from: State, place: Place, visit: Visit): void {
  const { acceptor, lock, ballot } = place;
  const at = slotAt(m, lock, ballot);
  const request = read(from, at + slot.request);
  const holder = holderAt(m, from, acceptor, lock);
  // One that arrives again changes nothing while its record stands.
  if (read(from, acceptedAt(m, acceptor, lock)) === ballot || isBelowFloor(m, from, place)) return;
  const hasWay = read(from, at + slot.way);
  if (m.rules.newAtAccept && (hasWay & way.isNew) !== 0 && isOld(m, from, place, request)) return;
  const isNext = !m.rules.nextPromiseEnds && (hasWay & way.isNext) !== 0;
  const promised = rankOf(m, read(from, promisedAt(m, acceptor, lock)));
  if (m.rules.promiseAtAccept && !isNext && rankOf(m, ballot) < promised) return;
  if (m.rules.liveAtAccept && holder !== -1 && holder !== request) return;
  const state = copyOf(m, from);
  const isRelease = read(from, at + slot.kind) === kind.release;
  write(m, state, place, isRelease ? status.free : status.held);
  acknowledge(m, state, place);
  if (!isRelease) {
    const lease = leaseOf(m, request);
    const timer = timerAt(m, acceptor, lease);
    if (m.rules.restartAtAccept || read(from, timer) === 0) state[timer] = read(from, leaseAt(m, lease));
    const counter = counterAt(m, acceptor);
    state[counter] = Math.max(read(from, counter), read(from, at + slot.token));
    state[at + slot.counter] = Math.max(read(state, at + slot.counter), read(state, counter));
  }
  visit(state, { type: "accept", ...place });
}

/** It was accepted here, or is older than something that was and was forgotten. */
function isOld(m: Model, state: State, { acceptor, lock }: Place, request: number): boolean {
  if ((read(state, knownAt(m, acceptor, lock)) & bit(request)) !== 0) return true;
  return m.rules.bornAt && read(state, requestAt(m, request) + ask.born) < read(state, birthFloorAt(m, acceptor));
}

function acknowledge(m: Model, state: State, { acceptor, lock, ballot }: Place): void {
  const acks = acksAt(m, acceptor, lock);
  state[acks] = read(state, acks) | bit(ballot - 1);
  const at = slotAt(m, lock, ballot);
  state[at + slot.counter] = Math.max(read(state, at + slot.counter), read(state, counterAt(m, acceptor)));
}

/** With what is accepted the next ballot of the same proposer is promised. */
function replace(m: Model, state: State, { acceptor, lock, ballot }: Place, now: number): void {
  state[promisedAt(m, acceptor, lock)] = Math.max(read(state, promisedAt(m, acceptor, lock)), nextOf(m, ballot));
  state[acceptedAt(m, acceptor, lock)] = ballot;
  state[statusAt(m, acceptor, lock)] = now;
}

/** And the request is remembered. */
function write(m: Model, state: State, place: Place, now: number): void {
  const { acceptor, lock, ballot } = place;
  replace(m, state, place, now);
  if (!m.rules.remembers) return;
  const known = knownAt(m, acceptor, lock);
  state[known] = read(state, known) | bit(read(state, slotAt(m, lock, ballot) + slot.request));
}

/**
 * Ends the grant that was proposed under `granted`: the end takes its place where it was accepted; where it still could be, and nobody
 * else holds the lock, the end is accepted instead of it. A request that was never granted here is not remembered.
 */
function takeBack(m: Model, from: State, place: Place, granted: number, visit: Visit): void {
  const { acceptor, lock, ballot } = place;
  const accepted = read(from, acceptedAt(m, acceptor, lock));
  if (accepted === ballot) {
    if (read(from, statusAt(m, acceptor, lock)) === status.free) return;
    const ended = copyOf(m, from);
    ended[statusAt(m, acceptor, lock)] = status.free;
    return visit(ended, { type: "taken back", ...place });
  }
  if (isBelowFloor(m, from, place)) return;
  if (m.rules.promiseAtTakingBack && rankOf(m, ballot) < rankOf(m, read(from, promisedAt(m, acceptor, lock)))) return;
  const tokenOf = (of: number): number => read(from, slotAt(m, lock, of) + slot.token);
  const isHeld = holderAt(m, from, acceptor, lock) !== -1;
  if (isHeld && m.rules.takesBackOneToken && tokenOf(accepted) !== tokenOf(granted)) return;
  const state = copyOf(m, from);
  replace(m, state, place, status.free);
  visit(state, { type: "taken back", ...place });
}

/** Renewals arrive, and leases run out. */
export function keepTime(m: Model, from: State, visit: Visit): void {
  for (let acceptor = 0; acceptor < acceptors; acceptor += 1) {
    for (let lease = 0; lease < m.leases; lease += 1) {
      if (read(from, timerAt(m, acceptor, lease)) === 0) continue;
      for (let renewal = 0; renewal < read(from, leaseAt(m, lease) + 2); renewal += 1) {
        renewed(m, from, { acceptor, lease, renewal }, visit);
      }
      expire(m, from, acceptor, lease, visit);
    }
  }
}

function renewed(
  m: Model,
  from: State,
  { acceptor, lease, renewal }: { acceptor: number; lease: number; renewal: number },
  visit: Visit,
): void {
  const at = renewedAt(m, acceptor, lease);
  if ((read(from, at) & bit(renewal)) !== 0) return;
  const names = read(from, renewalAt(m, lease, renewal) + 1);
  for (let request = 0; request < m.config.requests.length; request += 1) {
    if (leaseOf(m, request) !== lease || !m.rules.renewalNamesLocks) continue;
    const isNamed = (names & bit(request)) !== 0;
    const isHere = holderAt(m, from, acceptor, lockOf(m, request)) === request;
    if ((isNamed && !isHere) || (m.rules.alsoRenewalExact && isHere && !isNamed)) return;
  }
  const state = copyOf(m, from);
  state[at] = read(from, at) | bit(renewal);
  state[timerAt(m, acceptor, lease)] = read(from, leaseAt(m, lease));
  prolong(m, state, lease, renewal);
  visit(state, { type: "renewed", acceptor, lease, renewal });
}

/** Whatever the client counts from before this timer began is over by now. */
function expire(m: Model, from: State, acceptor: number, lease: number, visit: Visit): void {
  const state = copyOf(m, from);
  const timer = timerAt(m, acceptor, lease);
  const over = leaseAt(m, lease) + 1;
  const began = read(from, timer) - (m.rules.clientStopsFirst ? 0 : 1);
  state[over] = Math.max(read(from, over), began);
  state[timer] = 0;
  for (let lock = 0; lock < m.locks; lock += 1) {
    const holder = holderAt(m, from, acceptor, lock);
    if (holder !== -1 && leaseOf(m, holder) === lease) state[statusAt(m, acceptor, lock)] = status.expired;
  }
  for (let request = 0; request < m.config.requests.length; request += 1) {
    const window = requestAt(m, request) + ask.window;
    if (leaseOf(m, request) === lease && read(state, window) <= read(state, over)) state[window] = 0;
  }
  visit(state, { type: "expire", acceptor, lease });
}

/** An acceptor drops a record, and what it knows of requests for the lock. */
export function forget(m: Model, from: State, visit: Visit): void {
  if (!m.config.forgets) return;
  for (let acceptor = 0; acceptor < acceptors; acceptor += 1) {
    for (let lock = 0; lock < m.locks; lock += 1) {
      const promised = read(from, promisedAt(m, acceptor, lock));
      if (promised === 0 || (m.rules.forgetsFree && holderAt(m, from, acceptor, lock) !== -1)) continue;
      if (m.rules.alsoForgetsTogether && !isFreeEverywhere(m, from, lock, promised)) continue;
      const state = copyOf(m, from);
      const births = birthFloorAt(m, acceptor);
      for (let request = 0; request < m.config.requests.length; request += 1) {
        if ((read(from, knownAt(m, acceptor, lock)) & bit(request)) === 0) continue;
        state[births] = Math.max(read(state, births), 1 + read(from, requestAt(m, request) + ask.born));
      }
      for (const at of [promisedAt, acceptedAt, statusAt, knownAt]) state[at(m, acceptor, lock)] = 0;
      const floor = floorAt(m, acceptor);
      state[floor] = Math.max(read(from, floor), promised);
      visit(state, { type: "forget", acceptor, lock });
    }
  }
}

function isFreeEverywhere(m: Model, state: State, lock: number, promised: number): boolean {
  for (let acceptor = 0; acceptor < acceptors; acceptor += 1) {
    const here = read(state, promisedAt(m, acceptor, lock));
    if (holderAt(m, state, acceptor, lock) !== -1) return false;
    if ((here === 0 ? read(state, floorAt(m, acceptor)) : here) < promised) return false;
  }
  return true;
}
