// What the node says of itself: reflection, health, readiness, metrics; how it starts, and how it stops.

import { type AddressInfo, connect, createServer } from "node:net";
import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import {
  type ClientDuplexStream,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
  status,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { protoPath as healthProtoPath } from "grpc-health-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fencingToken, leaseId, millis } from "../../../src/actors/scalars.ts";
import { graceMs } from "../../../src/transport/clients.ts";
import { StartError } from "../../../src/transport/resident.ts";
import { freePort } from "../../cluster/ports.ts";
import { came, type House, http, openHouse, standing } from "./scripted-gateway.ts";

const test = suite<{ house: House }>("transport/clients/node");
test.before.each(async (context) => {
  context.house = await openHouse();
});
test.after.each(({ house }) => house.stop());

const loading = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };
const clientOf = (packages: GrpcObject, path: string, house: House) => {
  const found = path.split(".").reduce<unknown>((at, name) => (at as GrpcObject)[name], packages);
  return new (found as ServiceClientConstructor)(house.grpcAddress, credentials.createInsecure());
};

const services = [
  "com.geastalt.lock.grpc.LockService",
  "lowkey.v1.LockService",
  "lockmgr.v1.LockService",
  "lockmgr.v1.ElectionService",
  "grpc.health.v1.Health",
];

interface ReflectionAnswer {
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] };
}

for (const version of ["v1", "v1alpha"]) {
  test(`reflection ${version} lists every service, with descriptors that resolve`, async ({ house }) => {
    const proto = loadSync(
      `node_modules/@grpc/reflection/build/proto/grpc/reflection/${version}/reflection.proto`,
      loading,
    );
    const client = clientOf(loadPackageDefinition(proto), `grpc.reflection.${version}.ServerReflection`, house);
    const open = (client as unknown as { ServerReflectionInfo: () => ClientDuplexStream<object, ReflectionAnswer> })
      .ServerReflectionInfo;
    const stream = open.call(client);
    stream.on("error", () => undefined);
    const ask = (request: object): Promise<ReflectionAnswer> =>
      new Promise((resolve) => {
        stream.once("data", resolve);
        stream.write(request);
      });
    const listed = await ask({ list_services: "*" });
    assert.equal(listed.list_services_response?.service.map(({ name }) => name).sort(), [...services].sort());
    for (const service of services) {
      const { file_descriptor_response } = await ask({ file_containing_symbol: service });
      const file = (file_descriptor_response?.file_descriptor_proto ?? []).map((bytes) =>
        fromBinary(FileDescriptorProtoSchema, bytes),
      );
      const registry = createFileRegistry(create(FileDescriptorSetSchema, { file }));
      assert.ok(registry.getService(service), service);
      // What a client prints as JSON follows the names given here.
      for (const { jsonName, name } of file.flatMap(({ messageType }) => messageType).flatMap(({ field }) => field)) {
        assert.is(
          jsonName,
          name.replace(/_(.)/g, (_all, letter) => letter.toUpperCase()),
        );
      }
      for (const { field, oneofDecl } of file.flatMap(({ messageType }) => messageType)) {
        for (const { name, oneofIndex = -1, proto3Optional } of field) {
          assert.is(proto3Optional, oneofDecl[oneofIndex]?.name === `_${name}`, name);
        }
      }
      const nested = file.flatMap(({ messageType }) => messageType).flatMap(({ nestedType }) => nestedType);
      for (const { name } of nested) assert.is(name, "StatusesEntry");
    }
    stream.end();
    client.close();
  });
}

test("health follows the reach of a leader, for the node and for each service", async ({ house }) => {
  const packages = loadPackageDefinition(loadSync(healthProtoPath, loading));
  const client = clientOf(packages, "grpc.health.v1.Health", house);
  type Check = (request: object, done: (error: null, response?: { status: string }) => void) => void;
  const check = async (service: string) => {
    const bound = (client as unknown as { check: Check }).check.bind(client);
    return (await came<{ status: string }>((done) => bound({ service }, done as never))).response?.status;
  };
  const names = ["", "com.geastalt.lock.grpc.LockService", "lowkey.v1.LockService"];
  const say = (expected: string) =>
    Promise.all(names.map(async (name) => assert.is(await check(name), expected, `${name} ${expected}`)));
  await say("NOT_SERVING");
  house.tell(standing());
  await say("SERVING");
  house.tell(standing({ leaderReachable: false }));
  await say("NOT_SERVING");
  client.close();
});

test("health under the name liveness holds whatever becomes of the group", async ({ house }) => {
  const packages = loadPackageDefinition(loadSync(healthProtoPath, loading));
  const client = clientOf(packages, "grpc.health.v1.Health", house);
  type Check = (request: object, done: (error: null, response?: { status: string }) => void) => void;
  const bound = (client as unknown as { check: Check }).check.bind(client);
  const alive = async () =>
    (await came<{ status: string }>((done) => bound({ service: "liveness" }, done as never))).response?.status;
  assert.is(await alive(), "SERVING");
  house.tell(standing());
  assert.is(await alive(), "SERVING");
  house.tell(standing({ leader: null, leaderReachable: false }));
  assert.is(await alive(), "SERVING");
  client.close();
});

test("a node is alive at once, and ready when it reaches a leader", async ({ house }) => {
  assert.is((await http(house, "GET", "/healthz")).status, 200);
  const ready = async () => {
    const { status, text } = await http(house, "GET", "/readyz");
    return [status, JSON.parse(text).message];
  };
  assert.equal(await ready(), [503, "the node has not heard from its group yet"]);
  house.tell(standing({ leader: null, leaderReachable: false }));
  assert.equal(await ready(), [503, "no leader is known"]);
  house.tell(standing({ leaderReachable: false }));
  assert.equal(await ready(), [503, "the leader, b, cannot be reached"]);
  house.tell(standing());
  assert.equal(await ready(), [200, undefined]);
});

