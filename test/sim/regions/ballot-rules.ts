// The rules of ballots, judged from what the logs of regions are given and what they answer: one value per ballot, nothing
// promised or accepted below a promise, counters and floors that never fall. And what follows from them: which grants a
// majority of regions has accepted, which is what everything that clients are told must rest on.

import type { Ballot, Promised, Reply, Value } from "../../../src/actors/ballots.ts";
import type { NodeId, RegionId } from "../../../src/actors/scalars.ts";
import type { Moment, Schedule } from "../schedule.ts";
import { check, type Witness } from "../witness.ts";
import { type Acceptor, noteCounter, noteFloor, noteMark } from "./acceptors.ts";
import type { ActorName, AskReply, RaftToLock, RenewalAnswers } from "./letters.ts";

/** A grant that a majority has accepted under one ballot. */
export interface Chosen {
  readonly lock: string;
  readonly token: number;
  readonly lease: number;
  readonly requestId: string;
  readonly at: Moment;
  /** How far the log of each region had been applied. */
  readonly lengths: ReadonlyMap<RegionId, number>;
}

export interface BallotRules {
  readonly timetable: Schedule;
  readonly regions: number;
  readonly regionOf: ReadonlyMap<NodeId, RegionId>;
  readonly requestsRemembered: number;
  readonly acceptors: Map<RegionId, Acceptor>;
  /** Who chose a ballot, as `lock|ballot`. */
  readonly choosers: Map<string, string>;
  /** What every ballot stands for, and which regions have accepted it. */
  readonly values: Map<string, Value>;
  readonly votes: Map<string, Set<RegionId>>;
  /** Which regions have been seen to hold a grant live, as `lock|token|lease`, whatever the ballot. */
  readonly holders: Map<string, Set<RegionId>>;
  /** Which grants a majority has accepted; the newest of each lock; by request. */
  readonly chosen: Map<string, Chosen>;
  readonly newest: Map<string, Chosen>;
  readonly byRequest: Map<string, Chosen>;
  /** Which ends, as `lock|token`. */
  readonly ends: Set<string>;
  /** Which ends any region has accepted. */
  readonly freed: Set<string>;
  /** By lock and region: the grants up to this one are over there, for it has accepted an end or a later grant. */
  readonly latest: Map<string, Map<RegionId, number>>;
  /** When each region last renewed a lease for a proposer, as `lease`. */
  readonly renewed: Map<number, Map<RegionId, Moment>>;
  /** Told of a grant when a majority has accepted it. */
  onChosen: (chosen: Chosen) => void;
}

export const createBallotRules = (
  parts: Pick<BallotRules, "timetable" | "regions" | "regionOf" | "requestsRemembered">,
): BallotRules => ({
  ...parts,
  acceptors: new Map(),
  choosers: new Map(),
  values: new Map(),
  votes: new Map(),
  holders: new Map(),
  chosen: new Map(),
  newest: new Map(),
  byRequest: new Map(),
  ends: new Set(),
  freed: new Set(),
  latest: new Map(),
  renewed: new Map(),
  onChosen: () => undefined,
});

const noBallotYet: Ballot = { round: 0, region: "" as RegionId };

function acceptorOf({ acceptors }: BallotRules, region: RegionId): Acceptor {
  let acceptor = acceptors.get(region);
  if (acceptor === undefined) {
    acceptor = {
      asked: new Map(),
      acceptedFirst: new Map(),
      marks: new Map(),
      current: new Map(),
      counter: { index: 0, is: 0 },
      floor: { index: 0, is: noBallotYet },
      length: 0,
    };
    acceptors.set(region, acceptor);
  }
  return acceptor;
}

export function ballotWitness(rules: BallotRules): Witness {
  const said = (node: NodeId, from: ActorName, to: ActorName, letter: unknown): void => {
    const region = rules.regionOf.get(node) as RegionId;
    if (from === "raft" && to === "lock") noteAsked(acceptorOf(rules, region), letter as RaftToLock);
    else if (from === "lock" && (to === "region" || to === "lease")) {
      const { type, replies = [] } = letter as { type: string; replies?: readonly AskReply[] };
      if (type === "replies" || type === "completeReplies") {
        for (const answered of replies) noteReply(rules, region, answered);
      }
    } else if (from === "lease" && to === "region") noteRenewals(rules, region, letter as RenewalAnswers);
  };
  return { said };
}

function noteRenewals({ renewed, timetable }: BallotRules, region: RegionId, letter: RenewalAnswers): void {
  if (letter.type !== "renewals") return;
  for (const { lease, result } of letter.results) {
    if (result !== "renewed") continue;
    const byRegion = renewed.get(lease) ?? new Map<RegionId, Moment>();
    renewed.set(lease, byRegion);
    byRegion.set(region, timetable.now);
  }
}

