// Small clusters under every order of events, as far as a test has time for; `npm run explore` goes further. And deliberate
// bugs, to show that what breaks a rule is found.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { configurations, prepare } from "./configurations.ts";
import { mutations } from "./mutations.ts";
import { explore, retrace } from "./search.ts";
import type { Bounds } from "./world.ts";

const test = suite("explorer");

const named = (name: string) => {
  const found = configurations.find((configuration) => configuration.name === name);
  assert.ok(found !== undefined, name);
  return found;
};

/** As much of each as a second or so allows; those that say so are exhausted. */
const samples: readonly { name: string; bounds?: Partial<Bounds>; states: number; isComplete: boolean }[] = [
  { name: "elections", bounds: { crashes: 1, timeouts: 1 }, states: 20_000, isComplete: true },
  { name: "prevote", bounds: { timeouts: 1 }, states: 20_000, isComplete: true },
  { name: "figure-8", bounds: { timeouts: 1 }, states: 20_000, isComplete: true },
  { name: "repeats", states: 5000, isComplete: false },
  { name: "forwarding", states: 5000, isComplete: false },
  { name: "waiting", states: 5000, isComplete: false },
  { name: "leases", states: 5000, isComplete: false },
  { name: "arrows", states: 5000, isComplete: false },
];

for (const { name, bounds = {}, states, isComplete } of samples) {
  test(`${name}: every rule holds in ${isComplete ? "every state" : `the first ${states} states`}`, () => {
    const { system, first } = prepare(named(name), { bounds });
    const found = explore(system, first, { depth: 1000, states });
    const { counterexample } = found;
    if (counterexample !== null) {
      for (const line of retrace(system, first, counterexample.path)) console.log(line);
      assert.unreachable(`${counterexample.rule}\nreplay: npm run explore -- --config ${name} …`);
    }
    assert.is(found.complete, isComplete);
    assert.ok(found.states > 100);
  });
}

for (const { name, bug, config, bounds, rule, tamper } of mutations) {
  test(`it is found that ${bug} (${name})`, () => {
    const configuration = named(config);
    const options = { actors: tamper(configuration.actors), ...(bounds === undefined ? {} : { bounds }) };
    const { system, first } = prepare(configuration, options);
    const { counterexample } = explore(system, first, { depth: 1000, states: 30_000 });
    assert.ok(counterexample !== null, "no rule was broken");
    assert.match(counterexample.rule, rule);
    // Another system, from scratch, goes the same way to the same end.
    const again = prepare(configuration, options);
    const lines = retrace(again.system, again.first, counterexample.path);
    assert.is(lines[lines.length - 1], `     broken: ${counterexample.rule}`);
  });
}

test("two explorations meet the same states", () => {
  const count = () => {
    const { system, first } = prepare(named("forwarding"));
    const { states, transitions, depth, nodeStates } = explore(system, first, { depth: 6, states: 50_000 });
    return { states, transitions, depth, nodeStates };
  };
  assert.equal(count(), count());
});

test.run();
