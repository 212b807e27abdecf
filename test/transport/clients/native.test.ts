// The native interface over gRPC: unary calls, waits that outlast other calls, watches and observers.

import type { ServiceError } from "@grpc/grpc-js";
import { Metadata, status } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import type { CallId, ClientsToGateway } from "../../../src/actors/messages.ts";
import type { Answer } from "../../../src/actors/operations.ts";
import { fencingToken, leaseId, millis } from "../../../src/actors/scalars.ts";
import type { ObserveResponse } from "../../../src/transport/generated/lockmgr/v1/election.ts";
import type {
  AcquireResponse,
  CheckResponse,
  WatchRequest,
  WatchResponse,
} from "../../../src/transport/generated/lockmgr/v1/lock.ts";
import { suite } from "../../suite.ts";
import { acquireRequest, event, lockView, obstacle, withRegions } from "./native-desk.ts";
import { came, type House, http, openHouse, sendBytes } from "./scripted-gateway.ts";

const test = suite<{ house: House }>("transport/clients/native");
test.before(async (context) => {
  context.house = await openHouse({ requestMsMax: millis(300) });
});
test.after(({ house }) => house.stop());

const granted: Answer = { type: "granted", lease: leaseId(7), token: fencingToken(9), ttl: millis(10_000) };
const word = (error: ServiceError | null): unknown => error?.metadata.get("lockmgr-reason")[0];

test("a call becomes an operation under the name that its client has given it", async ({ house }) => {
  house.follow(() => granted);
  const request = acquireRequest({ requestId: "mine" });
  const { response } = await came<AcquireResponse>((done) => house.native.acquire(request, done));
  assert.equal(response?.result, {
    $case: "granted",
    value: { token: 9n, leaseId: 7n, ttlMs: 10_000n, usableMs: 9_850n },
  });
  const { requestId, operation, budget } = house.lastRequest();
  assert.equal([requestId?.length, operation.type, budget], [24, "acquireAll", 300]);
  house.follow(() => ({ type: "lockSeen", lock: lockView }));
  const seen = await came<CheckResponse>((done) => house.native.check({ lock: "a lock" }, done));
  assert.is(seen.response?.lock?.holders[0]?.token, 42n);
  assert.is(house.lastRequest().requestId, null);
});

test("a failure has a status, a sentence, and a word for programs", async ({ house }) => {
  const rows: [Answer, status, RegExp, string][] = [
    [{ type: "leaseEnded", lease: leaseId(7) }, status.FAILED_PRECONDITION, /lease has expired/, "lease-ended"],
    [{ type: "leaseUnknown", lease: leaseId(7) }, status.NOT_FOUND, /no such lease/, "lease-unknown"],
    [{ type: "queueFull", limit: 5 }, status.RESOURCE_EXHAUSTED, /5 requests wait already/, "queue-full"],
    [{ type: "limitDiffers", lock: "a", limit: 3 }, status.FAILED_PRECONDITION, /3 permits/, "limit-differs"],
    [{ type: "refused", refusal: "unserved" }, status.UNIMPLEMENTED, /several regions/, "unserved"],
    [{ type: "refused", refusal: "no-leader" }, status.UNAVAILABLE, /no leader/, "no-leader"],
  ];
  for (const [answer, code, message, reason] of rows) {
    house.follow(() => answer);
    const { error } = await came<AcquireResponse>((done) => house.native.acquire(acquireRequest(), done));
    assert.equal([error?.code, word(error)], [code, reason]);
    assert.match(error?.details ?? "", message);
  }
  const { error } = await came<AcquireResponse>((done) => house.native.acquire(acquireRequest({ owner: "" }), done));
  assert.equal([error?.code, word(error)], [status.INVALID_ARGUMENT, "invalid"]);
  const malformed = await sendBytes(house.native, "/lockmgr.v1.LockService/Acquire", Buffer.from([0xff]));
  assert.is(malformed.error?.code, status.INVALID_ARGUMENT);
  const notUtf8 = Buffer.from([0x12, 1, 0xff, 0x18, 7, 0x0a, 3, 0x0a, 1, 0x61]);
  const unreadable = await sendBytes(house.native, "/lockmgr.v1.LockService/Acquire", notUtf8);
  assert.match(unreadable.error?.details ?? "", /owner is not valid UTF-8/);
});

