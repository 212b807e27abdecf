// The commands with which the users of the two earlier systems begin, run as they stand in a shell, and what they must print. What they
// take lives for longer here, so that it is there still for the next command on any machine.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { Site } from "../cluster/node-process.ts";
import type { Report } from "./report.ts";
import { run } from "./run.ts";
import { pathWithTools, type Toolchain } from "./toolchains.ts";

interface Command {
  readonly rule: string;
  readonly line: string;
  /** `askedAt`: by the clock on the wall, before the command was started. */
  readonly expect: (output: string, askedAt: number) => void;
}

const service = "com.geastalt.lock.grpc.LockService";
const lockId = "550e8400-e29b-41d4-a716-446655440000";
const parsed = (output: string) => JSON.parse(output) as Record<string, unknown>;

const grpcurlCommands: readonly Command[] = [
  {
    rule: "grpcurl lists the services by reflection",
    line: "grpcurl -plaintext localhost:9090 list",
    expect: (output) => {
      const services = output.trim().split("\n");
      for (const name of [service, "lowkey.v1.LockService", "grpc.health.v1.Health"])
        ok(services.includes(name), output);
    },
  },
  {
    rule: "grpcurl describes a method by reflection",
    line: `grpcurl -plaintext localhost:9090 describe ${service}.AcquireLock`,
    expect: (output) => match(output, /rpc AcquireLock/),
  },
  {
    rule: "grpcurl acquires: the first grant has token 1",
    line: `grpcurl -plaintext -d '{"lock_id":"${lockId}","client_id":"my-client-1","timeout_ms":300000}' \\
        localhost:9090 ${service}/AcquireLock`,
    expect: (output, askedAt) => {
      const { expiresAt, ...answer } = parsed(output);
      deepEqual(answer, { success: true, fencingToken: "1", status: "LOCK_STATUS_OK" });
      // However slow the machine is.
      const grantedAt = Number(expiresAt) - 300_000;
      ok(grantedAt >= askedAt - 1_000 && grantedAt <= Date.now() + 1_000, `expiresAt ${expiresAt}`);
    },
  },
  {
    rule: "grpcurl acquires again: held, also by the same client",
    line: `grpcurl -plaintext -d '{"lock_id":"${lockId}","client_id":"my-client-1","timeout_ms":300000}' \\
        localhost:9090 ${service}/AcquireLock`,
    expect: (output) => {
      equal(parsed(output).status, "LOCK_STATUS_ALREADY_LOCKED");
      match(String(parsed(output).errorMessage), /my-client-1/);
    },
  },
  {
    rule: "grpcurl checks",
    line: `grpcurl -plaintext -d '{"lock_id":"${lockId}"}' localhost:9090 ${service}/CheckLock`,
    expect: (output) => {
      const { isLocked, holderId, fencingToken, status } = parsed(output);
      deepEqual([isLocked, holderId, fencingToken, status], [true, "my-client-1", "1", "LOCK_STATUS_OK"]);
    },
  },
  {
    rule: "grpcurl releases",
    line: `grpcurl -plaintext -d '{"lock_id":"${lockId}","client_id":"my-client-1","fencing_token":1}' \\
        localhost:9090 ${service}/ReleaseLock`,
    expect: (output) => deepEqual(parsed(output), { success: true, status: "LOCK_STATUS_OK" }),
  },
  {
    rule: "grpcurl asks for the health",
    line: "grpcurl -plaintext localhost:9090 grpc.health.v1.Health/Check",
    expect: (output) => deepEqual(parsed(output), { status: "SERVING" }),
  },
];

const curlCommands: readonly Command[] = [
  {
    rule: "curl opens a lease",
    line: `curl -X POST http://localhost:8080/v1/lease -d '{"owner_id":"client-1","ttl_seconds":3600}'`,
    expect: (output) => equal(output.trim(), '{"lease_id":1,"ttl_seconds":3600}'),
  },
  {
    rule: "curl acquires",
    line: `curl -X POST http://localhost:8080/v1/lock/acquire -d '{"lock_name":"my-job","owner_id":"client-1","lease_id":1}'`,
    expect: (output) => {
      const answer = parsed(output);
      equal(typeof answer.fencing_token, "number");
      ok(Number(answer.fencing_token) >= 1);
      ok(Number(answer.lease_ttl_seconds) >= 3599, output);
    },
  },
  {
    rule: "curl releases",
    line: `curl -X POST http://localhost:8080/v1/lock/release -d '{"lock_name":"my-job","lease_id":1}'`,
    expect: (output) => equal(output.trim(), '{"released":true}'),
  },
  {
    rule: "curl asks for the status",
    line: "curl http://localhost:8080/v1/status",
    expect: (output) => {
      const { node_id, is_leader, state, stats } = parsed(output);
      deepEqual([typeof node_id, is_leader, state], ["string", true, "leader"]);
      equal((stats as Record<string, unknown>).leases, 1);
    },
  },
];

export async function runCommands(
  report: Report,
  { site, grpcurl, curl }: { site: Pick<Site, "grpcPort" | "httpPort">; grpcurl: Toolchain; curl: Toolchain },
): Promise<void> {
  for (const { toolchain, commands } of [
    { toolchain: grpcurl, commands: grpcurlCommands },
    { toolchain: curl, commands: curlCommands },
  ]) {
    for (const { rule, line, expect } of commands) {
      if (toolchain.command === null) {
        report.skip(rule, toolchain.reason);
        continue;
      }
      const written = line
        .replaceAll("localhost:9090", `localhost:${site.grpcPort}`)
        .replaceAll("localhost:8080", `localhost:${site.httpPort}`);
      await report.rule(rule, async () => {
        const askedAt = Date.now();
        const result = await run("sh", ["-c", written], { env: { PATH: pathWithTools() }, withinMs: 300_000 });
        try {
          equal(result.code, 0);
          expect(result.stdout, askedAt);
        } catch (error) {
          throw new Error(`$ ${written}\n${result.output}${error instanceof Error ? error.message : error}`);
        }
      });
    }
  }
}
