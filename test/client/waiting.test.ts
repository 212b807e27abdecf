// How locks are asked for, waited for, given up and given back: against a service that can be told to misbehave.

import * as assert from "uvu/assert";
import { type Client, type ConnectOptions, connect, type LockError } from "../../src/client/index.ts";
import { WaitEnd } from "../../src/transport/generated/lockmgr/v1/lock.ts";
import { Mode } from "../../src/transport/generated/lockmgr/v1/types.ts";
import { suite } from "../suite.ts";
import { type FakeService, rejection, withFake } from "./fake-service.ts";
import { patient, undisturbed } from "./time.ts";

const test = suite("waiting for locks");

const codeOf = (error: unknown) => (error as LockError).code;
const withClient = (use: (client: Client, fake: FakeService) => Promise<void>, options: ConnectOptions = patient) =>
  withFake(async (fake) => {
    const client = await connect(fake.endpoint, options);
    try {
      await use(client, fake);
    } finally {
      await client.close();
    }
  });

/** For so long whoever gives up waits to hear that nothing is left of his request, and whoever has waited in vain who was in the way. */
const wordMs = 500;
/** What was given up since then has been taken back, as its owner knows: unless that took so long that he did not wait for it. */
async function takenBack(fake: FakeService, givenUpAt: number): Promise<void> {
  if (performance.now() - givenUpAt < wordMs) return;
  await fake.until(({ $case }) => $case === "cancel" || $case === "release");
}

test("withLock holds the lock while the function runs, and gives it back", () =>
  withClient(async (client, fake) => {
    const result = await client.withLock("a", async ({ token, signal, lock }) => {
      assert.is(fake.holders.get("a"), token);
      assert.not(signal.aborted);
      assert.is(lock.state, "held");
      return "done";
    });
    assert.is(result, "done");
    assert.is(fake.holders.size, 0);
  }));

test("what the function of withLock throws is what withLock throws, and the lock is given back", () =>
  withClient(async (client, fake) => {
    const own = new Error("own");
    assert.is(await rejection(client.withLock("a", () => Promise.reject(own))), own);
    assert.is(fake.holders.size, 0);
  }));

test("a lock is given back at the end of the block that uses it", () =>
  withClient(async (client, fake) => {
    {
      await using lock = await client.acquire("a");
      assert.is(fake.holders.get("a"), lock.token);
    }
    assert.is(fake.holders.size, 0);
  }));

test("a released lock is released once, and is not lost", () =>
  withClient(async (client, fake) => {
    const lock = await client.acquire("a");
    assert.equal(await Promise.all([lock.release(), lock.release()]), ["released", "released"]);
    assert.is(lock.state, "released");
    assert.not(lock.signal.aborted);
    assert.is(codeOf(await rejection(Promise.resolve().then(() => lock.throwIfLost()))), "NOT_HELD");
    assert.is(fake.heardOf("release").length, 1);
  }));

test("tryAcquire tells who is in the way, and does not wait", () =>
  withClient(async (client, fake) => {
    const first = await client.tryAcquire("a");
    assert.ok(first.acquired);
    const second = await client.tryAcquire("a");
    assert.equal(second, { acquired: false, name: "a", holder: null, delay: null, queueLength: 0 });
    assert.equal(
      fake.heardOf("acquire").map(({ waitMs }) => waitMs),
      [0n, 0n],
    );
  }));

test("what several locks say of themselves is changed in each", () =>
  withClient(async (client, fake) => {
    await using both = await client.acquireMany(["a", "b"]);
    await both.proclaim("half of it is done");
    assert.equal(
      fake.heardOf("proclaim").map(({ lock, metadata }) => [lock, metadata]),
      [
        ["a", "half of it is done"],
        ["b", "half of it is done"],
      ],
    );
  }));

test("several locks are asked for in one request", () =>
  withClient(async (client, fake) => {
    await using both = await client.acquireMany(["a", { name: "b", mode: "shared" }]);
    assert.equal(both.names, ["a", "b"]);
    assert.is(fake.heardOf("acquire").length, 1);
    assert.equal([fake.holders.get("a"), fake.holders.get("b")], [both.token, both.token]);
  }));

