// The arrows of `Letters` as a value: ports, simulator queues and the diagram in the docs derive from it. The compiler
// checks that it says exactly what the types say.

import type { ActorName, Letters } from "./messages.ts";

/** Sender → receivers. */
export const topology = {
  supervisor: ["raft", "gateway"],
  clients: ["gateway"],
  gateway: ["clients", "raft", "lease", "lock", "peers", "region"],
  raft: ["storage", "peers", "lock", "lease", "gateway", "region"],
  storage: ["raft", "peers", "lock", "gateway"],
  peers: ["raft", "gateway", "region"],
  lock: ["raft", "lease", "gateway", "storage", "region"],
  lease: ["raft", "gateway", "region"],
  region: ["raft", "lease", "gateway", "peers", "clients"],
} as const satisfies { [From in ActorName]: readonly (keyof Letters[From])[] };

type Missing = {
  [From in ActorName]: Exclude<keyof Letters[From], (typeof topology)[From][number]>;
}[ActorName];
/** Does not compile if an arrow of `Letters` is missing above. */
export const topologyIsWhole: [Missing] extends [never] ? true : never = true;

export const actorNames = Object.keys(topology) as ActorName[];

/** Every arrow, as [sender, receiver]. */
export const arrows: readonly (readonly [from: ActorName, to: ActorName])[] = actorNames.flatMap((from) =>
  topology[from].map((to) => [from, to] as const),
);
