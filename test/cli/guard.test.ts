import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Guard, startGuard } from "../../src/cli/run/guard.ts";
import type { Order } from "../../src/cli/run/wire.ts";
import { until } from "../cluster/cluster.ts";
import { removeDirectory, temporaryDirectory } from "../cluster/node-process.ts";
import { diaryIn, parentOf, runs } from "./diary.ts";

const directory = temporaryDirectory();
let diaries = 0;
const newDiary = () => diaryIn(directory, `diary-${++diaries}`);
/** Time for a command to begin, on a machine that has much to do. */
const deadlineMs = 3_000;
const now = () => process.hrtime.bigint();
const inMs = (spanMs: number) => now() + BigInt(spanMs) * 1_000_000n;
const beforeMs = (moment: bigint, spanMs: number) => moment - BigInt(spanMs) * 1_000_000n;

const order = (command: readonly string[], more: Partial<Order> & { readonly deadline?: bigint } = {}): Order => {
  const { deadline = inMs(60_000), ...rest } = more;
  const env = { PATH: process.env.PATH ?? "", LOCK_NAME: "jobs", LOCK_TOKEN: "7" };
  return { command, env, deadlineNs: String(deadline), graceMs: 300, marginMs: 100, ...rest };
};

async function started(given: Order, onLingering?: () => void): Promise<Guard> {
  const guard = startGuard(given.graceMs, onLingering);
  await guard.ready;
  guard.start(given);
  return guard;
}

const test = suite("cli/guard");
test.after(() => removeDirectory(directory));

test("a command that ends by itself is told of with its code, and has had its environment", async () => {
  const diary = newDiary();
  const given = order(diary.command(50));
  const guard = await started({ ...given, env: { ...given.env, ENDS_WITH: "5" } });
  assert.equal(await guard.end, { type: "gone", code: 5, signal: null, endedBy: null });
  assert.is(diary.lockName(), "jobs");
  assert.is(diary.token(), 7);
});

test("a command that a signal ends is told of with the signal", async () => {
  const guard = await started(order(["sh", "-c", "kill -TERM $$"]));
  assert.equal(await guard.end, { type: "gone", code: null, signal: "SIGTERM", endedBy: null });
});

test("a command that cannot be found, or run, is told of", async () => {
  const missing = await (await started(order(["no-such-command-anywhere"]))).end;
  assert.equal([missing.type, missing.type === "failed" && missing.code], ["failed", "ENOENT"]);
  const forbidden = await (await started(order([directory]))).end;
  assert.equal([forbidden.type, forbidden.type === "failed" && forbidden.code], ["failed", "EACCES"]);
});

test("without a new deadline the group is asked to end in time for its grace, and is gone before the deadline less the margin", async () => {
  const diary = newDiary();
  const deadline = inMs(deadlineMs);
  const guard = await started(order(diary.command(), { deadline }));
  assert.equal(await guard.end, { type: "gone", code: null, signal: "SIGTERM", endedBy: "deadline" });
  assert.ok(diary.hadAt("SIGTERM") < beforeMs(deadline, 300), "it had its grace before it");
  assert.ok(diary.hadAt("SIGTERM") > beforeMs(deadline, 500), "it was not asked before it had to be");
});

test("whoever takes no notice of SIGTERM is killed before the deadline", async () => {
  const diary = newDiary();
  const deadline = inMs(deadlineMs);
  const given = order(diary.command(), { deadline });
  const guard = await started({ ...given, env: { ...given.env, DEFIES: "SIGTERM" } });
  assert.equal(await guard.end, { type: "gone", code: null, signal: "SIGKILL", endedBy: "deadline" });
  assert.ok(now() < deadline);
  assert.ok(diary.lastNs() > beforeMs(deadline, 250), "it had its grace");
  assert.is(runs(diary.pid()), false);
});

test("a command that has stopped itself is gone before the deadline", async () => {
  const diary = newDiary();
  const deadline = inMs(deadlineMs);
  const given = order(diary.command(), { deadline });
  const guard = await started({ ...given, env: { ...given.env, DEFIES: "SIGTERM,stop" } });
  await guard.end;
  assert.ok(now() < deadline);
  assert.is(runs(diary.pid()), false);
});

test("a command that has stopped itself hears that it shall end, and may do so within its grace", async () => {
  const diary = newDiary();
  const given = order(diary.command(), { deadline: inMs(deadlineMs) });
  const guard = await started({ ...given, env: { ...given.env, DEFIES: "stop" } });
  assert.equal(await guard.end, { type: "gone", code: null, signal: "SIGTERM", endedBy: "deadline" });
  assert.is(diary.had("SIGTERM"), true);
});

test("new deadlines keep a command alive, and one that is earlier changes nothing", async () => {
  const diary = newDiary();
  const first = inMs(deadlineMs);
  const guard = await started(order(diary.command(), { deadline: first }));
  await diary.untilStarted();
  guard.setDeadline(inMs(60_000));
  guard.setDeadline(inMs(deadlineMs / 2));
  await until("the first deadline has passed", () => now() > first);
  assert.is(runs(diary.pid()), true);
  guard.forward("SIGINT");
  assert.equal(await guard.end, { type: "gone", code: null, signal: "SIGINT", endedBy: null });
});

