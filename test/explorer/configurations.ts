// The small clusters that are explored: who takes part, what clients want, where exploration begins, and what may go wrong.

import { millis, type NodeId, nodeId, regionId } from "../../src/actors/scalars.ts";
import { campaignAtOnce, shipped } from "./actors.ts";
import type { Script } from "./clients.ts";
import { eventsOf, follow } from "./events.ts";
import type { Actors } from "./node.ts";
import { itemOf } from "./plain.ts";
import { type Bounds, createSystem, firstWorld, nothingSpent, passTime, type System, type World } from "./world.ts";

/** How a configuration gets to where its exploration begins. */
export type Prelude =
  | { readonly do: "time out"; readonly node: NodeId; readonly timer: string }
  /** Delivers and flushes among these nodes until nothing is left to do, save messages of the kinds named. */
  | { readonly do: "settle"; readonly among: readonly NodeId[]; readonly without?: readonly string[] }
  /** Loses what is on the wire. */
  | { readonly do: "drop" }
  | { readonly do: "ask"; readonly client: number }
  | { readonly do: "wait"; readonly ms: number };

export interface Configuration {
  readonly name: string;
  readonly about: string;
  readonly actors: Actors;
  readonly scripts: readonly Script[];
  readonly prelude: readonly Prelude[];
  readonly bounds: Bounds;
  /** Nodes that nothing tells apart at the beginning. They must campaign at once for that to be made use of. */
  readonly alike?: readonly NodeId[];
  readonly slowArrows?: readonly string[];
  readonly appendEntriesMax?: number;
}

const [n1, n2, n3] = ["n1", "n2", "n3"].map(nodeId) as [NodeId, NodeId, NodeId];
const all = [n1, n2, n3];

/** A lease outlives two elections, so that what a former leader said still counts when the next one leads. Milliseconds. */
const spans = { ttl: 80, allowance: 10 };
const electionMs = millis(20);

const nothing: Bounds = { crashes: 0, losses: 0, repeats: 0, timeouts: 0, beats: 0, terms: 9 };
const raftAtOnce = { raft: campaignAtOnce(shipped.raft) };
const whole = { ...shipped, raft: campaignAtOnce(shipped.raft) };

const electFirst: readonly Prelude[] = [
  { do: "time out", node: n1, timer: "raft/election" },
  { do: "settle", among: all },
  { do: "time out", node: n1, timer: "raft/heartbeat" },
  { do: "settle", among: all },
];

/** Raft, figure 8 (b): n1 has an entry of term 1 alone, n2 one of term 2, and n1 knows that it no longer leads. */
const figure8: readonly Prelude[] = [
  ...electFirst,
  { do: "ask", client: 0 },
  { do: "settle", among: [n1] },
  { do: "drop" },
  { do: "time out", node: n2, timer: "raft/election" },
  { do: "settle", among: [n2, n3], without: ["appendRequest"] },
  { do: "drop" },
  { do: "time out", node: n1, timer: "raft/heartbeat" },
  { do: "time out", node: n1, timer: "raft/election" },
  { do: "settle", among: [n1, n3] },
  { do: "drop" },
];

const proposer = (wishes: number): Script => ({
  name: "p",
  at: all,
  wishes: Array.from({ length: wishes }, () => ({ type: "propose" }) as const),
});

const acquire = { type: "acquire", lock: "l", request: "1" } as const;

