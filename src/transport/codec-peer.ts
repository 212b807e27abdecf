// What nodes say to each other ↔ bytes: greetings, messages of consensus, forwarded requests and their answers. What arrives
// is checked for its shape here, so that no actor ever sees a letter that no actor could have sent. Whether it is true is
// for the actors to say.

import type { RegionMessage } from "../actors/ballots.ts";
import type { ForwardedRequest, RaftMessage, SendingReply } from "../actors/messages.ts";
import type { Answer, Operation, Refusal } from "../actors/operations.ts";
import { type Millis, type NodeId, nodeId, type RegionId, regionId, requestId } from "../actors/scalars.ts";
import { outcomeFromWire, outcomeToWire } from "./codec-outcome.ts";
import { messageFromWire, messageToWire } from "./codec-raft.ts";
import { regionMessageFromWire, regionMessageToWire } from "./codec-region-peer.ts";
import { lookFromWire, lookToWire } from "./codec-view.ts";
import { fromWire, MalformedError, present, reading, spanFromWire, toWire, unknownKind } from "./codec-wire.ts";
import { writeFromWire, writeToWire } from "./codec-write.ts";
import * as wire from "./generated/lockmgr/peer/v1/peer.ts";

/** Who somebody is, and everything about which two nodes must agree. */
export interface Hello {
  readonly version: number;
  readonly nodeId: NodeId;
  /** The node that it believes to be talking to; null if it knows only its address. */
  readonly toNodeId: NodeId | null;
  readonly clusterId: string;
  readonly regionId: RegionId;
  /** The region that it believes to be talking to. */
  readonly toRegionId: RegionId;
  /** All regions, sorted. */
  readonly regions: readonly RegionId[];
  readonly voters: readonly NodeId[];
  readonly clockRateErrorMax: number;
  readonly clockAllowanceMs: Millis;
  readonly requestsRemembered: number;
  readonly digestEntries: number;
  /** The port on which the node serves clients with gRPC. */
  readonly clientPort: number;
}

/** Everything that one node has had to say to another in one turn. */
export interface Parcel {
  readonly raft: readonly RaftMessage[];
  readonly requests: readonly ForwardedRequest[];
  readonly answers: readonly SendingReply[];
  /** To a node of another region; then there is nothing else. */
  readonly regional: readonly RegionMessage[];
}

type WireRequestOperation = NonNullable<wire.ForwardedRequest["operation"]>;

function operationToWire(operation: Operation): WireRequestOperation {
  switch (operation.type) {
    case "renewLease":
      return { $case: "renewLease", value: toWire(operation.lease) };
    case "check":
      return { $case: "check", value: operation.lock };
    case "inspect":
    case "list":
    case "waiters":
    case "leases":
    case "waits":
      return { $case: "look", value: lookToWire(operation) };
    default:
      return writeToWire(operation);
  }
}

function operationFromWire(operation: WireRequestOperation): Operation {
  switch (operation.$case) {
    case "renewLease":
      return { type: "renewLease", lease: fromWire(operation.value) };
    case "check":
      return { type: "check", lock: operation.value };
    case "look":
      return lookFromWire(operation.value);
    default:
      return writeFromWire(operation);
  }
}

const requestToWire = (request: ForwardedRequest): wire.ForwardedRequest => ({
  requestId: request.requestId,
  bornAt: toWire(request.bornAt),
  operation: operationToWire(request.operation),
  bytes: toWire(request.bytes),
  budgetMs: request.budget,
  sending: toWire(request.sending),
});

function requestFromWire(request: wire.ForwardedRequest): ForwardedRequest {
  if (request.operation === undefined) return unknownKind("operation");
  return {
    requestId: requestId(request.requestId),
    bornAt: fromWire(request.bornAt),
    operation: operationFromWire(request.operation),
    bytes: fromWire(request.bytes),
    budget: spanFromWire(request.budgetMs),
    sending: fromWire(request.sending),
  };
}

const refusals = {
  "no-leader": wire.Refusal.REFUSAL_NO_LEADER,
  "unknown-outcome": wire.Refusal.REFUSAL_UNKNOWN_OUTCOME,
  overloaded: wire.Refusal.REFUSAL_OVERLOADED,
  "disk-full": wire.Refusal.REFUSAL_DISK_FULL,
  stopping: wire.Refusal.REFUSAL_STOPPING,
  "no-quorum": wire.Refusal.REFUSAL_NO_QUORUM,
  unserved: wire.Refusal.REFUSAL_UNSERVED,
} as const satisfies Record<Refusal, wire.Refusal>;

