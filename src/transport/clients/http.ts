// The HTTP server as a whole: limits, errors in one shape, and its end. What it serves stands in `routes.ts`. Every body is
// read as JSON, whatever its content type says, because `curl -d` says something else.

import { maxHeaderSize, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { status } from "@grpc/grpc-js";
import { type FastifyInstance, type FastifyReply, fastify } from "fastify";
import type { Settings } from "../settings.ts";
import { listen, trackConnections } from "./listen.ts";

export interface HttpServer {
  readonly port: number;
  readonly connections: () => number;
  /** No request begins any more; resolves when all have ended, at the latest when it is late. */
  readonly stop: (late: Promise<void>) => Promise<void>;
}

/** How long headers, and a whole request, may take to arrive; how often that is looked at; how long idle connections stay. */
const headersMs = 10_000;
const requestMs = 15_000;
const checkMs = 2_000;
const keepAliveMs = 65_000;
const pathBytesMax = 1024;

export function newHttpServer({ requestBytesMax }: Settings): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: requestBytesMax,
    requestTimeout: requestMs,
    keepAliveTimeout: keepAliveMs,
    http: { headersTimeout: headersMs, connectionsCheckingInterval: checkMs },
    routerOptions: { maxParamLength: pathBytesMax },
    return503OnClosing: false,
    forceCloseConnections: "idle",
    clientErrorHandler: (error, socket) => refuseConnection(error, socket),
    frameworkErrors: (error, _request, reply) => sendError(reply, error.statusCode ?? 400, error.message),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.setErrorHandler<Error & { statusCode?: number; code?: string }>((error, _request, reply) => {
    const limit =
      error.code === "FST_ERR_CTP_BODY_TOO_LARGE" ? `the body is over the limit of ${requestBytesMax} bytes` : null;
    sendError(reply, error.statusCode ?? 500, limit ?? error.message);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0]?.slice(0, pathBytesMax);
    sendError(reply, 404, `there is nothing at ${request.method} ${path}`);
  });
  return app;
}

/** Opens the door. */
export async function openHttpServer(app: FastifyInstance, settings: Settings): Promise<HttpServer> {
  await app.ready();
  const { server } = app;
  server.maxConnections = settings.connectionsMax;
  const connections = trackConnections(server);
  const port = await listen(server, settings.httpAddress, "HTTP_PORT");
  return {
    port,
    connections: () => connections.size,
    stop: async (late) => {
      void late.then(() => {
        for (const connection of connections) connection.destroy();
      });
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await Promise.all([app.close(), closed]);
    },
  };
}

/** Errors of HTTP itself, in the codes of gRPC. */
const codeOf: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  404: status.NOT_FOUND,
  408: status.DEADLINE_EXCEEDED,
  413: status.RESOURCE_EXHAUSTED,
  414: status.INVALID_ARGUMENT,
  415: status.INVALID_ARGUMENT,
  431: status.RESOURCE_EXHAUSTED,
  503: status.UNAVAILABLE,
};

const errorBody = (statusCode: number, message: string, code = codeOf[statusCode] ?? status.INTERNAL): string =>
  JSON.stringify({ code, message });

/** Every error has this shape. `code` is the one of gRPC. */
export function sendError(reply: FastifyReply, statusCode: number, message: string, code?: status): void {
  reply
    .code(statusCode)
    .type("application/json")
    .send(errorBody(statusCode, message, code));
}

/** Bytes that are no request, or too many, or too slow: told on the bare connection, which is then closed. */
function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  const problems: Record<string, readonly [number, string]> = {
    HPE_HEADER_OVERFLOW: [431, `the headers are over the limit of ${maxHeaderSize} bytes`],
    ERR_HTTP_REQUEST_TIMEOUT: [408, `the request did not arrive within ${requestMs} ms`],
  };
  const [statusCode, message] = problems[error.code ?? ""] ?? [400, "this is not an HTTP request"];
  const body = errorBody(statusCode, message);
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}\r\ncontent-type: application/json\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}