export const configurations: readonly Configuration[] = [
  {
    name: "elections",
    about: "raft alone, without PreVote, from the first start",
    actors: raftAtOnce,
    scripts: [],
    prelude: [],
    bounds: { ...nothing, timeouts: 2, terms: 2 },
    alike: all,
  },
  {
    name: "restarts",
    about: "the same with crashes: a vote, a term and an entry are kept or were never told",
    actors: raftAtOnce,
    scripts: [],
    prelude: [],
    bounds: { ...nothing, crashes: 1, timeouts: 2, terms: 1 },
    alike: all,
  },
  {
    name: "prevote",
    about: "raft alone, as it ships, from the first start",
    actors: { raft: shipped.raft },
    scripts: [],
    prelude: [],
    bounds: { ...nothing, timeouts: 2, terms: 1 },
  },
  {
    name: "replication",
    about: "raft alone, from a leader on: an entry and another election",
    actors: raftAtOnce,
    scripts: [proposer(1)],
    prelude: electFirst,
    bounds: { ...nothing, timeouts: 1, terms: 2 },
    alike: [n2, n3],
  },
  {
    name: "reads",
    about: "raft alone, from a leader on: a read and another election",
    actors: raftAtOnce,
    scripts: [{ name: "r", at: all, wishes: [{ type: "read" }] }],
    prelude: electFirst,
    bounds: { ...nothing, timeouts: 1, terms: 2 },
    alike: [n2, n3],
  },
  {
    name: "figure-8",
    about: "raft alone, from figure 8 (b) of the paper on",
    actors: raftAtOnce,
    scripts: [proposer(1)],
    prelude: figure8,
    bounds: { ...nothing, timeouts: 2 },
    appendEntriesMax: 1,
  },
  {
    name: "locks",
    about: "two clients want one lock; one releases it and repeats its request",
    actors: whole,
    scripts: [
      { name: "a", at: [n1], wishes: [acquire, { type: "release", lock: "l" }, acquire] },
      { name: "b", at: [n1], wishes: [acquire] },
    ],
    prelude: electFirst,
    bounds: nothing,
  },
  {
    name: "forwarding",
    about: "a client of a follower and one of the leader want one lock, and another leader is elected",
    actors: whole,
    scripts: [
      { name: "a", at: [n1], wishes: [acquire] },
      { name: "b", at: [n2], wishes: [acquire] },
    ],
    prelude: electFirst,
    bounds: { ...nothing, timeouts: 1, terms: 2 },
  },
  {
    name: "waiting",
    about: "a client of a follower waits for the lock that one of the leader gives back, and another leader is elected",
    actors: whole,
    scripts: [
      { name: "a", at: [n1], wishes: [acquire, { type: "release", lock: "l" }] },
      { name: "b", at: [n2], wishes: [{ type: "open" }, { type: "wait", lock: "l", request: "1" }] },
    ],
    prelude: [
      ...electFirst,
      { do: "ask", client: 0 },
      { do: "settle", among: all },
      { do: "ask", client: 1 },
      { do: "settle", among: all },
    ],
    bounds: { ...nothing, timeouts: 1, terms: 2 },
  },
  {
    name: "leases",
    about: "a lease is renewed and runs out, under one leader and the next",
    actors: whole,
    scripts: [{ name: "a", at: [n1], wishes: [{ type: "open" }, { type: "renew" }] }],
    prelude: [...electFirst, { do: "ask", client: 0 }, { do: "settle", among: all }],
    bounds: { ...nothing, timeouts: 2, terms: 2 },
    alike: [n2, n3],
  },
  {
    name: "fail-over",
    about: "a leader has just been elected under which a lease goes on that was opened under the one before",
    actors: whole,
    scripts: [{ name: "a", at: [n1], wishes: [{ type: "open" }, { type: "renew" }] }],
    prelude: [
      ...electFirst,
      { do: "ask", client: 0 },
      { do: "settle", among: all },
      { do: "time out", node: n2, timer: "raft/election" },
      { do: "settle", among: [n2, n3], without: ["appendRequest"] },
    ],
    bounds: { ...nothing, timeouts: 1, terms: 2 },
  },
  {
    name: "repeats",
    about: "an acquire is repeated while its lease runs out, and another client waits for the lock",
    actors: whole,
    scripts: [
      { name: "a", at: [n1], wishes: [acquire, acquire] },
      { name: "b", at: [n1], wishes: [acquire] },
    ],
    prelude: [...electFirst, { do: "ask", client: 0 }, { do: "settle", among: all }, { do: "wait", ms: 40 }],
    bounds: { ...nothing, timeouts: 1, terms: 1 },
  },
  {
    name: "arrows",
    about: "raft, lock and lease of a node hear of each other in any order, while a lease is renewed and runs out",
    actors: whole,
    scripts: [{ name: "a", at: [n1], wishes: [{ type: "open" }, { type: "renew" }] }],
    prelude: [...electFirst, { do: "ask", client: 0 }, { do: "settle", among: all }, { do: "wait", ms: 40 }],
    bounds: { ...nothing, timeouts: 1, terms: 1 },
    slowArrows: ["raft>lease", "lock>lease", "lease>raft"],
  },
];

