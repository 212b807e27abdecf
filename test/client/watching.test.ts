// Watches and elections: without gaps or repeats, whatever becomes of the connection.

import * as assert from "uvu/assert";
import { type Client, connect, type LockError } from "../../src/client/index.ts";
import { type Event, EventKind } from "../../src/transport/generated/lockmgr/v1/types.ts";
import { suite } from "../suite.ts";
import { blank, type FakeService, rejection, withFake } from "./fake-service.ts";
import { patient } from "./time.ts";

const test = suite("watching");

const withClient = (use: (client: Client, fake: FakeService) => Promise<void>) =>
  withFake(async (fake) => {
    const client = await connect(fake.endpoint, patient);
    try {
      await use(client, fake);
    } finally {
      await client.close();
    }
  });

const happened = (kind: EventKind, token: number, revision: number, text = ""): Partial<Event> => ({
  kind,
  lock: "a",
  token: BigInt(token),
  revision: BigInt(revision),
  owner: `owner-${token}`,
  text,
});
const { EVENT_KIND_GRANTED: granted, EVENT_KIND_RELEASED: released, EVENT_KIND_PROCLAIMED: proclaimed } = EventKind;
const watchesOf = (fake: FakeService) => fake.heardOf("watch").map(({ afterRevision }) => Number(afterRevision));

test("events come in order, and say where to go on behind them", () =>
  withClient(async (client, fake) => {
    const events = client.watch({ prefix: "" })[Symbol.asyncIterator]();
    const first = events.next();
    await fake.until(({ $case }) => $case === "watch");
    fake.tellWatchers([happened(granted, 1, 5), happened(released, 1, 6), happened(granted, 2, 6)], 6);
    const told = [await first, await events.next(), await events.next()].map(({ value }) => value);
    assert.equal(
      told.map(({ kind, token, resumeAfter }) => [kind, token, resumeAfter]),
      [
        ["granted", 1, 5],
        ["released", 1, 5],
        ["granted", 2, 6],
      ],
    );
    await events.return?.();
    await fake.until(({ $case }) => $case === "forget");
  }));

test("an event that is told in part only can be told again", () =>
  withClient(async (client, fake) => {
    const events = client.watch({ lock: "a" }, { afterRevision: 4 })[Symbol.asyncIterator]();
    const first = events.next();
    await fake.until(({ $case }) => $case === "watch");
    fake.tellWatchers([happened(granted, 1, 7)], 6);
    assert.is((await first).value.resumeAfter, 6);
    await events.return?.();
    assert.equal(watchesOf(fake), [4]);
  }));

test("a watch goes on behind what has been told, on every new stream", () =>
  withClient(async (client, fake) => {
    const events = client.watch({ prefix: "" })[Symbol.asyncIterator]();
    const first = events.next();
    await fake.until(({ $case }) => $case === "watch");
    fake.tellWatchers([happened(granted, 1, 5)], 8);
    await first;
    const second = events.next();
    fake.breakStreams();
    await fake.until((said) => said.$case === "watch" && said.value.afterRevision === 8n);
    fake.tellWatchers([happened(released, 1, 9)], 9);
    assert.is((await second).value.kind, "released");
    assert.equal(watchesOf(fake), [0, 8]);
    await events.return?.();
  }));

test("a watch that the service has ended because more has happened than it keeps goes on where it was", () =>
  withClient(async (client, fake) => {
    let times = 0;
    fake.rule = (said, tell) => {
      if (said.$case !== "watch" || ++times > 1) return false;
      tell({ $case: "events", value: { events: [{ ...blank, ...happened(granted, 1, 5) }], revision: 5n } });
      tell({ $case: "error", value: { code: 8, message: "go on behind 5", reason: "unread" } });
      return true;
    };
    const events = client.watch({ prefix: "" })[Symbol.asyncIterator]();
    assert.is((await events.next()).value.token, 1);
    const second = events.next();
    await fake.until((said) => said.$case === "watch" && said.value.afterRevision === 5n);
    fake.tellWatchers([happened(released, 1, 6)], 6);
    assert.is((await second).value.kind, "released");
    await events.return?.();
  }));

test("a watch whose revision is gone says so", () =>
  withClient(async (client, fake) => {
    fake.rule = (said, tell) => {
      if (said.$case !== "watch") return false;
      tell({ $case: "error", value: { code: 11, message: "begin anew", reason: "revision-gone" } });
      return true;
    };
    const error = await rejection(client.watch({ prefix: "" }, { afterRevision: 3 })[Symbol.asyncIterator]().next());
    assert.is((error as LockError).code, "REVISION_GONE");
  }));

test("a program that does not read is not told more, and nothing is lost", () =>
  withClient(async (client, fake) => {
    const events = client.watch({ prefix: "" })[Symbol.asyncIterator]();
    const first = events.next();
    await fake.until(({ $case }) => $case === "watch");
    const many = Array.from({ length: 10_002 }, (_, place) => happened(granted, place + 1, place + 1));
    fake.tellWatchers(many, 10_002);
    await first;
    await fake.until(({ $case }) => $case === "forget");
    for (let token = 2; token <= 10_002; token += 1) assert.is((await events.next()).value.token, token);
    const next = events.next();
    await fake.until((said) => said.$case === "watch" && said.value.afterRevision === 10_002n);
    fake.tellWatchers([happened(released, 10_002, 10_003)], 10_003);
    assert.is((await next).value.kind, "released");
    await events.return?.();
  }));

