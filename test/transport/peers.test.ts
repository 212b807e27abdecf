import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { status } from "@grpc/grpc-js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RaftMessage } from "../../src/actors/messages.ts";
import { logIndex, millis, nodeId, requestId, term } from "../../src/actors/scalars.ts";
import { encodeGreeting, encodeParcel } from "../../src/transport/codec-peer.ts";
import { helloTo } from "../../src/transport/peers-hello.ts";
import { exchange, usualPatience } from "../../src/transport/peers-wire.ts";
import { exitCodes, StartError } from "../../src/transport/resident.ts";
import type { Settings } from "../../src/transport/settings.ts";
import { freePort } from "../cluster/ports.ts";
import { host, openTunnel, patient, start, stranger } from "./streams.ts";
import { type Mailroom, settingsOf } from "./surroundings.ts";

const test = suite("transport/peers");

const voters = ["a", "b"];

const settings = (node: string, changes: Partial<Settings> & { other: number; port?: number }): Settings => {
  const { other, port = 0, ...rest } = changes;
  const peer = { nodeId: nodeId(node === "a" ? "b" : "a"), host, port: other };
  return settingsOf({ node, voters, regionAddress: { host, port }, peers: [peer], ...rest });
};

async function startPair(changes: Partial<Settings> = {}) {
  const portOfB = await freePort();
  const a = await start(settings("a", { other: portOfB }));
  const b = await start(settings("b", { other: a.port, port: portOfB, ...changes }));
  return { a, b, stop: () => Promise.all([a.peers.stop(), b.peers.stop()]) };
}

const message: RaftMessage = { type: "voteResponse", term: term(7), granted: true };
const toA = { type: "send", to: nodeId("a"), message } as const;
const toB = { type: "send", to: nodeId("b"), message } as const;

/** The link of a node to another is up. */
async function up({ room }: { room: Mailroom<"peers"> }): Promise<string> {
  const { clientAddress } = await room.letter("gateway", "link");
  assert.type(clientAddress, "string");
  return clientAddress;
}

test("two nodes find each other, and tell where the other serves clients", async () => {
  const { a, b, stop } = await startPair({ grpcAddress: { host, port: 4711 } });
  assert.is(await up(a), "127.0.0.1:4711");
  assert.is(await up(b), "127.0.0.1:9090");
  await stop();
});

test("what one node says arrives at the other whole and in order", async () => {
  const { a, b, stop } = await startPair();
  await Promise.all([up(a), up(b)]);
  for (let index = 1; index <= 50; index++) {
    a.peers.receive({ ...toB, message: { type: "timeoutNow", term: term(1), lastIndex: logIndex(index) } });
  }
  const request = {
    requestId: requestId("r"),
    bornAt: logIndex(3),
    operation: { type: "check", lock: "l" },
    bytes: 10,
    budget: millis(12.5),
    sending: 3,
  } as const;
  a.peers.receive({ type: "forward", to: nodeId("b"), requests: [request] });
  b.peers.receive({
    type: "reply",
    to: nodeId("a"),
    answers: [{ requestId: requestId("r"), answer: { type: "free" }, sending: 3 }],
  });
  for (let index = 1; index <= 50; index++) {
    const received = await b.room.letter("raft", "received");
    assert.equal([received.from, received.message.lastIndex], ["a", index]);
  }
  assert.equal(await b.room.letter("gateway", "forwarded"), { type: "forwarded", from: "a", requests: [request] });
  const answers = [{ requestId: "r", answer: { type: "free" }, sending: 3 }];
  assert.equal(await a.room.letter("gateway", "replied"), { type: "replied", from: "b", answers });
  await stop();
});

test("nodes that are configured differently do not talk", async () => {
  const wrong = settingsOf({ node: "b", voters: ["a", "b", "c"] }).config;
  const { a, b, stop } = await startPair({ config: wrong });
  const { ended, close } = stranger(a.port, encodeGreeting(helloTo(nodeId("a"), b.room.settings)));
  const { code, details } = await ended;
  assert.is(code, status.FAILED_PRECONDITION);
  assert.match(details, 'voters is ["a","b","c"] on b and ["a","b"] on a');
  close();
  assert.equal([...a.room.posted, ...b.room.posted], []);
  await stop();
});

