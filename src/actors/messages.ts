// Every word that actors say to each other, in the order in which a request travels: client → gateway → raft → storage and
// peers → raft → lock → lease → gateway → client. `Letters` at the end says who may say what to whom; it is the table of
// contents of the system. Letters are plain data: they survive a structured clone and read well in a trace.

import type { AskId, RegionMessage, RegionView, RemoteNode, RenewalResult, Reply } from "./ballots.ts";
import type { Answer, Counts, LockEvent, Look, Operation, Standing, WatchWish } from "./operations.ts";
import type { SnapshotPosition, SnapshotSlice } from "./records.ts";
import type { AlarmId, Command, Entry, HardState, RaftMessage, SnapshotChunk, StateDigest } from "./replication.ts";
import type { LeaseId, LogIndex, Millis, NodeId, RequestId, Term } from "./scalars.ts";

export type {
  DelayRecord,
  EndedGrant,
  GrantTerms,
  LeaseRecord,
  LockRecord,
  RememberedOutcome,
  SnapshotCounters,
  SnapshotPosition,
  SnapshotSlice,
  WaiterRecord,
} from "./records.ts";

/** The actors of a node. `clients`, `storage` and `peers` do I/O and live in `src/transport`; `supervisor` is the main thread. */
export type ActorName =
  | "supervisor"
  | "clients"
  | "gateway"
  | "raft"
  | "storage"
  | "peers"
  | "lock"
  | "lease"
  | "region";

export type {
  AlarmId,
  Command,
  Entry,
  HardState,
  RaftMessage,
  SnapshotChunk,
  StateDigest,
} from "./replication.ts";

// Clients ↔ gateway.

/** Names one call of one client for as long as it is open. Chosen by `clients`, never used twice. */
export type CallId = number;

export type ClientsToGateway =
  | {
      readonly type: "request";
      readonly call: CallId;
      /** Equal for all repeats of one request; null if the client gave none and the gateway shall choose. */
      readonly requestId: RequestId | null;
      readonly operation: Operation;
      /** How many bytes the request takes, for admission. */
      readonly bytes: number;
      /** How long the client will wait. */
      readonly budget: Millis;
    }
  | { readonly type: "count"; readonly call: CallId }
  /** Wants to be told of events until it is cancelled. */
  | { readonly type: "watch"; readonly call: CallId; readonly wish: WatchWish }
  /** The client is gone; the call needs no answer any more. */
  | { readonly type: "cancelled"; readonly call: CallId };

export type GatewayToClients =
  | { readonly type: "answered"; readonly call: CallId; readonly answer: Answer }
  /** Its request waits in its queues. The answer follows. */
  | { readonly type: "waiting"; readonly call: CallId; readonly answer: Extract<Answer, { type: "queued" }> }
  | { readonly type: "counted"; readonly call: CallId; readonly counts: Counts }
  | Watched
  | { readonly type: "standing"; readonly standing: Standing };

/** To one who watches: what has happened up to `revision`, or that what he wants to be told is gone. */
export type Watched =
  | {
      readonly type: "watched";
      readonly call: CallId;
      readonly revision: LogIndex;
      readonly events: readonly LockEvent[];
    }
  /** The watch is over: nothing is known any more of what came after the revision that it named. */
  | { readonly type: "watchGone"; readonly call: CallId; readonly oldest: LogIndex };

// Gateway ↔ raft, lease, lock.

/** Proposals and reads of a node that does not lead are dropped: whoever sent them learns from `standing`, `leading` or
 *  `following` that he must turn elsewhere, and does so with everything that is still unanswered. */
export type GatewayToRaft =
  | { readonly type: "propose"; readonly commands: readonly Command[] }
  | { readonly type: "read"; readonly queries: readonly Query[] };

/** A question to the lock table, answered once a round has confirmed that this node still leads. */
export type Query =
  | { readonly type: "check"; readonly requestId: RequestId; readonly lock: string }
  | { readonly type: "look"; readonly requestId: RequestId; readonly look: Look }
  /** What is this lease? Asked by the lease actor about one that it does not know. */
  | { readonly type: "lease"; readonly requestId: RequestId; readonly lease: LeaseId }
  /** What has this region accepted? Asked on behalf of a proposer. */
  | { readonly type: "view"; readonly ask: AskId; readonly lock: string }
  /** What does this lease hold here? Asked on behalf of a proposer. */
  | { readonly type: "holdings"; readonly ask: AskId; readonly lease: LeaseId };

