// Real nodes whose every link runs through a proxy of the test's own, so that each way from one node to another can be slowed
// down, held up, swallowed or cut by itself. A node knows whom it has reached by name, so proxies need not be known to it.

import { type Cluster, type ClusterOptions, startSites } from "./cluster.ts";
import { type LaunchOptions, planSites, removeDirectory, type Site, temporaryDirectory } from "./node-process.ts";
import { type Cable, type Direction, openCable, passes, type Treatment } from "./tcp-proxy.ts";

/** The network between the sides of a group, which are numbered from 0: its nodes, or its regions. */
export interface Network {
  readonly sides: number;
  /** Behind whose links a node is. */
  readonly sideOf: (node: number) => number;
  /**
   * What happens to everything that travels from one side to another: what the one says on the connections that it has
   * dialled, and what it answers on the other's.
   */
  readonly treat: (from: number, to: number, treatment: Treatment) => void;
  /** Resets the connections of two sides, whoever has dialled, and keeps them from having new ones until it is healed. */
  readonly cut: (one: number, other: number) => void;
  readonly heal: () => void;
  /** How many bytes have arrived at `to` from `from`. */
  readonly arrived: (from: number, to: number) => number;
}

/** Nodes and the network between them; `cluster.stop` ends both. */
export interface Linked {
  readonly cluster: Cluster;
  readonly network: Network;
}

/** All sides but `excepted`. */
export const otherSides = ({ sides }: Network, excepted: number): number[] =>
  Array.from({ length: sides }, (_, side) => side).filter((side) => side !== excepted);

export async function startLinked(options: ClusterOptions): Promise<Linked> {
  const directory = temporaryDirectory();
  const plain = await planSites(options.size, directory);
  const cables = new Map<string, Cable>();
  const nameOf = (from: number, to: number) => `${from} to ${to}`;
  for (const [to, site] of plain.entries()) {
    for (const from of plain.keys()) if (from !== to) cables.set(nameOf(from, to), await openCable(site.regionPort));
  }
  const between = (from: number, to: number): Cable => {
    const cable = cables.get(nameOf(from, to));
    if (cable === undefined) throw new Error(`there is no link from ${nameOf(from, to)}`);
    return cable;
  };
  const sites = plain.map((site, from) => {
    const peers = [...plain.entries()].filter(([to]) => to !== from);
    const list = peers.map(([to, { nodeId }]) => `${nodeId}:127.0.0.1:${between(from, to).port}`);
    return { ...site, env: { ...site.env, RAFT_PEERS: list.join(",") } };
  });
  const network = networkOf({
    sides: options.size,
    sideOf: (node) => node,
    dialledBy: (from, to) => [between(from, to)],
  });
  return startBehind({ directory, sites, cables: [...cables.values()], network }, options);
}

interface Laid {
  readonly directory: string;
  readonly sites: readonly Site[];
  readonly cables: readonly Cable[];
  readonly network: Network;
}

/** Starts nodes behind cables; cables and data go when they stop. */
export async function startBehind(
  { directory, sites, cables, network }: Laid,
  options: LaunchOptions,
): Promise<Linked> {
  const close = async () => {
    await Promise.all(cables.map((cable) => cable.close()));
    removeDirectory(directory);
  };
  try {
    const cluster = await startSites(sites, options);
    const stop = async () => {
      await cluster.stop();
      await close();
    };
    return { cluster: { ...cluster, stop }, network };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Wiring extends Pick<Network, "sides" | "sideOf"> {
  /** The cables through which one side dials another. */
  readonly dialledBy: (from: number, to: number) => readonly Cable[];
}

export function networkOf({ sides, sideOf, dialledBy }: Wiring): Network {
  const each = (from: number, to: number, use: (cable: Cable, direction: Direction) => void): void => {
    for (const cable of dialledBy(from, to)) use(cable, "there");
    for (const cable of dialledBy(to, from)) use(cable, "back");
  };
  const network: Network = {
    sides,
    sideOf,
    treat: (from, to, treatment) => each(from, to, (cable, direction) => cable.treat(direction, treatment)),
    cut: (one, other) => each(one, other, (cable) => cable.cut(true)),
    heal: () => {
      for (let from = 0; from < sides; from += 1) {
        for (const to of otherSides(network, from)) {
          each(from, to, (cable, direction) => {
            cable.cut(false);
            cable.treat(direction, passes);
          });
        }
      }
    },
    arrived: (from, to) => {
      let bytes = 0;
      each(from, to, (cable, direction) => {
        bytes += cable.arrived(direction);
      });
      return bytes;
    },
  };
  return network;
}