test("metrics count calls by method and code, and never name a lock", async ({ house }) => {
  house.follow((operation) =>
    operation.type === "acquire"
      ? { type: "granted", lease: leaseId(1), token: fencingToken(1), ttl: millis(1_000) }
      : { type: "notHeld" },
  );
  const request = { lockId: "secret-lock", clientId: "secret-client", timeoutMs: 0n };
  for (let count = 0; count < 3; count++) await came((done) => house.stateless.acquireLock(request, done));
  await http(house, "POST", "/v1/lock/release", '{"lock_name":"secret-lock","lease_id":1}');
  const { status: code, text } = await http(house, "GET", "/metrics");
  assert.is(code, 200);
  const labels = 'method="com.geastalt.lock.grpc.LockService/AcquireLock",interface="grpc"';
  for (const line of [
    `lockmgr_requests_total{${labels},code="OK",status="LOCK_STATUS_OK"} 3`,
    `lockmgr_request_seconds_count{${labels}} 3`,
    `lockmgr_request_seconds_bucket{${labels},le="+Inf"} 3`,
    'lockmgr_requests_total{method="lowkey.v1.LockService/ReleaseLock",interface="http",code="NOT_FOUND",status=""} 1',
    "lockmgr_raft_commit_index 12",
    'lockmgr_info{version="1.2.3"} 1',
  ]) {
    assert.ok(text.split("\n").includes(line), line);
  }
  assert.ok(text.includes("process_cpu_seconds_total"));
  assert.not.ok(text.includes("secret"));
});

/** Where nobody else will listen once this process does so no longer. */
const freeAddress = async () => ({ host: "127.0.0.1", port: await freePort() });

/** Why a connection cannot be opened; null if it can. */
const refusal = (port: number): Promise<string | null> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(null));
    socket.on("error", ({ code }: NodeJS.ErrnoException) => resolve(code ?? ""));
  });

test("a port in use is told by its variable, and nothing stays open", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as AddressInfo;
  const taken = { host: "127.0.0.1", port };
  const grpcAddress = await freeAddress();
  for (const [changes, message] of [
    [{ grpcAddress: taken }, `GRPC_PORT ${port} is already in use`],
    [{ grpcAddress, httpAddress: taken }, `HTTP_PORT ${port} is already in use`],
  ] as const) {
    const error = await openHouse(changes).then(
      () => null,
      (problem: unknown) => problem,
    );
    assert.instance(error, StartError);
    assert.equal([(error as StartError).message, (error as StartError).exitCode], [message, 69]);
  }
  await new Promise((resolve) => other.close(resolve));
  // The gRPC port that was open while the HTTP port was refused is free again.
  const again = await openHouse({ grpcAddress });
  await again.stop();
});

/** Nothing of this process is run for so long. */
const standStill = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

test("a stop ends streams and calls with UNAVAILABLE, and closes both doors, also in a process that was not run", async () => {
  const house = await openHouse({ grpcAddress: await freeAddress(), httpAddress: await freeAddress() });
  house.follow(() => null);
  const stream = house.leased.heartbeat();
  stream.on("error", () => undefined).resume();
  const ended = new Promise<{ code: status; details: string }>((resolve) => stream.on("status", resolve));
  stream.write({ leaseId: 1n });
  const pending = came((done) => house.leased.renewLease({ leaseId: 1n }, done));
  const pendingHttp = http(house, "POST", "/v1/lease/renew", '{"lease_id":1}');
  const idle = connect(house.httpPort, "127.0.0.1");
  await house.until((letters) => letters.length === 3);
  const stopped = house.resident.stop();
  standStill(2 * graceMs + 100);
  await stopped;
  assert.is((await ended).code, status.UNAVAILABLE);
  const { error } = await pending;
  assert.is(error?.code, status.UNAVAILABLE);
  assert.match(error?.details ?? "", /outcome is unknown/);
  assert.is((await pendingHttp).status, 503);
  for (const port of [house.grpcPort, house.httpPort]) {
    assert.is(await refusal(port), "ECONNREFUSED");
  }
  assert.is(house.resident.inspect().callsUnderWay, 0);
  idle.destroy();
  house.stateless.close();
  house.leased.close();
});

test("before its thread ends, every connection that speaks HTTP/2 is dropped as it is", async () => {
  const house = await openHouse({ grpcAddress: await freeAddress() });
  house.follow(() => null);
  const pending = came((done) => house.leased.renewLease({ leaseId: 1n }, done));
  await house.until((letters) => letters.length === 1);
  house.resident.cut?.();
  const { error } = await pending;
  assert.is(error?.code, status.UNAVAILABLE);
  assert.not.match(error?.details ?? "", /outcome is unknown/, "nobody has answered");
  assert.is(await refusal(house.grpcPort), "ECONNREFUSED");
  await house.stop();
});

test("connections over the limit are refused", async () => {
  const house = await openHouse({ connectionsMax: 2 });
  for (const port of [house.grpcPort, house.httpPort]) {
    const sockets = await Promise.all(
      [1, 2, 3].map(
        () =>
          new Promise<{ socket: ReturnType<typeof connect>; closed: Promise<unknown> }>((resolve) => {
            const socket = connect(port, "127.0.0.1", () => resolve({ socket, closed }));
            const closed = new Promise((done) => socket.on("close", done));
            socket.on("error", () => undefined).resume();
          }),
      ),
    );
    await Promise.race(sockets.map(({ closed }) => closed));
    for (const { socket } of sockets) socket.destroy();
  }
  await house.stop();
});

test.run();
