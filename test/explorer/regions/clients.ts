// What clients are told and count on. A client's window on a lock opens with the answer, counts from what it sent for it, and
// ends when that has run out or it sends its release.

import {
  acksAt,
  ask,
  ballotsOf,
  bit,
  copyOf,
  countOf,
  highestTokenAt,
  kind,
  leaseAt,
  leaseOf,
  lockOf,
  type Model,
  majority,
  phase,
  read,
  renewalAt,
  renewedAt,
  requestAt,
  type State,
  slot,
  slotAt,
} from "./model.ts";
import { numberSend } from "./proposers.ts";
import type { Visit } from "./steps.ts";

/** The client is told its token. Nothing comes of it if the request was released, or came too late. */
export function grant(m: Model, from: State, { lock, ballot }: { lock: number; ballot: number }, visit: Visit): void {
  const at = slotAt(m, lock, ballot);
  const request = read(from, at + slot.request);
  const lease = leaseOf(m, request);
  const asked = requestAt(m, request);
  const epoch = read(from, at + slot.epoch);
  if (read(from, asked + ask.isReleased) === 1 || epoch <= read(from, leaseAt(m, lease) + 1)) return;
  const state = copyOf(m, from);
  const token = read(from, at + slot.token);
  state[at + slot.phase] = phase.answered;
  state[asked + ask.window] = Math.max(epoch, read(from, asked + ask.window), renewedTo(m, from, request));
  state[asked + ask.token] = token;
  state[highestTokenAt(m, lock)] = Math.max(token, read(from, highestTokenAt(m, lock)));
  visit(state, { type: "grant", lock, ballot, request, token }, judgeGrant(m, from, request, token));
}

function judgeGrant(m: Model, state: State, request: number, token: number): string | null {
  const lock = lockOf(m, request);
  const before = read(state, requestAt(m, request) + ask.token);
  if (before !== 0 && before !== token) {
    return `a repeat is answered like the request: request ${request + 1} had token ${before}, now ${token}`;
  }
  const told = read(state, requestAt(m, request) + ask.told);
  if (told !== 0 && told !== token) return notAsTold(request, told);
  for (let other = 0; other < m.config.requests.length; other += 1) {
    if (other === request || lockOf(m, other) !== lock) continue;
    const at = requestAt(m, other);
    if (read(state, at + ask.told) === token) return notAsTold(other, token);
    if (read(state, at + ask.window) > 0) {
      return `a lock has one holder: requests ${other + 1} and ${request + 1} both count on it`;
    }
    if (read(state, at + ask.token) === token) {
      return `a token is given once: requests ${other + 1} and ${request + 1} both have ${token}`;
    }
  }
  const highest = read(state, highestTokenAt(m, lock));
  return token < highest ? `tokens rise: request ${request + 1} is given ${token} after ${highest}` : null;
}

const notAsTold = (request: number, token: number): string =>
  `who is told to hold a lock was granted it: request ${request + 1} was said to hold with token ${token}`;

/**
 * A rival is told that a grant holds. What acceptors say of it may arrive at any time after they have accepted it, under whatever
 * ballot: that a majority of them has is all that can be known.
 */
export function tellHeld(
  m: Model,
  from: State,
  { lock, ballot }: { lock: number; ballot: number },
  visit: Visit,
): void {
  const at = slotAt(m, lock, ballot);
  const request = read(from, at + slot.request);
  const token = read(from, at + slot.token);
  const told = requestAt(m, request) + ask.told;
  if (read(from, told) === token) return;
  let ballots = 0;
  for (let other = 1; other <= ballotsOf(m, lock); other += 1) {
    const otherAt = slotAt(m, lock, other);
    if (m.rules.alsoHeldUnderOneBallot && other !== ballot) continue;
    if (read(from, otherAt + slot.kind) !== kind.acquire || read(from, otherAt + slot.token) !== token) continue;
    if (read(from, otherAt + slot.request) === request) ballots |= bit(other - 1);
  }
  if (countOf(from, m, acksAt(m, 0, lock), ballots) < (m.rules.heldByMajority ? majority : 1)) return;
  const state = copyOf(m, from);
  state[told] = token;
  visit(state, { type: "held", request, token }, judgeHeld(m, from, request, token));
}

