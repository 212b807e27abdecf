// The rules between regions as a model: three acceptors, any number of proposers, leases, and a network that delivers what was
// ever sent at any later time, or never. A state is one array of small numbers: three blocks of acceptors, each with what it
// is known to have answered, then what proposers and clients have done. Acceptors are alike, so their blocks are kept sorted.
//
// A proposer has nothing to lose when it crashes: it may stop after any step, and whatever it goes on with later could as
// well be a message that was late. Time has no clock either: a lease's client numbers what it sends, a timer remembers the
// number that was the newest when it began, and when it runs out, whatever the client counts from that number or an earlier
// one has run out before. Ttls differ as they like, so nothing follows for other leases. A new leader of an acceptor only
// makes its timers longer, and is no event of its own.

/** What may be weakened. Each is `true` in the rules as they stand, unless its name begins with `also`. */
export interface Rules {
  /** Prepare: an acceptor with a live record of another request promises nothing. */
  readonly liveAtPrepare: boolean;
  /** Accept: an acceptor with a live record of another request refuses. */
  readonly liveAtAccept: boolean;
  /** Accept: an acceptor refuses what is below its promise. */
  readonly promiseAtAccept: boolean;
  /** A promise of the next ballot, given with an accept, ends when a higher ballot is promised. */
  readonly nextPromiseEnds: boolean;
  /** Two leaders of one region never use the same ballot. */
  readonly ballotsDiffer: boolean;
  /** An accept begins the lease's timer anew. */
  readonly restartAtAccept: boolean;
  /** A lease that comes back by an accept comes back without its earlier locks. */
  readonly backWithoutLocks: boolean;
  /** A token is above the counters of all acceptors that promised, not just of one. */
  readonly highestCounter: boolean;
  /** A repeat is finished only if its record has the highest ballot among the promises. */
  readonly highestBallot: boolean;
  /** Acceptors know the requests that they once accepted. */
  readonly remembers: boolean;
  /** A request is told that it is over only once its end is accepted by a majority. */
  readonly endsWritten: boolean;
  /** A renewal counts at an acceptor only if that has all locks it names. */
  readonly renewalNamesLocks: boolean;
  /** A client prolongs only locks that the renewal named. */
  readonly prolongsNamed: boolean;
  readonly renewalMajority: boolean;
  readonly releaseMajority: boolean;
  /** A grant is taken back under the ballot it was proposed with, not under the next. */
  readonly takesBackInPlace: boolean;
  /** Only a grant that was new is taken back, not one that was found and finished. */
  readonly takesBackNew: boolean;
  /** Taking back ends only the grant that it names, by its token. */
  readonly takesBackOneToken: boolean;
  /** What is taken back is below a promise like any other accept, unless its grant was accepted here. */
  readonly promiseAtTakingBack: boolean;
  /** That a lock is held is told only once a majority has accepted the grant. */
  readonly heldByMajority: boolean;
  /** The client's window is over before the acceptor's. */
  readonly clientStopsFirst: boolean;
  /** An acceptor that has dropped records refuses ballots up to the highest it dropped. */
  readonly floorRefuses: boolean;
  /** An acceptor without a record counts as one with an unknown record at its floor. */
  readonly floorCounts: boolean;
  /** A request that is older than what was dropped is not granted as if it were new. */
  readonly bornAt: boolean;
  /** An acceptor refuses to accept as new what it has once accepted. */
  readonly newAtAccept: boolean;
  /** A record is dropped only while free. */
  readonly forgetsFree: boolean;
  /** A record is dropped only once all acceptors have promised as much, and have nobody. */
  readonly alsoForgetsTogether: boolean;
  /** A renewal counts only at an acceptor whose lease has no other locks either. */
  readonly alsoRenewalExact: boolean;
  /** That a lock is held is told only once a majority has accepted the grant under one ballot. */
  readonly alsoHeldUnderOneBallot: boolean;
  /** States are judged by what a read of a majority would show, which is broken before there are two holders. */
  readonly alsoReadsJudged: boolean;
  /** A repeat whose record is known only as expired is finished as well. */
  readonly alsoFinishesExpired: boolean;
}

