// How a lock is lost: in time, once and for all, and seen at once.

import * as assert from "uvu/assert";
import {
  type Client,
  type ConnectOptions,
  connect,
  type Lock,
  type LockError,
  type LockState,
} from "../../src/client/index.ts";
import { EventKind } from "../../src/transport/generated/lockmgr/v1/types.ts";
import { suite } from "../suite.ts";
import { aborted, type FakeService, rejection, type Said, type Told, withFake } from "./fake-service.ts";
import { patient, together } from "./time.ts";

const test = suite("losing locks");

/** A client whose lease is lost while the test waits; late enough that what is to happen before has its time on any machine. */
const losing = { ...patient, ttlMs: 10_000, renewMs: 500, atRiskMs: 4_500 };
const codeOf = (error: unknown) => (error as LockError).code;
type Use = (client: Client, fake: FakeService) => Promise<void>;
const withClient = (use: Use, options: ConnectOptions = patient, wishes: Partial<FakeService> = {}) =>
  withFake(async (fake) => {
    Object.assign(fake, wishes);
    const client = await connect(fake.endpoint, options);
    try {
      await use(client, fake);
    } finally {
      await client.close();
    }
  });

/** For tests that wait until a lock is lost, or nearly: they run at the same time. */
const meanwhile = together();
const whileLosing = (use: Use, options: ConnectOptions = losing, wishes: Partial<FakeService> = {}) =>
  meanwhile(() => withClient(use, options, wishes));

/** The states of a lock from now on, each once. */
function statesOf(lock: Lock): LockState[] {
  const states: LockState[] = [];
  lock.on("state", (state) => states.push(state));
  return states;
}
const becomes = (lock: Lock, wanted: LockState): Promise<void> =>
  new Promise((resolve) => {
    const stop = lock.on("state", (state) => {
      if (state !== wanted) return;
      stop();
      resolve();
    });
  });

/** A service that has no room for the first two messages of a kind. */
function busyFor(kind: Said["$case"]): (said: Said, tell: (message: Told) => void) => boolean {
  let times = 0;
  return ({ $case }, tell) => {
    if ($case !== kind || ++times > 2) return false;
    tell({ $case: "error", value: { code: 8, message: "later", reason: "overloaded" } });
    return true;
  };
}

/** What makes a session live; all of it is swallowed. */
const isSignOfLife = ({ $case }: Said) => $case === "renew" || $case === "hello" || $case === "ping";

test(
  "the signal is aborted before the service can give the lock away",
  whileLosing(async (client, fake) => {
    const lock = await client.acquire("a");
    const order: string[] = [];
    // From now on nothing gets through. The service counts from what reached it last: from now at the earliest.
    fake.rule = (said) => isSignOfLife(said);
    const given = new Promise<void>((resolve) => setTimeout(resolve, losing.ttlMs)).then(() =>
      order.push("given away"),
    );
    await Promise.all([given, aborted(lock.signal).then(() => order.push("aborted"))]);
    assert.equal(order, ["aborted", "given away"]);
    assert.equal([lock.state, lock.lossReason, lock.remainingMs], ["lost", "unreachable", 0]);
    assert.is(codeOf(lock.signal.reason), "LOST");
    assert.is(codeOf(await rejection(Promise.resolve().then(() => lock.signal.throwIfAborted()))), "LOST");
    fake.rule = () => false;
  }),
);

test(
  "a lock whose renewals do not get through is at risk before it is lost",
  whileLosing(async (client, fake) => {
    const lock = await client.acquire("a");
    const states = statesOf(lock);
    fake.rule = (said) => isSignOfLife(said);
    await aborted(lock.signal);
    await Promise.resolve();
    assert.equal(states, ["at-risk", "lost"]);
    fake.rule = () => false;
  }),
);

test(
  "a lock at risk is held again when a renewal gets through",
  whileLosing(
    async (client, fake) => {
      const lock = await client.acquire("a");
      const states = statesOf(lock);
      fake.rule = (said) => isSignOfLife(said);
      const heldAgain = becomes(lock, "held");
      await becomes(lock, "at-risk");
      fake.rule = () => false;
      fake.breakStreams();
      await heldAgain;
      assert.equal(states, ["at-risk", "held"]);
      assert.is(await lock.release(), "released");
    },
    // Soon at risk, and for long: to save it is no matter of haste.
    { ...patient, renewMs: 500, atRiskMs: patient.ttlMs / 2 },
    { usableOf: (ttlMs) => ttlMs / 2n + 4_000n },
  ),
);

test(
  "releasing a lost lock says how it was lost, and does not throw",
  whileLosing(async (client, fake) => {
    const lock = await client.acquire("a");
    const other = await client.acquire("b");
    fake.rule = (said) => isSignOfLife(said) || said.$case === "release";
    const releasing = other.release();
    await aborted(lock.signal);
    assert.is(await lock.release(), "unreachable");
    assert.is(await releasing, "unreachable");
    fake.rule = () => false;
  }),
);

