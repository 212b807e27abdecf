// What the gateway remembers: every request that is under way, who waits for its answer, and where it was sent last. A
// request is admitted at one door and leaves by one; `inflight` and `inflightBytes` are exact sums over `pending`.

import type { Effect } from "../actor.ts";
import type { Config } from "../config.ts";
import { addDeadline, type Deadlines, noDeadlines } from "../deadlines.ts";
import type { CallId, RaftToGateway } from "../messages.ts";
import type { Operation, Refusal, Standing, Write } from "../operations.ts";
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

export type GatewayEffect = Effect<"gateway">;

/** Somebody who waits for an answer: a client's call, or the gateway of another node. */
export interface Caller {
  readonly from: { readonly call: CallId } | { readonly node: NodeId; readonly sending: number };
  deadline: Instant;
  /** The first sending that is for him. An answer to an earlier one may tell of a grant that is older than the call, and whose
   *  lease is spent sooner than the caller will think. */
  readonly since: number;
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
  /** What it counts for in the admission: calls, those that joined it included, and their bytes. */
  calls: number;
  bytes: number;
  /** How often it was handed to a leader. From the first time on nobody can say that nothing was done. */
  sendings: number;
  /** Whether this node's proposer has it, in this leadership: sent again, it is the same sending. */
  proposed: boolean;
  /** The last sending; 0 before the first. */
  lastSending: number;
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
  /** How many request ids this process has chosen. */
  ids: number;

  deadlines: Deadlines<RequestId>;
  /** When the timer `deadline` runs out, or null if it is not set. */
  deadlineAt: Instant | null;
  /** Whether the timer `retry` is set. */
  retrying: boolean;

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
  ids: 0,
  deadlines: noDeadlines(),
  deadlineAt: null,
  retrying: false,
  standing: { role: "follower", term: term(0), leader: null },
  links: new Map(),
  told: null,
  committed: logIndex(0),
  draining: false,
  scarce: false,
  answered: 0,
  refused: { "no-leader": 0, "unknown-outcome": 0, overloaded: 0, "disk-full": 0, "no-quorum": 0, stopping: 0 },
});

/** A request id that no other node and no other start of this one chooses. */
export function ownRequestId(state: GatewayState): RequestId {
  state.ids += 1;
  return requestId(`${state.incarnation}-${state.ids.toString(36)}`);
}

export const isWrite = (operation: Operation): operation is Write =>
  operation.type !== "check" && operation.type !== "renewLease";

/** Whether the operation takes room on disk for long. A release does not, and must always be possible. */
export const beginsSomething = (operation: Operation): boolean =>
  operation.type === "openLease" || operation.type === "acquire";

/** Whether there is room for one more call of this size. */
export const hasRoom = (state: GatewayState, bytes: number): boolean =>
  state.inflight < state.inflightMax && state.inflightBytes + bytes <= state.inflightBytesMax;

/** Takes a request in. */
export function admit(
  state: GatewayState,
  request: Pick<Pending, "requestId" | "operation" | "bornAt" | "bytes">,
  caller: Omit<Caller, "since">,
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
    sendings: 0,
    proposed: false,
    lastSending: 0,
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
export function join(state: GatewayState, pending: Pending, caller: Omit<Caller, "since">, bytes: number): void {
  pending.callers.push({ from: caller.from, deadline: caller.deadline, since: state.sent + 1 });
  if ("call" in caller.from) state.calls.set(caller.from.call, pending.requestId);
  pending.calls += 1;
  pending.bytes += bytes;
  state.inflight += 1;
  state.inflightBytes += bytes;
  waitUntil(state, pending, caller.deadline);
}

/** Places a bet on `deadline`. The bets of what has been answered lie in the heap until they are due, or until there are so
 *  many of them that the heap is built anew: it stays in proportion to what may be under way. */
export function waitUntil(state: GatewayState, pending: Pending, deadline: Instant): void {
  if (deadline > pending.until) pending.until = deadline;
  if (state.deadlines.heap.length > 2 * state.inflightMax) {
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

/** Forgets a request that nobody waits for any more. */
export function remove(state: GatewayState, pending: Pending): void {
  state.pending.delete(pending.requestId);
  state.inflight -= pending.calls;
  state.inflightBytes -= pending.bytes;
}

/** Whether two writes of one request id are one request, repeated. When it was asked is for people and may differ. */
export function isSameOperation(one: Operation, other: Operation): boolean {
  switch (one.type) {
    case "openLease":
      return other.type === "openLease" && one.owner === other.owner && one.ttl === other.ttl;
    case "acquire":
      return (
        other.type === "acquire" &&
        one.lock === other.lock &&
        one.owner === other.owner &&
        ("lease" in one.under
          ? "lease" in other.under && one.under.lease === other.under.lease
          : "ttl" in other.under && one.under.ttl === other.under.ttl)
      );
    case "release":
      return (
        other.type === "release" &&
        one.lock === other.lock &&
        one.grant.lease === other.grant.lease &&
        one.grant.token === other.grant.token &&
        one.grant.owner === other.grant.owner
      );
    case "renewLease":
      return other.type === "renewLease" && one.lease === other.lease;
    case "check":
      return other.type === "check" && one.lock === other.lock;
  }
}

/** Forgets a request that nobody waits for any more, though its answer may still come. */
export function giveUp(state: GatewayState, pending: Pending): void {
  const { givenUp, inflightMax } = state;
  remove(state, pending);
  if (pending.sendings === 0 || !isWrite(pending.operation)) return;
  givenUp.set(pending.requestId, pending.outdated + 1);
  for (const oldest of givenUp.keys()) {
    if (givenUp.size <= inflightMax) break;
    givenUp.delete(oldest);
  }
}
