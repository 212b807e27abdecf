// Acceptors' answers, as a proposer hears them.

import {
  type Ballot,
  type Claim,
  type GrantValue,
  noBallot,
  type Promised,
  type Value,
} from "../../../src/actors/ballots.ts";
import type { Holder, Outcome } from "../../../src/actors/operations.ts";
import { decide, type Verdict } from "../../../src/actors/region/decide.ts";
import {
  fencingToken,
  implicitRegionalLease,
  leaseId,
  millis,
  regionId,
  requestId,
  wallTime,
} from "../../../src/actors/scalars.ts";

export const ballot = (round: number, region = "east"): Ballot => ({ round, region: regionId(region) });

export const lease = implicitRegionalLease(1, 0);

export const grantOf = (request: string, token: number, changes: Partial<GrantValue> = {}): GrantValue => ({
  type: "grant",
  owner: request,
  lease: implicitRegionalLease(token + 100, 1),
  ttl: millis(5000),
  token: fencingToken(token),
  grantedAt: wallTime(7),
  requestId: requestId(request),
  ...changes,
});

export const freeOf = (token: number, how: "released" | "expired" = "released"): Value => ({
  type: "free",
  token: fencingToken(token),
  how,
  requestId: how === "released" ? requestId("end") : null,
});

type Promise = Extract<Promised, { type: "promise" }>;

export const promise = (changes: Partial<Promise> = {}): Promise => ({
  type: "promise",
  accepted: null,
  value: null,
  live: false,
  counter: fencingToken(0),
  floor: noBallot,
  past: null,
  lease: null,
  ...changes,
});

export const holderOf = ({ owner, lease: id, token, ttl, grantedAt }: GrantValue): Holder => ({
  owner,
  lease: id,
  token,
  ttl,
  grantedAt,
  remaining: millis(1000),
});

export const live = (accepted: Ballot, value: GrantValue): Promised => ({
  type: "live",
  accepted,
  holder: holderOf(value),
  requestId: value.requestId,
  counter: value.token,
  lease: null,
});

export const overtaken = (promised: Ballot): Promised => ({ type: "overtaken", promised });

export const acquire = (request = "me"): Extract<Claim, { type: "acquire" }> => ({
  type: "acquire",
  requestId: requestId(request),
  owner: "me",
  lease: null,
});

export const acquireUnder = (id: number, owner = "me"): Claim => ({
  type: "acquire",
  requestId: requestId("me"),
  owner,
  lease: leaseId(id),
});

export const release = (token: number, owner = "holder"): Claim => ({
  type: "release",
  requestId: requestId("release"),
  grant: { token: fencingToken(token), owner },
});

/** What three regions' answers come to. */
export const judged = (
  claim: Claim,
  answers: readonly Promised[],
  coming = 0,
  regions = 3,
  failed: readonly Ballot[] = [],
): Verdict =>
  decide({ claim, answers, coming, regions, failed, grant: { lease, ttl: millis(3000), askedAt: wallTime(9) } });

export const granted = (token: number): Verdict => ({
  type: "accept",
  over: null,
  value: {
    type: "grant",
    owner: "me",
    lease,
    ttl: millis(3000),
    token: fencingToken(token),
    grantedAt: wallTime(9),
    requestId: requestId("me"),
  },
});

export const concluded = (outcome: Outcome): Verdict => ({ type: "conclude", outcome });
export const again = (above = 0): Verdict => ({ type: "again", above });
export const waits: Verdict = { type: "wait" };
