// The rules of an acceptor: what a region's log does when a proposer asks it for a lock. As every entry they read nothing but
// the table and the entry. One value per ballot; nothing is accepted below a promise; who holds a lock here is disturbed by
// nobody but himself, until his lease has ended here.

import {
  type Ballot,
  type Claim,
  compareBallots,
  type FreeValue,
  type GrantValue,
  type LeaseView,
  nextBallot,
  type Promised,
  type RegionCommand,
  type Reply,
  sameBallot,
  type Value,
} from "../ballots.ts";
import type { LeaseChange, LockRecord } from "../messages.ts";
import type { Outcome } from "../operations.ts";
import { fencingToken, implicitRegionalLease, type LogIndex, regionalLease } from "../scalars.ts";
import { endHeld, keep, keepLease, type Place, take, termsOf } from "./accepting.ts";
import { type AcceptorTable, isForgotten, isNumbered, promisedFor, takeLeaseCount } from "./acceptor-table.ts";
import { holder, remember, type Table } from "./table.ts";

/** What came of a proposer's entry. */
export interface Accepted {
  readonly reply: Reply;
  readonly changes: readonly LeaseChange[];
}

type Command<Type extends RegionCommand["type"]> = Extract<RegionCommand, { type: Type }>;

export function applyRegional(
  table: Table,
  acceptor: AcceptorTable,
  { index, command, requestsRemembered }: { index: LogIndex; command: RegionCommand; requestsRemembered: number },
): Accepted {
  const place: Place = { table, acceptor, index, changes: [] };
  return { reply: replyTo(place, command, requestsRemembered), changes: place.changes };
}

function replyTo(place: Place, command: RegionCommand, requestsRemembered: number): Reply {
  switch (command.type) {
    case "begin":
      return begin(place, command, requestsRemembered);
    case "prepare":
      return prepare(place, command);
    case "accept":
      return accept(place, command);
    case "beginLease":
      return beginLease(place, command, requestsRemembered);
    case "keepLease":
      keepLease(place, command.lease);
      return { type: "leaseKept" };
    case "conclude":
      return conclude(place, command);
  }
}

// The proposer's own region.

/** Whether what is remembered of a request may be true of this region only, and is for all of them together to judge. */
const isForAll = ({ type }: Outcome): boolean => type === "granted" || type === "grantOver" || type === "released";

function begin(place: Place, command: Command<"begin">, requestsRemembered: number): Reply {
  const { table, acceptor } = place;
  const { lock, claim } = command;
  if (claim.type !== "settle") {
    const past = table.outcomes.get(claim.requestId)?.outcome;
    if (past !== undefined && !isForAll(past)) return { type: "concluded", outcome: past };
    const isHis = past !== undefined || table.locks.get(lock)?.requestId === claim.requestId;
    if (!isHis && command.bornAt < table.index - requestsRemembered) {
      return { type: "concluded", outcome: { type: "forgotten" } };
    }
  }
  const value = valueAtOnce(place, command);
  if (value !== null && command.known !== null) {
    const ballot = nextBallot(command.known);
    take(place, { lock, ballot, value, requestId: claim.type === "release" ? claim.requestId : null });
    return { type: "begunAccepted", ballot, value };
  }
  const round = Math.max(acceptor.round, promisedFor(acceptor, lock).round, command.above) + 1;
  // The round after it is kept for the ballot that follows an accept.
  acceptor.round = round + 1;
  const ballot: Ballot = { round, region: acceptor.region };
  const opens = claim.type === "acquire" && claim.lease === null;
  const lease = opens ? implicitRegionalLease(takeLeaseCount(acceptor), acceptor.place) : null;
  return { type: "begun", ballot, lease, own: prepare(place, { lock, ballot, claim }) };
}

/**
 * What may be accepted without asking anybody first: this region's last value was accepted by a majority, and has promised it
 * the next ballot. If another proposer has come in between, the others will refuse.
 */
