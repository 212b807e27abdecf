// Builders of Raft states and messages for tests. A state is built by the actor's own `start` and then set as the rule under
// test needs it; nothing is mocked.

import type { Config } from "../../../src/actors/config.ts";
import type { Command, Entry, Query, RaftMessage, RaftToGateway, SnapshotChunk } from "../../../src/actors/messages.ts";
import { lastIndex } from "../../../src/actors/raft/log.ts";
import { newProgress, type Progress } from "../../../src/actors/raft/progress.ts";
import { raft } from "../../../src/actors/raft/receive.ts";
import {
  type Candidate,
  envelope,
  type Leader,
  type RaftEffect,
  type RaftState,
} from "../../../src/actors/raft/state.ts";
import {
  type Instant,
  instant,
  logIndex,
  millis,
  nodeId,
  regionId,
  requestId,
  type Term,
  term,
} from "../../../src/actors/scalars.ts";

export const a = nodeId("a");
export const b = nodeId("b");
export const c = nodeId("c");

export const at = (moment: number): Instant => instant(moment);

export const config = (voters: readonly string[] = ["a", "b", "c"]): Config => ({
  cluster: {
    clusterId: "test",
    regionId: regionId("here"),
    regions: [regionId("here")],
    voters: voters.map(nodeId),
    clockRateErrorMax: 0.01,
    clockAllowanceMs: millis(50),
    requestsRemembered: 1000,
    digestEntries: 64,
  },
  node: {
    nodeId: a,
    incarnation: "i",
    electionMsMin: millis(500),
    electionMsMax: millis(1000),
    heartbeatMs: millis(50),
    confirmMs: millis(5),
    appendEntriesMax: 4,
    appendsInflightMax: 2,
    snapshotEntries: 8,
    trailingEntries: 2,
    sliceRecords: 10,
    inflightMax: 100,
    inflightBytesMax: 10_000,
    retryMs: millis(500),
  },
});

export const noop: Command = { type: "noop" };

/** A command that can be told from others. */
export const command = (name: string): Command => ({
  type: "write",
  requestId: requestId(name),
  bornAt: logIndex(0),
  write: { type: "release", lock: name, grant: { owner: "o" } },
});

/** Entries from index `from` on, one for each term given. */
export const entries = (terms: readonly number[], from = 1): Entry[] =>
  terms.map((each, place) => ({ index: logIndex(from + place), term: term(each), command: noop }));

interface Given {
  readonly voters?: readonly string[];
  readonly term?: number;
  readonly votedFor?: string | null;
  /** The terms of the log's entries, from index 1 on; all of them durable. */
  readonly log?: readonly number[];
  readonly commitIndex?: number;
  readonly leader?: string | null;
  readonly leaderHeardAt?: number;
  /** How far the leader has said to have committed; `commitIndex` unless given. */
  readonly committedByLeader?: number;
}

/** A follower whose letters so far have all been told, so that a receive shows only what is new. */
export function follower(given: Given = {}): RaftState {
  const state = raft.start(config(given.voters));
  const now = term(given.term ?? 1);
  state.loaded = true;
  state.term = now;
  state.votedFor = given.votedFor == null ? null : nodeId(given.votedFor);
  state.writtenHardState = { term: now, votedFor: state.votedFor };
  state.durableHardState = state.writtenHardState;
  state.log.entries = entries(given.log ?? []);
  state.durableIndex = lastIndex(state.log);
  state.commitIndex = logIndex(given.commitIndex ?? 0);
  state.handedToLock = state.commitIndex;
  state.leader = given.leader == null ? null : nodeId(given.leader);
  state.leaderHeardAt = at(given.leaderHeardAt ?? Number.NEGATIVE_INFINITY);
  state.committedByLeader = state.leader === null ? null : logIndex(given.committedByLeader ?? given.commitIndex ?? 0);
  state.toldStanding = { ...standingLetter("follower", now, state.leader), committed: state.commitIndex };
  return state;
}

export function candidate(
  given: Given & { readonly pre?: boolean; readonly votes?: readonly string[] } = {},
): RaftState {
  const state = follower({ votedFor: given.pre === true ? null : "a", ...given, leader: null });
  const role: Candidate = { type: "candidate", pre: given.pre ?? false, transfer: false, votes: new Map() };
  for (const voter of given.votes ?? ["a"]) role.votes.set(nodeId(voter), true);
  state.role = role;
  state.committedByLeader = null;
  state.toldStanding = { ...standingLetter("candidate", state.term, null), committed: state.commitIndex };
  return state;
}

