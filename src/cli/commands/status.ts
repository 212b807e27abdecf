// `lockmgr status`: what each node says of itself. Asks the nodes one by one, without a session, so that it answers where
// there is no leader as well.

import { Client, credentials } from "@grpc/grpc-js";
import type { Command } from "commander";
import { type GetStatusResponse, LockServiceService } from "../../transport/generated/lowkey/v1/lock.ts";
import { acts, type Call } from "../command.ts";
import { endpointsOf } from "../connection.ts";
import { CommandError, exitCodes, usageError } from "../exit.ts";
import { type Output, shown } from "../output.ts";
import { shownSpan } from "../spans.ts";

const answerMsMax = 3_000;

export const addStatusCommand = (program: Command): void =>
  void acts(
    program.command("status").description("say how each node of --endpoints sees itself and the others"),
    status,
  );

/** What a node says, or why it says nothing. */
interface NodeStatus {
  readonly endpoint: string;
  readonly error?: string;
  readonly nodeId?: string;
  readonly state?: string;
  readonly isLeader?: boolean;
  readonly leaderAddress?: string;
  readonly clusterSize?: number;
  readonly leases?: number;
  readonly locks?: number;
  readonly fencingCounter?: number;
  readonly regions?: readonly RegionStatus[];
}

interface RegionStatus {
  readonly region: string;
  readonly reachable: boolean;
  readonly leader: string;
  readonly roundTripMs: number | null;
  readonly silenceMs: number | null;
}

async function status({ shared, output }: Call): Promise<undefined> {
  const nodes = await Promise.all(endpointsOf(shared).map(ask));
  output.either(nodes, () => writeNodes(nodes, output));
  if (nodes.every(({ error }) => error !== undefined)) {
    throw new CommandError(
      "UNREACHABLE",
      exitCodes.server,
      "no node answers; check --endpoints, and whether a node runs there",
    );
  }
}

async function ask(endpoint: string): Promise<NodeStatus> {
  const [, scheme, address = ""] = /^(?:(https?):\/\/)?(.*)$/.exec(endpoint) ?? [];
  if (!/:\d+$/.test(address)) throw usageError(`--endpoints: "${shown(endpoint)}" is not host:port`);
  const client = new Client(address, scheme === "https" ? credentials.createSsl() : credentials.createInsecure());
  try {
    const answer = await new Promise<GetStatusResponse>((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = LockServiceService.getStatus;
      const options = { deadline: Date.now() + answerMsMax };
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, options, (error, response) =>
        error === null && response !== undefined ? resolve(response) : reject(error ?? new Error("no answer")),
      );
    });
    return told(endpoint, answer);
  } catch (error) {
    return { endpoint, error: error instanceof Error ? error.message : String(error) };
  } finally {
    client.close();
  }
}

const told = (endpoint: string, answer: GetStatusResponse): NodeStatus => ({
  endpoint,
  nodeId: answer.nodeId,
  state: answer.state,
  isLeader: answer.isLeader,
  leaderAddress: answer.leaderAddress,
  clusterSize: answer.clusterSize,
  leases: answer.stats?.leases ?? 0,
  locks: answer.stats?.locks ?? 0,
  fencingCounter: Number(answer.stats?.fencingCounter ?? 0),
  regions: answer.regions.map(({ regionId: region, reachable, leader, roundTripMs, silenceMs }) => ({
    region,
    reachable,
    leader,
    roundTripMs: roundTripMs ?? null,
    silenceMs: silenceMs ?? null,
  })),
});

function writeNodes(nodes: readonly NodeStatus[], output: Output): void {
  output.table(
    ["ENDPOINT", "NODE", "STATE", "LEADER", "NODES", "LEASES", "LOCKS", "LAST TOKEN"],
    nodes.map((node) =>
      node.error === undefined
        ? [
            node.endpoint,
            shown(node.nodeId ?? ""),
            node.state ?? "",
            shown(node.leaderAddress ?? "") || "unknown",
            String(node.clusterSize),
            String(node.leases),
            String(node.locks),
            String(node.fencingCounter),
          ]
        : [node.endpoint, "", "does not answer"],
    ),
  );
  const [seen] = nodes.flatMap(({ regions = [] }) => (regions.length > 0 ? [regions] : []));
  if (seen === undefined) return;
  output.line("");
  output.table(
    ["OTHER REGION", "REACHABLE", "LEADER", "ROUND TRIP", "HEARD"],
    seen.map(({ region, reachable, leader, roundTripMs, silenceMs }) => [
      shown(region),
      reachable ? "yes" : "no",
      shown(leader) || "unknown",
      roundTripMs === null ? "" : shownSpan(roundTripMs),
      silenceMs === null ? "never" : `${shownSpan(silenceMs)} ago`,
    ]),
  );
}
