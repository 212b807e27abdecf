// `npm run sim`: stories, contracts, and whole clusters under virtual time and every fault, on all cores.
// `--seeds 1000 --from 1`, or `--seed 8741 --trace` to replay one.

import { runProgram } from "./setup.mjs";

await runProgram("test/sim/run.js");
