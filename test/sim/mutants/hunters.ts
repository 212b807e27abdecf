// Who looks for mutants: the simulator over drawn plans and in a storm of elections, and the scripted stories. All of them run on
// the service as it ships, too, and find nothing there.

import type { Watching } from "../cluster.ts";
import { livenessPlan, type Plan, planOf, queuePlan, stormyPlan } from "../plan.ts";
import { rivalRegions } from "../regions/plan.ts";
import { simulateRegions } from "../regions/simulation.ts";
import { leaderCutOff, leaderPaused } from "../scenarios.ts";
import { simulate } from "../simulation.ts";
import * as elections from "./stories-elections.ts";
import * as leases from "./stories-leases.ts";
import * as logs from "./stories-logs.ts";
import * as queues from "./stories-queues.ts";
import * as raft from "./stories-raft.ts";
import * as repeats from "./stories-repeats.ts";
import * as snapshots from "./stories-snapshots.ts";

/** Runs one seed. Tells what was broken, or null. */
type Hunter = (seed: number) => string | null;
type Story = (seed: number, watching?: Watching) => unknown;

const ofPlans =
  (plan: (seed: number) => Plan): Hunter =>
  (seed) =>
    simulate(seed, { plan: plan(seed) }).violation?.message ?? null;

/** A story that throws has ended badly. */
const ofStory =
  (tell: Story): Hunter =>
  (seed) => {
    try {
      tell(seed);
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  };

const { churn: _, ...ofRaft } = raft;

/** Scripted stories, by name. */
export const stories = {
  leaderCutOff,
  leaderPaused,
  ...ofRaft,
  ...elections,
  ...logs,
  ...snapshots,
  ...leases,
  ...repeats,
  ...queues,
} as const;

export type HunterName = "seeds" | "storm" | "queues" | "liveness" | "regions" | "rivalRegions" | keyof typeof stories;

export function hunterNamed(name: HunterName): Hunter {
  switch (name) {
    case "seeds":
      return ofPlans(planOf);
    case "storm":
      return ofPlans(stormyPlan);
    case "queues":
      return ofPlans(queuePlan);
    case "liveness":
      return ofPlans(livenessPlan);
    case "regions":
      return (seed) => simulateRegions(seed).violation?.message ?? null;
    case "rivalRegions":
      return (seed) => simulateRegions(seed, { plan: rivalRegions(seed) }).violation?.message ?? null;
    default:
      return ofStory(stories[name]);
  }
}
