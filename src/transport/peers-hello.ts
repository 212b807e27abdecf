// The greeting of two nodes: who they are, and whether they agree on everything that they must agree on, which is more inside a
// region than between regions. Nodes that do not agree do not talk; the message names every field that differs.

import type { NodeId, RegionId } from "../actors/scalars.ts";
import type { Hello } from "./codec-peer.ts";
import type { Settings } from "./settings.ts";

/** The version of the rules of conversation. */
const version = 1;

/** What this node says to another of its region. */
export const helloTo = (node: NodeId, settings: Settings): Hello =>
  helloToRegion({ region: settings.config.cluster.regionId, node }, settings);

/** What this node says to one of another region. `node` is null where only an address is known. */
export function helloToRegion(
  { region, node: toNodeId }: { region: RegionId; node: NodeId | null },
  { config, grpcAddress }: Settings,
): Hello {
  const { cluster, node } = config;
  return {
    version,
    nodeId: node.nodeId,
    toNodeId,
    clusterId: cluster.clusterId,
    regionId: cluster.regionId,
    toRegionId: region,
    regions: cluster.regions,
    voters: cluster.voters,
    clockRateErrorMax: cluster.clockRateErrorMax,
    clockAllowanceMs: cluster.clockAllowanceMs,
    requestsRemembered: cluster.requestsRemembered,
    digestEntries: cluster.digestEntries,
    clientPort: grpcAddress.port,
  };
}

/** Between regions. */
const mustBeEqualEverywhere = [
  "version",
  "clusterId",
  "regions",
  "clockRateErrorMax",
  "clockAllowanceMs",
] as const satisfies readonly (keyof Hello)[];

/** Inside a region. */
const mustBeEqualInRegion = [
  ...mustBeEqualEverywhere,
  "voters",
  "requestsRemembered",
  "digestEntries",
] as const satisfies readonly (keyof Hello)[];

const write = (value: Hello[keyof Hello]): string => JSON.stringify(value);

/** Everything in which what a node said differs from what this node says to it; null if they may talk. */
export function disagreement(theirs: Hello, ours: Hello): string | null {
  const isBetweenRegions = ours.toRegionId !== ours.regionId;
  const differences = (isBetweenRegions ? mustBeEqualEverywhere : mustBeEqualInRegion)
    .filter((field) => write(theirs[field]) !== write(ours[field]))
    .map(
      (field) => `${field} is ${write(theirs[field])} on ${theirs.nodeId} and ${write(ours[field])} on ${ours.nodeId}`,
    );
  if (theirs.regionId !== ours.toRegionId)
    differences.push(`region ${ours.toRegionId} was expected and region ${theirs.regionId} is there`);
  if (theirs.toRegionId !== ours.regionId)
    differences.push(`region ${theirs.toRegionId} was expected and region ${ours.regionId} is here`);
  // Between regions a node is known by its address until it has said its name.
  const isNamed = (expected: NodeId | null): boolean => expected !== null || !isBetweenRegions;
  if (isNamed(ours.toNodeId) && theirs.nodeId !== ours.toNodeId)
    differences.push(`${ours.toNodeId} was expected and ${theirs.nodeId} is there`);
  if (isNamed(theirs.toNodeId) && theirs.toNodeId !== ours.nodeId)
    differences.push(`${theirs.toNodeId ?? "no node"} was expected and ${ours.nodeId} is here`);
  return differences.length === 0 ? null : differences.join("; ");
}
