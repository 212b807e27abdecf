// `npm run cluster`: three nodes on this machine. Prints where they are, shows what they say, and stops them all on Ctrl-C.
// What they hold stays in ./data/cluster. A node that ends is reported and not started again, so that one can see what the
// others do.

import { join } from "node:path";
import { host, portsFrom, portVariables, readArguments, runNodes, stopWith, tableOf } from "./node-group.mjs";
import { root, setUp } from "./setup.mjs";

const usage = `npm run cluster [-- --base-port PORT] [--data-dir DIR]

Starts the nodes n1, n2 and n3. With base port P, node n serves gRPC at P + 100 (n - 1), the other nodes at the port above,
and HTTP at the gRPC port - 1010. Default: 9090.`;

const values = readArguments(
  {
    "base-port": { type: "string", default: "9090" },
    "data-dir": { type: "string", default: join(root, "data", "cluster") },
  },
  usage,
);
const basePort = Number(values["base-port"]);
if (!Number.isInteger(basePort) || basePort < 1034 || basePort > 65_000)
  stopWith("--base-port must be from 1034 to 65000", usage);

const sites = [1, 2, 3].map((number) => ({
  id: `n${number}`,
  ...portsFrom(basePort + 100 * (number - 1)),
  dataDir: join(values["data-dir"], `n${number}`),
}));

const nodes = sites.map((site) => ({
  name: site.id,
  env: {
    NODE_ID: site.id,
    ...portVariables(site),
    RAFT_PEERS: sites
      .filter((other) => other !== site)
      .map((other) => `${other.id}:${host}:${other.regionPort}`)
      .join(","),
    DATA_DIR: site.dataDir,
  },
}));

const rows = sites.map(({ id, grpcPort, httpPort, regionPort, dataDir }) => [
  id,
  `localhost:${grpcPort}`,
  `http://localhost:${httpPort}`,
  `localhost:${regionPort}`,
  dataDir,
]);

await setUp();
console.log(`\n${tableOf([["node", "gRPC", "HTTP", "between nodes", "data"], ...rows])}\n`);
console.log("Ctrl-C stops them all; kill one to see the others go on.\n");
runNodes(nodes);
