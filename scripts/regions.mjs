// `npm run regions`: three regions on this machine, of one node each or of several. Prints where they are, shows what they say, and
// stops them all on Ctrl-C. A latency between regions can be asked for, to see what it costs. A node that ends is reported
// and not started again, so that one can see what the others do.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDelayingProxy } from "./delaying-proxy.mjs";
import { host, portsFrom, portVariables, readArguments, runNodes, stopWith, tableOf } from "./node-group.mjs";
import { setUp } from "./setup.mjs";

const regionNames = ["us-east-1", "us-west-2", "eu-west-1"];
const nodesMax = 7;

const usage = `npm run regions [-- --nodes N] [--latency MS] [--base-port PORT] [--data-dir DIR]

Starts the regions ${regionNames.join(", ")}, each of N nodes: 1 (default) to ${nodesMax}. With base port P, node n of the r-th
region serves gRPC at P + 100 (r - 1) + 10 (n - 1), other nodes at the port above, and HTTP at the gRPC port - 1010. Default: 9090.
--latency 40ms makes a round trip between regions take 40 ms longer: a proxy holds everything back for half of that each way.
Without --data-dir what they hold is in a temporary directory, and gone when they have stopped.`;

const values = readArguments(
  {
    nodes: { type: "string", default: "1" },
    latency: { type: "string", default: "0" },
    "base-port": { type: "string", default: "9090" },
    "data-dir": { type: "string" },
  },
  usage,
);
const basePort = numberFrom("base-port", { min: 1034, max: 65_000 });
const nodesPerRegion = numberFrom("nodes", { min: 1, max: nodesMax });
const latencyMs = numberFrom("latency", { min: 0, max: 10_000 });

function numberFrom(name, { min, max }) {
  const number = Number(values[name].replace(name === "latency" ? /ms$/ : "", ""));
  if (!Number.isInteger(number) || number < min || number > max)
    stopWith(`--${name} must be a whole number from ${min} to ${max}`, usage);
  return number;
}

await setUp();
const dataDir = values["data-dir"] ?? mkdtempSync(join(tmpdir(), "lockmgr-regions-"));

const sites = regionNames.flatMap((region, r) =>
  Array.from({ length: nodesPerRegion }, (_, n) => ({
    region,
    id: `node-${n + 1}`,
    name: nodesPerRegion === 1 ? region : `${region}/node-${n + 1}`,
    ...portsFrom(basePort + 100 * r + 10 * n),
    dataDir: join(dataDir, region, `node-${n + 1}`),
  })),
);

/** Where a node is reached from other regions. */
const portsBetweenRegions = new Map();
for (const site of sites) {
  const target = { host, port: site.regionPort };
  const { port } = latencyMs === 0 ? target : await openDelayingProxy(target, latencyMs / 2);
  portsBetweenRegions.set(site, port);
}

const nodes = sites.map((site) => {
  const siblings = sites.filter((other) => other.region === site.region && other !== site);
  const strangers = sites.filter((other) => other.region !== site.region);
  return {
    name: site.name,
    env: {
      NODE_ID: site.id,
      REGION_ID: site.region,
      ...portVariables(site),
      RAFT_PEERS: siblings.map((other) => `${other.id}:${host}:${other.regionPort}`).join(","),
      REGION_PEERS: strangers.map((other) => `${other.region}:${host}:${portsBetweenRegions.get(other)}`).join(","),
      DATA_DIR: site.dataDir,
    },
  };
});

const rows = sites.map(({ region, id, grpcPort, httpPort, regionPort }) => [
  region,
  id,
  `localhost:${grpcPort}`,
  `http://localhost:${httpPort}`,
  `localhost:${regionPort}`,
]);
console.log(`\n${tableOf([["region", "node", "gRPC", "HTTP", "between nodes"], ...rows])}\n`);
if (latencyMs > 0) console.log(`A round trip between regions takes ${latencyMs} ms longer than it would.`);
console.log(values["data-dir"] === undefined ? "Their data go when they stop." : `Their data stay in ${dataDir}.`);
console.log("Ctrl-C stops them all; kill the nodes of one region to see the others go on.\n");
runNodes(nodes, {
  atEnd: () => {
    if (values["data-dir"] === undefined) rmSync(dataDir, { recursive: true, force: true });
  },
});
