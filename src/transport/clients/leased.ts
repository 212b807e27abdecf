// The leased interface, `lowkey.v1.LockService`: leases, and locks held under them, the same over gRPC and HTTP. What a
// client does not get is told as an error.

import { hostname } from "node:os";
import type { RegionView } from "../../actors/ballots.ts";
import type { Answer } from "../../actors/operations.ts";
import { millis } from "../../actors/scalars.ts";
import type {
  AcquireLockRequest,
  AcquireLockResponse,
  AddPeerRequest,
  AddPeerResponse,
  CreateLeaseRequest,
  CreateLeaseResponse,
  GetStatusRequest,
  GetStatusResponse,
  HeartbeatRequest,
  HeartbeatResponse,
  RegionStatus,
  ReleaseLockRequest,
  ReleaseLockResponse,
  RemovePeerRequest,
  RemovePeerResponse,
  RenewLeaseRequest,
  RenewLeaseResponse,
} from "../generated/lowkey/v1/lock.ts";
import type { Settings } from "../settings.ts";
import { type Failure, reasonOf } from "../status.ts";
import { leaseNamed, leaseProblem, textProblem, ttlProblem, wholeSeconds } from "./fields.ts";
import {
  type Desk,
  type Invalid,
  invalid,
  type Method,
  type Procedure,
  procedure,
  stopping,
  unserved,
} from "./procedure.ts";
import { sentence } from "./wording.ts";

/** The calls of this interface. */
export interface Leased {
  readonly createLease: Procedure<CreateLeaseRequest, CreateLeaseResponse>;
  readonly renewLease: Procedure<RenewLeaseRequest, RenewLeaseResponse>;
  readonly heartbeat: Procedure<HeartbeatRequest, HeartbeatResponse>;
  readonly acquireLock: Procedure<AcquireLockRequest, AcquireLockResponse>;
  readonly releaseLock: Procedure<ReleaseLockRequest, ReleaseLockResponse>;
  readonly getStatus: Procedure<GetStatusRequest, GetStatusResponse>;
  readonly addPeer: Procedure<AddPeerRequest, AddPeerResponse>;
  readonly removePeer: Procedure<RemovePeerRequest, RemovePeerResponse>;
}

/** Tells why the answer is not what the client wanted. */
type Tell = (answer: Answer | Invalid, lock?: string) => Failure;

export function newLeased(desk: Desk): Leased {
  const tell: Tell = (answer, lock = "") => {
    if (answer.type === "invalid") return { reason: "invalid", message: answer.message };
    const reason = reasonOf(answer.type === "refused" ? answer.refusal : answer.type);
    const message = sentence(answer, lock, desk.standing());
    return { reason, message: message === "" ? `the answer, ${answer.type}, does not fit the question` : message };
  };
  const serve = <Request, Response>(name: string, method: Method<Request, Response>): Procedure<Request, Response> =>
    procedure(desk, `lowkey.v1.LockService/${name}`, method);
  const renewLease = { operation: renewal, response: renewed(tell, (_lease, ttlSeconds) => ({ ttlSeconds })) };
  const beat = { operation: renewal, response: renewed(tell, (leaseId, ttlSeconds) => ({ leaseId, ttlSeconds })) };
  return {
    createLease: serve("CreateLease", createLease(desk, tell)),
    renewLease: serve("RenewLease", renewLease),
    heartbeat: serve("Heartbeat", beat),
    acquireLock: serve("AcquireLock", acquireLock(tell)),
    releaseLock: serve("ReleaseLock", releaseLock(tell)),
    getStatus: getStatus(desk),
    addPeer: unserved(membership),
    removePeer: unserved(membership),
  };
}

const membership =
  "the members of a group are fixed when it starts, by RAFT_PEERS; they cannot be changed while it runs";

