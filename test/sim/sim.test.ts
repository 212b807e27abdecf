// Whole clusters under every fault of the plan, a few seeds of many; `run.ts` runs more. What a seed once broke stays here.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { violations } from "../cluster/history-rules.ts";
import { type Recorder, recordHistory } from "./history.ts";
import { planOf, stormyPlan } from "./plan.ts";
import { simulate } from "./simulation.ts";
import { createFingerprint } from "./trace.ts";

const test = suite("sim");

const firstSeed = 1;
const lastSeed = 20;

for (let seed = firstSeed; seed <= lastSeed; seed += 1) {
  test(`seed ${seed}: every rule holds, and in the end everything works`, () => {
    const { violation, trace } = simulate(seed);
    if (violation === null) return;
    for (const line of trace) console.log(line);
    assert.unreachable(`${violation.message}\nreplay: node dist/test/sim/run.js --seed ${seed} --trace`);
  });
}

for (const seed of [1, 2, 3]) {
  test(`seed ${seed}: every rule holds in a storm of elections`, () => {
    const { violation, leaders } = simulate(seed, { plan: stormyPlan(seed) });
    assert.is(violation, null);
    assert.ok(leaders > 2);
  });
}

for (const seed of [1, 2, 3, 4, 5]) {
  test(`seed ${seed}: every lock is linearizable`, () => {
    const recorded: Recorder[] = [];
    const plan = planOf(seed);
    const report = simulate(seed, {
      plan: { ...plan, workload: { ...plan.workload, stateless: 5, leased: 0, watching: 2 } },
      recorder: (timetable, whole) => {
        const recorder = recordHistory(timetable, whole);
        recorded.push(recorder);
        return recorder;
      },
    });
    assert.is(report.violation, null);
    assert.equal(violations((recorded[0] as Recorder).history), []);
  });
}

test("two runs of a seed are the same run", () => {
  const run = (copying: "plain" | "structured"): string => {
    const fingerprint = createFingerprint();
    const plan = { ...planOf(7), faultyMs: 5000, copying };
    simulate(7, { plan, print: fingerprint.add });
    return fingerprint.value();
  };
  assert.is(run("plain"), run("plain"));
  assert.is(run("plain"), run("structured"));
});

test("the seeds do what they are for", () => {
  const answers = new Map<string, number>();
  let leaders = 0;
  for (const seed of [2, 4, 6]) {
    const report = simulate(seed, {
      plan: { ...planOf(seed), nodes: 3, faults: ["crash", "partition"], faultEveryMs: 2000 },
    });
    leaders += report.leaders;
    for (const [kind, count] of report.answers) answers.set(kind, (answers.get(kind) ?? 0) + count);
  }
  assert.ok(leaders > 6);
  for (const kind of [
    "acquire: granted",
    "acquire: held",
    "release: released",
    "renewLease: leaseRenewed",
    "check: locked",
  ]) {
    assert.ok((answers.get(kind) ?? 0) > 10, kind);
  }
});

test.run();
