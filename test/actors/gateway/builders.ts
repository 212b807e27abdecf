// Gateways in a wanted state, letters to them, and the effects expected of them.

import { type Effect, type Inbox, send, setTimer } from "../../../src/actors/actor.ts";
import type { Config } from "../../../src/actors/config.ts";
import { gateway } from "../../../src/actors/gateway/receive.ts";
import type { GatewayState } from "../../../src/actors/gateway/state.ts";
import type {
  CallId,
  ForwardedRequest,
  RaftToGateway,
  RequestAnswer,
  SendingReply,
} from "../../../src/actors/messages.ts";
import type { AcquireAll, Answer, Holder, Operation, Refusal, Write } from "../../../src/actors/operations.ts";
import {
  fencingToken,
  type Instant,
  instant,
  leaseId,
  logIndex,
  millis,
  nodeId,
  regionId,
  requestId,
  term,
  wallTime,
} from "../../../src/actors/scalars.ts";

export const config: Config = {
  cluster: {
    clusterId: "test",
    regionId: regionId("r"),
    regions: [regionId("r")],
    voters: [nodeId("a"), nodeId("b"), nodeId("c")],
    clockRateErrorMax: 0.01,
    clockAllowanceMs: millis(50),
    requestsRemembered: 1000,
    digestEntries: 100,
  },
  node: {
    nodeId: nodeId("a"),
    incarnation: "i",
    electionMsMin: millis(500),
    electionMsMax: millis(1000),
    heartbeatMs: millis(50),
    confirmMs: millis(5),
    appendEntriesMax: 100,
    appendsInflightMax: 4,
    snapshotEntries: 1000,
    trailingEntries: 100,
    sliceRecords: 100,
    inflightMax: 4,
    inflightBytesMax: 1000,
    retryMs: millis(500),
  },
};

export const at = (moment: number): Instant => instant(moment);

/** A gateway that has had these letters at time 0. */
export function gatewayAfter(...letters: Inbox<"gateway">[]): GatewayState {
  const state = gateway.start(config);
  for (const letter of letters) gateway.receive(state, letter, at(0));
  return state;
}

// Letters to it.

export const standing = (
  leader: string | null,
  { role, term: inTerm = 1, committed = 0 }: { role?: RaftToGateway["role"]; term?: number; committed?: number } = {},
): RaftToGateway => ({
  type: "standing",
  role: role ?? (leader === "a" ? "leader" : "follower"),
  term: term(inTerm),
  leader: leader === null ? null : nodeId(leader),
  committed: logIndex(committed),
});

export const link = (node: string, clientAddress: string | null): Inbox<"gateway"> => ({
  type: "link",
  node: nodeId(node),
  clientAddress,
});

export const applied = (index: number, ...answers: RequestAnswer[]): Inbox<"gateway"> => ({
  type: "answers",
  applied: logIndex(index),
  answers,
});

export const room = (scarce: boolean): Inbox<"gateway"> => ({ type: "room", scarce });

export const request = (
  call: CallId,
  operation: Operation,
  { id = null, bytes = 10, budget = 5000 }: { id?: string | null; bytes?: number; budget?: number } = {},
): Inbox<"gateway"> => ({
  type: "request",
  call,
  requestId: id === null ? null : requestId(id),
  operation,
  bytes,
  budget: millis(budget),
});

export const forwardedRequest = (
  id: string,
  operation: Operation,
  {
    bornAt = 7,
    bytes = 10,
    budget = 5000,
    sending = 1,
  }: { bornAt?: number; bytes?: number; budget?: number; sending?: number } = {},
): ForwardedRequest => ({
  requestId: requestId(id),
  bornAt: logIndex(bornAt),
  operation,
  bytes,
  budget: millis(budget),
  sending,
});

/** An answer to a sending: the first unless another is named. */
export const toSending = (answer: RequestAnswer, sending = 1): SendingReply => ({ ...answer, sending });

export const forwarded = (from: string, ...requests: ForwardedRequest[]): Inbox<"gateway"> => ({
  type: "forwarded",
  from: nodeId(from),
  requests,
});

export const replied = (from: string, ...answers: (RequestAnswer | SendingReply)[]): Inbox<"gateway"> => ({
  type: "replied",
  from: nodeId(from),
  answers: answers.map((answer) => ("sending" in answer ? answer : toSending(answer))),
});

