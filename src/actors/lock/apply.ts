// What every entry of the log does to the lock table, and what its proposer is told. Reads nothing but the table and the
// entry: no clock, no randomness, no order that a snapshot would not restore. So every replica comes to the same result, and
// an expiry or a token can never differ between them.
//
// What a client asked for is never a broken invariant: an entry that stops one replica stops them all, for ever.

import type { Reply } from "../ballots.ts";
import { invariant } from "../invariant.ts";
import type { Command, Entry, LeaseChange, LeaseOutcome, LeaseRecord, LockRecord } from "../messages.ts";
import type { Outcome, Write } from "../operations.ts";
import type { Millis, RequestId } from "../scalars.ts";
import { fencingToken, implicitLease, implicitLeaseToken, type LeaseId, type LogIndex, leaseId } from "../scalars.ts";
import { applyRegional } from "./acceptor.ts";
import { isNumbered } from "./acceptor-table.ts";
import { endGrant, forget, holder, leaseOf, putLease, putLock, remember, removeLease, type Table } from "./table.ts";

/** What came of an entry. */
export interface Applied {
  /** What the proposer is told; null if the entry is no write. */
  readonly outcome: Outcome | null;
  /** What has become of leases, in order. */
  readonly changes: readonly LeaseChange[];
  /** What the proposer of another region, or this one's, is told. */
  readonly reply?: Reply;
}

type Proposed<Type extends Command["type"]> = Extract<Command, { type: Type }>;
type Asked<Type extends Write["type"]> = Extract<Write, { type: Type }>;

const unchanged: readonly LeaseChange[] = [];

