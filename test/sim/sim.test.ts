// Whole clusters under every fault of the plan, a few seeds of many; `run.ts` runs more. What a seed once broke stays here.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { operationsOf } from "../cluster/history.ts";
import type { Copying } from "./copy.ts";
import { livenessPlan, planOf, type QueueWork, queuePlan, stormyPlan, wildClockPlan } from "./plan.ts";
import { runRecorded } from "./seed-job.ts";
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
    assert.unreachable(`${violation.message}\nreplay: npm run sim -- --seed ${seed} --trace`);
  });
}

test("seed 20422: the answer to an attempt that was given up is not taken for one to the next attempt", () => {
  assert.is(simulate(20_422).violation, null);
});

test("seed 711014 of queues: a circle of waits leads through nobody with whom only a lock-delay is in the way", () => {
  assert.is(simulate(711_014, { plan: queuePlan(711_014) }).violation, null);
});

test("seed 711018: a repeat that is born after another was called forgotten may be granted", () => {
  assert.is(simulate(711_018).violation, null);
});

for (const seed of [1, 2, 3]) {
  test(`seed ${seed}: every rule holds in a storm of elections`, () => {
    const { violation, leaders } = simulate(seed, { plan: stormyPlan(seed) });
    assert.is(violation, null);
    assert.ok(leaders > 2);
  });
}

for (const seed of [1, 3, 5]) {
  test(`seed ${seed}: whenever all is healed, whoever waits is served and what nobody renews is free in time`, () => {
    const plan = livenessPlan(seed);
    assert.is(plan.queues === null, seed === 3);
    assert.is(simulate(seed, { plan }).violation, null);
  });
}

for (const seed of [2, 4, 8]) {
  test(`seed ${seed}: every rule of queues holds`, () => {
    const { violation, trace } = simulate(seed, { plan: queuePlan(seed) });
    if (violation === null) return;
    for (const line of trace) console.log(line);
    assert.unreachable(`${violation.message}\nreplay: npm run sim -- --seed ${seed} --mode queues --trace`);
  });
}

for (const seed of [1, 2, 3, 4, 5]) {
  test(`seed ${seed}: every lock is linearizable`, () => {
    const { report, history } = runRecorded(seed, { traceLines: 40 });
    assert.is(report.violation, null);
    assert.ok(operationsOf(history).length > 100);
  });
}

/** Everything that happens in a short run, as one number. */
function fingerprintOf(copying: Copying): string {
  const fingerprint = createFingerprint();
  const plan = { ...planOf(7), faultyMs: 5000, copying };
  simulate(7, { plan, print: fingerprint.add });
  return fingerprint.value();
}

test("two runs of a seed are the same run, however letters cross", () => {
  const first = fingerprintOf("shared");
  assert.is(fingerprintOf("shared"), first);
  assert.is(fingerprintOf("frozen"), first);
  assert.is(fingerprintOf("plain"), first);
  assert.is(fingerprintOf("structured"), first);
});

// Changes with every rule and every plan; it must not change with the machine or the version of Node.
test("a seed is the same run on every machine", () => {
  assert.is(fingerprintOf("shared"), "da51a558");
});

test("clocks at any rate never lower or repeat a token", () => {
  for (const seed of [1, 2]) assert.is(simulate(seed, { plan: wildClockPlan(seed) }).violation, null);
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

test("the seeds of queues do what they are for", () => {
  const answers = new Map<string, number>();
  for (const seed of [3, 6, 10]) {
    const plan = queuePlan(seed);
    const queues = { ...(plan.queues as QueueWork), ruling: 1, looking: 1, vanishChance: 0.1, delayChance: 0.3 };
    const chances = { cancelChance: 0.2, moreChance: 0.3, repeatChance: 0.1, sharingChance: 0.3, severalChance: 0.3 };
    const report = simulate(seed, { plan: { ...plan, nodes: 3, queues: { ...queues, ...chances, holdMax: 300 } } });
    assert.is(report.violation, null);
    for (const [kind, count] of report.answers) answers.set(kind, (answers.get(kind) ?? 0) + count);
  }
  const ends = ["granted", "waitOver", "requestCancelled", "deadlock", "leaseEnded", "busy", "grantOver"];
  for (const kind of [
    ...ends.map((end) => `acquireAll: ${end}`),
    "forceRelease: forced",
    "askYield: yieldAsked",
    "endLease: leaseClosed",
    "inspect: lockSeen",
    "waiters: waitersSeen",
    "watch: events",
  ]) {
    assert.ok((answers.get(kind) ?? 0) > 10, `${kind}: ${JSON.stringify([...answers])}`);
  }
});

test.run();