test("a wait that is aborted is cancelled on the service, and rejects with the reason of the signal as its cause", () =>
  withClient(async (client, fake) => {
    await using _held = await client.acquire("a");
    const controller = new AbortController();
    const begunAt = performance.now();
    const waiting = rejection(
      client.acquire("a", { signal: controller.signal, onQueued: () => controller.abort("why") }),
    );
    const error = (await waiting) as LockError;
    assert.equal([error.code, error.cause], ["ABORTED", "why"]);
    await takenBack(fake, begunAt);
    assert.is(fake.waiting("a"), 0);
    assert.is(fake.heardOf("cancel")[0]?.requestId, fake.heardOf("acquire")[1]?.requestId);
  }));

test("a wait that is aborted while its grant is under way leaves nothing behind", () =>
  withClient(async (client, fake) => {
    const controller = new AbortController();
    fake.rule = (said, _tell, goOn) => {
      if (said.$case !== "acquire") return false;
      controller.abort();
      goOn();
      return true;
    };
    const begunAt = performance.now();
    const error = (await rejection(client.acquire("a", { signal: controller.signal }))) as LockError;
    assert.is(error.code, "ABORTED");
    await takenBack(fake, begunAt);
    assert.is(fake.holders.size, 0);
  }));

test("a listener that throws keeps no grant from its owner", () =>
  withClient(async (client) => {
    const mine = new Error("the listener's own");
    const thrown = new Promise((resolve) => process.once("uncaughtException", resolve));
    const first = await client.acquire("a");
    const second = client.acquire("a", {
      onQueued: () => {
        throw mine;
      },
    });
    assert.is(await thrown, mine);
    await first.release();
    assert.is(await (await second).release(), "released");
  }));

test("a signal that is aborted already asks for nothing", () =>
  withClient(async (client, fake) => {
    assert.is(codeOf(await rejection(client.acquire("a", { signal: AbortSignal.abort() }))), "ABORTED");
    assert.is(fake.heardOf("acquire").length, 0);
  }));

test("a wait that the service does not end is ended by the client, and cancelled", () =>
  withClient(async (client, fake) => {
    await using _held = await client.acquire("a");
    const waitMs = 50;
    const overAt = performance.now() + waitMs;
    assert.is(codeOf(await rejection(client.acquire("a", { waitMs }))), "WAIT_TIMEOUT");
    await takenBack(fake, overAt);
    assert.is(fake.waiting("a"), 0);
  }));

test("whoever has waited in vain is told who was in the way", () =>
  withClient(async (client, fake) => {
    const grant = { owner: "somebody", leaseId: 1n, token: 7n, grantedAtMs: 0n, remainingMs: 5n, ttlMs: 9n };
    const terms = { mode: Mode.MODE_EXCLUSIVE, permits: 1, metadata: "", context: "", lockDelayMs: 0n };
    const holder = { ...grant, ...terms, yielding: undefined };
    fake.rule = ({ $case }, tell) => {
      if ($case === "acquire") {
        const value = { reason: WaitEnd.WAIT_END_TIMEOUT };
        tell({ $case: "acquired", value: { result: { $case: "waitEnded", value } } });
      } else if ($case === "check") {
        const lock = { name: "a", holders: [holder], delays: [], queueLength: 2, limit: 0 };
        tell({ $case: "checked", value: { lock } });
      } else return false;
      return true;
    };
    const waiting = () => rejection(client.acquire("a", { waitMs: 60_000 }));
    const error = (await undisturbed(wordMs, (within) => within(waiting))) as LockError;
    assert.is(error.code, "WAIT_TIMEOUT");
    assert.equal([error.details.holder?.owner, error.details.queueLength], ["somebody", 2]);
    assert.match(error.message, /^a was not to be had in time: it is held by somebody since 1970/);
  }));