/** A system to explore, and the state in which exploration begins. */
export function prepare(
  configuration: Configuration,
  { actors, bounds }: { actors?: Actors; bounds?: Partial<Bounds> } = {},
): { system: System; first: World } {
  const { scripts, slowArrows = [], appendEntriesMax = 64 } = configuration;
  const system = createSystem({
    ids: all,
    host: {
      actors: actors ?? configuration.actors,
      configOf: (id, starts) => ({
        cluster: {
          clusterId: "explored",
          regionId: regionId("here"),
          regions: [regionId("here")],
          voters: all,
          clockRateErrorMax: 0,
          clockAllowanceMs: millis(spans.allowance),
          requestsRemembered: 1000,
          digestEntries: 1,
        },
        node: { ...node, nodeId: id, incarnation: `${id}.${starts}`, appendEntriesMax },
      }),
      peersOf: (id) => all.filter((other) => other !== id),
      slowArrows: new Set(slowArrows),
      promptTimers: new Set(["raft/append", "lock/slice"]),
    },
    scripts,
    spans,
    bounds: { ...configuration.bounds, ...bounds },
    flushesWhenSafe: true,
    alike: { nodes: configuration.alike ?? [], term: configuration.prelude.length === 0 ? 0 : 1 },
  });
  const first = play(system, configuration.prelude);
  return { system, first: { ...first, spent: nothingSpent } };
}

const node = {
  electionMsMin: electionMs,
  electionMsMax: electionMs,
  heartbeatMs: millis(0),
  confirmMs: millis(0),
  appendsInflightMax: 4,
  snapshotEntries: 1000,
  trailingEntries: 1000,
  sliceRecords: 1000,
  inflightMax: 100,
  inflightBytesMax: 1000,
  retryMs: millis(0),
};

function play(system: System, prelude: readonly Prelude[]): World {
  // The way to the beginning is bound by nothing.
  const free = {
    ...system,
    alike: { nodes: [], term: 0 },
    bounds: { ...system.bounds, timeouts: 99, beats: 99, terms: 99 },
  };
  let world = firstWorld(free);
  for (const step of prelude) world = playStep(free, world, step);
  return world;
}

function playStep(system: System, world: World, step: Prelude): World {
  switch (step.do) {
    case "drop":
      return { ...world, wire: [] };
    case "wait":
      return passTime(system, world, world.now + step.ms);
    case "settle":
      return settle(system, world, step);
    case "ask":
      return follow(system, world, {
        type: "ask",
        client: step.client,
        node: system.scripts[step.client]?.at[0] as NodeId,
      });
    case "time out": {
      const at = system.ids.indexOf(step.node);
      return follow(system, world, { type: "timer", at, timer: step.timer, costs: "timeouts" });
    }
  }
}

function settle(system: System, world: World, { among, without = [] }: Extract<Prelude, { do: "settle" }>): World {
  const isWanted = (event: ReturnType<typeof eventsOf>[number]): boolean => {
    if (event.type === "flush" || event.type === "arrow") return among.includes(system.ids[event.at] as NodeId);
    if (event.type !== "deliver" || event.again) return false;
    const { from, to, cargo } = itemOf(system.packets, event.packet);
    const kind = cargo.type === "raft" ? cargo.message.type : cargo.type;
    return among.includes(from) && among.includes(to) && !without.includes(kind);
  };
  let settled = world;
  for (;;) {
    const event = eventsOf(system, settled).find(isWanted);
    if (event === undefined) return settled;
    settled = follow(system, settled, event);
  }
}
