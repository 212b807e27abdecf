// Clients of this service, over gRPC as any client would: the stateless interface for locks, the heartbeat stream of the
// other one for renewals.

import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { HeartbeatRequest, HeartbeatResponse } from "../../src/transport/generated/lowkey/v1/lock.ts";
import { type LeaseClient, leaseClient, type StatelessClient, statelessClient } from "../../test/cluster/clients.ts";
import type { Client, Driver, Target } from "../system.ts";

/** So many connections a worker opens at most; its clients share them. */
const connectionsMax = 32;
const withinMs = 30_000;
const timeoutMs = 300_000;
const ttlSeconds = 60;

interface Connection {
  readonly stateless: StatelessClient;
  readonly leases: LeaseClient;
}

export function openLockmgr(target: Target): Driver {
  const connections: Connection[] = [];
  const connection = (number: number): Connection => {
    const place = number % connectionsMax;
    const address = target.addresses[number % target.addresses.length] ?? "";
    const found = connections[place] ?? { stateless: statelessClient(address), leases: leaseClient(address) };
    connections[place] = found;
    return found;
  };
  return {
    client: (number) => openClient(connection(number), `client-${number}`),
    close: () => {
      for (const { stateless, leases } of connections.filter(Boolean)) {
        stateless.close();
        leases.close();
      }
    },
  };
}

function openClient({ stateless, leases }: Connection, name: string): Client {
  let beats: ((answered: () => void, failed: (error: Error) => void) => void) | null = null;
  return {
    acquire: async (lock) => {
      const { status, token, message } = await stateless.acquire({ lock, client: name, timeoutMs }, { withinMs });
      if (status === "OK") return { token };
      if (status === "ALREADY_LOCKED") return null;
      throw new Error(`acquire: ${status} ${message}`);
    },
    release: async (lock, { token }) => {
      const { status, message } = await stateless.release({ lock, client: name, token }, { withinMs });
      if (status !== "OK") throw new Error(`release: ${status} ${message}`);
    },
    renew: async () => {
      beats ??= heartbeat(leases, (await leases.createLease({ owner: name, ttlSeconds })).lease);
      const beat = beats;
      await new Promise<void>(beat);
    },
  };
}

/** A stream on which one renewal at a time is sent and answered. */
function heartbeat(leases: LeaseClient, lease: number) {
  const stream: ClientDuplexStream<HeartbeatRequest, HeartbeatResponse> = leases.stub.heartbeat();
  const request = { leaseId: BigInt(lease) };
  let answered = () => {};
  let failed = (_: Error) => {};
  stream.on("data", () => answered());
  stream.on("error", (error: Error) => failed(error));
  return (onAnswer: () => void, onFailure: (error: Error) => void) => {
    answered = onAnswer;
    failed = onFailure;
    stream.write(request);
  };
}
