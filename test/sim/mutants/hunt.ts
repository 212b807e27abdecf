// Runs inside the build of a mutant: lets a hunter look at one seed after another until it says what is to be said of this
// mutant. Prints one line of JSON. `node …/hunt.js <hunter> <seeds> <pattern>`.

import { type HunterName, hunterNamed } from "./hunters.ts";
import type { Report } from "./mutant.ts";

const [, , by, seeds, pattern] = process.argv as [string, string, HunterName, string, string];
const hunter = hunterNamed(by);
const says = new RegExp(pattern);
const begun = process.hrtime.bigint();
let found: Pick<Report, "seed" | "message"> = { seed: null, message: "nothing was found" };
for (let seed = 1; seed <= Number(seeds) && found.seed === null; seed += 1) {
  const message = hunter(seed);
  // Something else may be said of a mutant too; that is no reason to call it found.
  if (message !== null) found = says.test(message) ? { seed, message } : { seed: null, message };
}
const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
console.log(JSON.stringify({ by, ...found, seconds } satisfies Report));