export const rulesAsTheyStand: Rules = {
  liveAtPrepare: true,
  liveAtAccept: true,
  promiseAtAccept: true,
  nextPromiseEnds: true,
  ballotsDiffer: true,
  restartAtAccept: true,
  backWithoutLocks: true,
  highestCounter: true,
  highestBallot: true,
  remembers: true,
  endsWritten: true,
  renewalNamesLocks: true,
  prolongsNamed: true,
  renewalMajority: true,
  releaseMajority: true,
  takesBackInPlace: true,
  takesBackNew: true,
  takesBackOneToken: true,
  promiseAtTakingBack: true,
  heldByMajority: true,
  clientStopsFirst: true,
  floorRefuses: true,
  floorCounts: true,
  bornAt: true,
  newAtAccept: true,
  forgetsFree: true,
  alsoForgetsTogether: false,
  alsoRenewalExact: false,
  alsoHeldUnderOneBallot: true,
  alsoReadsJudged: true,
  alsoFinishesExpired: false,
};

export interface Configuration {
  readonly name: string;
  readonly about: string;
  /** How many ballots there are for each lock. */
  readonly ballots: readonly number[];
  /** Regions that propose. Ballot n is that of region n mod this. */
  readonly regions: number;
  /** Which lease asks for which lock. */
  readonly requests: readonly { readonly lease: number; readonly lock: number }[];
  /** How often each lease may be renewed. */
  readonly renewals: readonly number[];
  readonly abandons: boolean;
  /** Rivals are told who holds the lock. */
  readonly tells: boolean;
  /** Which ballots may be begun, if not all: a region keeps the round after one that it has begun free. */
  readonly begins?: readonly number[];
  readonly releases: boolean;
  readonly forgets: boolean;
  /** A promise may get lost on its way to the proposer. */
  readonly losses: boolean;
  /** The way to where exploration begins: lock by lock, which request is granted by whom. */
  readonly granted?: readonly {
    readonly request: number;
    readonly by: readonly [number, number];
    /** Where its lease has expired since. */
    readonly expiredAt?: number;
  }[];
}

export const acceptors = 3;
export const majority = 2;

export const way = { isNew: 1, isNext: 2, isRepeat: 4, isEnd: 8 } as const;

/** What an acceptor's record of a lock is. */
export const status = { none: 0, held: 1, expired: 2, free: 3 } as const;

/** What `topHeld` of a ballot says, above whether it is held: of a grant and its end under one ballot, the end counts. */
export const topFree = 2;

/** How far a ballot has come. */
export const phase = { unused: 0, preparing: 1, accepting: 2, answered: 3, abandoned: 4, over: 5 } as const;

/** What a ballot is for. */
export const kind = { acquire: 1, release: 2, abandon: 3 } as const;

export type State = Uint8Array;

export interface Model {
  readonly config: Configuration;
  readonly rules: Rules;
  readonly locks: number;
  readonly leases: number;
  readonly block: number;
  readonly slots: readonly number[];
  readonly leaseBase: readonly number[];
  readonly requestBase: number;
  readonly size: number;
  /** Where states are made: each is looked at, and copied if it is new, before the place is used again. */
  readonly drafts: { readonly states: readonly State[]; next: number };
}

const bytesPerLock = 6;
const bytesPerBallot = 12;
const bytesPerRequest = 6;

export function createModel(config: Configuration, rules: Rules): Model {
  const locks = config.ballots.length;
  const leases = config.renewals.length;
  const block = locks * bytesPerLock + leases * 2 + 3;
  let end = acceptors * block;
  const take = (bytes: number): number => {
    end += bytes;
    return end - bytes;
  };
  const slots = config.ballots.map((ballots) => take(1 + ballots * bytesPerBallot));
  const leaseBase = config.renewals.map((renewals) => take(3 + 2 * renewals));
  const requestBase = take(config.requests.length * bytesPerRequest);
  return {
    config,
    rules,
    locks,
    leases,
    block,
    slots,
    leaseBase,
    requestBase,
    size: end,
    drafts: { states: drafts(end), next: 0 },
  };
}

const drafts = (size: number): State[] => Array.from({ length: 4 }, () => new Uint8Array(size));

/** A state to change. */
export function copyOf(m: Model, from: State): State {
  m.drafts.next = (m.drafts.next + 1) & 3;
  const draft = m.drafts.states[m.drafts.next] as State;
  draft.set(from);
  return draft;
}

export const read = (state: State, at: number): number => state[at] as number;

// Where things stand. Of an acceptor and a lock: what is promised, accepted, of which status; which ballots the proposer knows
// to be accepted and promised here, as bits; which requests were once accepted here, as bits.
export const promisedAt = (m: Model, acceptor: number, lock: number): number =>
  acceptor * m.block + lock * bytesPerLock;
