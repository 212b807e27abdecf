// `npm run explore`: small clusters under every order of events that the bounds allow.

import { runProgram } from "./setup.mjs";

await runProgram("test/explorer/main.js");
