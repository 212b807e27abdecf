// The rules between regions in small bounds, each exhausted; and each rule weakened, to show that it is needed.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { configurations } from "./configurations.ts";
import { type Configuration, rulesAsTheyStand } from "./model.ts";
import { explore, retrace } from "./search.ts";
import { weakened, weakenings } from "./weakenings.ts";

const test = suite("explorer/regions");

const named = (name: string): Configuration => {
  const found = configurations.find((configuration) => configuration.name === name);
  assert.ok(found !== undefined, name);
  return found;
};

const held = [{ request: 0, by: [0, 1] }] as const;

const samples: readonly { name: string; bounds?: Partial<Configuration> }[] = [
  { name: "rivals", bounds: { losses: false, renewals: [0, 0] } },
  { name: "held" },
  { name: "releases", bounds: { ballots: [2] } },
  { name: "releases", bounds: { granted: held } },
  { name: "told", bounds: { ballots: [2] } },
  { name: "told", bounds: { granted: held } },
  { name: "taken-back", bounds: { requests: [{ lease: 0, lock: 0 }], renewals: [0] } },
  { name: "again", bounds: { ballots: [2] } },
  { name: "two-locks", bounds: { renewals: [0, 0] } },
  { name: "forgotten", bounds: { ballots: [2] } },
  { name: "forgotten", bounds: { regions: 1, ballots: [2], granted: held } },
];

for (const { name, bounds = {} } of samples) {
  test(`${name} ${JSON.stringify(bounds)}: every rule holds in every state`, () => {
    const config = { ...named(name), ...bounds };
    const found = explore(config, rulesAsTheyStand, { states: 100_000 });
    for (const line of found.broken === null ? [] : retrace(config, rulesAsTheyStand, found.path)) console.log(line);
    assert.is(found.broken, null);
    assert.ok(found.complete, `${found.states} states`);
    assert.ok(found.states > 100);
  });
}

for (const weakening of weakenings.filter(({ isLong }) => isLong !== true)) {
  const { name, bug, config: where, bounds = {}, broken } = weakening;
  test(`it is found when ${bug} (${name})`, () => {
    const config = { ...named(where), ...bounds };
    const found = explore(config, weakened(weakening), { states: 250_000 });
    assert.ok(found.broken !== null, "no rule was broken");
    assert.match(found.broken, broken);
    const lines = retrace(config, weakened(weakening), found.path);
    assert.is(lines[lines.length - 1], `     broken: ${found.broken}`);
  });
}

test.run();
