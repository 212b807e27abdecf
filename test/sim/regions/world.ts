// Several regions as one world: each a whole simulated cluster with its own network and disks, one time for all, one crowd of
// clients, and the ways between them. Only puts them together; what is done to them stands in faults.ts.

import type { Behaviour, Inspection } from "../../../src/actors/actor.ts";
import type { Config } from "../../../src/actors/config.ts";
import { gateway } from "../../../src/actors/gateway/receive.ts";
import { lease } from "../../../src/actors/lease/receive.ts";
import { lock } from "../../../src/actors/lock/receive.ts";
import type { ActorName, Letters } from "../../../src/actors/messages.ts";
import { raft } from "../../../src/actors/raft/receive.ts";
import { region } from "../../../src/actors/region/receive.ts";
import { millis, type NodeId, nodeId, type RegionId, regionId } from "../../../src/actors/scalars.ts";
import { createBeliefs } from "../beliefs.ts";
import { checkersOf, createLedger } from "../checkers.ts";
import { type ClientWitness, type Crowd, createCrowd } from "../clients.ts";
import { createClock } from "../clock.ts";
import { type Behaviours, type Cluster, currentLeader, startAll } from "../cluster.ts";
import { createObserver } from "../coverage.ts";
import { createDisk, type Disk } from "../disk.ts";
import { electionRulesOf } from "../election-rules.ts";
import { leaseRulesOf } from "../lease-rules.ts";
import { createNetwork } from "../network.ts";
import { createNode, type Hosting, now, type SimNode } from "../node.ts";
import { createRandom, type Random } from "../random.ts";
import { createSchedule, type Schedule } from "../schedule.ts";
import { createTrace, type Trace, together } from "../trace.ts";
import type { Witness } from "../witness.ts";
import { type BallotRules, ballotWitness, createBallotRules } from "./ballot-rules.ts";
import { beliefsWitness, createRegionBeliefs, type RegionBeliefs } from "./beliefs.ts";
import type { RenewalAnswers } from "./letters.ts";
import type { RegionPlan } from "./plan.ts";
import { createWide, keepLinks, type Wide, way, wideWitness } from "./wide.ts";

export interface World {
  readonly plan: RegionPlan;
  readonly timetable: Schedule;
  readonly ids: readonly RegionId[];
  readonly regions: ReadonlyMap<RegionId, Cluster>;
  readonly nodes: ReadonlyMap<NodeId, SimNode>;
  readonly regionOf: ReadonlyMap<NodeId, RegionId>;
  readonly wide: Wide;
  readonly crowd: Crowd;
  readonly rules: BallotRules;
  readonly beliefs: RegionBeliefs;
  readonly trace: Trace;
  /** What each actor says of itself, as `node actor`. */
  readonly inspectors: ReadonlyMap<string, () => Inspection>;
  readonly random: Random;
}

export interface Watching {
  readonly traceLines?: number;
  readonly print?: (line: string) => void;
  readonly witnesses?: readonly Witness[];
  readonly clientWitnesses?: readonly ClientWitness[];
}

const regionNames = ["asia", "east", "north", "south", "west"] as const;

export function createWorld(plan: RegionPlan, watching: Watching = {}): World {
  const timetable = createSchedule();
  const stream = (label: string): Random => createRandom(plan.seed, label);
  const ids = regionNames.slice(0, plan.regions).map(regionId);
  const regionOf = new Map<NodeId, RegionId>();
  for (const region of ids) {
    for (let at = 1; at <= plan.each.nodes; at += 1) regionOf.set(nodeId(`${region}${at}`), region);
  }
  const { clockRateErrorMax: rateError, clockAllowanceMs: allowance, requestsRemembered } = plan.each.cluster;
  const rules = createBallotRules({ timetable, regions: ids.length, regionOf, requestsRemembered });
  const beliefs = createRegionBeliefs({ timetable, rateError, allowance, rules });
  const trace = createTrace(timetable, watching.traceLines ?? 40, watching.print);
  const nodes = new Map<NodeId, SimNode>();
  const wide = createWide({
    timetable,
    random: stream("wide"),
    weather: { ...plan.weather },
    nodes,
    regionOf,
    latencies: latenciesOf(ids, plan, stream("latencies")),
  });
  const crowd = createCrowd({
    timetable,
    random: stream("clients"),
    manners: { ...plan.each.manners },
    witness: allClients([...(watching.clientWitnesses ?? []), beliefsWitness(beliefs)]),
    nodes,
  });
  const shared = [trace, wideWitness(wide), ...(watching.witnesses ?? []), ballotWitness(rules)];
  const inspectors = new Map<string, () => Inspection>();
  const parts = { plan, timetable, nodes, crowd, trace, shared, inspectors, ids };
  const regions = new Map(
    ids.map((id) => [
      id,
      createRegion(
        parts,
        id,
        [...regionOf].filter(([, of]) => of === id).map(([node]) => node),
      ),
    ]),
  );
  const random = stream("faults between regions");
  return { plan, timetable, ids, regions, nodes, regionOf, wide, crowd, rules, beliefs, trace, inspectors, random };
}

function latenciesOf(ids: readonly RegionId[], { latencyMax }: RegionPlan, random: Random): Map<string, number> {
  const latencies = new Map<string, number>();
  for (const from of ids) for (const to of ids) latencies.set(way(from, to), random.between(1, latencyMax));
  return latencies;
}

const allClients = (witnesses: readonly ClientWitness[]): ClientWitness => ({
  asked: (request) => {
    for (const { asked } of witnesses) asked(request);
  },
  attempted: (request, attempt) => {
    for (const { attempted } of witnesses) attempted(request, attempt);
  },
  settled: (request, answer, attempt) => {
    for (const { settled } of witnesses) settled(request, answer, attempt);
  },
});

