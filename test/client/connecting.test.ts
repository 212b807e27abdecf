// How a client comes to a session, through which endpoints, and how it leaves.

import * as assert from "uvu/assert";
import { type Client, connect, type LockError } from "../../src/client/index.ts";
import { suite } from "../suite.ts";
import { type FakeService, rejection, withFake } from "./fake-service.ts";
import { patient, undisturbed } from "./time.ts";

const test = suite("connecting and closing");

const codeOf = (error: unknown) => (error as LockError).code;
const helloTo = (fake: FakeService) => fake.heardOf("hello").length > 0;

/** A service that does not answer keeps a client from closing for so long, and one that is not reached. */
const [closeMsMax, downMsMax] = [3_000, 1_000];

/** Where nobody listens. To find out takes all the time that there is; it goes by while the other tests run. */
const nobody = "127.0.0.1:9";
const inVain = rejection(connect(nobody, { ...patient, connectTimeoutMs: 8_000 }));

test("closing gives back what is held, ends the lease, and fails what waits", () =>
  withFake(async (fake) => {
    const client = await connect(fake.endpoint, patient);
    const lock = await client.acquire("a");
    const waiting = rejection(client.acquire("a"));
    await fake.until(
      (said) => said.$case === "acquire" && said !== fake.heard.find(({ $case }) => $case === "acquire"),
    );
    await client.close();
    assert.is(codeOf(await waiting), "CLOSED");
    assert.equal([lock.state, lock.lossReason, lock.signal.aborted], ["lost", "closed", true]);
    assert.is(await lock.release(), "closed");
    assert.is(codeOf(await rejection(client.acquire("b"))), "CLOSED");
  }));

/** What a service of its own has been given back by a client that closes: locks and leases, and what is held still. */
async function givenBack(close: (client: Client, fake: FakeService) => Promise<void>): Promise<number[]> {
  const told: number[] = [];
  await withFake(async (fake) => {
    const client = await connect(fake.endpoint, patient);
    await client.acquire("a");
    await close(client, fake);
    told.push(fake.heardOf("release").length, fake.heardOf("revokeLease").length, fake.holders.size);
  });
  return told;
}

test("closing says to the service what is given back", async () => {
  assert.equal(
    await undisturbed(closeMsMax, (within) => givenBack((client) => within(() => client.close()))),
    [1, 1, 0],
  );
});

test("a client that is closed while it has no session gives back what it has, if there is one soon", async () => {
  const left = await undisturbed(downMsMax, (within) =>
    givenBack(async (client, fake) => {
      const next = new Promise<() => void>((resolve) => {
        fake.rule = ({ $case }, _tell, goOn) => {
          if ($case === "hello") resolve(goOn);
          return $case === "hello";
        };
      });
      fake.breakStreams();
      const welcome = await next;
      await within(async () => {
        const closing = client.close();
        // The thread has read the letter that closes when it has answered this one.
        welcome();
        await closing;
      });
    }),
  );
  assert.equal(left, [1, 1, 0]);
});

test("an endpoint that is something else is passed over", () =>
  withFake((one) =>
    withFake(async (other) => {
      let hellos = 0;
      for (const fake of [one, other]) {
        fake.rule = ({ $case }) => {
          if ($case !== "hello" || ++hellos > 1) return false;
          fake.breakStreams(12);
          return true;
        };
      }
      const client = await connect([one.endpoint, other.endpoint], patient);
      await client.close();
      assert.ok(helloTo(one) && helloTo(other));
    }),
  ));

test("a client goes on connecting while that may help, and no longer", () =>
  withFake(async (fake) => {
    let hellos = 0;
    fake.rule = ({ $case }) => {
      if ($case !== "hello" || ++hellos > 2) return false;
      fake.breakStreams(hellos === 1 ? 13 : 8);
      return true;
    };
    const client = await connect(fake.endpoint, patient);
    await client.close();
    assert.ok(hellos > 2);
    fake.rule = () => {
      fake.breakStreams(12);
      return true;
    };
    assert.is(codeOf(await rejection(connect(fake.endpoint, patient))), "UNSUPPORTED");
  }));

test("nobody can connect where nobody answers", async () => {
  const error = await inVain;
  assert.is(codeOf(error), "UNREACHABLE");
  assert.match((error as Error).message, /in time: 127\.0\.0\.1:9: connect ECONNREFUSED 127\.0\.0\.1:9$/);
});

test("an endpoint that does not answer is passed over", () =>
  withFake(async (fake) => {
    const client = await connect([nobody, fake.endpoint], patient);
    await client.close();
    assert.ok(helloTo(fake));
  }));

test.run();
