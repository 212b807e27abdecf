// Makes the threads of a node and joins them: one MessageChannel for each arrow of the topology that leads from one thread
// to another, its two ends handed to the two workers, so that no letter passes through the main thread.

import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { Remote } from "comlink";
import type { ActorName, Letters } from "../actors/messages.ts";
import { arrows } from "../actors/topology.ts";
import {
  type NodeControl,
  type NodeInspection,
  reachControl,
  type StartProblem,
  serveControl,
  type ThreadControl,
  type WorkerBirth,
} from "./control.ts";
import { openPostOffice } from "./mailbox.ts";
import { type HostedActor, placements, threadsOf } from "./placement.ts";
import type { Settings } from "./settings.ts";
import type { ArrowEnd } from "./thread.ts";

/** A thread as the placement names it. */
interface Home {
  readonly name: string;
  readonly actors: readonly HostedActor[];
}

export interface Thread extends Home {
  readonly worker: Worker;
  readonly control: Remote<ThreadControl>;
  readonly ended: Promise<void>;
}

/** A thread that ended though nobody had asked it to. */
export interface Fall {
  readonly thread: string;
  readonly exitCode: number;
  /** What ended it, if the thread itself could not say. */
  readonly error: Error | null;
}

export interface Threads {
  readonly all: readonly Thread[];
  /** Starts the actors. Resolves with what stands in their way: nothing, if the list is empty. */
  readonly start: () => Promise<readonly StartProblem[]>;
  readonly hosting: (actor: HostedActor) => Thread;
  /** Writes as the supervisor. */
  readonly post: <To extends keyof Letters["supervisor"]>(to: To, letter: Letters["supervisor"][To]) => void;
  readonly inspect: () => Promise<NodeInspection>;
  /** Ends all threads, whatever they are doing. */
  readonly end: () => Promise<void>;
}

export interface SpawnOptions {
  readonly settings: Settings;
  /** The file that each worker runs; it calls `serveThread`. */
  readonly entry: URL;
  readonly onFall: (fall: Fall) => void;
  /** How long a thread that was asked to end may take before it is ended. */
  readonly askedMs: number;
}

/** Makes the threads; no actor lives yet. */
export function spawnThreads({ settings, entry, onFall, askedMs }: SpawnOptions): Threads {
  let ending = false;
  const placement = placements[settings.threads];
  const nodeControl: NodeControl = { inspectNode: () => inspect() };
  const homes = [...threadsOf(placement)].map(([name, actors]) => ({ name, actors }));
  const { ends, own } = joinThreads(homes);
  const all = homes.map(bear);
  const byName = new Map(all.map((thread) => [thread.name, thread]));
  const hosting = (actor: HostedActor): Thread => byName.get(placement[actor]) as Thread;

  function bear({ name, actors }: Home): Thread {
    const mine = ends.get(name) as ArrowEnd[];
    const toThread = new MessageChannel();
    const toNode = new MessageChannel();
    const controlPorts = { threadPort: toThread.port2, nodePort: toNode.port2 };
    const birth: WorkerBirth = { thread: name, actors, settings, arrows: mine, ...controlPorts };
    const transferList = [...Object.values(controlPorts), ...mine.map((end) => end.port)];
    const worker = new Worker(entry, { name, workerData: birth, transferList });
    let error: Error | null = null;
    worker.on("error", (cause) => {
      error = cause as Error;
    });
    const ended = new Promise<void>((resolve) => {
      worker.on("exit", (exitCode) => {
        resolve();
        if (!ending) onFall({ thread: name, exitCode, error });
      });
    });
    serveControl(nodeControl, toNode.port1);
    return { name, actors, worker, control: reachControl<ThreadControl>(toThread.port1), ended };
  }

  async function inspect(): Promise<NodeInspection> {
    const parts = await Promise.all(all.map((thread) => thread.control.inspect()));
    return Object.assign({}, ...parts) as NodeInspection;
  }

  const office = openPostOffice();
  const ways = new Map(own.map(({ to, port }) => [to, office.open(`supervisor → ${to}`, port)]));

  async function start(): Promise<readonly StartProblem[]> {
    // Sockets are opened before files are touched: a port in use leaves no trace on the disk.
    const last = hosting("storage");
    const first = await Promise.all(all.filter((thread) => thread !== last).map(({ control }) => control.start()));
    const problems = first.filter((problem) => problem !== null);
    if (problems.length > 0) return problems;
    const problem = await last.control.start();
    return problem === null ? [] : [problem];
  }

  return {
    all,
    start,
    hosting,
    post: (to, letter) => ways.get(to)?.(letter),
    inspect,
    end: async () => {
      ending = true;
      // A thread knows what must go before it; one that does not listen is ended all the same.
      for (const { control } of all) void control.end();
      let patience: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        patience = setTimeout(resolve, askedMs);
      });
      await Promise.race([Promise.all(all.map(({ ended }) => ended)), late]);
      clearTimeout(patience);
      await Promise.all(all.map((thread) => thread.worker.terminate()));
    },
  };
}

/** One channel for each arrow between two threads: the ends for each thread, and those that the main thread keeps. */
export function joinThreads(threads: readonly Home[]): {
  ends: Map<string, ArrowEnd[]>;
  own: ArrowEnd[];
} {
  const home = new Map<ActorName, string>(threads.flatMap(({ name, actors }) => actors.map((actor) => [actor, name])));
  const ends = new Map(threads.map(({ name }) => [name, [] as ArrowEnd[]]));
  const own: ArrowEnd[] = [];
  const hand = (actor: ActorName, end: ArrowEnd): void => {
    const thread = home.get(actor);
    (thread === undefined ? own : (ends.get(thread) as ArrowEnd[])).push(end);
  };
  for (const [from, to] of arrows) {
    if (home.get(from) === home.get(to)) continue;
    const { port1, port2 }: { port1: MessagePort; port2: MessagePort } = new MessageChannel();
    hand(from, { from, to, port: port1 });
    hand(to, { from, to, port: port2 });
  }
  return { ends, own };
}
