// Peers on real sockets, held against what the simulator's network does without faults: what one node says to another arrives once
// and in its order, however much it is and however turns cut it; what is lost with a connection is the end of what was said.

import { Client, credentials, Metadata, type StatusObject, status } from "@grpc/grpc-js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Entry, RaftMessage } from "../../../src/actors/messages.ts";
import { logIndex, millis, nodeId, requestId, term } from "../../../src/actors/scalars.ts";
import { encodeGreeting } from "../../../src/transport/codec-peer.ts";
import { startPeers } from "../../../src/transport/peers.ts";
import { helloTo } from "../../../src/transport/peers-hello.ts";
import { exchange, helloMs, type Patience } from "../../../src/transport/peers-wire.ts";
import type { Settings } from "../../../src/transport/settings.ts";
import { freePort } from "../../cluster/ports.ts";
import { patienceMs } from "../../patience.ts";
import { type Mailroom, mailroom, settingsOf } from "../../transport/surroundings.ts";
import { createRandom, type Random } from "../random.ts";

const test = suite("sim/contracts/peers");

const seeds = [1, 2, 3, 4, 5, 6];
const host = "127.0.0.1";

/** Of nodes that bear with a machine that is slow: no link falls but where a test lets it. */
const patient: Patience = { helloMs: patienceMs, silenceMs: patienceMs, answerMs: patienceMs, farewellMs: patienceMs };

async function start(node: "a" | "b", port: number, other: number, patience = patient) {
  const peer = { nodeId: nodeId(node === "a" ? "b" : "a"), host, port: other };
  const room = mailroom<"peers">(
    settingsOf({ node, voters: ["a", "b"], regionAddress: { host, port }, peers: [peer] }),
  );
  return { room, peers: await startPeers(room, patience) };
}

type Node = Awaited<ReturnType<typeof start>>;

async function linkUp({ room }: Node): Promise<void> {
  while ((await room.letter("gateway", "link")).clientAddress === null);
}

/** What was said and heard on the three ways that lead from node to node, as numbers that count up. */
interface Tally {
  raft: number;
  requests: number;
  answers: number;
}

const noTally = (): Tally => ({ raft: 0, requests: 0, answers: 0 });

/** An append request of about so many bytes, whose round tells which message it is. */
function numbered(round: number, bytes: number): RaftMessage {
  const entry = (index: number, owner: string): Entry => ({
    index: logIndex(index),
    term: term(1),
    command: {
      type: "write",
      requestId: requestId("r"),
      bornAt: logIndex(0),
      write: { type: "openLease", owner, ttl: millis(1000) },
    },
  });
  const entries = bytes === 0 ? [] : [entry(1, "x".repeat(bytes / 2)), entry(2, "y".repeat(bytes / 2))];
  return {
    type: "appendRequest",
    term: term(1),
    previousIndex: logIndex(0),
    previousTerm: term(0),
    entries,
    commitIndex: logIndex(0),
    round,
    digest: null,
  };
}

function sayMuch(random: Random, from: Node, to: "a" | "b", said: Tally): void {
  const size = random.pick([0, 0, 0, 100, 40_000, 300_000]);
  const times = size > 1000 ? 1 + random.below(8) : 1 + random.below(60);
  for (let at = 0; at < times; at += 1) {
    switch (random.below(3)) {
      case 0:
        from.peers.receive({ type: "send", to: nodeId(to), message: numbered(said.raft++, size) });
        break;
      case 1: {
        const requests = Array.from({ length: random.below(4) }, () => ({
          requestId: requestId(`${said.requests++}`),
          bornAt: logIndex(0),
          operation: { type: "check", lock: "z".repeat(size / 100) } as const,
          bytes: 1,
          budget: millis(1),
          sending: 1,
        }));
        from.peers.receive({ type: "forward", to: nodeId(to), requests });
        break;
      }
      default: {
        const answers = Array.from({ length: random.below(4) }, () => ({
          requestId: requestId(`${said.answers++}`),
          answer: { type: "free" } as const,
          sending: 1,
        }));
        from.peers.receive({ type: "reply", to: nodeId(to), answers });
      }
    }
  }
}

/** The numbers that have arrived at a node, way by way. */
function heardBy({ room }: Node, from: string): Record<keyof Tally, number[]> {
  const letters = room.posted.map(({ letter }) => letter).filter((letter) => letter.from === from);
  const of = (type: string, numbers: (letter: (typeof letters)[number]) => number[]): number[] =>
    letters.filter((letter) => letter.type === type).flatMap(numbers);
  const ids = (items: readonly { requestId: string }[]): number[] => items.map((item) => Number(item.requestId));
  return {
    raft: of("received", ({ message }) => [message.round]),
    requests: of("forwarded", ({ requests }) => ids(requests)),
    answers: of("replied", ({ answers }) => ids(answers)),
  };
}

const isWhole = (heard: readonly number[], count: number): boolean =>
  heard.length === count && heard.every((number, at) => number === at);