export type GatewayToLease = {
  readonly type: "renew";
  readonly renewals: readonly { readonly requestId: RequestId; readonly lease: LeaseId }[];
};

export type GatewayToLock =
  | { readonly type: "count"; readonly call: CallId }
  | { readonly type: "watch"; readonly call: CallId; readonly wish: WatchWish }
  | { readonly type: "unwatch"; readonly call: CallId };

/** Told at every change, so that the gateway can route anew what is unanswered. */
export type RaftToGateway = {
  readonly type: "standing";
  readonly role: Standing["role"];
  readonly term: Term;
  /** Where requests shall go; null while there is no leader, and while this one is handing its leadership over. */
  readonly leader: NodeId | null;
  /** How far the group's log is known to be committed, though this node may not have caught up yet. */
  readonly committed: LogIndex;
};

/** Told to whoever acts only on the leader. `leading` may be told again in the same term: everything restarts then. */
export type Leadership =
  | { readonly type: "leading"; readonly term: Term }
  | { readonly type: "following"; readonly term: Term };

// Raft ↔ storage.

export interface Envelope {
  readonly type: "send";
  readonly to: NodeId;
  readonly message: RaftMessage;
}

export type RaftToStorage =
  | {
      readonly type: "append";
      /** Written if not null. */
      readonly hardState: HardState | null;
      /** Consecutive. Whatever the log holds from the first of them on is replaced. */
      readonly entries: readonly Entry[];
      /** How often entries have been replaced since the start; `persisted` repeats it. */
      readonly replacements: number;
      /** Sent, by way of `peers`, once everything above and before is durable. */
      readonly release: readonly Envelope[];
    }
  /** The log up to and including `through` is in a snapshot and may go. */
  | { readonly type: "compact"; readonly through: LogIndex }
  /** Asks for a chunk of the newest snapshot, to be sent to `to`. */
  | {
      readonly type: "readChunk";
      readonly to: NodeId;
      readonly position: SnapshotPosition | null;
      readonly chunk: number;
    }
  /** A chunk that the leader sent. After the last one the snapshot replaces this node's log and lock table. */
  | { readonly type: "receiveChunk"; readonly from: NodeId; readonly chunk: SnapshotChunk };

export type StorageToRaft =
  /** The first letter of all. The lock actor is sent the snapshot at the same time and reports when it has it. */
  | {
      readonly type: "loaded";
      readonly hardState: HardState;
      readonly snapshot: SnapshotPosition | null;
      readonly entries: readonly Entry[];
    }
  /** Everything up to an append is durable: this hard state, and the log with this last entry, as it was after so many
   *  replacements. */
  | {
      readonly type: "persisted";
      readonly replacements: number;
      readonly hardState: HardState;
      readonly lastIndex: LogIndex;
      readonly lastTerm: Term;
    }
  /** A snapshot of this node's own is durable. */
  | { readonly type: "snapshotSaved"; readonly position: SnapshotPosition }
  /** `chunk` is null if there is no such chunk any more; then the transfer starts again with the newest snapshot. */
  | { readonly type: "chunkRead"; readonly to: NodeId; readonly chunk: SnapshotChunk | null }
  /** Every `receiveChunk` is answered once, by this or by `snapshotInstalled`. `next` is the chunk wanted next; null if the
   *  leader is to be told nothing, because an earlier chunk is still being dealt with. */
  | {
      readonly type: "chunkReceived";
      readonly from: NodeId;
      readonly position: SnapshotPosition;
      readonly next: number | null;
    }
  /** The last chunk is stored, the snapshot is this node's, and its log holds nothing else. */
  | { readonly type: "snapshotInstalled"; readonly from: NodeId; readonly position: SnapshotPosition };

/** Whether so little room is left on disk that nothing new shall be begun. Told at every change. */
export type StorageToGateway = { readonly type: "room"; readonly scarce: boolean };