function valueAtOnce(place: Place, { lock, claim, known, ttl, askedAt }: Command<"begin">): Value | null {
  const { table, acceptor } = place;
  const record = acceptor.records.get(lock);
  if (known === null || record === undefined || known.region !== acceptor.region) return null;
  if (!sameBallot(record.accepted, known) || !sameBallot(record.promised, nextBallot(known))) return null;
  const held = table.locks.get(lock);
  switch (claim.type) {
    case "acquire": {
      // After an end that a majority knows, and not after a grant that has only expired here: elsewhere it may be live still.
      if (record.value?.type !== "free" || held !== undefined || table.outcomes.has(claim.requestId)) return null;
      const lease = claim.lease === null ? null : table.leases.get(claim.lease);
      if (lease === undefined || (lease !== null && lease.owner !== claim.owner)) return null;
      return {
        type: "grant",
        owner: claim.owner,
        lease: lease === null ? implicitRegionalLease(takeLeaseCount(acceptor), acceptor.place) : lease.id,
        ttl: lease === null ? ttl : lease.ttl,
        token: fencingToken(table.fencingToken + 1),
        grantedAt: askedAt,
        requestId: claim.requestId,
      };
    }
    case "release":
      return held !== undefined && isNamed(held, claim.grant) && !table.outcomes.has(claim.requestId)
        ? { type: "free", token: held.token, how: "released", requestId: claim.requestId }
        : null;
    case "settle":
      return null;
  }
}

function beginLease(place: Place, command: Command<"beginLease">, requestsRemembered: number): Reply {
  const { table, acceptor, index } = place;
  const { requestId, owner, ttl } = command;
  const past = table.outcomes.get(requestId)?.outcome;
  if (past?.type === "leaseOpened") {
    if (!table.leases.has(past.lease)) {
      return { type: "concluded", outcome: { type: "leaseEnded", lease: past.lease } };
    }
    keepLease(place, { id: past.lease, owner, ttl });
    return { type: "leaseBegun", lease: past.lease };
  }
  if (past !== undefined) return { type: "concluded", outcome: past };
  if (command.bornAt < table.index - requestsRemembered) return { type: "concluded", outcome: { type: "forgotten" } };
  const lease = regionalLease(takeLeaseCount(acceptor), acceptor.place);
  keepLease(place, { id: lease, owner, ttl });
  remember(table, { requestId, index, outcome: { type: "leaseOpened", lease, ttl } });
  return { type: "leaseBegun", lease };
}

/** What was told before is told again. */
function conclude({ table, index }: Place, { requestId, outcome }: Command<"conclude">): Reply {
  const past = table.outcomes.get(requestId)?.outcome;
  if (past === undefined) remember(table, { requestId, index, outcome });
  return { type: "concluded", outcome: past === undefined || past.type === "granted" ? outcome : past };
}

// Every region.

function prepare(
  place: Place,
  { lock, ballot, claim }: Pick<Command<"prepare">, "lock" | "ballot" | "claim">,
): Promised {
  const { table, acceptor, index } = place;
  const record = acceptor.records.get(lock);
  const promised = record?.promised ?? acceptor.floor;
  if (compareBallots(ballot, promised) < 0 || isForgotten(acceptor, lock, ballot)) {
    return { type: "overtaken", promised };
  }
  const held = table.locks.get(lock);
  const counter = table.fencingToken;
  const lease = leaseView(table, acceptor, claim);
  if (held !== undefined && record?.accepted != null && !hasClaim(held, claim)) {
    return {
      type: "live",
      accepted: record.accepted,
      holder: holder(table, held),
      requestId: held.requestId,
      counter,
      lease,
    };
  }
  const accepted = record?.accepted ?? null;
  const value = record?.value ?? null;
  keep(place, { lock, promised: ballot, accepted, value, index });
  const past = claim.type === "settle" ? undefined : table.outcomes.get(claim.requestId);
  return {
    type: "promise",
    accepted,
    value,
    live: held !== undefined,
    counter,
    floor: acceptor.floor,
    past: past?.outcome ?? null,
    lease,
  };
}

function hasClaim(held: LockRecord, claim: Claim): boolean {
  switch (claim.type) {
    case "acquire":
      return held.requestId === claim.requestId;
    case "release":
      return isNamed(held, claim.grant);
    case "settle":
      return held.token === claim.token;
  }
}

