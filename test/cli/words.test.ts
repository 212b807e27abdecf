// What the command line reads and writes, without any service: spans, tables, usage, exit codes, the times of `run`.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Call } from "../../src/cli/command.ts";
import { failureOf, usageError } from "../../src/cli/exit.ts";
import { shown, tableLines, width } from "../../src/cli/output.ts";
import { tellQueued } from "../../src/cli/queued.ts";
import { beatMs, leavesRoom, marginMs, renewMs, ttlMsMin } from "../../src/cli/run/timing.ts";
import { shownSpan, spanMs, writtenSpan } from "../../src/cli/spans.ts";
import { hottest, tableOf, takeEvent, topLines } from "../../src/cli/top/table.ts";
import { LockError, type LockEvent } from "../../src/client/index.ts";
import { command } from "./commands.ts";

const test = suite("cli/words");

test("spans are written with a unit, and 0 without", () => {
  const spans = ["500ms", "10s", "2m", "1h", "1d", "1.5s", "1m30s", "0", "0s"].map((text) => spanMs(text, "--ttl"));
  assert.equal(spans, [500, 10_000, 120_000, 3_600_000, 86_400_000, 1_500, 90_000, 0, 0]);
  for (const text of ["", "10", "s", "-1s", "10 s", "1x", "1s!", "1e3s", "ms500"]) {
    assert.throws(
      () => spanMs(text, "--ttl"),
      (error: Error) => error.message.startsWith("--ttl must be a span"),
      text,
    );
  }
});

test("spans are shown with two units at most, and written as they would be typed", () => {
  const shownSpans = [0, 999, 1_000, 59_999, 60_000, 61_000, 3_600_000, 5_400_000, 90_000_000].map(shownSpan);
  assert.equal(shownSpans, ["0ms", "999ms", "1s", "59s", "1m", "1m1s", "1h", "1h30m", "1d1h"]);
  for (const span of [0, 1, 500, 1_000, 1_500, 9_400, 60_000]) assert.is(spanMs(writtenSpan(span), "x"), span);
});

test("a command is always asked to end, killed and gone before the deadline, with room for renewals to be late before that", () => {
  for (const graceMs of [0, 1, 500, 5_000, 60_000, 3_600_000]) {
    const ttlMs = ttlMsMin(graceMs);
    assert.is(leavesRoom(ttlMs, graceMs), true);
    assert.is(ttlMs === 1_000 || !leavesRoom(ttlMs - 100, graceMs), true);
    const usableMs = ttlMs * 0.99 - 50;
    const askAtMs = usableMs - marginMs(ttlMs) - graceMs;
    assert.ok(askAtMs > 2 * renewMs(ttlMs, graceMs) + beatMs(ttlMs), "two renewals may fail");
    assert.ok(renewMs(ttlMs, graceMs) >= 100 && renewMs(ttlMs, graceMs) <= ttlMs / 3);
  }
  assert.is(leavesRoom(10_000, 5_000), true, "the standard ttl and grace go together");
});

test("tables stand in columns, whatever the letters", () => {
  assert.equal(
    tableLines(
      ["A", "LONG"],
      [
        ["锁锁", "x"],
        ["é", "y"],
      ],
    ),
    ["A     LONG", "锁锁  x", "é     y"],
  );
  assert.equal(["a", "锁", "é", "🔒", "e\u0301"].map(width), [1, 2, 1, 2, 1]);
});

test("what others have chosen cannot speak to the terminal", () => {
  assert.is(shown("a\u001b[2J\r\n\t\u009b\u202e锁"), "a\\u{1b}[2J\\u{d}\\n\\t\\u{9b}\\u{202e}锁");
});

test("whoever looks at a terminal is told once that a command waits, and behind whom", () => {
  const { isTTY } = process.stderr;
  const notes: string[] = [];
  const tell = (isJson: boolean) => {
    const output = { isJson, note: (text: string) => void notes.push(text) };
    return tellQueued({ output } as unknown as Call, "jobs\n");
  };
  try {
    process.stderr.isTTY = true;
    tell(true)({ position: 2, lock: "jobs", owner: "me" });
    const told = tell(false);
    for (const position of [2, 1]) told({ position, lock: "jobs", owner: "me" });
    process.stderr.isTTY = false;
    tell(false)({ position: 2, lock: "jobs", owner: "me" });
  } finally {
    process.stderr.isTTY = isTTY;
  }
  assert.equal(notes, ["waiting for jobs\\n: number 2 in line, held by me"]);
});

