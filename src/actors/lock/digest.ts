// A digest of the lock table that is kept up to date with every change instead of being computed over the whole: the sum of
// the hashes of all records. A sum does not depend on order, so a replica that was restored from a snapshot and one that
// applied every entry agree. Two lanes of 32 bits: it finds defects, it does not resist an attacker.

import type { AcceptorRecord, Ballot, Value } from "../ballots.ts";
import type { EndedGrant, LeaseRecord, LockRecord, RememberedOutcome } from "../messages.ts";
import type { Holder, Outcome } from "../operations.ts";

/** Two numbers of 32 bits each. */
export interface Digest {
  first: number;
  second: number;
}

export const emptyDigest = (): Digest => ({ first: 0, second: 0 });

/** What kind of record a hash is of, so that a lease and a lock with equal fields differ. */
const kinds = { lease: 1, lock: 2, outcome: 3, ended: 4, whole: 5, acceptor: 6 } as const;

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
      foldNumber(hash, outcome.ttl);
      break;
    case "granted":
      foldNumber(hash, outcome.lease);
      foldNumber(hash, outcome.token);
      foldNumber(hash, outcome.ttl);
      break;
    case "released":
      foldNumber(hash, outcome.token);
      break;
    case "grantOver":
      foldNumber(hash, outcome.token);
      foldText(hash, outcome.how);
      break;
    case "leaseUnknown":
    case "leaseEnded":
      foldNumber(hash, outcome.lease);
      break;
    case "leaseOfAnother":
      foldText(hash, outcome.owner);
      break;
    case "locked":
    case "held":
    case "staleToken":
    case "heldByAnotherLease":
    case "heldByAnotherOwner":
      foldHolder(hash, outcome.holder);
      break;
    case "free":
    case "notHeld":
    case "grantExpired":
    case "forgotten":
      break;
  }
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
