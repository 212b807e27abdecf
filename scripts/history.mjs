// `npm run history -- --out FILE`: real nodes under faults, and what their clients saw as JSON lines.

import { runProgram } from "./setup.mjs";

await runProgram("test/cluster/history-main.js");
