// The composition root: reads the configuration, starts the node, greets. No rules.

import { randomBytes } from "node:crypto";
import { readFileSync, writeSync } from "node:fs";
import { isatty } from "node:tty";
import { banner } from "./transport/banner.ts";
import { readSettings } from "./transport/read-settings.ts";
import { exitCodes } from "./transport/resident.ts";
import { runNode } from "./transport/supervisor.ts";
import { openLog } from "./transport/telemetry.ts";

const stdout = 1;
const stderr = 2;

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};
const reading = readSettings(process.argv.slice(2), process.env, {
  version,
  incarnation: randomBytes(9).toString("base64url"),
});

if ("help" in reading) writeSync(stdout, `${reading.help}\n`);
else if ("version" in reading) writeSync(stdout, `${reading.version}\n`);
else if ("problems" in reading) {
  writeSync(stderr, reading.problems.map((problem) => `${problem}\n`).join(""));
  process.exitCode = exitCodes.usage;
} else {
  const { settings } = reading;
  const log = openLog(settings);
  await runNode({ settings, entry: new URL("./transport/worker.js", import.meta.url), log });
  if (isatty(stdout)) writeSync(stdout, banner(settings));
  else {
    const { grpcAddress, httpAddress, regionAddress, dataDir } = settings;
    log.info({ version, grpcAddress, httpAddress, regionAddress, dataDir }, "serving");
  }
}
