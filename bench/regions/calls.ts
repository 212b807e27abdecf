// What one call costs where nothing else is going on: one client, one call at a time, by what the call finds.

import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import { type LeaseClient, leaseClient, type StatelessClient, statelessClient } from "../../test/cluster/clients.ts";
import { at } from "../../test/cluster/cluster.ts";
import type { Regions } from "../../test/cluster/region-group.ts";

export interface CallRow {
  readonly call: string;
  readonly count: number;
  /** In milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

type CallName =
  | "first grant"
  | "grant after another region"
  | "grant after the same region"
  | "release"
  | "check"
  | "renewal";

interface Caller {
  readonly stateless: readonly StatelessClient[];
  readonly leases: LeaseClient;
  readonly timed: <Result>(call: CallName, make: () => Promise<Result>) => Promise<Result>;
}

const timeoutMs = 300_000;
const client = "bench";

/** Each call `count` times. */
export async function measureCalls({ cluster, nodesOf }: Regions, count: number): Promise<CallRow[]> {
  const histograms = new Map<CallName, RecordableHistogram>();
  const doors = [0, 1].map((region) => at(cluster.sites, at(nodesOf(region), 0)).grpc);
  const caller: Caller = {
    stateless: doors.map(statelessClient),
    leases: leaseClient(at(doors, 0)),
    timed: async (call, make) => {
      const begun = process.hrtime.bigint();
      const result = await make();
      const histogram = histograms.get(call) ?? createHistogram({ lowest: 1, highest: 60_000_000_000, figures: 3 });
      histograms.set(call, histogram);
      histogram.record(process.hrtime.bigint() - begun);
      return result;
    },
  };
  await useLocks(caller, count);
  await renewOften(caller, count);
  for (const { close } of [...caller.stateless, caller.leases]) close();
  return [...histograms].map(([call, histogram]) => ({
    call,
    count: histogram.count,
    p50: histogram.percentile(50) / 1e6,
    p99: histogram.percentile(99) / 1e6,
    max: histogram.max / 1e6,
  }));
}

/** Locks that nobody has had, then the same again by the same region, then by another. */
async function useLocks({ stateless, timed }: Caller, count: number): Promise<void> {
  const here = at(stateless, 0);
  const there = at(stateless, 1);
  const acquire = async (from: StatelessClient, lock: string): Promise<number> => {
    const { status, token, message } = await from.acquire({ lock, client, timeoutMs });
    if (status !== "OK") throw new Error(`${lock}: ${status} ${message}`);
    return token;
  };
  const release = async (from: StatelessClient, lock: string, token: number): Promise<void> => {
    const { status, message } = await from.release({ lock, client, token });
    if (status !== "OK") throw new Error(`${lock}: ${status} ${message}`);
  };
  for (let n = 0; n < count; n += 1) {
    const lock = `lock-${n}`;
    const first = await timed("first grant", () => acquire(here, lock));
    await timed("release", () => release(here, lock, first));
    const again = await timed("grant after the same region", () => acquire(here, lock));
    await timed("check", () => here.check(lock));
    await timed("release", () => release(here, lock, again));
    const moved = await timed("grant after another region", () => acquire(there, lock));
    await timed("release", () => release(there, lock, moved));
  }
}

async function renewOften({ leases, timed }: Caller, count: number): Promise<void> {
  const { lease } = await leases.createLease({ owner: client, ttlSeconds: 300 });
  for (let n = 0; n < count; n += 1) await timed("renewal", () => leases.renew(lease));
}
