// The native interface over HTTP: which operation a request is, and which status and body an answer.

import * as assert from "uvu/assert";
import type { Answer, Operation, Refusal } from "../../../src/actors/operations.ts";
import { fencingToken, leaseId, millis, regionId } from "../../../src/actors/scalars.ts";
import { nativeRequestId } from "../../../src/transport/clients/native-request-id.ts";
import { fc } from "../../fast-check.ts";
import { suite } from "../../suite.ts";
import { type AcquireAll, ask, granted, grantView, obstacle } from "./native-http-house.ts";
import { type House, holder, openHouse, settings } from "./scripted-gateway.ts";

const test = suite<{ house: House }>("transport/clients/native-http");
test.before(async (context) => {
  context.house = await openHouse();
});
test.before.each(({ house }) => {
  house.follow(() => granted);
});
test.after(({ house }) => house.stop());

const operation = (house: House): Operation => house.lastRequest().operation;

test("a request for one lock and one for several are the same operation", async ({ house }) => {
  const under = { owner: "me", lease_id: 7, lock_delay_ms: 5, priority: 3, metadata: "m", context: "c" };
  const one = await ask(house, "POST /v1/locks/a:acquire", {
    ...under,
    mode: "semaphore",
    permits: 2,
    limit: "4",
    request_id: "r",
  });
  const asOne = operation(house) as AcquireAll;
  assert.equal(asOne.demands, [{ lock: "a", mode: "semaphore", permits: 2, limit: 4 }]);
  assert.is(house.lastRequest().requestId, nativeRequestId({ lease: leaseId(7) }, "r"));
  assert.equal([one.status, one.json], [200, { granted: { token: 43, lease_id: 7, ttl_ms: 10000, usable_ms: 9850 } }]);
  const demands = [{ lock: "a", mode: "MODE_SEMAPHORE", permits: 2, limit: 4 }];
  const several = await ask(house, "POST /v1/locks:acquire", { ...under, demands });
  assert.is(several.status, 200);
  assert.equal({ ...operation(house), askedAt: 0 }, { ...asOne, askedAt: 0 });
});

test("names may contain whatever they like", async ({ house }) => {
  house.follow(() => ({ type: "lockSeen", lock: { lock: "a", grants: [], delays: [], queue: 0 } }));
  const names = [
    "a/b",
    "a:acquire",
    "a:verify",
    "a/waiters",
    "/",
    ":",
    "50%",
    "?#&+ ",
    "ключ🔑",
    "a%2Fb",
    "日".repeat(170),
  ];
  for (const name of [...names, ...fc.sample(fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }), 20)]) {
    const encoded = encodeURIComponent(name);
    // A client does away with these segments before they are sent.
    if (name === "." || name === "..") continue;
    await ask(house, `GET /v1/locks/${encoded}`);
    assert.equal(operation(house), { type: "inspect", lock: name, token: null });
    await ask(house, `GET /v1/locks/${encoded}/waiters`);
    assert.equal(operation(house), { type: "waiters", lock: name, after: 0, limit: 100 });
    await ask(house, `POST /v1/locks/${encoded}:forceRelease`, { reason: "r" });
    assert.equal(operation(house), { type: "forceRelease", lock: name, token: null, reason: "r" });
  }
});

test("a colon that begins no verb is a part of the name, and a slash is not", async ({ house }) => {
  await ask(house, "GET /v1/locks/order:42");
  assert.equal(operation(house), { type: "inspect", lock: "order:42", token: null });
  await ask(house, "POST /v1/locks/order:42:acquire", { owner: "me", ttl_ms: 2000 });
  assert.is((operation(house) as AcquireAll).demands[0]?.lock, "order:42");
  const { status, json } = await ask(house, "POST /v1/locks/a/b:acquire", { owner: "me", ttl_ms: 2000 });
  assert.is(status, 404);
  assert.match(json.message, /a slash is written as %2F/);
  assert.is((await ask(house, "POST /v1/locks/a", {})).status, 404);
  assert.is((await ask(house, "GET /v1/locks/%ff")).status, 400);
});

