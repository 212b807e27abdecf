// `npm run mutants`: plants one deliberate bug after another, and sees that the simulator finds each.

import { runProgram } from "./setup.mjs";

await runProgram("test/sim/mutants/main.js");
