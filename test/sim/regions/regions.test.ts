// Several regions under everything that goes wrong within and between them: a few seeds of many. What a seed once broke stays.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hunted, mutated } from "../mutants/plant.ts";
import { createFingerprint } from "../trace.ts";
import { regionMutants } from "./mutants.ts";
import { calmRegions, type RegionPlan, regionPlanOf, rivalRegions } from "./plan.ts";
import { simulateRegions } from "./simulation.ts";

const test = suite("sim/regions");

const firstSeed = 1;
const lastSeed = 10;

/** Fails with what happened last. */
function mustPass(seed: number, plan: RegionPlan = regionPlanOf(seed)): void {
  const { violation, trace } = simulateRegions(seed, { plan });
  if (violation === null) return;
  for (const line of trace) console.log(line);
  assert.unreachable(`${violation.message}\nreplay: npm run sim -- --mode regions --seed ${seed} --trace`);
}

for (let seed = firstSeed; seed <= lastSeed; seed += 1) {
  test(`seed ${seed}: every rule holds across regions, and in the end everything works`, () => mustPass(seed));
}

/** What each of these seeds has found. */
const regressions: readonly (readonly [seed: number, rule: string])[] = [
  [40, "a release that one region remembers is told only when a majority has accepted it"],
  [46, "what the regions differ about in more than two ways is settled"],
  [93, "what was released is not brought back where one region did not hear of it"],
  [162, "an end of an older grant is no ground for the next token"],
  [1091, "an end that comes too late to count holds nobody up"],
  [5023, "what a region accepted just before it died counts, though it never said so"],
];

for (const [seed, rule] of regressions) test(`seed ${seed}: ${rule}`, () => mustPass(seed));

for (let seed = 1; seed <= 5; seed += 1) {
  test(`seed ${seed}: every rule holds while rivals in three regions are after the same locks`, () =>
    mustPass(seed, rivalRegions(seed)));
}

test("seed 159: a lease that regions deny at different moments, and that was brought back to one meanwhile, has not ended", () =>
  mustPass(159, rivalRegions(159)));

test("seed 376: a release that comes late again, naming a lease alone, does not end what the lease took since", () =>
  mustPass(376, rivalRegions(376)));

test("a client's clock that is five times as wrong as assumed is noticed", () => {
  const broken = [1, 2, 3, 4, 5, 6].map((seed) => {
    const { each, ...plan } = calmRegions(seed);
    const workload = {
      ...each.workload,
      stateless: 6,
      locks: 1,
      ttlMin: 4000,
      ttlMax: 4000,
      vanishChance: 0.9,
      thinkMax: 20,
    };
    const wrong = { ...each, nodes: 1, workload, clockError: 0.05, clocksAtBound: true };
    return simulateRegions(seed, { plan: { ...plan, each: wrong } }).violation?.message ?? "";
  });
  assert.ok(
    broken.some((message) => /one holder|seen to hold/.test(message)),
    broken.join("\n"),
  );
});

test("every bug that is planted in the rules of regions can be planted, and has a name of its own", () => {
  for (const mutant of regionMutants) assert.is.not(mutated(mutant), mutated({ ...mutant, replace: mutant.search }));
  assert.is(new Set(regionMutants.map(({ name }) => name)).size, regionMutants.length);
});

for (const mutant of regionMutants.filter(({ quick }) => quick === true)) {
  test(`it is found when ${mutant.bug}`, async () => {
    const { seed, message } = await hunted(mutant);
    assert.is.not(seed, null, message);
  });
}

test("two runs of a seed are the same run", () => {
  const fingerprintOf = (): string => {
    const fingerprint = createFingerprint();
    const plan = regionPlanOf(4);
    simulateRegions(4, { plan: { ...plan, each: { ...plan.each, faultyMs: 2000 } }, print: fingerprint.add });
    return fingerprint.value();
  };
  assert.is(fingerprintOf(), fingerprintOf());
});

test("the seeds do what they are for", () => {
  const answers = new Map<string, number>();
  for (const seed of [1, 2, 3]) {
    const calm = calmRegions(seed);
    const report = simulateRegions(seed, {
      plan: { ...calm, each: { ...calm.each, nodes: 1 }, faults: ["killLeader"] },
    });
    for (const [kind, count] of report.answers) answers.set(kind, (answers.get(kind) ?? 0) + count);
  }
  for (const kind of [
    "acquire: granted",
    "acquire: held",
    "release: released",
    "renewLease: leaseRenewed",
    "check: locked",
  ]) {
    assert.ok((answers.get(kind) ?? 0) > 10, `${kind}: ${answers.get(kind)}`);
  }
});

test.run();
