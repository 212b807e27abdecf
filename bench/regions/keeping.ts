// How many messages between regions it takes to keep leases alive. Each lease is renewed once per interval, all of them evenly
// spread over it; what the regions say to each other anyway is measured beforehand and taken off.

import { setTimeout as pause } from "node:timers/promises";
import { type LeaseClient, leaseClient } from "../../test/cluster/clients.ts";
import { at } from "../../test/cluster/cluster.ts";
import type { Regions } from "../../test/cluster/region-group.ts";
import { messagesSent } from "./group.ts";

export interface KeepingRow {
  readonly leases: number;
  readonly intervalMs: number;
  readonly renewals: number;
  readonly messages: number;
  readonly messagesPerRenewal: number;
  /** How many renewals were not acknowledged, and why, each reason once. */
  readonly failures: number;
  readonly reasons: readonly string[];
}

export interface KeepingOptions {
  readonly leases: number;
  readonly intervalMs: number;
  readonly intervals: number;
}

const openAtOnce = 32;
const ttlSeconds = 300;

/** All leases are of one region: that is where renewals travel together. */
export async function measureKeeping(regions: Regions, options: KeepingOptions): Promise<KeepingRow> {
  const { leases: count, intervalMs, intervals } = options;
  const client = leaseClient(at(regions.cluster.sites, 0).grpc);
  const leases: number[] = [];
  while (leases.length < count) {
    const some = Array.from({ length: Math.min(openAtOnce, count - leases.length) }, (_, n) =>
      client.createLease({ owner: `owner-${leases.length + n}`, ttlSeconds }, { withinMs: 60_000 }),
    );
    leases.push(...(await Promise.all(some)).map(({ lease }) => lease));
  }
  const idle = await messagesDuring(regions, () => pause(intervalMs * intervals));
  const failures: string[] = [];
  const all = await messagesDuring(regions, () => renewEvenly(client, { ...options, ids: leases, failures }));
  client.close();
  const renewals = count * intervals;
  const messages = Math.max(0, all.count - (idle.count * all.ms) / idle.ms);
  return {
    leases: count,
    intervalMs,
    renewals,
    messages,
    messagesPerRenewal: messages / renewals,
    failures: failures.length,
    reasons: [...new Set(failures)],
  };
}

async function messagesDuring(regions: Regions, use: () => Promise<void>): Promise<{ count: number; ms: number }> {
  const before = await messagesSent(regions);
  const begun = performance.now();
  await use();
  return { count: (await messagesSent(regions)) - before, ms: performance.now() - begun };
}

interface Keeping extends KeepingOptions {
  readonly ids: readonly number[];
  /** Why renewals were not acknowledged. */
  readonly failures: string[];
}

async function renewEvenly(client: LeaseClient, { ids, intervalMs, intervals, failures }: Keeping): Promise<void> {
  const begun = performance.now();
  const renewals = ids.flatMap((lease, n) =>
    Array.from({ length: intervals }, async (_, interval) => {
      await pause(begun + intervalMs * (interval + n / ids.length) - performance.now());
      await client.renew(lease, { withinMs: 60_000 }).catch((error: Error) => failures.push(error.message));
    }),
  );
  await Promise.all(renewals);
}
