// The control plane between the main thread and the workers, over comlink: start, stop, inspect, health. Actors never use
// it among themselves. It is slow and rare; letters are neither.

import type { MessagePort } from "node:worker_threads";
import { type Endpoint, expose, type Remote, wrap } from "comlink";
import type { Inspection } from "../actors/actor.ts";
import type { HostedActor } from "./placement.ts";
import type { Settings } from "./settings.ts";
import type { ArrowEnd } from "./thread.ts";

/** What the actors of a node say of themselves, by actor. */
export type NodeInspection = Readonly<Record<string, Inspection>>;

/** What the main thread asks of a worker. */
export interface ThreadControl {
  /** Starts the actors of this worker. Null if they run; else why they cannot, as an operator shall read it. */
  readonly start: () => Promise<StartProblem | null>;
  /** Stops an actor that does I/O. */
  readonly stop: (actor: HostedActor) => Promise<void>;
  /** Ends the thread as it is; nobody answers. */
  readonly end: () => void;
  readonly inspect: () => NodeInspection;
  readonly health: () => ThreadHealth;
}

/** What a worker asks of the main thread. */
export interface NodeControl {
  /** Asks all workers. */
  readonly inspectNode: () => Promise<NodeInspection>;
}

/** A `StartError`, which would lose its exit code on its way between threads. */
export interface StartProblem {
  readonly message: string;
  readonly exitCode: number;
}

export interface ThreadHealth {
  /** How many letters and timeouts the thread has read so far. */
  readonly lettersRead: number;
  /** The share of time that the thread was busy, since it started. */
  readonly utilization: number;
}

/** What a worker is given at birth. */
export interface WorkerBirth {
  readonly thread: string;
  readonly actors: readonly HostedActor[];
  readonly settings: Settings;
  /** Its ends of the arrows. Handed over before any actor lives, so that none is ever missing. */
  readonly arrows: readonly ArrowEnd[];
  /** Where it serves its `ThreadControl`. */
  readonly threadPort: MessagePort;
  /** Where it finds the `NodeControl`. */
  readonly nodePort: MessagePort;
}

/** Serves `control` at `port`. */
export const serveControl = (control: ThreadControl | NodeControl, port: MessagePort): void =>
  expose(control, port as unknown as Endpoint);

/** The control that is served at the other end of `port`. Keep it: comlink closes the port of one that is forgotten. */
export const reachControl = <Control extends ThreadControl | NodeControl>(port: MessagePort): Remote<Control> =>
  wrap<Control>(port as unknown as Endpoint);
