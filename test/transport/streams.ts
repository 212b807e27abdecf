// Nodes that speak to each other on real sockets, and what may stand between them.

import { connect, createServer, type Socket } from "node:net";
import { Client, type ClientDuplexStream, credentials, type StatusObject } from "@grpc/grpc-js";
import { startPeers } from "../../src/transport/peers.ts";
import { exchange, type Patience, usualPatience } from "../../src/transport/peers-wire.ts";
import type { Settings } from "../../src/transport/settings.ts";
import { patienceMs } from "../patience.ts";
import { mailroom } from "./surroundings.ts";

export const host = "127.0.0.1";

/** Of nodes that take nobody for dead who is only slow. */
export const patient: Patience = { ...usualPatience, helloMs: patienceMs, silenceMs: patienceMs, answerMs: patienceMs };

export async function start(of: Settings, patience = patient) {
  const room = mailroom<"peers">(of);
  const peers = await startPeers(room, patience);
  return { room, peers, port: Number(peers.inspect().port) };
}

/** A stream to a node, opened by somebody who is none. */
export function stranger(
  port: number,
  first: Buffer,
): { ended: Promise<StatusObject>; stream: ClientDuplexStream<Buffer, Buffer>; close: () => void } {
  const client = new Client(`${host}:${port}`, credentials.createInsecure());
  const stream = client.makeBidiStreamRequest(exchange.path, exchange.requestSerialize, exchange.responseDeserialize);
  const ended = new Promise<StatusObject>((resolve) => {
    stream.on("error", () => undefined);
    stream.on("status", resolve);
  });
  stream.on("data", () => undefined);
  stream.write(first);
  return { ended, stream, close: () => client.close() };
}

/** Stands between two nodes, and can stop to pass anything on without closing. */
export async function openTunnel(target: number, port = 0) {
  const sockets: Socket[] = [];
  const tunnel = { port: 0, frozen: false, close: () => undefined };
  const server = createServer((near) => {
    const far = connect(target, host);
    sockets.push(near, far);
    near.on("error", () => undefined).on("data", (bytes) => tunnel.frozen || far.write(bytes));
    far.on("error", () => undefined).on("data", (bytes) => tunnel.frozen || near.write(bytes));
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  tunnel.port = (server.address() as { port: number }).port;
  tunnel.close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return tunnel;
}