/** A leader whose followers have everything, unless said otherwise. */
export function leader(
  given: Given & { readonly matched?: Readonly<Record<string, number>>; readonly firstIndex?: number } = {},
): RaftState {
  const state = follower({ votedFor: "a", ...given, leader: "a" });
  const last = lastIndex(state.log);
  const role: Leader = {
    type: "leader",
    followers: new Map(
      state.peers.map((peer) => {
        const progress = newProgress(logIndex(last + 1), at(0));
        progress.mode = "replicating";
        progress.matchIndex = logIndex(given.matched?.[peer] ?? last);
        progress.nextIndex = logIndex(progress.matchIndex + 1);
        return [peer, progress];
      }),
    ),
    firstIndex: logIndex(given.firstIndex ?? 1),
    proposals: [],
    round: 0,
    waiting: { queries: [], tickets: [] },
    rounds: [],
    transfer: null,
  };
  state.role = role;
  state.toldLeading = state.term;
  state.toldStanding = { ...standingLetter("leader", state.term, a), committed: state.commitIndex };
  return state;
}

export function leading(state: RaftState): Leader {
  if (state.role.type !== "leader") throw new Error(`a ${state.role.type} where a leader was expected`);
  return state.role;
}

export const progressOf = (state: RaftState, peer: string): Progress => {
  const progress = leading(state).followers.get(nodeId(peer));
  if (progress === undefined) throw new Error(`no follower ${peer}`);
  return progress;
};

export const received = (from: string, message: RaftMessage) =>
  ({ type: "received", from: nodeId(from), message }) as const;

type Fields<Type extends RaftMessage["type"]> = Partial<Omit<Extract<RaftMessage, { type: Type }>, "type">>;

export const appendRequest = (
  fields: Fields<"appendRequest"> = {},
): Extract<RaftMessage, { type: "appendRequest" }> => ({
  type: "appendRequest",
  term: term(1),
  previousIndex: logIndex(0),
  previousTerm: term(0),
  entries: [],
  commitIndex: logIndex(0),
  round: 0,
  digest: null,
  ...fields,
});

export const appendResponse = (fields: Fields<"appendResponse"> = {}): RaftMessage => ({
  type: "appendResponse",
  term: term(1),
  round: 0,
  matchIndex: null,
  conflictTerm: term(0),
  conflictIndex: logIndex(0),
  ...fields,
});

export const voteRequest = (fields: Fields<"voteRequest"> = {}): RaftMessage => ({
  type: "voteRequest",
  term: term(1),
  lastIndex: logIndex(0),
  lastTerm: term(0),
  transfer: false,
  ...fields,
});

export const preVoteRequest = (fields: Fields<"preVoteRequest"> = {}): RaftMessage => ({
  type: "preVoteRequest",
  term: term(1),
  lastIndex: logIndex(0),
  lastTerm: term(0),
  ...fields,
});

export const chunk = (index: number, atTerm: number, which = 0, chunks = 2): SnapshotChunk => ({
  position: { index: logIndex(index), term: term(atTerm) },
  chunk: which,
  chunks,
  bytes: new Uint8Array([which]),
  checksum: 0,
});

export const check = (name: string): Query => ({ type: "check", requestId: requestId(name), lock: name });

// Effects.

export const toPeer = (to: string, message: RaftMessage): RaftEffect => ({
  type: "send",
  to: "peers",
  letter: envelope(nodeId(to), message),
});

/** A letter to storage. */
export const write = (fields: {
  readonly hardState?: { readonly term: number; readonly votedFor: string | null };
  readonly entries?: readonly Entry[];
  readonly replacements?: number;
  readonly release?: readonly { readonly to: string; readonly message: RaftMessage }[];
}): RaftEffect => ({
  type: "send",
  to: "storage",
  letter: {
    type: "append",
    hardState:
      fields.hardState === undefined
        ? null
        : {
            term: term(fields.hardState.term),
            votedFor: fields.hardState.votedFor === null ? null : nodeId(fields.hardState.votedFor),
          },
    entries: fields.entries ?? [],
    replacements: fields.replacements ?? 0,
    release: (fields.release ?? []).map(({ to, message }) => envelope(nodeId(to), message)),
  },
});

const standingLetter = (role: RaftToGateway["role"], now: number, who: string | null): RaftToGateway => ({
  type: "standing",
  role,
  term: term(now),
  leader: who === null ? null : nodeId(who),
  committed: logIndex(0),
});

export const standing = (
  role: RaftToGateway["role"],
  now: number,
  who: string | null,
  committed: number = 0,
): RaftEffect => ({
  type: "send",
  to: "gateway",
  letter: { ...standingLetter(role, now, who), committed: logIndex(committed) },
});

export const leadership = (type: "leading" | "following", now: Term | number): RaftEffect[] => [
  { type: "send", to: "lease", letter: { type, term: term(now) } },
  { type: "send", to: "region", letter: { type, term: term(now) } },
];

export const election: RaftEffect = { type: "setTimer", timer: "election", min: millis(500), max: millis(1000) };
export const heartbeat: RaftEffect = { type: "setTimer", timer: "heartbeat", min: millis(50), max: millis(50) };
export const noLeaderTimers: RaftEffect[] = [
  { type: "cancelTimer", timer: "heartbeat" },
  { type: "cancelTimer", timer: "confirm" },
  { type: "cancelTimer", timer: "transfer" },
];
export const apply = (applied: readonly Entry[], answer: boolean): RaftEffect => ({
  type: "send",
  to: "lock",
  letter: { type: "apply", entries: applied, answer },
});