test("what is too late to end in time is not begun", async () => {
  const diary = newDiary();
  const guard = await started(order(diary.command(), { deadline: inMs(390) }));
  assert.equal(await guard.end, { type: "tooLate" });
  assert.is(diary.hasStarted(), false);
});

test("the end comes when the whole group is gone, not when the command is", async () => {
  const pids = join(directory, "pids");
  let isLingering = false;
  const guard = await started(order(["sh", "-c", `sleep 60 & echo $$ $! > ${pids}; exit 3`]), () => {
    isLingering = true;
  });
  await until("the command has written", () => readPids(pids).length === 2);
  const [shell = 0, sleeper = 0] = readPids(pids);
  await until("the command has ended", () => !runs(shell));
  assert.is(runs(sleeper), true);
  await until("it is told that somebody is left", () => isLingering);
  // Had the guardian left with the command, nobody would hear of this.
  guard.forward("SIGUSR1");
  assert.equal(await guard.end, { type: "gone", code: 3, signal: null, endedBy: null });
  assert.is(runs(sleeper), false);
});

test("a signal reaches everybody in the group", async () => {
  const [one, other] = [newDiary(), newDiary()];
  const shell = (parts: readonly string[]) => parts.map((part) => `'${part}'`).join(" ");
  const guard = await started(order(["sh", "-c", `${shell(one.command())} & ${shell(other.command())} & wait`]));
  await one.untilStarted();
  await other.untilStarted();
  guard.forward("SIGTERM");
  await guard.end;
  assert.equal([one.had("SIGTERM"), other.had("SIGTERM")], [true, true]);
});

test("if whoever tells deadlines is killed the group is given its grace and ended", async () => {
  const diary = newDiary();
  const given = order(diary.command());
  const child = startElsewhere({ ...given, env: { ...given.env, DEFIES: "SIGTERM" } });
  await diary.untilStarted();
  child.kill("SIGKILL");
  await until("the command is gone", () => !runs(diary.pid()));
  assert.is(diary.had("SIGTERM"), true);
  assert.ok(diary.lastNs() - diary.hadAt("SIGTERM") > 200_000_000n, "it had its grace");
});

test("a guardian outlasts the signals that end whole trees of processes, and if it is killed its command is ended all the same", async () => {
  const diary = newDiary();
  const given = order(diary.command());
  const guard = await started({ ...given, env: { ...given.env, DEFIES: "SIGUSR1" } });
  await diary.untilStarted();
  const guardian = parentOf(diary.pid());
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.kill(guardian, signal);
  guard.forward("SIGUSR1");
  await until("the guardian has handed a signal on", () => diary.had("SIGUSR1"));
  process.kill(guardian, "SIGKILL");
  assert.equal(await guard.end, { type: "unguarded" });
  assert.is(diary.had("SIGTERM"), true);
  assert.is(runs(diary.pid()), false);
});

test("a group that has to end does so even if its guardian is stopped", async () => {
  const diary = newDiary();
  const guard = await started(order(diary.command()));
  await diary.untilStarted();
  const guardian = parentOf(diary.pid());
  process.kill(guardian, "SIGSTOP");
  guard.terminate(0);
  assert.is((await guard.end).type, "unguarded");
  assert.is(runs(diary.pid()), false);
});

test("nothing of the guardian's own comes into the command", async () => {
  const list = join(directory, "descriptors");
  const guard = await started(order(["sh", "-c", `ls -l /proc/self/fd > ${list}`]));
  await guard.end;
  // The first three are whatever this test was started with.
  const others = readFileSync(list, "utf8")
    .split("\n")
    .filter((line) => !/ [012] -> /.test(line));
  assert.not.match(others.join("\n"), "socket:");
});

test("a guardian with nothing to guard leaves with whoever started it", async () => {
  const child = startElsewhere(null);
  await once(child.stdout, "data");
  const [guardian = 0] = childrenOf(child.pid ?? 0);
  assert.is(runs(guardian), true);
  child.kill("SIGKILL");
  await until("the guardian is gone", () => !runs(guardian));
});

/** A process of its own that starts a guardian, and the command if there is one. Says so when it has. */
function startElsewhere(given: Order | null) {
  const guard = new URL("../../src/cli/run/guard.js", import.meta.url).href;
  const script = `import { startGuard } from ${JSON.stringify(guard)};
    const guard = startGuard(300); await guard.ready; process.stdout.write("ready");
    const order = ${JSON.stringify(given)}; if (order !== null) guard.start(order); setInterval(() => {}, 1000);`;
  return spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
}

function readPids(file: string): number[] {
  try {
    return readFileSync(file, "utf8").trim().split(" ").map(Number);
  } catch {
    return [];
  }
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
}

test.run();
