// The proxy that stands for a long way between regions.

import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";

interface Proxy {
  readonly port: number;
  readonly close: () => void;
}

/** Compiled, this file stands in dist/test/scripts. */
const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const { openDelayingProxy } = (await import(pathToFileURL(join(root, "scripts", "delaying-proxy.mjs")).href)) as {
  openDelayingProxy: (target: { host: string; port: number }, delayMs: number) => Promise<Proxy>;
};

const test = suite("scripts/delaying-proxy");
const host = "127.0.0.1";
const delayMs = 30;

interface Way {
  readonly proxy: Proxy;
  /** The end that has dialled. */
  readonly near: Socket;
  /** The end that was dialled. */
  readonly far: Socket;
  readonly close: () => void;
}

async function openWay(): Promise<Way> {
  const server: Server = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const proxy = await openDelayingProxy({ host, port: (server.address() as { port: number }).port }, delayMs);
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const near = connect({ port: proxy.port, host, allowHalfOpen: true });
  const far = await accepted;
  for (const socket of [near, far]) socket.on("error", () => undefined);
  const close = (): void => {
    for (const socket of [near, far]) socket.destroy();
    proxy.close();
    server.close();
  };
  return { proxy, near, far, close };
}

const everything = (socket: Socket): Promise<Buffer> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("end", () => resolve(Buffer.concat(chunks)));
    socket.resume();
  });

test("both directions keep their order, and what is said takes at least the delay each way", async () => {
  const { near, far, close } = await openWay();
  const startedAt = performance.now();
  const words = Array.from({ length: 500 }, (_, n) => `word ${n} `);
  for (const word of words) near.write(word);
  near.end();
  const heard = await everything(far);
  const arrivedAt = performance.now();
  far.end(heard);
  assert.ok((await everything(near)).equals(Buffer.from(words.join(""))));
  // A timer of the platform may be early by less than a millisecond.
  assert.ok(arrivedAt - startedAt >= delayMs - 1);
  assert.ok(performance.now() - arrivedAt >= delayMs - 1);
  close();
});

test("a receiver that does not read holds the sender up, and gets everything when it reads", async () => {
  const { near, far, close } = await openWay();
  far.pause();
  const chunk = Buffer.alloc(1024 * 1024);
  const chunks = 64;
  for (let count = 0; count < chunks; count++) near.write(chunk);
  near.end();
  // As much as fits on the way has gone once nothing more goes.
  for (let left = Number.POSITIVE_INFINITY, still = 0; still < 10; ) {
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    still = near.writableLength === left ? still + 1 : 0;
    left = near.writableLength;
  }
  assert.ok(near.writableLength > (chunks / 2) * chunk.length);
  assert.is((await everything(far)).length, chunks * chunk.length);
  close();
});

test("a connection that is broken on one side is broken on the other", async () => {
  const { near, far, close } = await openWay();
  const closed = new Promise((resolve) => near.on("close", resolve));
  near.resume();
  far.resetAndDestroy();
  await closed;
  close();
});

test("a connection to nobody is closed", async () => {
  const { proxy, close } = await openWay();
  const nowhere = await openDelayingProxy({ host, port: proxy.port }, 0);
  proxy.close();
  const socket = connect(nowhere.port, host);
  socket.on("error", () => undefined).resume();
  await new Promise((resolve) => socket.on("close", resolve));
  nowhere.close();
  close();
});

test.run();
