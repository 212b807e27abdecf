// A group of real nodes, numbered from 0: which of them leads, and what to do to them.

import { setTimeout as pause } from "node:timers/promises";
import { patienceMs } from "../patience.ts";
import {
  type Ended,
  kill,
  type LaunchOptions,
  launch,
  type NodeProcess,
  planSites,
  removeDirectory,
  type Site,
  temporaryDirectory,
  untilReady,
} from "./node-process.ts";

export interface Cluster {
  readonly sites: readonly Site[];
  /** The run of each node that was started last. */
  readonly nodes: readonly NodeProcess[];
  /** Starts a node that has ended, on its old data; `env` is added to what it was started with first. */
  readonly restart: (node: number, env?: LaunchOptions["env"]) => Promise<void>;
  readonly kill: (node: number) => Promise<Ended>;
  readonly stop: () => Promise<void>;
}

export interface ClusterOptions extends LaunchOptions {
  readonly size: number;
}

export interface Status {
  readonly nodeId: string;
  readonly isLeader: boolean;
  readonly leaderAddress: string;
  readonly state: string;
  readonly leases: number;
  readonly locks: number;
  readonly fencingCounter: number;
  /** The other regions. */
  readonly regions: readonly RegionSeen[];
}

/** How a node sees another region. */
export interface RegionSeen {
  readonly name: string;
  readonly isReachable: boolean;
  readonly leader: string;
}

/** A stopped node takes connections and never answers; whoever asks several goes on to the next after this. */
const answerMsMax = 5_000;

/** Starts nodes and waits until all of them are ready. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const directory = temporaryDirectory();
  const cluster = await startSites(await planSites(options.size, directory), options);
  return {
    ...cluster,
    stop: async () => {
      await cluster.stop();
      removeDirectory(directory);
    },
  };
}

/** The same on sites that were prepared, and whose data stay. */
export async function startSites(sites: readonly Site[], options: LaunchOptions = {}): Promise<Cluster> {
  const nodes = sites.map((site) => launch(site, options));
  const stop = async () => void (await Promise.all(nodes.map(kill)));
  try {
    await Promise.all(nodes.map(untilReady));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    sites,
    nodes,
    restart: async (node, env) => {
      nodes[node] = launch(at(sites, node), { ...options, env: { ...options.env, ...env } });
      await untilReady(at(nodes, node));
    },
    kill: (node) => kill(at(nodes, node)),
    stop,
  };
}

/** Runs `use` with a group of nodes and ends them afterwards. If it fails, the nodes' last words are printed first. */
export async function withCluster(options: ClusterOptions, use: (cluster: Cluster) => Promise<void>): Promise<void> {
  const cluster = await startCluster(options);
  try {
    await orLastWords(cluster, () => use(cluster));
  } finally {
    await cluster.stop();
  }
}

/** Runs `use`, and prints what the nodes said last if it fails. */
export async function orLastWords(cluster: Cluster, use: () => Promise<void>): Promise<void> {
  try {
    await use();
  } catch (error) {
    for (const node of cluster.nodes) {
      const words = `${node.stdout()}${node.stderr()}`.trimEnd().split("\n").slice(-15).join("\n");
      console.error(`── last words of ${node.site.nodeId}, ${node.isRunning() ? "running" : "ended"}\n${words}`);
    }
    throw error;
  }
}

/** Waits until `condition` holds, and throws, naming `what`, if it never does. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + patienceMs;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`it never came to pass that ${what}`);
    await pause(20);
  }
}

/** What a node says of itself, as soon as it answers. */
export async function answeredStatusOf(site: Site): Promise<Status> {
  const giveUpAt = performance.now() + patienceMs;
  for (;;) {
    const status = await statusOf(site);
    if (status !== null) return status;
    if (performance.now() > giveUpAt) throw new Error(`${site.nodeId} does not say how it is`);
    await pause(20);
  }
}

/** What a node says of itself, or null if it does not answer: it may be gone, stopped, or slow. */
export async function statusOf(site: Site): Promise<Status | null> {
  try {
    const response = await fetch(`${site.http}/v1/status`, { signal: AbortSignal.timeout(answerMsMax) });
    if (!response.ok) return null;
    const body = (await response.json()) as {
      readonly node_id: string;
      readonly is_leader: boolean;
      readonly leader_address: string;
      readonly state: string;
      readonly stats: { readonly leases: number; readonly locks: number; readonly fencing_counter: number };
      readonly regions?: readonly { region_id: string; reachable: boolean; leader: string }[];
    };
    return {
      nodeId: body.node_id,
      isLeader: body.is_leader,
      leaderAddress: body.leader_address,
      state: body.state,
      leases: body.stats.leases,
      locks: body.stats.locks,
      fencingCounter: body.stats.fencing_counter,
      regions: (body.regions ?? []).map(({ region_id: name, reachable: isReachable, leader }) => ({
        name,
        isReachable,
        leader,
      })),
    };
  } catch {
    return null;
  }
}

/** The number of the node that says it leads, other than those in `except`. Waits for one. */
export async function leaderOf(cluster: Cluster, except: readonly number[] = []): Promise<number> {
  const giveUpAt = performance.now() + patienceMs;
  while (performance.now() < giveUpAt) {
    for (const [node, site] of cluster.sites.entries()) {
      if (!except.includes(node) && (await statusOf(site))?.isLeader) return node;
    }
    await pause(20);
  }
  throw new Error("no node says that it leads");
}

/** All numbers of nodes but `excepted`. */
export const others = (cluster: Cluster, excepted: number): number[] =>
  cluster.sites.map((_, node) => node).filter((node) => node !== excepted);

/** The element that must be there. */
export function at<Element>(elements: readonly Element[], index: number): Element {
  const element = elements[index];
  if (element === undefined) throw new Error(`there is no element ${index}`);
  return element;
}
