// Several regions of real nodes. Inside a region nodes speak to each other directly; what goes from one region to another runs
// through cables of the test's own, one for each node and each region that dials it, so that regions can be cut off.

import { join } from "node:path";
import { at, leaderOf, type Status, statusOf } from "./cluster.ts";
import { type Linked, networkOf, startBehind } from "./links.ts";
import { type LaunchOptions, planSites, removeDirectory, type Site, temporaryDirectory } from "./node-process.ts";
import { type Cable, openCable } from "./tcp-proxy.ts";

export interface Regions extends Linked {
  /** Their names, by number. The sides of the network are regions; nodes are numbered region by region. */
  readonly names: readonly string[];
  /** The numbers of the nodes of a region. */
  readonly nodesOf: (region: number) => readonly number[];
  readonly sitesOf: (region: number) => readonly Site[];
}

export interface RegionsOptions extends LaunchOptions {
  readonly regions: number;
  /** In each region. */
  readonly nodes: number;
}

/** Prepares regions and starts all of their nodes. Node n of region r goes by the name `r/node-n` among tests. */
export async function startRegions(options: RegionsOptions): Promise<Regions> {
  const { nodes } = options;
  const directory = temporaryDirectory();
  const names = Array.from({ length: options.regions }, (_, region) => `region-${region + 1}`);
  try {
    const plain: Site[][] = [];
    for (const name of names) plain.push(await planSites(nodes, join(directory, name), { REGION_ID: name }));
    const cables = await layCables(plain);
    const sites = plain.flatMap((group, region) => group.map((site) => reachingOut(site, region, { names, cables })));
    const network = networkOf({
      sides: names.length,
      sideOf: (node) => Math.floor(node / nodes),
      dialledBy: (from, to) => at(at(cables, from), to),
    });
    const linked = await startBehind({ directory, sites, cables: cables.flat(2), network }, options);
    const nodesOf = (region: number) => Array.from({ length: nodes }, (_, node) => region * nodes + node);
    return { ...linked, names, nodesOf, sitesOf: (region) => nodesOf(region).map((node) => at(sites, node)) };
  } catch (error) {
    removeDirectory(directory);
    throw error;
  }
}

/** By the region that dials, the region that is dialled, and its node. */
type Cables = readonly (readonly (readonly Cable[])[])[];

async function layCables(groups: readonly (readonly Site[])[]): Promise<Cables> {
  const cables: Cable[][][] = [];
  for (const from of groups) {
    const fromHere: Cable[][] = [];
    for (const to of groups) {
      const ends = from === to ? [] : to;
      fromHere.push(await Promise.all(ends.map(({ regionPort }) => openCable(regionPort))));
    }
    cables.push(fromHere);
  }
  return cables;
}

function reachingOut(
  site: Site,
  region: number,
  { names, cables }: { readonly names: readonly string[]; readonly cables: Cables },
): Site {
  const peers = at(cables, region).flatMap((ends, to) => ends.map(({ port }) => `${at(names, to)}:127.0.0.1:${port}`));
  const nodeId = `${at(names, region)}/${site.nodeId}`;
  return { ...site, nodeId, env: { ...site.env, REGION_PEERS: peers.join(",") } };
}

/** The number of the node that leads a region. Waits for one. */
export function leaderIn({ cluster, nodesOf }: Regions, region: number): Promise<number> {
  const inRegion = nodesOf(region);
  const strangers = [...cluster.sites.keys()].filter((node) => !inRegion.includes(node));
  return leaderOf(cluster, strangers);
}

/** Whether a node can speak to the leader of every other region but those in `except`. */
export async function sees(site: Site, except: readonly string[] = []): Promise<boolean> {
  const status: Status | null = await statusOf(site);
  return status?.regions.every(({ name, isReachable }) => isReachable || except.includes(name)) ?? false;
}
