// Ports for servers under test: on loopback, free at the moment of asking, and outside the range from which the system
// draws the local ports of outgoing connections, so that no connection of a neighbour takes one before its server does.

import { createServer } from "node:net";

const lowest = 10_000;
const highest = 32_000;
const given = new Set<number>();

/** A port that nobody listens on, never given out twice by this process. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 1_000; attempt += 1) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error("there is no free port on loopback");
}

/** Whether a server could listen on `port` of every local address. */
export const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: "0.0.0.0", exclusive: true }, () => probe.close(() => resolve(true)));
  });
