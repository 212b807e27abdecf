// What proposers do: take up a request under a ballot of their own, decide by a majority of promises, tell the client, give up.
// What they know of acceptors is kept with the ballot, or as bits with the acceptor that said it.

import { accept, promise } from "./acceptors.ts";
import { grant, tellHeld } from "./clients.ts";
import {
  acceptors,
  acksAt,
  ask,
  ballotsOf,
  bit,
  copyOf,
  countOf,
  kind,
  leaseAt,
  leaseOf,
  lockOf,
  type Model,
  majority,
  nextOf,
  phase,
  promisesAt,
  read,
  requestAt,
  type State,
  slot,
  slotAt,
  timerAt,
  topFree,
  way,
} from "./model.ts";
import type { Visit } from "./steps.ts";

/** The number under which a client sends now: a new one if a timer has begun, or its last has run out, since. */
export function numberSend(m: Model, state: State, lease: number): number {
  const at = leaseAt(m, lease);
  const last = read(state, at);
  let isUsed = last <= read(state, at + 1);
  for (let acceptor = 0; acceptor < acceptors; acceptor += 1) {
    if (read(state, timerAt(m, acceptor, lease)) === last) isUsed = true;
  }
  if (isUsed) state[at] = last + 1;
  return read(state, at);
}

/** What a clock that counts ballots, and that everybody hears, would say. */
function ballotsUsed(m: Model, state: State): number {
  let used = 0;
  for (let lock = 0; lock < m.locks; lock += 1) {
    for (let ballot = 1; ballot <= ballotsOf(m, lock); ballot += 1) {
      if (read(state, slotAt(m, lock, ballot)) !== phase.unused) used += 1;
    }
  }
  return used;
}

/** A region takes its ballots in order. */
function isNext(m: Model, state: State, lock: number, ballot: number): boolean {
  if (m.config.begins !== undefined && !m.config.begins.includes(ballot)) return false;
  for (let later = ballot; later <= ballotsOf(m, lock); later += m.rules.ballotsDiffer ? m.config.regions : 1) {
    if (read(state, slotAt(m, lock, later)) !== phase.unused) return false;
  }
  return true;
}

/** A client asks, or its request of long ago arrives; or a coordinator repairs what acceptors lack. */
export function takeUp(m: Model, from: State, visit: Visit): void {
  for (let request = 0; request < m.config.requests.length; request += 1) {
    const lock = lockOf(m, request);
    const at = requestAt(m, request);
    const isReleased = read(from, at + ask.isReleased) === 1;
    for (let ballot = 1; ballot <= ballotsOf(m, lock); ballot += 1) {
      if (!isNext(m, from, lock, ballot)) continue;
      begin(m, from, { request, ballot, what: kind.acquire, isLate: isReleased }, visit);
      if (isReleased) begin(m, from, { request, ballot, what: kind.release, isLate: true }, visit);
    }
  }
}

/** Nothing comes of it before the first acceptor promises. */
function begin(
  m: Model,
  from: State,
  { request, ballot, what, isLate }: { request: number; ballot: number; what: number; isLate: boolean },
  visit: Visit,
): void {
  const begun = from.slice();
  if (!isLate) noteAsked(m, begun, request);
  const lock = lockOf(m, request);
  const at = slotAt(m, lock, ballot);
  begun[at + slot.phase] = phase.preparing;
  begun[at + slot.kind] = what;
  begun[at + slot.request] = request;
  if (read(begun, requestAt(m, request) + ask.window) > 0) begun[at + slot.way] = way.isRepeat;
  begun[at + slot.epoch] = isLate ? 0 : numberSend(m, begun, leaseOf(m, request));
  for (let acceptor = 0; acceptor < acceptors; acceptor += 1) {
    promise(m, begun, { acceptor, lock, ballot }, (state, event, broken) =>
      visit(state, { type: "begin", request, what, first: event }, broken),
    );
  }
}

function noteAsked(m: Model, state: State, request: number): void {
  const at = requestAt(m, request);
  if (read(state, at + ask.isAsked) === 1) return;
  state[at + ask.isAsked] = 1;
  state[at + ask.born] = m.config.forgets ? ballotsUsed(m, state) : 0;
}

