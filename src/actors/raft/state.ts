// What a node knows as a member of its Raft group. The role is one value that changes only through `becomeFollower`,
// `becomeCandidate` and `becomeLeader`, so that nothing of an old role can outlive it.

import type { Effect } from "../actor.ts";
import { send } from "../actor.ts";
import type { Config } from "../config.ts";
import type {
  Command,
  Entry,
  Envelope,
  HardState,
  Query,
  RaftMessage,
  RaftToGateway,
  SnapshotPosition,
  StateDigest,
} from "../messages.ts";
import { type Instant, instant, type LogIndex, logIndex, type NodeId, type Term, term } from "../scalars.ts";
import { emptyLog, type Log } from "./log.ts";
import type { Progress } from "./progress.ts";

export type RaftEffect = Effect<"raft">;

export interface Follower {
  readonly type: "follower";
}

export interface Candidate {
  readonly type: "candidate";
  /** Whether this only asks if an election could be won (thesis §9.6); no term has changed then. */
  readonly pre: boolean;
  /** The leader asked for this election itself. */
  readonly transfer: boolean;
  readonly votes: Map<NodeId, boolean>;
}

/** What waits for a confirmation that this node still leads. */
export interface Waiting {
  readonly queries: Query[];
  readonly tickets: number[];
}

export interface Leader {
  readonly type: "leader";
  readonly followers: Map<NodeId, Progress>;
  /** The index of the first entry of this term. Until it is committed nothing is read (thesis §6.4). */
  readonly firstIndex: LogIndex;
  /** Commands that came while a flush was running; they are appended together when it ends. */
  readonly proposals: Command[];
  /** The newest confirmation round that was begun. */
  round: number;
  /** What waits for the next round. */
  waiting: Waiting;
  /** Rounds under way, oldest first, with what waits for each. */
  readonly rounds: { readonly round: number; readonly readIndex: LogIndex; readonly waiting: Waiting }[];
  /** Whom leadership is being handed over to. Nothing is proposed, confirmed or read meanwhile. */
  transfer: { readonly to: NodeId; sent: boolean } | null;
}

export type Role = Follower | Candidate | Leader;

export interface RaftState {
  readonly config: Config;
  readonly self: NodeId;
  readonly peers: readonly NodeId[];
  /** False until storage has said what it holds. Until then there is nobody here to talk to. */
  loaded: boolean;
  term: Term;
  votedFor: NodeId | null;
  /** What storage was last asked to keep, and what it has said to be durable. */
  writtenHardState: HardState;
  durableHardState: HardState;
  log: Log;
  /** The log is durable up to here. */
  durableIndex: LogIndex;
  commitIndex: LogIndex;
  /** How far the log is committed according to `leader`, or null while that has committed nothing of its own term and so does
   *  not know. This node's own log may not reach so far. */
  committedByLeader: LogIndex | null;
  role: Role;
  leader: NodeId | null;
  /** When this node last heard of `leader`. */
  leaderHeardAt: Instant;
  /** The newest snapshot of this node that is durable. */
  snapshot: SnapshotPosition;
  snapshotUnderWay: boolean;
  /** How often entries have been replaced. What storage reports of an earlier log says nothing of this one. */
  replacements: number;
  /** How many chunks of a leader's snapshot are with storage, which may be about to replace the log. */
  chunksInStorage: number;
  /** How far the lock actor has been sent entries; null while it restores a snapshot. */
  handedToLock: LogIndex | null;
  /** What the lock actor last restored. It may say so before storage has said which snapshot that was. */
  restoredIndex: LogIndex | null;
  /** The lock table's digests at the last few agreed indexes. */
  readonly digests: StateDigest[];
  /** The leader's digest at an index that this node has not reached. */
  digestAwaited: StateDigest | null;
  /** What was last told to the gateway, and of which term lease and region believe that this node leads it. */
  toldStanding: RaftToGateway | null;
  toldLeading: Term | null;
}

export function start(config: Config): RaftState {
  const blank: HardState = { term: term(0), votedFor: null };
  return {
    config,
    self: config.node.nodeId,
    peers: config.cluster.voters.filter((voter) => voter !== config.node.nodeId),
    loaded: false,
    term: term(0),
    votedFor: null,
    writtenHardState: blank,
    durableHardState: blank,
    log: emptyLog(),
    durableIndex: logIndex(0),
    commitIndex: logIndex(0),
    committedByLeader: null,
    role: { type: "follower" },
    leader: null,
    leaderHeardAt: instant(Number.NEGATIVE_INFINITY),
    snapshot: { index: logIndex(0), term: term(0) },
    snapshotUnderWay: false,
    replacements: 0,
    chunksInStorage: 0,
    handedToLock: null,
    restoredIndex: null,
    digests: [],
    digestAwaited: null,
    toldStanding: null,
    toldLeading: null,
  };
}

export const hardState = (state: RaftState): HardState => ({ term: state.term, votedFor: state.votedFor });

export const sameHardState = (a: HardState, b: HardState): boolean => a.term === b.term && a.votedFor === b.votedFor;

export const envelope = (to: NodeId, message: RaftMessage): Envelope => ({ type: "send", to, message });

/** Sends a message that depends on nothing but what is durable already. */
export const tell = (to: NodeId, message: RaftMessage): RaftEffect => send("peers", envelope(to, message));

/**
 * Sends a message that depends on this node's term and vote. If they are not durable yet, it rides through storage: the
 * flush comes first, then the message (Raft §5, "updated on stable storage before responding to RPCs").
 */
export function tellDurably(state: RaftState, to: NodeId, message: RaftMessage): RaftEffect {
  if (sameHardState(hardState(state), state.durableHardState)) return tell(to, message);
  return write(state, { release: [envelope(to, message)] });
}

/** A letter to storage: what is to be kept, and what may be said once it is. */
export const write = (
  { replacements }: RaftState,
  {
    hardState: kept = null,
    entries = [],
    release = [],
  }: {
    readonly hardState?: HardState | null;
    readonly entries?: readonly Entry[];
    readonly release?: readonly Envelope[];
  },
): RaftEffect => send("storage", { type: "append", hardState: kept, entries, replacements, release });

/** Whether this node has heard of a leader so recently that an election would only disturb (thesis §4.2.3). */
export const hearsLeader = (state: RaftState, now: Instant): boolean =>
  state.role.type === "leader" ||
  (state.leader !== null && now - state.leaderHeardAt < state.config.node.electionMsMin);