const keyOf = (lock: string, { round, region }: Ballot): string => `${lock}|${round}|${region}`;

function noteAsked(acceptor: Acceptor, letter: RaftToLock): void {
  const { asked, acceptedFirst } = acceptor;
  if (letter.type === "read") {
    for (const query of letter.queries) if ("ask" in query) asked.set(query.ask, { index: 0, command: query });
    return;
  }
  if (letter.type !== "apply") return;
  for (const { index, command } of letter.entries) {
    acceptor.length = Math.max(acceptor.length, index);
    if (!("ask" in command)) continue;
    // The question of a leader that was asked twice stands in the log twice; what is answered may be either.
    const key = `${command.ask}@${index}`;
    if (!asked.has(key)) asked.set(key, { index, command });
    asked.set(command.ask, { index, command });
    if (command.type !== "accept") continue;
    const accept = keyOf(command.lock, command.ballot);
    if (!acceptedFirst.has(accept)) acceptedFirst.set(accept, index);
  }
}

function noteReply(rules: BallotRules, region: RegionId, { ask, reply }: AskReply): void {
  const acceptor = acceptorOf(rules, region);
  const question = acceptor.asked.get(ask);
  if (question === undefined) return;
  const { command, index } = question;
  switch (command.type) {
    case "begin":
      return noteBegun(rules, region, { lock: command.lock, ask, index, reply });
    case "prepare":
      return notePromise(rules, region, {
        lock: command.lock,
        ballot: command.ballot,
        index,
        reply: reply as Promised,
      });
    case "accept":
      noteValue(rules, command.lock, command.ballot, command.value);
      if (reply.type === "accepted") {
        noteAccepted(rules, region, { lock: command.lock, ballot: command.ballot, value: command.value, index });
      }
      return;
    case "view":
      if (reply.type === "view") noteHeld(rules, region, { lock: command.lock, ...reply });
      return;
    default:
      return;
  }
}

function noteBegun(
  rules: BallotRules,
  region: RegionId,
  { lock, ask, index, reply }: { lock: string; ask: string; index: number; reply: Reply },
): void {
  if (reply.type === "begun") {
    noteChooser(rules, region, { lock, ballot: reply.ballot, ask });
    notePromise(rules, region, { lock, ballot: reply.ballot, index, reply: reply.own });
  } else if (reply.type === "begunAccepted") {
    noteValue(rules, lock, reply.ballot, reply.value);
    acceptorOf(rules, region).acceptedFirst.set(keyOf(lock, reply.ballot), index);
    noteAccepted(rules, region, { lock, ballot: reply.ballot, value: reply.value, index });
  }
}

/** A ballot is begun by one attempt. */
function noteChooser(
  rules: BallotRules,
  region: RegionId,
  { lock, ballot, ask }: { lock: string; ballot: Ballot; ask: string },
): void {
  const key = keyOf(lock, ballot);
  const former = rules.choosers.get(key);
  check(former === undefined || former === ask, "a ballot is chosen once", () => `${key}: ${former}, ${ask}`);
  check(ballot.region === region, "a region chooses ballots of its own", () => key);
  rules.choosers.set(key, ask);
}

/** Whatever a ballot was seen to stand for, it stands for. */
function noteValue(rules: BallotRules, lock: string, ballot: Ballot, value: Value): void {
  const key = keyOf(lock, ballot);
  const known = rules.values.get(key);
  const says = (one: Value): string =>
    one.type === "grant" ? `grant ${one.token} ${one.lease} ${one.requestId}` : `free ${one.token}`;
  // A grant and its being taken back share a ballot; nothing else does.
  const isTakenBack = known !== undefined && known.type !== value.type && known.token === value.token;
  check(
    known === undefined || isTakenBack || says(known) === says(value),
    "one value per ballot",
    () => `${key}: ${JSON.stringify({ known, value })}`,
  );
  if (known === undefined) rules.values.set(key, value);
}

function notePromise(
  rules: BallotRules,
  region: RegionId,
  { lock, ballot, index, reply }: { lock: string; ballot: Ballot; index: number; reply: Promised },
): void {
  if (reply.type === "overtaken") return;
  const acceptor = acceptorOf(rules, region);
  noteCounter(acceptor, region, index, reply.counter);
  if (reply.type === "live") {
    noteLive(rules, region, { lock, token: reply.holder.token, lease: reply.holder.lease });
    return;
  }
  noteFloor(acceptor, region, index, reply.floor);
  if (reply.accepted !== null && reply.value !== null) {
    noteValue(rules, lock, reply.accepted, reply.value);
    // What it accepted shortly before it died was never answered, and stands all the same.
    noteLatest(rules, region, lock, lastOver(reply.value));
  }
  if (reply.live && reply.value?.type === "grant") noteLive(rules, region, { lock, ...reply.value });
  noteMark(acceptor, region, lock, { index, step: "promise", ballot });
}

