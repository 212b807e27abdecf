// Long waits over HTTP: a request is held while it waits, told where it stands when that has been long enough, and found again
// by its name.

import * as assert from "uvu/assert";
import type { Answer } from "../../../src/actors/operations.ts";
import { leaseId, millis } from "../../../src/actors/scalars.ts";
import { nativeRequestId } from "../../../src/transport/clients/native-request-id.ts";
import { suite } from "../../suite.ts";
import { type AcquireAll, ask, granted, obstacle, open } from "./native-http-house.ts";
import { type House, openHouse, type Request } from "./scripted-gateway.ts";

const test = suite<{ house: House }>("transport/clients/native-http-waiting");
test.before(async (context) => {
  context.house = await openHouse();
});
test.before.each(({ house }) => {
  house.follow(() => null);
});
test.after(({ house }) => house.stop());

const queued = { type: "queued", position: 3, obstacle: obstacle() } as const satisfies Answer;
const waits = (house: House, { call }: Request): void =>
  house.resident.receive({ type: "waiting", call, answer: queued });

/** Asks; resolves with the answer to come when the gateway has been asked. */
async function begin(house: House, body: object, headers: Record<string, string> = {}) {
  const before = house.letters.length;
  const told = ask(house, "POST /v1/locks/a%2Fb:acquire", { owner: "me", lease_id: 7, ...body }, headers);
  await house.until((letters) => letters.slice(before).some(({ type }) => type === "request"));
  return { told, letter: house.lastRequest() };
}

const cancelled = (house: House, { call }: Request): boolean =>
  house.letters.some((letter) => letter.type === "cancelled" && letter.call === call);

test("a request that waits is answered when it is granted", async ({ house }) => {
  const { told, letter } = await begin(house, { wait_ms: 30_000, request_id: "r" });
  assert.is((letter.operation as AcquireAll).wait, 30_000);
  waits(house, letter);
  house.answer(letter.call, granted);
  assert.equal([(await told).status, (await told).json.granted.token], [200, 43]);
  assert.not(cancelled(house, letter));
});

test("it is held for less than a minute however long it waits, and for as long as its client prefers", async ({
  house,
}) => {
  const budgets: [object, Record<string, string>, number][] = [
    [{ wait_ms: 86_400_000 }, {}, 60_000],
    [{ wait_ms: 2_000 }, {}, 7_000],
    [{ wait_ms: 86_400_000 }, { prefer: "respond-async, wait=20" }, 25_000],
    [{ wait_ms: 86_400_000 }, { prefer: "wait=999" }, 60_000],
    [{ wait_ms: 0 }, {}, 5_000],
  ];
  for (const [body, headers, most] of budgets) {
    const { told, letter } = await begin(house, body, headers);
    assert.ok(letter.budget <= most && letter.budget > most - 5_000, `${most}: ${letter.budget}`);
    house.answer(letter.call, { type: "waitOver" });
    assert.is((await told).status, 409);
  }
});

test("one that has been held for long enough learns where it stands, and goes on waiting", async ({ house }) => {
  const { told, letter } = await begin(house, { wait_ms: 30_000, request_id: "r" }, { prefer: "wait=0" });
  waits(house, letter);
  const { status, headers, json } = await told;
  assert.is(status, 202);
  assert.is(headers.location, "/v1/locks/a%2Fb:acquire");
  assert.equal([json.request_id, json.queued.position, json.queued.obstacle.holder.owner], ["r", 3, "somebody"]);
  // The call is given up, and not the request.
  await house.until(() => cancelled(house, letter));
  const again = await begin(house, { wait_ms: 30_000, request_id: "r" });
  assert.is(again.letter.requestId, letter.requestId);
  house.answer(again.letter.call, granted);
  assert.is((await again.told).status, 200);
});

test("that a wait is over is told by the service, not by a clock on the way", async ({ house }) => {
  const { told, letter } = await begin(house, { wait_ms: 1, request_id: "short" });
  waits(house, letter);
  // By the time that this one has been answered, more than the wait is over.
  const other = await begin(house, { wait_ms: 30_000 }, { prefer: "wait=0" });
  waits(house, other.letter);
  assert.is((await other.told).status, 202);
  house.answer(letter.call, { type: "waitOver" });
  assert.equal([(await told).status, (await told).json.wait_ended], [409, { reason: "timeout" }]);
});

test("one whose client has not named it is named, so that it can be found again", async ({ house }) => {
  const { told, letter } = await begin(house, { wait_ms: 30_000 }, { prefer: "wait=0" });
  waits(house, letter);
  const { json } = await told;
  assert.is(letter.requestId, nativeRequestId({ lease: leaseId(7) }, json.request_id));
});

test("one that is not known to wait is not told so, however long it has been held", async ({ house }) => {
  const { told, letter } = await begin(house, { wait_ms: 30_000 }, { prefer: "wait=0" });
  house.answer(letter.call, { type: "refused", refusal: "no-leader" });
  assert.equal([(await told).status, (await told).headers["retry-after"]], [503, "1"]);
});

test("one whose client has gone is not answered, and goes on waiting", async ({ house }) => {
  const before = house.letters.length;
  const body = '{"owner":"me","lease_id":7,"wait_ms":1000}';
  const controller = new AbortController();
  const gone = open(house, "POST /v1/locks/a:acquire", {}, body, controller.signal).then(
    () => "answered",
    () => "gone",
  );
  await house.until((letters) => letters.slice(before).some(({ type }) => type === "request"));
  const letter = house.lastRequest();
  waits(house, letter);
  controller.abort();
  assert.is(await gone, "gone");
  await house.until(() => cancelled(house, letter));
  assert.is(house.resident.inspect().callsUnderWay, 0);
});

test("a campaign waits like any request", async ({ house }) => {
  const before = house.letters.length;
  const body = { owner: "me", lease_id: 7, value: "v", wait_ms: 5_000, request_id: "r" };
  const told = ask(house, "POST /v1/elections/e:campaign", body, { prefer: "wait=0" });
  await house.until((letters) => letters.slice(before).some(({ type }) => type === "request"));
  waits(house, house.lastRequest());
  assert.equal([(await told).status, (await told).json.request_id], [202, "r"]);
});

test("a node that stops sends those who wait elsewhere at once", async () => {
  const house = await openHouse({ requestMsMax: millis(1_000) });
  house.follow(() => null);
  const { told, letter } = await begin(house, { wait_ms: 30_000 });
  waits(house, letter);
  const stopped = house.stop();
  assert.equal(
    [(await told).status, (await told).json.reason, (await told).headers["retry-after"]],
    [503, "stopping", "1"],
  );
  await stopped;
});

test.run();
