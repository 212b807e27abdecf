// Which procedure stands behind which gRPC method. Both services are added to the server here, with a meter for each method.

import type { Metadata, Server, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import * as stateless from "../generated/com/geastalt/lock/grpc/lock.ts";
import * as leased from "../generated/lowkey/v1/lock.ts";
import { type Extras, type OpenStreams, problemTrailer, unary } from "./grpc-calls.ts";
import { heartbeat } from "./heartbeat.ts";
import type { Leased } from "./leased.ts";
import type { Meter, Metrics } from "./metrics.ts";
import { type Desk, procedure } from "./procedure.ts";
import { receiving, strictly } from "./received.ts";
import { statelessMethods } from "./stateless.ts";

export const statelessService = "com.geastalt.lock.grpc.LockService";
export const leasedService = "lowkey.v1.LockService";

/** The paths of all unary calls of both services. */
export const unaryPaths: ReadonlySet<string> = new Set(
  [stateless.LockServiceService, leased.LockServiceService].flatMap((service) =>
    Object.values(service)
      .filter(({ requestStream }) => !requestStream)
      .map(({ path }) => path),
  ),
);

const lockStatusOf = ({ status }: { readonly status: stateless.LockStatus }): number => Math.max(0, status);
const lockStatusOnly = { lockStatus: lockStatusOf, trailer: (): Metadata | undefined => undefined };

/** Adds `com.geastalt.lock.grpc.LockService`. */
export function addStatelessService(server: Server, desk: Desk, metrics: Metrics): void {
  const { acquireLock, releaseLock, checkLock } = statelessMethods(desk);
  const service = stateless.LockServiceService;
  const name = (method: string): string => `${statelessService}/${method}`;
  const meter = (method: string): Meter => metrics.meter(name(method), "grpc");
  const withTrailer: Extras<{ status: stateless.LockStatus; problem: string }> = {
    lockStatus: lockStatusOf,
    trailer: problemTrailer,
  };
  add(
    server,
    {
      acquireLock: receiving(service.acquireLock, strictly(stateless.AcquireLockRequest)),
      releaseLock: receiving(service.releaseLock, strictly(stateless.ReleaseLockRequest)),
      checkLock: receiving(service.checkLock, strictly(stateless.CheckLockRequest)),
    },
    {
      acquireLock: unary(desk, procedure(desk, name("AcquireLock"), acquireLock), meter("AcquireLock"), lockStatusOnly),
      releaseLock: unary(desk, procedure(desk, name("ReleaseLock"), releaseLock), meter("ReleaseLock"), lockStatusOnly),
      checkLock: unary(desk, procedure(desk, name("CheckLock"), checkLock), meter("CheckLock"), withTrailer),
    },
  );
}

/** Adds `lowkey.v1.LockService`. */
export function addLeasedService(
  server: Server,
  desk: Desk,
  procedures: Leased,
  metrics: Metrics,
  streams: OpenStreams,
): void {
  const service = leased.LockServiceService;
  const meter = (method: string): Meter => metrics.meter(`${leasedService}/${method}`, "grpc");
  add(
    server,
    {
      createLease: receiving(service.createLease, strictly(leased.CreateLeaseRequest)),
      renewLease: receiving(service.renewLease, strictly(leased.RenewLeaseRequest)),
      heartbeat: receiving(service.heartbeat, strictly(leased.HeartbeatRequest)),
      acquireLock: receiving(service.acquireLock, strictly(leased.AcquireLockRequest)),
      releaseLock: receiving(service.releaseLock, strictly(leased.ReleaseLockRequest)),
      getStatus: receiving(service.getStatus, strictly(leased.GetStatusRequest)),
      addPeer: receiving(service.addPeer, strictly(leased.AddPeerRequest)),
      removePeer: receiving(service.removePeer, strictly(leased.RemovePeerRequest)),
    },
    {
      createLease: unary(desk, procedures.createLease, meter("CreateLease")),
      renewLease: unary(desk, procedures.renewLease, meter("RenewLease")),
      heartbeat: heartbeat(desk, procedures.heartbeat, meter("Heartbeat"), streams),
      acquireLock: unary(desk, procedures.acquireLock, meter("AcquireLock")),
      releaseLock: unary(desk, procedures.releaseLock, meter("ReleaseLock")),
      getStatus: unary(desk, procedures.getStatus, meter("GetStatus")),
      addPeer: unary(desk, procedures.addPeer, meter("AddPeer")),
      removePeer: unary(desk, procedures.removePeer, meter("RemovePeer")),
    },
  );
}

/** A definition and its implementation, method by method. */
const add = <Names extends string>(
  server: Server,
  definition: Record<Names, unknown>,
  implementation: Record<Names, unknown>,
): void =>
  server.addService(definition as ServiceDefinition, implementation as unknown as UntypedServiceImplementation);
