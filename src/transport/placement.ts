// Which actor lives on which thread. Actors that talk to each other for every request and never compute for long share one;
// what may block or must not be delayed has its own.

import type { ActorName } from "../actors/messages.ts";
import type { Settings } from "./settings.ts";

/** An actor that lives on a worker thread: all but the supervisor, which is the main thread. */
export type HostedActor = Exclude<ActorName, "supervisor">;

/** Actor → thread. */
export type Placement = Readonly<Record<HostedActor, string>>;

const separate: Placement = {
  clients: "clients",
  gateway: "clients",
  peers: "peers",
  raft: "consensus",
  storage: "consensus",
  lock: "lock",
  lease: "lease",
  region: "region",
};

const shared: Placement = {
  clients: "shared",
  gateway: "shared",
  peers: "shared",
  raft: "shared",
  storage: "shared",
  lock: "shared",
  lease: "shared",
  region: "shared",
};

/** The table for a machine with several cores, and the one for a machine that would only pay for the hops. */
export const placements: Readonly<Record<Settings["threads"], Placement>> = { separate, shared };

/** The threads of a placement, each with its actors, in the order of the table. */
export function threadsOf(placement: Placement): ReadonlyMap<string, readonly HostedActor[]> {
  const threads = new Map<string, HostedActor[]>();
  for (const [actor, thread] of Object.entries(placement) as [HostedActor, string][]) {
    const actors = threads.get(thread);
    if (actors === undefined) threads.set(thread, [actor]);
    else actors.push(actor);
  }
  return threads;
}
