// Whatever a program gives a client is refused by itself, with a sentence: nothing of it reaches the thread that keeps the locks.

import * as assert from "uvu/assert";
import { type Client, connect, LockError } from "../../src/client/index.ts";
import { suite } from "../suite.ts";
import { rejection, withFake } from "./fake-service.ts";
import { patient } from "./time.ts";

const test = suite("what a program gives");

const first = (events: AsyncIterable<unknown>) => events[Symbol.asyncIterator]().next();
/** What no compiler has seen. */
const wrong = (value: unknown) => value as never;
const noText = () => "text";

const mistakes: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
  "a watch is one of": async (client) => first(client.watch(wrong({}))),
  "one of { prefix }": async (client) => first(client.watch(wrong({ lock: "a", prefix: "b" }))),
  "prefix must be a string": async (client) => first(client.watch({ prefix: wrong(noText) })),
  "leaseId must be a whole number": async (client) => first(client.watch({ leaseId: 0.5 })),
  "afterRevision must be a whole number.*1.5": (client) => first(client.watch({ lock: "a" }, { afterRevision: 1.5 })),
  "afterRevision must be a whole number.*-1": (client) => first(client.watch({ lock: "a" }, { afterRevision: -1 })),
  "afterRevision must be a whole number.*NaN": (client) => first(client.observe("a", { afterRevision: Number.NaN })),
  "prefix must have 0 to 512 bytes": (client) => client.list({ prefix: "x".repeat(513) }),
  "owner must be a string": (client) => client.list({ owner: wrong(noText) }),
  "owner must be well-formed": (client) => client.leases({ owner: "\ud800" }),
  "name must be a string": (client) => client.releaseGrant({ leaseId: 1, token: 1, name: wrong(noText) }),
  "owner must have 1 to 512": (client) => client.cancel({ requestId: "r", owner: "" }),
};

test("arguments that are at fault are refused by name, and the locks of the client stay held", () =>
  withFake(async (fake) => {
    await using client = await connect(fake.endpoint, patient);
    await using lock = await client.acquire("held");
    for (const [sentence, call] of Object.entries(mistakes)) {
      const error = await rejection(Promise.resolve(client).then(call));
      assert.instance(error, LockError, sentence);
      assert.is((error as LockError).code, "INVALID", sentence);
      assert.match((error as LockError).message, new RegExp(sentence));
    }
    for (const metadata of ["\ud800", "x".repeat(4_097), wrong(noText)]) {
      assert.is(((await rejection(lock.proclaim(metadata))) as LockError).code, "INVALID");
    }
    assert.is((await client.check("held")).name, "held", "its thread lives");
    assert.is(lock.state, "held");
  }));

test.run();
