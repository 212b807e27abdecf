// HTTP/2 by hand, for what a well-behaved gRPC client never does, and for connections by the thousand.

import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";

/** A message as gRPC frames it: not compressed, its length, its bytes. */
export function frame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** A connection of its own. Rejects if it is refused. */
export const openSession = (address: string): Promise<ClientHttp2Session> =>
  new Promise((resolve, reject) => {
    const session = connect(`http://${address}`);
    session.once("connect", () => {
      session.on("error", () => undefined);
      resolve(session);
    });
    session.once("error", reject);
  });

export const openStream = (session: ClientHttp2Session, path: string): ClientHttp2Stream => {
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: "POST",
    [constants.HTTP2_HEADER_PATH]: path,
    [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => undefined);
  return stream;
};

/** The gRPC status of one unary call; -1 if the stream ended without one. */
export const callRaw = (session: ClientHttp2Session, path: string, message: Uint8Array): Promise<number> =>
  new Promise((resolve) => {
    let grpcStatus = -1;
    let stream: ClientHttp2Stream;
    try {
      stream = openStream(session, path);
    } catch {
      resolve(-1);
      return;
    }
    const note = (headers: { readonly "grpc-status"?: unknown }) => {
      if (headers["grpc-status"] !== undefined) grpcStatus = Number(headers["grpc-status"]);
    };
    stream.on("response", note).on("trailers", note);
    stream.on("close", () => resolve(grpcStatus));
    stream.resume();
    stream.end(frame(message));
  });
