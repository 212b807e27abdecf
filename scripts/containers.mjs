// `npm run containers`: the image and the compose files, checked, and run where there is a container engine.

import { runProgram } from "./setup.mjs";

await runProgram("test/deploy/containers.js");
