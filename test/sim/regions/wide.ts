// What lies between regions: every node can speak to every node of the others. Each direction between two regions has a latency
// of its own; messages may be late, lost, repeated or overtaken, and a direction may be blocked. Region actors hear of
// connections that come and go a while later.

import type { RegionMessage, RemoteNode } from "../../../src/actors/ballots.ts";
import type { RegionToPeers } from "../../../src/actors/messages.ts";
import type { NodeId, RegionId } from "../../../src/actors/scalars.ts";
import { copyLetter } from "../copy.ts";
import { isPaused, post, type SimNode } from "../node.ts";
import type { Random } from "../random.ts";
import { type Schedule, schedule, scheduleIn } from "../schedule.ts";
import type { Witness } from "../witness.ts";

/** How ways between regions behave; may be changed at any time. Spans in milliseconds. */
export interface WideWeather {
  /** By how much longer than the latency of its direction a message takes at most. */
  jitter: number;
  tailChance: number;
  tailMax: number;
  lossChance: number;
  repeatChance: number;
  overtakeChance: number;
  /** After how long a node hears that a connection has changed. */
  detectMin: number;
  detectMax: number;
}

/** Told of every message as it leaves. */
export type WideTap = (from: RemoteNode, to: RemoteNode, message: RegionMessage) => void;

export interface Wide {
  readonly timetable: Schedule;
  readonly random: Random;
  readonly weather: WideWeather;
  readonly nodes: ReadonlyMap<NodeId, SimNode>;
  readonly regionOf: ReadonlyMap<NodeId, RegionId>;
  /** By direction between regions, `from>to`. */
  readonly latencies: Map<string, number>;
  /** Directions between regions or between nodes that nothing passes, as `from>to`. */
  readonly blocked: Set<string>;
  readonly lastArrival: Map<string, number>;
  /** What each node was last told of each connection, as `at>other`; and what it will be told soon. */
  readonly told: Set<string>;
  readonly telling: Set<string>;
  readonly taps: Set<WideTap>;
}

export const createWide = (
  parts: Pick<Wide, "timetable" | "random" | "weather" | "nodes" | "regionOf" | "latencies">,
): Wide => ({
  ...parts,
  blocked: new Set(),
  lastArrival: new Map(),
  told: new Set(),
  telling: new Set(),
  taps: new Set(),
});

/** How often connections are looked at. */
const lookMs = 50;

export const way = (from: string, to: string): string => `${from}>${to}`;

/** Carries what region actors tell, once `peers` of their node has got it. */
export const wideWitness = (wide: Wide): Witness => ({
  handed: (node, from, to, letter) => {
    if (from !== "region" || to !== "peers") return;
    const { to: goal, message } = letter as RegionToPeers;
    transmit(wide, node, goal, message);
  },
  // A process that has just started knows of no connection.
  started: (node) => {
    for (const other of wide.nodes.keys()) wide.told.delete(way(node, other));
  },
});

const remote = ({ regionOf }: Wide, node: NodeId): RemoteNode => ({ region: regionOf.get(node) as RegionId, node });

function transmit(wide: Wide, from: NodeId, to: RemoteNode, message: RegionMessage): void {
  const { random, weather } = wide;
  for (const tap of wide.taps) tap(remote(wide, from), to, message);
  if (random.chance(weather.lossChance)) return;
  carry(wide, from, to, message);
  if (random.chance(weather.repeatChance)) carry(wide, from, to, copyLetter(message, "plain"));
}

function carry(wide: Wide, from: NodeId, to: RemoteNode, message: RegionMessage): void {
  const { random, weather, timetable, lastArrival, latencies } = wide;
  const source = remote(wide, from);
  const line = way(from, to.node);
  const latency = latencies.get(way(source.region, to.region)) ?? 1;
  const delay = random.chance(weather.tailChance)
    ? random.between(weather.jitter, weather.tailMax)
    : random.between(0, weather.jitter);
  let arrival = timetable.now + latency + delay;
  if (!random.chance(weather.overtakeChance)) {
    arrival = Math.max(arrival, lastArrival.get(line) ?? 0);
    lastArrival.set(line, arrival);
  }
  schedule(timetable, arrival, () => {
    const node = wide.nodes.get(to.node);
    if (node === undefined || !node.isRunning || isBlocked(wide, from, to.node)) return;
    post(node, "peers", "region", { type: "told", from: source, message });
  });
}

function isBlocked({ blocked, regionOf }: Wide, from: NodeId, to: NodeId): boolean {
  if (blocked.size === 0) return false;
  return blocked.has(way(from, to)) || blocked.has(way(regionOf.get(from) as string, regionOf.get(to) as string));
}

/** Watches the connections from now on. */
export function keepLinks(wide: Wide): void {
  const look = (): void => {
    lookAtLinks(wide);
    scheduleIn(wide.timetable, lookMs, look);
  };
  look();
}

function lookAtLinks(wide: Wide): void {
  const { nodes, regionOf, timetable, random, weather, told, telling } = wide;
  for (const at of nodes.keys()) {
    for (const other of nodes.keys()) {
      if (regionOf.get(at) === regionOf.get(other)) continue;
      const link = way(at, other);
      if (isUp(wide, at, other) === told.has(link) || telling.has(link)) continue;
      telling.add(link);
      scheduleIn(timetable, random.between(weather.detectMin, weather.detectMax), () => {
        telling.delete(link);
        tell(wide, at, other);
      });
    }
  }
}

function isUp(wide: Wide, at: NodeId, other: NodeId): boolean {
  const far = wide.nodes.get(other);
  if (far === undefined || !far.isRunning || isPaused(far, "peers")) return false;
  return !isBlocked(wide, at, other) && !isBlocked(wide, other, at);
}

function tell(wide: Wide, at: NodeId, other: NodeId): void {
  const node = wide.nodes.get(at);
  if (node === undefined || !node.isRunning) return;
  const up = isUp(wide, at, other);
  const link = way(at, other);
  if (up === wide.told.has(link)) return;
  if (up) wide.told.add(link);
  else wide.told.delete(link);
  post(node, "peers", "region", { type: "regionLink", node: remote(wide, other), up });
}
