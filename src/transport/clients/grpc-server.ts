// The gRPC server as a whole: its socket, its limits, and its end. grpc-js leaves most limits off; they are set here. The
// socket is our own, so that connections can be counted and a failure to listen can be told in one line.

import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { createServer } from "node:net";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import type { Settings } from "../settings.ts";
import { listen, trackConnections } from "./listen.ts";

export interface GrpcServer {
  readonly port: number;
  readonly connections: () => number;
  /** No call begins any more; resolves when all have ended, at the latest when it is late. */
  readonly stop: (late: Promise<void>) => Promise<void>;
  /** Drops all connections as they are. */
  readonly cut: () => void;
}

/** A connection without calls is closed after this long. */
const idleMs = 600_000;
/** A connection that is silent for this long is asked whether it lives, and closed if it does not answer. */
const keepaliveMs = 30_000;
const keepaliveAnswerMs = 10_000;
/** What one connection may take in memory, in MB. */
const sessionMemory = 64;
/** How much longer than the longest request a unary call may stand still before it is ended. */
export const stalledMs = 5_000;
/** The longest span that Node's timers hold; grpc-js lets longer deadlines wrap to negative ones. */
const timerMsMax = 2 ** 31 - 1;

export function newGrpcServer({ requestBytesMax, streamsPerConnectionMax }: Settings): Server {
  return new Server({
    "grpc.max_receive_message_length": requestBytesMax,
    "grpc.max_concurrent_streams": streamsPerConnectionMax,
    "grpc.max_connection_idle_ms": idleMs,
    "grpc.keepalive_time_ms": keepaliveMs,
    "grpc.keepalive_timeout_ms": keepaliveAnswerMs,
    "grpc-node.max_session_memory": sessionMemory,
    "grpc.enable_channelz": 0,
  });
}

/** The paths of calls that must not stand still: at no time, or until their request has come in. */
export interface GuardedPaths {
  readonly unary: ReadonlySet<string>;
  readonly waiting: ReadonlySet<string>;
}

/** Opens the door. */
export async function openGrpcServer(server: Server, settings: Settings, paths: GuardedPaths): Promise<GrpcServer> {
  const credentials = ServerCredentials.createInsecure();
  const injector = server.createConnectionInjector(credentials);
  guardStreams(server, settings, paths);
  const socket = createServer({ noDelay: true }, (connection) => injector.injectConnection(connection));
  socket.maxConnections = settings.connectionsMax;
  const connections = trackConnections(socket);
  const port = await listen(socket, settings.grpcAddress, "GRPC_PORT");
  const drop = (): void => {
    for (const connection of connections) connection.destroy();
  };
  return {
    port,
    connections: () => connections.size,
    cut: () => {
      socket.close();
      drop();
    },
    stop: async (late) => {
      const closed = new Promise<void>((resolve) => socket.close(() => resolve()));
      const shutDown = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      // From Node 24 on grpc-js calls itself shut down while calls are under way; the connections last as long as they do.
      await Promise.race([Promise.all([shutDown, closed]), late]);
      server.forceShutdown();
      drop();
      await closed;
    },
  };
}

/** Looks at every request before grpc-js does, which trusts headers too much and waits for bodies for ever. */
function guardStreams(server: Server, { requestMsMax }: Settings, { unary, waiting }: GuardedPaths): void {
  const { http2Servers } = server as unknown as { readonly http2Servers?: ReadonlyMap<Http2Server, unknown> };
  const [http2Server] = http2Servers?.keys() ?? [];
  if (http2Server === undefined) throw new Error("this release of @grpc/grpc-js keeps its HTTP/2 server elsewhere");
  http2Server.prependListener("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const timeout = headers["grpc-timeout"];
    if (timeout !== undefined && isAbsurd(String(timeout))) delete headers["grpc-timeout"];
    const path = headers[":path"] as string;
    if (unary.has(path)) {
      stream.setTimeout(requestMsMax + stalledMs, () => endStalled(stream));
    } else if (waiting.has(path)) {
      stream.setTimeout(requestMsMax + stalledMs, () => endStalled(stream));
      stream.once("end", () => stream.setTimeout(0));
    } else if (!/^[!-~]{1,256}$/.test(path)) {
      // An unknown method is named in the answer's headers, which do not hold everything.
      headers[":path"] = encodeURI(Buffer.from(path).toString("utf8")).slice(0, 256);
    }
  });
}

/** Ends a call whose request never came in full. */
function endStalled(stream: ServerHttp2Stream): void {
  if (!stream.headersSent && !stream.destroyed) {
    const headers = {
      ":status": 200,
      "content-type": "application/grpc+proto",
      "grpc-status": status.DEADLINE_EXCEEDED,
    };
    stream.respond({ ...headers, "grpc-message": "the request did not arrive in time" }, { endStream: true });
  }
  stream.close();
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1 };

/** Whether a deadline is so far off that it is none. */
const isAbsurd = (timeout: string): boolean =>
  Number.parseInt(timeout, 10) * (unitMs[timeout.at(-1) ?? ""] ?? 0) > timerMsMax;