const refusalByNumber = new Map(
  (Object.keys(refusals) as Refusal[]).map((refusal) => [refusals[refusal] as wire.Refusal, refusal]),
);

function answerFromWire({ answer }: wire.RequestAnswer): Answer {
  if (answer === undefined) return unknownKind("answer");
  if (answer.$case === "outcome") return outcomeFromWire(answer.value);
  return { type: "refused", refusal: refusalByNumber.get(answer.value) ?? unknownKind("refusal") };
}

const answerToWire = ({ requestId: id, answer, sending }: SendingReply): wire.RequestAnswer => ({
  requestId: id,
  answer:
    answer.type === "refused"
      ? { $case: "refused", value: refusals[answer.refusal] }
      : { $case: "outcome", value: outcomeToWire(answer) },
  sending: toWire(sending),
});

export const encodeParcel = ({ raft, requests, answers, regional }: Parcel): Buffer =>
  toBuffer(
    wire.ExchangeRequest.encode({
      hello: undefined,
      raft: raft.map((message) => ({ message: messageToWire(message) })),
      requests: requests.map(requestToWire),
      answers: answers.map(answerToWire),
      regional: regional.map(regionMessageToWire),
    }).finish(),
  );

/** Everything after the greeting. */
export const decodeParcel = (bytes: Uint8Array): Parcel =>
  reading("message of a node", () => {
    const { hello, raft, requests, answers, regional } = wire.ExchangeRequest.decode(bytes);
    if (hello !== undefined) throw new MalformedError("a second greeting");
    return {
      raft: raft.map(messageFromWire),
      requests: requests.map(requestFromWire),
      answers: answers.map((answer) => ({
        requestId: requestId(answer.requestId),
        answer: answerFromWire(answer),
        sending: fromWire(answer.sending),
      })),
      regional: regional.map(regionMessageFromWire),
    };
  });

const helloToWire = (hello: Hello): wire.Hello => ({
  ...hello,
  toNodeId: hello.toNodeId ?? "",
  regions: [...hello.regions],
  voters: [...hello.voters],
  requestsRemembered: toWire(hello.requestsRemembered),
  digestEntries: toWire(hello.digestEntries),
});

const helloFromWire = (hello: wire.Hello): Hello => ({
  ...hello,
  nodeId: nodeId(hello.nodeId),
  toNodeId: hello.toNodeId === "" ? null : nodeId(hello.toNodeId),
  regionId: regionId(hello.regionId),
  // A node that knows of no regions but its own says neither.
  toRegionId: regionId(hello.toRegionId === "" ? hello.regionId : hello.toRegionId),
  regions: (hello.regions.length === 0 ? [hello.regionId] : hello.regions).map(regionId),
  voters: hello.voters.map(nodeId),
  clockAllowanceMs: spanFromWire(hello.clockAllowanceMs),
  requestsRemembered: fromWire(hello.requestsRemembered),
  digestEntries: fromWire(hello.digestEntries),
});

const emptyParcel = { raft: [], requests: [], answers: [], regional: [] };

/** The first request of a stream. */
export const encodeGreeting = (hello: Hello): Buffer =>
  toBuffer(wire.ExchangeRequest.encode({ ...emptyParcel, hello: helloToWire(hello) }).finish());

export const decodeGreeting = (bytes: Uint8Array): Hello =>
  reading("greeting", () => helloFromWire(present(wire.ExchangeRequest.decode(bytes).hello, "the greeting")));

/** The first and only response of a stream. */
export const encodeGreetingAnswer = (hello: Hello): Buffer =>
  toBuffer(wire.ExchangeResponse.encode({ hello: helloToWire(hello) }).finish());

export const decodeGreetingAnswer = (bytes: Uint8Array): Hello =>
  reading("answer to a greeting", () =>
    helloFromWire(present(wire.ExchangeResponse.decode(bytes).hello, "the greeting")),
  );

/** The same bytes, as gRPC wants them. */
const toBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
