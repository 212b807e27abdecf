// What the proposer of a region remembers: the work under way, lock by lock, and how the other regions can be reached. Nothing of
// it is durable: a later leader learns from the acceptors all that it needs. Also what serves proposers elsewhere: whom the
// answers of this region's log and leases are for.

import type { Effect } from "../actor.ts";
import type {
  AskId,
  Ballot,
  Claim,
  LeaseTerms,
  Promised,
  Question,
  RemoteNode,
  RenewalResult,
  Value,
} from "../ballots.ts";
import type { Config } from "../config.ts";
import type { Holder, Operation, Outcome } from "../operations.ts";
import {
  type FencingToken,
  type Instant,
  type LeaseId,
  type LogIndex,
  type Millis,
  millis,
  type NodeId,
  type RegionId,
  type RequestId,
  type Term,
  term,
} from "../scalars.ts";
import type { Seen } from "./decide.ts";

export type Effects = Effect<"region">[];

/** A client's request. */
export interface Task {
  readonly requestId: RequestId;
  readonly operation: Operation;
  readonly bornAt: LogIndex;
  readonly deadline: Instant;
}

/** Something to be done about a lock: a client's request, or a grant to be settled. */
export interface Errand {
  readonly claim: Claim;
  readonly task: Task | null;
  readonly deadline: Instant;
  /** How many questions had been asked when it came. */
  readonly cameAt: number;
  /** Until when it waits if the lock is held; null if it does not wait. */
  readonly waitsUntil: Instant | null;
  /** Whether what its own lease holds is held for it too: each request stands for itself. */
  readonly isSole: boolean;
  /** The ballots under which a majority refused what was to be accepted for it. */
  readonly failed: Ballot[];
  /** Whether it is made to undo what the request has come to. */
  readonly undoes: boolean;
}

/** One question, put to all regions or to all but this one. Sent again to those that have not answered. */
export interface Inquiry {
  readonly ask: AskId;
  readonly question: Question;
  readonly sentAt: Instant;
  readonly answered: Set<RegionId>;
  /** When each region was asked last. */
  readonly askedAt: Map<RegionId, Instant>;
}

export type Phase =
  /** The own region is choosing the ballot. */
  | { readonly type: "begin"; readonly ask: AskId }
  | {
      readonly type: "prepare";
      readonly inquiry: Inquiry;
      readonly answers: Map<RegionId, Promised>;
      readonly lease: LeaseId | null;
    }
  | {
      readonly type: "accept";
      readonly inquiry: Inquiry;
      readonly value: Value;
      /** What the request is told if this ends a grant of its own. */
      readonly over: Outcome | null;
      readonly accepted: Set<RegionId>;
      readonly refused: Set<RegionId>;
    }
  /** The own region is remembering what the client will be told. */
  | { readonly type: "conclude"; readonly ask: AskId; readonly outcome: Outcome }
  /** Another proposer was quicker; tried again when the timer runs out. */
  | { readonly type: "backoff" };

/** What is being done about one lock. */
export interface Attempt {
  readonly lock: string;
  readonly errand: Errand;
  /** How many questions had been asked when its ballot was begun: what it finds out holds for whoever came before, too. */
  begunAt: number;
  /** When that was. */
  triedFrom: Instant;
  phase: Phase;
  ballot: Ballot | null;
  /** Whose grants were found live: a companion that repeats one of these has to look for itself. */
  grantees: readonly RequestId[];
  /** What may have been accepted somewhere, if it is not known to be. */
  tried: Value | null;
  /** Whether `tried` is a grant that was found, and may be one that has been told: it is not taken back. */
  isFinishing: boolean;
  above: number;
  /** Whether no grant of the lock has a higher token than what is tried. */
  isNewest: boolean;
  /** How often a rival was quicker. */
  conflicts: number;
}

export interface LockWork {
  readonly lock: string;
  attempt: Attempt | null;
  /** What has not been tried yet. */
  readonly waiting: Errand[];
  /** Those who wait for the lock to be free, in the order in which they came. */
  readonly parked: Errand[];
  /** How many questions had been asked when the first of them was tried last. */
  triedAt: number;
  /** When he is tried again, and whether it is time. */
  wakeAt: Instant;
  isAwake: boolean;
  /** Who held the lock when it was looked at last. */
  seen: Holder | null;
}

/** A lease that is being opened. */
export interface Opening {
  readonly task: Task;
  ask: AskId;
  inquiry: Inquiry | null;
  lease: LeaseTerms | null;
}

/** A read that is being answered. */
export interface Reading {
  readonly task: Task;
  readonly inquiry: Inquiry;
  readonly views: Map<RegionId, Seen>;
}

/** Renewals that were gathered and went out together. */
export interface RenewalRound {
  readonly inquiry: Inquiry;
  readonly tasks: Map<LeaseId, Task[]>;
  readonly results: Map<RegionId, Map<LeaseId, RenewalResult>>;
}

/** What each region says that a lease holds, to find out where they differ. */
export interface Repair {
  readonly lease: LeaseId;
  readonly inquiry: Inquiry;
  readonly holdings: Map<
    RegionId,
    { readonly lease: LeaseTerms | null; readonly locks: ReadonlyMap<string, FencingToken> }
  >;
}

/** What this proposer knows of a lease that a client opened. */
export interface LeaseStanding {
  /** When the last question was sent that a majority answered by holding it; null if none was. */
  confirmedAt: Instant | null;
  /** When the last renewal was sent. */
  renewalSentAt: Instant | null;
  ttl: Millis;
  /** How many renewals in a row found regions that differ. */
  differences: number;
  /** Which regions were found not to hold it, and when that was known; null if that has been settled. */
  denial: { readonly regions: ReadonlySet<RegionId>; readonly at: Instant } | null;
}

