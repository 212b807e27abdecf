// Events over HTTP: Server-Sent Events that a client can go on with where it was.

import type { AddressInfo } from "node:net";
import * as assert from "uvu/assert";
import type { CallId } from "../../../src/actors/messages.ts";
import { fencingToken, instant, leaseId, logIndex, wallTime } from "../../../src/actors/scalars.ts";
import { newCalls } from "../../../src/transport/clients/calls.ts";
import { newOpenStreams } from "../../../src/transport/clients/grpc-calls.ts";
import { newHttpServer } from "../../../src/transport/clients/http.ts";
import { addNativeRoutes } from "../../../src/transport/clients/native-http.ts";
import type { Desk } from "../../../src/transport/clients/procedure.ts";
import { suite } from "../../suite.ts";
import { ask, lockEvent, open, tell, until, watch } from "./native-http-house.ts";
import { type House, openHouse, settings } from "./scripted-gateway.ts";

const test = suite<{ house: House }>("transport/clients/native-http-events");
test.before(async (context) => {
  context.house = await openHouse();
});
test.after(({ house }) => house.stop());

const event = {
  revision: 5,
  kind: "granted",
  lock: "a",
  owner: "me",
  lease_id: 7,
  token: 42,
  text: "",
  span_ms: 0,
  queue_length: 0,
};
const message = (id: number, told: object): string => `id: ${id}\ndata: ${JSON.stringify(told)}\n\n`;
const head = "retry: 1000\n\n";

test("events are told as they come, with the revision as their id", async ({ house }) => {
  const { letter, response } = await watch(house, "/v1/events?prefix=a%2F");
  assert.equal(letter.wish, { what: { prefix: "a/" }, after: null });
  tell(house, letter.call, 4, []);
  const stream = await response;
  assert.is(stream.statusCode, 200);
  assert.is(stream.headers["content-type"], "text/event-stream; charset=utf-8");
  assert.is(await until(stream, /\n\n.*\n\n/s), head + message(4, { events: [], revision: 4 }));
  tell(house, letter.call, 5, [lockEvent(), lockEvent({ kind: "yieldAsked", text: "why", queue: 2 })]);
  const events = [event, { ...event, kind: "yield_asked", text: "why", queue_length: 2 }];
  assert.is(await until(stream, /\n\n/), message(5, { events, revision: 5 }));
  stream.destroy();
  await house.until((letters) => letters.some(({ type, ...of }) => type === "cancelled" && of.call === letter.call));
  assert.is(house.resident.inspect().streams, 0);
});

test("a watch goes on after the revision that was told last, as the address or the header says", async ({ house }) => {
  const rows: [string, Record<string, string>, object][] = [
    ["/v1/events?lock=a&after_revision=9", {}, { what: { lock: "a" }, after: logIndex(9) }],
    ["/v1/events?lease_id=7", { "last-event-id": "12" }, { what: { lease: leaseId(7) }, after: logIndex(12) }],
    ["/v1/events?lock=a&after_revision=9", { "last-event-id": "12" }, { what: { lock: "a" }, after: logIndex(12) }],
    ["/v1/events?lock=a&after_revision=9", { "last-event-id": "0" }, { what: { lock: "a" }, after: null }],
    ["/v1/elections/e:observe", { "last-event-id": "12" }, { what: { lock: "e" }, after: logIndex(12) }],
  ];
  for (const [path, headers, wish] of rows) {
    const { letter, response } = await watch(house, path, headers);
    assert.equal(letter.wish, wish, path);
    tell(house, letter.call, 13, []);
    (await response).destroy();
  }
  const { status, json } = await ask(house, "GET /v1/events?lock=a", undefined, { "last-event-id": "x" });
  assert.equal([status, json.message], [400, "Last-Event-ID must be a revision, as it stood in an id"]);
});

