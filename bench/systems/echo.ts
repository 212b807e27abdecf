// The floor: a process that speaks this service's interface and does nothing. What it takes is the price of gRPC in Node, on
// both sides; what lockmgr takes beyond it is the price of threads, log, flush and replication.

import { fork } from "node:child_process";
import { once } from "node:events";
import type { System } from "../system.ts";

export const echo: System = {
  name: "echo",
  nodesMax: 1,
  start: async () => {
    const child = fork(new URL("./echo-server.js", import.meta.url), { stdio: "inherit" });
    const [port] = (await once(child, "message")) as [number];
    return {
      target: { driver: "lockmgr", addresses: [`127.0.0.1:${port}`] },
      stop: async () => {
        child.kill("SIGKILL");
        await once(child, "exit");
      },
    };
  },
};
