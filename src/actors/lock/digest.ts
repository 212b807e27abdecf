// A digest of the lock table that is kept up to date with every change instead of being computed over the whole: the sum of
// the hashes of all records. A sum does not depend on order, so a replica that was restored from a snapshot and one that
// applied every entry agree. Two lanes of 32 bits: it finds defects, it does not resist an attacker.

import type { AcceptorRecord, Ballot, Value } from "../ballots.ts";
import { invariant } from "../invariant.ts";
import type {
  DelayRecord,
  EndedGrant,
  GrantTerms,
  LeaseRecord,
  LockRecord,
  RememberedOutcome,
  WaiterRecord,
} from "../messages.ts";
import type { Demand, Holder, Obstacle, Outcome, Party, WaitEdge } from "../operations.ts";

/** Two numbers of 32 bits each. */
export interface Digest {
  first: number;
  second: number;
}

export const emptyDigest = (): Digest => ({ first: 0, second: 0 });

/** What kind of record a hash is of, so that a lease and a lock with equal fields differ. */
const kinds = { lease: 1, lock: 2, outcome: 3, ended: 4, whole: 5, acceptor: 6, waiter: 7, delay: 8 } as const;

export function add(digest: Digest, hash: Digest): void {
  digest.first = (digest.first + hash.first) | 0;
  digest.second = (digest.second + hash.second) | 0;
}

export function subtract(digest: Digest, hash: Digest): void {
  digest.first = (digest.first - hash.first) | 0;
  digest.second = (digest.second - hash.second) | 0;
}

/** The digest of records and counters together, as 16 hexadecimal digits. */
export function digestText(records: Digest, counters: readonly number[]): string {
  const hash = begin(kinds.whole);
  foldNumber(hash, records.first);
  foldNumber(hash, records.second);
  for (const counter of counters) foldNumber(hash, counter);
  finish(hash);
  return hex(hash.first) + hex(hash.second);
}

export function leaseHash(lease: LeaseRecord): Digest {
  const hash = begin(kinds.lease);
  foldNumber(hash, lease.id);
  foldText(hash, lease.owner);
  foldNumber(hash, lease.ttl);
  foldNumber(hash, lease.renewals);
  if (lease.metadata !== undefined) foldText(hash, lease.metadata);
  return finish(hash);
}

export function lockHash(lock: LockRecord): Digest {
  const hash = begin(kinds.lock);
  foldText(hash, lock.lock);
  foldText(hash, lock.owner);
  foldNumber(hash, lock.lease);
  foldNumber(hash, lock.token);
  foldNumber(hash, lock.grantedAt);
  foldText(hash, lock.requestId);
  if (lock.terms !== undefined) foldTerms(hash, lock.terms);
  return finish(hash);
}

function foldTerms(hash: Digest, terms: GrantTerms): void {
  foldText(hash, terms.mode);
  foldNumber(hash, terms.permits);
  foldNumber(hash, terms.limit);
  foldText(hash, terms.context);
  foldNumber(hash, terms.delay);
  foldText(hash, terms.metadata);
  if (terms.yielding === null) return;
  foldText(hash, terms.yielding.reason);
  foldNumber(hash, terms.yielding.grace);
  foldNumber(hash, terms.yielding.force ? 1 : 0);
}

export function waiterHash(waiter: WaiterRecord): Digest {
  const hash = begin(kinds.waiter);
  foldText(hash, waiter.requestId);
  foldText(hash, waiter.owner);
  foldNumber(hash, waiter.lease);
  foldText(hash, waiter.context);
  for (const demand of waiter.demands) foldDemand(hash, demand);
  foldNumber(hash, waiter.wait);
  foldNumber(hash, waiter.priority);
  foldNumber(hash, waiter.delay);
  foldText(hash, waiter.metadata);
  foldNumber(hash, waiter.askedAt);
  foldNumber(hash, waiter.index);
  return finish(hash);
}

function foldDemand(hash: Digest, { lock, mode, permits, limit }: Demand): void {
  foldText(hash, lock);
  foldText(hash, mode);
  foldNumber(hash, permits);
  foldNumber(hash, limit);
}

export function delayHash(delay: DelayRecord): Digest {
  const hash = begin(kinds.delay);
  foldDemand(hash, delay);
  foldNumber(hash, delay.token);
  foldText(hash, delay.owner);
  foldNumber(hash, delay.lease);
  foldNumber(hash, delay.delay);
  foldText(hash, delay.how);
  return finish(hash);
}

export function outcomeHash(remembered: RememberedOutcome): Digest {
  const hash = begin(kinds.outcome);
  foldText(hash, remembered.requestId);
  foldNumber(hash, remembered.index);
  foldOutcome(hash, remembered.outcome);
  return finish(hash);
}

export function endedHash(ended: EndedGrant): Digest {
  const hash = begin(kinds.ended);
  foldText(hash, ended.lock);
  foldText(hash, ended.owner);
  foldNumber(hash, ended.lease);
  foldNumber(hash, ended.token);
  foldText(hash, ended.how);
  foldNumber(hash, ended.index);
  return finish(hash);
}

export function acceptorHash(record: AcceptorRecord): Digest {
  const hash = begin(kinds.acceptor);
  foldText(hash, record.lock);
  foldBallot(hash, record.promised);
  foldBallot(hash, record.accepted);
  foldValue(hash, record.value);
  foldNumber(hash, record.index);
  return finish(hash);
}