test("a lock is given back, and a wait is cancelled, even where there is no room for that at first", () =>
  withClient(async (client, fake) => {
    const lock = await client.acquire("a");
    fake.rule = busyFor("cancel");
    const controller = new AbortController();
    await rejection(client.acquire("a", { signal: controller.signal, onQueued: () => controller.abort() }));
    await fake.until(() => fake.heardOf("cancel").length === 3);
    fake.rule = busyFor("release");
    assert.is(await lock.release(), "released");
    assert.is(fake.heardOf("release").length, 3);
    assert.is(new Set(fake.heardOf("release").map(({ requestId }) => requestId)).size, 1);
    assert.is(fake.holders.size, 0, "nobody waits for it any more either");
  }));

test("withLock rejects if the lock was lost while its function ran, unless the function throws", () =>
  withClient(async (client, fake) => {
    const force = (lock: Lock) => {
      const happened = { kind: EventKind.EVENT_KIND_FORCED, lock: lock.name, token: BigInt(lock.token) };
      fake.happen(lock.leaseId, [happened]);
      return aborted(lock.signal);
    };
    const error = (await rejection(client.withLock("a", ({ lock }) => force(lock)))) as LockError;
    assert.equal([error.code, error.details.reason], ["LOST", "forced"]);
    const own = new Error("own");
    const failing = client.withLock("b", async ({ lock }) => {
      await force(lock);
      throw own;
    });
    assert.is(await rejection(failing), own);
  }));

test(
  "withLock does not reject if only the lock's release did not get through",
  whileLosing(async (client, fake) => {
    const work = async () => {
      fake.rule = (said) => isSignOfLife(said) || said.$case === "release";
      return "done";
    };
    assert.is(await client.withLock("a", work), "done");
    fake.rule = () => false;
  }),
);

test("a lock that is taken by force is lost, and no other lock with it", () =>
  withClient(async (client, fake) => {
    const [taken, kept] = [await client.acquire("a"), await client.acquire("b")];
    const { EVENT_KIND_FORCED: kind } = EventKind;
    fake.happen(client.leaseId, [{ kind, lock: "a", token: BigInt(taken.token), text: "a hotfix must go out" }]);
    await aborted(taken.signal);
    assert.equal([taken.lossReason, kept.state], ["forced", "held"]);
    const error = taken.signal.reason as LockError;
    assert.is(error.details.why, "a hotfix must go out");
    assert.match(error.message, "by force (a hotfix must go out)");
  }));

test("a loss that is told before the grant is not overlooked", () =>
  withClient(async (client, fake) => {
    fake.rule = (said, _tell, goOn) => {
      if (said.$case !== "acquire") return false;
      fake.happen(client.leaseId, [{ kind: EventKind.EVENT_KIND_FORCED, lock: "a", token: 1n }]);
      goOn();
      return true;
    };
    const lock = await client.acquire("a");
    await aborted(lock.signal);
    assert.is(lock.lossReason, "forced");
  }));

test("a lease that is revoked takes all its locks with it, and another is opened", () =>
  withClient(async (client, fake) => {
    const locks = [await client.acquire("a"), await client.acquire("b")];
    const before = client.leaseId;
    const happened = { kind: EventKind.EVENT_KIND_REVOKED, lock: "a", token: BigInt(locks[0]?.token ?? 0) };
    fake.happen(before, [happened]);
    await Promise.all(locks.map(({ signal }) => aborted(signal)));
    assert.equal(
      locks.map(({ lossReason }) => lossReason),
      ["revoked", "revoked"],
    );
    await using next = await client.acquire("c");
    assert.is.not(next.leaseId, before);
  }));

test("a wait outlives the lease that it was begun under", () =>
  withClient(async (client, fake) => {
    const first = await client.acquire("a");
    const second = client.acquire("a");
    await fake.until((said) => said.$case === "acquire" && fake.waiting("a") === 1);
    const happened = { kind: EventKind.EVENT_KIND_REVOKED, lock: "a", token: BigInt(first.token) };
    fake.happen(first.leaseId, [happened]);
    await aborted(first.signal);
    await first.release();
    await using lock = await second;
    assert.is(lock.leaseId, client.leaseId);
    assert.is.not(lock.leaseId, first.leaseId);
  }));

test("a holder is told that somebody asks for its lock", () =>
  withClient(async (client, fake) => {
    const lock = await client.acquire("a");
    const asked = new Promise((resolve) => lock.on("yield", resolve));
    const kind = EventKind.EVENT_KIND_YIELD_ASKED;
    fake.happen(client.leaseId, [{ kind, lock: "a", token: BigInt(lock.token), text: "please", spanMs: 5_000n }]);
    assert.equal(await asked, { lock: "a", reason: "please", graceMs: 5_000 });
  }));

test("events that may have been missed are made up for by asking, however busy the service is", () =>
  withClient(async (client, fake) => {
    const lock = await client.acquire("a");
    fake.holders.set("a", lock.token + 1);
    const isBusy = busyFor("verify");
    let refusals = 0;
    fake.rule = (said, tell) => {
      if (isBusy(said, tell)) return true;
      if (said.$case !== "hello" || refusals > 0) return false;
      refusals += 1;
      // What happened behind the revision that it named is not known any more.
      fake.breakStreams(11);
      return true;
    };
    fake.breakStreams();
    await aborted(lock.signal);
    assert.is(lock.lossReason, "forced");
  }));

test.run();
