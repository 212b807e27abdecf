// `npm run cluster`: three nodes on this machine. Prints where they are, shows what they say, and stops them all on Ctrl-C.
// What they hold stays in ./data/cluster. A node that ends is reported and not started again, so that one can see what the
// others do.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { root, setUp } from "./setup.mjs";

/** Under npm, Ctrl-C arrives twice: from the terminal, and passed on by npm. */
const sameSignalMs = 500;

const usage = `npm run cluster [-- --base-port PORT] [--data-dir DIR]

Starts the nodes n1, n2 and n3. With base port P, node n serves gRPC at P + 100 (n - 1), the other nodes at the port above,
and HTTP at the gRPC port - 1010. Default: 9090.`;

const { values } = readArguments();
const basePort = Number(values["base-port"]);
if (!Number.isInteger(basePort) || basePort < 1034 || basePort > 65_000)
  stopWith("--base-port must be from 1034 to 65000");

const host = "127.0.0.1";
const nodes = [1, 2, 3].map((number) => {
  const grpcPort = basePort + 100 * (number - 1);
  return {
    id: `n${number}`,
    grpcPort,
    httpPort: grpcPort - 1010,
    regionPort: grpcPort + 1,
    dataDir: join(values["data-dir"], `n${number}`),
    child: null,
  };
});

await setUp();
console.log(table());
let stoppingSince = 0;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stopAll);
process.on("exit", () => {
  for (const { child } of nodes) child?.kill("SIGKILL");
});
for (const node of nodes) start(node);

function readArguments() {
  try {
    const options = {
      "base-port": { type: "string", default: "9090" },
      "data-dir": { type: "string", default: join(root, "data", "cluster") },
      help: { type: "boolean" },
    };
    const read = parseArgs({ options });
    if (!read.values.help) return read;
    console.log(usage);
    process.exit(0);
  } catch (error) {
    stopWith(error.message);
  }
}

function stopWith(problem) {
  console.error(`${problem}\n\n${usage}`);
  process.exit(64);
}

function table() {
  const rows = [
    ["node", "gRPC", "HTTP", "between nodes", "data"],
    ...nodes.map(({ id, grpcPort, httpPort, regionPort, dataDir }) => [
      id,
      `localhost:${grpcPort}`,
      `http://localhost:${httpPort}`,
      `localhost:${regionPort}`,
      dataDir,
    ]),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join("  ")
      .trimEnd(),
  );
  return `\n${lines.join("\n")}\n\nCtrl-C stops them all; kill one to see the others go on.\n`;
}

function start(node) {
  const others = nodes.filter((other) => other !== node);
  const child = spawn(process.execPath, ["--enable-source-maps", join(root, "dist", "src", "main.js")], {
    // In a group of its own, so that Ctrl-C reaches it through this process only.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      NODE_ID: node.id,
      GRPC_PORT: String(node.grpcPort),
      HTTP_PORT: String(node.httpPort),
      REGION_PORT: String(node.regionPort),
      RAFT_PEERS: others.map((other) => `${other.id}:${host}:${other.regionPort}`).join(","),
      DATA_DIR: node.dataDir,
    },
  });
  node.child = child;
  const say = (line) => console.log(`${node.id}  ${line}`);
  say(`process ${child.pid}`);
  createInterface({ input: child.stdout }).on("line", (line) => say(condensed(line)));
  createInterface({ input: child.stderr }).on("line", say);
  child.on("close", (code, signal) => {
    node.child = null;
    say(stoppingSince > 0 && code === 0 ? "stopped" : `ended with ${code ?? signal}`);
    if (nodes.every((other) => other.child === null)) process.exit(stoppingSince > 0 ? 0 : 1);
  });
}

/** A log line without what the reader of a terminal knows anyway. */
function condensed(line) {
  let entry;
  try {
    entry = JSON.parse(line);
  } catch {
    return line;
  }
  const { level, time, node: _, region: __, actor, msg, err, ...rest } = entry;
  const levels = { 10: "trace", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal" };
  const details = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === "object" ? JSON.stringify(value) : value}`,
  );
  const clock = new Date(time).toISOString().slice(11, 23);
  return [clock, (levels[level] ?? "").padEnd(5), actor, msg, err?.message, ...details]
    .filter((word) => word)
    .join(" ");
}

/** Asks all nodes to stop; asked again, makes them. */
function stopAll() {
  const now = Date.now();
  const again = stoppingSince > 0;
  if (again && now - stoppingSince < sameSignalMs) return;
  if (!again) {
    console.log("\nstopping all nodes");
    stoppingSince = now;
  }
  for (const { child } of nodes) child?.kill(again ? "SIGKILL" : "SIGTERM");
}