test("what is present when a watch begins is told once, however much it is", () =>
  withClient(async (client, fake) => {
    const events = client.watch({ prefix: "" })[Symbol.asyncIterator]();
    const first = events.next();
    await fake.until(({ $case }) => $case === "watch");
    const present = (from: number) =>
      Array.from({ length: 6_000 }, (_, place) => happened(EventKind.EVENT_KIND_PRESENT, from + place, 9));
    fake.tellWatchers(present(1), 0);
    await first;
    fake.tellWatchers(present(6_001), 0);
    fake.tellWatchers(present(12_001), 9);
    // The thread hears of it after the events: they are all here by now, and nobody has read them.
    await client.check("a");
    for (let token = 2; token <= 18_000; token += 1) assert.is((await events.next()).value.token, token);
    const next = events.next();
    await fake.until((said) => said.$case === "watch" && said.value.afterRevision === 9n);
    fake.tellWatchers([happened(released, 18_000, 10)], 10);
    assert.is((await next).value.kind, "released");
    assert.equal(watchesOf(fake), [0, 9]);
    await events.return?.();
  }));

test("a watch ends with its signal, and quietly with its client", () =>
  withFake(async (fake) => {
    const client = await connect(fake.endpoint, patient);
    const controller = new AbortController();
    const first = rejection(client.watch({ prefix: "" }, { signal: controller.signal })[Symbol.asyncIterator]().next());
    const second = client.watch({ prefix: "" })[Symbol.asyncIterator]().next();
    controller.abort("enough");
    const error = (await first) as LockError;
    assert.equal([error.code, error.cause], ["ABORTED", "enough"]);
    await client.close();
    assert.is((await second).done, true);
  }));

test("a watch says when it stands, and behind which revision", () =>
  withClient(async (client, fake) => {
    const begun: number[] = [];
    const told = new Promise<void>((resolve) => {
      const onBegun = (revision: number) => resolve(void begun.push(revision));
      void client.watch({ prefix: "" }, { afterRevision: 7, onBegun })[Symbol.asyncIterator]().next();
    });
    await told;
    fake.breakStreams();
    await fake.until((said) => said.$case === "watch" && fake.heardOf("watch").length === 2);
    await client.check("a");
    assert.equal(begun, [7]);
  }));

test("a loop that waits for more is ended by whoever holds it", () =>
  withClient(async (client, fake) => {
    for (const loop of [client.watch({ prefix: "" }), client.observe("b", { afterRevision: 1 })]) {
      const events = loop[Symbol.asyncIterator]();
      const next = events.next();
      await fake.until(({ $case }) => $case === "watch");
      assert.equal(await events.return?.(), { done: true, value: undefined });
      assert.is((await next).done, true);
    }
    await client.check("a");
    assert.is(fake.heardOf("forget").length, 2);
  }));

test("a wish that cannot be watched harms nobody who holds a lock", () =>
  withClient(async (client) => {
    const lock = await client.acquire("a");
    for (const wish of [{}, { prefix: 5 }, { leaseId: "x" }]) {
      const error = await rejection(Promise.resolve().then(() => client.watch(wish as never)));
      assert.is((error as LockError).code, "INVALID");
    }
    assert.is(((await rejection(client.list({ prefix: 5 as never }))) as LockError).code, "INVALID");
    assert.is(await lock.release(), "released");
  }));

test("a client that is closed watches nothing", () =>
  withFake(async (fake) => {
    const client = await connect(fake.endpoint, patient);
    await client.close();
    const error = await rejection(Promise.resolve().then(() => client.watch({ prefix: "" })));
    assert.is((error as LockError).code, "CLOSED");
  }));

test("whoever observes an election is told of the leader first, then of every change", () =>
  withClient(async (client, fake) => {
    const leaders = client.observe("a")[Symbol.asyncIterator]();
    const next = async () => {
      const { value } = await leaders.next();
      return value === null ? null : (value as { value: string }).value;
    };
    assert.is(await next(), null);
    const told = [next(), next(), next(), next()];
    fake.tellWatchers([happened(granted, 1, 2, "one")], 2);
    fake.tellWatchers([happened(proclaimed, 1, 3, "uno")], 3);
    // What happens at once is told as what it comes to.
    fake.tellWatchers([happened(released, 1, 4), happened(granted, 2, 4, "two")], 4);
    fake.tellWatchers([happened(released, 2, 5)], 5);
    assert.equal(await Promise.all(told), ["one", "uno", "two", null]);
    await leaders.return?.();
  }));

test("a leader proclaims, and resigns", () =>
  withClient(async (client, fake) => {
    const leadership = await client.elect("a", { value: "one" });
    assert.is(fake.heardOf("acquire")[0]?.metadata, "one");
    await leadership.proclaim("two");
    assert.equal([leadership.value, fake.heardOf("proclaim")[0]?.metadata], ["two", "two"]);
    assert.is(await leadership.resign(), "released");
    assert.is(fake.holders.size, 0);
  }));

test("a candidate hears that he stands, and says who asks and how urgently", () =>
  withClient(async (client, fake) => {
    const leadership = await client.elect("a");
    let stands: () => void = () => undefined;
    const standing = new Promise<void>((resolve) => {
      stands = resolve;
    });
    const second = client.elect("a", { priority: 3, context: "second", onQueued: () => stands() });
    await standing;
    const { priority, context } = fake.heardOf("acquire")[1] ?? {};
    assert.equal([priority, context], [3, "second"]);
    await leadership.resign();
    assert.is(await (await second).resign(), "released");
  }));

test.run();