export const cancelled = (call: CallId): Inbox<"gateway"> => ({ type: "cancelled", call });
export const timeout = (timer: "deadline" | "retry" | "resend"): Inbox<"gateway"> => ({ type: "timeout", timer });

/** Where a gateway starts that leads, or that follows the connected leader b; both know that index 7 is applied. */
export const leading = [standing("a"), applied(7)];
export const following = [standing("b"), link("b", "b:9090"), applied(7)];

// Operations and answers.

export const acquire = (lock: string): Extract<Write, { type: "acquire" }> => ({
  type: "acquire",
  lock,
  owner: "me",
  under: { ttl: millis(30_000) },
  askedAt: wallTime(0),
});
/** Takes one lock exclusively, under lease 7, and waits for it. */
export const acquireAll = (lock: string, given: Partial<AcquireAll> = {}): AcquireAll => ({
  type: "acquireAll",
  demands: [{ lock, mode: "exclusive", permits: 1, limit: 0 }],
  owner: "me",
  under: { lease: leaseId(7) },
  context: "",
  wait: millis(60_000),
  priority: 0,
  delay: millis(0),
  metadata: "",
  askedAt: wallTime(0),
  ...given,
});
export const release = (lock: string): Write => ({ type: "release", lock, grant: { token: fencingToken(1) } });
export const openLease: Write = { type: "openLease", owner: "me", ttl: millis(60_000) };
export const renew = (lease: number): Operation => ({ type: "renewLease", lease: leaseId(lease) });
export const check = (lock: string): Operation => ({ type: "check", lock });

export const granted: Answer = { type: "granted", lease: leaseId(1), token: fencingToken(1), ttl: millis(30_000) };
export const free: Answer = { type: "free" };
const holder: Holder = {
  owner: "you",
  lease: leaseId(1),
  token: fencingToken(1),
  ttl: millis(30_000),
  grantedAt: wallTime(0),
  remaining: millis(9),
};
export const held: Answer = { type: "held", holder };
export type Queued = Extract<Answer, { type: "queued" }>;
/** It waits for lock x, in this place. */
export const queued = (position = 1): Queued => ({
  type: "queued",
  position,
  obstacle: { lock: "x", holder, metadata: "", delayed: null, delayedBy: null, queue: position },
});
export const refusal = (why: Refusal): Answer => ({ type: "refused", refusal: why });
export const to = (id: string, answer: Answer): RequestAnswer => ({ requestId: requestId(id), answer });

// Effects expected.

export const answered = (call: CallId, answer: Answer): Effect<"gateway"> =>
  send("clients", { type: "answered", call, answer });

/** The call is told that its request waits. */
export const waiting = (call: CallId, answer: Queued = queued()): Effect<"gateway"> =>
  send("clients", { type: "waiting", call, answer });

export const proposed = (...writes: { id: string; write: Write; bornAt?: number }[]): Effect<"gateway"> =>
  send("raft", {
    type: "propose",
    commands: writes.map(({ id, write, bornAt = 7 }) => ({
      type: "write" as const,
      requestId: requestId(id),
      bornAt: logIndex(bornAt),
      write,
    })),
  });

export const read = (id: string, lock: string): Effect<"gateway"> =>
  send("raft", { type: "read", queries: [{ type: "check" as const, requestId: requestId(id), lock }] });

export const renewed = (id: string, lease: number): Effect<"gateway"> =>
  send("lease", { type: "renew", renewals: [{ requestId: requestId(id), lease: leaseId(lease) }] });

export const forward = (node: string, ...requests: ForwardedRequest[]): Effect<"gateway"> =>
  send("peers", { type: "forward", to: nodeId(node), requests });

export const replies = (node: string, ...answers: (RequestAnswer | SendingReply)[]): Effect<"gateway"> =>
  send("peers", {
    type: "reply",
    to: nodeId(node),
    answers: answers.map((answer) => ("sending" in answer ? answer : toSending(answer))),
  });

export const deadlineTimer = (span: number): Effect<"gateway"> => setTimer("deadline", millis(span));
export const retryTimer = (span = 500): Effect<"gateway"> => setTimer("retry", millis(span));
export const resendTimer = (span = 5000): Effect<"gateway"> => setTimer("resend", millis(span));
