// Real nodes whose every link runs through a proxy of the test's own, so that each way from one node to another can be slowed
// down, held up, swallowed or cut by itself. A node knows whom it has reached by name, so proxies need not be known to it.

import { setTimeout as pause } from "node:timers/promises";
import { at, type Cluster, type ClusterOptions } from "./cluster.ts";
import type { History } from "./history.ts";
import {
  kill,
  type LaunchOptions,
  launch,
  planSites,
  removeDirectory,
  type Site,
  temporaryDirectory,
  untilReady,
} from "./node-process.ts";
import { type Cable, openCable, passes, type Treatment } from "./tcp-proxy.ts";

/** The network between the nodes of a group, which are numbered from 0. */
export interface Network {
  /**
   * What happens to everything that travels from one node to another: what the one says on the connection that it has
   * dialled, and what it answers on the other's.
   */
  readonly treat: (from: number, to: number, treatment: Treatment) => void;
  /** Resets the connections of two nodes, whoever has dialled, and keeps them from having new ones until it is healed. */
  readonly cut: (one: number, other: number) => void;
  readonly heal: () => void;
  /** How many bytes have arrived at `to` from `from`. */
  readonly arrived: (from: number, to: number) => number;
}

const giveUpMs = 30_000;

/** Waits until `condition` holds, and throws, naming `what`, if it never does. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + giveUpMs;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`it never came to pass that ${what}`);
    await pause(20);
  }
}

/** A group of nodes and the network between them, for as long as `use` takes. */
export async function withLinks(
  options: ClusterOptions,
  use: (cluster: Cluster, network: Network) => Promise<void>,
): Promise<void> {
  const directory = temporaryDirectory();
  const plain = await planSites(options.size, directory);
  const proxies = new Map<string, Cable>();
  try {
    for (const [to, site] of plain.entries()) {
      for (const from of plain.keys()) {
        if (from !== to) proxies.set(`${from} ${to}`, await openCable(site.regionPort));
      }
    }
    const between = (from: number, to: number): Cable => {
      const proxy = proxies.get(`${from} ${to}`);
      if (proxy === undefined) throw new Error(`there is no link from ${from} to ${to}`);
      return proxy;
    };
    const sites = plain.map((site, from) => {
      const peers = [...plain.entries()].filter(([to]) => to !== from);
      const list = peers.map(([to, { nodeId }]) => `${nodeId}:127.0.0.1:${between(from, to).port}`);
      return { ...site, env: { ...site.env, RAFT_PEERS: list.join(",") } };
    });
    const network = networkOf(proxies, between);
    await withSites(sites, options, (cluster) => use(cluster, network));
  } finally {
    await Promise.all([...proxies.values()].map((proxy) => proxy.close()));
    removeDirectory(directory);
  }
}

const networkOf = (proxies: ReadonlyMap<string, Cable>, between: (from: number, to: number) => Cable): Network => ({
  treat: (from, to, treatment) => {
    between(from, to).treat("there", treatment);
    between(to, from).treat("back", treatment);
  },
  cut: (one, other) => {
    between(one, other).cut(true);
    between(other, one).cut(true);
  },
  heal: () => {
    for (const proxy of proxies.values()) {
      proxy.cut(false);
      proxy.treat("there", passes);
      proxy.treat("back", passes);
    }
  },
  arrived: (from, to) => between(from, to).arrived("there") + between(to, from).arrived("back"),
});

/** A group of nodes on sites that a test has prepared. If `use` fails, the nodes' last words are printed first. */
export async function withSites(
  sites: readonly Site[],
  options: LaunchOptions,
  use: (cluster: Cluster) => Promise<void>,
): Promise<void> {
  const nodes = sites.map((site) => launch(site, options));
  const stop = async () => void (await Promise.all(nodes.map(kill)));
  try {
    await Promise.all(nodes.map(untilReady));
    await use({
      sites,
      nodes,
      restart: async (node) => {
        nodes[node] = launch(at(sites, node), options);
        await untilReady(at(nodes, node));
      },
      kill: (node) => kill(at(nodes, node)),
      stop,
    });
  } catch (error) {
    for (const node of nodes) {
      const words = `${node.stdout()}${node.stderr()}`.trimEnd().split("\n").slice(-15).join("\n");
      console.error(`── last words of ${node.site.nodeId}, ${node.isRunning() ? "running" : "ended"}\n${words}`);
    }
    throw error;
  } finally {
    await stop();
  }
}

/** How many operations that were begun after the last `fault` have succeeded, of those that `node` answered if one is named. */
export function successesAfter(history: History, fault: string, node?: string): number {
  const begunAt = history.lines.findLastIndex((line) => line.kind === "fault" && line.fault === fault);
  if (begunAt < 0) throw new Error(`no ${fault} was recorded`);
  const begun = new Set<number>();
  const answeredBy = new Map<number, string>();
  let count = 0;
  for (const line of history.lines.slice(begunAt)) {
    if (line.kind === "inv") begun.add(line.id);
    else if (line.kind === "att") answeredBy.set(line.id, line.node);
    else if (line.kind === "ok" && begun.has(line.id)) {
      if (node === undefined || answeredBy.get(line.id) === node) count += 1;
    }
  }
  return count;
}
