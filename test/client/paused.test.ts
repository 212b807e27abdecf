// Programs that do not come to their event loop, or not to the processor at all: in processes of their own.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { startFake } from "./fake-service.ts";

const test = suite("paused programs");

/** Runs a program with `client`, `lock` and `say`, and hands out what it says. */
async function withProgram(
  body: string,
  use: (program: {
    readonly endpoint: string;
    readonly child: ChildProcess;
    readonly next: () => Promise<string>;
    readonly cut: () => void;
  }) => Promise<void>,
): Promise<void> {
  const fake = await startFake();
  const sdk = new URL("../../src/client/index.js", import.meta.url).href;
  const source = `
    import { connect } from ${JSON.stringify(sdk)};
    const say = (word) => process.stdout.write(word + "\\n");
    const msOf = () => Number(process.hrtime.bigint() / 1000000n);
    const block = (spanMs) => { const end = msOf() + spanMs; while (msOf() < end); };
    const client = await connect(${JSON.stringify(fake.endpoint)}, { ttlMs: 1500 });
    const lock = await client.acquire("a");
    let events = 0;
    lock.signal.addEventListener("abort", () => events++);
    ${body}
    await client.close();`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  try {
    await use({
      endpoint: fake.endpoint,
      child,
      next: async () => String((await lines.next()).value),
      cut: () => {
        fake.rule = ({ $case }) => ["renew", "hello", "ping"].includes($case);
      },
    });
  } finally {
    child.kill("SIGKILL");
    fake.stop();
  }
}

test("a program that blocks its event loop past the ttl keeps its lock", () =>
  withProgram("block(4000); say(lock.state + ' ' + lock.signal.aborted);", async ({ next }) => {
    assert.is(await next(), "held false");
  }));

test("a program that blocked its event loop while its lock was lost sees that at its first look, before any event", () =>
  withProgram(
    `say("held");
     block(4000);
     say([lock.signal.aborted, lock.state, lock.lossReason].join(" "));
     say(events + " " + client.closed.aborted);`,
    async ({ next, cut }) => {
      assert.is(await next(), "held");
      cut();
      assert.is(await next(), "true lost unreachable");
      assert.is(await next(), "1 false");
    },
  ));

test("a program that was stopped past the ttl sees at its first look that the lock is lost", () =>
  withProgram(
    `let last = msOf();
     say("held");
     for (;;) {
       const now = msOf();
       if (now - last > 2000) break;
       last = now;
     }
     say([lock.state, lock.token, lock.signal.aborted, lock.remainingMs].join(" "));`,
    async ({ child, next }) => {
      assert.is(await next(), "held");
      child.kill("SIGSTOP");
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      child.kill("SIGCONT");
      assert.is(await next(), "lost 1 true 0");
    },
  ));

test.run();
