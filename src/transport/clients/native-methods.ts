// The calls of the native interface that are one operation on the lock table each: a table, from which gRPC, the session and
// HTTP serve them. A row says how a request is read, which operation it is, under which name it is known, how long it may
// wait, and what an answer is in the words of the interface.

import type { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { Answer, Operation, Outcome, Standing } from "../../actors/operations.ts";
import { type Millis, millis, type RequestId, type WallTime } from "../../actors/scalars.ts";
import * as election from "../generated/lockmgr/v1/election.ts";
import * as lock from "../generated/lockmgr/v1/lock.ts";
import { Mode } from "../generated/lockmgr/v1/types.ts";
import type { Settings } from "../settings.ts";
import { type Failure, reasonOf } from "../status.ts";
import { leaseNamed } from "./fields.ts";
import { acquired, checked, released, type Spans, verified } from "./native-answering.ts";
import * as asking from "./native-asking.ts";
import { anyLeaseNamed, numberOfToken } from "./native-fields.ts";
import { nativeRequestId, type Scope } from "./native-request-id.ts";
import * as telling from "./native-telling.ts";
import { sentence } from "./wording.ts";

export interface Codec<Message> {
  readonly encode: (message: Message) => BinaryWriter;
  readonly decode: (input: BinaryReader | Uint8Array) => Message;
}

/** One call. */
export interface NativeMethod<Request, Response> {
  /** "lockmgr.v1.LockService/Acquire". */
  readonly name: string;
  readonly codec: Codec<Request>;
  /** What is to be done, or why not. `arrivedAt` is for people. */
  readonly toOperation: (request: Request, arrivedAt: WallTime) => Operation | asking.Fault;
  /** Under which name the request is known; null if its client has given it none. Asked of valid requests alone. */
  readonly requestId: (request: Request) => RequestId | null;
  /** How long the request may wait in its queues, beside the time that every call may take. */
  readonly wait: (request: Request) => Millis;
  /** What came of it. An answer that is not the last word (`queued`) is told by `toQueued` of native-telling.ts. */
  readonly fromAnswer: (answer: Answer, request: Request) => Response | Failure;
}

/** All calls but the streams. */
export type NativeMethods = ReturnType<typeof newNativeMethods>;

/** What rows are made with. */
interface Surroundings {
  readonly settings: Settings;
  readonly standing: () => Standing | null;
}

/** What most rows say. */
interface Row<Request, Response> {
  readonly name: string;
  readonly codec: Codec<Request>;
  readonly toOperation: NativeMethod<Request, Response>["toOperation"];
  /** Whether it is done where there are several regions. */
  readonly inRegions?: boolean;
  /** Whom the request concerns, if its client may give it a name. */
  readonly scope?: (request: Request) => Scope;
  readonly wait?: (request: Request) => Millis;
  /** Null: the answer does not fit. */
  readonly response: (outcome: Outcome, request: Request) => Response | null;
  /** The lock of which a sentence speaks. */
  readonly about?: (request: Request) => string;
}

const lockService = "lockmgr.v1.LockService";
const electionService = "lockmgr.v1.ElectionService";

/** The client's own time with a ttl: it ends before the service's, whatever clocks do. */
export const usableMs = (ttl: Millis, { config: { cluster } }: Settings): bigint =>
  BigInt(Math.max(0, Math.floor(ttl * (1 - cluster.clockRateErrorMax) - cluster.clockAllowanceMs)));

export function newNativeMethods(surroundings: Surroundings) {
  const { settings } = surroundings;
  const row = <Request extends object, Response>(given: Row<Request, Response>): NativeMethod<Request, Response> =>
    method(surroundings, given);
  const term = { usable: (ttl: Millis) => ({ ttlMs: telling.wholeMs(ttl), usableMs: usableMs(ttl, settings) }) };
  return {
    ...leaseRows(row, settings, term),
    ...grantRows(row, settings, term),
    ...lookRows(row, settings),
    ...interventionRows(row),
    ...electionRows(row, settings, term),
  };
}

type MakeRow = <Request extends object, Response>(given: Row<Request, Response>) => NativeMethod<Request, Response>;

const leaseRows = (row: MakeRow, settings: Settings, { usable }: Spans) => ({
  openLease: row<lock.OpenLeaseRequest, lock.OpenLeaseResponse>({
    name: `${lockService}/OpenLease`,
    codec: lock.OpenLeaseRequest,
    inRegions: true,
    toOperation: (request) => asking.openLease(request, settings),
    scope: ({ owner }) => ({ owner }),
    response: (outcome) =>
      outcome.type === "leaseOpened" ? { leaseId: BigInt(outcome.lease), ...usable(outcome.ttl) } : null,
  }),
  renewLease: row<lock.RenewLeaseRequest, lock.RenewLeaseResponse>({
    name: `${lockService}/RenewLease`,
    codec: lock.RenewLeaseRequest,
    inRegions: true,
    toOperation: asking.renewLease,
    response: (outcome) => (outcome.type === "leaseRenewed" ? usable(outcome.ttl) : null),
  }),
  revokeLease: row<lock.RevokeLeaseRequest, lock.RevokeLeaseResponse>({
    name: `${lockService}/RevokeLease`,
    codec: lock.RevokeLeaseRequest,
    toOperation: asking.revokeLease,
    scope: ({ leaseId }) => ({ lease: leaseNamed(leaseId) }),
    response: (outcome) => (outcome.type === "leaseClosed" ? { locks: outcome.locks } : null),
  }),
});

const acquireScope = ({ under, owner }: lock.AcquireRequest): Scope =>
  under?.$case === "leaseId" ? { lease: leaseNamed(under.value) } : { owner };

const grantRows = (row: MakeRow, settings: Settings, spans: Spans) => ({
  acquire: row<lock.AcquireRequest, lock.AcquireResponse>({
    name: `${lockService}/Acquire`,
    codec: lock.AcquireRequest,
    inRegions: true,
    toOperation: (request, arrivedAt) => asking.acquire(request, arrivedAt, settings),
    scope: acquireScope,
    wait: ({ waitMs }) => asking.waitOf(waitMs),
    response: (outcome, request) => acquired(outcome, request, spans),
    about: ({ demands }) => demands[0]?.lock ?? "",
  }),
  release: row<lock.ReleaseRequest, lock.ReleaseResponse>({
    name: `${lockService}/Release`,
    codec: lock.ReleaseRequest,
    inRegions: true,
    toOperation: (request) => asking.release(request, settings),
    scope: ({ leaseId }) => ({ lease: anyLeaseNamed(leaseId) }),
    response: released,
    // Where there are no regions the token says what is meant, whatever lock is named with it.
    about: ({ lock }) => (asking.hasRegions(settings) ? lock : ""),
  }),
  cancel: row<lock.CancelRequest, lock.CancelResponse>({
    name: `${lockService}/Cancel`,
    codec: lock.CancelRequest,
    inRegions: true,
    toOperation: (request) => asking.cancel(request, settings),
    response: (outcome) => (outcome.type === "cancelled" ? { token: BigInt(outcome.token ?? 0) } : null),
  }),
  proclaim: row<lock.ProclaimRequest, lock.ProclaimResponse>({
    name: `${lockService}/Proclaim`,
    codec: lock.ProclaimRequest,
    toOperation: asking.proclaim,
    scope: ({ leaseId }) => ({ lease: anyLeaseNamed(leaseId) }),
    response: (outcome) => (outcome.type === "proclaimed" ? {} : null),
    about: ({ lock }) => lock,
  }),
});

const lookRows = (row: MakeRow, settings: Settings) => ({
  verify: row<lock.VerifyRequest, lock.VerifyResponse>({
    name: `${lockService}/Verify`,
    codec: lock.VerifyRequest,
    inRegions: true,
    toOperation: (request) => asking.verify(request, settings),
    response: verified,
  }),
  check: row<lock.CheckRequest, lock.CheckResponse>({
    name: `${lockService}/Check`,
    codec: lock.CheckRequest,
    inRegions: true,
    toOperation: (request) => asking.check(request, settings),
    response: checked,
  }),
  listLocks: row<lock.ListLocksRequest, lock.ListLocksResponse>({
    name: `${lockService}/ListLocks`,
    codec: lock.ListLocksRequest,
    toOperation: asking.listLocks,
    response: (outcome) => (outcome.type === "locksSeen" ? telling.toLocksPage(outcome) : null),
  }),
  listWaiters: row<lock.ListWaitersRequest, lock.ListWaitersResponse>({
    name: `${lockService}/ListWaiters`,
    codec: lock.ListWaitersRequest,
    toOperation: asking.listWaiters,
    response: (outcome, { pageToken }) =>
      outcome.type === "waitersSeen" ? telling.toWaitersPage(outcome, Number(numberOfToken(pageToken))) : null,
  }),
  listLeases: row<lock.ListLeasesRequest, lock.ListLeasesResponse>({
    name: `${lockService}/ListLeases`,
    codec: lock.ListLeasesRequest,
    toOperation: asking.listLeases,
    response: (outcome) => (outcome.type === "leasesSeen" ? telling.toLeasesPage(outcome) : null),
  }),
  getWaitGraph: row<lock.GetWaitGraphRequest, lock.GetWaitGraphResponse>({
    name: `${lockService}/GetWaitGraph`,
    codec: lock.GetWaitGraphRequest,
    toOperation: asking.getWaitGraph,
    response: (outcome) =>
      outcome.type === "waitsSeen" ? { waits: outcome.waits.map(telling.toWait), complete: outcome.isWhole } : null,
  }),
});

const interventionRows = (row: MakeRow) => ({
  askYield: row<lock.AskYieldRequest, lock.AskYieldResponse>({
    name: `${lockService}/AskYield`,
    codec: lock.AskYieldRequest,
    toOperation: asking.askYield,
    scope: ({ lock }) => ({ lock }),
    response: (outcome) => (outcome.type === "yieldAsked" ? { tokens: outcome.tokens.map(BigInt) } : null),
    about: ({ lock }) => lock,
  }),
  forceRelease: row<lock.ForceReleaseRequest, lock.ForceReleaseResponse>({
    name: `${lockService}/ForceRelease`,
    codec: lock.ForceReleaseRequest,
    toOperation: asking.forceRelease,
    scope: ({ lock }) => ({ lock }),
    response: (outcome) => (outcome.type === "forced" ? { tokens: outcome.tokens.map(BigInt) } : null),
    about: ({ lock }) => lock,
  }),
});

const electionRows = (row: MakeRow, settings: Settings, spans: Spans) => ({
  campaign: row<election.CampaignRequest, election.CampaignResponse>({
    name: `${electionService}/Campaign`,
    codec: election.CampaignRequest,
    toOperation: (request, arrivedAt) => campaign(request, arrivedAt, settings),
    scope: ({ leaseId }) => ({ lease: leaseNamed(leaseId) }),
    wait: ({ waitMs }) => asking.waitOf(waitMs),
    response: (outcome, request) => {
      const result = acquired(outcome, asAcquire(request), spans);
      return result === null ? null : { result };
    },
    about: ({ election }) => election,
  }),
  proclaimLeader: row<election.ProclaimLeaderRequest, election.ProclaimLeaderResponse>({
    name: `${electionService}/ProclaimLeader`,
    codec: election.ProclaimLeaderRequest,
    toOperation: ({ election: name, value, ...request }) =>
      inElection(asking.proclaim({ ...request, lock: name, metadata: value })),
    scope: ({ leaseId }) => ({ lease: anyLeaseNamed(leaseId) }),
    response: (outcome) => (outcome.type === "proclaimed" ? {} : null),
    about: ({ election }) => election,
  }),
  resign: row<election.ResignRequest, election.ResignResponse>({
    name: `${electionService}/Resign`,
    codec: election.ResignRequest,
    toOperation: (request) => asking.release({ ...request, lock: "" }, settings),
    scope: ({ leaseId }) => ({ lease: anyLeaseNamed(leaseId) }),
    response: (outcome) => (released(outcome) === null ? null : {}),
  }),
});

/** A campaign is an acquire of one lock. */
const asAcquire = (request: election.CampaignRequest): lock.AcquireRequest => ({
  demands: [{ lock: request.election, mode: Mode.MODE_EXCLUSIVE, permits: 1, limit: 0 }],
  owner: request.owner,
  under: { $case: "leaseId", value: request.leaseId },
  waitMs: request.waitMs,
  priority: 0,
  lockDelayMs: request.lockDelayMs,
  metadata: request.value,
  context: "",
  requestId: request.requestId,
});

const campaign = (request: election.CampaignRequest, arrivedAt: WallTime, settings: Settings) =>
  inElection(asking.acquire(asAcquire(request), arrivedAt, settings));

/** The fields of an election have names of their own. */
const inElection = <Asked extends Operation>(asked: Asked | asking.Fault): Asked | asking.Fault =>
  asked.type === "fault"
    ? {
        ...asked,
        message: asked.message.replace(/^(demands\[0\]\.lock|lock) /, "election ").replace(/^metadata /, "value "),
      }
    : asked;

/** Makes a row whole: what all calls have in common. */
function method<Request extends object, Response>(
  { settings, standing }: Surroundings,
  { name, codec, toOperation, inRegions, scope, wait, response, about }: Row<Request, Response>,
): NativeMethod<Request, Response> {
  const isServed = inRegions === true || !asking.hasRegions(settings);
  const chosen = (request: Request): string => ("requestId" in request ? String(request.requestId) : "");
  return {
    name,
    codec,
    toOperation: (request, arrivedAt) => (isServed ? toOperation(request, arrivedAt) : asking.unservedInRegions),
    requestId: (request) => {
      const words = chosen(request);
      return scope === undefined || words === "" ? null : nativeRequestId(scope(request), words);
    },
    wait: wait ?? (() => millis(0)),
    fromAnswer: (answer, request) => {
      const told = answer.type === "refused" ? null : response(answer, request);
      if (told !== null) return told;
      const reason = reasonOf(answer.type === "refused" ? answer.refusal : answer.type);
      if (reason !== "unexpected") return { reason, message: sentence(answer, about?.(request) ?? "", standing()) };
      return scope === undefined || chosen(request) === ""
        ? { reason, message: `the answer, ${answer.type}, does not fit the question` }
        : { reason: "invalid", message: "request_id was the name of another request before" };
    },
  };
}