/** A majority of promises decides. Nothing comes of it before the first acceptor accepts, or somebody is refused. */
export function decide(m: Model, from: State, visit: Visit): void {
  for (let lock = 0; lock < m.locks; lock += 1) {
    for (let ballot = 1; ballot <= ballotsOf(m, lock); ballot += 1) {
      const at = slotAt(m, lock, ballot);
      if (read(from, at) !== phase.preparing) continue;
      if (countOf(from, m, promisesAt(m, 0, lock), bit(ballot - 1)) < majority) continue;
      const isRelease = read(from, at + slot.kind) === kind.release;
      const token = isRelease ? tokenToRelease(m, from, at, lock) : tokenToGrant(m, from, at, lock);
      if (token === "unknown" || token === "released already") continue;
      const isEnd = typeof token === "string";
      if (isEnd && !m.rules.endsWritten) {
        const broken = judgeRefusal(m, from, at, token);
        if (broken !== null) visit(copyOf(m, from), { type: "decide", lock, ballot, said: token, first: null }, broken);
        continue;
      }
      const isNew = !isRelease && !isEnd && !isFinished(m, from, at, lock);
      const decided = from.slice();
      clearPromises(m, decided, lock, ballot);
      decided[at + slot.phase] = phase.accepting;
      decided[at + slot.token] = isEnd ? 0 : token;
      decided[at + slot.way] = isEnd ? way.isEnd | (read(from, at + slot.way) & way.isRepeat) : isNew ? way.isNew : 0;
      if (isEnd) decided[at + slot.kind] = kind.release;
      const said =
        isRelease || isEnd ? (isEnd ? token : "free") : `${isNew ? "new, with" : "finish with"} token ${token}`;
      for (let acceptor = 0; acceptor < acceptors; acceptor += 1) {
        accept(m, decided, { acceptor, lock, ballot }, (state, event, broken) =>
          visit(state, { type: "decide", lock, ballot, said, first: event }, broken),
        );
      }
    }
  }
}

function clearPromises(m: Model, state: State, lock: number, ballot: number): void {
  const at = slotAt(m, lock, ballot);
  state.fill(0, at + slot.counter, at + slot.floor + 1);
  for (let acceptor = 0; acceptor < acceptors; acceptor += 1) {
    const promises = promisesAt(m, acceptor, lock);
    state[promises] = read(state, promises) & ~bit(ballot - 1);
  }
}

/** The highest record is this very request's. */
function isFinished(m: Model, state: State, at: number, lock: number): boolean {
  const top = read(state, at + slot.top);
  if (top === 0) return false;
  const record = slotAt(m, lock, top);
  const isSame = read(state, record + slot.request) === read(state, at + slot.request);
  if (read(state, at + slot.topHeld) === topFree) return false;
  return isSame && read(state, record + slot.kind) === kind.acquire;
}

/** A token under which to grant, or why not. */
function tokenToGrant(m: Model, state: State, at: number, lock: number): number | string {
  const request = read(state, at + slot.request);
  const top = read(state, at + slot.top);
  const floor = read(state, at + slot.floor) >> 4;
  if (isFinished(m, state, at, lock)) {
    if (m.rules.floorCounts && floor >= top) return "unknown";
    const isHeld = read(state, at + slot.topHeld) === 1;
    return isHeld || m.rules.alsoFinishesExpired ? read(state, slotAt(m, lock, top) + slot.token) : "over";
  }
  const own = read(state, at + slot.own);
  if (!m.rules.highestBallot && own !== 0) return read(state, slotAt(m, lock, own) + slot.token);
  if (read(state, at + slot.known) === 1) return "over";
  if (m.rules.bornAt && (read(state, at + slot.floor) & 15) > read(state, requestAt(m, request) + ask.born))
    return "forgotten";
  return read(state, at + slot.counter) + 1;
}

function tokenToRelease(m: Model, state: State, at: number, lock: number): number | string {
  const top = read(state, at + slot.top);
  const isOther = top !== 0 && read(state, slotAt(m, lock, top) + slot.request) !== read(state, at + slot.request);
  return isOther ? "released already" : 0;
}

