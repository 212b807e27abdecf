import { createRequire } from "node:module";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { LockError } from "../../../src/client/errors.cts";
import { errorOf } from "./refusals.ts";

/** As a program sees it that has installed the package. */
const guards: string = "lockmgr/guards";

interface Guards {
  readonly fencedRedisCommands: (client: unknown, options: unknown) => Promise<unknown>;
}

const test = suite("client/guards/package");

test("programs of both kinds of modules get the same guards, and the SDK's class of errors", async () => {
  const required = createRequire(import.meta.url)(guards) as Guards;
  const imported = (await import(guards)) as Guards;
  assert.is(imported.fencedRedisCommands, required.fencedRedisCommands);
  const refusing = { eval: async () => [0, "2"] };
  const error = await errorOf(imported.fencedRedisCommands(refusing, { fenceKey: "fence", token: 1, commands: [] }));
  assert.instance(error, LockError);
});

test.run();
