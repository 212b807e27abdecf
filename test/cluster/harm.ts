// What is done to a cluster, one fault at a time, drawn from a seed: struck, kept for a while, undone.

import { setTimeout as pause } from "node:timers/promises";
import { at, statusOf } from "./cluster.ts";
import { type History, recordFault } from "./history.ts";
import { type Linked, otherSides } from "./links.ts";
import { randomFrom } from "./workload.ts";

/** Strikes `node`, or the links of its side, and returns what undoes it. */
type Strike = (linked: Linked, node: number, random: () => number) => () => void | Promise<void>;

const isolate =
  (type: "swallow" | "hold", ways: readonly ("out" | "in")[]): Strike =>
  ({ network }, node) => {
    const side = network.sideOf(node);
    for (const other of otherSides(network, side)) {
      if (ways.includes("out")) network.treat(side, other, { type });
      if (ways.includes("in")) network.treat(other, side, { type });
    }
    return network.heal;
  };

const ended =
  (signal: NodeJS.Signals): Strike =>
  ({ cluster }, node) => {
    const process = at(cluster.nodes, node);
    process.signal(signal);
    return async () => {
      await process.ended;
      await cluster.restart(node);
    };
  };

const strikes = {
  kill: ended("SIGKILL"),
  stop: ended("SIGTERM"),
  pause: ({ cluster }, node) => {
    const process = at(cluster.nodes, node);
    process.signal("SIGSTOP");
    return () => process.signal("SIGCONT");
  },
  cut: ({ network }, node) => {
    const side = network.sideOf(node);
    for (const other of otherSides(network, side)) network.cut(side, other);
    return network.heal;
  },
  swallow: isolate("swallow", ["out", "in"]),
  mute: isolate("swallow", ["out"]),
  deafen: isolate("swallow", ["in"]),
  hold: isolate("hold", ["out", "in"]),
  slow: ({ network }, node, random) => {
    const delayMs = 20 + random() * 150;
    const side = network.sideOf(node);
    for (const other of otherSides(network, side)) {
      network.treat(side, other, { type: "pass", delayMs });
      network.treat(other, side, { type: "pass", delayMs });
    }
    return network.heal;
  },
} as const satisfies Record<string, Strike>;

export type HarmName = keyof typeof strikes;
export const harmNames = Object.keys(strikes) as HarmName[];

export interface HarmOptions {
  readonly history: History;
  readonly kinds: readonly HarmName[];
  readonly seconds: number;
}

/** Strikes for so many seconds, half of the time somebody who leads, and leaves everything whole. */
export async function harm(linked: Linked, { history, kinds, seconds }: HarmOptions): Promise<void> {
  const { cluster } = linked;
  const { seed, ttlMs } = history.header;
  const random = randomFrom(seed);
  const endAt = performance.now() + seconds * 1_000;
  // Each kind has its turn before any has a second.
  let left: HarmName[] = [];
  while (performance.now() < endAt) {
    if (left.length === 0) left = [...kinds];
    const [kind] = left.splice(Math.floor(random() * left.length), 1);
    if (kind === undefined) return;
    const anyone = Math.floor(random() * cluster.sites.length);
    const statuses = random() < 0.5 ? await Promise.all(cluster.sites.map(statusOf)) : [];
    // Each region has a leader of its own.
    const leaders = statuses.flatMap((status, node) => (status?.isLeader ? [node] : []));
    const node = leaders[Math.floor(random() * leaders.length)] ?? anyone;
    const { nodeId } = at(cluster.sites, node);
    recordFault(history, kind, nodeId);
    const undo = strikes[kind](linked, node, random);
    await pause(ttlMs * (0.25 + random() * 1.25));
    await undo();
    recordFault(history, `${kind} ends`, nodeId);
    await pause(ttlMs * random() * 0.5);
  }
}
