// Nodes of different regions on real sockets: who may speak to whom, and what becomes of a way that breaks.

import { status } from "@grpc/grpc-js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Inspection } from "../../src/actors/actor.ts";
import type { RegionMessage } from "../../src/actors/ballots.ts";
import { logIndex, millis, nodeId, regionId, term } from "../../src/actors/scalars.ts";
import { encodeGreeting, encodeParcel, type Hello } from "../../src/transport/codec-peer.ts";
import { helloTo, helloToRegion } from "../../src/transport/peers-hello.ts";
import { usualPatience } from "../../src/transport/peers-wire.ts";
import type { Settings } from "../../src/transport/settings.ts";
import { freePort } from "../cluster/ports.ts";
import { host, openTunnel, start, stranger } from "./streams.ts";
import { type Mailroom, settingsOf } from "./surroundings.ts";

const test = suite("transport/peers between regions");

const regions = ["eu", "us"];
const eu = regionId("eu");
const us = regionId("us");

/** A node of a region that is told of these addresses of the other. */
function settings(
  region: "eu" | "us",
  node: string,
  ports: readonly number[],
  changes: Partial<Settings> = {},
): Settings {
  const other = region === "eu" ? us : eu;
  const regionPeers = ports.map((port) => ({ regionId: other, host, port }));
  return settingsOf({ region, regions, node, regionPeers, ...changes });
}

const listeningOn = (port: number): Partial<Settings> => ({ regionAddress: { host, port } });

/** Node e1 of eu and node u1 of us. */
async function startPair(ofUs: Partial<Settings> = {}) {
  const portOfUs = await freePort();
  const e1 = await start(settings("eu", "e1", [portOfUs]));
  const u1 = await start(settings("us", "u1", [e1.port], { ...listeningOn(portOfUs), ...ofUs }));
  return { e1, u1, stop: () => Promise.all([e1.peers.stop(), u1.peers.stop()]) };
}

const pinging = (ping: number): RegionMessage => ({ type: "ping", ping });
const toUs = (node: string, message = pinging(1)) =>
  ({ type: "tell", to: { region: us, node: nodeId(node) }, message }) as const;
const toEu = (node: string, message = pinging(1)) =>
  ({ type: "tell", to: { region: eu, node: nodeId(node) }, message }) as const;

interface Told {
  readonly room: Mailroom<"peers">;
}

/** The next change of a way to a node of another region. */
async function linkOf({ room }: Told): Promise<readonly [string, boolean]> {
  const { node, up } = await room.letter("region", "regionLink");
  return [`${node.region}/${node.node}`, up];
}

/** A stream of somebody who greets like this, to a node of eu. */
const greets = (port: number, changes: Partial<Hello>) => {
  const hello = helloToRegion({ region: eu, node: null }, settings("us", "u1", []));
  return stranger(port, encodeGreeting({ ...hello, ...changes }));
};

test("nodes of two regions that know only addresses learn each other's names", async () => {
  const { e1, u1, stop } = await startPair();
  assert.equal(await linkOf(e1), ["us/u1", true]);
  assert.equal(await linkOf(u1), ["eu/e1", true]);
  assert.is(e1.peers.inspect().regionLinksUp, 1);
  await stop();
});

test("what a region is told arrives whole, in order, and with the name of who said it", async () => {
  const { e1, u1, stop } = await startPair();
  await Promise.all([linkOf(e1), linkOf(u1)]);
  for (let ping = 1; ping <= 50; ping++) e1.peers.receive(toUs("u1", pinging(ping)));
  const reply: RegionMessage = { type: "reply", ask: "a", reply: { type: "leaseKept" } };
  u1.peers.receive(toEu("e1", reply));
  for (let ping = 1; ping <= 50; ping++) {
    const { from, message } = await u1.room.letter("region", "told");
    assert.equal([from, message], [{ region: "eu", node: "e1" }, pinging(ping)]);
  }
  assert.equal((await e1.room.letter("region", "told")).message, reply);
  await stop();
});

test("nodes of two regions may differ in what concerns one region only", async () => {
  const { config } = settings("us", "u1", []);
  const { cluster } = config;
  const voters = [nodeId("u1"), nodeId("u2")];
  const different = { ...cluster, voters, requestsRemembered: 2_000, digestEntries: 7 };
  const { e1, u1, stop } = await startPair({ config: { ...config, cluster: different } });
  assert.equal(await linkOf(e1), ["us/u1", true]);
  assert.equal(await linkOf(u1), ["eu/e1", true]);
  await stop();
});

