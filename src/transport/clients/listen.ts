// Listening, and what to tell the operator when it cannot be done.

import type { AddressInfo, Server, Socket } from "node:net";
import { exitCodes, StartError } from "../resident.ts";
import type { Address } from "../settings.ts";

/** Listens; the port is the one that was bound. `variable` is what the operator would change. */
export function listen(server: Server, { host, port }: Address, variable: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(cannotListen(error, { host, port }, variable));
    server.once("error", onError);
    server.listen({ host, port }, () => {
      server.removeListener("error", onError);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** The error that stops the start. */
export function cannotListen(error: NodeJS.ErrnoException, { host, port }: Address, variable: string): StartError {
  const why: Record<string, string> = {
    EADDRINUSE: "is already in use",
    EACCES: "may not be listened on by this user",
    EADDRNOTAVAIL: `cannot be listened on: this machine has no address ${host}`,
    ENOTFOUND: `cannot be listened on: there is no host ${host}`,
  };
  const problem = why[error.code ?? ""] ?? `cannot be listened on: ${error.message}`;
  return new StartError(`${variable} ${port} ${problem}`, exitCodes.unavailable);
}

/** Keeps count of a server's connections, so that they can be closed when it stops. */
export function trackConnections(server: Server): Set<Socket> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return sockets;
}
