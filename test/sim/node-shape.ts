// What a simulated node is made of: the states of its actors, their mailboxes, their named timers, and the node's own clock.
// How letters go about in it stands in node.ts.

import type { Behaviour } from "../../src/actors/actor.ts";
import type { Config } from "../../src/actors/config.ts";
import type { ActorName } from "../../src/actors/messages.ts";
import type { Instant, NodeId } from "../../src/actors/scalars.ts";
import type { Clock } from "./clock.ts";
import type { Copying } from "./copy.ts";
import type { Random } from "./random.ts";
import type { Happening, Moment, Schedule } from "./schedule.ts";
import type { Witness } from "./witness.ts";

/** An actor as the host sees it: any behaviour with its state, or a simulated resident. */
export interface Resident {
  readonly receive: (letter: never, from: ActorName) => void;
}

export type AnyResident = { readonly receive: (letter: unknown, from: ActorName) => void };

export type AnyEffect =
  | { readonly type: "send"; readonly to: ActorName; readonly letter: unknown }
  | { readonly type: "setTimer"; readonly timer: string; readonly min: number; readonly max: number }
  | { readonly type: "cancelTimer"; readonly timer: string };

export interface Hosted {
  readonly receive: (letter: unknown, now: Instant) => readonly AnyEffect[];
}

/** Starts a behaviour from `config`. The type of its state ends here. */
export type Hosting = (config: Config) => Hosted;

export function hosting<Self extends ActorName, State>(behaviour: Behaviour<Self, State>): Hosting {
  return (config) => {
    const state = behaviour.start(config);
    type Message = Parameters<typeof behaviour.receive>[1];
    return {
      receive: (letter, now) => behaviour.receive(state, letter as Message, now) as unknown as readonly AnyEffect[],
    };
  };
}

/** The actors that are behaviours; the others are simulated. */
export type Acting = "gateway" | "raft" | "lock" | "lease" | "region";

export interface Arrow {
  readonly from: ActorName;
  readonly to: ActorName;
  readonly mailbox: Mailbox;
  /** Those that wait are from `taken` up to `given`. */
  readonly letters: unknown[];
  taken: number;
  given: number;
  /** Hands over the oldest letter. */
  readonly turn: () => void;
}

/** A timer that is set again before it has run out stays where it is scheduled, and looks again when that moment has come. */
export interface Timer {
  readonly name: string;
  isSet: boolean;
  /** By the clock of the node. */
  due: number;
  /** By true time, and a little late. */
  rings: Moment;
  happening: Happening | null;
}

export interface Mailbox {
  readonly owner: ActorName;
  readonly hosted: Hosted | null;
  readonly resident: AnyResident | null;
  /** To its owner, by sender; and from its owner, by receiver. */
  readonly arrows: Map<ActorName, Arrow>;
  readonly outgoing: Map<ActorName, Arrow>;
  readonly timers: Map<string, Timer>;
  /** While paused: deliveries that would have taken place. */
  readonly owed: (() => void)[];
  paused: boolean;
}

/** How long things take inside a node, in milliseconds. */
export interface Pace {
  readonly delayMin: number;
  readonly delayMax: number;
  /** How often a letter takes up to `stallMax` instead: a busy thread, a garbage collection. */
  readonly stallChance: number;
  readonly stallMax: number;
  /** How much later than asked for a timer may run out. */
  readonly latenessMax: number;
  /** How often what goes to the outer world or comes from there (disk, wires, clients) takes as long as any other letter: at
   *  all times if not given. Else it is there at once: disk and wires take their own time anyway. */
  readonly hopChance?: number;
}

/** Sees every letter of a node as it is written. */
export type Lookout = (from: ActorName, to: ActorName, letter: unknown) => void;

export interface SimNode {
  readonly id: NodeId;
  readonly clock: Clock;
  readonly timetable: Schedule;
  readonly random: Random;
  readonly pace: Pace;
  readonly copying: Copying;
  readonly witness: Witness;
  isRunning: boolean;
  /** Waits for a letter at which something is to happen to the node. */
  lookout: Lookout | null;
  /** Counts starts; what was scheduled for an earlier one does not happen. */
  epoch: number;
  actors: ReadonlyMap<ActorName, Hosted>;
  residents: ReadonlyMap<ActorName, Resident>;
  mailboxes: Map<ActorName, Mailbox>;
}

export type NodeParts = Pick<SimNode, "id" | "clock" | "timetable" | "random" | "pace" | "copying" | "witness">;

export const createNode = (parts: NodeParts): SimNode => ({
  ...parts,
  isRunning: false,
  lookout: null,
  epoch: 0,
  actors: new Map(),
  residents: new Map(),
  mailboxes: new Map(),
});
