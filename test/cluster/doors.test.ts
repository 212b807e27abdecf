// Load and abuse at the three ports of one real node: others are served meanwhile, memory stays bounded, the process lives.
// LOCKMGR_DOORS=full runs the size of the requirement: 10 000 connections with 50 000 calls, a million heartbeats.

import { randomBytes } from "node:crypto";
import { constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import * as assert from "uvu/assert";
import { AcquireLockRequest } from "../../src/transport/generated/com/geastalt/lock/grpc/lock.ts";
import { HeartbeatRequest } from "../../src/transport/generated/lowkey/v1/lock.ts";
import { suite } from "../suite.ts";
import { codeOf, leaseClient, statelessClient } from "./clients.ts";
import { at, type Cluster, startCluster, until } from "./cluster.ts";
import { type NodeProcess, residentBytes } from "./node-process.ts";
import { callRaw, frame, openSession, openStream } from "./raw-http2.ts";

const test = suite("cluster/doors");
const full = process.env.LOCKMGR_DOORS === "full";
const mebibyte = 2 ** 20;
/** What a node may have resident after all this. */
const residentMax = (full ? 3_000 : 900) * mebibyte;
const ok = 0;
const resourceExhausted = 8;
const unavailable = 14;

const acquirePath = "/com.geastalt.lock.grpc.LockService/AcquireLock";
const heartbeatPath = "/lowkey.v1.LockService/Heartbeat";

let cluster: Cluster;
let node: NodeProcess;

test.before(async () => {
  cluster = await startCluster({ size: 1 });
  node = at(cluster.nodes, 0);
});
test.after(() => cluster.stop());

/** Runs `abuse` while another client works, and then looks whether the node and that client are well. */
async function withBystander(abuse: () => Promise<void>): Promise<void> {
  const client = statelessClient(node.site.grpc);
  let running = true;
  let slowestMs = 0;
  const bystander = (async () => {
    for (let _n = 0; running; _n += 1) {
      const start = performance.now();
      try {
        const { status, token } = await client.acquire({ lock: "bystander", client: "bystander", timeoutMs: 300_000 });
        if (status === "OK") await client.release({ lock: "bystander", client: "bystander", token });
      } catch (error) {
        // A full node says so at once, to everybody.
        if (codeOf(error) !== resourceExhausted) throw error;
      }
      slowestMs = Math.max(slowestMs, performance.now() - start);
      await pause(5);
    }
  })();
  try {
    await Promise.race([abuse(), bystander]);
  } finally {
    running = false;
    await bystander;
    client.close();
  }
  assert.ok(node.isRunning(), "the process stays up");
  await until("it is ready", async () => (await fetch(`${node.site.http}/readyz`)).status === 200);
  const resident = residentBytes(node);
  assert.ok(resident === null || resident < residentMax, `${(resident ?? 0) / mebibyte} MiB are resident`);
  console.log(
    `  bystander's slowest round ${slowestMs.toFixed(0)} ms, ${((resident ?? 0) / mebibyte).toFixed(0)} MiB resident`,
  );
}

test("many connections with many calls under way are served or refused at the door", () =>
  withBystander(async () => {
    const connections = full ? 10_000 : 500;
    const callsEach = full ? 5 : 10;
    const sessions = [];
    while (sessions.length < connections) {
      const batch = Math.min(100, connections - sessions.length);
      sessions.push(...(await Promise.all(Array.from({ length: batch }, () => openSession(node.site.grpc)))));
    }
    const statuses = await Promise.all(
      sessions.flatMap((session, connection) =>
        Array.from({ length: callsEach }, (_, call) => {
          const request = { lockId: `many-${connection}-${call}`, clientId: "many", timeoutMs: 60_000n };
          return callRaw(session, acquirePath, AcquireLockRequest.encode(request).finish());
        }),
      ),
    );
    for (const session of sessions) session.destroy();
    const count = (status: number) => statuses.filter((each) => each === status).length;
    assert.is(
      count(ok) + count(resourceExhausted) + count(unavailable),
      connections * callsEach,
      JSON.stringify([...new Set(statuses)]),
    );
    assert.ok(count(ok) > 0);
    console.log(`  ${connections} connections: ${count(ok)} calls served, ${statuses.length - count(ok)} refused`);
  }));

test("a stream of heartbeats whose answers nobody reads is held back, not buffered", () =>
  withBystander(async () => {
    const beatsMax = full ? 1_000_000 : 100_000;
    const client = leaseClient(node.site.grpc);
    const { lease } = await client.createLease({ owner: "flood", ttlSeconds: 60 });
    client.close();
    const session = await openSession(node.site.grpc);
    const stream = openStream(session, heartbeatPath);
    stream.pause();
    const beat = frame(HeartbeatRequest.encode({ leaseId: BigInt(lease) }).finish());
    const beats = Buffer.concat(Array.from({ length: 100 }, () => beat));
    let sent = 0;
    while (sent < beatsMax && !stream.destroyed) {
      sent += 100;
      if (stream.write(beats)) continue;
      const drained = await Promise.race([
        new Promise<boolean>((resolve) => stream.once("drain", () => resolve(true))),
        pause(1_500, false),
      ]);
      if (!drained) break;
    }
    console.log(`  ${sent} heartbeats went in${stream.destroyed ? " before the stream was ended" : ""}`);
    session.destroy();
  }));

test("connections that say nothing, or half of something, are in nobody's way", () =>
  withBystander(async () => {
    const halves = ["", "PRI * HTTP/2.0\r\n", "POST /v1/lease HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"];
    const sockets: Socket[] = [];
    for (const port of [node.site.grpcPort, node.site.httpPort, node.site.regionPort]) {
      for (let n = 0; n < (full ? 1_000 : 100); n += 1) {
        const socket = connect(port, "127.0.0.1");
        socket.on("error", () => undefined);
        socket.write(halves[n % halves.length] ?? "");
        sockets.push(socket);
      }
    }
    await pause(1_000);
    for (const socket of sockets) socket.destroy();
  }));

test("garbage on any port ends its own connection at most", () =>
  withBystander(async () => {
    const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    const garbage = [
      randomBytes(100),
      randomBytes(100_000),
      Buffer.concat([preface, randomBytes(1_000)]),
      Buffer.concat([preface, settings, randomBytes(10_000)]),
      // A frame that claims to be as long as frames can be, and a CONTINUATION that continues nothing.
      Buffer.concat([preface, settings, Buffer.from([255, 255, 255, 0, 0, 0, 0, 0, 1])]),
      Buffer.concat([preface, settings, Buffer.from([0, 0, 1, 9, 4, 0, 0, 0, 1, 0x82])]),
      Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
      Buffer.from("GET / HTTP/1.1\r\n\r\n"),
      Buffer.from(`GET /${"a".repeat(100_000)} HTTP/1.1\r\nhost: x\r\n\r\n`),
      Buffer.from("POST /v1/lease HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
      Buffer.from("\0".repeat(10_000)),
    ];
    for (const port of [node.site.grpcPort, node.site.httpPort, node.site.regionPort]) {
      await Promise.all(garbage.map((bytes) => throwAt(port, bytes)));
    }
  }));

/** Sends bytes, and resolves when the other side has hung up, or has not for a second. */
const throwAt = (port: number, bytes: Buffer): Promise<void> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
    socket.resume();
    socket.write(bytes);
  });

