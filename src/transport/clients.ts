// The resident `clients`: gRPC and HTTP for clients. It turns bytes into letters to the gateway and answers into bytes; it
// decides nothing. What each interface says stands in `clients/`.

import { setLogger } from "@grpc/grpc-js";
import type { Standing } from "../actors/operations.ts";
import { type NodeId, wallTime } from "../actors/scalars.ts";
import { adopter } from "./clients/adopted.ts";
import { newCalls } from "./clients/calls.ts";
import { newOpenStreams } from "./clients/grpc-calls.ts";
import { newGrpcServer, openGrpcServer } from "./clients/grpc-server.ts";
import { newHealth } from "./clients/health.ts";
import { newHttpServer, openHttpServer } from "./clients/http.ts";
import { newLeased } from "./clients/leased.ts";
import { newMetrics } from "./clients/metrics.ts";
import { addNativeRoutes } from "./clients/native-http.ts";
import {
  addNativeServices,
  electionService,
  nativeService,
  nativeUnaryPaths,
  waitingPaths,
} from "./clients/native-services.ts";
import { addOpenApi } from "./clients/openapi.ts";
import type { Desk } from "./clients/procedure.ts";
import { addReflection } from "./clients/reflection.ts";
import { newRegions } from "./clients/regions.ts";
import { addLeasedRoutes, addNodeRoutes, notReadyReason } from "./clients/routes.ts";
import {
  addLeasedService,
  addStatelessService,
  leasedService,
  statelessService,
  unaryPaths,
} from "./clients/services.ts";
import type { Resident, StartResident } from "./resident.ts";

/** How long calls that are under way may take to be answered when the node stops, and as long again may their answers take. */
export const graceMs = 1_000;

const services = [statelessService, leasedService, nativeService, electionService];
const listed = [...services, "grpc.health.v1.Health"];

export const startClients: StartResident<"clients"> = async (surroundings) => {
  const { settings, log, now, inspectNode } = surroundings;
  const post: Desk["post"] = (letter) => surroundings.post("gateway", letter);
  let standing: Standing | null = null;
  const calls = newCalls(post);
  const regions = newRegions(settings.config.cluster, now);
  const desk: Desk = {
    settings,
    post,
    now,
    wallNow: () => wallTime(Date.now()),
    calls,
    standing: () => standing,
    regions: regions.views,
  };
  const notReady = (): string | null => (calls.isClosed() ? "the node is stopping" : notReadyReason(standing));

  // What grpc-js has to say is about clients' mistakes: it must not fill the operator's terminal.
  const quiet = (...words: unknown[]): void => log.debug({ words }, "grpc");
  setLogger({ error: quiet, info: quiet, debug: quiet });

  const metrics = newMetrics(inspectNode, { version: settings.version, regions: regions.views });
  const leased = newLeased(desk);
  const streams = newOpenStreams();
  const health = newHealth(services);
  const server = newGrpcServer(settings);
  addStatelessService(server, desk, metrics);
  addLeasedService(server, desk, leased, metrics, streams);
  addNativeServices(server, { desk, metrics, streams });
  health.addTo(adopter(server, streams));
  addReflection(adopter(server, streams), listed);
  const app = newHttpServer(settings);
  addLeasedRoutes(app, desk, leased, metrics);
  addNodeRoutes(app, metrics, notReady);
  addNativeRoutes(app, { desk, metrics, streams });
  addOpenApi(app, settings.version);

  const grpc = await openGrpcServer(server, settings, {
    unary: new Set([...unaryPaths, ...nativeUnaryPaths]),
    waiting: waitingPaths,
  });
  const http = await openHttpServer(app, settings).catch(async (error) => {
    await grpc.stop(Promise.resolve());
    throw error;
  });

  const resident: Resident<"clients"> = {
    receive: (letter) => {
      switch (letter.type) {
        case "answered":
          return calls.answer(letter.call, letter.answer);
        case "waiting":
          return calls.wait(letter.call, letter.answer);
        case "watched":
        case "watchGone":
          return calls.watched(letter);
        case "counted":
          return calls.count(letter.call, letter.counts);
        case "regions":
          return regions.told(letter.regions);
        case "standing":
          standing = letter.standing;
          log.info(standing, describe(standing, settings.config.node.nodeId));
          return health.set(notReady() === null);
      }
    },
    inspect: () => ({
      grpcPort: grpc.port,
      httpPort: http.port,
      callsUnderWay: calls.underWay(),
      streams: streams.size(),
      grpcConnections: grpc.connections(),
      httpConnections: http.connections(),
      ready: notReady() === null ? 1 : 0,
    }),
    cut: grpc.cut,
    stop: async () => {
      calls.close();
      health.set(false);
      streams.end();
      const late = newLastCall(calls.abandon);
      await Promise.all([grpc.stop(late.over), http.stop(late.over)]);
      late.forget();
      calls.abandon();
    },
  };
  return resident;
};

/** Tells when what has not been answered will not be. `over` once the answers have had time to go out: counted from there, so
 *  that a process that was not run for a while does not cut them off. */
function newLastCall(tell: () => void): { readonly over: Promise<void>; readonly forget: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      tell();
      timer = setTimeout(resolve, graceMs);
    }, graceMs);
  });
  return { over, forget: () => clearTimeout(timer) };
}

function describe({ leader, leaderReachable }: Standing, self: NodeId): string {
  if (leader === null) return "no leader is known";
  if (leader === self) return "this node leads";
  return leaderReachable ? "follows a leader" : "does not reach the leader";
}