const createLease = ({ settings }: Desk, tell: Tell): Method<CreateLeaseRequest, CreateLeaseResponse> => ({
  operation: ({ ownerId, ttlSeconds }) => {
    const problem = textProblem("owner_id", ownerId) ?? ttlProblem("ttl_seconds", ttlSeconds, settings);
    if (problem !== null) return invalid(problem);
    return { type: "openLease", owner: ownerId, ttl: millis(Number(ttlSeconds) * 1000) };
  },
  response: (answer) =>
    answer.type === "leaseOpened"
      ? { leaseId: BigInt(answer.lease), ttlSeconds: wholeSeconds(answer.ttl) }
      : tell(answer),
});

const renewal: Method<RenewLeaseRequest, RenewLeaseResponse>["operation"] = ({ leaseId }) => {
  const problem = leaseProblem("lease_id", leaseId);
  return problem === null ? { type: "renewLease", lease: leaseNamed(leaseId) } : invalid(problem);
};

const renewed =
  <Response>(tell: Tell, response: (leaseId: bigint, ttlSeconds: bigint) => Response) =>
  (answer: Answer | Invalid): Response | Failure =>
    answer.type === "leaseRenewed" ? response(BigInt(answer.lease), wholeSeconds(answer.ttl)) : tell(answer);

const acquireLock = (tell: Tell): Method<AcquireLockRequest, AcquireLockResponse> => ({
  operation: ({ lockName, ownerId, leaseId }, arrivedAt) => {
    const problem =
      textProblem("lock_name", lockName) ?? textProblem("owner_id", ownerId) ?? leaseProblem("lease_id", leaseId);
    if (problem !== null) return invalid(problem);
    const under = { lease: leaseNamed(leaseId) };
    return { type: "acquire", lock: lockName, owner: ownerId, under, askedAt: arrivedAt };
  },
  response: (answer, { lockName }) =>
    answer.type === "granted"
      ? { fencingToken: BigInt(answer.token), leaseTtlSeconds: wholeSeconds(answer.ttl) }
      : tell(answer, lockName),
});

const releaseLock = (tell: Tell): Method<ReleaseLockRequest, ReleaseLockResponse> => ({
  operation: ({ lockName, leaseId }) => {
    const problem = textProblem("lock_name", lockName) ?? leaseProblem("lease_id", leaseId);
    if (problem !== null) return invalid(problem);
    return { type: "release", lock: lockName, grant: { lease: leaseNamed(leaseId) } };
  },
  response: (answer, { lockName }) => (answer.type === "released" ? { released: true } : tell(answer, lockName)),
});

/** What the node knows of itself and its group; it asks nobody else. */
const getStatus =
  ({ calls, post, settings, standing, regions }: Desk): Procedure<GetStatusRequest, GetStatusResponse> =>
  (_asked, done) => {
    if (calls.isClosed()) {
      done(stopping);
      return null;
    }
    const call = calls.openCount((counts) => {
      if (counts === null) return done(stopping);
      const known = standing();
      const { nodeId } = settings.config.node;
      done({
        nodeId,
        isLeader: known?.role === "leader",
        leaderAddress: known?.leader === nodeId ? ownAddress(settings) : (known?.leaderAddress ?? ""),
        clusterSize: settings.config.cluster.voters.length,
        state: known?.role ?? "follower",
        stats: { leases: counts.leases, locks: counts.locks, fencingCounter: BigInt(counts.fencingCounter) },
        regions: regions().map(regionStatus),
      });
    });
    post({ type: "count", call });
    return call;
  };

/** To a thousandth of a millisecond. */
const rounded = (span: number | null): number | undefined =>
  span === null ? undefined : Math.round(span * 1_000) / 1_000;

const regionStatus = ({ region, reachable, leader, roundTrip, silence }: RegionView): RegionStatus => ({
  regionId: region,
  reachable,
  leader: leader ?? "",
  roundTripMs: rounded(roundTrip),
  silenceMs: rounded(silence),
});

/** Where this node serves its clients, as far as it can know: a node that listens on every interface names its host. */
function ownAddress({ grpcAddress: { host, port } }: Settings): string {
  const isEverywhere = host === "0.0.0.0" || host === "::";
  return `${isEverywhere ? hostname() : host}:${port}`;
}