/** Whatever a release says of a grant must fit it; an owner alone names none. */
export function isNamed(
  held: Pick<LockRecord, "lease" | "token" | "owner">,
  { lease, token, owner }: Extract<Claim, { type: "release" }>["grant"],
): boolean {
  if (lease === undefined && token === undefined) return false;
  return (
    (lease === undefined || lease === held.lease) &&
    (token === undefined || token === held.token) &&
    (owner === undefined || owner === held.owner)
  );
}

function leaseView(table: Table, acceptor: AcceptorTable, claim: Claim): LeaseView | null {
  if (claim.type !== "acquire" || claim.lease === null) return null;
  const lease = table.leases.get(claim.lease);
  if (lease !== undefined) return { type: "live", owner: lease.owner, ttl: lease.ttl };
  return { type: isNumbered(acceptor, claim.lease) ? "ended" : "unknown" };
}

function accept(place: Place, command: Command<"accept">): Reply {
  const { table, acceptor } = place;
  const { lock, ballot, value } = command;
  const record = acceptor.records.get(lock);
  const held = table.locks.get(lock);
  if (record !== undefined && sameBallot(record.accepted, ballot)) {
    if (isTakenBack(record.value, value)) {
      endHeld(place, lock, value, null);
      keep(place, { ...record, value, index: place.index });
      return { type: "accepted", counter: table.fencingToken };
    }
    if (!isSameValue(record.value, value)) return { type: "overtaken", promised: record.promised };
    // Sent again: what has ended here meanwhile is not brought back, and does not count any more.
    if (value.type === "grant" && held === undefined) return { type: "occupied" };
    if (value.type === "grant") keepLease(place, termsOf(value));
    return { type: "accepted", counter: table.fencingToken };
  }
  const promised = record?.promised ?? acceptor.floor;
  if (compareBallots(ballot, promised) < 0 || isForgotten(acceptor, lock, ballot)) {
    if (record?.accepted != null && compareBallots(record.accepted, ballot) < 0) letGoLate(place, lock, value);
    return { type: "overtaken", promised };
  }
  const isOccupied = held !== undefined && !mayFollow(held, value);
  if (isOccupied || (value.type === "grant" && isKnown(table, value))) {
    // Refused for good: the same, sent again, must not be accepted after its proposer has counted on the refusal.
    const { accepted = null, value: former = null } = record ?? {};
    keep(place, { lock, promised: nextBallot(ballot), accepted, value: former, index: place.index });
    return { type: "occupied" };
  }
  take(place, command);
  return { type: "accepted", counter: table.fencingToken };
}

/** An end that comes too late to count still says that nobody wants the grant any more: it holds nobody up here. */
function letGoLate(place: Place, lock: string, value: Value): void {
  if (value.type !== "free" || place.table.locks.get(lock)?.token !== value.token) return;
  endHeld(place, lock, { ...value, requestId: null }, null);
}

/** A request that had another grant is not granted again: a proposer that has asked nobody first may not know it. */
function isKnown(table: Table, { requestId, token }: GrantValue): boolean {
  const past = table.outcomes.get(requestId)?.outcome;
  return (past?.type === "granted" || past?.type === "grantOver") && past.token !== token;
}

/**
 * A proposer takes a grant back under the ballot it proposed it with: so the end stands no higher than the grant did, and hides nothing
 * that a majority has accepted since. It is the one value that follows another under a ballot.
 */
const isTakenBack = (one: Value | null, other: FreeValue | GrantValue): other is FreeValue =>
  one?.type === "grant" && other.type === "free" && one.token === other.token;

const isSameValue = (one: Value | null, other: Value): boolean =>
  one?.type === other.type && one.token === other.token && one.requestId === other.requestId;

/** Who holds a lock here is followed only by himself, or by his own end. It is the lease that holds: under which token it does may
 *  differ from region to region, where several requests of its client have each come to a few. */
const mayFollow = (held: LockRecord, value: Value): boolean =>
  value.type === "free" ? held.token === value.token : held.lease === value.lease;
