// The rules between regions from the command line: `npm run explore -- --regions`.

import { configurations } from "./configurations.ts";
import { type Configuration, rulesAsTheyStand } from "./model.ts";
import { explore, type Found, retrace } from "./search.ts";
import { type Weakening, weakened, weakenings } from "./weakenings.ts";

export interface Asked {
  readonly config?: string | undefined;
  readonly mutation?: string | undefined;
  readonly replay?: string | undefined;
  readonly states: number;
  readonly json: boolean;
  readonly list: boolean;
}

/** Prints what was found. Returns whether every rule holds. */
export function exploreRegions(asked: Asked): boolean {
  if (asked.list) {
    for (const { name, about } of configurations) console.log(`${name}: ${about}`);
    for (const { name, bug, config } of weakenings) console.log(`--mutation ${name}: ${bug} (in ${config})`);
    return true;
  }
  const weakening = weakenings.find(({ name }) => name === asked.mutation);
  const chosen = asked.config ?? weakening?.config;
  const wanted = configurations.filter(({ name }) => chosen === undefined || name === chosen);
  if (wanted.length === 0 || (asked.mutation !== undefined && weakening === undefined)) {
    console.error(`there is no ${weakening === undefined ? asked.mutation : chosen}; --list shows all`);
    return false;
  }
  return wanted.map((configuration) => run(configuration, weakening, asked)).every((holds) => holds);
}

function run(configuration: Configuration, weakening: Weakening | undefined, { replay, states, json }: Asked): boolean {
  const config = { ...configuration, ...(weakening?.bounds ?? {}) };
  const rules = weakening === undefined ? rulesAsTheyStand : weakened(weakening);
  if (replay !== undefined) {
    for (const line of retrace(config, rules, replay.split(".").map(Number))) console.log(line);
    return true;
  }
  const found = explore(config, rules, { states });
  console.log(json ? JSON.stringify({ config: config.name, ...found }) : `${config.name}: ${summary(found)}`);
  if (found.broken === null) return true;
  if (!json) {
    for (const line of retrace(config, rules, found.path)) console.log(line);
    const mutation = weakening === undefined ? "" : ` --mutation ${weakening.name}`;
    console.log(
      `replay: npm run explore -- --regions --config ${config.name}${mutation} --replay ${found.path.join(".")}`,
    );
  }
  return false;
}

const summary = ({ states, transitions, depth, complete, broken, seconds }: Found): string =>
  `${transitions} states met, ${states} of them different; depth ${depth}${complete ? ", all there are" : ", more beyond"}; ` +
  `${seconds.toFixed(1)} s; ${broken === null ? "every rule holds" : `broken: ${broken}`}`;
