// Ports for servers under test: on loopback, free at the moment of asking, and below the range from which the system
// draws the local ports of outgoing connections, so that no connection of a neighbour takes one before its server does. Test
// files run side by side, and a port may be given out long before its server listens: so each process draws from blocks of its
// own. Whoever listens on the first port of a block owns the block until it ends.

import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";

const lowest = 10_000;
const blockSize = 100;
const blocks = Math.floor((endOfBlocks() - lowest) / blockSize);

/** Where outgoing connections begin, where the system says so and leaves room below; otherwise where they usually do. */
function endOfBlocks(): number {
  const usual = 32_000;
  try {
    const begins = Number.parseInt(readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8"), 10);
    return begins >= lowest + 20 * blockSize ? Math.min(begins, usual) : usual;
  } catch {
    return usual;
  }
}

/** What is left of this process' blocks. */
let left: number[] = [];

/** A port that nobody listens on, never given out twice while this process lives. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = left.shift();
    if (port === undefined) left = await takeBlock();
    else if (await isFree(port)) return port;
  }
}

/** The ports of a block that no process of this kind has, without its first. */
async function takeBlock(): Promise<number[]> {
  const start = Math.floor(Math.random() * blocks);
  for (let n = 0; n < blocks; n += 1) {
    const first = lowest + ((start + n) % blocks) * blockSize;
    const mark = await listenOn(first);
    if (mark === null) continue;
    mark.unref();
    return Array.from({ length: blockSize - 1 }, (_, offset) => first + 1 + offset);
  }
  throw new Error("there is no free port on loopback");
}

/** Whether a server could listen on `port` of every local address. */
export async function isFree(port: number): Promise<boolean> {
  const probe = await listenOn(port);
  if (probe === null) return false;
  await new Promise((resolve) => probe.close(resolve));
  return true;
}

const listenOn = (port: number): Promise<Server | null> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(null));
    server.listen({ port, host: "0.0.0.0", exclusive: true }, () => resolve(server));
  });
