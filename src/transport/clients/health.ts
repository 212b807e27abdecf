// `grpc.health.v1`: a node serves if it knows a leader that it can reach, and says so of itself and of each of its services.
// Under one more name it says that it is alive, whatever becomes of its group: who restarts nodes asks that, because a node
// that misses a quorum is not mended by a restart.

import { HealthImplementation, type ServingStatusMap } from "grpc-health-check";
import type { Adopter } from "./adopted.ts";

export interface Health {
  readonly addTo: (adopter: Adopter) => void;
  readonly set: (serving: boolean) => void;
}

/** The name under which a node is healthy for as long as it answers at all. */
const liveness = "liveness";

/** `services`: full names. The empty name stands for the node. */
export function newHealth(services: readonly string[]): Health {
  const names = ["", ...services];
  const initial: ServingStatusMap = Object.fromEntries(names.map((name) => [name, "NOT_SERVING"]));
  const health = new HealthImplementation({ ...initial, [liveness]: "SERVING" });
  let served = false;
  return {
    addTo: (adopter) => health.addToServer(adopter as Parameters<typeof health.addToServer>[0]),
    set: (serving) => {
      if (serving === served) return;
      served = serving;
      for (const name of names) health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
    },
  };
}
