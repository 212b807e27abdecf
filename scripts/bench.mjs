// `npm run bench`: measures nodes that it starts itself.

import { runProgram } from "./setup.mjs";

await runProgram("bench/main.js");