// Raft ↔ raft of another node, by way of peers.

export type PeersToRaft = { readonly type: "received"; readonly from: NodeId; readonly message: RaftMessage };

// Gateway ↔ gateway of another node, by way of peers.

export interface ForwardedRequest {
  readonly requestId: RequestId;
  readonly bornAt: LogIndex;
  readonly operation: Operation;
  readonly bytes: number;
  readonly budget: Millis;
  /** Counts what this gateway has sent; the reply repeats it. */
  readonly sending: number;
}

export interface RequestAnswer {
  readonly requestId: RequestId;
  readonly answer: Answer;
}

/** An answer to a sending. It says nothing to whoever asked after that was sent: the ttl that it tells of began before. */
export interface SendingReply extends RequestAnswer {
  readonly sending: number;
}

export type GatewayToPeers =
  | { readonly type: "forward"; readonly to: NodeId; readonly requests: readonly ForwardedRequest[] }
  | { readonly type: "reply"; readonly to: NodeId; readonly answers: readonly SendingReply[] };

export type PeersToGateway =
  | { readonly type: "forwarded"; readonly from: NodeId; readonly requests: readonly ForwardedRequest[] }
  | { readonly type: "replied"; readonly from: NodeId; readonly answers: readonly SendingReply[] }
  /** A connection to another node came up, or went down (`clientAddress` null). */
  | { readonly type: "link"; readonly node: NodeId; readonly clientAddress: string | null };

// Raft → lock → lease, storage, gateway.

export type RaftToLock =
  | {
      readonly type: "apply";
      /** Consecutive and committed. */
      readonly entries: readonly Entry[];
      /** Whether this node proposed them, so that somebody here waits for the answers. */
      readonly answer: boolean;
    }
  /** Every entry up to the read index has been sent before. */
  | { readonly type: "read"; readonly queries: readonly Query[] }
  /** Send storage a snapshot of the state as it is now. */
  | { readonly type: "takeSnapshot" };

export type LockToRaft =
  /** The snapshot that storage sent is the state now; entries after `index` are wanted. */
  { readonly type: "restored"; readonly index: LogIndex } | { readonly type: "digest"; readonly digest: StateDigest };

/** What answers carry beside the lock table's word: how far the table is, so that the gateway can say of a request when it was born. */
export type LockToGateway =
  | { readonly type: "answers"; readonly applied: LogIndex; readonly answers: readonly RequestAnswer[] }
  | { readonly type: "counted"; readonly call: CallId; readonly counts: Counts }
  | Watched;

/** What came of a proposer's question. */
export interface AskReply {
  readonly ask: AskId;
  readonly reply: Reply;
}

export type LockToRegion = { readonly type: "replies"; readonly replies: readonly AskReply[] };

export type LockToLease =
  /** What has become of leases, in the order of the log. */
  | { readonly type: "changed"; readonly changes: readonly LeaseChange[] }
  /** Answers that name a holder, to be passed on to the gateway with the time that is left. */
  | { readonly type: "complete"; readonly answers: readonly RequestAnswer[] }
  | { readonly type: "completeReplies"; readonly replies: readonly AskReply[] }
  /** Answers to the lease actor's own queries. */
  | {
      readonly type: "leases";
      readonly answers: readonly { requestId: RequestId; lease: LeaseId; outcome: LeaseOutcome }[];
    };

/** What the lock table knows of a lease. */
export type LeaseOutcome = "live" | "unknown" | "ended";

export type LeaseChange =
  | { readonly type: "opened"; readonly lease: LeaseId; readonly ttl: Millis; readonly renewals: number }
  /** Renewed through the log: its full span starts again, and an expiry with an older count is void. */
  | { readonly type: "renewed"; readonly lease: LeaseId; readonly renewals: number }
  | { readonly type: "ended"; readonly lease: LeaseId }
  /** Where there are several regions: a digest of exactly the locks that the lease holds from now on. */
  | { readonly type: "holds"; readonly lease: LeaseId; readonly locks: string }
  /** To be told by an `alarm` after `span`; a later leader starts the span anew. */
  | { readonly type: "alarmSet"; readonly alarm: AlarmId; readonly span: Millis }
  | { readonly type: "alarmGone"; readonly alarm: AlarmId }
  /** The first entry of `term` has been applied. */
  | { readonly type: "termBegun"; readonly term: Term }
  /** All leases are forgotten: a snapshot follows, as `opened`. */
  | { readonly type: "cleared" };