test("a revision of which nothing is known any more is 410, or ends the stream if it has begun", async ({ house }) => {
  const early = await watch(house, "/v1/events?lock=a&after_revision=9");
  house.resident.receive({ type: "watchGone", call: early.letter.call, oldest: logIndex(20) });
  const refused = await early.response;
  assert.is(refused.statusCode, 410);
  assert.match(await until(refused, /\}$/), /"code":11,.*after revision 20.*"reason":"revision-gone"/);
  const late = await watch(house, "/v1/events?lock=a");
  tell(house, late.letter.call, 4, []);
  const stream = await late.response;
  house.resident.receive({ type: "watchGone", call: late.letter.call, oldest: logIndex(20) });
  assert.match(await until(stream, /event: over\n.*\n\n/), /event: over\ndata: \{"code":11,/);
  stream.resume();
  await new Promise((resolve) => stream.on("end", resolve));
});

test("whoever observes an election is told the leader first, and then every change", async ({ house }) => {
  const { letter, response } = await watch(house, "/v1/elections/a:observe");
  assert.equal(letter.wish, { what: { lock: "a" }, after: null });
  tell(house, letter.call, 5, [lockEvent({ kind: "present", text: "host" })]);
  const stream = await response;
  const leader = { owner: "me", lease_id: 7, token: 42, value: "host" };
  assert.is(await until(stream, /data.*\n\n/s), head + message(5, { leader, revision: 5 }));
  tell(house, letter.call, 6, [lockEvent({ revision: logIndex(6), kind: "released" })]);
  assert.is(await until(stream, /\n\n/), message(6, { revision: 6 }));
  const next = lockEvent({ revision: logIndex(7), token: fencingToken(43), text: "other" });
  tell(house, letter.call, 7, [next]);
  assert.is(await until(stream, /\n\n/), message(7, { leader: { ...leader, token: 43, value: "other" }, revision: 7 }));
  stream.destroy();
});

test("one who does not read is cut off, and what is kept for him is bounded", async ({ house }) => {
  const { letter, response } = await watch(house, "/v1/events?prefix=");
  tell(house, letter.call, 4, []);
  const stream = await response;
  stream.pause();
  const text = "x".repeat(4_000);
  const isCut = (): boolean => house.letters.some((told) => told.type === "cancelled" && told.call === letter.call);
  let revision = 5;
  // Far more than a socket and the queue take together.
  while (!isCut() && revision < 10_000) {
    tell(house, letter.call, revision, [lockEvent({ revision: logIndex(revision), text })]);
    revision += 1;
  }
  assert.ok(isCut());
  assert.is(house.resident.inspect().streams, 0);
  const broken = new Promise((resolve) => stream.on("error", resolve).on("end", resolve));
  stream.resume();
  await broken;
});

test("a stream that has nothing to tell says so", async () => {
  const calls = newCalls(() => undefined);
  let post: Desk["post"] = () => undefined;
  const asked = new Promise<CallId>((resolve) => {
    post = ({ call }) => resolve(call);
  });
  const desk = { settings: settings(), post, now: () => instant(0), calls, wallNow: () => wallTime(0) };
  const metrics = { meter: () => ({ count: () => undefined }), contentType: "", scrape: async () => "" };
  const streams = newOpenStreams();
  const app = newHttpServer(settings());
  addNativeRoutes(app, {
    desk: { ...desk, standing: () => null, regions: () => [] },
    metrics,
    streams,
    silenceMs: 5,
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port: httpPort } = app.server.address() as AddressInfo;
  const response = open({ httpPort }, "GET /v1/events?prefix=");
  calls.watched({ type: "watched", call: await asked, revision: logIndex(4), events: [] });
  assert.match(await until(await response, /\n: \n/), /id: 4\n/);
  streams.end();
  await app.close();
});

test("a node that stops ends the streams, and clients come back elsewhere", async () => {
  const house = await openHouse();
  const { letter, response } = await watch(house, "/v1/events?prefix=");
  tell(house, letter.call, 4, []);
  const stream = await response;
  const stopped = house.stop();
  assert.match(await until(stream, /event: over\n.*\n\n/), /"reason":"stopping"/);
  stream.resume();
  await stopped;
});

test.run();