test("messages that are no messages are refused one by one", () =>
  withBystander(async () => {
    const session = await openSession(node.site.grpc);
    const statuses = await Promise.all(
      Array.from({ length: 200 }, (_, n) => callRaw(session, acquirePath, randomBytes(n * 7))),
    );
    assert.ok(statuses.filter((status) => status !== ok).length > 100, JSON.stringify(statuses));
    assert.is(await callRaw(session, "/no.such.Service/Method", new Uint8Array()), 12);
    assert.not.equal(await callRaw(session, acquirePath, new Uint8Array(8 * mebibyte)), ok, "far over the limit");
    session.destroy();
  }));

test("streams that are opened and reset at once cost the others nothing", () =>
  withBystander(async () => {
    const resets = full ? 200_000 : 10_000;
    let session = await openSession(node.site.grpc);
    const message = frame(
      AcquireLockRequest.encode({ lockId: "reset", clientId: "reset", timeoutMs: 1_000n }).finish(),
    );
    for (let n = 0; n < resets; n += 1) {
      // The node may hang up on somebody who does this.
      if (session.destroyed || session.closed) session = await openSession(node.site.grpc);
      const stream = openStream(session, acquirePath);
      stream.write(message);
      stream.close(constants.NGHTTP2_CANCEL);
      if (n % 100 === 99) await pause(0);
    }
    session.destroy();
  }));

test.run();
