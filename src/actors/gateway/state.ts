// What the gateway remembers: every request that is under way, who wants its answer, and where it was sent last. A request is
// admitted at one door and leaves by one; `inflight`, `waiting` and their bytes are exact sums over `pending`.

import type { Effect } from "../actor.ts";
import type { Config } from "../config.ts";
import { addDeadline, type Deadlines, noDeadlines } from "../deadlines.ts";
import type { CallId, RaftToGateway } from "../messages.ts";
import type { Operation, Refusal, Standing } from "../operations.ts";
import {
  type Instant,
  type LogIndex,
  logIndex,
  type Millis,
  type NodeId,
  type RequestId,
  requestId,
  term,
} from "../scalars.ts";
import { isWrite, mayWait } from "./kinds.ts";

/** The most calls whose requests wait in queues, and the most bytes of such requests. */
export const waitingMax = 200_000;
export const waitingBytesMax = 256 * 1024 * 1024;

export type GatewayEffect = Effect<"gateway">;

/** Somebody who waits for an answer: a client's call, or the gateway of another node. */
export interface Caller {
  readonly from: { readonly call: CallId } | { readonly node: NodeId; readonly sending: number };
  deadline: Instant;
  /** The first sending that is for him. An answer to an earlier one may tell of a grant that is older than the call, and whose
   *  lease is spent sooner than the caller will think. */
  readonly since: number;
  /** Whether he was told that the request waits. */
  told: boolean;
}

/** A request under way. Its operation is a letter's and stays as it is: nobody ever changes one. */
export interface Pending {
  readonly requestId: RequestId;
  readonly operation: Operation;
  /** How far the log was known to be committed when the request was first sent; null until then. */
  bornAt: LogIndex | null;
  callers: Caller[];
  /** When it is given up, whoever waits. */
  until: Instant;
  /** What it counts for in the admission: calls, those that joined it included, and their bytes. While it waits, only those that
   *  were not told so. */
  calls: number;
  bytes: number;
  /** How many bytes its operation takes. */
  readonly size: number;
  /** Whether it waits in the table's queues, as far as this gateway knows. The answer is still to come then, once. */
  waits: boolean;
  /** The last sending that was answered with that. */
  queuedBy: number;
  /** What it counts for among the calls that wait. */
  places: number;
  /** How often it was handed to a leader. From the first time on nobody can say that nothing was done. */
  sendings: number;
  /** Whether this node's proposer has it, or it waits with the leader that it was sent to, in this leadership: sent again, it is
   *  the same sending. */
  proposed: boolean;
  /** The last sending; 0 before the first. */
  lastSending: number;
  /** The sendings of a write that are to be answered, were it with `queued`: to this node's own actors all, the oldest first; to
   *  another node's gateway the last. */
  unanswered: number[];
  /** How many answers of this node's own actors are still to come to those who gave up waiting. */
  outdated: number;
  /** Where it was sent, if it need not be sent now. */
  sentTo: NodeId | null;
  sentAt: Instant;
}

/** A connection to another node. The address is kept while it is down. */
export interface Link {
  readonly clientAddress: string;
  readonly up: boolean;
}

export interface GatewayState {
  readonly nodeId: NodeId;
  readonly incarnation: string;
  /** Whether there are several regions; then the region actor decides what the lock actor does otherwise. */
  readonly isRegional: boolean;
  readonly inflightMax: number;
  readonly inflightBytesMax: number;
  readonly retryMs: Millis;

  /** In the order of arrival. */
  readonly pending: Map<RequestId, Pending>;
  /** Writes that were handed to a leader and given up, each with how many answers may still come; the oldest first, at most
   *  `inflightMax`. */
  readonly givenUp: Map<RequestId, number>;
  /** How many sendings there have been. */
  sent: number;
  /** Which request a client's call waits for. */
  readonly calls: Map<CallId, RequestId>;
  inflight: number;
  inflightBytes: number;
  waiting: number;
  waitingBytes: number;
  /** The calls that watch. */
  readonly watches: Set<CallId>;
  /** How many request ids this process has chosen. */
  ids: number;

  deadlines: Deadlines<RequestId>;
  /** When the timer `deadline` runs out, or null if it is not set. */
  deadlineAt: Instant | null;
  /** Whether the timer `retry` is set. */
  retrying: boolean;
  /** A bet on every waiting request that another node leads: when it is sent again. */
  resends: Deadlines<RequestId>;
  /** Waiting requests that were sent to a leader who does not know them yet, and when; until they are answered. */
  readonly askedAnew: Map<RequestId, Instant>;
  /** When the timer `resend` runs out, or null if it is not set. */
  resendAt: Instant | null;

  standing: Pick<RaftToGateway, "role" | "term" | "leader">;
  readonly links: Map<NodeId, Link>;
  /** What clients were told last. */
  told: Standing | null;
  /** How far the log is known to be committed. */
  committed: LogIndex;
  draining: boolean;
  /** Whether this node's disk has no room for anything new. */
  scarce: boolean;

  answered: number;
  readonly refused: Record<Refusal, number>;
}

export const start = ({ cluster, node }: Config): GatewayState => ({
  nodeId: node.nodeId,
  incarnation: node.incarnation,
  isRegional: cluster.regions.length > 1,
  inflightMax: node.inflightMax,
  inflightBytesMax: node.inflightBytesMax,
  retryMs: node.retryMs,
  pending: new Map(),
  givenUp: new Map(),
  sent: 0,
  calls: new Map(),
  inflight: 0,
  inflightBytes: 0,
  waiting: 0,
  waitingBytes: 0,
  watches: new Set(),
  ids: 0,
  deadlines: noDeadlines(),
  deadlineAt: null,
  retrying: false,
  resends: noDeadlines(),
  askedAnew: new Map(),
  resendAt: null,
  standing: { role: "follower", term: term(0), leader: null },
  links: new Map(),
  told: null,
  committed: logIndex(0),
  draining: false,
  scarce: false,
  answered: 0,
  refused: {
    "no-leader": 0,
    "unknown-outcome": 0,
    overloaded: 0,
    "disk-full": 0,
    "no-quorum": 0,
    stopping: 0,
    unserved: 0,
  },
});

