// What a person at a terminal sees when a node has started: where it is, and what to try next.

import type { Address, Settings } from "./settings.ts";

const anyHost = new Set(["0.0.0.0", "::", ""]);
const reachable = ({ host, port }: Address): string => {
  if (anyHost.has(host)) return `localhost:${port}`;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
};

/** The greeting, as lines. */
export function banner(settings: Settings): string {
  const { node, cluster } = settings.config;
  const grpc = reachable(settings.grpcAddress);
  const http = reachable(settings.httpAddress);
  const regions = cluster.regions.filter((region) => region !== cluster.regionId).join(", ");
  const others = settings.peers.map((peer) => `${peer.nodeId} at ${reachable(peer)}`).join(", ");
  const rows = [
    ["node", `${node.nodeId} in region ${cluster.regionId}${regions === "" ? "" : `, with ${regions}`}`],
    ["gRPC", grpc],
    ["HTTP", `http://${http}`],
    ["nodes", `${reachable(settings.regionAddress)}${others === "" ? " (no other nodes)" : `, with ${others}`}`],
    ["data", settings.dataDir],
  ];
  return `
  lockmgr ${settings.version}

${rows.map(([name, value]) => `    ${name?.padEnd(6)} ${value}`).join("\n")}

  Try, in another terminal:

    curl -X POST http://${http}/v1/lease -d '{"owner_id":"client-1","ttl_seconds":60}'
    curl -X POST http://${http}/v1/lock/acquire -d '{"lock_name":"my-job","owner_id":"client-1","lease_id":1}'
    grpcurl -plaintext -d '{"lock_id":"my-lock","client_id":"me","timeout_ms":30000}' \\
            ${grpc} com.geastalt.lock.grpc.LockService/AcquireLock

  Ctrl-C stops it.
`;
}
