// What every entry of the log does to the lock table, and what its proposer is told. Reads nothing but the table and the
// entry: no clock, no randomness, no order that a snapshot would not restore. So every replica comes to the same result, and
// an expiry or a token can never differ between them.
//
// What a client asked for is never a broken invariant: an entry that stops one replica stops them all, for ever.

import type { Reply } from "../ballots.ts";
import { invariant } from "../invariant.ts";
import type { Command, Entry, LeaseChange, LeaseOutcome, LeaseRecord, LockRecord, RequestAnswer } from "../messages.ts";
import type { Demand, Holder, LockEvent, Outcome, Write } from "../operations.ts";
import {
  fencingToken,
  implicitLease,
  implicitLeaseToken,
  type LeaseId,
  leaseId,
  type Millis,
  millis,
  type RequestId,
  wallTime,
} from "../scalars.ts";
import { applyRegional } from "./acceptor.ts";
import { isNumbered } from "./acceptor-table.ts";
import { acquireAll, askYield, cancel, forceRelease, proclaim, queued, releaseAll, revoke, ring } from "./acquiring.ts";
import { advance, type Blocker, blockerOf, type Grantee, grant, nextToken } from "./granting.ts";
import { forget, grantOfRequest, holder, holdersOf, leaseOf, putLease, remember, type Table } from "./table.ts";
import { beginTurn, end, endIfNeedless, endLease, type Turn, termsOf } from "./turn.ts";

/** What came of an entry. */
export interface Applied {
  /** What the proposer is told; null if the entry is no write. */
  readonly outcome: Outcome | null;
  /** What has become of leases, in order. */
  readonly changes: readonly LeaseChange[];
  /** What those are told whose requests waited until this entry. */
  readonly told?: readonly RequestAnswer[];
  /** What has happened to locks, in order. */
  readonly events?: readonly LockEvent[];
  /** What the proposer of another region, or this one's, is told. */
  readonly reply?: Reply;
}

type Proposed<Type extends Command["type"]> = Extract<Command, { type: Type }>;
type Asked<Type extends Write["type"]> = Extract<Write, { type: Type }>;

/** Applies the next entry. `requestsRemembered` is for how many entries the outcome of a write is remembered. */
export function apply(table: Table, entry: Entry, requestsRemembered: number): Applied {
  invariant(entry.index === table.index + 1, "entries are applied once, in order");
  const applied = applyCommand(table, entry, requestsRemembered);
  table.index = entry.index;
  table.term = entry.term;
  // Afterwards the outcomes of exactly the last `requestsRemembered` entries are left.
  forget(table, entry.index - requestsRemembered);
  return applied;
}

function applyCommand(table: Table, entry: Entry, requestsRemembered: number): Applied {
  const { command, index } = entry;
  switch (command.type) {
    case "noop":
      return { outcome: null, changes: [{ type: "termBegun", term: entry.term }] };
    case "write": {
      const turn = beginTurn(table, index);
      const outcome = applyWrite(turn, command, requestsRemembered);
      return finish(turn, outcome);
    }
    case "expire": {
      const turn = beginTurn(table, index);
      applyExpire(turn, entry, command);
      return finish(turn, null);
    }
    case "alarm": {
      const turn = beginTurn(table, index);
      // A later leader starts every span anew.
      if (entry.term === command.term) ring(turn, command.alarm);
      return finish(turn, null);
    }
    case "begin":
    case "prepare":
    case "accept":
    case "beginLease":
    case "keepLease":
    case "conclude": {
      const { acceptor } = table;
      invariant(acceptor !== null, "only where there are several regions does the log speak of ballots");
      const regional = { index: entry.index, command, requestsRemembered };
      return { outcome: null, ...applyRegional(table, acceptor, regional) };
    }
  }
  invariant(false, `every kind of entry is known: ${JSON.stringify(command)}`);
}

/** Whoever waits is next, as soon as what came before is done. */
function finish(turn: Turn, outcome: Outcome | null): Applied {
  if (turn.freed.size > 0) advance(turn);
  const { changes, told, events } = turn;
  return { outcome, changes, told, events };
}

// A request is done once, however often it comes.

function applyWrite(turn: Turn, { requestId, write, bornAt }: Proposed<"write">, requestsRemembered: number): Outcome {
  const { table, index } = turn;
  const remembered = table.outcomes.get(requestId);
  if (remembered !== undefined) return repeat(turn, remembered.outcome);
  const waiter = table.waiters.get(requestId);
  if (waiter !== undefined) return queued(table, waiter);
  // A grant remembers its request as long as it holds, however long ago its outcome was forgotten.
  const lock = grantedBefore(table, write, requestId);
  if (lock !== undefined) return repeat(turn, granted(table, lock));
  // The request was born before `bornAt + 1`, so if it was applied before, then at an index after `bornAt`. From here on
  // every such index is remembered; before, the request may have been done, and doing it again is not safe.
  if (bornAt < table.index - requestsRemembered) return { type: "forgotten" };
  const outcome = applyNew(turn, write, requestId);
  if (outcome.type !== "queued") remember(table, { requestId, index, outcome });
  return outcome;
}

