// What stands in a region's log on behalf of proposers ↔ bytes, and what an acceptor keeps of a lock. The field comments of
// proto/lockmgr/log/v1/region.proto say what the bytes mean.

import type {
  AcceptorRecord,
  Ballot,
  Claim,
  FreeValue,
  GrantValue,
  LeaseTerms,
  RegionCommand,
  Value,
} from "../actors/ballots.ts";
import { regionId, requestId } from "../actors/scalars.ts";
import { endingFromWire, endingToWire } from "./codec-grant.ts";
import { outcomeFromWire, outcomeToWire } from "./codec-outcome.ts";
import { fromWire, optionalFromWire, present, toWire, unknownKind } from "./codec-wire.ts";
import type * as wireLog from "./generated/lockmgr/log/v1/log.ts";
import type * as wire from "./generated/lockmgr/log/v1/region.ts";
import type * as wireSnapshot from "./generated/lockmgr/snapshot/v1/snapshot.ts";

export const ballotToWire = ({ round, region }: Ballot): wire.Ballot => ({ round: toWire(round), region });

export function ballotFromWire(ballot: wire.Ballot | undefined): Ballot {
  const { round, region } = present(ballot, "a ballot");
  return { round: fromWire(round), region: regionId(region) };
}

export const optionalBallotToWire = (ballot: Ballot | null): wire.Ballot | undefined =>
  ballot === null ? undefined : ballotToWire(ballot);

export const optionalBallotFromWire = (ballot: wire.Ballot | undefined): Ballot | null =>
  ballot === undefined ? null : ballotFromWire(ballot);

const grantToWire = (value: GrantValue): wire.GrantValue => ({
  owner: value.owner,
  lease: toWire(value.lease),
  ttlMs: toWire(value.ttl),
  token: toWire(value.token),
  grantedAtMs: toWire(value.grantedAt),
  requestId: value.requestId,
});

const grantFromWire = (value: wire.GrantValue): GrantValue => ({
  type: "grant",
  owner: value.owner,
  lease: fromWire(value.lease),
  ttl: fromWire(value.ttlMs),
  token: fromWire(value.token),
  grantedAt: fromWire(value.grantedAtMs),
  requestId: requestId(value.requestId),
});

const freeToWire = ({ token, how, requestId: request }: FreeValue): wire.FreeValue => ({
  token: toWire(token),
  how: endingToWire(how),
  requestId: request ?? undefined,
});

const freeFromWire = ({ token, how, requestId: request }: wire.FreeValue): FreeValue => ({
  type: "free",
  token: fromWire(token),
  how: endingFromWire(how),
  requestId: request === undefined ? null : requestId(request),
});

export const valueToWire = (value: Value): wire.Value => ({
  value:
    value.type === "grant"
      ? { $case: "grant", value: grantToWire(value) }
      : { $case: "free", value: freeToWire(value) },
});

export function valueFromWire(value: wire.Value | undefined): Value {
  const { value: kind } = present(value, "a value");
  if (kind === undefined) return unknownKind("value");
  return kind.$case === "grant" ? grantFromWire(kind.value) : freeFromWire(kind.value);
}

/** What was accepted last, and under which ballot: both or neither. */
export interface LastAccepted {
  readonly accepted: Ballot | null;
  readonly value: Value | null;
}

export const acceptedToWire = ({ accepted, value }: LastAccepted) => ({
  accepted: optionalBallotToWire(accepted),
  value: value === null ? undefined : valueToWire(value),
});

export function acceptedFromWire({
  accepted,
  value,
}: {
  accepted?: wire.Ballot | undefined;
  value?: wire.Value | undefined;
}): LastAccepted {
  if (accepted === undefined && value === undefined) return { accepted: null, value: null };
  return { accepted: ballotFromWire(accepted), value: valueFromWire(value) };
}

export function claimToWire(claim: Claim): wire.Claim {
  switch (claim.type) {
    case "acquire": {
      const { requestId: request, owner, lease } = claim;
      const value = { requestId: request, owner, lease: lease === null ? undefined : toWire(lease) };
      return { claim: { $case: "acquire", value } };
    }
    case "release": {
      const { lease, token, owner } = claim.grant;
      const value = {
        requestId: claim.requestId,
        lease: lease === undefined ? undefined : toWire(lease),
        token: token === undefined ? undefined : toWire(token),
        owner,
      };
      return { claim: { $case: "release", value } };
    }
    case "settle":
      return { claim: { $case: "settle", value: { token: toWire(claim.token) } } };
  }
}

export function claimFromWire(claim: wire.Claim | undefined): Claim {
  const { claim: kind } = present(claim, "a claim");
  if (kind === undefined) return unknownKind("claim");
  switch (kind.$case) {
    case "acquire": {
      const { requestId: request, owner, lease } = kind.value;
      return { type: "acquire", requestId: requestId(request), owner, lease: optionalFromWire(lease) ?? null };
    }
    case "release": {
      const { requestId: request, lease, token, owner } = kind.value;
      return {
        type: "release",
        requestId: requestId(request),
        grant: {
          ...(lease !== undefined && { lease: fromWire(lease) }),
          ...(token !== undefined && { token: fromWire(token) }),
          ...(owner !== undefined && { owner }),
        },
      };
    }
    case "settle":
      return { type: "settle", token: fromWire(kind.value.token) };
  }
}

