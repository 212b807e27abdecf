// The explorer from the command line: `npm run explore`, with `--config` one configuration, with `--replay` one way through it.
// Exits with 1 if a rule is broken.

import { parseArgs } from "node:util";
import { type Configuration, configurations, prepare } from "./configurations.ts";
import { mutations } from "./mutations.ts";
import { exploreRegions } from "./regions/report.ts";
import { explore, type Found, retrace } from "./search.ts";
import type { Bounds } from "./world.ts";

const boundNames = ["crashes", "losses", "repeats", "timeouts", "beats", "terms"] as const;

const { values } = parseArgs({
  options: {
    config: { type: "string" },
    mutation: { type: "string" },
    replay: { type: "string" },
    depth: { type: "string", default: "1000" },
    "max-states": { type: "string", default: "500000" },
    crashes: { type: "string" },
    losses: { type: "string" },
    repeats: { type: "string" },
    timeouts: { type: "string" },
    beats: { type: "string" },
    terms: { type: "string" },
    json: { type: "boolean", default: false },
    quiet: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    regions: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const usage = `npm run explore -- [--config NAME] [--mutation NAME] [--replay CODE] [--depth N] [--max-states N]
    [--crashes N] [--losses N] [--repeats N] [--timeouts N] [--beats N] [--terms N] [--json] [--quiet] [--list] [--regions]`;

const mutation = mutations.find(({ name }) => name === values.mutation);
const chosen = values.config ?? mutation?.config;
const wanted = configurations.filter(({ name }) => chosen === undefined || name === chosen);
const given: Partial<Record<keyof Bounds, number>> = {};
for (const name of boundNames) if (values[name] !== undefined) given[name] = Number(values[name]);

function refuse(problem: string): void {
  console.error(`${problem}\n${usage}`);
  process.exitCode = 64;
}

function list(): void {
  for (const { name, about, bounds } of configurations) console.log(`${name}: ${about} ${JSON.stringify(bounds)}`);
  for (const { name, bug, config } of mutations) console.log(`--mutation ${name}: ${bug} (in ${config})`);
}

function run(configuration: Configuration): void {
  const bounds = { ...(mutation?.bounds ?? {}), ...given };
  const actors = mutation === undefined ? configuration.actors : mutation.tamper(configuration.actors);
  const { system, first } = prepare(configuration, { actors, bounds });
  if (values.replay !== undefined) {
    for (const line of retrace(system, first, values.replay.split(".").map(Number))) console.log(line);
    return;
  }
  const limits = { depth: Number(values.depth), states: Number(values["max-states"]) };
  const progress = (found: Found): void => {
    if (!values.quiet)
      process.stderr.write(`  depth ${found.depth}: ${found.states} states, ${rate(found)} transitions/s\n`);
  };
  const found = explore(system, first, limits, progress);
  const { counterexample, ...counts } = found;
  if (values.json)
    console.log(JSON.stringify({ config: configuration.name, bounds: system.bounds, ...counts, counterexample }));
  else console.log(`${configuration.name} ${JSON.stringify(system.bounds)}: ${summary(found)}`);
  if (counterexample === null) return;
  process.exitCode = 1;
  if (values.json) return;
  for (const line of retrace(system, first, counterexample.path)) console.log(line);
  console.log(`replay: ${replayCommand(configuration, counterexample.path)}`);
}

const rate = ({ transitions, seconds }: Found): number => Math.round(transitions / Math.max(seconds, 0.001));

const summary = (found: Found): string =>
  `${found.transitions} states met, ${found.states} of them different, of ${found.nodeStates} node states; depth ${found.depth}` +
  `${found.complete ? ", all there are" : ", more beyond"}; ${found.seconds.toFixed(1)} s, ${rate(found)} transitions/s; ` +
  (found.counterexample === null ? "every rule holds" : `broken: ${found.counterexample.rule}`);

function replayCommand({ name }: Configuration, path: readonly number[]): string {
  const options = Object.entries(given).map(([bound, value]) => ` --${bound} ${value}`);
  const tampered = values.mutation === undefined ? "" : ` --mutation ${values.mutation}`;
  return `npm run explore -- --config ${name}${tampered}${options.join("")} --replay ${path.join(".")}`;
}

if (values.help) console.log(usage);
else if (values.regions) process.exitCode = exploreRegions({ ...values, states: Number(values["max-states"]) }) ? 0 : 1;
else if (values.list) list();
else if (wanted.length === 0)
  refuse(`no configuration ${chosen}; there are ${configurations.map(({ name }) => name).join(", ")}`);
else if (values.mutation !== undefined && mutation === undefined)
  refuse(`no mutation ${values.mutation}; --list shows all`);
else for (const configuration of wanted) run(configuration);
