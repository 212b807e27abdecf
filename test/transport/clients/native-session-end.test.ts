// Sessions: what is kept for a client that does not read, and how a session ends. The last test gives it a socket.

import { type ServiceError, status } from "@grpc/grpc-js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { CallId, ClientsToGateway } from "../../../src/actors/messages.ts";
import type { ServerMessage } from "../../../src/transport/generated/lockmgr/v1/lock.ts";
import { event } from "./native-desk.ts";
import { openSession } from "./native-session-client.ts";
import { acquire, cases, check, errors, free, granted, hello, newOpenRoom, opened } from "./native-session-room.ts";
import { openHouse } from "./scripted-gateway.ts";

const test = suite("transport/clients/native-session-end");

test("a client that does not read is not read from, and its events stay until it does", () => {
  const room = newOpenRoom();
  room.say({ $case: "watch", value: { what: { $case: "prefix", value: "" }, afterRevision: 3n } });
  room.stall();
  room.watched(5, [event(5)]);
  assert.is(room.heard().length, 1);
  const paused = room.pipe.paused;
  room.say(check("a"));
  assert.is(room.pipe.paused, paused + 1);
  room.answer(free);
  room.watched(6, [event(6)]);
  room.watched(7, [event(7)]);
  assert.equal(room.heard(), []);
  room.read();
  const told = room.heard();
  assert.equal(cases(told), [
    [3, "checked"],
    [2, "events"],
  ]);
  assert.is(room.pipe.resumed, 2);
});

test("for a client that does not read only so much is kept", () => {
  const room = newOpenRoom();
  room.say({ $case: "watch", value: { what: { $case: "prefix", value: "" }, afterRevision: 3n } });
  const call = room.lastCall("watch");
  room.stall();
  room.watched(5, [event(5)]);
  room.heard();
  const large = (revision: number) => event(revision, { text: "x".repeat(300_000) });
  for (let revision = 6; revision < 11; revision++) room.watched(revision, [large(revision)], call);
  assert.equal(room.letters.at(-1), { type: "cancelled", call });
  assert.is(room.pipe.ended, undefined, "the watch is over, the session is not");
  room.read();
  assert.equal(errors(room.heard()), [[2, "unread"]]);
  // The session's own events cannot be done without.
  room.stall();
  room.say(check("a"));
  room.answer(free);
  room.heard();
  const { call: own } = room.letters.find(({ type }) => type === "watch") as { call: CallId };
  for (let revision = 21; revision < 27; revision++) room.watched(revision, [large(revision)], own);
  assert.is(room.pipe.ended?.reason, "unread");
  assert.match(room.pipe.ended?.message ?? "", /after_revision 20/);
});

test("a frame is split where it is large, and says the same", () => {
  const room = newOpenRoom();
  const locks = Array.from({ length: 5 }, (_, n) => ({
    lock: `${n}${"x".repeat(400_000)}`,
    grants: [],
    delays: [],
    queue: n,
  }));
  room.say(...locks.map(() => check("a")));
  for (const [n, { call }] of room.requests().slice(-5).entries()) {
    room.answer({ type: "lockSeen", lock: locks[n] as (typeof locks)[0] }, call);
  }
  const frames = room.heard();
  assert.equal(
    frames.map(({ length }) => length),
    [3, 2],
  );
  const queues = frames.flat().map(({ message }) => message?.$case === "checked" && message.value.lock?.queueLength);
  assert.equal(queues, [0, 1, 2, 3, 4]);
});

test("a client that has nothing more to say is answered what it has asked, and then the session is over", () => {
  const room = newOpenRoom();
  room.say(check("a"));
  room.session.halfClosed();
  assert.is(room.pipe.ended, undefined);
  room.answer(free);
  assert.equal(cases(room.heard()), [[2, "checked"]]);
  assert.is(room.pipe.ended, null);
  assert.is(room.desk.calls.underWay(), 0, "the watch of its lease has ended");
});

test("a client that has nothing more to say is told all answers, however slowly it reads", () => {
  const room = newOpenRoom();
  room.say(check("a"), check("b"));
  const [first, second] = room.requests().slice(-2);
  room.stall();
  room.session.halfClosed();
  room.answer(free, first?.call);
  assert.equal(cases(room.heard()), [[2, "checked"]]);
  room.answer(free, second?.call);
  assert.equal(room.heard(), []);
  assert.is(room.pipe.ended, undefined);
  room.read();
  assert.equal(cases(room.heard()), [[3, "checked"]]);
  assert.is(room.pipe.ended, null);
});

test("when the client is gone its calls are forgotten, and nothing is done to its lease", () => {
  const room = newOpenRoom();
  room.say(acquire(5_000n));
  const before = room.letters.length;
  room.session.gone();
  assert.equal(
    room.letters.slice(before).map(({ type }) => type),
    ["cancelled", "cancelled"],
  );
  room.session.received({ messages: [{ id: 50n, message: check("a") }] }, 10);
  assert.is(room.letters.length, before + 2);
});

test("whoever has been silent is pinged", async () => {
  const room = newOpenRoom({ silenceMs: 5 });
  let told: ServerMessage[][] = [];
  while (told.length === 0) {
    await new Promise((resolve) => setImmediate(resolve));
    told = room.heard();
  }
  assert.equal(told.flat()[0], { id: 0n, message: { $case: "ping", value: {} } });
  room.session.received({ messages: [{ id: 0n, message: { $case: "pong", value: {} } }] }, 4);
  room.session.gone();
  assert.equal(errors(room.heard()), []);
});

test("a session over gRPC begins, answers, and ends when a message cannot be read or the node stops", async () => {
  const house = await openHouse();
  const isWatch = (letter: ClientsToGateway) => letter.type === "watch";
  const begin = async () => {
    const since = house.letters.length;
    house.follow(({ type }) => (type === "openLease" ? opened : type === "inspect" ? free : granted));
    const session = openSession(house.native);
    const [id = 0n] = session.say(hello(), check("a"));
    await house.until((letters) => letters.slice(since).some(isWatch));
    house.watched((house.letters.slice(since).find(isWatch) as { call: CallId }).call, 20, []);
    await session.hear(id, "welcome");
    await session.hear(2n, "checked");
    return session;
  };
  const one = await begin();
  const ids = one.say(...Array.from({ length: 50 }, () => acquire()));
  await Promise.all(ids.map((id) => one.hear(id, "acquired")));
  one.stream.end();
  assert.is(await one.ended, null);

  const asIs = (bytes: Buffer): Buffer => bytes;
  const two = house.native.makeBidiStreamRequest("/lockmgr.v1.LockService/Session", asIs, asIs);
  const failed = new Promise<ServiceError>((resolve) => two.on("error", resolve));
  two.write(Buffer.from([0x0a, 0x05, 0xff]));
  assert.is((await failed).code, status.INVALID_ARGUMENT);

  const three = await begin();
  const stopped = house.stop();
  assert.is((await three.ended)?.code, status.UNAVAILABLE);
  await stopped;
});

test.run();
