// Clients that take, look at and give back locks as fast as they are answered, and write down all of it. What they do is
// drawn from a seed; what they are told is judged afterwards, by `history-rules.ts`.

import { setTimeout as pause } from "node:timers/promises";
import type { ServiceError } from "@grpc/grpc-js";
import { patienceMs } from "../patience.ts";
import { type StatelessClient, statelessClient } from "./clients.ts";
import { at } from "./cluster.ts";
import { type Action, clock, type History, type Result } from "./history.ts";
import type { Site } from "./node-process.ts";
import type { Resource } from "./resource.ts";

export interface WorkloadOptions {
  readonly history: History;
  /** Client n talks to site n, n + length, …; with `repeats` it goes on to the next when a call fails. */
  readonly sites: readonly Site[];
  readonly clients: number;
  readonly locks: readonly string[];
  /** The deadline of an attempt. */
  readonly withinMs: number;
  /** How many attempts a request gets, each under the same request id. */
  readonly attemptsMax: number;
  /** If there is one, whoever has a lock writes to it. */
  readonly resource?: Resource;
}

export interface Workload {
  /** Ends all clients after what they are doing. */
  readonly stop: () => Promise<void>;
  /** Every operation whose outcome stayed unknown or that was refused, and why. */
  readonly failures: readonly string[];
}

export interface Told {
  readonly kind: "ok" | "fail" | "info";
  readonly out: Result;
  readonly token?: number;
}

interface Worker {
  readonly options: WorkloadOptions;
  readonly stubs: readonly StatelessClient[];
  readonly failures: string[];
  readonly random: () => number;
  proc: number;
  /** The stub that is asked first. */
  home: number;
}

/** How long a client waits before it repeats a request elsewhere. */
const retryMs = 50;

let procs = 0;
let operations = 0;

export function startWorkload(options: WorkloadOptions): Workload {
  const stubs = options.sites.map((site) => statelessClient(site.grpc));
  const failures: string[] = [];
  let running = true;
  const loops = Array.from({ length: options.clients }, async (_, number) => {
    const worker: Worker = {
      options,
      stubs,
      failures,
      random: randomFrom(options.history.header.seed * 1_000 + number),
      proc: newProc(),
      home: number % stubs.length,
    };
    while (running) await round(worker);
  });
  return {
    failures,
    stop: async () => {
      running = false;
      await Promise.all(loops);
      for (const stub of stubs) stub.close();
    },
  };
}

/** Asks every node about every lock, once: what was acknowledged must show. */
export async function checkAll(history: History, sites: readonly Site[], locks: readonly string[]): Promise<void> {
  for (const site of sites) {
    const stub = statelessClient(site.grpc);
    for (const lock of locks) {
      await perform(history, { proc: newProc(), action: "check", lock }, async () => ({
        node: site.nodeId,
        told: await check(stub, lock, { withinMs: patienceMs }),
      }));
    }
    stub.close();
  }
}

/** How long after `fault` the first operation that was begun after it succeeded, in milliseconds. */
export function firstSuccessAfter(history: History, fault: string): number {
  const faultAt = history.lines.find((line) => line.kind === "fault" && line.fault === fault);
  if (faultAt?.kind !== "fault") throw new Error(`no ${fault} was recorded`);
  const begun = new Set<number>();
  for (const line of history.lines) {
    if (line.kind === "inv" && BigInt(line.t) > BigInt(faultAt.t)) begun.add(line.id);
    if (line.kind === "ok" && begun.has(line.id)) return Number(BigInt(line.t) - BigInt(faultAt.t)) / 1e6;
  }
  throw new Error(`nothing succeeded after ${fault}`);
}

/** How many operations that were begun after the last `fault` have succeeded, of those that `node` answered if one is named. */
export function successesAfter(history: History, fault: string, node?: string): number {
  const begunAt = history.lines.findLastIndex((line) => line.kind === "fault" && line.fault === fault);
  if (begunAt < 0) throw new Error(`no ${fault} was recorded`);
  const begun = new Set<number>();
  const answeredBy = new Map<number, string>();
  let count = 0;
  for (const line of history.lines.slice(begunAt)) {
    if (line.kind === "inv") begun.add(line.id);
    else if (line.kind === "att") answeredBy.set(line.id, line.node);
    else if (line.kind === "ok" && begun.has(line.id)) {
      if (node === undefined || answeredBy.get(line.id) === node) count += 1;
    }
  }
  return count;
}

/** The longest span without any success, in milliseconds. */
export function longestGap(history: History): number {
  const successes = history.lines.flatMap((line) =>
    line.kind === "ok" ? [Number(BigInt(line.t) / 1_000n) / 1_000] : [],
  );
  return successes.reduce((longest, t, i) => Math.max(longest, t - (successes[i - 1] ?? t)), 0);
}

/** How many grants the clients were told of. */
export const grantsIn = (history: History): number =>
  history.lines.filter((line) => line.kind === "ok" && line.out === "granted").length;