function judgeRefusal(m: Model, state: State, at: number, said: string): string | null {
  const request = read(state, at + slot.request);
  const isRepeat = (read(state, at + slot.way) & way.isRepeat) !== 0;
  // Of attempts that are under way at once the first answer counts, and the other says nothing to its client any more.
  const isOver = isRepeat && (said === "over" || said === "forgotten");
  const window = read(state, requestAt(m, request) + ask.window);
  return isOver && window > 0
    ? `a repeat is answered like the request: request ${request + 1} holds, and is told ${said}`
    : null;
}

/** A majority has accepted: the client is told; a release or a grant may follow under the next ballot, without a round before. */
export function conclude(m: Model, from: State, visit: Visit): void {
  for (let lock = 0; lock < m.locks; lock += 1) {
    for (let ballot = 1; ballot <= ballotsOf(m, lock); ballot += 1) {
      const at = slotAt(m, lock, ballot);
      const now = read(from, at);
      const what = read(from, at + slot.kind);
      if (m.config.tells && now >= phase.accepting && now <= phase.abandoned && what === kind.acquire)
        tellHeld(m, from, { lock, ballot }, visit);
      if (now !== phase.accepting && now !== phase.answered) continue;
      if (now === phase.accepting && what === kind.acquire) giveUp(m, from, { lock, ballot }, visit);
      if (countOf(from, m, acksAt(m, 0, lock), bit(ballot - 1)) < majority) continue;
      if (now === phase.accepting && what === kind.acquire) grant(m, from, { lock, ballot }, visit);
      if ((read(from, at + slot.way) & way.isEnd) !== 0) {
        const broken = judgeRefusal(m, from, at, "over");
        if (broken !== null)
          visit(copyOf(m, from), { type: "decide", lock, ballot, said: "over", first: null }, broken);
      }
      if (what === kind.acquire || what === kind.release) goOn(m, from, { lock, ballot }, visit);
    }
  }
}

/** The request ends with a timeout. Whoever has accepted its grant is told to end it. */
function giveUp(m: Model, from: State, { lock, ballot }: { lock: number; ballot: number }, visit: Visit): void {
  const at = slotAt(m, lock, ballot);
  const isNew = (read(from, at + slot.way) & way.isNew) !== 0;
  if (!m.config.abandons || (m.rules.takesBackNew && !isNew)) return;
  const state = copyOf(m, from);
  state[at + slot.phase] = phase.abandoned;
  state[at + slot.epoch] = 0;
  if (!m.rules.takesBackInPlace) {
    const next = nextOf(m, ballot);
    if (next > ballotsOf(m, lock) || read(from, slotAt(m, lock, next)) !== phase.unused) return;
    const nextAt = slotAt(m, lock, next);
    state[nextAt + slot.phase] = phase.accepting;
    state[nextAt + slot.kind] = kind.abandon;
    state[nextAt + slot.request] = read(from, at + slot.request);
  }
  visit(state, { type: "abandon", lock, ballot });
}

/** The acceptors of a majority have promised the next ballot. */
function goOn(m: Model, from: State, { lock, ballot }: { lock: number; ballot: number }, visit: Visit): void {
  const next = nextOf(m, ballot);
  const at = slotAt(m, lock, ballot);
  if (next > ballotsOf(m, lock) || read(from, slotAt(m, lock, next)) !== phase.unused) return;
  const own = read(from, at + slot.request);
  const wasGranted = read(from, at + slot.kind) === kind.acquire;
  for (let request = 0; request < m.config.requests.length; request += 1) {
    if (lockOf(m, request) !== lock || wasGranted !== (request === own)) continue;
    const isReleased = read(from, requestAt(m, request) + ask.isReleased) === 1;
    if (wasGranted && !isReleased) continue;
    const state = copyOf(m, from);
    const nextAt = slotAt(m, lock, next);
    if (!wasGranted && !isReleased) {
      noteAsked(m, state, request);
      state[nextAt + slot.epoch] = numberSend(m, state, leaseOf(m, request));
    }
    state[nextAt + slot.way] = wasGranted ? way.isNext : way.isNext | way.isNew;
    state[nextAt + slot.phase] = phase.accepting;
    state[nextAt + slot.kind] = wasGranted ? kind.release : kind.acquire;
    state[nextAt + slot.request] = request;
    state[nextAt + slot.token] = wasGranted ? 0 : read(from, at + slot.counter) + 1;
    visit(state, { type: "go on", lock, ballot, next, request });
  }
}