test("regions that are configured differently do not talk, and hear what differs", async () => {
  const e1 = await start(settings("eu", "e1", [await freePort()]));
  const greetings: [string, Partial<Hello>][] = [
    ['clusterId is "other" on u1 and "test" on e1', { clusterId: "other" }],
    ['regions is ["asia","eu","us"] on u1 and ["eu","us"] on e1', { regions: [regionId("asia"), eu, us] }],
    ["clockRateErrorMax is 0.02 on u1 and 0.01 on e1", { clockRateErrorMax: 0.02 }],
    ["clockAllowanceMs is 51 on u1 and 50 on e1", { clockAllowanceMs: millis(51) }],
    ["version is 2 on u1 and 1 on e1", { version: 2 }],
    ["region us was expected and region eu is here", { toRegionId: us }],
    ["e9 was expected and e1 is here", { toNodeId: nodeId("e9") }],
    ["no region asia is known here; the regions are eu, us", { regionId: regionId("asia") }],
  ];
  for (const [expected, changes] of greetings) {
    const { ended, close } = greets(e1.port, changes);
    const { code, details } = await ended;
    assert.is(code, status.FAILED_PRECONDITION);
    assert.is(details, expected);
    close();
  }
  assert.equal(e1.room.posted, []);
  await e1.peers.stop();
});

test("an address that leads to another region than was configured, or to this very node, is not spoken to", async () => {
  const own = await freePort();
  const asia = settingsOf({ region: "asia", regions: ["asia", "eu", "us"], node: "a1" });
  const elsewhere = await start(asia);
  const astray = await start(
    settingsOf({
      region: "eu",
      regions: ["asia", "eu", "us"],
      node: "e1",
      ...listeningOn(own),
      regionPeers: [
        { regionId: us, host, port: elsewhere.port },
        { regionId: us, host, port: own },
      ],
    }),
  );
  const refused = (node: typeof astray) => Number(node.peers.inspect().streamsRefused);
  while (refused(elsewhere) < 1 || refused(astray) < 1) await new Promise(setImmediate);
  assert.equal([...astray.room.posted, ...elsewhere.room.posted], []);
  await Promise.all([astray.peers.stop(), elsewhere.peers.stop()]);
});

test("two addresses that lead to one node are one way, and the other is used when it breaks", async () => {
  const u1 = await start(settings("us", "u1", []));
  const portOfTunnel = await freePort();
  const e1 = await start(settings("eu", "e1", [u1.port, portOfTunnel]));
  assert.equal(await linkOf(e1), ["us/u1", true]);
  const tunnel = await openTunnel(u1.port, portOfTunnel);
  const isSettled = ({ linksUp, linksResting }: Inspection): boolean => linksUp === 1 && linksResting === 1;
  while (!isSettled(e1.peers.inspect())) await new Promise(setImmediate);
  for (let ping = 1; ping <= 3; ping++) e1.peers.receive(toUs("u1", pinging(ping)));
  for (let ping = 1; ping <= 3; ping++) {
    assert.equal((await u1.room.letter("region", "told")).message, pinging(ping), "each is said once");
  }
  assert.is(u1.peers.inspect().streamsOpen, 1);
  const known = e1.room.posted.map(({ letter }) => `${letter.node.region}/${letter.node.node}`);
  assert.equal([...new Set(known)], ["us/u1"]);
  tunnel.close();
  const saying = setInterval(() => e1.peers.receive(toUs("u1", pinging(4))), 20);
  assert.equal((await u1.room.letter("region", "told")).message, pinging(4));
  clearInterval(saying);
  await Promise.all([e1.peers.stop(), u1.peers.stop()]);
});

test("a node that has another name when it comes back is another node", async () => {
  const { e1, u1 } = await startPair();
  assert.equal(await linkOf(e1), ["us/u1", true]);
  await u1.peers.stop();
  assert.equal(await linkOf(e1), ["us/u1", false]);
  const u2 = await start(settings("us", "u2", [e1.port], listeningOn(u1.port)));
  assert.equal(await linkOf(e1), ["us/u2", true]);
  e1.peers.receive(toUs("u1"));
  e1.peers.receive(toUs("u2", pinging(2)));
  assert.equal((await u2.room.letter("region", "told")).message, pinging(2));
  await Promise.all([e1.peers.stop(), u2.peers.stop()]);
});