test("a node of another name, or one that looks for another, is sent away", async () => {
  const a = await start(settings("a", { other: await freePort() }));
  const greetings: [RegExp, Buffer][] = [
    [/no node z is known/, encodeGreeting(helloTo(nodeId("a"), settingsOf({ node: "z", voters })))],
    [/q was expected and a is here/, encodeGreeting(helloTo(nodeId("q"), settingsOf({ node: "b", voters })))],
  ];
  for (const [expected, greeting] of greetings) {
    const { ended, close } = stranger(a.port, greeting);
    assert.match((await ended).details, expected);
    close();
  }
  await a.peers.stop();
});

test("a node that comes back is found again", async () => {
  const { a, b } = await startPair();
  await Promise.all([up(a), up(b)]);
  await b.peers.stop();
  assert.is((await a.room.letter("gateway", "link")).clientAddress, null);
  const again = await start(b.room.settings);
  await up(a);
  a.peers.receive(toB);
  assert.equal((await again.room.letter("raft", "received")).message, message);
  await up(again);
  again.peers.receive(toA);
  assert.equal((await a.room.letter("raft", "received")).message, message);
  await Promise.all([a.peers.stop(), again.peers.stop()]);
});

test("before its thread ends, a node hangs up on all others and is deaf", async () => {
  const { a, b } = await startPair();
  await Promise.all([up(a), up(b)]);
  a.peers.cut?.();
  assert.is(a.peers.inspect().linksUp, 0);
  assert.is((await b.room.letter("gateway", "link")).clientAddress, null);
  const stranded = stranger(a.port, encodeGreeting(helloTo(nodeId("a"), b.room.settings)));
  assert.is((await stranded.ended).code, status.UNAVAILABLE);
  stranded.close();
  await Promise.all([a.peers.stop(), b.peers.stop()]);
});

test("a connection that swallows everything is given up and dialled again", async () => {
  const b = await start(settings("b", { other: await freePort() }), usualPatience);
  const tunnel = await openTunnel(b.port);
  const a = await start(settings("a", { other: tunnel.port }), usualPatience);
  await up(a);
  tunnel.frozen = true;
  assert.is((await a.room.letter("gateway", "link")).clientAddress, null);
  tunnel.frozen = false;
  await up(a);
  await Promise.all([a.peers.stop(), b.peers.stop()]);
  tunnel.close();
});

test("garbage at the port is answered or cut off, and reaches no actor", async () => {
  const portOfB = await freePort();
  const a = await start(settings("a", { other: portOfB }));
  const settingsOfB = settings("b", { other: a.port, port: portOfB });
  const greeting = encodeGreeting(helloTo(nodeId("a"), settingsOfB));
  const garbage = [
    Buffer.alloc(0),
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    Buffer.alloc(5_000, 255),
    Buffer.from([10, 2, 8, 1]),
  ];
  for (const bytes of garbage) {
    const { ended, close } = stranger(a.port, bytes);
    assert.is.not((await ended).code, status.OK);
    close();
  }
  // A second greeting, an entry out of place, a message without a kind, text that is not UTF-8.
  const disorder = encodeParcel({
    raft: [
      {
        type: "appendRequest",
        term: term(1),
        previousIndex: logIndex(1),
        previousTerm: term(1),
        entries: [{ index: logIndex(7), term: term(1), command: { type: "noop" } }],
        commitIndex: logIndex(0),
        round: 0,
        digest: null,
      },
    ],
    requests: [],
    answers: [],
    regional: [],
  });
  for (const bytes of [greeting, disorder, Buffer.from([18, 0]), Buffer.from([26, 3, 10, 1, 0xff])]) {
    const { ended, stream, close } = stranger(a.port, greeting);
    stream.write(bytes);
    const { code } = await ended;
    assert.ok(code === status.INVALID_ARGUMENT || code === status.UNIMPLEMENTED, `status ${code}`);
    close();
  }
  const raw = connect(a.port, host);
  raw.on("error", () => undefined).resume();
  raw.write(Buffer.alloc(10_000, 0x41));
  await new Promise((resolve) => raw.on("close", resolve));
  assert.equal(a.room.failures, []);
  assert.is(a.room.posted.filter(({ to }) => to === "raft").length, 0);
  // A stranger pushes the true stream aside; it comes back.
  const b = await start(settingsOfB);
  await up(b);
  const { ended, close } = stranger(a.port, greeting);
  assert.is((await b.room.letter("gateway", "link")).clientAddress, null);
  assert.is((await ended).code, status.ABORTED);
  close();
  const saying = setInterval(() => b.peers.receive(toA), 20);
  await a.room.letter("raft", "received");
  clearInterval(saying);
  await Promise.all([a.peers.stop(), b.peers.stop()]);
});

