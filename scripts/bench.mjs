// `npm run bench`: measures nodes that it starts itself; `npm run bench -- regions` measures regions.

import { runProgram } from "./setup.mjs";

await runProgram(process.argv[2] === "regions" ? "bench/regions/main.js" : "bench/main.js");