test("every call is the operation that its path says", async ({ house }) => {
  const rows: [string, object | undefined, object][] = [
    ["POST /v1/leases", { owner: "me", ttl_ms: 2000 }, { type: "openLease", owner: "me", ttl: 2000 }],
    ["POST /v1/leases/7:renew", undefined, { type: "renewLease", lease: 7 }],
    ["DELETE /v1/leases/7?request_id=r", undefined, { type: "endLease", lease: 7 }],
    [
      "GET /v1/leases?owner=a+b&page_size=5&page_token=9",
      undefined,
      { type: "leases", owner: "a b", after: 9, limit: 5 },
    ],
    ["POST /v1/locks/a:release", { lease_id: 7, token: 4 }, { type: "releaseAll", lease: 7, token: 4 }],
    [
      "POST /v1/requests/r:cancel",
      { leaseId: 7 },
      { type: "cancel", request: nativeRequestId({ lease: leaseId(7) }, "r"), lease: 7 },
    ],
    [
      "POST /v1/requests/seen:cancel",
      { listed: true },
      { type: "cancel", request: "seen", lease: null, onlyWaiting: true },
    ],
    ["GET /v1/locks/a:verify?token=42", undefined, { type: "inspect", lock: "a", token: 42 }],
    [
      "GET /v1/locks?prefix=a%2F&lease_id=3",
      undefined,
      { type: "list", prefix: "a/", owner: "", lease: 3, grantedBefore: null, after: "", limit: 100 },
    ],
    [
      "POST /v1/locks/a:proclaim",
      { lease_id: 7, token: 4, metadata: "m" },
      { type: "proclaim", lock: "a", lease: 7, token: 4, metadata: "m" },
    ],
    [
      "POST /v1/locks/a:yield",
      { reason: "r", grace_ms: 5, force: true },
      { type: "askYield", lock: "a", token: null, reason: "r", grace: 5, force: true },
    ],
    ["GET /v1/waits?limit=5", undefined, { type: "waits", limit: 5 }],
    [
      "POST /v1/elections/e:proclaim",
      { lease_id: 7, token: 4, value: "v" },
      { type: "proclaim", lock: "e", lease: 7, token: 4, metadata: "v" },
    ],
    ["POST /v1/elections/e:resign", { lease_id: 7, token: 4 }, { type: "releaseAll", lease: 7, token: 4 }],
  ];
  for (const [door, body, expected] of rows) {
    await ask(house, door, body);
    assert.equal(operation(house), expected, door);
  }
});

test("answers are written in snake_case, with small words and empty lists", async ({ house }) => {
  house.follow(() => ({ type: "lockSeen", lock: { lock: "a", grants: [grantView], delays: [], queue: 2 } }));
  const seen = {
    owner: "somebody",
    lease_id: 7,
    token: 42,
    granted_at_ms: holder.grantedAt,
    remaining_ms: 1234,
    ttl_ms: 30000,
    mode: "exclusive",
    permits: 0,
    metadata: "host=x",
    context: "",
    lock_delay_ms: 0,
  };
  const { json } = await ask(house, "GET /v1/locks/a");
  assert.equal(json, { lock: { name: "a", holders: [seen], delays: [], queue_length: 2, limit: 0 } });
  assert.equal((await ask(house, "GET /v1/locks/a:verify?token=42")).json, { current: true, holder: seen });
  assert.equal((await ask(house, "GET /v1/locks/a:verify?token=41")).json, { current: false });
});

test("what came of a request for locks is a status, a sentence, a word and what was in the way", async ({ house }) => {
  const delay = { delayed: millis(1500), delayedBy: fencingToken(41), holder: null };
  const party = { lease: leaseId(7), context: "", owner: "me" };
  const rows: [Answer, number, string, string][] = [
    [{ type: "busy", obstacle: obstacle() }, 409, "held", "held"],
    [{ type: "busy", obstacle: obstacle({ ...delay, queue: 1 }) }, 409, "held", "held"],
    [{ type: "busy", obstacle: obstacle({ ...delay, queue: 0 }) }, 423, "delayed", "held"],
    [{ type: "waitOver" }, 409, "wait-ended", "wait_ended"],
    [
      { type: "deadlock", cycle: [{ waiter: party, lock: "a", blocker: party, isHolder: true }] },
      409,
      "deadlock",
      "deadlock",
    ],
    [{ type: "grantOver", token: fencingToken(4), how: "expired" }, 412, "grant-ended", "grant_ended"],
  ];
  const bodies = {
    "/v1/locks/a:acquire": { owner: "me", lease_id: 7 },
    "/v1/elections/a:campaign": { owner: "me", lease_id: 7 },
  };
  for (const [answer, status, reason, field] of rows) {
    house.follow(() => answer);
    for (const [path, body] of Object.entries(bodies)) {
      const told = await ask(house, `POST ${path}`, body);
      assert.equal([told.status, told.json.code, told.json.reason], [status, 9, reason], answer.type);
      assert.equal(Object.keys(told.json), ["code", "message", "reason", field]);
      assert.ok(told.json.message.length > 20, answer.type);
      assert.is(told.headers["retry-after"], status === 423 ? "2" : undefined);
    }
  }
  house.follow(() => ({ type: "busy", obstacle: obstacle() }));
  const { json } = await ask(house, "POST /v1/locks/a:acquire", { owner: "me", lease_id: 7 });
  assert.is(json.held.holder.owner, "somebody");
  assert.is(json.held.queue_length, 2);
});

