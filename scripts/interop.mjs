// `npm run interop`: programs that others have written, against a node of this one.

import { runProgram } from "./setup.mjs";

await runProgram("test/interop/main.js");