test("who opens a stream and says nothing is sent away", async () => {
  const a = await start(settings("a", { other: await freePort() }), { ...patient, helloMs: 100 });
  const session = connectHttp2(`http://${host}:${a.port}`);
  const stream = session.request({
    ":method": "POST",
    ":path": exchange.path,
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.resume();
  const trailers = await new Promise<Record<string, unknown>>((resolve) => {
    stream.on("response", (headers) => headers["grpc-status"] !== undefined && resolve(headers));
    stream.on("trailers", resolve);
  });
  assert.is(String(trailers["grpc-status"]), String(status.DEADLINE_EXCEEDED));
  session.destroy();
  await a.peers.stop();
});

test("an entry that this version cannot read stops the node", async () => {
  // The other node does not run: it would dial again, and push aside whoever speaks in its name.
  const a = await start(settings("a", { other: await freePort() }));
  const { ended, stream, close } = stranger(
    a.port,
    encodeGreeting(helloTo(nodeId("a"), settingsOf({ node: "b", voters }))),
  );
  // An append request of term 1 with entry 1, whose command has number 15.
  stream.write(Buffer.from([18, 12, 42, 10, 8, 1, 34, 6, 8, 1, 16, 1, 122, 0]));
  await ended;
  assert.match((await a.room.failure()).message, /entry 1: a kind of command that this version does not know/);
  close();
  await a.peers.stop();
});

test("a port that is taken is a clear refusal to start", async () => {
  const a = await start(settings("a", { other: await freePort() }));
  try {
    await start(settings("b", { other: a.port, port: a.port }));
    assert.unreachable();
  } catch (error) {
    assert.instance(error, StartError);
    assert.is((error as StartError).exitCode, exitCodes.unavailable);
    assert.match((error as StartError).message, `REGION_PORT ${a.port}`);
  }
  await a.peers.stop();
});

test("a node without others listens all the same", async () => {
  const { peers, port } = await start(settingsOf());
  assert.ok(port > 0);
  peers.receive(toB);
  await peers.stop();
});

test("a peer that does not read costs a bounded amount of memory", async () => {
  const b = await start(settings("b", { other: await freePort() }));
  const tunnel = await openTunnel(b.port);
  const a = await start(settings("a", { other: tunnel.port }));
  await up(a);
  tunnel.frozen = true;
  const position = { index: logIndex(1), term: term(1) };
  const chunk = { position, chunk: 0, chunks: 1, bytes: new Uint8Array(4 << 20), checksum: 0 };
  for (let turn = 0; turn < 20; turn++) {
    a.peers.receive({ ...toB, message: { type: "snapshotRequest", term: term(1), chunk } });
    await new Promise(setImmediate);
  }
  assert.ok(Number(a.peers.inspect().messagesDropped) > 0);
  await Promise.all([a.peers.stop(), b.peers.stop()]);
  tunnel.close();
});

test.run();
