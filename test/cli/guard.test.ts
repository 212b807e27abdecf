import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type End, type Guard, startGuard } from "../../src/cli/run/guard.ts";
import type { Order } from "../../src/cli/run/wire.ts";
import { until } from "../cluster/cluster.ts";
import { removeDirectory, temporaryDirectory } from "../cluster/node-process.ts";
import { patienceMs } from "../patience.ts";
import { type Diary, diaryIn, parentOf, runs } from "./diary.ts";

const directory = temporaryDirectory();
let diaries = 0;
const newDiary = () => diaryIn(directory, `diary-${++diaries}`);
/** Time for a command to begin, on a machine that has much to do. */
const beginMs = 15_000;
/** What a command needs in order to end is a grace or a margin of this: a slow machine is not what is tried here. */
const roomMs = patienceMs;
/** A grace that is meant to run out. */
const shortMs = 3_000;
const now = () => process.hrtime.bigint();
const inMs = (spanMs: number) => now() + BigInt(spanMs) * 1_000_000n;
const beforeMs = (moment: bigint, spanMs: number) => moment - BigInt(spanMs) * 1_000_000n;

const order = (command: readonly string[], more: Partial<Order> & { readonly deadline?: bigint } = {}): Order => {
  const { deadline = inMs(10 * roomMs), ...rest } = more;
  const env = { PATH: process.env.PATH ?? "", LOCK_NAME: "jobs", LOCK_TOKEN: "7" };
  return { command, env, deadlineNs: String(deadline), graceMs: roomMs, marginMs: 100, ...rest };
};

async function started(given: Order, onLingering?: () => void): Promise<Guard> {
  const guard = startGuard(given.graceMs, onLingering);
  await guard.ready;
  guard.start(given);
  return guard;
}

interface Unrenewed {
  readonly diary: Diary;
  readonly deadline: bigint;
  readonly end: End;
  /** When the end was told. */
  readonly endNs: bigint;
}

/** What becomes of a command when nobody tells a new deadline. */
async function unrenewed(defies: string, graceMs: number): Promise<Unrenewed> {
  const diary = newDiary();
  const guard = startGuard(graceMs);
  await guard.ready;
  const deadline = inMs(beginMs + graceMs + roomMs);
  const given = order(diary.command(), { deadline, graceMs, marginMs: roomMs });
  guard.start({ ...given, env: { ...given.env, DEFIES: defies } });
  const end = await guard.end;
  return { diary, deadline, end, endNs: now() };
}

/** A command that is told a new deadline, then an earlier one, and whether it runs when its first one has passed. */
async function renewed(): Promise<{ readonly ran: boolean; readonly end: End }> {
  const diary = newDiary();
  const guard = startGuard(shortMs);
  await guard.ready;
  const first = inMs(beginMs);
  guard.start(order(diary.command(), { deadline: first, graceMs: shortMs }));
  guard.setDeadline(inMs(10 * roomMs));
  guard.setDeadline(inMs(beginMs / 2));
  await until("the first deadline has passed", () => now() > first);
  await diary.untilStarted();
  const ran = runs(diary.pid());
  guard.forward("SIGINT");
  return { ran, end: await guard.end };
}

const test = suite("cli/guard");

/** What takes its time, and runs while the other tests do. */
const meanwhile = {
  obeying: unrenewed("", roomMs),
  defying: unrenewed("SIGTERM", shortMs),
  stopped: unrenewed("SIGTERM,stop", shortMs),
  stoppedObeying: unrenewed("stop", roomMs),
  renewed: renewed(),
};
for (const each of Object.values(meanwhile)) each.catch(() => undefined);

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

test("the end is heard by whoever tells a new deadline before he reads of it", async () => {
  const others = childrenOf(process.pid);
  const guard = await started(order(["true"]));
  const [guardian = 0] = childrenOf(process.pid).filter((pid) => !others.includes(pid));
  // A guardian that leaves before it has been heard does so meanwhile.
  const endNs = inMs(2_000);
  while (runs(guardian) && now() < endNs) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  guard.setDeadline(inMs(roomMs));
  assert.equal(await guard.end, { type: "gone", code: 0, signal: null, endedBy: null });
});

test("a command that cannot be found, or run, is told of", async () => {
  const missing = await (await started(order(["no-such-command-anywhere"]))).end;
  assert.equal([missing.type, missing.type === "failed" && missing.code], ["failed", "ENOENT"]);
  const forbidden = await (await started(order([directory]))).end;
  assert.equal([forbidden.type, forbidden.type === "failed" && forbidden.code], ["failed", "EACCES"]);
});

test("what is too late to end in time is not begun", async () => {
  const diary = newDiary();
  const guard = await started(order(diary.command(), { deadline: inMs(shortMs + 90), graceMs: shortMs }));
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
  const given = order(diary.command(), { graceMs: shortMs });
  const child = startElsewhere({ ...given, env: { ...given.env, DEFIES: "SIGTERM" } });
  await diary.untilStarted();
  const killedNs = now();
  child.kill("SIGKILL");
  await until("the command is gone", () => !runs(diary.pid()));
  assert.is(diary.had("SIGTERM"), true);
  assert.ok(now() >= killedNs + BigInt(shortMs) * 1_000_000n, "it had its grace");
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

test("without a new deadline the group is asked to end when its grace and the margin are left before the deadline", async () => {
  const { diary, deadline, end } = await meanwhile.obeying;
  assert.equal(end, { type: "gone", code: null, signal: "SIGTERM", endedBy: "deadline" });
  assert.ok(diary.hadAt("SIGTERM") >= beforeMs(deadline, 2 * roomMs), "it was not asked before it had to be");
  assert.ok(diary.hadAt("SIGTERM") < beforeMs(deadline, roomMs), "it had its grace before it");
});

test("whoever takes no notice of SIGTERM is killed when the margin is left before the deadline", async () => {
  const { diary, deadline, end, endNs } = await meanwhile.defying;
  assert.equal(end, { type: "gone", code: null, signal: "SIGKILL", endedBy: "deadline" });
  assert.is(diary.had("SIGTERM"), true);
  assert.ok(endNs >= beforeMs(deadline, roomMs), "it had its grace");
  assert.ok(endNs < deadline);
  assert.is(runs(diary.pid()), false);
});

test("a command that has stopped itself is gone before the deadline", async () => {
  const { diary, deadline, endNs } = await meanwhile.stopped;
  assert.ok(endNs < deadline);
  assert.is(runs(diary.pid()), false);
});

test("a command that has stopped itself hears that it shall end, and may do so within its grace", async () => {
  const { diary, end } = await meanwhile.stoppedObeying;
  assert.equal(end, { type: "gone", code: null, signal: "SIGTERM", endedBy: "deadline" });
  assert.is(diary.had("SIGTERM"), true);
});

test("new deadlines keep a command alive, and one that is earlier changes nothing", async () => {
  const { ran, end } = await meanwhile.renewed;
  assert.is(ran, true);
  assert.equal(end, { type: "gone", code: null, signal: "SIGINT", endedBy: null });
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