async function until(condition: () => boolean, what: string): Promise<void> {
  const begun = performance.now();
  while (!condition()) {
    if (performance.now() - begun > patienceMs) throw new Error(`what was waited for did not come: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

for (const seed of seeds) {
  test(`what nodes say to each other arrives once and in its order (seed ${seed})`, async () => {
    const random = createRandom(seed, "peers");
    const ports = { a: await freePort(), b: await freePort() };
    const a = await start("a", ports.a, ports.b);
    let b = await start("b", ports.b, ports.a);
    await Promise.all([linkUp(a), linkUp(b)]);
    const said = { a: noTally(), b: noTally() };
    const ways = ["raft", "requests", "answers"] as const;
    const arrived = (at: Node, from: "a" | "b"): boolean =>
      ways.every((way) => heardBy(at, from)[way].length >= said[from][way]);
    for (let turn = 0; turn < 25; turn += 1) {
      sayMuch(random, a, "b", said.a);
      sayMuch(random, b, "a", said.b);
      if (random.chance(0.6)) await new Promise(setImmediate);
      if (random.chance(0.3)) await until(() => arrived(b, "a") && arrived(a, "b"), "everything said so far");
    }
    await until(() => arrived(b, "a") && arrived(a, "b"), "everything that was said");
    for (const way of ways) {
      assert.ok(isWhole(heardBy(b, "a")[way], said.a[way]), `${way} from a`);
      assert.ok(isWhole(heardBy(a, "b")[way], said.b[way]), `${way} from b`);
    }
    // A clean stop says everything first; then the other speaks into the void, and is heard again later, without a gap.
    const before = said.b.raft;
    b.peers.receive({ type: "send", to: nodeId("a"), message: numbered(said.b.raft++, 0) });
    await b.peers.stop();
    await until(() => heardBy(a, "b").raft.length > before, "the last word of b");
    await until(
      () => a.room.posted.findLast(({ letter }) => letter.type === "link")?.letter.clientAddress === null,
      "a down",
    );
    for (let at = 0; at < 5; at += 1) a.peers.receive({ type: "send", to: nodeId("b"), message: numbered(9999, 0) });
    b = await start("b", ports.b, ports.a);
    await Promise.all([linkUp(b), linkUp(a)]);
    for (let round = 0; round < 20; round += 1) {
      a.peers.receive({ type: "send", to: nodeId("b"), message: numbered(round, 0) });
    }
    await until(() => heardBy(b, "a").raft.length >= 20, "what a says to the new b");
    assert.ok(isWhole(heardBy(b, "a").raft, 20), "nothing that was said while the link was down is heard later");
    await Promise.all([a.peers.stop(), b.peers.stop()]);
  });
}

test("two nodes that differ in anything that must be equal do not talk, whatever it is", async () => {
  const config = settingsOf({ node: "b", voters: ["a", "b"] }).config;
  const { cluster } = config;
  const others = [
    { ...cluster, clusterId: "another" },
    { ...cluster, regionId: "elsewhere" as never },
    { ...cluster, voters: ["a", "b", "c"].map(nodeId) },
    { ...cluster, clockRateErrorMax: 0.02 },
    { ...cluster, clockAllowanceMs: millis(51) },
    { ...cluster, requestsRemembered: 1001 },
    { ...cluster, digestEntries: 101 },
  ];
  for (const [at, other] of others.entries()) {
    const ports = { a: await freePort(), b: await freePort() };
    const a = await start("a", ports.a, ports.b);
    const peer = { nodeId: nodeId("a"), host, port: ports.a };
    const regionAddress = { host, port: ports.b };
    const room: Mailroom<"peers"> = mailroom(
      settingsOf({ node: "b", regionAddress, peers: [peer], config: { ...config, cluster: other } }),
    );
    const peers = await startPeers(room);
    await until(() => Number(a.peers.inspect().streamsRefused) + Number(peers.inspect().streamsRefused) > 0, `${at}`);
    a.peers.receive({ type: "send", to: nodeId("b"), message: numbered(1, 0) });
    peers.receive({ type: "send", to: nodeId("a"), message: numbered(1, 0) });
    await new Promise(setImmediate);
    await Promise.all([a.peers.stop(), peers.stop()]);
    assert.equal([...a.room.posted, ...room.posted], [], `difference ${at}`);
  }
});

/** Opens a stream to a node as somebody who greets, and tells how it ended. */
function visit(port: number, as: Settings) {
  const client = new Client(`${host}:${port}`, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = exchange;
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
  let greeted = false;
  let ended: StatusObject | null = null;
  stream.on("error", () => undefined);
  stream.on("data", () => {
    greeted = true;
  });
  stream.on("status", (how: StatusObject) => {
    ended = how;
  });
  stream.write(encodeGreeting(helloTo(nodeId("a"), as)));
  return { isGreeted: () => greeted, ended: () => ended as StatusObject | null, close: () => client.close() };
}

test("of two streams of one node the newer is listened to, and one that has greeted is not taken for silent", async () => {
  const a = await start("a", 0, await freePort(), { ...patient, helloMs });
  const port = Number(a.peers.inspect().port);
  const b = settingsOf({ node: "b", voters: ["a", "b"] });
  const older = visit(port, b);
  await until(older.isGreeted, "the first greeting");
  const begun = performance.now();
  const newer = visit(port, b);
  await until(newer.isGreeted, "the second greeting");
  await until(() => older.ended() !== null, "the end of the older stream");
  assert.is(older.ended()?.code, status.ABORTED);
  // Longer than anybody may take to greet.
  await until(() => performance.now() - begun > helloMs + 500, "some time");
  assert.is(newer.ended(), null);
  assert.is(a.peers.inspect().streamsOpen, 1);
  older.close();
  newer.close();
  await a.peers.stop();
});

test.run();
