// `npm run interop`: clients that others have written, or that their tools have made, against one node and against three; and
// the fencing guards and the examples against the stores that they are for.

import { join } from "node:path";
import { at, startCluster } from "../cluster/cluster.ts";
import { kill, launch, planSites, type Site, temporaryDirectory, untilReady } from "../cluster/node-process.ts";
import { isFree } from "../cluster/ports.ts";
import { patienceMs } from "../patience.ts";
import { runCommands } from "./commands.ts";
import { runGuards } from "./guards.ts";
import { newReport } from "./report.ts";
import { isInstalled, run } from "./run.ts";
import { buildGoClient, buildPythonClient, installGrpcurl, type Toolchain } from "./toolchains.ts";

const defaultPorts = { grpcPort: 9090, httpPort: 8080, regionPort: 9091 };
/** More than the programs' own patience, so that they can say what they miss. */
const programMsMax = 5 * patienceMs;

const report = newReport();
console.log("installing clients (the first time takes minutes)");
const grpcurl = await installGrpcurl();
const curl: Toolchain = isInstalled("curl")
  ? { command: ["curl"], reason: "" }
  : { command: null, reason: "curl is not installed" };
const programs = [
  { name: "go", toolchain: await buildGoClient() },
  { name: "python", toolchain: await buildPythonClient() },
];

console.log("\none node, started with nothing but a data directory");
const site = await siteWithDefaults();
const node = await untilReady(launch(site));
try {
  await runCommands(report, { site, grpcurl, curl });
  await runPrograms("one node", [site.grpc]);
  console.log("\nguards against real stores, and the examples");
  await runGuards(report, site.grpc);
} finally {
  await kill(node);
}

console.log("\nthree nodes");
const cluster = await startCluster({
  size: 3,
  // Whoever is asked while a leader is elected has the answer from the next one, however long that takes.
  env: { QUORUM_TIMEOUT_MS: String(patienceMs) },
});
try {
  await runPrograms(
    "three nodes",
    cluster.sites.map(({ grpc }) => grpc),
  );
} finally {
  await cluster.stop();
}

console.log(`\n${report.sum()}`);
process.exit(report.failures() > 0 ? 1 : 0);

/** A node with all defaults where its ports are free, else one on other ports. */
async function siteWithDefaults(): Promise<Site> {
  const directory = temporaryDirectory();
  const free = await Promise.all(Object.values(defaultPorts).map(isFree));
  if (!free.every(Boolean)) {
    console.log("the default ports are not free here: others stand in for 9090, 9091 and 8080");
    return at(await planSites(1, directory), 0);
  }
  const { grpcPort, httpPort, regionPort } = defaultPorts;
  const dataDir = join(directory, "data");
  return {
    nodeId: "node-1",
    dataDir,
    grpcPort,
    httpPort,
    regionPort,
    grpc: `127.0.0.1:${grpcPort}`,
    http: `http://127.0.0.1:${httpPort}`,
    env: { DATA_DIR: dataDir },
  };
}

async function runPrograms(where: string, addresses: readonly string[]): Promise<void> {
  for (const { name, toolchain } of programs) {
    const rule = `the ${name} client against ${where}`;
    if (toolchain.command === null) {
      report.skip(rule, toolchain.reason);
      continue;
    }
    const [program = "", ...args] = toolchain.command;
    report.program(rule, await run(program, [...args, ...addresses], { withinMs: programMsMax }));
  }
}
