// One link to another node: it is dialled as long as it takes, it believes nobody who answers as somebody else, and what it has written
// no longer counts as waiting.

import { createServer } from "node:net";
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { pino } from "pino";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { logIndex, nodeId, term } from "../../src/actors/scalars.ts";
import { decodeGreeting, encodeGreetingAnswer, type Hello } from "../../src/transport/codec-peer.ts";
import { helloTo } from "../../src/transport/peers-hello.ts";
import { openLink } from "../../src/transport/peers-link.ts";
import { exchange } from "../../src/transport/peers-wire.ts";
import { freePort } from "../cluster/ports.ts";
import { patienceMs } from "../patience.ts";
import { host, patient } from "./streams.ts";
import { settingsOf } from "./surroundings.ts";

const test = suite("transport/peers-link");

const ours = helloTo(nodeId("b"), settingsOf({ node: "a", voters: ["a", "b"] }));
const theirs = helloTo(nodeId("a"), settingsOf({ node: "b", voters: ["a", "b"] }));

/** Somebody who answers every greeting with `answer`, and reads on. */
async function listen(answer: Hello, port = 0) {
  const greeted: Hello[] = [];
  let messages = 0;
  let left = 0;
  const server = new Server();
  const serve = (stream: ServerDuplexStream<Buffer, Buffer>): void => {
    stream.once("data", (message: Buffer) => {
      greeted.push(decodeGreeting(message));
      stream.write(encodeGreetingAnswer(answer));
      stream.on("data", () => messages++);
    });
    stream.on("error", () => undefined);
    stream.on("cancelled", () => left++);
    stream.on("end", () => stream.end());
  };
  server.addService({ exchange }, { exchange: serve });
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, at) =>
      error === null ? resolve(at) : reject(error),
    ),
  );
  return { port: bound, greeted, messages: () => messages, left: () => left, close: () => server.forceShutdown() };
}

/** A link, and what becomes of it. */
function dial(port: number) {
  const events: string[] = [];
  const link = openLink({
    address: { host, port },
    name: "b",
    hello: ours,
    patience: patient,
    log: pino({ level: "silent" }),
    onUp: () => events.push("up"),
    onDown: () => events.push("down"),
  });
  return { link, events };
}

async function until(condition: () => boolean): Promise<void> {
  const begun = performance.now();
  while (!condition()) {
    if (performance.now() - begun > patienceMs) throw new Error("what was waited for did not come");
    await new Promise(setImmediate);
  }
}

test("a link is dialled however often that has failed before", async () => {
  const port = await freePort();
  let attempts = 0;
  const deaf = createServer((socket) => {
    attempts++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => deaf.listen(port, host, resolve));
  const { link, events } = dial(port);
  await until(() => attempts >= 6);
  await new Promise((resolve) => deaf.close(resolve));
  const other = await listen(theirs, port);
  await until(() => events.length > 0);
  assert.equal(events, ["up"]);
  await link.close();
  other.close();
});

test("whoever answers as another, or does not agree, is not spoken to", async () => {
  const wrong: Partial<Hello>[] = [{ nodeId: nodeId("c") }, { digestEntries: 7 }, { clusterId: "another" }];
  for (const change of wrong) {
    const other = await listen({ ...theirs, ...change });
    const { link, events } = dial(other.port);
    await until(() => other.greeted.length > 0);
    await until(() => other.left() > 0 || events.length > 0);
    assert.equal([events, link.inspect().up], [[], false], JSON.stringify(change));
    await link.close();
    other.close();
  }
});

test("what has been written does not count as waiting", async () => {
  const other = await listen(theirs);
  const { link, events } = dial(other.port);
  await until(() => events.length > 0);
  for (let turn = 1; turn <= 20; turn++) {
    link.tell({ type: "timeoutNow", term: term(1), lastIndex: logIndex(turn) });
    await new Promise(setImmediate);
  }
  await until(() => other.messages() >= 20);
  await until(() => link.inspect().pendingBytes === 0);
  assert.is(link.inspect().dropped, 0);
  await link.close();
  other.close();
});

test.run();
