// What a proposer makes of the acceptors' answers: pure, and the whole of its judgement. A majority of promises says that none
// of these acceptors has a live holder, so whatever a minority still calls live was never granted or has been overtaken.

import {
  type Ballot,
  type Claim,
  compareBallots,
  type FreeValue,
  type GrantValue,
  type Promised,
  sameBallot,
  type Value,
} from "../ballots.ts";
import { isMajority, majority } from "../electorate.ts";
import type { Ending, Outcome } from "../operations.ts";
import { type FencingToken, fencingToken, type LeaseId, type Millis, type WallTime } from "../scalars.ts";

type Promising = Extract<Promised, { type: "promise" }>;
type Live = Extract<Promised, { type: "live" }>;
type Acquire = Extract<Claim, { type: "acquire" }>;
type Release = Extract<Claim, { type: "release" }>;

/** An attempt, as far as it has been answered. */
export interface Asked {
  readonly claim: Claim;
  /** How many regions there are. */
  readonly regions: number;
  readonly answers: readonly Promised[];
  /** How many of the others may still answer, as far as can be told. */
  readonly coming: number;
  /** This attempt's earlier ballots: a majority has refused each of them, so what they left anywhere was never granted. */
  readonly failed: readonly Ballot[];
  /** Whether what its own lease holds is held for it too. */
  readonly isSole?: boolean;
  /** What a grant would be made of. `lease` is the number for a lease of its own; null if it is for the client's. */
  readonly grant: { readonly lease: LeaseId | null; readonly ttl: Millis; readonly askedAt: WallTime };
}

export type Verdict =
  | { readonly type: "wait" }
  /** Have this accepted. `over` if it ends a grant whose request must then be told so. */
  | { readonly type: "accept"; readonly value: Value; readonly over: Outcome | null }
  | { readonly type: "conclude"; readonly outcome: Outcome }
  /** Others are about the same lock: try again, above this round. */
  | { readonly type: "again"; readonly above: number };

const wait: Verdict = { type: "wait" };
const conclude = (outcome: Outcome): Verdict => ({ type: "conclude", outcome });
const accept = (value: Value, over: Outcome | null = null): Verdict => ({ type: "accept", value, over });

export function decide(asked: Asked): Verdict {
  const { regions, answers, coming } = asked;
  const promises = answers.filter((answer) => answer.type === "promise");
  const lives = answers.filter((answer) => answer.type === "live");
  if (isMajority(promises.length, regions)) return onPromises(asked, promises, lives);
  const isBlocked = lives.length > regions - majority(regions);
  const mayCome = promises.length + coming >= majority(regions);
  if (!isBlocked && mayCome && coming > 0) return wait;
  return onNoMajority(asked, promises, lives);
}

/** Why there are no promises by a majority: somebody holds the lock, or somebody is quicker. */
function onNoMajority(asked: Asked, promises: readonly Promising[], lives: readonly Live[]): Verdict {
  const { claim, regions, coming } = asked;
  // What a majority holds live is granted, and nobody can have come after it.
  const granted = lives.find((live) => isMajority(countOf(lives, live), regions));
  if (granted !== undefined) return held(asked, granted);
  // What only some hold live may be on its way, or stale: neither is told to anybody.
  if (claim.type === "acquire") {
    const terms = termsFor(asked, claim);
    if ("type" in terms && terms.type === "conclude") return terms;
    return coming > 0 ? wait : again(asked);
  }
  const highestLive = highest(lives);
  const highestPromised = highest(promises);
  const isOvertakenSince =
    highestLive !== null &&
    highestPromised?.accepted != null &&
    compareBallots(highestPromised.accepted, highestLive.accepted) > 0;
  // One region's word on a holder may be old: only with a majority's is the highest the last that can have been granted.
  const isEnough = isMajority(promises.length + lives.length, regions);
  if (highestLive === null || isOvertakenSince || !isEnough) return again(asked);
  return held(asked, highestLive);
}

function held(asked: Asked, live: Live): Verdict {
  const { claim } = asked;
  const { holder } = live;
  switch (claim.type) {
    case "acquire": {
      // A lease that cannot take any lock says more than who holds this one.
      const terms = termsFor(asked, claim);
      if ("type" in terms && terms.type === "conclude") return terms;
      const isHis = claim.lease === holder.lease && (asked.isSole !== true || live.requestId === claim.requestId);
      if (!isHis) return conclude({ type: "held", holder });
      // The same lease gets the same token again.
      return conclude({ type: "granted", lease: holder.lease, token: holder.token, ttl: holder.ttl });
    }
    case "release": {
      const past = releasedBefore(asked.answers);
      if (past !== null && isOverFor(asked, past.token)) return conclude(past);
      const { lease, token } = claim.grant;
      if (lease !== undefined && lease !== holder.lease) return conclude({ type: "heldByAnotherLease", holder });
      const isStale = token === undefined ? lease === undefined : token !== holder.token;
      return conclude({ type: isStale ? "staleToken" : "heldByAnotherOwner", holder });
    }
    case "settle":
      return conclude({ type: "notHeld" });
  }
}

