// What `npm run bench` is asked to do.

import { parseArgs } from "node:util";
import type { Scenario } from "./scenario.ts";
import { scenarios } from "./scenarios/index.ts";
import type { System } from "./system.ts";
import { systems } from "./systems/index.ts";

export interface Options {
  readonly systems: readonly System[];
  readonly scenarios: readonly Scenario[];
  readonly nodes: readonly number[];
  readonly seconds: number;
  readonly quick: boolean;
  /** Which nodes of a group the clients talk to. */
  readonly via: "any" | "leader" | "followers";
  readonly workers: number | null;
  /** Where the figures go; null for a file named after the moment. */
  readonly json: string | null;
  /** Where the nodes write CPU profiles, one a thread. */
  readonly profile: string | null;
}

export const help = `npm run bench [-- OPTIONS]

  --system NAME      ${systems.map(({ name }) => name).join(", ")}; several by comma; lockmgr unless given
  --scenario NAME    ${scenarios.map(({ name }) => name).join(", ")}; several by comma; all unless given
  --nodes N          1 or 3; both unless given
  --seconds S        how long each row is measured; 5 unless given
  --via WHICH        any, leader or followers: the nodes that clients talk to; any unless given
  --workers N        load generators; half of the cores unless given
  --json FILE        where the figures go; bench/results/ unless given
  --profile DIR      CPU profiles of the nodes, one for each thread; say --scenario and --nodes too
  --quick            one second a row, fewer rows`;

/** Throws with what is wrong. */
export function readOptions(args: readonly string[]): Options | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      system: { type: "string", default: "lockmgr" },
      scenario: { type: "string" },
      nodes: { type: "string" },
      seconds: { type: "string" },
      via: { type: "string" },
      workers: { type: "string" },
      json: { type: "string" },
      profile: { type: "string" },
      quick: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help) return "help";
  const quick = values.quick ?? false;
  const via = values.via ?? "any";
  if (via !== "any" && via !== "leader" && via !== "followers") throw new Error("--via is any, leader or followers");
  return {
    systems: values.system.split(",").map((name) => named(systems, name)),
    scenarios: values.scenario?.split(",").map((name) => named(scenarios, name)) ?? scenarios,
    nodes: values.nodes === undefined ? [1, 3] : values.nodes.split(",").map(positive("--nodes")),
    seconds: values.seconds === undefined ? (quick ? 1 : 5) : positive("--seconds")(values.seconds),
    quick,
    via,
    workers: values.workers === undefined ? null : positive("--workers")(values.workers),
    json: values.json ?? null,
    profile: values.profile ?? null,
  };
}

function named<Named extends { readonly name: string }>(all: readonly Named[], name: string): Named {
  const found = all.find((each) => each.name === name);
  if (found === undefined) throw new Error(`${name} is none of ${all.map((each) => each.name).join(", ")}`);
  return found;
}

const positive = (option: string) => (text: string) => {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new Error(`${option} must be a positive number, not ${text}`);
  return value;
};
