// The two interfaces as a client sees them: one promise per call, always with a deadline, outcomes as words.

import { type CallOptions, type ClientUnaryCall, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { LockServiceClient as StatelessStub } from "../../src/transport/generated/com/geastalt/lock/grpc/lock.ts";
import { LockServiceClient as LeaseStub } from "../../src/transport/generated/lowkey/v1/lock.ts";
import { patienceMs } from "../patience.ts";

/** The values of `LockStatus`, by number, without their common prefix. */
export const lockStatuses = [
  "UNSPECIFIED",
  "OK",
  "ALREADY_LOCKED",
  "NOT_FOUND",
  "INVALID_TOKEN",
  "EXPIRED",
  "QUORUM_FAILED",
  "ERROR",
  "TIMEOUT",
  "NOT_LEADER",
] as const;
export type LockStatusName = (typeof lockStatuses)[number] | "unknown";

export interface CallSettings {
  /** The deadline, from now. */
  readonly withinMs?: number;
  /** Sent as `x-request-id`. */
  readonly requestId?: string;
}

export interface Acquired {
  readonly status: LockStatusName;
  readonly token: number;
  readonly expiresAt: number;
  readonly message: string;
}

export interface Released {
  readonly status: LockStatusName;
  readonly message: string;
}

export interface Checked {
  readonly status: LockStatusName;
  readonly isLocked: boolean;
  readonly holder: string;
  readonly token: number;
  readonly ttlMs: number;
}

/** `com.geastalt.lock.grpc.LockService`. */
export interface StatelessClient {
  readonly acquire: (
    request: { readonly lock: string; readonly client: string; readonly timeoutMs: number },
    settings?: CallSettings,
  ) => Promise<Acquired>;
  readonly release: (
    request: { readonly lock: string; readonly client: string; readonly token: number },
    settings?: CallSettings,
  ) => Promise<Released>;
  readonly check: (lock: string, settings?: CallSettings) => Promise<Checked>;
  readonly close: () => void;
}

/** `lowkey.v1.LockService`. Outcomes other than success reject with a `ServiceError`. */
export interface LeaseClient {
  readonly createLease: (
    request: { readonly owner: string; readonly ttlSeconds: number },
    settings?: CallSettings,
  ) => Promise<{ readonly lease: number; readonly ttlSeconds: number }>;
  readonly renew: (lease: number, settings?: CallSettings) => Promise<{ readonly ttlSeconds: number }>;
  readonly acquire: (
    request: { readonly lock: string; readonly owner: string; readonly lease: number },
    settings?: CallSettings,
  ) => Promise<{ readonly token: number; readonly ttlSeconds: number }>;
  readonly release: (
    request: { readonly lock: string; readonly lease: number },
    settings?: CallSettings,
  ) => Promise<{ readonly released: boolean }>;
  /** The whole interface, for what is not above. */
  readonly stub: LeaseStub;
  readonly close: () => void;
}

/** Waits little between attempts to connect, and shares no connection with another client. */
export const channelOptions = {
  "grpc.initial_reconnect_backoff_ms": 50,
  "grpc.min_reconnect_backoff_ms": 50,
  "grpc.max_reconnect_backoff_ms": 200,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_retries": 0,
} as const;

/** A client of the node at `address` (`host:port`). */
export function statelessClient(address: string): StatelessClient {
  const stub = new StatelessStub(address, credentials.createInsecure(), channelOptions);
  return {
    acquire: async ({ lock, client, timeoutMs }, settings) => {
      const request = { lockId: lock, clientId: client, timeoutMs: BigInt(timeoutMs) };
      const answer = await unary(stub.acquireLock.bind(stub), request, settings);
      return {
        status: nameOf(answer.status),
        token: Number(answer.fencingToken),
        expiresAt: Number(answer.expiresAt),
        message: answer.errorMessage,
      };
    },
    release: async ({ lock, client, token }, settings) => {
      const request = { lockId: lock, clientId: client, fencingToken: BigInt(token) };
      const answer = await unary(stub.releaseLock.bind(stub), request, settings);
      return { status: nameOf(answer.status), message: answer.errorMessage };
    },
    check: async (lock, settings) => {
      const answer = await unary(stub.checkLock.bind(stub), { lockId: lock }, settings);
      return {
        status: nameOf(answer.status),
        isLocked: answer.isLocked,
        holder: answer.holderId,
        token: Number(answer.fencingToken),
        ttlMs: Number(answer.ttlMs),
      };
    },
    close: () => stub.close(),
  };
}

/** A client of the node at `address` (`host:port`). */
export function leaseClient(address: string): LeaseClient {
  const stub = new LeaseStub(address, credentials.createInsecure(), channelOptions);
  return {
    createLease: async ({ owner, ttlSeconds }, settings) => {
      const request = { ownerId: owner, ttlSeconds: BigInt(ttlSeconds) };
      const answer = await unary(stub.createLease.bind(stub), request, settings);
      return { lease: Number(answer.leaseId), ttlSeconds: Number(answer.ttlSeconds) };
    },
    renew: async (lease, settings) => {
      const answer = await unary(stub.renewLease.bind(stub), { leaseId: BigInt(lease) }, settings);
      return { ttlSeconds: Number(answer.ttlSeconds) };
    },
    acquire: async ({ lock, owner, lease }, settings) => {
      const request = { lockName: lock, ownerId: owner, leaseId: BigInt(lease) };
      const answer = await unary(stub.acquireLock.bind(stub), request, settings);
      return { token: Number(answer.fencingToken), ttlSeconds: Number(answer.leaseTtlSeconds) };
    },
    release: ({ lock, lease }, settings) =>
      unary(stub.releaseLock.bind(stub), { lockName: lock, leaseId: BigInt(lease) }, settings),
    stub,
    close: () => stub.close(),
  };
}

type Method<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/** One unary call. Rejects with a `ServiceError`. */
export const unary = <Request, Response>(
  method: Method<Request, Response>,
  request: Request,
  { withinMs = patienceMs, requestId }: CallSettings = {},
): Promise<Response> =>
  new Promise((resolve, reject) => {
    const metadata = new Metadata();
    if (requestId !== undefined) metadata.set("x-request-id", requestId);
    method(request, metadata, { deadline: Date.now() + withinMs }, (error, response) =>
      error === null ? resolve(response) : reject(error),
    );
  });

/** The gRPC status code of a rejected call. */
export const codeOf = (error: unknown): number => (error as ServiceError).code;

const nameOf = (status: number): LockStatusName => lockStatuses[status] ?? "unknown";