test("a request that waits is said again after a break under the same request id, and granted once", () =>
  withClient(async (client, fake) => {
    const first = await client.acquire("a");
    let breaks = 0;
    const second = client.acquire("a", {
      onQueued: () => {
        breaks += 1;
        if (breaks === 1) fake.breakStreams();
        else void first.release();
      },
    });
    const lock = await second;
    const asked = fake.heardOf("acquire").slice(1);
    assert.is(asked.length, 2);
    assert.is(asked[0]?.requestId, asked[1]?.requestId);
    assert.is(lock.token, 2);
    assert.is(fake.heardOf("hello").at(-1)?.leaseId, BigInt(client.leaseId));
  }));

test("what the service cannot do at the moment is asked again under the same request id", () =>
  withClient(async (client, fake) => {
    let refusals = 0;
    fake.rule = (said, tell) => {
      if (said.$case !== "acquire" || ++refusals > 2) return false;
      tell({ $case: "error", value: { code: 14, message: "no leader", reason: "no-leader" } });
      return true;
    };
    await using _lock = await client.acquire("a");
    const ids = fake.heardOf("acquire").map(({ requestId }) => requestId);
    assert.is(ids.length, 3);
    assert.is(new Set(ids).size, 1);
  }));

test("an attempt that nobody decides fails in time, and is cancelled", () =>
  withClient(
    async (client, fake) => {
      fake.rule = (said) => said.$case === "acquire";
      assert.is(codeOf(await rejection(client.acquire("a", { waitMs: 0 }))), "NO_QUORUM");
      await fake.until(({ $case }) => $case === "cancel");
      assert.is(fake.heardOf("cancel").length, 1);
    },
    { ...patient, requestTimeoutMs: 1_000 },
  ));

test("a deadlock is told with its cycle", () =>
  withClient(async (client, fake) => {
    const party = { leaseId: 1n, context: "1", owner: "me" };
    fake.rule = (said, tell) => {
      if (said.$case !== "acquire") return false;
      const cycle = [{ waiter: party, lock: "a", blocker: party, blockerHolds: true }];
      tell({ $case: "acquired", value: { result: { $case: "deadlock", value: { cycle } } } });
      return true;
    };
    const error = (await rejection(client.acquire("a"))) as LockError;
    assert.is(error.code, "DEADLOCK");
    assert.equal(error.details.cycle, [
      {
        waiter: { leaseId: 1, context: "1", owner: "me" },
        lock: "a",
        blocker: { leaseId: 1, context: "1", owner: "me" },
        blockerHolds: true,
      },
    ]);
  }));

test("calls inside withLock belong to its task, every other call is a task of its own", () =>
  withClient(async (client, fake) => {
    let later: Promise<unknown> = Promise.resolve();
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    await client.withLock("a", async () => {
      await client.withLock("b", () => undefined);
      later = gate.then(() => client.withLock("c", () => undefined));
    });
    release();
    await later;
    await client.withLock("d", () => undefined);
    const [a, b, c, d] = fake.heardOf("acquire").map(({ context }) => context);
    assert.is(a, b);
    assert.is(new Set([a, c, d]).size, 3);
    // A program that names its tasks by numbers does not meet them.
    assert.match(d ?? "", /^#\d+$/);
  }));

test("a lock with a ttl of its own is held under a lease of that ttl", () =>
  withClient(async (client, fake) => {
    await using one = await client.acquire("a", { ttlMs: 90_000 });
    await using two = await client.acquire("b", { ttlMs: 90_000 });
    assert.is.not(one.leaseId, client.leaseId);
    assert.is(one.leaseId, two.leaseId);
    assert.equal(
      fake.heardOf("openLease").map(({ ttlMs }) => ttlMs),
      [90_000n],
    );
  }));

test("a lease of another ttl that nobody uses any more is ended", () =>
  withClient(
    async (client, fake) => {
      const lock = await client.acquire("a", { ttlMs: 90_000 });
      await lock.release();
      await fake.until((said) => said.$case === "revokeLease" && said.value.leaseId === BigInt(lock.leaseId));
      assert.is(fake.heardOf("forget").length, 1);
    },
    { ...patient, renewMs: 200 },
  ));

test.run();
