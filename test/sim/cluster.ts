// A whole cluster of one region built from a plan: nodes, disks, wires, clients and those who watch them. What can be done
// to it from outside stands here, too; who does it stands in faults.ts and in the scenarios.

import type { Config } from "../../src/actors/config.ts";
import { gateway } from "../../src/actors/gateway/receive.ts";
import { lease } from "../../src/actors/lease/receive.ts";
import { lock } from "../../src/actors/lock/receive.ts";
import type { ActorName } from "../../src/actors/messages.ts";
import { raft } from "../../src/actors/raft/receive.ts";
import { region } from "../../src/actors/region/receive.ts";
import { instant, type NodeId, nodeId, regionId } from "../../src/actors/scalars.ts";
import { actorNames } from "../../src/actors/topology.ts";
import { type Beliefs, createBeliefs } from "./beliefs.ts";
import { checkersOf, clientCheckersOf, createLedger, type Ledger } from "./checkers.ts";
import { breakConnections, type ClientWitness, type Crowd, createCrowd, doorOf } from "./clients.ts";
import { createClock } from "./clock.ts";
import { createObserver, type Observer } from "./coverage.ts";
import { createDisk, type Disk, load, loseUnflushed, storageOf } from "./disk.ts";
import { electionRulesOf } from "./election-rules.ts";
import { leaseRulesOf } from "./lease-rules.ts";
import { checkLinks, createNetwork, forgetLinks, type Network, peersOf } from "./network.ts";
import {
  type Acting,
  crashNode,
  createNode,
  type Hosting,
  hosting,
  now,
  pause,
  post,
  resume,
  type SimNode,
  startNode,
} from "./node.ts";
import type { Plan } from "./plan-shape.ts";
import { answerRulesOf, knownOf } from "./queues/answers.ts";
import { letterRulesOf } from "./queues/letters.ts";
import { createReference, noteEntry, type Reference } from "./queues/reference.ts";
import type { Receive } from "./queues/twin.ts";
import { createRandom, type Random } from "./random.ts";
import { createSchedule, type Schedule, scheduleIn } from "./schedule.ts";
import { createTrace, type Trace, together } from "./trace.ts";
import { Violation, type Witness } from "./witness.ts";

export type Behaviours = Readonly<Record<Acting, Hosting>>;

/** The behaviours as they ship. A test of the checkers may put a broken one in the place of one of them. */
export const behaviours: Behaviours = {
  gateway: hosting(gateway),
  raft: hosting(raft),
  lock: hosting(lock),
  lease: hosting(lease),
  region: hosting(region),
};

export interface Cluster {
  readonly plan: Plan;
  readonly timetable: Schedule;
  readonly ids: readonly NodeId[];
  readonly nodes: ReadonlyMap<NodeId, SimNode>;
  readonly disks: ReadonlyMap<NodeId, Disk>;
  readonly network: Network;
  readonly crowd: Crowd;
  readonly beliefs: Beliefs;
  readonly ledger: Ledger;
  /** What the log comes to; null if nobody waits in queues. */
  readonly reference: Reference | null;
  readonly observer: Observer;
  readonly trace: Trace;
  readonly witness: Witness;
  readonly behaviours: Behaviours;
  /** Chance for whoever acts upon the cluster. */
  readonly random: Random;
}

export interface Watching {
  readonly behaviours?: Partial<Behaviours>;
  /** How many of the last events are kept. */
  readonly traceLines?: number;
  readonly print?: (line: string) => void;
  readonly witnesses?: readonly Witness[];
  readonly clientWitnesses?: readonly ClientWitness[];
  /** Asked for one more once there is a clock. */
  readonly recorder?: (timetable: Schedule, plan: Plan) => ClientWitness;
}

export function createCluster(plan: Plan, watching: Watching = {}): Cluster {
  const { seed } = plan;
  const timetable = createSchedule();
  const stream = (label: string): Random => createRandom(seed, label);
  const { clockRateErrorMax: rateError, clockAllowanceMs: allowance, requestsRemembered } = plan.cluster;
  const beliefs = createBeliefs({
    timetable,
    rateError,
    allowance,
    requestsRemembered,
    tokensOnly: plan.tokensOnly,
  });
  const disks = new Map<NodeId, Disk>();
  const ledger = createLedger({ disks, beliefs });
  const trace = createTrace(timetable, watching.traceLines ?? 40, watching.print);
  const nodes = new Map<NodeId, SimNode>();
  const clockOf = (id: NodeId): number => now(nodes.get(id) as SimNode);
  const reference = referenceOf(plan, timetable, watching);
  if (reference !== null) {
    ledger.onCommitted = (entry) => noteEntry(reference, entry);
    beliefs.known = knownOf(reference);
  }
  const rules = [checkersOf(ledger), electionRulesOf(ledger), leaseRulesOf({ clockOf, rateError, allowance })];
  const observer = createObserver(() => timetable.now);
  const ofQueues = reference === null ? [] : [letterRulesOf(reference)];
  const witness = together([trace, observer.witness, ...(watching.witnesses ?? []), ...rules, ...ofQueues]);
  const network = createNetwork({
    timetable,
    random: stream("network"),
    witness,
    weather: { ...plan.weather },
    nodes,
    coded: plan.coded,
  });
  const crowd = createCrowd({
    timetable,
    random: stream("clients"),
    manners: { ...plan.manners },
    witness: allClients([
      ...(watching.clientWitnesses ?? []),
      ...(watching.recorder === undefined ? [] : [watching.recorder(timetable, plan)]),
      clientCheckersOf(ledger),
      ...(reference === null ? [] : [answerRulesOf(reference)]),
    ]),
    nodes,
  });
  const ids = idsOf(plan);
  for (const id of ids) {
    const random = stream(id);
    const rate = 1 + (plan.clocksAtBound ? plan.clockError : random.between(-plan.clockError, plan.clockError));
    const clock = createClock({ rate, reading: random.between(0, 1e7) });
    nodes.set(id, createNode({ id, clock, timetable, random, pace: plan.pace, copying: plan.copying, witness }));
    disks.set(id, createDisk({ pace: { ...plan.disk }, random: stream(`disk of ${id}`), witness }));
  }
  const acting = { ...behaviours, ...watching.behaviours };
  const random = stream("faults");
  return {
    plan,
    timetable,
    ids,
    nodes,
    disks,
    network,
    crowd,
    beliefs,
    ledger,
    reference,
    observer,
    trace,
    witness,
    behaviours: acting,
    random,
  };
}

