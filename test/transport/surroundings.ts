// What an actor that does I/O is given in a test: settings for one node, and a mailbox that remembers what was posted and lets a test
// wait for a letter.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import type { ActorName, Letters } from "../../src/actors/messages.ts";
import { instant, millis, nodeId, regionId } from "../../src/actors/scalars.ts";
import type { Surroundings } from "../../src/transport/resident.ts";
import type { Settings } from "../../src/transport/settings.ts";
import { patienceMs } from "../patience.ts";

/** Who a node is. */
interface Names {
  readonly node?: string;
  readonly voters?: readonly string[];
  readonly region?: string;
  readonly regions?: readonly string[];
}

export function settingsOf(changes: Partial<Settings> & Names = {}): Settings {
  const { node = "a", voters = [node], region = "default", regions = [region], ...rest } = changes;
  const anywhere = { host: "127.0.0.1", port: 0 };
  return {
    config: {
      cluster: {
        clusterId: "test",
        regionId: regionId(region),
        regions: regions.map(regionId),
        voters: voters.map(nodeId),
        clockRateErrorMax: 0.01,
        clockAllowanceMs: millis(50),
        requestsRemembered: 1000,
        digestEntries: 100,
      },
      node: {
        nodeId: nodeId(node),
        incarnation: "1",
        electionMsMin: millis(300),
        electionMsMax: millis(600),
        heartbeatMs: millis(50),
        confirmMs: millis(5),
        appendEntriesMax: 512,
        appendsInflightMax: 16,
        snapshotEntries: 1000,
        trailingEntries: 100,
        sliceRecords: 100,
        inflightMax: 1000,
        inflightBytesMax: 1 << 20,
        retryMs: millis(200),
      },
    },
    grpcAddress: { host: "127.0.0.1", port: 9090 },
    httpAddress: anywhere,
    regionAddress: anywhere,
    peers: [],
    regionPeers: [],
    dataDir: "unused",
    logLevel: "silent",
    lockMsDefault: millis(30_000),
    lockMsMin: millis(1_000),
    lockMsMax: millis(300_000),
    leaseMsMax: millis(300_000),
    requestMsMax: millis(30_000),
    mapBytes: 64 << 20,
    requestBytesMax: 1 << 20,
    connectionsMax: 100,
    streamsPerConnectionMax: 100,
    threads: "separate",
    version: "0.0.0",
    ...rest,
  };
}

/** A letter, and to whom it went. */
export interface Posted {
  readonly to: string;
  // The tests know what they wait for; the harness does not.
  // biome-ignore lint/suspicious/noExplicitAny: a letter of any kind.
  readonly letter: any;
}

export interface Mailroom<Self extends ActorName> extends Surroundings<Self> {
  readonly posted: Posted[];
  readonly failures: Error[];
  /** The next letter of this type that has not been waited for, now or when it comes. */
  // biome-ignore lint/suspicious/noExplicitAny: a letter of any kind.
  readonly letter: (to: keyof Letters[Self] & string, type: string) => Promise<any>;
  readonly failure: () => Promise<Error>;
}

export function mailroom<Self extends ActorName>(settings: Settings): Mailroom<Self> {
  const posted: Posted[] = [];
  const failures: Error[] = [];
  const taken = new Set<Posted>();
  let waiting: (() => void)[] = [];
  const wake = (): void => {
    const woken = waiting;
    waiting = [];
    for (const look of woken) look();
  };
  const change = () =>
    new Promise<void>((resolve, reject) => {
      // Also keeps the process alive while it waits.
      const patience = setTimeout(() => reject(new Error("what was waited for did not come")), patienceMs);
      waiting.push(() => {
        clearTimeout(patience);
        resolve();
      });
    });
  return {
    settings,
    log: pino({ level: "silent" }),
    post: (to, letter) => {
      posted.push({ to: to as string, letter });
      wake();
    },
    now: () => instant(performance.now()),
    fail: (error) => {
      failures.push(error);
      wake();
    },
    inspectNode: async () => ({}),
    posted,
    failures,
    letter: async (to, type) => {
      for (;;) {
        const found = posted.find((each) => each.to === to && each.letter.type === type && !taken.has(each));
        if (found !== undefined) {
          taken.add(found);
          return found.letter;
        }
        if (failures[0] !== undefined) throw failures[0];
        await change();
      }
    },
    failure: async () => {
      while (failures[0] === undefined) await change();
      return failures[0];
    },
  };
}

const parents: string[] = [];

/** A directory that does not exist yet, inside one that goes when the process ends. */
export function freshDirectory(): string {
  const parent = mkdtempSync(join(tmpdir(), "lockmgr-test-"));
  if (parents.length === 0) {
    process.on("exit", () => {
      for (const each of parents) rmSync(each, { recursive: true, force: true });
    });
  }
  parents.push(parent);
  return join(parent, "data");
}