export const termsToWire = ({ id, owner, ttl }: LeaseTerms): wire.LeaseTerms => ({
  id: toWire(id),
  owner,
  ttlMs: toWire(ttl),
});

export function termsFromWire(lease: wire.LeaseTerms | undefined): LeaseTerms {
  const { id, owner, ttlMs } = present(lease, "a lease");
  return { id: fromWire(id), owner, ttl: fromWire(ttlMs) };
}

/** What an `accept` says, in the log and between regions. */
export const acceptToWire = ({ lock, ballot, value, requestId: request }: Omit<AcceptCommand, "ask" | "type">) => ({
  lock,
  ballot: ballotToWire(ballot),
  value: valueToWire(value),
  requestId: request ?? undefined,
});

export const acceptFromWire = ({ lock, ballot, value, requestId: request }: Omit<wire.Accept, "ask">) => ({
  type: "accept" as const,
  lock,
  ballot: ballotFromWire(ballot),
  value: valueFromWire(value),
  requestId: request === undefined ? null : requestId(request),
});

type AcceptCommand = Extract<RegionCommand, { type: "accept" }>;

/** What a `prepare` says, in the log and between regions. */
export const prepareToWire = ({ lock, ballot, claim }: Omit<PrepareCommand, "ask" | "type">) => ({
  lock,
  ballot: ballotToWire(ballot),
  claim: claimToWire(claim),
});

export const prepareFromWire = ({ lock, ballot, claim }: Omit<wire.Prepare, "ask">) => ({
  type: "prepare" as const,
  lock,
  ballot: ballotFromWire(ballot),
  claim: claimFromWire(claim),
});

type PrepareCommand = Extract<RegionCommand, { type: "prepare" }>;

type WireCommand = NonNullable<wireLog.Entry["command"]>;
/** The commands of proposers, as oneof cases of an entry. */
export type WireRegionCommand = Extract<WireCommand, { $case: RegionCommand["type"] }>;

export function regionCommandToWire(command: RegionCommand): WireRegionCommand {
  const { ask } = command;
  switch (command.type) {
    case "begin": {
      const { lock, claim, bornAt, ttl, askedAt, above, known } = command;
      const value = {
        ask,
        lock,
        claim: claimToWire(claim),
        bornAt: toWire(bornAt),
        ttlMs: toWire(ttl),
        askedAtMs: toWire(askedAt),
        above: toWire(above),
        known: optionalBallotToWire(known),
      };
      return { $case: "begin", value };
    }
    case "prepare":
      return { $case: "prepare", value: { ask, ...prepareToWire(command) } };
    case "accept":
      return { $case: "accept", value: { ask, ...acceptToWire(command) } };
    case "beginLease": {
      const { requestId: request, bornAt, owner, ttl } = command;
      return {
        $case: "beginLease",
        value: { ask, requestId: request, bornAt: toWire(bornAt), owner, ttlMs: toWire(ttl) },
      };
    }
    case "keepLease":
      return { $case: "keepLease", value: { ask, lease: termsToWire(command.lease) } };
    case "conclude":
      return {
        $case: "conclude",
        value: { ask, requestId: command.requestId, outcome: outcomeToWire(command.outcome) },
      };
  }
}

export function regionCommandFromWire(command: WireRegionCommand): RegionCommand {
  const { ask } = command.value;
  switch (command.$case) {
    case "begin": {
      const { lock, claim, bornAt, ttlMs, askedAtMs, above, known } = command.value;
      return {
        type: "begin",
        ask,
        lock,
        claim: claimFromWire(claim),
        bornAt: fromWire(bornAt),
        ttl: fromWire(ttlMs),
        askedAt: fromWire(askedAtMs),
        above: fromWire(above),
        known: optionalBallotFromWire(known),
      };
    }
    case "prepare":
      return { ask, ...prepareFromWire(command.value) };
    case "accept":
      return { ask, ...acceptFromWire(command.value) };
    case "beginLease": {
      const { requestId: request, bornAt, owner, ttlMs } = command.value;
      const lease = { owner, ttl: fromWire<LeaseTerms["ttl"]>(ttlMs) };
      return { type: "beginLease", ask, requestId: requestId(request), bornAt: fromWire(bornAt), ...lease };
    }
    case "keepLease":
      return { type: "keepLease", ask, lease: termsFromWire(command.value.lease) };
    case "conclude": {
      const { requestId: request, outcome } = command.value;
      return {
        type: "conclude",
        ask,
        requestId: requestId(request),
        outcome: outcomeFromWire(present(outcome, "an outcome")),
      };
    }
  }
}

export const recordToWire = (record: AcceptorRecord): wireSnapshot.AcceptorRecord => ({
  lock: record.lock,
  promised: ballotToWire(record.promised),
  ...acceptedToWire(record),
  index: toWire(record.index),
});

export const recordFromWire = (record: wireSnapshot.AcceptorRecord): AcceptorRecord => ({
  lock: record.lock,
  promised: ballotFromWire(record.promised),
  ...acceptedFromWire(record),
  index: fromWire(record.index),
});
