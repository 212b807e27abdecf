// Clients that hold a lock under a lease of its own and renew it, by way of one node, and write down all of it.

import { setTimeout as pause } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { patienceMs } from "../patience.ts";
import { codeOf, type LeaseClient, leaseClient } from "./clients.ts";
import { at } from "./cluster.ts";
import type { History } from "./history.ts";
import type { Site } from "./node-process.ts";
import type { Resource } from "./resource.ts";
import { newProc, perform, randomFrom, type Told } from "./workload.ts";

/** A node as seen by a client that asks no other. */
export interface Door {
  readonly client: LeaseClient;
  readonly node: string;
}

export interface Holding {
  readonly lock: string;
  readonly lease: number;
  readonly token: number;
}

export const doorAt = (site: Site): Door => ({ client: leaseClient(site.grpc), node: site.nodeId });

const unknown: Told = { kind: "info", out: "unknown" };

/**
 * Opens a lease and takes a lock under it: one operation of the history, because the lease counts from its opening. The
 * history's ttl must be whole seconds.
 */
export async function hold(history: History, { client, node }: Door, lock: string): Promise<Holding | null> {
  const { ttlMs } = history.header;
  const proc = newProc();
  const owner = `client-${proc}`;
  let lease = 0;
  const told = await perform(history, { proc, action: "acquire", lock, ttlMs }, async () => {
    try {
      lease = (await client.createLease({ owner, ttlSeconds: ttlMs / 1_000 })).lease;
      const { token } = await client.acquire({ lock, owner, lease });
      return { node, told: { kind: "ok", out: "granted", token } };
    } catch (error) {
      // The same code may say that the lease has ended in the meantime.
      const isHeld = codeOf(error) === status.FAILED_PRECONDITION && /is held by/.test((error as Error).message);
      return { node, told: isHeld ? { kind: "fail", out: "held" } : unknown };
    }
  });
  return told.token === undefined ? null : { lock, lease, token: told.token };
}

/** The same again and again until the lock is granted; says how often it was not. */
export async function waitFor(history: History, door: Door, lock: string) {
  const giveUpAt = performance.now() + patienceMs;
  for (let refusals = 0; performance.now() < giveUpAt; refusals += 1) {
    const holding = await hold(history, door, lock);
    if (holding !== null) return { holding, refusals };
    await pause(20);
  }
  throw new Error(`${lock} was never granted at ${door.node}`);
}

/** Renews once and returns what came of it. */
export async function renew(
  history: History,
  { client, node }: Door,
  holding: Holding,
  { withinMs = patienceMs } = {},
): Promise<Told["out"]> {
  const { lock, lease, token } = holding;
  const { ttlMs } = history.header;
  const told = await perform(history, { proc: newProc(), action: "renew", lock, token, ttlMs }, async () => {
    try {
      await client.renew(lease, { withinMs });
      return { node, told: { kind: "ok", out: "renewed" } };
    } catch (error) {
      const isLost = [status.NOT_FOUND, status.FAILED_PRECONDITION].includes(codeOf(error));
      return { node, told: isLost ? { kind: "fail", out: "lost" } : unknown };
    }
  });
  return told.out;
}

/** Gives the lock back. */
export async function release(history: History, { client, node }: Door, holding: Holding): Promise<Told["out"]> {
  const { lock, lease, token } = holding;
  const told = await perform(history, { proc: newProc(), action: "release", lock, token }, async () => {
    try {
      const { released } = await client.release({ lock, lease });
      return { node, told: released ? { kind: "ok", out: "released" } : { kind: "fail", out: "lost" } };
    } catch (error) {
      // Denied: it is held under another lease by now.
      const lost = [status.NOT_FOUND, status.FAILED_PRECONDITION, status.PERMISSION_DENIED];
      return { node, told: lost.includes(codeOf(error)) ? { kind: "fail", out: "lost" } : unknown };
    }
  });
  return told.out;
}

export interface HoldersOptions {
  readonly history: History;
  readonly sites: readonly Site[];
  readonly clients: number;
  readonly locks: readonly string[];
  readonly resource: Resource;
}

/**
 * Clients that hold a lock for a while: they renew it in time, or forget to, go on writing nevertheless, and then give it
 * back. Returns what ends them.
 */
export function startHolders({ history, sites, clients, locks, resource }: HoldersOptions): () => Promise<void> {
  const { ttlMs, seed } = history.header;
  const doors = sites.map(doorAt);
  let running = true;
  const live = async (number: number) => {
    const random = randomFrom(seed * 1_000 + 500 + number);
    const one = <Element>(elements: readonly Element[]) => at(elements, Math.floor(random() * elements.length));
    while (running) {
      const door = one(doors);
      const holding = await hold(history, door, one(locks));
      if (holding === null) continue;
      const write = () => resource.write({ proc: newProc(), lock: holding.lock, token: holding.token });
      await write();
      if (random() < 0.5) await pause(ttlMs * 1.5);
      else
        for (let renewals = 0; renewals < 4 && running; renewals += 1) {
          await pause(ttlMs / 4);
          if ((await renew(history, one(doors), holding)) === "lost") break;
        }
      await write();
      await release(history, door, holding);
    }
  };
  const lives = Array.from({ length: clients }, (_, number) => live(number));
  return async () => {
    running = false;
    await Promise.all(lives);
    for (const { client } of doors) client.close();
  };
}