function foldBallot(hash: Digest, ballot: Ballot | null): void {
  foldNumber(hash, ballot?.round ?? 0);
  foldText(hash, ballot?.region ?? "");
}

function foldValue(hash: Digest, value: Value | null): void {
  if (value === null) return;
  foldText(hash, value.type);
  foldNumber(hash, value.token);
  foldText(hash, value.requestId ?? "");
  if (value.type === "free") return foldText(hash, value.how);
  foldText(hash, value.owner);
  foldNumber(hash, value.lease);
  foldNumber(hash, value.ttl);
  foldNumber(hash, value.grantedAt);
}

// Field by field and in this order: an outcome that went through a snapshot may have its properties in another order.
function foldOutcome(hash: Digest, outcome: Outcome): void {
  foldText(hash, outcome.type);
  switch (outcome.type) {
    case "leaseOpened":
    case "leaseRenewed":
      foldNumber(hash, outcome.lease);
      return foldNumber(hash, outcome.ttl);
    case "granted":
      foldNumber(hash, outcome.lease);
      foldNumber(hash, outcome.token);
      return foldNumber(hash, outcome.ttl);
    case "released":
    case "proclaimed":
    case "cancelled":
      return foldNumber(hash, outcome.token ?? 0);
    case "grantOver":
      foldNumber(hash, outcome.token);
      return foldText(hash, outcome.how);
    case "leaseUnknown":
    case "leaseEnded":
      return foldNumber(hash, outcome.lease);
    case "leaseOfAnother":
      return foldText(hash, outcome.owner);
    case "locked":
    case "held":
    case "staleToken":
    case "heldByAnotherLease":
    case "heldByAnotherOwner":
      return foldHolder(hash, outcome.holder);
    case "busy":
      return foldObstacle(hash, outcome.obstacle);
    case "deadlock":
      for (const edge of outcome.cycle) foldEdge(hash, edge);
      break;
    case "limitDiffers":
      foldText(hash, outcome.lock);
      return foldNumber(hash, outcome.limit);
    case "queueFull":
      return foldNumber(hash, outcome.limit);
    case "leaseClosed":
      return foldNumber(hash, outcome.locks);
    case "yieldAsked":
    case "forced":
      for (const token of outcome.tokens) foldNumber(hash, token);
      break;
    case "free":
    case "notHeld":
    case "grantExpired":
    case "forgotten":
    case "waitOver":
    case "requestCancelled":
      break;
    case "queued":
    case "lockSeen":
    case "locksSeen":
    case "waitersSeen":
    case "leasesSeen":
    case "waitsSeen":
      invariant(false, `what is only shown, or not the last word, is not remembered: ${outcome.type}`);
  }
}

function foldObstacle(hash: Digest, obstacle: Obstacle): void {
  foldText(hash, obstacle.lock);
  if (obstacle.holder !== null) foldHolder(hash, obstacle.holder);
  foldText(hash, obstacle.metadata);
  foldNumber(hash, obstacle.delayed ?? -1);
  foldNumber(hash, obstacle.delayedBy ?? 0);
  foldNumber(hash, obstacle.queue);
}

function foldEdge(hash: Digest, { waiter, lock, blocker, isHolder }: WaitEdge): void {
  foldParty(hash, waiter);
  foldText(hash, lock);
  foldParty(hash, blocker);
  foldNumber(hash, isHolder ? 1 : 0);
}

function foldParty(hash: Digest, { lease, context, owner }: Party): void {
  foldNumber(hash, lease);
  foldText(hash, context);
  foldText(hash, owner);
}

function foldHolder(hash: Digest, holder: Holder): void {
  foldText(hash, holder.owner);
  foldNumber(hash, holder.lease);
  foldNumber(hash, holder.token);
  foldNumber(hash, holder.ttl);
  foldNumber(hash, holder.grantedAt);
  foldNumber(hash, holder.remaining);
}

// FNV-1a in the first lane, the multiplier of MurmurHash3 in the second; MurmurHash3's finalizer for both.

const begin = (kind: number): Digest => ({ first: 0x811c9dc5 ^ kind, second: 0x9747b28c ^ kind });

function foldText(hash: Digest, text: string): void {
  let { first, second } = hash;
  for (let place = 0; place < text.length; place += 1) {
    const unit = text.charCodeAt(place);
    first = Math.imul(first ^ unit, 0x01000193);
    second = Math.imul(second ^ unit, 0x5bd1e995);
    second ^= second >>> 15;
  }
  hash.first = first;
  hash.second = second;
  foldWord(hash, text.length);
}

/** Any whole number that a double holds exactly. */
function foldNumber(hash: Digest, value: number): void {
  foldWord(hash, value | 0);
  foldWord(hash, Math.floor(value / 0x1_0000_0000) | 0);
}

function foldWord(hash: Digest, word: number): void {
  const first = Math.imul(hash.first ^ word, 0x01000193);
  hash.first = first ^ (first >>> 15);
  const second = Math.imul(hash.second ^ word, 0x5bd1e995);
  hash.second = second ^ (second >>> 13);
}

function finish(hash: Digest): Digest {
  hash.first = avalanche(hash.first);
  hash.second = avalanche(hash.second);
  return hash;
}

function avalanche(lane: number): number {
  let mixed = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

const hex = (lane: number): string => (lane >>> 0).toString(16).padStart(8, "0");
