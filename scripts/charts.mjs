// `npm run charts`: what the Helm charts render, checked.

import { runProgram } from "./setup.mjs";

await runProgram("test/deploy/charts.js");