export const acceptedAt = (m: Model, acceptor: number, lock: number): number => promisedAt(m, acceptor, lock) + 1;
export const statusAt = (m: Model, acceptor: number, lock: number): number => promisedAt(m, acceptor, lock) + 2;
export const acksAt = (m: Model, acceptor: number, lock: number): number => promisedAt(m, acceptor, lock) + 3;
export const promisesAt = (m: Model, acceptor: number, lock: number): number => promisedAt(m, acceptor, lock) + 4;
export const knownAt = (m: Model, acceptor: number, lock: number): number => promisedAt(m, acceptor, lock) + 5;

// Of an acceptor and a lease: the newest number of its client when the timer began, 0 without the lease; which renewals counted.
export const timerAt = (m: Model, acceptor: number, lease: number): number =>
  acceptor * m.block + m.locks * bytesPerLock + lease * 2;
export const renewedAt = (m: Model, acceptor: number, lease: number): number => timerAt(m, acceptor, lease) + 1;
export const counterAt = (m: Model, acceptor: number): number => (acceptor + 1) * m.block - 3;
/** The highest promise that was dropped with a record, and a birth above those of all requests that were forgotten. */
export const floorAt = (m: Model, acceptor: number): number => (acceptor + 1) * m.block - 2;
export const birthFloorAt = (m: Model, acceptor: number): number => (acceptor + 1) * m.block - 1;

/** The highest token that a client was given. */
export const highestTokenAt = (m: Model, lock: number): number => m.slots[lock] as number;

/** Where the fields of a ballot are. */
export const slotAt = (m: Model, lock: number, ballot: number): number =>
  (m.slots[lock] as number) + 1 + (ballot - 1) * bytesPerBallot;

/**
 * Fields of a ballot. From `counter` on: what its promises say together. `way`: of an accept, whether it grants what is not
 * known to have been accepted before, and whether it had no round of promises of its own; whether its client
 * held the lock already when it was begun; whether it writes down the end of a request that asks again.
 */
export const slot = {
  phase: 0,
  kind: 1,
  request: 2,
  epoch: 3,
  token: 4,
  counter: 5,
  top: 6,
  topHeld: 7,
  own: 8,
  known: 9,
  floor: 10,
  way: 11,
} as const;

/** Fields of a lease: the client's newest number, the highest that has run out, renewals; then number and locks of each. */
export const leaseAt = (m: Model, lease: number): number => m.leaseBase[lease] as number;
export const renewalAt = (m: Model, lease: number, renewal: number): number => leaseAt(m, lease) + 3 + renewal * 2;

/** Fields of a request. `window`: from which number its client counts, or 0. `told`: the token it is said to hold with. */
export const ask = { isAsked: 0, born: 1, isReleased: 2, window: 3, token: 4, told: 5 } as const;
export const requestAt = (m: Model, request: number): number => m.requestBase + request * bytesPerRequest;

export const leaseOf = (m: Model, request: number): number => (m.config.requests[request] as { lease: number }).lease;
export const lockOf = (m: Model, request: number): number => (m.config.requests[request] as { lock: number }).lock;
export const ballotsOf = (m: Model, lock: number): number => m.config.ballots[lock] as number;
/** The same region's ballot one round higher. */
export const nextOf = (m: Model, ballot: number): number => ballot + m.config.regions;
/** What counts when ballots are compared: two leaders of one region that do not look may take the same. */
export const rankOf = (m: Model, ballot: number): number => (m.rules.ballotsDiffer ? ballot : (ballot + 1) >> 1);

export const bit = (n: number): number => 1 << n;

/** How many acceptors have a bit. */
export function countOf(state: State, m: Model, at: number, mask: number): number {
  let count = 0;
  for (let acceptor = 0; acceptor < acceptors; acceptor += 1) {
    if ((read(state, at + acceptor * m.block) & mask) !== 0) count += 1;
  }
  return count;
}

/** Whose live record an acceptor has, or -1. */
export function holderAt(m: Model, state: State, acceptor: number, lock: number): number {
  const held = read(state, statusAt(m, acceptor, lock));
  if (held !== status.held && !(held === status.expired && isRevived(m, state, acceptor, lock))) return -1;
  return read(state, slotAt(m, lock, read(state, acceptedAt(m, acceptor, lock))) + slot.request);
}

/** Where leases come back with their earlier locks: it is the rule that this is not so. */
function isRevived(m: Model, state: State, acceptor: number, lock: number): boolean {
  if (m.rules.backWithoutLocks) return false;
  const request = read(state, slotAt(m, lock, read(state, acceptedAt(m, acceptor, lock))) + slot.request);
  return read(state, timerAt(m, acceptor, leaseOf(m, request))) > 0;
}