test("whatever else fails has its status, and says when to come back if that is not known", async ({ house }) => {
  const rows: [Answer, number, string][] = [
    [{ type: "leaseUnknown", lease: leaseId(7) }, 404, "lease-unknown"],
    [{ type: "leaseEnded", lease: leaseId(7) }, 412, "lease-ended"],
    [{ type: "leaseOfAnother", owner: "you" }, 403, "lease-of-another"],
    [{ type: "staleToken", holder }, 412, "stale-token"],
    [{ type: "queueFull", limit: 5 }, 429, "queue-full"],
    ...(["no-leader", "unknown-outcome", "no-quorum", "stopping"] as const).map((refusal): [Answer, number, string] => [
      { type: "refused", refusal },
      503,
      refusal,
    ]),
    [{ type: "refused", refusal: "overloaded" satisfies Refusal }, 429, "overloaded"],
    [{ type: "refused", refusal: "disk-full" satisfies Refusal }, 507, "disk-full"],
  ];
  for (const [answer, status, reason] of rows) {
    house.follow(() => answer);
    const told = await ask(house, "POST /v1/locks/a:release", { lease_id: 7, token: 4 });
    assert.equal([told.status, told.json.reason], [status, reason]);
    assert.equal(Object.keys(told.json), ["code", "message", "reason"]);
    assert.is(told.headers["retry-after"], status === 503 || status === 429 ? "1" : undefined, reason);
  }
});

test("what is at fault is named by its place, and does not reach the gateway", async ({ house }) => {
  const requests = house.letters.length;
  const under = { owner: "me", lease_id: 7 };
  const rows: [string, object | string | undefined, RegExp][] = [
    ["POST /v1/locks/a:acquire", { ...under, ttl: 5 }, /^"ttl" is not known here; what can be given is: .*ttl_ms/],
    ["POST /v1/locks/a:acquire", { ...under, __proto__: null, lock: "b" }, /^lock stands in the path/],
    ["POST /v1/locks/a:acquire", { ...under, ttl_ms: 5 }, /^ttl_ms is given together with lease_id/],
    ["POST /v1/locks/a:acquire", { owner: "me" }, /^lease_id or ttl_ms must be given/],
    ["POST /v1/locks/a:acquire", { ...under, leaseId: 7 }, /^lease_id is given twice/],
    [
      "POST /v1/locks/a:acquire",
      { ...under, mode: "exclusiv" },
      /^mode must be one of "exclusive", "shared", "semaphore"/,
    ],
    ["POST /v1/locks/a:acquire", { ...under, mode: "semaphore" }, /^limit is 0; it must be at least 1/],
    ["POST /v1/locks/a:acquire", { ...under, priority: -1 }, /^priority is -1; it must be from 0 to/],
    ["POST /v1/locks/a:acquire", { ...under, wait_ms: 1.5 }, /^wait_ms must be a whole number/],
    ["POST /v1/locks/a:acquire", '{"owner":', /^the body is not JSON/],
    ["POST /v1/locks/a:acquire?owner=me", { lease_id: 7 }, /^"owner" must stand in the body/],
    ["POST /v1/locks/:acquire", under, /^lock must not be empty/],
    [`POST /v1/locks/${"x".repeat(513)}:acquire`, under, /^lock is 513 bytes long; the limit is 512/],
    ["POST /v1/locks:acquire", { ...under, demands: { lock: "a" } }, /^demands must be a list/],
    ["POST /v1/locks:acquire", { ...under, demands: ["a"] }, /^demands\[0\] must be an object/],
    ["POST /v1/locks:acquire", { ...under, demands: [{ lock: "a", x: 1 }] }, /^demands\[0\]\."x" is not known/],
    [
      "POST /v1/locks:acquire",
      { ...under, demands: [{ lock: "a" }, { lock: 1 }] },
      /^demands\[1\]\.lock must be a string/,
    ],
    ["POST /v1/locks/a:yield", { reason: "r", force: "true" }, /^force must be true or false/],
    ["POST /v1/locks/a:yield", { reason: "r", problem: 1 }, /^"problem" is not known/],
    ["POST /v1/leases/x:renew", undefined, /^lease_id must be a whole number/],
    ["GET /v1/locks?prefix=a&prefix=b", undefined, /^"prefix" is given twice/],
    ["GET /v1/locks?problem=a", undefined, /^"problem" is not known/],
    ["GET /v1/locks?prefix=%ff", undefined, /^the query is not percent-encoded UTF-8/],
    ["GET /v1/locks?page_size=1001", undefined, /^page_size is 1001; the limit is 1000/],
    ["DELETE /v1/leases/7", { request_id: "r" }, /^"request_id" must stand in the query/],
    ["GET /v1/events", undefined, /^prefix, lock or lease_id must be given/],
    ["GET /v1/events?prefix=a&lock=b", undefined, /^lock is given together with prefix/],
  ];
  for (const [door, body, problem] of rows) {
    const { status, json } = await ask(house, door, body);
    assert.is(status, 400, `${door} ${JSON.stringify(body)}: ${JSON.stringify(json)}`);
    assert.match(json.message, problem);
    assert.equal([json.code, json.reason], [3, "invalid"]);
  }
  assert.is(house.letters.length, requests);
});