test("a way that swallows everything is found to be down, and is up again when it does so no longer", async () => {
  const u1 = await start(settings("us", "u1", []), usualPatience);
  const tunnel = await openTunnel(u1.port);
  const e1 = await start(settings("eu", "e1", [tunnel.port]), usualPatience);
  assert.equal(await linkOf(e1), ["us/u1", true]);
  tunnel.frozen = true;
  assert.equal(await linkOf(e1), ["us/u1", false]);
  e1.peers.receive(toUs("u1"));
  tunnel.frozen = false;
  assert.equal(await linkOf(e1), ["us/u1", true]);
  // Again and again: where nobody is run for a while, the way may be found to be down once more.
  const saying = setInterval(() => e1.peers.receive(toUs("u1", pinging(2))), 20);
  assert.equal(
    (await u1.room.letter("region", "told")).message,
    pinging(2),
    "what could not be said is not said later",
  );
  clearInterval(saying);
  await Promise.all([e1.peers.stop(), u1.peers.stop()]);
  tunnel.close();
});

test("a node of another region that speaks as one of this region is sent away, and stops nothing", async () => {
  const e1 = await start(settings("eu", "e1", [await freePort()]));
  const vote = { type: "voteResponse", term: term(9), granted: true } as const;
  // An append request of term 1 with entry 1, whose command has number 15.
  const unreadable = Buffer.from([18, 12, 42, 10, 8, 1, 34, 6, 8, 1, 16, 1, 122, 0]);
  const answer = { requestId: "r" as never, answer: { type: "free" }, sending: 1 } as const;
  const parcels: [number, Buffer][] = [
    [status.INVALID_ARGUMENT, encodeParcel({ raft: [vote], requests: [], answers: [], regional: [pinging(1)] })],
    [status.INVALID_ARGUMENT, encodeParcel({ raft: [], requests: [], answers: [answer], regional: [] })],
    [status.UNIMPLEMENTED, unreadable],
  ];
  for (const [expected, bytes] of parcels) {
    const { ended, stream, close } = greets(e1.port, {});
    stream.write(bytes);
    assert.is((await ended).code, expected);
    close();
  }
  assert.equal([e1.room.posted, e1.room.failures], [[], []]);
  await e1.peers.stop();
});

test("a node of this region that speaks as one of another is sent away", async () => {
  const ofEu = (node: string) => settingsOf({ region: "eu", regions, node, voters: ["e1", "e2"] });
  const peer = { nodeId: nodeId("e2"), host, port: await freePort() };
  const e1 = await start({ ...ofEu("e1"), peers: [peer] });
  const { ended, stream, close } = stranger(e1.port, encodeGreeting(helloTo(nodeId("e1"), ofEu("e2"))));
  stream.write(encodeParcel({ raft: [], requests: [], answers: [], regional: [pinging(1)] }));
  assert.is((await ended).code, status.INVALID_ARGUMENT);
  close();
  assert.equal(e1.room.posted, []);
  await e1.peers.stop();
});

test("nodes of two regions with one name are two nodes", async () => {
  const same = await freePort();
  const portOfUs = await freePort();
  const ofEu = (node: string, changes: Partial<Settings>) =>
    settingsOf({ region: "eu", regions, node, voters: ["a", "b"], ...changes });
  const peerOf = (node: string, port: number) => [{ nodeId: nodeId(node), host, port }];
  const a = await start(ofEu("a", { peers: peerOf("b", same), regionPeers: [{ regionId: us, host, port: portOfUs }] }));
  const b = await start(ofEu("b", { peers: peerOf("a", a.port), ...listeningOn(same) }));
  const other = await start(settings("us", "b", [a.port], listeningOn(portOfUs)));
  await Promise.all([b.room.letter("gateway", "link"), linkOf(other), linkOf(a)]);
  const heartbeat = { type: "timeoutNow", term: term(1), lastIndex: logIndex(1) } as const;
  b.peers.receive({ type: "send", to: nodeId("a"), message: heartbeat });
  other.peers.receive(toEu("a"));
  assert.is((await a.room.letter("raft", "received")).from, "b");
  assert.equal((await a.room.letter("region", "told")).from, { region: "us", node: "b" });
  assert.is(a.peers.inspect().streamsRefused, 0);
  await Promise.all([a.peers.stop(), b.peers.stop(), other.peers.stop()]);
});

test.run();
