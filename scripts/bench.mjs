// `npm run bench`: measures nodes that it starts itself; `npm run bench -- regions` measures regions, `npm run bench -- waiting`
// what it costs to wait.

import { runProgram } from "./setup.mjs";

const programs = { regions: "bench/regions/main.js", waiting: "bench/waiting/main.js" };
await runProgram(programs[process.argv[2]] ?? "bench/main.js");
