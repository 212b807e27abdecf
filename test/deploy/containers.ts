// `npm run containers`: the Dockerfile and the compose files, read by their own tools; then, where there is a container engine
// or one can be made, run for real. What could not be tested is said loudly.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { newReport } from "../interop/report.ts";
import { root, run } from "../interop/run.ts";
import { installGrpcurl } from "../interop/toolchains.ts";
import { checkDockerfile } from "./dockerfile.ts";
import { apart, type Engine, findEngine } from "./engine.ts";
import { noEngine } from "./own-engine.ts";
import { buildChecker } from "./tools.ts";

// Whoever ends this ends what it has started.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));

const report = newReport();
checkDockerfile(report);

const checker = await buildChecker();
const composeFiles = ["docker-compose.yml", "docker-compose-cluster.yml", "docker-compose-observability.yml"];
for (const file of composeFiles) {
  const allowed = `${file} is what the compose specification allows`;
  if (checker.command === null) report.skip(allowed, checker.reason);
  else {
    const checked = await run(checker.command[0] ?? "", ["compose", file], { cwd: root });
    if (checked.code === 0) report.pass(allowed);
    else report.fail(allowed, checked.output);
  }
}

const grpcurl = await installGrpcurl();
const engine: Engine =
  grpcurl.command === null ? { how: "none", reason: `no grpcurl: ${grpcurl.reason}` } : await findEngine();
const rule = "the image and the compose files run";
const code = engine.how === "none" ? noEngine : await runOn(engine);
if (code === 0) report.pass(rule);
else if (code !== noEngine) report.fail(rule, "see above");
else {
  const reason = engine.how === "none" ? engine.reason : "it could be made, but does not start here; see above";
  console.log(`NOT TESTED: the image and the compose files on a container engine: ${reason}`);
  report.skip(rule, reason);
}
console.log(`\n${report.sum()}`);
process.exit(report.failures() > 0 ? 1 : 0);

/** Runs the program beside this one with an engine, and gives the code with which it ended: 0 if all that it tried was good. */
function runOn(found: Exclude<Engine, { how: "none" }>): Promise<number | null> {
  const program = [process.execPath, fileURLToPath(new URL("./on-engine.js", import.meta.url))];
  const data = mkdtempSync(join(tmpdir(), "lockmgr-engine-"));
  const command = found.how === "running" ? program : [...apart, ...program, found.programs, found.images, data];
  console.log(
    found.how === "running"
      ? `\nwith the container engine that runs here, ${found.version}`
      : "\nwith a container engine of Debian's packages, started for this test alone",
  );
  return new Promise((resolve) => {
    const child = spawn(command[0] ?? "", command.slice(1), { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
    process.once("exit", () => {
      child.kill("SIGKILL");
      // What the kernel still holds on to for a moment is tried again.
      rmSync(data, { recursive: true, force: true, maxRetries: 30, retryDelay: 200 });
    });
    child.once("error", () => resolve(null));
    child.once("close", resolve);
  });
}