function grantedBefore(table: Table, write: Write, requestId: RequestId): LockRecord | undefined {
  if (write.type !== "acquire" && write.type !== "acquireAll") return undefined;
  const name = write.type === "acquire" ? write.lock : write.demands[0]?.lock;
  return name === undefined ? undefined : grantOfRequest(table, name, requestId);
}

/** Answers a request that was answered with `outcome` before. Whatever the request did is not done again. */
function repeat(turn: Turn, outcome: Outcome): Outcome {
  const { table } = turn;
  switch (outcome.type) {
    case "granted": {
      const ended = table.ended.get(outcome.token);
      if (ended !== undefined) return { type: "grantOver", token: ended.token, how: ended.how };
      // The client counts its ttl from the moment it sent this repeat, so the lease must start anew for every future leader
      // too: through the log. A lease that the client opened itself is renewed by its own renewals.
      if (implicitLeaseToken(outcome.lease) !== null) renew(turn, outcome.lease);
      return outcome;
    }
    case "leaseOpened":
      if (!table.leases.has(outcome.lease)) return { type: "leaseEnded", lease: outcome.lease };
      renew(turn, outcome.lease);
      return outcome;
    default:
      return outcome;
  }
}

function renew({ table, changes }: Turn, id: LeaseId): void {
  const lease = table.leases.get(id);
  invariant(lease !== undefined, "a grant that has not ended is held by a live lease");
  const renewals = lease.renewals + 1;
  putLease(table, { ...lease, renewals });
  changes.push({ type: "renewed", lease: id, renewals });
}

function applyNew(turn: Turn, write: Write, requestId: RequestId): Outcome {
  switch (write.type) {
    case "openLease":
      return openLease(turn, write);
    case "endLease":
      return leaseRefusal(turn.table, write.lease) ?? revoke(turn, write.lease);
    case "acquire":
      return "lease" in write.under
        ? acquireUnderLease(turn, write, { requestId, lease: write.under.lease })
        : acquireUnderImplicitLease(turn, write, { requestId, ttl: write.under.ttl });
    case "acquireAll": {
      const refusal = "lease" in write.under ? leaseRefusal(turn.table, write.under.lease) : null;
      return refusal ?? acquireAll(turn, write, requestId);
    }
    case "release":
      return release(turn, write);
    case "releaseAll":
      return releaseAll(turn, write);
    case "cancel":
      return cancel(turn, write);
    case "proclaim":
      return proclaim(turn, write);
    case "askYield":
      return askYield(turn, write);
    case "forceRelease":
      return forceRelease(turn, write);
  }
  invariant(false, `every kind of write is known: ${JSON.stringify(write)}`);
}

const leaseRefusal = (table: Table, lease: LeaseId): Outcome | null =>
  table.leases.has(lease) ? null : noSuchLease(table, lease);

// What a client of the older interfaces may ask for.

/** Lease ids start at 1. */
function openLease({ table, changes }: Turn, { owner, ttl, metadata = "" }: Asked<"openLease">): Outcome {
  table.leaseId = leaseId(table.leaseId + 1);
  const id = table.leaseId;
  putLease(table, { id, owner, ttl, renewals: 0, ...(metadata !== "" && { metadata }) });
  changes.push({ type: "opened", lease: id, ttl, renewals: 0 });
  return { type: "leaseOpened", lease: id, ttl };
}

/** The leased interface: a lease that already holds the lock gets the same token again. */
function acquireUnderLease(
  turn: Turn,
  write: Asked<"acquire">,
  { requestId, lease: id }: { requestId: RequestId; lease: LeaseId },
): Outcome {
  const { table } = turn;
  const lease = table.leases.get(id);
  if (lease === undefined) return noSuchLease(table, id);
  if (lease.owner !== write.owner) return { type: "leaseOfAnother", owner: lease.owner };
  const lock = table.locks.get(write.lock);
  if (lock?.lease === id && termsOf(lock).mode === "exclusive") return granted(table, lock);
  return heldByAnybody(turn, write.lock) ?? grant(turn, plainly(write, requestId), lease);
}

/** The stateless interface: held by anyone, also by the same client, is held. */
function acquireUnderImplicitLease(
  turn: Turn,
  write: Asked<"acquire">,
  { requestId, ttl }: { requestId: RequestId; ttl: Millis },
): Outcome {
  const { table } = turn;
  const held = heldByAnybody(turn, write.lock);
  if (held !== null) return held;
  const lease: LeaseRecord = { id: implicitLease(nextToken(table)), owner: write.owner, ttl, renewals: 0 };
  putLease(table, lease);
  turn.changes.push({ type: "opened", lease: lease.id, ttl, renewals: 0 });
  return grant(turn, plainly(write, requestId), lease);
}

