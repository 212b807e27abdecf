// The stage of the scenarios that other lock services test themselves with: one group of real nodes for a file, clients of the SDK,
// and what a scenario waits for.

import { credentials } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import {
  type Client,
  type ConnectOptions,
  connect,
  type Lock,
  LockError,
  type LockEvent,
  type Queued,
  type WatchWish,
} from "../../src/client/index.ts";
import { LockServiceClient } from "../../src/transport/generated/lockmgr/v1/lock.ts";
import { Mode } from "../../src/transport/generated/lockmgr/v1/types.ts";
import { patienceMs } from "../patience.ts";
import { suite } from "../suite.ts";
import { channelOptions } from "./clients.ts";
import { type Cluster, orLastWords, startCluster, until } from "./cluster.ts";
import { acquire, granted, wanting } from "./native-calls.ts";

export interface Stage {
  readonly cluster: Cluster;
  /** The native interface of each node. */
  readonly stubs: readonly LockServiceClient[];
  /** A client of the SDK that knows all nodes: the same for the whole file, unless it is closed or asked for with options. */
  readonly join: (owner: string, options?: Omit<ConnectOptions, "owner">) => Promise<Client>;
}

type Play = (stage: Stage) => Promise<void>;

/** How long leases last where a scenario is not about their end: longer than nodes take to start on the slowest machine. */
const ttlMs = 120_000;
/** A scenario waits for many things, each with a patience of its own. */
const playMsMax = 2 * patienceMs;
/** Nobody is refused because a machine is slow. */
const patient = { connectTimeoutMs: patienceMs, requestTimeoutMs: patienceMs };

/** The scenarios of one file, on a group of `size` nodes. */
export function onStage(title: string, size: number): { (rule: string, play: Play): void; run: () => void } {
  const scenes = suite<{ cluster: Cluster; stubs: LockServiceClient[] }>(title);
  const known = new Map<string, Client>();
  const joined = new Set<Client>();
  scenes.before(async (context) => {
    context.cluster = await startCluster({ size });
    context.stubs = context.cluster.sites.map(
      ({ grpc }) => new LockServiceClient(grpc, credentials.createInsecure(), channelOptions),
    );
  });
  scenes.after(async ({ cluster, stubs }) => {
    await Promise.all([...joined].map((client) => client.close()));
    for (const stub of stubs ?? []) stub.close();
    await cluster?.stop();
  });
  const scene = (rule: string, play: Play) =>
    scenes(rule, async ({ cluster, stubs }) => {
      const join: Stage["join"] = async (owner, options) => {
        const before = known.get(owner);
        if (options === undefined && before?.closed.aborted === false) return before;
        const client = await connect(
          cluster.sites.map(({ grpc }) => grpc),
          { ttlMs, ...patient, ...options, owner },
        );
        joined.add(client);
        if (options === undefined) known.set(owner, client);
        return client;
      };
      await orLastWords(cluster, () => inTime(rule, play({ cluster, stubs, join })));
    });
  return Object.assign(scene, { run: () => scenes.run() });
}

/** A promise that is never kept fails its scenario, not the whole file. */
async function inTime(what: string, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it does not come to an end: ${what}`)), playMsMax);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A request that stands in a queue. */
export interface Waiting {
  readonly granted: Promise<Lock>;
  /** Where it stood at first, from 1. */
  readonly position: number;
}

/** Asks for what is not to be had at once, and returns when the request stands in its queue. */
export const inLine = (ask: (onQueued: (queued: Queued) => void) => Promise<Lock>): Promise<Waiting> =>
  new Promise((resolve, reject) => {
    const asked = ask(({ position }) => resolve({ granted: asked, position }));
    asked.then((lock) => reject(new Error(`${lock.name} was granted at once`)), reject);
  });

/** Waits in line for one lock as `client` does. */
export const waitFor = (client: Client, name: string, options: Parameters<Client["acquire"]>[1] = {}) =>
  inLine((onQueued) => client.acquire(name, { ...options, onQueued }));

/** Waits until so many requests wait for a lock. */
export const untilQueued = (client: Client, name: string, count: number): Promise<void> =>
  until(`${count} wait for ${name}`, async () => (await client.check(name)).queueLength === count);

/** Waits until nothing is left of a lock: no holder, no delay, nobody in the queue. */
export const untilIdle = (client: Client, name: string): Promise<void> =>
  until(`${name} is idle`, async () => {
    const { holders, delays, queueLength } = await client.check(name);
    return holders.length === 0 && delays.length === 0 && queueLength === 0;
  });

/** Who holds a lock now, in the order in which it was granted. */
export const ownersOf = async (client: Client, name: string): Promise<string[]> =>
  (await client.check(name)).holders.map(({ owner }) => owner);

/** The error of the SDK that a call must end with. */
export async function failure(call: Promise<unknown>): Promise<LockError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof LockError) return error;
    throw error;
  }
  throw new Error("it should have failed");
}

export const codeOf = async (call: Promise<unknown>): Promise<string> => (await failure(call)).code;

/** Resolves when the signal is aborted. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** What is told of a lock that is held, or of those of a prefix, from now on. Grows until the client is closed. */
export async function listen(client: Client, wish: WatchWish): Promise<readonly LockEvent[]> {
  const told: LockEvent[] = [];
  const listening = (async () => {
    for await (const event of client.watch(wish)) told.push(event);
  })();
  let error: unknown = null;
  listening.catch((reason) => {
    error = reason;
  });
  await until("it is told what is held", () => {
    if (error !== null) throw error;
    return told.length > 0;
  });
  return told;
}

/** How somebody who dies holds his locks. */
interface Hold {
  readonly mode?: "exclusive" | "shared" | "semaphore";
  readonly permits?: number;
  readonly limit?: number;
  readonly lockDelayMs?: number;
  /** The least that there is, unless it is given. */
  readonly ttlMs?: number;
}
const modes = { exclusive: Mode.MODE_EXCLUSIVE, shared: Mode.MODE_SHARED, semaphore: Mode.MODE_SEMAPHORE };

/**
 * Somebody who takes locks under a short lease and is never heard of again. Lease and locks are of one request, so he has the locks
 * whatever keeps him waiting; whether he still has them when this returns nobody knows.
 */
export async function mortal(stub: LockServiceClient, owner: string, locks: readonly string[], hold: Hold = {}) {
  const { mode = "exclusive", permits = 0, limit = 0, lockDelayMs = 0, ttlMs: lastsMs = 1_000 } = hold;
  const under = { $case: "ttlMs", value: BigInt(lastsMs) } as const;
  const request = wanting([], { owner, under, lockDelayMs: BigInt(lockDelayMs) });
  const demands = locks.map((lock) => ({ lock, mode: modes[mode], permits, limit }));
  const { leaseId, token } = granted(await acquire(stub, { ...request, demands }));
  return { leaseId: Number(leaseId), token: Number(token) };
}

/** Notices who is inside at one time, and fails if somebody is who must not be. */
export function room(mayBe: (inside: readonly string[]) => boolean) {
  const inside: string[] = [];
  let most = 0;
  return {
    /** The most who were inside at one time. */
    most: () => most,
    stay: async (who: string, work: () => Promise<unknown>): Promise<void> => {
      inside.push(who);
      most = Math.max(most, inside.length);
      assert.ok(mayBe(inside), `together: ${inside.join(", ")}`);
      await work();
      inside.splice(inside.indexOf(who), 1);
    },
  };
}
