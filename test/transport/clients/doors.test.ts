// Bad input at every door: each gets its proper error, the process stays up, and other clients are served.

import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import { leaseId, millis } from "../../../src/actors/scalars.ts";
import { stalledMs } from "../../../src/transport/clients/grpc-server.ts";
import * as stateless from "../../../src/transport/generated/com/geastalt/lock/grpc/lock.ts";
import * as leased from "../../../src/transport/generated/lowkey/v1/lock.ts";
import { fc } from "../../fast-check.ts";
import { suite } from "../../suite.ts";
import { came, free, type House, http, openHouse, sendBytes } from "./scripted-gateway.ts";

const test = suite<{ house: House; client: Client }>("transport/clients/doors");
test.before(async (context) => {
  context.house = await openHouse();
  context.client = new Client(context.house.grpcAddress, credentials.createInsecure());
});
test.before.each(({ house }) => {
  house.follow(() => free);
});
test.after(async ({ house, client }) => {
  client.close();
  await house.stop();
});

const unaryMethods = [stateless.LockServiceService, leased.LockServiceService]
  .flatMap((service) => Object.values(service))
  .filter(({ requestStream }) => !requestStream)
  .map(({ path }) => path);

const isServed = async (house: House): Promise<void> => {
  const { response } = await came<stateless.CheckLockResponse>((done) =>
    house.stateless.checkLock({ lockId: "lock" }, done),
  );
  assert.is(response?.status, stateless.LockStatus.LOCK_STATUS_NOT_FOUND);
};

/** What a call may come to when its bytes are arbitrary. `free` fits few questions: hence INTERNAL. */
const proper = [status.INVALID_ARGUMENT, status.INTERNAL, status.UNIMPLEMENTED];

test("arbitrary bytes for any method get a proper answer", async ({ house, client }) => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...unaryMethods), fc.uint8Array({ maxLength: 64 }), async (path, bytes) => {
      const { error } = await sendBytes(client, path, Buffer.from(bytes));
      assert.ok(error === null || proper.includes(error.code), `${path}: ${error?.message}`);
      if (error?.details.includes("malformed")) assert.ok(error.details.includes(path.slice(1)));
    }),
    { numRuns: 300 },
  );
  await isServed(house);
});

test("malformed protobuf is INVALID_ARGUMENT and names the method, also on streams and in services of others", async ({
  client,
}) => {
  const malformed = Buffer.of(0x0a, 0xff);
  for (const path of [...unaryMethods, "/grpc.health.v1.Health/Check"]) {
    const { error } = await sendBytes(client, path, malformed);
    assert.is(error?.code, status.INVALID_ARGUMENT, path);
    assert.ok(error?.details.includes(path.slice(1)), path);
  }
  for (const path of [
    "/lowkey.v1.LockService/Heartbeat",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
  ]) {
    const asIs = (buffer: Buffer): Buffer => buffer;
    const stream = client.makeBidiStreamRequest(path, asIs, asIs, new Metadata());
    stream.on("error", () => undefined).resume();
    stream.write(malformed);
    const { code, details } = await new Promise<{ code: status; details: string }>((resolve) =>
      stream.on("status", resolve),
    );
    assert.is(code, status.INVALID_ARGUMENT, path);
    assert.ok(details.includes(path.slice(1)), path);
  }
});

test("a malformed request for a stream of answers is told as such", async ({ client }) => {
  const asIs = (buffer: Buffer): Buffer => buffer;
  const stream = client.makeServerStreamRequest("/grpc.health.v1.Health/Watch", asIs, asIs, Buffer.of(0x0a, 0xff));
  stream.on("error", () => undefined).resume();
  const { code } = await new Promise<{ code: status }>((resolve) => stream.on("status", resolve));
  assert.is(code, status.INVALID_ARGUMENT);
});

