// Every mutant.

import { regionMutants } from "../regions/mutants.ts";
import { electionMutants } from "./elections.ts";
import { leaseMutants } from "./leases.ts";
import { lockMutants } from "./locks.ts";
import type { Mutant } from "./mutant.ts";
import { queueMutants } from "./queues.ts";
import { raftMutants } from "./raft.ts";
import { transportMutants } from "./transport.ts";

export const mutants: readonly Mutant[] = [
  ...raftMutants,
  ...electionMutants,
  ...leaseMutants,
  ...lockMutants,
  ...queueMutants,
  ...transportMutants,
  ...regionMutants,
];