/** The calls that have reached the gateway and not been answered. */
const opened = async (house: House, since: number, type: "request" | "watch"): Promise<CallId> => {
  const isIt = (letter: ClientsToGateway) => letter.type === type;
  await house.until((letters) => letters.slice(since).some(isIt));
  return (house.letters.slice(since).find(isIt) as { call: CallId }).call;
};

test("a wait lasts as long as it may: longer than other calls are tried, and than a request may stand still", async ({
  house,
}) => {
  house.follow(() => null);
  const since = house.letters.length;
  const waiting = came<AcquireResponse>((done) => house.native.acquire(acquireRequest({ waitMs: 60_000n }), done));
  const call = await opened(house, since, "request");
  assert.is(house.lastRequest().budget, 60_300);
  house.wait(call, { type: "queued", position: 2, obstacle });
  house.answer(call, { type: "queued", position: 1, obstacle });
  house.answer(call, granted);
  assert.is((await waiting).response?.result?.$case, "granted");
});

test("whoever goes away is forgotten, and his deadline is what he is waited for", async ({ house }) => {
  house.follow(() => null);
  const since = house.letters.length;
  const request = acquireRequest({ waitMs: 86_400_000n });
  const deadline = Date.now() + 600_000;
  const call = house.native.acquire(request, new Metadata(), { deadline }, () => {});
  const id = await opened(house, since, "request");
  const { budget } = house.lastRequest();
  assert.ok(budget > deadline - Date.now() - 100 && budget < 600_000, String(budget));
  call.cancel();
  await house.until((letters) => letters.slice(since).some(({ type }) => type === "cancelled"));
  assert.equal(house.letters.slice(since).at(-1), { type: "cancelled", call: id });
});

const prefix = (value: string, afterRevision = 0n): WatchRequest => ({
  what: { $case: "prefix", value },
  afterRevision,
});

/** A stream from the service, as it is heard. */
function listen<Message>(stream: NodeJS.EventEmitter & { cancel: () => void }) {
  const heard: Message[] = [];
  const waits: (() => void)[] = [];
  let error: ServiceError | null = null;
  const look = (): void => {
    for (const wait of waits) wait();
  };
  stream.on("data", (message: Message) => {
    heard.push(message);
    look();
  });
  stream.on("error", (failure: ServiceError) => {
    error = failure;
    look();
  });
  const until = <Value>(found: () => Value | null): Promise<Value> =>
    new Promise((resolve) => {
      const wait = (): void => {
        const value = found();
        if (value !== null) resolve(value);
      };
      waits.push(wait);
      wait();
    });
  return {
    heard,
    cancel: () => stream.cancel(),
    count: (count: number) => until(() => (heard.length >= count ? heard : null)),
    ended: () => until(() => error),
  };
}

test("a watch tells events as they come, and ends for the gateway when its client goes", async ({ house }) => {
  const since = house.letters.length;
  const watch = listen<WatchResponse>(house.native.watch(prefix("a", 5n)));
  const call = await opened(house, since, "watch");
  assert.equal(house.letters[since], { type: "watch", call, wish: { what: { prefix: "a" }, after: 5 } });
  house.watched(call, 6, []);
  await watch.count(1);
  house.watched(call, 8, [event(7, { kind: "yieldAsked", text: "please", span: millis(5) }), event(8)]);
  const [first, second] = await watch.count(2);
  assert.equal(first, { events: [], revision: 6n });
  assert.equal([second?.revision, second?.events.map(({ kind }) => kind)], [8n, [12, 2]]);
  watch.cancel();
  await house.until((letters) => letters.some((letter) => letter.type === "cancelled" && letter.call === call));
});

