// What a program gives is checked before anything is sent: the error names what is at fault and the limit.

import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { demandOf, demandsOf, settingOf, specOf, wholeIn, wishIn } from "../../src/client/checking.ts";
import { LockError } from "../../src/client/errors.cts";
import type { ConnectOptions, WatchWish } from "../../src/client/options.ts";
import { connectOptionsIn, optionsIn } from "../../src/client/options-given.ts";
import { version } from "../../src/client/version.ts";
import { suite } from "../suite.ts";

const test = suite("checking");

const problemOf = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof LockError);
    assert.is(error.code, "INVALID");
    return error.message;
  }
  throw new Error("nothing is at fault");
};

test("names have 1 to 512 bytes of well-formed unicode", () => {
  assert.is(
    problemOf(() => demandOf("")),
    "the name of a lock must have 1 to 512 bytes of UTF-8, not 0",
  );
  assert.match(
    problemOf(() => demandOf("ü".repeat(257))),
    /not 514/,
  );
  assert.match(
    problemOf(() => demandOf("\ud800")),
    /well-formed/,
  );
  assert.match(
    problemOf(() => demandOf(7 as unknown as string)),
    /must be a string/,
  );
  assert.is(demandOf("🔒".repeat(128)).lock.length, 256);
});

test("what does not go together is not asked for", () => {
  assert.match(
    problemOf(() => demandOf({ name: "a", permit: 1 } as { name: string })),
    /by name, mode, permits and limit, not by permit/,
  );
  assert.match(
    problemOf(() => demandsOf(["a", "b"], { limit: 3 })),
    /each says its own/,
  );
  assert.equal(demandsOf(["a", { name: "b", mode: undefined }], { mode: "shared" })[1]?.mode, "shared");
  for (const wish of [{}, "a", null, { prefix: "a", lock: "b" }, { leaseId: 0 }, { prefix: 5 }, { lock: "" }]) {
    problemOf(() => wishIn(wish as WatchWish));
  }
  assert.equal(wishIn({ prefix: "", lock: undefined } as unknown as WatchWish), { prefix: "" });
});

test("an option that no call knows is refused by its name", () => {
  const problems = [{ wait: 5 }, { timeout: 5 }, { ttl: "10s" }].map((options) => problemOf(() => optionsIn(options)));
  assert.equal(problems, ["there is no option wait", "there is no option timeout", "there is no option ttl"]);
  assert.match(
    problemOf(() => connectOptionsIn({ waitMs: 5 } as ConnectOptions)),
    /no option waitMs/,
  );
  assert.equal(optionsIn({ waitMs: 5, value: "of another call", unknown: undefined }).waitMs, 5);
  assert.equal(optionsIn(undefined), {});
});

test("options are an object, a signal is a signal, what is called back is a function", () => {
  assert.is(
    problemOf(() => optionsIn(5 as unknown as object)),
    "options must be an object, not a number",
  );
  assert.match(
    problemOf(() => optionsIn({ signal: "now" })),
    /an AbortSignal, not a string/,
  );
  assert.match(
    problemOf(() => optionsIn({ onQueued: 5 })),
    /onQueued must be a function/,
  );
});

test("what looks like a number is shown as what it is", () => {
  assert.match(
    problemOf(() => wholeIn("waitMs", "500", 0, 9)),
    /not "500"$/,
  );
  assert.match(
    problemOf(() => wholeIn("token", 5n, 0, 9)),
    /not 5n$/,
  );
});

test("a semaphore has a limit, and no more permits than that", () => {
  assert.equal(demandOf("a", { limit: 3 }), { lock: "a", mode: "semaphore", permits: 1, limit: 3 });
  assert.match(
    problemOf(() => demandOf("a", { mode: "semaphore" })),
    /needs a limit/,
  );
  assert.is(
    problemOf(() => demandOf("a", { limit: 3, permits: 4 })),
    "permits must be a whole number from 1 to 3, not 4",
  );
  assert.match(
    problemOf(() => demandOf("a", { mode: "shared", permits: 2 })),
    /semaphore/,
  );
  assert.match(
    problemOf(() => demandOf("a", { mode: "best" as "shared" })),
    /mode must be one of/,
  );
});

test("no lock is wanted twice, and not too many at once", () => {
  assert.match(
    problemOf(() => demandsOf(["a", "b", "a"])),
    /a is wanted twice/,
  );
  assert.match(
    problemOf(() => demandsOf([])),
    /between 1 and 64/,
  );
  assert.match(
    problemOf(() => demandsOf(Array.from({ length: 65 }, (_, place) => `${place}`))),
    /between 1 and 64/,
  );
});

test("spans and numbers have limits", () => {
  const spec = (options: object) => () => specOf([demandOf("a")], options, "");
  assert.match(problemOf(spec({ waitMs: -1 })), /waitMs must be a whole number from 0 to 86400000, not -1/);
  assert.match(problemOf(spec({ waitMs: Number.NaN })), /waitMs/);
  assert.match(problemOf(spec({ priority: 10 })), /priority must be a whole number from 0 to 9/);
  assert.match(problemOf(spec({ lockDelayMs: 3_600_001 })), /lockDelayMs/);
  assert.match(problemOf(spec({ ttlMs: 999 })), /ttlMs must be a whole number from 1000/);
  assert.match(problemOf(spec({ metadata: "x".repeat(4_097) })), /metadata must have 0 to 4096 bytes/);
  assert.is(spec({ waitMs: Number.POSITIVE_INFINITY })().waitMs, null);
  assert.is(spec({})().waitMs, null);
});

test("endpoints are a list, or text with commas", () => {
  const endpointsOf = (given: string | readonly string[]) => settingOf(given, {}).endpoints;
  assert.equal(endpointsOf("one:1, two:2,"), ["one:1", "two:2"]);
  assert.equal(endpointsOf(["https://one:1/", "[::1]:2"]), ["https://one:1", "[::1]:2"]);
  assert.match(
    problemOf(() => endpointsOf("")),
    /at least one node/,
  );
  assert.match(
    problemOf(() => endpointsOf("one")),
    /endpoint one must be host:port/,
  );
  assert.match(
    problemOf(() => endpointsOf("one:65536")),
    /from 1 to 65535/,
  );
  for (const given of [undefined, null, 9090, ["one:1", 2]]) {
    assert.match(
      problemOf(() => endpointsOf(given as unknown as string)),
      /must be host:port/,
    );
  }
});

test("certificates are text", () => {
  assert.match(
    problemOf(() => settingOf("a:1", { tls: { ca: Buffer.from("") as unknown as string } })),
    /tls.ca must be PEM text/,
  );
  assert.match(
    problemOf(() => settingOf("a:1", { tls: "yes" as unknown as boolean })),
    /tls must be true, false/,
  );
});

test("a lock is at risk for less than half of its ttl", () => {
  assert.is(settingOf("a:1", { ttlMs: 9_000 }).atRiskMs, 3_000);
  assert.match(
    problemOf(() => settingOf("a:1", { ttlMs: 9_000, atRiskMs: 4_501 })),
    /atRiskMs .* from 0 to 4500/,
  );
});

test("leases tell the version of the package", () => {
  const packaged: unknown = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
  assert.is(version, (packaged as { version: string }).version);
  assert.is(JSON.parse(settingOf("a:1", {}).metadata).version, version);
});

test.run();
