// Watches: a client is told of what happens to locks until it goes. They are served by the lock table of this node, whoever leads,
// so they are passed on as they are. Only their number is watched over.

import { send } from "../actor.ts";
import type { CallId, ClientsToGateway, Watched } from "../messages.ts";
import { refuseCall } from "./answering.ts";
import type { GatewayEffect, GatewayState } from "./state.ts";

/** The most watches at once. */
const watchesMax = 10_000;

export function onWatch(
  state: GatewayState,
  { call, wish }: Extract<ClientsToGateway, { type: "watch" }>,
): GatewayEffect[] {
  if (state.draining) return [refuseCall(state, call, "stopping")];
  if (state.isRegional) return [refuseCall(state, call, "unserved")];
  if (state.watches.size >= watchesMax) return [refuseCall(state, call, "overloaded")];
  state.watches.add(call);
  return [send("lock", { type: "watch", call, wish })];
}

/** What was on its way when the client went is for nobody. */
export function onWatched(state: GatewayState, watched: Watched): GatewayEffect[] {
  if (!state.watches.has(watched.call)) return [];
  if (watched.type === "watchGone") state.watches.delete(watched.call);
  return [send("clients", watched)];
}

/** Null if the call is no watch. */
export function cancelWatch(state: GatewayState, call: CallId): GatewayEffect[] | null {
  return state.watches.delete(call) ? [send("lock", { type: "unwatch", call })] : null;
}
