// Programs that do not come to their event loop, or not to the processor at all: in processes of their own. They go on when they are
// told to, and that is when enough time has gone by, however long they have not been run beside that.

import { setTimeout as pause } from "node:timers/promises";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { withFake } from "./fake-service.ts";
import { type Program, withProgram } from "./program.ts";
import { patient, together } from "./time.ts";

const test = suite("paused programs");
const meanwhile = together();

/** Long enough for a renewal to get through, or to be found not to, whoever stands still for a few seconds. */
const ttlMs = 10_000;

/** Runs a program with `lock`, and with `events`, which counts how often it was told of its loss. */
const withLock = (body: string, use: (program: Program & { readonly cut: () => void }) => Promise<void>) =>
  withFake((fake) => {
    const options = { ...patient, ttlMs, renewMs: 500 };
    const beginning = `const lock = await client.acquire("a");
       let events = 0;
       lock.signal.addEventListener("abort", () => events++);`;
    const cut = () => {
      fake.rule = ({ $case }) => ["renew", "hello", "ping"].includes($case);
    };
    return withProgram({ endpoints: fake.endpoint, options, body: `${beginning}\n${body}` }, (program) =>
      use({ ...program, cut }),
    );
  });

test(
  "a program that blocks its event loop past the ttl keeps its lock",
  meanwhile(() =>
    withLock(
      `say("held");
       untilTold();
       say(lock.state, lock.signal.aborted);`,
      async ({ next, tell }) => {
        assert.is(await next(), "held");
        await pause(ttlMs + 1_000);
        tell();
        assert.is(await next(), "held false");
      },
    ),
  ),
);

test(
  "a program that blocked its event loop while its lock was lost sees that at its first look, before any event",
  meanwhile(() =>
    withLock(
      `say("held");
       untilTold();
       say(lock.signal.aborted, lock.state, lock.lossReason);
       say(events, client.closed.aborted);`,
      async ({ next, cut, tell }) => {
        assert.is(await next(), "held");
        cut();
        await pause(ttlMs);
        tell();
        assert.is(await next(), "true lost unreachable");
        assert.is(await next(), "1 false");
      },
    ),
  ),
);

test(
  "a program that was stopped past the ttl sees at its first look that the lock is lost",
  meanwhile(() =>
    withLock(
      `say("held");
       untilTold();
       say(lock.state, lock.token, lock.signal.aborted, lock.remainingMs);`,
      async ({ child, next, tell }) => {
        assert.is(await next(), "held");
        child.kill("SIGSTOP");
        await pause(ttlMs);
        tell();
        child.kill("SIGCONT");
        assert.is(await next(), "lost 1 true 0");
      },
    ),
  ),
);

test.run();