test("the older paths are served as before", async ({ house }) => {
  house.follow(() => ({ type: "leaseRenewed", lease: leaseId(1), ttl: millis(1_000) }));
  const { status, json } = await ask(house, "POST /v1/lease/renew", { lease_id: 1, unknown: 1 });
  assert.equal([status, json], [200, { ttl_seconds: 1 }]);
  assert.is((await ask(house, "GET /v1/status")).status, 200);
});

test("where there are several regions, what is not served is 501, and a lock of one's own is", async () => {
  const { config } = settings();
  const regions = [regionId("one"), regionId("two")];
  const house = await openHouse({
    config: { ...config, cluster: { ...config.cluster, regionId: regionId("one"), regions } },
  });
  house.follow(() => granted);
  const { status, json } = await ask(house, "GET /v1/locks?prefix=a");
  assert.equal([status, json.reason, json.message], [501, "unserved", "not served where there are several regions"]);
  assert.is((await ask(house, "POST /v1/locks/a:acquire", { owner: "me", ttl_ms: 2000 })).status, 200);
  assert.is(operation(house).type, "acquireAll");
  await house.stop();
});

test("arbitrary bodies and paths get a proper answer", async ({ house }) => {
  const doors = [
    "/v1/locks/a:acquire",
    "/v1/locks:acquire",
    "/v1/leases",
    "/v1/requests/r:cancel",
    "/v1/elections/e:campaign",
  ];
  const field = fc.constantFrom("owner", "lease_id", "ttl_ms", "demands", "mode", "request_id", "wait_ms", "value");
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
    fc.json(),
    fc.dictionary(field, fc.jsonValue()).map((value) => JSON.stringify(value)),
  );
  house.follow(() => ({ type: "free" }));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...doors), body, async (path, text) => {
      const { status, json } = await ask(house, `POST ${path}`, text);
      assert.ok([400, 500].includes(status), `${path} ${text}: ${status}`);
      assert.equal(Object.keys(json), ["code", "message", "reason"]);
    }),
    { numRuns: 60 },
  );
  await fc.assert(
    fc.asyncProperty(fc.webPath(), async (path) => {
      const { status, json } = await ask(house, `GET /v1/locks${path}`);
      // `free` fits the question who holds a lock, and no other.
      assert.ok([200, 400, 404, 500].includes(status), `${path}: ${status}`);
      assert.ok(status === 200 ? "lock" in json : json.message.length > 0, path);
    }),
    { numRuns: 60 },
  );
});

test.run();
