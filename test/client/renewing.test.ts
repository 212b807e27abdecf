// How leases are renewed, and since when they count.

import * as assert from "uvu/assert";
import { type Client, type ConnectOptions, connect } from "../../src/client/index.ts";
import { suite } from "../suite.ts";
import { aborted, type FakeService, withFake } from "./fake-service.ts";
import { patient } from "./time.ts";

const test = suite("renewing leases");

const withClient = (
  use: (client: Client, fake: FakeService) => Promise<void>,
  options: ConnectOptions,
  wishes: Partial<FakeService> = {},
) =>
  withFake(async (fake) => {
    Object.assign(fake, wishes);
    await using client = await connect(fake.endpoint, options);
    await use(client, fake);
  });

test("a renewal that is acknowledged after the deadline revives nothing", () =>
  withClient(
    async (client, fake) => {
      const lock = await client.acquire("a");
      const late: (() => void)[] = [];
      fake.rule = (said, _tell, goOn) => {
        if (said.$case !== "renew" || said.value.leaseId !== BigInt(lock.leaseId)) return said.$case === "hello";
        late.push(goOn);
        return true;
      };
      await aborted(lock.signal);
      fake.rule = () => false;
      for (const goOn of late) goOn();
      await using next = await client.acquire("b");
      assert.is.not(next.leaseId, lock.leaseId);
      assert.equal([lock.state, lock.remainingMs], ["lost", 0]);
      // It is free on the service as soon as the program has let go of it.
      await lock.release();
      await fake.until((said) => said.$case === "revokeLease" && said.value.leaseId === BigInt(lock.leaseId));
    },
    // A renewal is waited for until after the deadline.
    { ...patient, renewMs: 2_000 },
    { usableOf: () => 4_000n },
  ));

test("a deadline counts from before its renewal was sent, however late the answer comes", () =>
  withClient(
    async (client, fake) => {
      const usableMs = Number(fake.usableOf(BigInt(patient.ttlMs)));
      await using lock = await client.acquire("a");
      let sentBy: bigint | null = null;
      const answered = new Promise<void>((resolve) => {
        fake.rule = (said, _tell, goOn) => {
          if (said.$case !== "renew") return false;
          // No other is answered.
          if (sentBy !== null) return true;
          sentBy = process.hrtime.bigint();
          setTimeout(() => {
            goOn();
            resolve();
          }, 150);
          return true;
        };
      });
      await answered;
      // When another answer has come back, the one before it has been taken in.
      await client.check("a");
      const sinceMs = Number(process.hrtime.bigint() - (sentBy ?? 0n)) / 1e6;
      const leftMs = lock.remainingMs;
      assert.ok(leftMs <= usableMs - sinceMs, `${leftMs} ms are left ${sinceMs} ms after the renewal was sent`);
      fake.rule = () => false;
    },
    { ...patient, renewMs: 500 },
  ));

test("renewals go on while the program waits, and end when the lease is given back", () =>
  withFake(async (fake) => {
    const renewMs = 200;
    const client = await connect(fake.endpoint, { ...patient, renewMs });
    const lock = await client.acquire("a");
    let renewals = 0;
    await fake.until(({ $case }) => {
      if ($case === "renew") renewals += 1;
      return renewals === 3;
    });
    assert.is(lock.state, "held");
    await client.close();
    const before = fake.heardOf("renew").length;
    await new Promise((resolve) => setTimeout(resolve, 5 * renewMs));
    assert.is(fake.heardOf("renew").length, before);
  }));

test("a lease that is renewed often goes on being renewed after a short break", () =>
  withFake(async (fake) => {
    const [longMs, usableOfIt] = [60_000n, 59_350n];
    await using client = await connect(fake.endpoint, { ...patient, ttlMs: Number(longMs), renewMs: 100 });
    await using _lock = await client.acquire("a");
    const renewals = () => fake.heardOf("renew").length;
    const more = (count: number) => {
      const wanted = renewals() + count;
      return fake.until(() => renewals() >= wanted);
    };
    fake.rule = (said, tell) => {
      if (said.$case === "renew") tell({ $case: "renewed", value: { ttlMs: longMs, usableMs: usableOfIt } });
      return said.$case === "renew";
    };
    // The second is sent when the first has been acknowledged.
    await more(2);
    const answer = fake.rule;
    // The next session is not welcome until a renewal would have been due.
    fake.rule = (said, tell, goOn) => {
      if (said.$case === "hello") setTimeout(goOn, 300);
      return said.$case === "hello" || answer(said, tell, goOn);
    };
    fake.breakStreams();
    await more(2);
  }));

test.run();
