// All scenarios, in the order in which they are run, and what their clients do.

import type { Round, Scenario, ScenarioName } from "../scenario.ts";
import { contention, contentionRound } from "./contention.ts";
import { parallel, parallelRound } from "./parallel.ts";
import { renewalRound, renewals } from "./renewals.ts";
import { sequential, sequentialRound } from "./sequential.ts";

export const scenarios: readonly Scenario[] = [sequential, parallel, contention, renewals];

export const rounds = {
  sequential: sequentialRound,
  parallel: parallelRound,
  contention: contentionRound,
  renewals: renewalRound,
} as const satisfies Record<ScenarioName, Round>;
