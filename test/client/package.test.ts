// The package as a program of somebody else's finds it: in a folder of its own, by `import` and by `require`, with its types.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";

const test = suite("the package");

const root = fileURLToPath(new URL("../../../", import.meta.url));
const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
let folder = "";

test.before(() => {
  folder = mkdtempSync(join(tmpdir(), "lockmgr-package-"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules", "lockmgr"));
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const run = (...args: string[]): string => {
  try {
    return execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8" }).trim();
  } catch (error) {
    throw new Error(`${(error as { stdout?: string }).stdout}${(error as Error).message}`);
  }
};

const body = `
connect("127.0.0.1:9", { connectTimeoutMs: 100 }).catch((error) => {
  console.log(error instanceof LockError, error.code);
});`;

test("a program can import it", () => {
  const program = write("program.mjs", `import { connect, LockError } from "lockmgr";${body}`);
  assert.is(run(program), "true UNREACHABLE");
});

test("a program can require it", () => {
  const program = write("program.cjs", `const { connect, LockError } = require("lockmgr");${body}`);
  assert.is(run(program), "true UNREACHABLE");
});

test("whoever imports it and whoever requires it share one class of errors", () => {
  const program = write(
    "both.mjs",
    `import { createRequire } from "node:module";
     import { LockError } from "lockmgr";
     console.log(createRequire(import.meta.url)("lockmgr").LockError === LockError);`,
  );
  assert.is(run(program), "true");
});

test("its types serve both kinds of modules, and make a program look at what came of an attempt", () => {
  const use = `
    export async function use(): Promise<number> {
      await using client = await connect(["a:1"], { ttlMs: 5_000 });
      const attempt = await client.tryAcquire("name", { mode: "shared" });
      // @ts-expect-error: it may not have been acquired
      attempt.lock;
      // @ts-expect-error: there is no such option
      await client.acquire("name", { timeout: 5 });
      // @ts-expect-error: a semaphore needs a limit
      await client.acquire("name", { mode: "semaphore" });
      // @ts-expect-error: permits are those of a semaphore
      await client.acquire("name", { mode: "shared", permits: 2 });
      // @ts-expect-error: one thing is watched
      client.watch({ prefix: "a", lock: "b" });
      await using _slot = await client.acquire("name", { limit: 3, permits: 2 });
      if (!attempt.acquired) throw new LockError("LOCKED", attempt.holder?.owner ?? "");
      return client.withLock("other", { waitMs: 10 }, async ({ token, signal }) => (signal.aborted ? 0 : token));
    }`;
  write("module.mts", `import { connect, LockError } from "lockmgr";${use}`);
  write("script.cts", `import { connect, LockError } from "lockmgr";${use}`);
  const config = {
    compilerOptions: {
      target: "es2022",
      lib: ["es2022", "esnext.disposable"],
      module: "nodenext",
      strict: true,
      noEmit: true,
      types: ["node"],
      typeRoots: [join(root, "node_modules", "@types")],
    },
    include: ["*.mts", "*.cts"],
  };
  write("tsconfig.json", JSON.stringify(config));
  assert.is(run(compiler, "-p", folder), "");
});

test.run();