/** Another region, as seen from here. */
export interface Contact {
  readonly region: RegionId;
  readonly nodes: Map<NodeId, { up: boolean; leads: Term | null; pingSentAt: Instant; ping: number }>;
  heardAt: Instant | null;
  roundTrip: Millis | null;
}

/** What is waited for under an ask. */
export type Awaited =
  | { readonly type: "attempt"; readonly lock: string }
  | { readonly type: "opening"; readonly requestId: RequestId }
  | { readonly type: "reading"; readonly requestId: RequestId }
  | { readonly type: "renewal" }
  | { readonly type: "repair"; readonly lease: LeaseId }
  /** The own region is remembering what the client will be told. */
  | { readonly type: "concluding"; readonly errand: Errand }
  /** Decided; the regions that have not answered yet are told all the same. */
  | { readonly type: "trailing" };

export interface RegionState {
  readonly region: RegionId;
  readonly regions: readonly RegionId[];
  readonly others: readonly RegionId[];
  readonly incarnation: string;
  readonly clockRateErrorMax: number;
  readonly clockAllowanceMs: Millis;

  leading: boolean;
  term: Term;
  /** Whether the tick is running. */
  ticking: boolean;
  /** What came before this actor knew that its node leads. */
  early: Task[];
  /** The requests that are being dealt with. */
  readonly requests: Set<RequestId>;

  readonly locks: Map<string, LockWork>;
  /** Of locks that this proposer had accepted last: the ballot that a majority has accepted. Oldest first. */
  readonly known: Map<string, Ballot>;
  readonly openings: Map<RequestId, Opening>;
  readonly readings: Map<RequestId, Reading>;
  readonly repairs: Map<LeaseId, Repair>;
  /** The renewals that the next round will be for. */
  gathered: Task[];
  readonly rounds: Map<AskId, RenewalRound>;
  readonly trailing: Map<AskId, { readonly inquiry: Inquiry; readonly until: Instant }>;
  readonly leases: Map<LeaseId, LeaseStanding>;
  readonly awaited: Map<AskId, Awaited>;
  readonly backoff: Set<string>;
  retrying: boolean;
  asks: number;

  readonly contacts: Map<RegionId, Contact>;
  /** When clients were last told how the regions are seen. */
  toldAt: Instant | null;
  told: string;
  pings: number;

  /** Whom the answers to proposers elsewhere are for. */
  readonly served: Map<AskId, RemoteNode>;
  /** The locks that are free once their questions are answered. */
  readonly freeing: Map<AskId, string>;
  readonly servedRenewals: Map<RequestId, AskId>;
  /** How many of the leases of a question are not answered here yet. */
  readonly renewalsOpen: Map<AskId, number>;

  readonly counts: Record<Count, number>;
}

export type Count =
  | "granted"
  | "released"
  | "refused"
  | "quorumFailed"
  | "abandoned"
  | "conflicts"
  | "rounds"
  | "roundTrips"
  | "renewals"
  | "renewalRounds"
  | "repairs"
  | "messagesSent";

export const startRegion = ({ cluster, node }: Config): RegionState => ({
  region: cluster.regionId,
  regions: cluster.regions,
  others: cluster.regions.filter((region) => region !== cluster.regionId),
  incarnation: `${cluster.regionId}/${node.incarnation}`,
  clockRateErrorMax: cluster.clockRateErrorMax,
  clockAllowanceMs: cluster.clockAllowanceMs,
  leading: false,
  term: term(0),
  ticking: false,
  early: [],
  requests: new Set(),
  locks: new Map(),
  known: new Map(),
  openings: new Map(),
  readings: new Map(),
  repairs: new Map(),
  gathered: [],
  rounds: new Map(),
  trailing: new Map(),
  leases: new Map(),
  awaited: new Map(),
  backoff: new Set(),
  retrying: false,
  asks: 0,
  contacts: new Map(
    cluster.regions
      .filter((region) => region !== cluster.regionId)
      .map((region) => [region, { region, nodes: new Map(), heardAt: null, roundTrip: null }]),
  ),
  toldAt: null,
  told: "",
  pings: 0,
  served: new Map(),
  freeing: new Map(),
  servedRenewals: new Map(),
  renewalsOpen: new Map(),
  counts: {
    granted: 0,
    released: 0,
    refused: 0,
    quorumFailed: 0,
    abandoned: 0,
    conflicts: 0,
    rounds: 0,
    roundTrips: 0,
    renewals: 0,
    renewalRounds: 0,
    repairs: 0,
    messagesSent: 0,
  },
});

/** The name of the next question; no other proposer and no other start of this one uses it. */
export function nextAsk(state: RegionState): AskId {
  state.asks += 1;
  return `${state.incarnation}?${state.asks.toString(36)}`;
}

/** How long an answer from another region may take before it is asked again: a few of the longest round trips seen. */
export function patience(state: RegionState): Millis {
  let longest = 0;
  for (const { roundTrip } of state.contacts.values()) longest = Math.max(longest, roundTrip ?? 0);
  return millis(100 + 3 * longest);
}

/** Forgets everything that is under way: whoever asked turns to the next leader, and asks again. */
export function dropWork(state: RegionState): void {
  state.early = [];
  state.requests.clear();
  state.locks.clear();
  state.known.clear();
  state.openings.clear();
  state.readings.clear();
  state.repairs.clear();
  state.gathered = [];
  state.rounds.clear();
  state.trailing.clear();
  state.leases.clear();
  state.awaited.clear();
  state.backoff.clear();
  state.served.clear();
  state.freeing.clear();
  state.servedRenewals.clear();
  state.renewalsOpen.clear();
}