const answer = (outcome: Outcome, changes: readonly LeaseChange[] = unchanged): Applied => ({ outcome, changes });

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
  const { command } = entry;
  switch (command.type) {
    case "noop":
      return { outcome: null, changes: [{ type: "termBegun", term: entry.term }] };
    case "write":
      return applyWrite(table, entry.index, { command, requestsRemembered });
    case "expire":
      return applyExpire(table, entry, command);
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

// A request is done once, however often it comes.

function applyWrite(
  table: Table,
  index: LogIndex,
  { command, requestsRemembered }: { command: Proposed<"write">; requestsRemembered: number },
): Applied {
  const { requestId, write } = command;
  const remembered = table.outcomes.get(requestId);
  if (remembered !== undefined) return repeat(table, remembered.outcome);
  // A grant remembers its request as long as it holds, however long ago its outcome was forgotten.
  const lock = write.type === "acquire" ? table.locks.get(write.lock) : undefined;
  if (lock?.requestId === requestId) return repeat(table, granted(table, lock));
  // The request was born before `bornAt + 1`, so if it was applied before, then at an index after `bornAt`. From here on
  // every such index is remembered; before, the request may have been done, and doing it again is not safe.
  if (command.bornAt < table.index - requestsRemembered) return answer({ type: "forgotten" });
  const applied = applyNew(table, write, { index, requestId });
  if (applied.outcome !== null) remember(table, { requestId, index, outcome: applied.outcome });
  return applied;
}

/** Answers a request that was answered with `outcome` before. Whatever the request did is not done again. */
function repeat(table: Table, outcome: Outcome): Applied {
  switch (outcome.type) {
    case "granted": {
      const ended = table.ended.get(outcome.token);
      if (ended !== undefined) return answer({ type: "grantOver", token: ended.token, how: ended.how });
      // The client counts its ttl from the moment it sent this repeat, so the lease must start anew for every future leader
      // too: through the log. A lease that the client opened itself is renewed by its own renewals.
      return answer(outcome, implicitLeaseToken(outcome.lease) === null ? unchanged : renew(table, outcome.lease));
    }
    case "leaseOpened": {
      const isLive = table.leases.has(outcome.lease);
      return isLive
        ? answer(outcome, renew(table, outcome.lease))
        : answer({ type: "leaseEnded", lease: outcome.lease });
    }
    default:
      return answer(outcome);
  }
}

function renew(table: Table, id: LeaseId): readonly LeaseChange[] {
  const lease = table.leases.get(id);
  invariant(lease !== undefined, "a grant that has not ended is held by a live lease");
  const renewals = lease.renewals + 1;
  putLease(table, { ...lease, renewals });
  return [{ type: "renewed", lease: id, renewals }];
}

interface Request {
  readonly index: LogIndex;
  readonly requestId: RequestId;
}

function applyNew(table: Table, write: Write, request: Request): Applied {
  switch (write.type) {
    case "openLease":
      return openLease(table, write);
    case "acquire":
      return "lease" in write.under
        ? acquireUnderLease(table, write, { ...request, lease: write.under.lease })
        : acquireUnderImplicitLease(table, write, { ...request, ttl: write.under.ttl });
    case "release":
      return release(table, write, request.index);
  }
  invariant(false, `every kind of write is known: ${JSON.stringify(write)}`);
}

// What a client may ask for.

/** The leased interface: lease ids start at 1. */
function openLease(table: Table, { owner, ttl }: Asked<"openLease">): Applied {
  table.leaseId = leaseId(table.leaseId + 1);
  const id = table.leaseId;
  putLease(table, { id, owner, ttl, renewals: 0 });
  return answer({ type: "leaseOpened", lease: id, ttl }, [{ type: "opened", lease: id, ttl, renewals: 0 }]);
}

/** The leased interface: a lease that already holds the lock gets the same token again. */
function acquireUnderLease(table: Table, write: Asked<"acquire">, request: Request & { lease: LeaseId }): Applied {
  const lease = table.leases.get(request.lease);
  if (lease === undefined) return answer(noSuchLease(table, request.lease));
  if (lease.owner !== write.owner) return answer({ type: "leaseOfAnother", owner: lease.owner });
  const lock = table.locks.get(write.lock);
  if (lock === undefined) return answer(grant(table, write, { requestId: request.requestId, lease }));
  return answer(lock.lease === lease.id ? granted(table, lock) : { type: "held", holder: holder(table, lock) });
}

/** The stateless interface: held by anyone, also by the same client, is held. */
function acquireUnderImplicitLease(table: Table, write: Asked<"acquire">, request: Request & { ttl: Millis }): Applied {
  const lock = table.locks.get(write.lock);
  if (lock !== undefined) return answer({ type: "held", holder: holder(table, lock) });
  const id = implicitLease(nextToken(table));
  const lease: LeaseRecord = { id, owner: write.owner, ttl: request.ttl, renewals: 0 };
  putLease(table, lease);
  const outcome = grant(table, write, { requestId: request.requestId, lease });
  return answer(outcome, [{ type: "opened", lease: id, ttl: lease.ttl, renewals: 0 }]);
}

const nextToken = (table: Table) => fencingToken(table.fencingToken + 1);

/** Every grant takes the next token; none is ever used twice or taken back. */
function grant(
  table: Table,
  write: Asked<"acquire">,
  { requestId, lease }: { requestId: RequestId; lease: LeaseRecord },
): Outcome {
  table.fencingToken = nextToken(table);
  const lock: LockRecord = {
    lock: write.lock,
    owner: write.owner,
    lease: lease.id,
    token: table.fencingToken,
    grantedAt: write.askedAt,
    requestId,
  };
  putLock(table, lock);
  return granted(table, lock);
}

/**
 * Whatever the request names of the grant must fit, on either interface. The lease is looked at first, then the token, then
 * the owner: a token that has been overtaken says more than an owner that differs because of it.
 */
function release(table: Table, { lock: name, grant: named }: Asked<"release">, index: LogIndex): Applied {
  const { lease, token, owner } = named;
  if (lease !== undefined && !table.leases.has(lease)) return answer(noSuchLease(table, lease));
  const lock = table.locks.get(name);
  if (lock === undefined) {
    // Nothing is left to protect, so an owner that does not fit is not held against a token that does.
    const ended = token === undefined ? undefined : table.ended.get(token);
    return answer({ type: ended?.lock === name && ended.how === "expired" ? "grantExpired" : "notHeld" });
  }
  if (lease !== undefined && lease !== lock.lease) {
    return answer({ type: "heldByAnotherLease", holder: holder(table, lock) });
  }
  // An owner alone names no grant; it frees nothing, as a token that nobody has.
  const isStale = token === undefined ? lease === undefined : token !== lock.token;
  if (isStale) return answer({ type: "staleToken", holder: holder(table, lock) });
  if (owner !== undefined && owner !== lock.owner) {
    return answer({ type: "heldByAnotherOwner", holder: holder(table, lock) });
  }
  endGrant(table, lock, { how: "released", index });
  return answer({ type: "released", token: lock.token }, endIfNeedless(table, lock.lease));
}

/** An implicit lease lives for its lock; it ends with the last lock that it holds. */
function endIfNeedless(table: Table, id: LeaseId): readonly LeaseChange[] {
  if (implicitLeaseToken(id) === null || table.locksOf.has(id)) return unchanged;
  const lease = table.leases.get(id);
  invariant(lease !== undefined, "a lock is held by a live lease");
  removeLease(table, lease);
  return [{ type: "ended", lease: id }];
}

// Expiry.

/**
 * Ends a lease that was overdue on the leader of `command.term`. Void in any other term, where a new leader has started every
 * ttl anew, and void if a repeat of its request has renewed the lease through the log meanwhile.
 *
 * Nobody is told of a void expiry: the lease actor that proposed it has been told `renewed` already, on the same way and
 * before. A second notice would undo what it may have proposed since, under the new count and rightly.
 */
function applyExpire(table: Table, { index, term }: Entry, command: Proposed<"expire">): Applied {
  const lease = table.leases.get(command.lease);
  const counts = term === command.term && lease?.renewals === command.renewals;
  if (lease === undefined || !counts) return { outcome: null, changes: unchanged };
  for (const name of [...(table.locksOf.get(lease.id) ?? [])]) {
    const lock = table.locks.get(name);
    invariant(lock !== undefined, "the locks of a lease are held");
    endGrant(table, lock, { how: "expired", index });
  }
  removeLease(table, lease);
  return { outcome: null, changes: [{ type: "ended", lease: lease.id }] };
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
