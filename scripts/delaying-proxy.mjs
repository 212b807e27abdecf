// A TCP proxy that holds back whatever it passes on, as a long way would: each direction keeps its order, every byte takes so long.
// What is under way is bounded: a sender that is faster than its receiver is not read from.

import { connect, createServer } from "node:net";

/** So much may be under way in one direction of one connection. */
const bytesMax = 8 * 1024 * 1024;

/** Passes connections on to `target`, {host, port}, each byte after `delayMs`. Resolves once it listens, on a port of the system's choice. */
export async function openDelayingProxy(target, delayMs, host = "127.0.0.1") {
  const sockets = new Set();
  const keep = (socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("close", () => sockets.delete(socket));
  };
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ ...target, allowHalfOpen: true });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ]) {
      keep(socket);
      // A connection that fails on one side is of no use on the other.
      socket.on("error", () => other.resetAndDestroy());
      passOn(socket, other, delayMs);
    }
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, host, resolve);
  });
  return {
    port: server.address().port,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function passOn(from, to, delayMs) {
  /** In the order of their arrival; an end has no chunk. */
  const underWay = [];
  let bytes = 0;
  let timer = null;
  let blocked = false;
  let ended = false;

  function arrive(chunk) {
    underWay.push({ dueAt: performance.now() + delayMs, chunk });
    bytes += chunk?.length ?? 0;
    if (bytes > bytesMax) from.pause();
    schedule();
  }

  function schedule() {
    if (timer !== null || blocked || underWay.length === 0) return;
    timer = setTimeout(deliver, Math.max(0, Math.ceil(underWay[0].dueAt - performance.now())));
  }

  function deliver() {
    timer = null;
    while (!blocked && underWay.length > 0 && underWay[0].dueAt <= performance.now()) {
      const { chunk } = underWay.shift();
      if (chunk === null) {
        ended = true;
        to.end();
        continue;
      }
      bytes -= chunk.length;
      blocked = !to.write(chunk);
    }
    if (bytes <= bytesMax / 2) from.resume();
    schedule();
  }

  from.on("data", arrive);
  from.on("end", () => arrive(null));
  to.on("drain", () => {
    blocked = false;
    deliver();
  });
  to.on("close", () => {
    clearTimeout(timer);
    // What was passed on to its end may still have something coming the other way.
    if (!ended) from.destroy();
  });
}
