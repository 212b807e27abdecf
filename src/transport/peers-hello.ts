// The greeting of two nodes: who they are, and whether they agree on everything that nodes of one region must agree on. Nodes
// that do not agree do not talk; the message names every field that differs.

import type { NodeId } from "../actors/scalars.ts";
import type { Hello } from "./codec-peer.ts";
import type { Settings } from "./settings.ts";

/** The version of the rules of conversation. */
const version = 1;

/** What this node says to another. */
export function helloTo(toNodeId: NodeId, { config, grpcAddress }: Settings): Hello {
  const { cluster, node } = config;
  return {
    version,
    nodeId: node.nodeId,
    toNodeId,
    clusterId: cluster.clusterId,
    regionId: cluster.regionId,
    voters: cluster.voters,
    clockRateErrorMax: cluster.clockRateErrorMax,
    clockAllowanceMs: cluster.clockAllowanceMs,
    requestsRemembered: cluster.requestsRemembered,
    digestEntries: cluster.digestEntries,
    clientPort: grpcAddress.port,
  };
}

const mustBeEqual = [
  "version",
  "clusterId",
  "regionId",
  "voters",
  "clockRateErrorMax",
  "clockAllowanceMs",
  "requestsRemembered",
  "digestEntries",
] as const satisfies readonly (keyof Hello)[];

const write = (value: Hello[keyof Hello]): string => JSON.stringify(value);

/** Everything in which what a node said differs from what this node says to it; null if they may talk. */
export function disagreement(theirs: Hello, ours: Hello): string | null {
  const differences = mustBeEqual
    .filter((field) => write(theirs[field]) !== write(ours[field]))
    .map(
      (field) => `${field} is ${write(theirs[field])} on ${theirs.nodeId} and ${write(ours[field])} on ${ours.nodeId}`,
    );
  if (theirs.nodeId !== ours.toNodeId) differences.push(`${ours.toNodeId} was expected and ${theirs.nodeId} is there`);
  if (theirs.toNodeId !== ours.nodeId) differences.push(`${theirs.toNodeId} was expected and ${ours.nodeId} is here`);
  return differences.length === 0 ? null : differences.join("; ");
}