test("a string that is not UTF-8 is refused by the name of its field", async ({ house, client }) => {
  const bytes = Buffer.of(0x0a, 0x02, 0xc3, 0x28, 0x12, 0x01, 0x61);
  const { response } = await sendBytes(client, "/com.geastalt.lock.grpc.LockService/AcquireLock", bytes);
  const { status: lockStatus, errorMessage } = stateless.AcquireLockResponse.decode(response ?? Buffer.of());
  assert.equal([lockStatus, errorMessage], [stateless.LockStatus.LOCK_STATUS_ERROR, "lock_id is not valid UTF-8"]);
  const { error } = await sendBytes(client, "/lowkey.v1.LockService/AcquireLock", bytes);
  assert.equal([error?.code, error?.details], [status.INVALID_ARGUMENT, "lock_name is not valid UTF-8"]);
  await isServed(house);
});

test("a byte-order mark is a part of a name", async ({ house }) => {
  await came((done) => house.stateless.checkLock({ lockId: "\ufefflock" }, done));
  assert.equal(house.lastRequest().operation, { type: "check", lock: "\ufefflock" });
});

test("a message over the limit is RESOURCE_EXHAUSTED, a body 413, and both tell the limit", async ({ house }) => {
  const { error } = await came((done) => house.stateless.checkLock({ lockId: "x".repeat(20_000) }, done));
  assert.is(error?.code, status.RESOURCE_EXHAUSTED);
  assert.match(error?.details ?? "", /16384/);
  const { status: code, text } = await http(house, "POST", "/v1/lease", "x".repeat(20_000));
  assert.equal([code, JSON.parse(text).code], [413, status.RESOURCE_EXHAUSTED]);
  assert.match(JSON.parse(text).message, /16384/);
  await isServed(house);
});

test("unknown methods are UNIMPLEMENTED, however they are spelt", async ({ house, client }) => {
  for (const path of ["/lowkey.v1.LockService/Nothing", "/nowhere/at/all"]) {
    assert.is((await sendBytes(client, path, Buffer.of())).error?.code, status.UNIMPLEMENTED);
  }
  const session = connectHttp2(`http://${house.grpcAddress}`);
  const rows: [string, string][] = [
    [`/${"x".repeat(5_000)}`, String(status.UNIMPLEMENTED)],
    ["/lowkey.v1.LockService/Nothing?a=b", String(status.UNIMPLEMENTED)],
    ["/é", String(status.UNIMPLEMENTED)],
    // HTTP/2 itself knows no such path.
    ["/\u0001", "ERR_HTTP2_STREAM_ERROR"],
  ];
  for (const [path, expected] of rows) {
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
    const answer = await new Promise((resolve) => {
      stream.on("response", (headers) => resolve(headers["grpc-status"]));
      stream.on("error", ({ code }: NodeJS.ErrnoException) => resolve(code));
    });
    assert.is(answer, expected, path.slice(0, 50));
    stream.close();
  }
  session.destroy();
  await isServed(house);
});

test("a deadline too far off to be counted is no deadline", async () => {
  const house = await openHouse({ requestMsMax: millis(600_000) });
  const session = connectHttp2(`http://${house.grpcAddress}`);
  for (const timeout of ["99999999H", "600H", "35792M", "2147484S", "400S"]) {
    const stream = session.request({
      ":method": "POST",
      ":path": "/com.geastalt.lock.grpc.LockService/CheckLock",
      "content-type": "application/grpc",
      "grpc-timeout": timeout,
    });
    stream.end(Buffer.of(0, 0, 0, 0, 3, 0x0a, 1, 0x61));
    const headers = await new Promise<Record<string, unknown>>((resolve) => stream.on("response", resolve));
    assert.is(headers["grpc-status"], undefined, `${timeout}: an answer, not an error, comes first`);
    const { budget } = house.lastRequest();
    assert.ok(timeout === "400S" ? budget < 400_000 : budget === 600_000, `${timeout}: ${budget}`);
    stream.close();
  }
  session.destroy();
  await house.stop();
});

