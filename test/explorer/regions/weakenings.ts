// The rules between regions, each weakened in turn: what breaks, in which bounds, and how. A rule without which nothing breaks
// would not be needed.

import { type Configuration, type Rules, rulesAsTheyStand } from "./model.ts";

export interface Weakening {
  readonly name: string;
  readonly bug: string;
  readonly config: string;
  readonly bounds?: Partial<Configuration>;
  /** Rules that are the other way round. None where the bounds alone show what the rules allow. */
  readonly without: readonly (keyof Rules)[];
  readonly broken: RegExp;
  /** It takes too many states for every run of the tests. */
  readonly isLong?: true;
}

export const weakenings: readonly Weakening[] = [
  {
    name: "renewal-of-any-locks",
    bug: "an acceptor renews a lease without the locks that the renewal names",
    config: "two-locks",
    without: ["renewalNamesLocks", "alsoReadsJudged"],
    broken: /one holder/,
  },
  {
    name: "prolongs-all-locks",
    bug: "a client prolongs locks that its renewal did not name",
    config: "two-locks",
    without: ["prolongsNamed", "alsoReadsJudged"],
    broken: /one holder/,
  },
  {
    name: "timer-not-restarted",
    bug: "an accept leaves the lease's timer as it is",
    config: "two-locks",
    without: ["restartAtAccept", "alsoReadsJudged"],
    broken: /one holder/,
  },
  {
    name: "renewal-by-minority",
    bug: "a renewal counts that one acceptor has taken",
    config: "two-locks",
    without: ["renewalMajority", "alsoReadsJudged"],
    broken: /one holder/,
  },
  {
    name: "blind-to-holders",
    bug: "neither a prepare nor an accept minds a live holder",
    config: "held",
    without: ["liveAtPrepare", "liveAtAccept", "alsoReadsJudged"],
    broken: /one holder/,
  },
  {
    name: "acceptor-stops-first",
    bug: "an acceptor's lease ends before the client's",
    config: "rivals",
    bounds: { losses: false, renewals: [0, 0] },
    without: ["clientStopsFirst", "alsoReadsJudged"],
    broken: /one holder|given once/,
  },
  {
    name: "promise-broken",
    bug: "an acceptor accepts below its promise",
    config: "rivals",
    bounds: { losses: false, renewals: [0, 0] },
    without: ["promiseAtAccept", "alsoReadsJudged"],
    broken: /one holder|given once|answered like/,
  },
  {
    name: "ballot-used-twice",
    bug: "two leaders of one region use the same ballot",
    config: "rivals",
    bounds: { losses: false, renewals: [0, 0] },
    without: ["ballotsDiffer"],
    broken: /one holder|given once|does not miss a holder/,
  },
  {
    name: "one-counter",
    bug: "a token is above the counter of one acceptor only",
    config: "held",
    without: ["highestCounter", "alsoReadsJudged"],
    broken: /given once|tokens rise/,
  },
  {
    name: "finishes-the-overtaken",
    bug: "a repeat is finished though another record stands above its own",
    config: "overtaken",
    bounds: { forgets: false },
    without: ["highestBallot", "newAtAccept", "alsoReadsJudged"],
    broken: /tokens rise/,
  },
  {
    name: "floor-not-counted",
    bug: "a repeat is finished though what stood above it may have been dropped",
    config: "overtaken",
    without: ["floorCounts", "alsoReadsJudged"],
    broken: /tokens rise/,
  },
  {
    name: "taken-back-below-promise",
    bug: "an end is accepted below a promise when a grant is taken back",
    config: "abandoned",
    bounds: { ballots: [3] },
    without: ["promiseAtTakingBack"],
    broken: /does not miss a holder|one holder/,
  },
  {
    name: "taken-back-under-next",
    bug: "a grant is taken back under the next ballot: other regions have some in between",
    config: "taken-back",
    bounds: { requests: [{ lease: 0, lock: 0 }], renewals: [0] },
    without: ["takesBackInPlace"],
    broken: /does not miss a holder/,
  },
  {
    name: "finished-taken-back",
    bug: "a grant is taken back that was found and finished: somebody may have been told it",
    config: "abandoned",
    bounds: { ballots: [3] },
    without: ["takesBackNew"],
    broken: /does not miss a holder/,
  },
  {
    name: "held-by-one",
    bug: "a rival is told that a grant holds which one acceptor has accepted",
    config: "told",
    bounds: { ballots: [2] },
    without: ["heldByMajority"],
    broken: /was granted it/,
  },
  {
    name: "held-under-two-ballots",
    bug: "a rival is told that a grant holds which a majority has accepted, but under different ballots",
    config: "told",
    bounds: { ballots: [4], abandons: false },
    without: ["alsoHeldUnderOneBallot"],
    broken: /was granted it/,
    isLong: true,
  },
  {
    name: "requests-forgotten",
    bug: "acceptors do not know the requests that they have accepted",
    config: "held",
    without: ["remembers", "alsoReadsJudged"],
    broken: /answered like/,
  },
  {
    name: "release-by-minority",
    bug: "a release is acknowledged that one acceptor has taken",
    config: "releases",
    bounds: { granted: [{ request: 0, by: [0, 1] }] },
    without: ["releaseMajority"],
    broken: /release that was acknowledged/,
  },
  {
    name: "end-unwritten",
    bug: "a request is told that it is over without a majority that has accepted its end",
    config: "held",
    bounds: { regions: 2, ballots: [4] },
    without: ["endsWritten", "alsoReadsJudged"],
    broken: /answered like/,
  },
  {
    name: "birth-ignored",
    bug: "a request from before what was forgotten is granted as if it were new",
    config: "forgotten",
    bounds: { regions: 1, granted: [{ request: 0, by: [0, 1] }] },
    without: ["bornAt", "alsoReadsJudged"],
    broken: /answered like/,
  },
  {
    name: "held-dropped",
    bug: "an acceptor drops the record of a lock that is held",
    config: "forgotten",
    bounds: { regions: 1, granted: [{ request: 0, by: [0, 1] }] },
    without: ["forgetsFree", "alsoReadsJudged"],
    broken: /one holder|answered like/,
  },
];

export const weakened = ({ without }: Pick<Weakening, "without">): Rules => {
  const rules: Record<keyof Rules, boolean> = { ...rulesAsTheyStand };
  for (const name of without) rules[name] = !rules[name];
  return rules;
};
