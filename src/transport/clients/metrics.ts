// What the node tells Prometheus. On the way of a request only integers in arrays are counted; everything else happens when
// somebody asks. Labels are bounded: methods, codes and regions, never a lock, an owner or an address.

import { status } from "@grpc/grpc-js";
import { collectDefaultMetrics, Registry } from "prom-client";
import type { Inspection } from "../../actors/actor.ts";
import type { RegionView } from "../../actors/ballots.ts";
import type { Millis } from "../../actors/scalars.ts";
import { LockStatus } from "../generated/com/geastalt/lock/grpc/lock.ts";

/** Counts the calls of one method over one interface. */
export interface Meter {
  /** `lockStatus` is 0 where the response has none. */
  readonly count: (code: status, lockStatus: number, took: Millis) => void;
}

export interface Metrics {
  readonly meter: (method: string, over: "grpc" | "http") => Meter;
  readonly contentType: string;
  /** Everything, in the text format of Prometheus. */
  readonly scrape: () => Promise<string>;
}

const codeNames = Object.keys(status).filter((name) => Number.isNaN(Number(name)));
const lockStatusNames = Object.keys(LockStatus).filter((name) => !name.startsWith("UNRECOGNIZED"));
const lockStatuses = lockStatusNames.length;

/** Buckets end at 2^first … 2^last microseconds: 64 µs to 34 s, and one beyond. */
const bucketFirst = 6;
const bucketLast = 25;
const bucketCount = bucketLast - bucketFirst + 2;

/** The bucket of a latency: the first whose end is not below it. */
const bucketOf = (microseconds: number): number =>
  Math.min(bucketCount - 1, Math.max(0, 32 - Math.clz32(Math.max(0, Math.ceil(microseconds) - 1)) - bucketFirst));

interface Row {
  readonly labels: string;
  /** By code, then by lock status. */
  readonly counts: number[];
  readonly buckets: number[];
  microseconds: number;
}

/** `inspectNode` asks every actor of the node what it says of itself. */
export function newMetrics(
  inspectNode: () => Promise<Readonly<Record<string, Inspection>>>,
  { version, regions }: { version: string; regions: () => readonly RegionView[] },
): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const rows: Row[] = [];
  let scraping: Promise<string> | null = null;
  const scrape = async (): Promise<string> => {
    // A node that cannot be asked still says how its process is.
    const [process, node] = await Promise.all([registry.metrics(), inspectNode().catch(() => ({}))]);
    const info = `# TYPE lockmgr_info gauge\nlockmgr_info{version=${JSON.stringify(version)}} 1\n`;
    return `${process}\n${info}${requests(rows)}${gauges(node)}${regionGauges(regions())}`;
  };
  return {
    meter: (method, over) => {
      const row = newRow(`method="${method}",interface="${over}"`);
      rows.push(row);
      return { count: (code, lockStatus, took) => count(row, code * lockStatuses + lockStatus, took * 1000) };
    },
    contentType: registry.contentType,
    // However many ask at once, the node is asked once.
    scrape: () => {
      scraping ??= scrape().finally(() => {
        scraping = null;
      });
      return scraping;
    },
  };
}

const newRow = (labels: string): Row => ({
  labels,
  counts: new Array(codeNames.length * lockStatuses).fill(0),
  buckets: new Array(bucketCount).fill(0),
  microseconds: 0,
});

function count(row: Row, slot: number, microseconds: number): void {
  row.counts[slot] = (row.counts[slot] ?? 0) + 1;
  const bucket = bucketOf(microseconds);
  row.buckets[bucket] = (row.buckets[bucket] ?? 0) + 1;
  row.microseconds += microseconds;
}

function requests(rows: readonly Row[]): string {
  const lines = ["# HELP lockmgr_requests_total Calls that have ended.", "# TYPE lockmgr_requests_total counter"];
  for (const { labels, counts } of rows) {
    for (const [slot, value] of counts.entries()) {
      if (value === 0) continue;
      const code = codeNames[Math.floor(slot / lockStatuses)];
      const lockStatus = slot % lockStatuses === 0 ? "" : lockStatusNames[slot % lockStatuses];
      lines.push(`lockmgr_requests_total{${labels},code="${code}",status="${lockStatus}"} ${value}`);
    }
  }
  const name = "lockmgr_request_seconds";
  lines.push(`# HELP ${name} How long calls took.`, `# TYPE ${name} histogram`);
  for (const { labels, buckets, microseconds } of rows) {
    let total = 0;
    for (const [bucket, value] of buckets.entries()) {
      total += value;
      const end = bucket === bucketCount - 1 ? "+Inf" : String(2 ** (bucket + bucketFirst) / 1e6);
      lines.push(`${name}_bucket{${labels},le="${end}"} ${total}`);
    }
    lines.push(`${name}_sum{${labels}} ${microseconds / 1e6}`, `${name}_count{${labels}} ${total}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Every number that an actor says of itself, as `lockmgr_<actor>_<key>`. */
function gauges(node: Readonly<Record<string, Inspection>>): string {
  const lines: string[] = [];
  for (const [actor, inspection] of Object.entries(node)) {
    for (const [key, value] of Object.entries(inspection)) {
      if (typeof value !== "number") continue;
      const name = `lockmgr_${snakeCase(actor)}_${snakeCase(key)}`;
      lines.push(`# TYPE ${name} gauge`, `${name} ${value}`);
    }
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** How the node sees the other regions. */
function regionGauges(views: readonly RegionView[]): string {
  if (views.length === 0) return "";
  const gauge = (name: string, says: string, read: (view: RegionView) => number | null): string[] => {
    const samples = views.flatMap((view) => {
      const value = read(view);
      return value === null ? [] : [`${name}{region=${JSON.stringify(view.region)}} ${value}`];
    });
    return [`# HELP ${name} ${says}`, `# TYPE ${name} gauge`, ...samples];
  };
  const lines = [
    ...gauge("lockmgr_region_reachable", "Whether a node that leads the region can be spoken to.", (view) =>
      view.reachable ? 1 : 0,
    ),
    ...gauge("lockmgr_region_round_trip_seconds", "The last round trip to the region's leader.", ({ roundTrip }) =>
      roundTrip === null ? null : roundTrip / 1_000,
    ),
  ];
  return `${lines.join("\n")}\n`;
}

const snakeCase = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace(/[^a-z0-9_]/g, "_");
