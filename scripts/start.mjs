// `npm start`: one node, configured by flags and environment.

import { runProgram } from "./setup.mjs";

await runProgram("src/main.js");
