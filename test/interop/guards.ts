// Fencing guards against the stores that they are for, and the examples, which show each with a holder that is paused.

import { equal, match, ok } from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { patienceMs } from "../patience.ts";
import { findOrInstall, postgres, redis } from "./debian.ts";
import { type Drivers, postgresRules, redisRules, s3Rules } from "./guard-rules.ts";
import type { Report } from "./report.ts";
import { root, run } from "./run.ts";
import { type Server, startPostgres, startRedis, startS3 } from "./servers.ts";
import { installExamples, installS3Server } from "./toolchains.ts";

/** An example starts three processes one after the other, and waits for the end of a lease. */
const exampleMsMax = 4 * patienceMs;

interface Store {
  readonly name: string;
  readonly start: () => Promise<Server | { readonly reason: string }>;
  readonly rules: (report: Report, drivers: Drivers, env: Readonly<Record<string, string>>) => Promise<void>;
  /** What the example that needs this store must say at the end. */
  readonly last: RegExp;
}

const stores: readonly Store[] = [
  {
    name: "postgres",
    start: async () => {
      const found = await findOrInstall(postgres);
      return found.folder === null ? found : startPostgres(found.folder);
    },
    rules: postgresRules,
    last: /^the report was written by second$/,
  },
  {
    name: "redis",
    start: async () => {
      const found = await findOrInstall(redis);
      return found.folder === null ? found : startRedis(found.folder);
    },
    rules: redisRules,
    last: /^the job was done by second$/,
  },
  {
    name: "s3",
    start: async () => {
      const server = await installS3Server();
      return server.command === null ? server : startS3(server.command[0] ?? "");
    },
    rules: s3Rules,
    last: /^written by second, last with token \d+$/,
  },
];

/** `endpoint` is a node's, `host:port`. */
export async function runGuards(report: Report, endpoint: string): Promise<void> {
  const problem = await installExamples();
  if (problem !== null) {
    report.skip("the guards against real stores", problem);
    return;
  }
  const required = createRequire(join(root, "examples", "package.json"));
  const drivers = { pg: required("pg"), redis: required("redis"), s3: required("@aws-sdk/client-s3") } as Drivers;
  for (const { name, start, rules, last } of stores) {
    const rule = `the guard for ${name} against a real server`;
    const server = await start().catch((error: Error) => {
      report.fail(rule, error.message);
      return null;
    });
    if (server === null) continue;
    if ("reason" in server) {
      report.skip(rule, server.reason);
      continue;
    }
    try {
      await rules(report, drivers, server.env);
      await report.rule(`examples/${name}.mjs: a paused holder's write is refused`, async () => {
        const lines = await example(name, { ...server.env, LOCKMGR_ENDPOINTS: endpoint });
        const said = lines.join("\n");
        const [, early] = /^first +holds \S+ with token (\d+)$/m.exec(said) ?? [];
        const [, late] = /^second +holds \S+ with token (\d+)$/m.exec(said) ?? [];
        ok(Number(late) > Number(early), said);
        match(said, /^second +has written$/m);
        match(
          said,
          new RegExp(`^first +is refused: the fencing token ${early} of .* is stale: ${late} has been seen$`, "m"),
        );
        match(lines.at(-1) ?? "", last);
      });
    } finally {
      await server.stop();
    }
  }
  await otherExamples(report, { LOCKMGR_ENDPOINTS: endpoint });
}

async function otherExamples(report: Report, env: Readonly<Record<string, string>>): Promise<void> {
  await report.rule("examples/leader.mjs: a paused leader learns at its first look that it leads no more", async () => {
    const said = (await example("leader", env)).join("\n");
    for (const line of [
      /^first +leads with token \d+$/m,
      /^leader: first, who says: first is at /m,
      /^second +leads with token \d+$/m,
      /^leader: second, who says: second is at /m,
      /^first +leads no more: /m,
    ]) {
      match(said, line);
    }
  });
  await report.rule("examples/worker-pool.mjs: a semaphore never gives more permits than there are", async () => {
    const lines = await example("worker-pool", env);
    equal(lines.length, 13);
    match(lines.at(-1) ?? "", /^all done; at most [1-4] of 4 were taken$/);
  });
}

/** Runs an example to its end, and gives what it has printed. */
async function example(name: string, env: Readonly<Record<string, string>>): Promise<string[]> {
  const folder = join(root, "examples");
  const { code, output, stdout } = await run(process.execPath, [`${name}.mjs`], {
    cwd: folder,
    env,
    withinMs: exampleMsMax,
  });
  equal(code, 0, output);
  return stdout.trimEnd().split("\n");
}