function judgeHeld(m: Model, state: State, request: number, token: number): string | null {
  const told = read(state, requestAt(m, request) + ask.told);
  if (told !== 0 && told !== token) return notAsTold(request, told);
  for (let other = 0; other < m.config.requests.length; other += 1) {
    if (lockOf(m, other) !== lockOf(m, request)) continue;
    const given = read(state, requestAt(m, other) + ask.token);
    const isOwn = other === request;
    if (isOwn && given !== 0 && given !== token) return notAsTold(request, token);
    const others = read(state, requestAt(m, other) + ask.told);
    if (!isOwn && (given === token || others === token)) return notAsTold(request, token);
  }
  return null;
}

/** The newest number under which a majority has renewed this lock. */
function renewedTo(m: Model, state: State, request: number): number {
  const lease = leaseOf(m, request);
  let newest = 0;
  for (let renewal = 0; renewal < read(state, leaseAt(m, lease) + 2); renewal += 1) {
    const at = renewalAt(m, lease, renewal);
    if (isProlonged(m, state, { lease, renewal, request })) newest = Math.max(newest, read(state, at));
  }
  return newest;
}

function isProlonged(
  m: Model,
  state: State,
  { lease, renewal, request }: { lease: number; renewal: number; request: number },
): boolean {
  const names = (read(state, renewalAt(m, lease, renewal) + 1) & bit(request)) !== 0;
  if (!names && m.rules.prolongsNamed) return false;
  return countOf(state, m, renewedAt(m, 0, lease), bit(renewal)) >= (m.rules.renewalMajority ? majority : 1);
}

/** A majority may have renewed: what is still open stays open for longer. What has run out is not revived. */
export function prolong(m: Model, state: State, lease: number, renewal: number): void {
  const number = read(state, renewalAt(m, lease, renewal));
  for (let request = 0; request < m.config.requests.length; request += 1) {
    if (leaseOf(m, request) !== lease) continue;
    const at = requestAt(m, request) + ask.window;
    const window = read(state, at);
    if (window > 0 && window < number && isProlonged(m, state, { lease, renewal, request })) state[at] = number;
  }
}

/** A client sends a renewal, through any region, naming any of its locks. */
export function renew(m: Model, from: State, visit: Visit): void {
  for (let lease = 0; lease < m.leases; lease += 1) {
    const at = leaseAt(m, lease);
    const renewal = read(from, at + 2);
    if (renewal >= (m.config.renewals[lease] as number)) continue;
    let own = 0;
    for (let request = 0; request < m.config.requests.length; request += 1) {
      const asked = requestAt(m, request);
      if (
        leaseOf(m, request) === lease &&
        read(from, asked + ask.isAsked) === 1 &&
        read(from, asked + ask.isReleased) === 0
      )
        own |= bit(request);
    }
    for (let names = own; names > 0; names = (names - 1) & own) {
      const state = copyOf(m, from);
      state[at + 2] = renewal + 1;
      state[renewalAt(m, lease, renewal)] = numberSend(m, state, lease);
      state[renewalAt(m, lease, renewal) + 1] = names;
      visit(state, { type: "renew", lease, renewal, names });
    }
  }
}

/** A client gives a lock up, or a request that was not answered yet. */
export function release(m: Model, from: State, visit: Visit): void {
  if (!m.config.releases) return;
  for (let request = 0; request < m.config.requests.length; request += 1) {
    const at = requestAt(m, request);
    if (read(from, at + ask.isAsked) === 0 || read(from, at + ask.isReleased) === 1) continue;
    const state = copyOf(m, from);
    state[at + ask.isReleased] = 1;
    state[at + ask.window] = 0;
    visit(state, { type: "release", request });
  }
}