function noteHeld(
  rules: BallotRules,
  region: RegionId,
  { lock, accepted, value, holder }: Extract<Reply, { type: "view" }> & { lock: string },
): void {
  if (accepted !== null && value !== null) noteValue(rules, lock, accepted, value);
  if (holder !== null) noteLive(rules, region, { lock, ...holder });
}

function noteLive(
  { holders }: BallotRules,
  region: RegionId,
  { lock, token, lease }: { lock: string; token: number; lease: number },
): void {
  const key = `${lock}|${token}|${lease}`;
  const known = holders.get(key);
  if (known === undefined) holders.set(key, new Set([region]));
  else known.add(region);
}

function noteAccepted(
  rules: BallotRules,
  region: RegionId,
  { lock, ballot, value, index }: { lock: string; ballot: Ballot; value: Value; index: number },
): void {
  const acceptor = acceptorOf(rules, region);
  const key = keyOf(lock, ballot);
  const first = acceptor.acceptedFirst.get(key) ?? index;
  // Sent again: the first counts.
  const isTakenBack = value.type === "free" && rules.values.get(key)?.type === "grant";
  if (first >= index && !isTakenBack) noteMark(acceptor, region, lock, { index, step: "accept", ballot });
  if (value.type === "grant") noteLive(rules, region, { lock, ...value });
  // What a region has accepted counts until it accepts something else.
  const former = acceptor.current.get(lock);
  if (former !== undefined && former !== `${key} ${value.type}`) rules.votes.get(former)?.delete(region);
  acceptor.current.set(lock, `${key} ${value.type}`);
  const votes = rules.votes.get(`${key} ${value.type}`) ?? new Set();
  rules.votes.set(`${key} ${value.type}`, votes);
  votes.add(region);
  if (value.type === "free") rules.freed.add(`${lock}|${value.token}`);
  noteLatest(rules, region, lock, lastOver(value));
  if (votes.size !== Math.floor(rules.regions / 2) + 1) return;
  if (value.type === "free") rules.ends.add(`${lock}|${value.token}`);
  else choose(rules, { lock, ...value, at: rules.timetable.now, lengths: lengthsOf(rules) });
}

/** Which grants are over where a value was accepted: this one and all before it. */
const lastOver = (value: Value): number => (value.type === "free" ? value.token : value.token - 1);

/** Everything up to `token` is over in this region. */
function noteLatest({ latest }: BallotRules, region: RegionId, lock: string, token: number): void {
  const byRegion = latest.get(lock) ?? new Map<RegionId, number>();
  latest.set(lock, byRegion);
  byRegion.set(region, Math.max(byRegion.get(region) ?? 0, token));
}

function choose(rules: BallotRules, chosen: Chosen): void {
  const { lock, token, requestId } = chosen;
  const key = `${lock}|${token}`;
  const known = rules.chosen.get(key);
  if (known !== undefined) {
    check(known.requestId === requestId, "a token is given to one request", () => JSON.stringify({ known, chosen }));
    return;
  }
  const newest = rules.newest.get(lock);
  check(newest === undefined || newest.token < token, "tokens of one lock rise", () =>
    JSON.stringify({ newest, chosen }),
  );
  rules.chosen.set(key, chosen);
  rules.newest.set(lock, chosen);
  rules.onChosen(chosen);
  rules.byRequest.set(requestId, chosen);
}

const lengthsOf = ({ acceptors }: BallotRules): Map<RegionId, number> =>
  new Map([...acceptors].map(([region, { length }]) => [region, length]));

/** Whether some region may have forgotten the request of this grant. */
export const mayBeForgotten = ({ acceptors, requestsRemembered }: BallotRules, { lengths }: Chosen): boolean =>
  [...acceptors].some(([region, { length }]) => length - (lengths.get(region) ?? 0) >= requestsRemembered);

/** Whether a majority of regions has accepted something about the lock that came later than this grant. */
export const isOvertaken = ({ latest, regions }: BallotRules, lock: string, token: number): boolean => {
  const above = [...(latest.get(lock)?.values() ?? [])].filter((other) => other >= token);
  return above.length * 2 > regions;
};

/** Whether a majority has ever been seen to hold this grant. */
export const isHeldByMajority = (
  { holders, regions }: BallotRules,
  lock: string,
  token: number,
  lease: number,
): boolean => (holders.get(`${lock}|${token}|${lease}`)?.size ?? 0) * 2 > regions;
