// The life of a worker thread: it hosts its cast, serves its control to the main thread, and dies loudly. Whatever breaks
// here is written down by this thread, which knows the actor; then the thread ends, and with it the node.

import { performance } from "node:perf_hooks";
import { workerData } from "node:worker_threads";
import type { Remote } from "comlink";
import { type NodeControl, reachControl, type StartProblem, serveControl, type WorkerBirth } from "./control.ts";
import { exitCodes, StartError } from "./resident.ts";
import { openLog } from "./telemetry.ts";
import { type Cast, type Failure, type HostedThread, hostThread } from "./thread.ts";
import { machineClockwork } from "./timers.ts";

/** Called once, by the entry file of a worker. */
export function serveThread(cast: Cast): void {
  const { actors, arrows, settings, threadPort, nodePort, thread } = workerData as WorkerBirth;
  const log = openLog(settings);
  const node: Remote<NodeControl> = reachControl<NodeControl>(nodePort);
  let host: HostedThread | null = null;

  /** Connections go first: a thread that ends while data of HTTP/2 still come in makes Node abort the process. */
  const end = (exitCode: number): void => {
    try {
      host?.cut();
    } finally {
      process.exit(exitCode);
    }
  };

  const fail = ({ actor, error, cause }: Failure): void => {
    log.fatal({ actor, thread, err: error }, "the node stops: an actor is broken");
    end(cause === "io" ? exitCodes.io : exitCodes.broken);
  };
  // An error outside of any letter comes from the I/O of an actor of this thread.
  process.on("uncaughtException", (error) => {
    log.fatal({ actors, thread, err: error }, "the node stops: an error that nobody expected");
    end(exitCodes.broken);
  });

  async function start(): Promise<StartProblem | null> {
    const inspectNode = () => node.inspectNode();
    host = hostThread({ cast, settings, actors, arrows, clockwork: machineClockwork, log, fail, inspectNode });
    try {
      await host.start();
      return null;
    } catch (error) {
      if (error instanceof StartError) return { message: error.message, exitCode: error.exitCode };
      throw error;
    }
  }

  serveControl(
    {
      start,
      stop: async (actor) => host?.stop(actor),
      end: () => end(0),
      inspect: () => host?.inspect() ?? {},
      health: () => ({
        lettersRead: host?.lettersRead() ?? 0,
        utilization: performance.eventLoopUtilization().utilization,
      }),
    },
    threadPort,
  );
}
