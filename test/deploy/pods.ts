// A node as a pod of the chart starts it: with the files of its config map, under the name of the pod.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../cluster/ports.ts";
import { root } from "../interop/run.ts";

/** The files that the chart's config map makes under /etc/lockmgr. */
function configFiles(rendered: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [, name = "", lines = ""] of rendered.matchAll(/^ {2}(\S+\.env): \|\n((?: {4}.*\n)*)/gm))
    writeFileSync(join(folder, name), lines.replaceAll(/^ {4}/gm, ""));
}

/** Starts a node as the pod of that name would, on ports of its own, and calls `check` once it serves. */
export async function asPod(rendered: string, pod: string, check: (http: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "lockmgr-pod-"));
  configFiles(rendered, folder);
  const files = ["common.env", `${pod}.env`].map((file) => `--env-file=${join(folder, file)}`);
  const http = await freePort();
  const child = spawn(process.execPath, [...files, join(root, "dist", "src", "main.js")], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH,
      NODE_ID: pod,
      GRPC_PORT: "0",
      REGION_PORT: "0",
      HTTP_PORT: `${http}`,
      DATA_DIR: join(folder, "data"),
    },
  });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  let output = "";
  try {
    await new Promise<void>((resolve, reject) => {
      const read = (chunk: Buffer) => {
        output += chunk;
        if (output.includes('"msg":"serving"')) resolve();
      };
      child.stdout.on("data", read);
      child.stderr.on("data", read);
      child.once("exit", (code) => reject(new Error(`it ended with ${code}: ${output}`)));
    });
    await check(`http://127.0.0.1:${http}`);
  } finally {
    kill();
    process.removeListener("exit", kill);
    rmSync(folder, { recursive: true, force: true });
  }
}
