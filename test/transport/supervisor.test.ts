import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Settings } from "../../src/transport/settings.ts";

interface ToyNode {
  readonly process: ChildProcess;
  /** Everything it has written to standard output so far, line by line. */
  readonly lines: readonly string[];
  /** Resolves once a line contains `text`. */
  readonly says: (text: string) => Promise<void>;
  /** Moves the node's clock, if it has one that is moved. */
  readonly passTime: () => Promise<void>;
  /** Its exit code, or the signal that ended it, and what it wrote to standard error. */
  readonly end: Promise<{ code: number | string; errors: string }>;
}

const children = new Set<ChildProcess>();

function startToy(toy: string, threads: Settings["threads"] = "separate", env: NodeJS.ProcessEnv = {}): ToyNode {
  const entry = fileURLToPath(new URL("./toy-node.js", import.meta.url));
  const child = spawn(process.execPath, [entry, threads], { env: { ...process.env, TOY: toy, ...env } });
  children.add(child);
  const lines: string[] = [];
  const waiting: { text: string; resolve: () => void }[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    for (const { text, resolve } of waiting) if (line.includes(text)) resolve();
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk;
  });
  const end = once(child, "close").then(([code, signal]) => {
    children.delete(child);
    return { code: (code ?? signal) as number | string, errors };
  });
  const says = (text: string) =>
    new Promise<void>((resolve, reject) => {
      if (lines.some((line) => line.includes(text))) resolve();
      waiting.push({ text, resolve });
      end.then(() => reject(new Error(`the node ended and never said "${text}": ${lines.join("\n")} ${errors}`)));
    });
  const passTime = (): Promise<void> => {
    child.stdin.write("\n");
    return says("a minute later");
  };
  return { process: child, lines, says, passTime, end };
}

const logged = (node: ToyNode, level: number) =>
  node.lines
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line))
    .filter((entry) => entry.level === level);
const plain = (node: ToyNode) => node.lines.filter((line) => !line.startsWith("{"));
const fatal = 60;
const cuts = (node: ToyNode) =>
  plain(node)
    .filter((line) => line.endsWith(" cuts"))
    .sort();

const test = suite("transport/supervisor");
test.after(() => {
  for (const child of children) child.kill("SIGKILL");
});

for (const threads of ["separate", "shared"] as const) {
  test(`letters go from actor to actor and back; placement ${threads}`, async () => {
    const node = startToy("", threads);
    await node.says("inspected");
    await node.says("counted 42");
    assert.ok(node.lines.includes("inspected clients gateway lease lock peers raft region storage"));
    node.process.kill("SIGTERM");
    assert.is((await node.end).code, 0);
  });
}

test("a clean stop hands over, drains, then stops clients, peers and storage, and ends with 0", async () => {
  const node = startToy("");
  await node.says("inspected");
  await node.says("serving");
  node.process.kill("SIGTERM");
  assert.equal(await node.end, { code: 0, errors: "" });
  assert.equal(
    plain(node).filter((line) => / (stops|over|drains)$/.test(line)),
    ["raft hands over", "gateway drains", "clients stops", "peers stops", "storage stops"],
  );
  assert.equal(logged(node, fatal), []);
});

for (const [signal, code] of [
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const) {
  test(`a second ${signal} ends the node at once with ${code}, but not one that npm passes on`, async () => {
    const node = startToy("clients never stops");
    await node.says("serving");
    node.process.kill(signal);
    // Two of the same kind could melt into one on their way. For this node it comes in the same moment.
    node.process.kill(signal === "SIGINT" ? "SIGTERM" : "SIGINT");
    await node.says("clients still stops");
    await node.passTime();
    node.process.kill(signal);
    assert.is((await node.end).code, code);
  });
}

test("a broken invariant stops the node with one fatal line that names actor and rule", async () => {
  const node = startToy("broken invariant");
  assert.is((await node.end).code, 70);
  const [line, ...others] = logged(node, fatal);
  assert.equal(others, []);
  assert.is(line.actor, "lock");
  assert.is(line.node, "n1");
  assert.is(line.err.message, "entries are applied once, in order");
  assert.ok(!plain(node).some((text) => text.startsWith("counted")));
});

test("a node whose actor is broken ends though another thread is busy for ever", async () => {
  const node = startToy("broken while others block");
  assert.is((await node.end).code, 70);
});

test("a node whose actor is broken ends though another thread hangs in the kernel", async () => {
  const directory = mkdtempSync(join(tmpdir(), "lockmgr-supervisor-"));
  const node = startToy("broken while others hang", "separate", { TOY_HANGS: join(directory, "hangs") });
  assert.is((await node.end).code, "SIGKILL");
  rmSync(directory, { recursive: true });
  assert.equal(
    logged(node, fatal).map(({ actor }) => actor),
    ["lock"],
  );
});

test("a failed flush stops the node with the exit code for I/O", async () => {
  const node = startToy("failed flush");
  assert.is((await node.end).code, 74);
  const [line, ...others] = logged(node, fatal);
  assert.equal(others, []);
  assert.equal([line.actor, line.err.message], ["storage", "the flush failed"]);
});

// Node aborts the process if a thread ends while data of HTTP/2 still come in.
test("every thread drops its connections before it ends", async () => {
  const node = startToy("failed flush");
  await node.end;
  assert.equal(cuts(node), ["clients cuts", "peers cuts", "storage cuts"]);
});

test("a thread that breaks drops its connections as well", async () => {
  const node = startToy("unexpected error");
  await node.end;
  assert.ok(cuts(node).includes("peers cuts"));
});

test("a rejection that nobody handles stops the node", async () => {
  const node = startToy("unexpected error");
  assert.is((await node.end).code, 70);
  assert.equal(
    logged(node, fatal).map(({ actors, err }) => [actors, err.message]),
    [[["peers"], "a socket broke"]],
  );
});

test("a thread that ends stops the node", async () => {
  const node = startToy("thread exits");
  assert.is((await node.end).code, 70);
  assert.equal(
    logged(node, fatal).map(({ thread, threadExitCode }) => [thread, threadExitCode]),
    [["peers", 3]],
  );
});

test("a node that cannot start says why in one line, leaves the disk alone and closes what it opened", async () => {
  const node = startToy("port in use");
  assert.equal(await node.end, { code: 69, errors: "lockmgr: port 9090 is in use\n" });
  assert.ok(!node.lines.includes("storage starts"));
  assert.ok(node.lines.includes("peers stops"));
  assert.equal(logged(node, fatal), []);
});

test.run();
