// The leader dies while very many wait: how long until a lock that is given back comes to the next, what the others have to do, and
// whether everybody comes to his turn once.

import { setTimeout as pause } from "node:timers/promises";
import { at, others } from "../../test/cluster/cluster.ts";
import { cpuMs } from "./processes.ts";
import { handOver, type Spans, type Stage, spansOf } from "./stage.ts";

export interface LeaderLost {
  /** From the death of the leader to the grant of a lock that was given back at once. */
  readonly firstGrantMs: number;
  /** What the nodes that are left took of their cores in the first seconds from then on, and in as many before. */
  readonly cpuMs: number;
  readonly cpuMsBefore: number;
  /** Handovers within these seconds, at an even pace. */
  readonly handover: Spans;
  readonly handoverBefore: Spans;
  /** How many came to their turn in the end, and how many answers came twice, or not at all. */
  readonly granted: number;
  readonly wrong: number;
  /** How long it took to give all the other locks back and let everybody have his turn. */
  readonly drainSeconds: number;
}

const spanMs = 5_000;
const everyMs = 50;
/** So many locks are given back at once in the end. */
const windowOf = 500;

/** `locks`: those that are still held and waited for. */
export async function loseLeader(stage: Stage, locks: readonly number[]): Promise<LeaderLost> {
  const { cluster, leader, crowd, turns } = stage;
  const left = others(cluster, leader).map((node) => at(cluster.nodes, node));
  const share = Math.floor(spanMs / everyMs);
  const cpuAtFirst = cpuMs(left);
  const handoverBefore = await handOverEvenly(stage, locks.slice(0, share));
  const cpuBefore = cpuMs(left);
  await cluster.kill(leader);
  const begun = performance.now();
  await handOver(stage, at(locks, share));
  const firstGrantMs = performance.now() - begun;
  const missed = Math.ceil(firstGrantMs / everyMs);
  const next = share + 1 + Math.max(0, share - missed);
  const handover = await handOverEvenly(stage, locks.slice(share + 1, next));
  await pause(begun + spanMs - performance.now());
  const cpuAfter = cpuMs(left);
  const drainBegun = performance.now();
  await Promise.all(
    Array.from({ length: windowOf }, async (_, line) => {
      for (let place = next + line; place < locks.length; place += windowOf) await handOver(stage, at(locks, place));
    }),
  );
  const granted = (await Promise.allSettled(turns)).filter(({ status }) => status === "fulfilled").length;
  const drainSeconds = (performance.now() - drainBegun) / 1_000;
  // Every lock was granted twice: to the one who held it first, and to the one who waited.
  const answers = crowd.tally.get("acquired") ?? 0;
  const wrong = Math.abs(answers - 2 * turns.length) + turns.length - granted;
  return {
    firstGrantMs,
    cpuMs: cpuAfter - cpuBefore,
    cpuMsBefore: cpuBefore - cpuAtFirst,
    handover,
    handoverBefore,
    granted,
    wrong,
    drainSeconds,
  };
}

async function handOverEvenly(stage: Stage, locks: readonly number[]): Promise<Spans> {
  const begun = performance.now();
  const spans = await Promise.all(
    locks.map(async (number, place) => {
      await pause(begun + place * everyMs - performance.now());
      return handOver(stage, number);
    }),
  );
  return spansOf(spans);
}
