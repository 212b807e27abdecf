// What a client asks beside waiting for its locks, and letters that cross: each answer under the code that says what is so.

import * as assert from "uvu/assert";
import { acquire } from "../../src/client/acquiring.ts";
import { newHolding } from "../../src/client/holding.ts";
import { type Client, connect, type LockError } from "../../src/client/index.ts";
import type { CallLetter } from "../../src/client/link.ts";
import type { ConnectOptions, LockOptions } from "../../src/client/options.ts";
import { suite } from "../suite.ts";
import { type FakeService, rejection, withFake } from "./fake-service.ts";
import { patient } from "./time.ts";

const test = suite("asking");

const codeOf = (error: unknown) => (error as LockError).code;
const withClient = (use: (client: Client, fake: FakeService) => Promise<void>, options: ConnectOptions = patient) =>
  withFake(async (fake) => {
    await using client = await connect(fake.endpoint, options);
    await use(client, fake);
  });

test("a lease that has ended is not there to be ended; of waits as many are told as are asked for", () =>
  withClient(async (client, fake) => {
    fake.rule = ({ $case }, tell) => {
      if ($case === "revokeLease") tell({ $case: "error", value: { code: 9, message: "over", reason: "lease-ended" } });
      if ($case === "getWaitGraph") tell({ $case: "waitGraph", value: { waits: [], complete: true } });
      return $case === "revokeLease" || $case === "getWaitGraph";
    };
    assert.is(codeOf(await rejection(client.revokeLease(7))), "NOT_FOUND");
    await client.waitGraph({ limit: Number.POSITIVE_INFINITY });
    assert.equal(fake.heardOf("getWaitGraph"), [{ limit: 10_000 }]);
    fake.rule = () => false;
  }));

test("a question that is not answered in time changes nothing, and is not told as a change of unknown outcome", () =>
  withClient(
    async (client, fake) => {
      fake.rule = ({ $case }) => $case === "check" || $case === "proclaim";
      assert.is(codeOf(await rejection(client.check("a"))), "NO_QUORUM");
      await using lock = await client.acquire("a");
      assert.is(codeOf(await rejection(lock.proclaim("text"))), "UNKNOWN_OUTCOME");
    },
    { ...patient, requestTimeoutMs: 1_000 },
  ));

/** A request whose letters come from the test, as those of one turn do: one after the other, with nothing between them. */
function asked(options: LockOptions) {
  let hear: (letter: CallLetter) => void = () => undefined;
  const link = {
    newCall: (listener: typeof hear) => {
      hear = listener;
      return 1;
    },
    endCall: () => undefined,
    post: () => undefined,
  };
  const closed = new AbortController();
  const parts = { link: link as never, holding: newHolding(), closed };
  const again = () => acquire(parts, undefined as never, options);
  return { closed, again, pending: again(), hear: (letter: CallLetter) => hear(letter) };
}

test("a grant that crosses with the client's close is no lock in anybody's hands", async () => {
  const { closed, again, pending, hear } = asked({});
  closed.abort();
  hear({ type: "granted", call: 1, grant: undefined as never });
  assert.is(codeOf(await rejection(pending)), "CLOSED");
  assert.is(codeOf(await rejection(again())), "CLOSED", "nor is one asked for any more");
});

test("a listener that throws keeps nothing from anybody else", async () => {
  const thrown = new Promise<unknown>((resolve) => process.once("uncaughtException", resolve));
  const said = new Error("the listener's own");
  const onQueued = () => {
    throw said;
  };
  const { pending, hear } = asked({ onQueued });
  const failing = rejection(pending);
  // As letters of one turn come: one call after the other.
  hear({ type: "queued", call: 1, queued: { position: 1, lock: "a", owner: null } });
  hear({ type: "failed", call: 1, error: { code: "WAIT_TIMEOUT", message: "over" } });
  assert.is(codeOf(await failing), "WAIT_TIMEOUT");
  assert.is(await thrown, said);
});

test.run();