test("a client that cancels, goes away or runs out of time cancels its call", async ({ house }) => {
  house.follow(() => null);
  const begun = house.letters.length;
  const requests = () => house.letters.slice(begun).filter((letter) => letter.type === "request");
  const asked = (count: number) => house.until(() => requests().length === count);
  const allCancelled = () =>
    house.until((letters) =>
      requests().every(({ call }) => letters.some((letter) => letter.type === "cancelled" && letter.call === call)),
    );
  const call = house.stateless.checkLock({ lockId: "lock" }, () => undefined);
  await asked(1);
  call.cancel();
  await allCancelled();
  // How long a request is under way is the machine's affair: if it runs out of time before it arrives, the next has more.
  for (let patienceMs = 250; requests().length === 1; patienceMs *= 4) {
    const deadline = Date.now() + patienceMs;
    const { error } = await came((done) =>
      house.stateless.checkLock({ lockId: "lock" }, new Metadata(), { deadline }, done),
    );
    assert.is(error?.code, status.DEADLINE_EXCEEDED);
  }
  await allCancelled();
  const before = requests().length;
  const socket = connect(house.httpPort, "127.0.0.1");
  socket.write('POST /v1/lease/renew HTTP/1.1\r\nhost: a\r\ncontent-length: 14\r\n\r\n{"lease_id":1}');
  await asked(before + 1);
  socket.destroy();
  await allCancelled();
  assert.is(house.resident.inspect().callsUnderWay, 0);
});

test("arbitrary bodies for any route get a proper answer", async ({ house }) => {
  const routes = ["/v1/lease", "/v1/lease/renew", "/v1/lock/acquire", "/v1/lock/release", "/v1/cluster/peers"];
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .dictionary(fc.constantFrom("owner_id", "leaseId", "lock_name", "ttl_seconds"), fc.jsonValue())
      .map((value) => Buffer.from(JSON.stringify(value))),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...routes), body, async (path, bytes) => {
      const { status, text } = await http(house, "POST", path, bytes);
      assert.ok([200, 400, 413, 500, 501].includes(status), `${path}: ${status}`);
      assert.equal(Object.keys(JSON.parse(text)), ["code", "message"]);
    }),
    { numRuns: 200 },
  );
  await isServed(house);
});

test("JSON is read whatever the content type says", async ({ house }) => {
  house.follow(() => ({ type: "leaseRenewed", lease: leaseId(1), ttl: millis(1_000) }));
  for (const type of ["application/x-www-form-urlencoded", "application/json; charset=utf-8", "text/plain"]) {
    const { status } = await http(house, "POST", "/v1/lease/renew", '{"lease_id":1}', { "content-type": type });
    assert.is(status, 200, type);
  }
});

test("what is no route, no path or no HTTP is told as such", async ({ house }) => {
  const rows: [string, string, number][] = [
    ["GET", "/nowhere", 404],
    ["GET", "/v1/lease", 404],
    ["DELETE", "/v1/cluster/peers/%ff%zz", 400],
  ];
  for (const [method, path, code] of rows) {
    const { status, text } = await http(house, method, path);
    assert.is(status, code, path);
    assert.equal(Object.keys(JSON.parse(text)), ["code", "message"]);
  }
  const said = await new Promise<string>((resolve) => {
    const socket = connect(house.httpPort, "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("close", () => resolve(text));
    socket.write("this is no HTTP\r\n\r\n");
  });
  assert.match(said, /^HTTP\/1\.1 400 .*"message":"this is not an HTTP request"/s);
  await isServed(house);
});

test("a unary call whose request does not come in full is ended", async () => {
  const house = await openHouse({ requestMsMax: millis(100 - stalledMs) });
  const session = connectHttp2(`http://${house.grpcAddress}`);
  const stream = session.request({
    ":method": "POST",
    ":path": "/lowkey.v1.LockService/CreateLease",
    "content-type": "application/grpc",
  });
  stream.write(Buffer.of(0, 0, 0));
  const headers = await new Promise<Record<string, unknown>>((resolve) => stream.on("response", resolve));
  assert.is(headers["grpc-status"], String(status.DEADLINE_EXCEEDED));
  session.destroy();
  await house.stop();
});

test("bytes that are no HTTP/2 close their own connection only", async ({ house }) => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 24, maxLength: 200 }), async (bytes) => {
      const socket = connect(house.grpcPort, "127.0.0.1");
      socket.on("error", () => undefined);
      const closed = new Promise((resolve) => socket.on("close", resolve));
      socket.resume().write(bytes);
      await closed;
    }),
    { numRuns: 20 },
  );
  await isServed(house);
});

test.run();
