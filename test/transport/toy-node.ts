// The main thread of a toy node, a process of its own. Its argument is the placement.

import { runNode } from "../../src/transport/supervisor.ts";
import { openLog } from "../../src/transport/telemetry.ts";
import { toySettings } from "./toy-settings.ts";

const settings = toySettings({ threads: process.argv[2] === "shared" ? "shared" : "separate" });
const log = openLog(settings);
await runNode({ settings, entry: new URL("./toy-worker.js", import.meta.url), log });
log.info("serving");