/** A generator of numbers in [0, 1) that depends on the seed only. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function round(worker: Worker): Promise<void> {
  const { locks, history } = worker.options;
  const lock = at(locks, Math.floor(worker.random() * locks.length));
  if (worker.random() < 0.2) {
    await ask(worker, { action: "check", lock }, (stub, settings) => check(stub, lock, settings));
    return;
  }
  const client = `client-${worker.proc}`;
  const timeoutMs = history.header.ttlMs;
  const told = await ask(worker, { action: "acquire", lock, ttlMs: timeoutMs }, async (stub, settings) => {
    const answer = await stub.acquire({ lock, client, timeoutMs }, settings);
    switch (answer.status) {
      case "OK":
        return { kind: "ok", out: "granted", token: answer.token };
      case "ALREADY_LOCKED":
        return { kind: "fail", out: "held" };
      default:
        return undone(answer.status);
    }
  });
  const token = told.token;
  if (token === undefined) return;
  const { resource } = worker.options;
  if (resource !== undefined) await resource.write({ proc: worker.proc, lock, token });
  await ask(worker, { action: "release", lock, token }, async (stub, settings) => {
    const answer = await stub.release({ lock, client, token }, settings);
    switch (answer.status) {
      case "OK":
        return { kind: "ok", out: "released" };
      case "NOT_FOUND":
        return { kind: "fail", out: "notHeld" };
      case "EXPIRED":
        return { kind: "fail", out: "expired" };
      case "INVALID_TOKEN":
        return { kind: "fail", out: "stale" };
      default:
        return undone(answer.status);
    }
  });
}

async function check(stub: StatelessClient, lock: string, settings: { withinMs: number }): Promise<Told> {
  const answer = await stub.check(lock, settings);
  if (answer.status === "OK") return { kind: "ok", out: "locked", token: answer.token };
  return answer.status === "NOT_FOUND" ? { kind: "ok", out: "free" } : undone(answer.status);
}

/** Only these two say for sure that nothing was done. */
const undone = (status: string): Told =>
  status === "NOT_LEADER" || status === "QUORUM_FAILED"
    ? { kind: "fail", out: "refused" }
    : { kind: "info", out: "unknown" };

interface Intent {
  readonly action: Action;
  readonly lock: string;
  readonly token?: number;
  readonly ttlMs?: number;
}

type Try = (stub: StatelessClient, settings: { withinMs: number; requestId: string }) => Promise<Told>;

/** One operation, repeated under its request id while its outcome is not known and attempts are left. */
async function ask(worker: Worker, intent: Intent, attempt: Try): Promise<Told> {
  const { history, sites, withinMs, attemptsMax } = worker.options;
  let attempts = 0;
  let mayBeDone = false;
  const told = await perform(history, { proc: worker.proc, ...intent }, async (requestId) => {
    const node = at(sites, worker.home).nodeId;
    attempts += 1;
    let told: Told;
    try {
      told = await attempt(at(worker.stubs, worker.home), { withinMs, requestId });
    } catch (error) {
      told = { kind: "info", out: "unknown" };
      if (attempts >= attemptsMax)
        worker.failures.push(`${intent.action} at ${node}: ${(error as ServiceError).message}`);
    }
    if (told.out === "unknown") mayBeDone = true;
    const isOpen = told.out === "unknown" || told.out === "refused";
    if (isOpen) worker.home = (worker.home + 1) % worker.stubs.length;
    if (isOpen && attempts < attemptsMax) {
      await pause(retryMs);
      return { node, told: null };
    }
    // A refusal of the last attempt says nothing of those before it. Nor does it, where regions take back what they could not
    // say for sure, that somebody else has the lock by now.
    const saysNothing = told.out === "refused" || (told.out === "held" && history.header.regions > 1);
    return { node, told: saysNothing && mayBeDone ? { kind: "info", out: "unknown" } : told };
  });
  if (told.out === "refused") worker.failures.push(`${intent.action}: refused`);
  // A client that does not know what it has done is retired; another takes its place.
  if (told.kind === "info") worker.proc = newProc();
  return told;
}

/** Writes down an operation and its attempts. `attempt` returns null for `told` to be called again. */
export async function perform(
  history: History,
  intent: Intent & { readonly proc: number },
  attempt: (requestId: string) => Promise<{ readonly node: string; readonly told: Told | null }>,
): Promise<Told> {
  const { proc, action: f, ...rest } = intent;
  operations += 1;
  const id = operations;
  const common = { id, proc, f, req: `req-${history.header.seed}-${id}`, ...rest };
  history.lines.push({ kind: "inv", ...common, t: clock() });
  for (;;) {
    const t0 = clock();
    const { node, told } = await attempt(common.req);
    history.lines.push({ kind: "att", id, t0, t1: clock(), node });
    if (told === null) continue;
    const token = told.token === undefined ? {} : { token: told.token };
    history.lines.push({ ...common, ...token, kind: told.kind, t: clock(), out: told.out });
    return told;
  }
}

export function newProc(): number {
  procs += 1;
  return procs;
}
