// How a client comes to a session, through which endpoints, and how it leaves.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { connect, type LockError } from "../../src/client/index.ts";
import { rejection, withFake } from "./fake-service.ts";

const test = suite("connecting and closing");

const codeOf = (error: unknown) => (error as LockError).code;

test("closing gives back what is held, ends the lease, and fails what waits", () =>
  withFake(async (fake) => {
    const client = await connect(fake.endpoint);
    const lock = await client.acquire("a");
    const waiting = rejection(client.acquire("a"));
    await fake.until(
      (said) => said.$case === "acquire" && said !== fake.heard.find(({ $case }) => $case === "acquire"),
    );
    await client.close();
    assert.is(codeOf(await waiting), "CLOSED");
    assert.equal([lock.state, lock.lossReason, lock.signal.aborted], ["lost", "closed", true]);
    assert.is(await lock.release(), "closed");
    assert.equal([fake.heardOf("release").length, fake.heardOf("revokeLease").length], [1, 1]);
    assert.is(codeOf(await rejection(client.acquire("b"))), "CLOSED");
  }));

test("a client that is closed while it has no session gives back what it has, if there is one soon", () =>
  withFake(async (fake) => {
    const client = await connect(fake.endpoint);
    await client.acquire("a");
    const first = fake.heardOf("hello").length;
    const next = new Promise<() => void>((resolve) => {
      fake.rule = ({ $case }, _tell, goOn) => {
        if ($case === "hello") resolve(goOn);
        return $case === "hello";
      };
    });
    fake.breakStreams();
    const welcome = await next;
    const closing = client.close();
    // The thread has read the letter that closes when it has answered this one.
    welcome();
    await closing;
    assert.equal([first, fake.heardOf("release").length, fake.heardOf("revokeLease").length], [1, 1, 1]);
    assert.is(fake.holders.size, 0);
  }));

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
      const client = await connect([one.endpoint, other.endpoint]);
      await client.close();
      assert.is(hellos, 2);
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
    const client = await connect(fake.endpoint);
    await client.close();
    assert.is(hellos, 3);
    fake.rule = () => {
      fake.breakStreams(12);
      return true;
    };
    assert.is(codeOf(await rejection(connect(fake.endpoint))), "UNSUPPORTED");
  }));

test("nobody can connect where nobody answers", async () => {
  const error = await rejection(connect("127.0.0.1:9", { connectTimeoutMs: 2_000 }));
  assert.is(codeOf(error), "UNREACHABLE");
  assert.match((error as Error).message, /in time: 127\.0\.0\.1:9: connect ECONNREFUSED 127\.0\.0\.1:9$/);
});

test("an endpoint that does not answer is passed over", () =>
  withFake(async (fake) => {
    const client = await connect(["127.0.0.1:9", fake.endpoint]);
    await client.close();
    assert.is(fake.heardOf("hello").length, 1);
  }));

test.run();