/** A lock actor of its own, which is given the log as soon as it is known. */
function referenceOf(plan: Plan, timetable: Schedule, watching: Watching): Reference | null {
  if (plan.queues === null) return null;
  const hosted = { ...behaviours, ...watching.behaviours }.lock(
    configFor(plan, idsOf(plan), { id: nodeId("n1"), epoch: 0 }),
  );
  const receive: Receive = (letter) => {
    try {
      return hosted.receive(letter, instant(timetable.now));
    } catch (error) {
      const { message, stack } = error as Error;
      throw new Violation(`an actor broke down: lock of all: ${message}`, { cause: stack });
    }
  };
  const clockError = plan.tokensOnly ? null : plan.clockError;
  const { requestsRemembered } = plan.cluster;
  return createReference({ timetable, clockError }, { requestsRemembered, receive });
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
  waiting: (request) => {
    for (const { waiting } of witnesses) waiting?.(request);
  },
});

export const nodeOf = ({ nodes }: Cluster, id: NodeId): SimNode => nodes.get(id) as SimNode;
export const diskOf = ({ disks }: Cluster, id: NodeId): Disk => disks.get(id) as Disk;

export const configOf = ({ plan, ids }: Cluster, node: SimNode): Config => configFor(plan, ids, node);

const idsOf = (plan: Plan): NodeId[] => Array.from({ length: plan.nodes }, (_, at) => nodeId(`n${at + 1}`));

function configFor(plan: Plan, ids: readonly NodeId[], node: Pick<SimNode, "id" | "epoch">): Config {
  // Some nodes may keep more of their log than others: then one leader sends entries where another sends its snapshot.
  const keepsMore = plan.unevenLogs && ids.indexOf(node.id) % 2 === 1;
  const kept = keepsMore ? { snapshotEntries: 1000, trailingEntries: 1000 } : {};
  return {
    cluster: {
      ...plan.cluster,
      clusterId: "simulated",
      regionId: regionId("here"),
      regions: [regionId("here")],
      voters: ids,
    },
    node: { ...plan.node, ...kept, nodeId: node.id, incarnation: `${node.id}.${node.epoch}` },
  };
}

/** Starts a node's process, for the first time or again. */
export function start(cluster: Cluster, id: NodeId): void {
  const node = nodeOf(cluster, id);
  const disk = diskOf(cluster, id);
  const { rotten } = disk.ailments;
  if (rotten !== null) return cluster.witness.befell?.(`${id} refuses to start: its ${rotten} is damaged`);
  // A failed flush stops the node; whoever looks after it starts it again.
  disk.onFailure = (why) => {
    cluster.witness.befell?.(`${id}: ${why}`);
    crash(cluster, id);
    scheduleIn(cluster.timetable, cluster.random.between(50, 1000), () => {
      if (!node.isRunning) start(cluster, id);
    });
  };
  const residents = new Map([
    ["clients", doorOf(cluster.crowd, id)],
    ["peers", peersOf(cluster.network, id)],
    ["storage", storageOf(disk, node)],
  ] as const);
  startNode(node, configOf(cluster, node), { behaviours: cluster.behaviours, residents });
  load(disk, node);
  forgetLinks(cluster.network, id);
}

export function startAll(cluster: Cluster): void {
  for (const id of cluster.ids) if (!nodeOf(cluster, id).isRunning) start(cluster, id);
}

/** kill -9. */
export function crash(cluster: Cluster, id: NodeId): void {
  const node = nodeOf(cluster, id);
  if (!node.isRunning) return;
  node.lookout = null;
  crashNode(node);
  loseUnflushed(diskOf(cluster, id));
  cluster.crowd.standings.delete(id);
  breakConnections(cluster.crowd, id);
  checkLinks(cluster.network);
}

/** SIGSTOP, or with `actors` a blocked thread. */
export function stop(cluster: Cluster, id: NodeId, actors: readonly ActorName[] = actorNames): void {
  cluster.witness.befell?.(`${id} stops: ${actors.length === actorNames.length ? "all of it" : actors.join(" ")}`);
  pause(nodeOf(cluster, id), actors);
  checkLinks(cluster.network);
}

/** SIGCONT. */
export function goOn(cluster: Cluster, id: NodeId, actors: readonly ActorName[] = actorNames): void {
  cluster.witness.befell?.(`${id} goes on`);
  resume(nodeOf(cluster, id), actors);
  checkLinks(cluster.network);
}

/** The first half of a clean stop. */
export function askToHandOver(cluster: Cluster, id: NodeId): void {
  cluster.witness.befell?.(`${id} is asked to hand over`);
  post(nodeOf(cluster, id), "supervisor", "raft", { type: "handOver" });
}

/** The node that led last, as far as is known from outside. */
export function currentLeader({ ledger }: Cluster): NodeId | null {
  let newest: NodeId | null = null;
  let highest = 0;
  for (const [term, node] of ledger.leaders) {
    if (term > highest) {
      highest = term;
      newest = node;
    }
  }
  return newest;
}