export type LeaseToGateway = { readonly type: "answers"; readonly answers: readonly RequestAnswer[] };

export type LeaseToRaft =
  | { readonly type: "propose"; readonly commands: readonly Command[] }
  /** Asks for a confirmation round; `confirmed` repeats the ticket. */
  | { readonly type: "confirm"; readonly ticket: number }
  | { readonly type: "read"; readonly queries: readonly Query[] };

export type RaftToLease = Leadership | { readonly type: "confirmed"; readonly ticket: number };

// Region ↔ gateway, lease, peers, clients. Only where there are several regions.

/** Requests for the proposer of this region; the gateway knows that this node leads. */
export type GatewayToRegion = { readonly type: "requests"; readonly requests: readonly ForwardedRequest[] };
export type RegionToGateway = { readonly type: "answers"; readonly answers: readonly RequestAnswer[] };

/** `requestId` is the region actor's own; the result repeats it. */
export type LeaseToRegion =
  | { readonly type: "renewals"; readonly results: readonly (RenewalResult & { readonly requestId: RequestId })[] }
  | LockToRegion;

export type RegionToPeers = { readonly type: "tell"; readonly to: RemoteNode; readonly message: RegionMessage };
export type PeersToRegion =
  | { readonly type: "told"; readonly from: RemoteNode; readonly message: RegionMessage }
  /** A connection to a node of another region came up or went down. */
  | { readonly type: "regionLink"; readonly node: RemoteNode; readonly up: boolean };

/** Told when something of it changes, and now and then. */
export type RegionToClients = { readonly type: "regions"; readonly regions: readonly RegionView[] };

// Snapshots: lock ↔ storage.

export type LockToStorage = { readonly type: "snapshotTaken"; readonly slice: SnapshotSlice };
export type StorageToLock = { readonly type: "restore"; readonly slice: SnapshotSlice };

// Who may say what to whom.

/** Sender → receiver → what it may say. A letter that is not here does not compile. */
export interface Letters {
  supervisor: { raft: HandOver; gateway: Drain };
  clients: { gateway: ClientsToGateway };
  gateway: {
    clients: GatewayToClients;
    raft: GatewayToRaft;
    lease: GatewayToLease;
    lock: GatewayToLock;
    peers: GatewayToPeers;
    region: GatewayToRegion;
  };
  raft: {
    storage: RaftToStorage;
    peers: Envelope;
    lock: RaftToLock;
    lease: RaftToLease;
    gateway: RaftToGateway;
    region: Leadership;
  };
  storage: { raft: StorageToRaft; peers: Envelope; lock: StorageToLock; gateway: StorageToGateway };
  peers: { raft: PeersToRaft; gateway: PeersToGateway; region: PeersToRegion };
  lock: { raft: LockToRaft; lease: LockToLease; gateway: LockToGateway; storage: LockToStorage; region: LockToRegion };
  lease: { raft: LeaseToRaft; gateway: LeaseToGateway; region: LeaseToRegion };
  region: {
    raft: GatewayToRaft;
    lease: GatewayToLease;
    gateway: RegionToGateway;
    peers: RegionToPeers;
    clients: RegionToClients;
  };
}

/** Before a clean stop: hand the leadership over, if this node has it. */
export type HandOver = { readonly type: "handOver" };
/** Before a clean stop: refuse new calls, finish those under way. */
export type Drain = { readonly type: "drain" };

/** The timers of each actor. */
export interface Timers {
  supervisor: never;
  clients: never;
  gateway: "deadline" | "retry" | "resend";
  raft: "election" | "heartbeat" | "append" | "confirm" | "transfer";
  storage: never;
  peers: never;
  lock: "slice";
  lease: "tick";
  region: "tick" | "retry" | "renew";
}