function onPromises(asked: Asked, promises: readonly Promising[], lives: readonly Live[]): Verdict {
  const { claim } = asked;
  switch (claim.type) {
    case "acquire":
      return onAcquire(asked, claim, promises);
    case "release":
      return onRelease(asked, claim, promises);
    case "settle":
      return onSettle(asked, claim.token, promises, lives);
  }
}

function onAcquire(asked: Asked, claim: Acquire, promises: readonly Promising[]): Verdict {
  const newest = highest(promises);
  const value = newest?.value ?? null;
  if (newest !== null && value?.type === "grant" && value.requestId === claim.requestId) {
    return finish(asked, { newest, value, promises });
  }
  // Another record stands above his. It is written before it is told: these promises may be old by now.
  const over = pastGrant(asked, promises);
  if (over !== null) return accept(ending(over.token, over.how), over);
  const terms = termsFor(asked, claim);
  if ("type" in terms) return terms;
  const token = fencingToken(Math.max(...promises.map(({ counter }) => counter)) + 1);
  const { requestId, owner } = claim;
  return accept({ type: "grant", owner, token, requestId, grantedAt: asked.grant.askedAt, ...terms });
}

/**
 * The highest record is this very request's: it is finished with the same token, unless it is seen to have expired. Then, if no
 * majority can have it live, whoever held it knows that his time is up, and it is closed for good.
 */
function finish(
  asked: Asked,
  { newest, value, promises }: { newest: Promising; value: GrantValue; promises: readonly Promising[] },
): Verdict {
  const same = promises.filter((promise) => isOf(promise, value));
  const live = same.filter((promise) => promise.live).length;
  if (isMajority(live, asked.regions)) return accept(value);
  const over = accept(ending(value.token, "expired"), { type: "grantOver", token: value.token, how: "expired" });
  if (isMajority(promises.length - live, asked.regions) && same.length > live) return over;
  // Where there is no record, one that stood above this may have been forgotten.
  const isHidden = promises.some((promise) => promise.accepted === null && isWithin(newest, promise.floor));
  if (isHidden || same.length > live) return asked.coming > 0 ? wait : again(asked);
  return accept(value);
}

/** Whether an acceptor has this very grant, under whatever ballot. */
const isOf = (promise: Promising, { token, requestId }: GrantValue): boolean =>
  promise.value?.type === "grant" && promise.value.token === token && promise.value.requestId === requestId;

const isWithin = ({ accepted }: Promising, floor: Ballot): boolean =>
  accepted !== null && compareBallots(accepted, floor) <= 0;

const ending = (token: FencingToken, how: Ending): FreeValue => ({ type: "free", token, how, requestId: null });

type GrantOver = Extract<Outcome, { type: "grantOver" }>;

/** What is remembered of a request that was granted once: it is never granted again. */
function pastGrant({ failed }: Asked, promises: readonly Promising[]): GrantOver | null {
  for (const { past, accepted } of promises) {
    if (past?.type === "grantOver") return past;
    const isOfFailed = failed.some((ballot) => sameBallot(ballot, accepted));
    if (past?.type === "granted" && !isOfFailed) return { type: "grantOver", token: past.token, how: "expired" };
  }
  return null;
}

/** The lease that a new grant is for. A client's own lease must be live in a majority of regions. */
function termsFor(asked: Asked, claim: Acquire): { readonly lease: LeaseId; readonly ttl: Millis } | Verdict {
  const { grant, answers, regions, coming } = asked;
  if (claim.lease === null) {
    return grant.lease === null ? again(asked) : { lease: grant.lease, ttl: grant.ttl };
  }
  const views = answers.flatMap((answer) =>
    answer.type === "overtaken" || answer.lease === null ? [] : [answer.lease],
  );
  const live = views.filter((view) => view.type === "live");
  const first = live[0];
  if (first !== undefined && first.owner !== claim.owner)
    return conclude({ type: "leaseOfAnother", owner: first.owner });
  if (first !== undefined && isMajority(live.length, regions)) return { lease: claim.lease, ttl: first.ttl };
  if (isMajority(views.length - live.length, regions)) {
    const type = views.some((view) => view.type !== "unknown") ? "leaseEnded" : "leaseUnknown";
    return conclude({ type, lease: claim.lease });
  }
  return coming > 0 ? wait : again(asked);
}

function onRelease(asked: Asked, claim: Release, promises: readonly Promising[]): Verdict {
  const past = releasedBefore(promises);
  if (past !== null && isOverFor(asked, past.token)) return conclude(past);
  const newest = highest(promises);
  const value = newest?.value ?? null;
  // It was accepted somewhere, and has not come to a majority.
  const end = past === null ? null : released(claim, past.token);
  if (newest === null || value === null) return end === null ? conclude({ type: "notHeld" }) : accept(end);
  if (value.type === "free") {
    if (end !== null) return accept(end);
    if (isLiveBelow(promises, value)) return accept(value);
    const isExpired = value.token === claim.grant.token && value.how === "expired";
    return conclude({ type: isExpired ? "grantExpired" : "notHeld" });
  }
  const { lease, token, owner } = claim.grant;
  const isNamed =
    (token ?? value.token) === value.token &&
    (lease ?? value.lease) === value.lease &&
    (owner ?? value.owner) === value.owner;
  const isLive = promises.some((promise) => promise.live && isOf(promise, value));
  // A release that names a lease alone ends the grant that it found first, and no later one.
  const isMeant = isNamed && (past === null || past.token === value.token);
  if (isLive && isMeant) return accept(released(claim, value.token));
  // A live grant that is not the one named has promised nothing.
  if (isLive) return again(asked);
  if (end !== null) return accept(end);
  return conclude({ type: token === value.token || lease === value.lease ? "grantExpired" : "notHeld" });
}