/** A lock that nobody holds may be delayed, or others may be first in line: whoever is in the way is told as its holder. */
function heldByAnybody({ table, index }: Turn, lock: string): Outcome | null {
  const blocker = blockerOf(table, exclusive(lock), { index, priority: 0 });
  return blocker === null ? null : { type: "held", holder: asHolder(table, blocker) };
}

function asHolder(table: Table, { type, record }: Blocker): Holder {
  switch (type) {
    case "holder":
      return holder(table, record);
    case "delay": {
      const { owner, lease, token, delay } = record;
      return { owner, lease, token, ttl: delay, grantedAt: wallTime(0), remaining: delay };
    }
    case "waiter": {
      const { owner, lease, wait, askedAt } = record;
      return { owner, lease, token: fencingToken(0), ttl: wait, grantedAt: askedAt, remaining: millis(0) };
    }
  }
}

const exclusive = (lock: string): Demand => ({ lock, mode: "exclusive", permits: 1, limit: 0 });

// Spelled out: this is on the way of every request, and a spread costs more than all the rest of it.
const plainly = ({ lock, owner, askedAt }: Asked<"acquire">, requestId: RequestId): Grantee => ({
  demands: [exclusive(lock)],
  owner,
  context: "",
  delay: millis(0),
  metadata: "",
  askedAt,
  requestId,
});

/**
 * Whatever the request names of the grant must fit, on either interface. The lease is looked at first, then the token, then
 * the owner: a token that has been overtaken says more than an owner that differs because of it.
 */
function release(turn: Turn, { lock: name, grant: named }: Asked<"release">): Outcome {
  const { table } = turn;
  const { lease, token, owner } = named;
  if (lease !== undefined && !table.leases.has(lease)) return noSuchLease(table, lease);
  const holders = holdersOf(table, name);
  // Of a lock that several hold any may be meant.
  const lock =
    holders.find((each) => each.token === token) ?? holders.find((each) => each.lease === lease) ?? holders[0];
  if (lock === undefined) {
    // Nothing is left to protect, so an owner that does not fit is not held against a token that does.
    const ended = token === undefined ? undefined : table.ended.get(token);
    return { type: ended?.lock === name && ended.how === "expired" ? "grantExpired" : "notHeld" };
  }
  if (lease !== undefined && lease !== lock.lease) return { type: "heldByAnotherLease", holder: holder(table, lock) };
  // An owner alone names no grant; it frees nothing, as a token that nobody has.
  const isStale = token === undefined ? lease === undefined : token !== lock.token;
  if (isStale) return { type: "staleToken", holder: holder(table, lock) };
  if (owner !== undefined && owner !== lock.owner) return { type: "heldByAnotherOwner", holder: holder(table, lock) };
  end(turn, lock, "released");
  endIfNeedless(turn, lock.lease);
  return { type: "released", token: lock.token };
}

// Expiry.

/**
 * Ends a lease that was overdue on the leader of `command.term`. Void in any other term, where a new leader has started every
 * ttl anew, and void if a repeat of its request has renewed the lease through the log meanwhile.
 *
 * Nobody is told of a void expiry: the lease actor that proposed it has been told `renewed` already, on the same way and
 * before. A second notice would undo what it may have proposed since, under the new count and rightly.
 */
function applyExpire(turn: Turn, { term }: Entry, command: Proposed<"expire">): void {
  const lease = turn.table.leases.get(command.lease);
  const counts = term === command.term && lease?.renewals === command.renewals;
  if (lease !== undefined && counts) endLease(turn, lease.id, "expired");
}

// What is known of a lease and of a lock.

/** Numbers are given out in order, so a number up to the counter that is not live has ended. */
export function leaseOutcome(table: Table, lease: LeaseId): LeaseOutcome {
  if (table.leases.has(lease)) return "live";
  if (table.acceptor !== null) return isNumbered(table.acceptor, lease) ? "ended" : "unknown";
  const token = implicitLeaseToken(lease);
  const isPast = token === null ? lease >= 1 && lease <= table.leaseId : token <= table.fencingToken;
  return isPast ? "ended" : "unknown";
}

const noSuchLease = (table: Table, lease: LeaseId): Outcome => ({
  type: leaseOutcome(table, lease) === "ended" ? "leaseEnded" : "leaseUnknown",
  lease,
});

const granted = (table: Table, lock: LockRecord): Outcome => ({
  type: "granted",
  lease: lock.lease,
  token: lock.token,
  ttl: leaseOf(table, lock).ttl,
});
