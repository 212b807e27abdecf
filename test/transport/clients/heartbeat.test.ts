// The stream of renewals: order, failures, and a client that sends without reading.

import { connect } from "node:http2";
import { status } from "@grpc/grpc-js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ClientsToGateway } from "../../../src/actors/messages.ts";
import type { Answer } from "../../../src/actors/operations.ts";
import { type LeaseId, leaseId, millis } from "../../../src/actors/scalars.ts";
import { unansweredMax } from "../../../src/transport/clients/heartbeat.ts";
import type { HeartbeatResponse } from "../../../src/transport/generated/lowkey/v1/lock.ts";
import { came, free, type House, openHouse, type Request } from "./scripted-gateway.ts";

const test = suite<{ house: House }>("transport/clients/heartbeat");
test.before.each(async (context) => {
  context.house = await openHouse();
});
test.after.each(({ house }) => house.stop());

const renewed = (lease: LeaseId): Answer => ({ type: "leaseRenewed", lease, ttl: millis(60_000) });
const leaseOf = ({ operation }: Request): LeaseId => (operation.type === "renewLease" ? operation.lease : leaseId(0));
const isRenewal = (letter: ClientsToGateway): boolean =>
  letter.type === "request" && letter.operation.type === "renewLease";
const requests = (letters: readonly ClientsToGateway[]): Request[] =>
  letters.filter((letter) => letter.type === "request");

/** The answers and the end of a stream. */
function listen(stream: ReturnType<House["leased"]["heartbeat"]>) {
  const answers: HeartbeatResponse[] = [];
  stream.on("data", (answer) => answers.push(answer));
  stream.on("error", () => undefined);
  const ended = new Promise<{ code: status; details: string }>((resolve) => stream.on("status", resolve));
  return { answers, ended };
}

test("answers come in the order of the requests, whatever the order of the outcomes", async ({ house }) => {
  house.follow(() => null);
  const stream = house.leased.heartbeat();
  const { answers, ended } = listen(stream);
  for (const id of [1n, 2n, 3n]) stream.write({ leaseId: id });
  await house.until((letters) => requests(letters).length === 3);
  for (const request of requests(house.letters).reverse()) house.answer(request.call, renewed(leaseOf(request)));
  stream.end();
  assert.is((await ended).code, status.OK);
  assert.equal(
    answers,
    [1n, 2n, 3n].map((id) => ({ leaseId: id, ttlSeconds: 60n })),
  );
});

test("a client that has said everything is still answered", async ({ house }) => {
  house.follow((operation) => (operation.type === "renewLease" ? null : free));
  const stream = house.leased.heartbeat();
  const { answers, ended } = listen(stream);
  for (const id of [1n, 2n]) stream.write({ leaseId: id });
  stream.end();
  await house.until((letters) => requests(letters).length === 2);
  // What comes on the same connection later tells that its end has been read.
  for (let asked = 0; asked < 2; asked++) await came((done) => house.leased.getStatus({}, done));
  for (const request of requests(house.letters)) house.answer(request.call, renewed(leaseOf(request)));
  assert.is((await ended).code, status.OK);
  assert.is(answers.length, 2);
});

test("a renewal that fails ends the stream with its status, after the answers before it", async ({ house }) => {
  const rows: [Answer, status][] = [
    [{ type: "leaseUnknown", lease: leaseId(2) }, status.NOT_FOUND],
    [{ type: "leaseEnded", lease: leaseId(2) }, status.FAILED_PRECONDITION],
    [{ type: "refused", refusal: "no-leader" }, status.UNAVAILABLE],
    [{ type: "refused", refusal: "overloaded" }, status.RESOURCE_EXHAUSTED],
  ];
  for (const [failure, code] of rows) {
    house.follow((_operation, letter) => (leaseOf(letter) === 2 ? failure : renewed(leaseOf(letter))));
    const stream = house.leased.heartbeat();
    const { answers, ended } = listen(stream);
    for (const id of [1n, 2n, 3n]) stream.write({ leaseId: id });
    assert.is((await ended).code, code);
    assert.equal(answers, [{ leaseId: 1n, ttlSeconds: 60n }]);
  }
});

test("a heartbeat without a lease ends the stream by the field's name", async ({ house }) => {
  const stream = house.leased.heartbeat();
  const { ended } = listen(stream);
  stream.write({ leaseId: 0n });
  const { code, details } = await ended;
  assert.is(code, status.INVALID_ARGUMENT);
  assert.match(details, /lease_id must be given/);
});

test("a client that goes away cancels what it waits for", async ({ house }) => {
  house.follow(() => null);
  const stream = house.leased.heartbeat();
  listen(stream);
  stream.write({ leaseId: 1n });
  await house.until((letters) => requests(letters).length === 1);
  stream.cancel();
  await house.until((letters) => letters.some(({ type }) => type === "cancelled"));
  assert.is(house.resident.inspect().callsUnderWay, 0);
});

test("of a flood of heartbeats only so many are under way, and others are served", async ({ house }) => {
  house.follow((operation) => (operation.type === "renewLease" ? null : free));
  const stream = house.leased.heartbeat();
  listen(stream);
  for (let sent = 0; sent < 5_000; sent++) stream.write({ leaseId: 1n });
  await house.until((letters) => requests(letters).length >= unansweredMax);
  for (let asked = 0; asked < 20; asked++) {
    const { response } = await came((done) => house.stateless.checkLock({ lockId: "lock" }, done));
    assert.ok(response);
  }
  assert.is(house.letters.filter(isRenewal).length, unansweredMax);
  assert.is(house.resident.inspect().callsUnderWay, unansweredMax);
  stream.cancel();
});

test("a client that does not read its answers is not read from either, and loses nothing", async ({ house }) => {
  house.follow((operation, letter) => (operation.type === "renewLease" ? renewed(leaseOf(letter)) : free));
  const session = connect(`http://${house.grpcAddress}`);
  const stream = session.request({
    ":method": "POST",
    ":path": "/lowkey.v1.LockService/Heartbeat",
    "content-type": "application/grpc",
    te: "trailers",
  });
  const message = Buffer.of(0, 0, 0, 0, 2, 8, 1);
  const sent = 20_000;
  stream.write(Buffer.concat(new Array(sent).fill(message)));
  const read = (): number => house.letters.filter((letter) => isRenewal(letter)).length;
  await house.until((letters) => letters.length >= 1_000);
  // Until nothing more is read while others are served.
  for (let before = -1; before !== read(); ) {
    before = read();
    for (let asked = 0; asked < 20; asked++) await came((done) => house.stateless.checkLock({ lockId: "lock" }, done));
  }
  assert.ok(read() < sent, `${read()} of ${sent} were read`);
  let bytes = 0;
  await new Promise<void>((resolve) => {
    stream.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes === sent * 9) resolve();
    });
  });
  assert.is(read(), sent);
  session.destroy();
});

test.run();