const released = ({ requestId }: Release, token: FencingToken): FreeValue => ({
  type: "free",
  token,
  how: "released",
  requestId,
});

/** What is remembered of a release that was accepted somewhere. */
function releasedBefore(answers: readonly Promised[]): Extract<Outcome, { type: "released" }> | null {
  for (const answer of answers) {
    if (answer.type === "promise" && answer.past?.type === "released") return answer.past;
  }
  return null;
}

/** Whether a majority has accepted the end of this grant or something later: then nobody can bring it back. */
function isOverFor({ answers, regions }: Asked, token: FencingToken): boolean {
  const isPast = (answer: Promised): boolean => {
    if (answer.type === "live") return answer.holder.token > token;
    if (answer.type === "overtaken" || answer.value === null) return false;
    return answer.value.token > token || (answer.value.type === "free" && answer.value.token === token);
  };
  return isMajority(answers.filter(isPast).length, regions);
}

/** An end that has not come to all: it is finished, or the grant would last as long as its lease. */
const isLiveBelow = (promises: readonly Promising[], { token }: FreeValue): boolean =>
  promises.some(({ live, value }) => live && value?.type === "grant" && value.token === token);

/**
 * A grant that a majority holds is brought to all; one that no majority can hold is dropped, and an end that has not come to all is
 * finished. What was accepted above a majority's grant was never granted: there it would have taken its place.
 */
function onSettle(asked: Asked, token: FencingToken, promises: readonly Promising[], lives: readonly Live[]): Verdict {
  const nothing = conclude({ type: "notHeld" });
  const holding = promises.filter((promise) => promise.live && promise.value?.token === token);
  const value = highest(holding)?.value ?? null;
  if (value === null) return nothing;
  const newest = highest(promises)?.value ?? null;
  if (newest?.type === "free" && newest.token === token) return accept(newest);
  if (isMajority(holding.length, asked.regions)) return accept(value);
  const others = promises.length + lives.length - holding.length;
  // What was accepted above it was proposed by somebody who had found that a majority did not hold it any more.
  const isBelow = !sameBallot(highest(promises)?.accepted ?? null, highest(holding)?.accepted ?? null);
  if (isBelow || isMajority(others, asked.regions)) return accept(ending(token, "expired"));
  // Together with those that cannot be asked it may be a majority's: it is made one.
  return asked.coming > 0 ? wait : accept(value);
}

/** The answer with the highest accepted ballot; of a grant and its end under the same, the end. */
function highest<Answer extends Promising | Live>(answers: readonly Answer[]): Answer | null {
  let found: Answer | null = null;
  for (const answer of answers) {
    if (answer.accepted === null) continue;
    const order = found?.accepted == null ? 1 : compareBallots(answer.accepted, found.accepted);
    if (order > 0 || (order === 0 && answer.type === "promise" && answer.value?.type === "free")) found = answer;
  }
  return found;
}

/** Under one ballot: under several it may be a grant that one proposer finishes while another has begun a later one. */
const countOf = (lives: readonly Live[], { accepted }: Live): number =>
  lives.filter((live) => sameBallot(live.accepted, accepted)).length;

function again({ answers }: Asked): Verdict {
  const rounds = answers.map((answer) => (answer.type === "overtaken" ? answer.promised.round : 0));
  return { type: "again", above: Math.max(0, ...rounds) };
}

/** What a proposer makes of what a majority of regions has accepted of a lock. */
export type Sight =
  | { readonly type: "wait" }
  | { readonly type: "seen"; readonly outcome: Outcome }
  /** Some have it and some have not, and the others cannot be asked. */
  | { readonly type: "contended" };

export interface Seen {
  readonly accepted: Ballot | null;
  readonly live: boolean;
  readonly holder: Live["holder"] | null;
}

/**
 * A record is shown only when a majority has accepted it under one ballot and holds it live; a lock is free when a majority holds none live. Both
 * stay true for whoever looks later: a record comes to be live at a ballot once, and ends once.
 */
export function see(views: readonly Seen[], { regions, coming }: { regions: number; coming: number }): Sight {
  const live = views.filter((view) => view.live && view.holder !== null);
  for (const { holder, accepted } of live) {
    const same = live.filter((view) => sameBallot(view.accepted, accepted)).length;
    if (holder !== null && isMajority(same, regions)) return { type: "seen", outcome: { type: "locked", holder } };
  }
  if (isMajority(views.length - live.length, regions)) return { type: "seen", outcome: { type: "free" } };
  return coming > 0 ? { type: "wait" } : { type: "contended" };
}
