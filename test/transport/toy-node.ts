// The main thread of a toy node, a process of its own. Its argument is the placement.

import { writeSync } from "node:fs";
import { instant } from "../../src/actors/scalars.ts";
import { type Pace, runNode } from "../../src/transport/supervisor.ts";
import { openLog } from "../../src/transport/telemetry.ts";
import { patienceMs } from "../patience.ts";
import { toySettings } from "./toy-settings.ts";

const toy = process.env.TOY ?? "";

/** A clock that stands still, and moves by a minute when anything comes from standard input. */
function movedClock(): Pace["now"] {
  let minutes = 0;
  process.stdin.on("data", () => {
    minutes++;
    writeSync(1, "a minute later\n");
  });
  return () => instant(minutes * 60_000);
}

const settings = toySettings({ threads: process.argv[2] === "shared" ? "shared" : "separate" });
const log = openLog(settings);
const pace: Pace = {
  // Standard input is left alone where a child of the node shall have it.
  now: toy === "clients never stops" ? movedClock() : () => instant(0),
  // Only a thread that cannot hear is not waited for, and only a process that cannot end is killed.
  askedMs: toy.startsWith("broken while others") ? 500 : patienceMs,
  endMsMax: toy === "broken while others hang" ? 1_000 : patienceMs,
};
await runNode({ settings, entry: new URL("./toy-worker.js", import.meta.url), log, pace });
log.info("serving");