test("every failure has its exit code", () => {
  const codeOf = (code: LockError["code"]) => failureOf(new LockError(code, "x")).exitCode;
  assert.equal((["LOCKED", "WAIT_TIMEOUT", "DEADLOCK"] as const).map(codeOf), [11, 11, 11]);
  assert.equal((["LOST", "STALE_TOKEN"] as const).map(codeOf), [20, 20]);
  assert.equal((["INVALID", "NO_QUORUM", "UNREACHABLE", "INTERNAL"] as const).map(codeOf), [64, 70, 70, 70]);
  assert.is(failureOf(usageError("x")).exitCode, 64);
  assert.is(failureOf(new Error("x")).exitCode, 70);
});

const event = (kind: LockEvent["kind"], lock: string, more: Partial<LockEvent> = {}): LockEvent => ({
  kind,
  lock,
  owner: "me",
  leaseId: 1,
  token: 1,
  text: "",
  spanMs: 0,
  queueLength: 0,
  revision: 1,
  resumeAfter: 1,
  ...more,
});

test("top follows events: the longest queue first, then what changes hands most, and what is quiet goes", () => {
  const table = tableOf([]);
  takeEvent(table, event("present", "old", { token: 1 }), 0);
  takeEvent(table, event("queued", "old", { token: 0, queueLength: 2 }), 1);
  for (const token of [2, 3]) {
    takeEvent(table, event("granted", "busy", { token }), 100);
    takeEvent(table, event("released", "busy", { token }), 200);
  }
  takeEvent(table, event("granted", "calm", { token: 4, owner: "a\u001b" }), 300);
  takeEvent(table, event("delayed", "gone", { token: 5 }), 300);
  const names = (nowMs: number) => hottest(table, nowMs).map(({ name }) => name);
  assert.equal(names(1_000), ["old", "busy", "calm", "gone"]);
  assert.equal(topLines(table, 1_000, { rows: 5, columns: 80 }), [
    "4 locks, 2 held, 2 waiting",
    "",
    "WAITING  GRANTS/S  SINCE  NAME  HOLDER",
    "2        0.0       1s     old   me",
    "0        0.2              busy",
  ]);
  takeEvent(table, event("available", "gone"), 1_000);
  assert.equal(names(20_000), ["old", "calm"]);
  assert.equal(
    topLines(table, 20_000, { rows: 9, columns: 12 }).map((line) => line.length <= 12),
    Array(5).fill(true),
  );
});

const usage: readonly (readonly [string, RegExp])[] = [
  ["", /there is no command; see lockmgr --help/],
  ["nonsense", /unknown command 'nonsense'/],
  ["lease", /there is no command/],
  ["ls --nonsense", /unknown option '--nonsense'/],
  ["check", /missing required argument 'name'/],
  ["check a b", /too many arguments/],
  ["run a", /there is no command to run/],
  ["run a --wait soon -- true", /--wait must be a span/],
  ["run a -n 2 -- true", /-n needs --limit/],
  ["run a -n 2 --limit 4 --shared -- true", /--shared does not go with/],
  ["acquire a --ttl 10", /--ttl must be a span/],
  ["release a --token 1", /--lease is needed/],
  ["ls --limit 0", /--limit must be a whole number of at least 1/],
  ["watch a --prefix b", /either a name or --prefix/],
  ["elect a", /there is no value to proclaim/],
  ["completion tcsh", /bash, zsh and fish/],
  ["status --endpoints ,", /--endpoints must name at least one/],
];

for (const [args, says] of usage) {
  test(`"lockmgr ${args}" is wrong usage: 64, one sentence, nothing on standard output`, async () => {
    const { code, stdout, stderr } = await command(args === "" ? [] : args.split(" "), { LOCKMGR_ENDPOINTS: "" });
    assert.is(code, 64);
    assert.is(stdout, "");
    assert.match(stderr, says);
    assert.is(stderr.trimEnd().split("\n").length, 1);
  });
}

test("with --json an error is one document on standard error", async () => {
  const { code, stderr } = await command(["ls", "--json", "--limit", "x"]);
  assert.is(code, 64);
  const { error } = JSON.parse(stderr) as { error: { code: string; message: string } };
  assert.is(error.code, "USAGE");
  assert.match(error.message, "--limit");
});

test("help and version are no errors", async () => {
  for (const args of [["--help"], ["run", "--help"], ["lease", "--help"], ["--version"]]) {
    const { code, stdout, stderr } = await command(args);
    assert.equal([code, stderr], [0, ""]);
    assert.ok(stdout.length > 0);
  }
});

test.run();