interface Parts extends Pick<World, "plan" | "timetable" | "ids" | "crowd" | "trace"> {
  readonly nodes: Map<NodeId, SimNode>;
  readonly shared: readonly Witness[];
  readonly inspectors: Map<string, () => Inspection>;
}

/** A cluster as the simulator of one region has it, in a time and among clients that it shares with the others. */
function createRegion(
  { plan, timetable, nodes, crowd, trace, shared, inspectors, ids }: Parts,
  id: RegionId,
  own: NodeId[],
): Cluster {
  const stream = (label: string): Random => createRandom(plan.seed, `${id} ${label}`);
  const { each } = plan;
  const { clockRateErrorMax: rateError, clockAllowanceMs: allowance, requestsRemembered } = each.cluster;
  // Clients are judged over all regions together: see beliefs.ts beside this file.
  const beliefs = createBeliefs({ timetable, rateError, allowance, requestsRemembered, tokensOnly: true });
  const disks = new Map<NodeId, Disk>();
  const ledger = createLedger({ disks, beliefs });
  const mine = new Map<NodeId, SimNode>();
  const clockOf = (node: NodeId): number => now(mine.get(node) as SimNode);
  const observer = createObserver(() => timetable.now);
  const witness = together([
    ...shared,
    observer.witness,
    checkersOf(ledger),
    asOneRegion(electionRulesOf(ledger)),
    asOneRegion(leaseRulesOf({ clockOf, rateError, allowance })),
  ]);
  const network = createNetwork({
    timetable,
    random: stream("network"),
    witness,
    weather: { ...each.weather },
    nodes: mine,
  });
  for (const node of own) {
    const random = stream(node);
    const rate = 1 + (each.clocksAtBound ? each.clockError : random.between(-each.clockError, each.clockError));
    const clock = createClock({ rate, reading: random.between(0, 1e7) });
    const { pace, copying } = each;
    const hosted = createNode({ id: node, clock, timetable, random, pace, copying, witness });
    nodes.set(node, hosted);
    mine.set(node, hosted);
    disks.set(node, createDisk({ pace: { ...each.disk }, random: stream(`disk of ${node}`), witness }));
  }
  return {
    plan: each,
    timetable,
    ids: own,
    nodes: mine,
    disks,
    network,
    crowd,
    beliefs,
    ledger,
    reference: null,
    observer,
    trace,
    witness,
    behaviours: behavioursOf(id, ids, inspectors),
    random: stream("faults"),
  };
}

function behavioursOf(
  own: RegionId,
  regions: readonly RegionId[],
  inspectors: Map<string, () => Inspection>,
): Behaviours {
  const hosting = <Self extends ActorName, State>(name: string, behaviour: Behaviour<Self, State>): Hosting => {
    return ({ cluster, node }: Config) => {
      const state = behaviour.start({ cluster: { ...cluster, regionId: own, regions }, node });
      inspectors.set(`${node.nodeId} ${name}`, () => ({ ...behaviour.inspect(state), ...sizesOf(state) }));
      type Message = Parameters<typeof behaviour.receive>[1];
      type Effects = ReturnType<ReturnType<Hosting>["receive"]>;
      return { receive: (letter, at) => behaviour.receive(state, letter as Message, at) as unknown as Effects };
    };
  };
  return {
    gateway: hosting("gateway", gateway),
    raft: hosting("raft", raft),
    lock: hosting("lock", lock),
    lease: hosting("lease", lease),
    region: hosting("region", region),
  };
}

/** How much an actor keeps, by the name of what keeps it. */
function sizesOf(state: unknown): Record<string, number> {
  const sizes: Record<string, number> = {};
  for (const [name, part] of Object.entries(state as object)) {
    if (part instanceof Map || part instanceof Set) sizes[`size of ${name}`] = part.size;
    else if (Array.isArray(part)) sizes[`size of ${name}`] = part.length;
  }
  return sizes;
}

/** The rules of one region speak of a gateway where the region actor stands between. */
function asOneRegion({ handed, said, ...rest }: Witness): Witness {
  const gatewayOf = (actor: ActorName): ActorName => (actor === "region" ? "gateway" : actor);
  return {
    ...rest,
    ...(handed === undefined ? {} : { handed: (node, from, to, letter) => handed(node, gatewayOf(from), to, letter) }),
    ...(said === undefined
      ? {}
      : {
          said: (node, from, to, letter) => {
            if (from !== "lease" || to !== "region") return said(node, from, to, letter);
            if ((letter as RenewalAnswers).type === "renewals")
              said(node, from, "gateway", answersOf(letter as RenewalAnswers));
          },
        }),
  };
}

/** What a lease actor tells a proposer, as it would tell a gateway. */
const answersOf = ({ results }: RenewalAnswers): Letters["lease"]["gateway"] => ({
  type: "answers",
  answers: results.map(({ lease, result, ttl, ...rest }) => ({
    requestId: (rest as unknown as { requestId: never }).requestId,
    answer: result === "renewed" ? { type: "leaseRenewed", lease, ttl: millis(ttl) } : { type: "leaseEnded", lease },
  })),
});

/** Starts every node, and the watch over the ways between them. */
export function startWorld(world: World): void {
  for (const cluster of world.regions.values()) startAll(cluster);
  keepLinks(world.wide);
}

export const clusterOf = (world: World, region: RegionId): Cluster => world.regions.get(region) as Cluster;

/** The node that led a region last, as far as is known from outside. */
export const leaderOfRegion = (world: World, region: RegionId): NodeId | null =>
  currentLeader(clusterOf(world, region));
