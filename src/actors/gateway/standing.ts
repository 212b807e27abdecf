// How this node sees its group, for status calls and readiness: what raft says, and which connections are up.

import { send } from "../actor.ts";
import type { Standing } from "../operations.ts";
import type { GatewayEffect, GatewayState } from "./state.ts";

/** The address of this node itself is left out (null while it leads): whoever serves clients knows where it listens. */
export function currentStanding({ standing, nodeId, links }: GatewayState): Standing {
  const { role, term, leader } = standing;
  const link = leader === null ? undefined : links.get(leader);
  return {
    role,
    term,
    leader,
    leaderAddress: link?.clientAddress ?? null,
    leaderReachable: leader === nodeId || link?.up === true,
  };
}

/** Tells clients if anything of it has changed. */
export function tellStanding(state: GatewayState): GatewayEffect[] {
  const standing = currentStanding(state);
  const { told } = state;
  if (
    told !== null &&
    told.role === standing.role &&
    told.term === standing.term &&
    told.leader === standing.leader &&
    told.leaderAddress === standing.leaderAddress &&
    told.leaderReachable === standing.leaderReachable
  ) {
    return [];
  }
  state.told = standing;
  return [send("clients", { type: "standing", standing })];
}
