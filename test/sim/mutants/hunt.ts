// Runs inside the build of a mutant: lets a hunter look at one seed after another until it says what is to be said of this
// mutant; or holds one contract. Prints one line of JSON. `node …/hunt.js <hunter> <seeds> <pattern>`.

import { hold } from "../contracts/hold.ts";
import { type HunterName, hunterNamed } from "./hunters.ts";
import { type Contract, isContract, type Report } from "./mutant.ts";

/** The rule that a contract was found to break; null if it was kept. */
async function brokenRule(file: Contract): Promise<string | null> {
  const { problem } = await hold(file);
  if (problem === null) return null;
  return /FAIL .*?"(.*)"/.exec(problem)?.[1] ?? problem;
}

const [, , by, seeds, pattern] = process.argv as [string, string, HunterName | Contract, string, string];
const hunter = isContract(by) ? () => brokenRule(by) : hunterNamed(by);
const says = new RegExp(pattern);
const begun = process.hrtime.bigint();
let found: Pick<Report, "seed" | "message"> = { seed: null, message: "nothing was found" };
for (let seed = 1; seed <= Number(seeds) && found.seed === null; seed += 1) {
  const message = await hunter(seed);
  // Something else may be said of a mutant too; that is no reason to call it found.
  if (message !== null) found = says.test(message) ? { seed, message } : { seed: null, message };
}
const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
console.log(JSON.stringify({ by, ...found, seconds } satisfies Report));