/** A request id that no other node and no other start of this one chooses. */
export function ownRequestId(state: GatewayState): RequestId {
  state.ids += 1;
  return requestId(`${state.incarnation}-${state.ids.toString(36)}`);
}

/** Whether there is room for one more call of this size. */
export const hasRoom = (state: GatewayState, bytes: number, operation: Operation): boolean =>
  state.inflight < state.inflightMax &&
  state.inflightBytes + bytes <= state.inflightBytesMax &&
  (!mayWait(operation) || (state.waiting < waitingMax && state.waitingBytes + bytes <= waitingBytesMax));

type NewCaller = Pick<Caller, "from" | "deadline">;

/** Takes a request in. */
export function admit(
  state: GatewayState,
  request: Pick<Pending, "requestId" | "operation" | "bornAt" | "bytes">,
  caller: NewCaller,
  now: Instant,
): Pending {
  const pending: Pending = {
    requestId: request.requestId,
    operation: request.operation,
    bornAt: request.bornAt,
    callers: [],
    until: caller.deadline,
    calls: 0,
    bytes: 0,
    size: request.bytes,
    waits: false,
    queuedBy: 0,
    places: 0,
    sendings: 0,
    proposed: false,
    lastSending: 0,
    unanswered: [],
    outdated: state.givenUp.get(request.requestId) ?? 0,
    sentTo: null,
    sentAt: now,
  };
  state.givenUp.delete(pending.requestId);
  state.pending.set(pending.requestId, pending);
  join(state, pending, caller, request.bytes);
  return pending;
}

/** Lets one more caller wait for a request that is under way. */
export function join(state: GatewayState, pending: Pending, caller: NewCaller, bytes: number): void {
  pending.callers.push({ from: caller.from, deadline: caller.deadline, since: state.sent + 1, told: false });
  if ("call" in caller.from) state.calls.set(caller.from.call, pending.requestId);
  pending.calls += 1;
  pending.bytes += bytes;
  state.inflight += 1;
  state.inflightBytes += bytes;
  countPlaces(state, pending);
  waitUntil(state, pending, caller.deadline);
}

/** Says how many of its calls count as under way: of a request that waits, those that were not told so. */
export function recount(state: GatewayState, pending: Pending, calls: number): void {
  state.inflight += calls - pending.calls;
  pending.calls = calls;
  if (calls === 0) {
    state.inflightBytes -= pending.bytes;
    pending.bytes = 0;
  }
  countPlaces(state, pending);
}

/** Counts all who want the answer of a request that waits; the request itself if nobody does. */
export function countPlaces(state: GatewayState, pending: Pending): void {
  const places = pending.waits ? Math.max(pending.callers.length, 1) : 0;
  state.waiting += places - pending.places;
  state.waitingBytes += (places - pending.places) * pending.size;
  pending.places = places;
}

/** Places a bet on `deadline`. The bets of what has been answered lie in the heap until they are due, or until there are so
 *  many of them that the heap is built anew: it stays in proportion to what is under way. */
export function waitUntil(state: GatewayState, pending: Pending, deadline: Instant): void {
  if (deadline > pending.until) pending.until = deadline;
  if (state.deadlines.heap.length > 2 * Math.max(state.inflightMax, state.pending.size)) {
    state.deadlines = noDeadlines();
    for (const other of state.pending.values()) addDeadline(state.deadlines, other.requestId, earliestDeadline(other));
  }
  addDeadline(state.deadlines, pending.requestId, deadline);
}

/** When the first of its callers must be told something; when it is given up, if nobody waits any more. */
export function earliestDeadline(pending: Pending): Instant {
  let earliest = pending.until;
  for (const { deadline } of pending.callers) if (deadline < earliest) earliest = deadline;
  return earliest;
}

/** Whether `caller` is the gateway of `node`. */
export const isPeer = (caller: Caller, node: NodeId): boolean => "node" in caller.from && caller.from.node === node;

/** Whether `caller` is another gateway, for a sending before `sending`. */
export const isBefore = ({ from }: Caller, sending: number): boolean => "sending" in from && from.sending < sending;

/** Forgets a request that nobody waits for any more. */
export function remove(state: GatewayState, pending: Pending): void {
  state.pending.delete(pending.requestId);
  state.askedAnew.delete(pending.requestId);
  state.inflight -= pending.calls;
  state.inflightBytes -= pending.bytes;
  state.waiting -= pending.places;
  state.waitingBytes -= pending.places * pending.size;
}

/** Forgets a request that nobody waits for any more, though its answer may still come: also the one that ends its waiting. */
export function giveUp(state: GatewayState, pending: Pending): void {
  remove(state, pending);
  if (pending.sendings === 0 || !isWrite(pending.operation)) return;
  const toCome = pending.unanswered.length + (pending.waits ? 1 : 0);
  expectOutdated(state, pending.requestId, pending.outdated + Math.max(toCome, 1));
}

/** So many answers to a request that is forgotten may still come. */
export function expectOutdated(state: GatewayState, requestId: RequestId, answers: number): void {
  const { givenUp, inflightMax } = state;
  givenUp.set(requestId, answers);
  for (const oldest of givenUp.keys()) {
    if (givenUp.size <= inflightMax) break;
    givenUp.delete(oldest);
  }
}
