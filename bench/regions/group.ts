// Three regions of this service on loopback, with a long way between them, and what they say of their own messages.

import { statelessClient } from "../../test/cluster/clients.ts";
import { at, until } from "../../test/cluster/cluster.ts";
import { otherSides } from "../../test/cluster/links.ts";
import { type Regions, sees, startRegions } from "../../test/cluster/region-group.ts";

const regionsCount = 3;

export interface GroupOptions {
  /** Of each region. */
  readonly nodes: number;
  /** What a round trip between regions takes longer than it would. */
  readonly latencyMs: number;
}

/** Starts the regions and waits until all of them can speak to each other. */
export async function startGroup({ nodes, latencyMs }: GroupOptions): Promise<Regions> {
  const regions = await startRegions({ regions: regionsCount, nodes, env: { LOG_LEVEL: "warn" } });
  const { network, cluster } = regions;
  for (let from = 0; from < network.sides; from += 1) {
    for (const to of otherSides(network, from)) network.treat(from, to, { type: "pass", delayMs: latencyMs / 2 });
  }
  for (const site of cluster.sites) await until(`${site.nodeId} sees the other regions`, () => sees(site));
  for (const { grpc } of cluster.sites) {
    const client = statelessClient(grpc);
    await client.check("warm-up");
    client.close();
  }
  return regions;
}

/** How many messages all nodes have sent to other regions since they were started. */
export async function messagesSent({ cluster }: Regions): Promise<number> {
  const counts = await Promise.all(
    cluster.sites.map(async ({ http }, node) => {
      const text = await (await fetch(`${http}/metrics`)).text();
      const count = /^lockmgr_region_messages_sent (\d+)$/m.exec(text)?.[1];
      if (count === undefined) throw new Error(`${at(cluster.sites, node).nodeId} does not count its messages`);
      return Number(count);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
