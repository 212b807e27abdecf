// What is served over HTTP: the unary calls of the leased interface as JSON, whether the node is alive and ready, and its
// metrics.

import { status } from "@grpc/grpc-js";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Standing } from "../../actors/operations.ts";
import { millis } from "../../actors/scalars.ts";
import {
  AcquireLockRequest,
  CreateLeaseRequest,
  GetStatusRequest,
  ReleaseLockRequest,
  RenewLeaseRequest,
} from "../generated/lowkey/v1/lock.ts";
import { grpcStatus, httpStatus, isFailure } from "../status.ts";
import { sendError } from "./http.ts";
import { type Fields, readJson, type Values, writeJson } from "./json.ts";
import type { Leased } from "./leased.ts";
import type { Meter, Metrics } from "./metrics.ts";
import type { Desk, Procedure } from "./procedure.ts";

/** A procedure as a route. */
interface Route<F extends Fields, Response> {
  readonly fields: F;
  readonly procedure: Procedure<Values<F>, Response>;
  readonly encode: (request: Values<F>) => Uint8Array;
  readonly meter: Meter;
}

const none = new Uint8Array();

/** Adds the routes of the leased interface. */
export function addLeasedRoutes(app: FastifyInstance, desk: Desk, leased: Leased, metrics: Metrics): void {
  const meter = (name: string): Meter => metrics.meter(`lowkey.v1.LockService/${name}`, "http");
  app.post(
    "/v1/lease",
    serve(desk, {
      fields: { ownerId: "string", ttlSeconds: "int64" },
      procedure: leased.createLease,
      encode: (request) => CreateLeaseRequest.encode(request).finish(),
      meter: meter("CreateLease"),
    }),
  );
  app.post(
    "/v1/lease/renew",
    serve(desk, {
      fields: { leaseId: "uint64" },
      procedure: leased.renewLease,
      encode: (request) => RenewLeaseRequest.encode(request).finish(),
      meter: meter("RenewLease"),
    }),
  );
  app.post(
    "/v1/lock/acquire",
    serve(desk, {
      fields: { lockName: "string", ownerId: "string", leaseId: "uint64" },
      procedure: leased.acquireLock,
      encode: (request) => AcquireLockRequest.encode(request).finish(),
      meter: meter("AcquireLock"),
    }),
  );
  app.post(
    "/v1/lock/release",
    serve(desk, {
      fields: { lockName: "string", leaseId: "uint64" },
      procedure: leased.releaseLock,
      encode: (request) => ReleaseLockRequest.encode(request).finish(),
      meter: meter("ReleaseLock"),
    }),
  );
  app.get(
    "/v1/status",
    serve(desk, {
      fields: {},
      procedure: leased.getStatus,
      encode: (request) => GetStatusRequest.encode(request).finish(),
      meter: meter("GetStatus"),
    }),
  );
  const peer = { nodeId: "string", raftAddress: "string" } as const;
  app.post(
    "/v1/cluster/peers",
    serve(desk, { fields: peer, procedure: leased.addPeer, encode: () => none, meter: meter("AddPeer") }),
  );
  app.delete(
    "/v1/cluster/peers/:nodeId",
    serve(desk, {
      fields: { nodeId: "string" },
      procedure: leased.removePeer,
      encode: () => none,
      meter: meter("RemovePeer"),
    }),
  );
}

/** Serves a route: reads, asks, writes; a client that goes away cancels. */
function serve<F extends Fields, Response extends object>(
  { settings, now, calls }: Desk,
  { fields, procedure, encode, meter }: Route<F, Response>,
) {
  return (request: FastifyRequest, reply: FastifyReply): void => {
    const startedAt = now();
    const tell = (code: status): void => meter.count(code, 0, millis(now() - startedAt));
    const done = (result: Response | Parameters<typeof isFailure>[0]): void => {
      if (!isFailure(result)) {
        tell(status.OK);
        reply.type("application/json").send(writeJson(result));
        return;
      }
      tell(grpcStatus[result.reason]);
      sendError(reply, httpStatus[result.reason], result.message, grpcStatus[result.reason]);
    };
    const asked = readJson(request.body instanceof Uint8Array ? request.body : none, fields);
    if (typeof asked === "string") {
      done({ reason: "invalid", message: asked });
      return;
    }
    const header = request.headers["x-request-id"];
    const requestId = typeof header === "string" && header !== "" ? header : null;
    const call = procedure({ request: asked, bytes: encode(asked), requestId, budget: settings.requestMsMax }, done);
    if (call === null) return;
    reply.raw.on("close", () => {
      if (calls.cancel(call)) tell(status.CANCELLED);
    });
  };
}

/** Adds what orchestrators and Prometheus ask. */
export function addNodeRoutes(app: FastifyInstance, metrics: Metrics, notReady: () => string | null): void {
  app.get("/healthz", (_request, reply) => {
    reply.type("application/json").send('{"status":"alive"}');
  });
  app.get("/readyz", (_request, reply) => {
    const reason = notReady();
    if (reason === null) reply.type("application/json").send('{"status":"ready"}');
    else sendError(reply, 503, reason);
  });
  app.get("/metrics", async (_request, reply) => reply.type(metrics.contentType).send(await metrics.scrape()));
}

/** Why a node that sees its group like this cannot serve; null if it can. */
export function notReadyReason(standing: Standing | null): string | null {
  if (standing === null) return "the node has not heard from its group yet";
  if (standing.leaderReachable) return null;
  if (standing.leader === null) return "no leader is known";
  return `the leader, ${standing.leader}, cannot be reached`;
}
