// This service: real node processes, as the cluster tests start them.

import { at, leaderOf, startCluster } from "../../test/cluster/cluster.ts";
import type { System } from "../system.ts";

export const lockmgr: System = {
  name: "lockmgr",
  nodesMax: 7,
  start: async ({ nodes, profileDirectory }) => {
    const nodeArgs = profileDirectory === null ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDirectory}`];
    const cluster = await startCluster({ size: nodes, nodeArgs, env: { LOG_LEVEL: "warn" } });
    const leader = await leaderOf(cluster);
    const sites = [at(cluster.sites, leader), ...cluster.sites.filter((_, node) => node !== leader)];
    return {
      target: { driver: "lockmgr", addresses: sites.map(({ grpc }) => grpc) },
      stop: async () => {
        // A profile is written by a clean end only.
        if (profileDirectory !== null) {
          for (const node of cluster.nodes) node.signal("SIGTERM");
          await Promise.all(cluster.nodes.map((node) => node.ended));
        }
        await cluster.stop();
      },
    };
  },
};