test("a watch whose revision is gone is told so, as is one that is refused", async ({ house }) => {
  for (const [tell, code, reason] of [
    [(call: CallId) => house.watchGone(call, 99), status.OUT_OF_RANGE, "revision-gone"],
    [
      (call: CallId) => house.answer(call, { type: "refused", refusal: "overloaded" }),
      status.RESOURCE_EXHAUSTED,
      "overloaded",
    ],
  ] as const) {
    const since = house.letters.length;
    const watch = listen(house.native.watch(prefix("", 5n)));
    tell(await opened(house, since, "watch"));
    const error = await watch.ended();
    assert.equal([error.code, word(error)], [code, reason]);
  }
  const nothing = await listen(house.native.watch({ what: undefined, afterRevision: 0n })).ended();
  assert.match(nothing.details, /prefix, lock or lease_id must be given/);
});

test("a watch whose client does not read ends and names the revision to go on from", async ({ house }) => {
  const since = house.letters.length;
  const stream = house.native.watch(prefix("", 5n));
  stream.pause();
  const call = await opened(house, since, "watch");
  const isOver = () => house.letters.some((letter) => letter.type === "cancelled" && letter.call === call);
  let told = 5;
  // Sockets hold much: the stream ends when they are full and as much again is kept.
  while (!isOver() && told < 500) {
    told++;
    house.watched(call, told, [event(told, { text: "x".repeat(300_000) })]);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(isOver(), "what is kept is bounded");
  const watch = listen<WatchResponse>(stream);
  stream.resume();
  const error = await watch.ended();
  assert.equal([error.code, word(error)], [status.RESOURCE_EXHAUSTED, "unread"]);
  const last = Number(/after_revision (\d+)/.exec(error.details)?.[1]);
  assert.is(BigInt(last), watch.heard.at(-1)?.revision);
});

test("an observer is told of leaders", async ({ house }) => {
  const since = house.letters.length;
  const observer = listen<ObserveResponse>(house.election.observe({ election: "e", afterRevision: 0n }));
  const call = await opened(house, since, "watch");
  assert.equal(house.letters[since], { type: "watch", call, wish: { what: { lock: "e" }, after: null } });
  house.watched(call, 3, [event(3, { kind: "present", text: "here" })]);
  house.watched(call, 4, [event(4, { kind: "released", token: fencingToken(3) })]);
  const told = await observer.count(2);
  assert.equal(told, [
    { leader: { owner: "me", leaseId: 7n, token: 3n, value: "here" }, revision: 3n },
    { leader: undefined, revision: 4n },
  ]);
  observer.cancel();
  const error = await listen(house.election.observe({ election: "", afterRevision: 0n })).ended();
  assert.match(error.details, /^election must not be empty/);
});

test("calls of both services are counted", async ({ house }) => {
  const { text } = await http(house, "GET", "/metrics");
  for (const [method, code] of [
    ["lockmgr.v1.LockService/Acquire", "OK"],
    ["lockmgr.v1.LockService/Watch", "OUT_OF_RANGE"],
    ["lockmgr.v1.ElectionService/Observe", "INVALID_ARGUMENT"],
  ])
    assert.ok(text.includes(`lockmgr_requests_total{method="${method}",interface="grpc",code="${code}"`), method);
});

test("where there are several regions nothing can be watched", async () => {
  const house = await openHouse(withRegions());
  for (const stream of [house.native.watch(prefix("")), house.election.observe({ election: "e", afterRevision: 0n })]) {
    const error = await listen(stream).ended();
    assert.equal([error.code, word(error)], [status.UNIMPLEMENTED, "unserved"]);
  }
  await house.stop();
});

test("when the node stops, streams end and their clients turn elsewhere", async () => {
  const house = await openHouse();
  const watch = listen(house.native.watch(prefix("")));
  await house.until((letters) => letters.some(({ type }) => type === "watch"));
  const stopped = house.stop();
  assert.is((await watch.ended()).code, status.UNAVAILABLE);
  await stopped;
});

test.run();
