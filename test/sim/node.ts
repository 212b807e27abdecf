// Hosts the actors of one node: their states, their mailboxes, their named timers, and the node's own clock. Letters on one
// arrow stay in order; across arrows there is none. A crash forgets everything that is in here; a pause (SIGSTOP) holds
// every letter and timer back while the clock goes on.

import type { Behaviour } from "../../src/actors/actor.ts";
import type { Config } from "../../src/actors/config.ts";
import type { ActorName, Letters } from "../../src/actors/messages.ts";
import type { Instant, NodeId } from "../../src/actors/scalars.ts";
import { type Clock, momentOf, readClock, setRate } from "./clock.ts";
import { type Copying, copyLetter } from "./copy.ts";
import type { Random } from "./random.ts";
import { callOff, type Happening, type Schedule, schedule } from "./schedule.ts";
import { Violation, type Witness } from "./witness.ts";

/** An actor as the host sees it: any behaviour with its state, or a simulated resident. */
export interface Resident {
  readonly receive: (letter: never, from: ActorName) => void;
}

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

interface Arrow {
  readonly from: ActorName;
  readonly to: ActorName;
  readonly letters: unknown[];
  /** How many of `letters` have been handed over already. */
  taken: number;
}

interface Timer {
  readonly due: number;
  happening: Happening;
}

interface Mailbox {
  readonly arrows: Map<ActorName, Arrow>;
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

export const now = (node: SimNode): Instant => readClock(node.clock, node.timetable.now);

/** Starts the node's process: fresh actors, empty mailboxes. */
export function startNode(
  node: SimNode,
  config: Config,
  parts: { behaviours: Readonly<Record<Acting, Hosting>>; residents: ReadonlyMap<ActorName, Resident> },
): void {
  node.epoch += 1;
  node.isRunning = true;
  node.mailboxes = new Map();
  node.residents = parts.residents;
  const acting = Object.entries(parts.behaviours) as [Acting, Hosting][];
  node.actors = new Map(acting.map(([name, start]) => [name, start(config)] as const));
  node.witness.started?.(node.id);
}

/** kill -9: nothing that was in memory is left. */
export function crashNode(node: SimNode): void {
  node.epoch += 1;
  node.isRunning = false;
  node.actors = new Map();
  node.residents = new Map();
  node.mailboxes = new Map();
  node.witness.stopped?.(node.id);
}

/** Puts a letter into the mailbox of an actor of this node. */
export function post<From extends ActorName, To extends keyof Letters[From] & ActorName>(
  node: SimNode,
  from: From,
  to: To,
  letter: Letters[From][To],
): void {
  postAny(node, from, to, letter);
}

function postAny(node: SimNode, from: ActorName, to: ActorName, letter: unknown): void {
  if (!node.isRunning) return;
  const copy = copyLetter(letter, node.copying);
  node.witness.said?.(node.id, from, to, copy);
  node.lookout?.(from, to, copy);
  const arrow = arrowOf(mailboxOf(node, to), from, to);
  arrow.letters.push(copy);
  const { epoch, pace, random, timetable } = node;
  const delay = random.chance(pace.stallChance)
    ? random.between(0, pace.stallMax)
    : random.between(pace.delayMin, pace.delayMax);
  // Whichever delivery comes first takes the oldest letter, so that an arrow keeps its order whatever delays are drawn.
  schedule(timetable, timetable.now + delay, () => deliver(node, epoch, arrow));
}

function mailboxOf(node: SimNode, owner: ActorName): Mailbox {
  let mailbox = node.mailboxes.get(owner);
  if (mailbox === undefined) {
    mailbox = { arrows: new Map(), timers: new Map(), owed: [], paused: false };
    node.mailboxes.set(owner, mailbox);
  }
  return mailbox;
}

function arrowOf(mailbox: Mailbox, from: ActorName, to: ActorName): Arrow {
  let arrow = mailbox.arrows.get(from);
  if (arrow === undefined) {
    arrow = { from, to, letters: [], taken: 0 };
    mailbox.arrows.set(from, arrow);
  }
  return arrow;
}

function deliver(node: SimNode, epoch: number, arrow: Arrow): void {
  if (node.epoch !== epoch) return;
  const mailbox = mailboxOf(node, arrow.to);
  if (mailbox.paused) {
    mailbox.owed.push(() => deliver(node, epoch, arrow));
    return;
  }
  const letter = arrow.letters[arrow.taken];
  arrow.letters[arrow.taken] = undefined;
  arrow.taken += 1;
  if (arrow.taken === arrow.letters.length) {
    arrow.letters.length = 0;
    arrow.taken = 0;
  }
  hand(node, arrow.from, arrow.to, letter);
}

function hand(node: SimNode, from: ActorName, to: ActorName, letter: unknown): void {
  node.witness.handed?.(node.id, from, to, letter);
  const actor = node.actors.get(to);
  if (actor === undefined) {
    const resident = node.residents.get(to);
    (resident as { receive: (letter: unknown, from: ActorName) => void } | undefined)?.receive(letter, from);
    return;
  }
  for (const effect of receive(node, actor, to, letter)) perform(node, to, effect);
}

function receive(node: SimNode, actor: Hosted, name: ActorName, letter: unknown): readonly AnyEffect[] {
  try {
    return actor.receive(letter, now(node));
  } catch (error) {
    const { message, stack } = error as Error;
    throw new Violation(`an actor broke down: ${name} of ${node.id}: ${message}`, { cause: stack });
  }
}

function perform(node: SimNode, actor: ActorName, effect: AnyEffect): void {
  switch (effect.type) {
    case "send":
      return postAny(node, actor, effect.to, effect.letter);
    case "setTimer": {
      const span = effect.max > effect.min ? node.random.between(effect.min, effect.max) : effect.min;
      return armTimer(node, actor, effect.timer, now(node) + span);
    }
    case "cancelTimer": {
      const { timers } = mailboxOf(node, actor);
      const timer = timers.get(effect.timer);
      if (timer !== undefined) callOff(timer.happening);
      timers.delete(effect.timer);
    }
  }
}

function armTimer(node: SimNode, actor: ActorName, name: string, due: number): void {
  const { epoch, pace, random, timetable, clock } = node;
  const { timers } = mailboxOf(node, actor);
  const former = timers.get(name);
  if (former !== undefined) callOff(former.happening);
  const lateness = random.between(0, pace.latenessMax);
  const happening = schedule(timetable, momentOf(clock, due) + lateness, () =>
    runOut(node, epoch, { actor, name, timer }),
  );
  const timer: Timer = { due, happening };
  timers.set(name, timer);
}

function runOut(node: SimNode, epoch: number, expired: { actor: ActorName; name: string; timer: Timer }): void {
  if (node.epoch !== epoch) return;
  const { actor, name, timer } = expired;
  const mailbox = mailboxOf(node, actor);
  // Set anew or cancelled by a letter that was handled while this waited for the actor to resume.
  if (mailbox.timers.get(name) !== timer) return;
  if (mailbox.paused) {
    mailbox.owed.push(() => runOut(node, epoch, expired));
    return;
  }
  // Rounding, or a clock that was slowed down in the meantime: a timer is late at times, never early.
  if (now(node) < timer.due) {
    timer.happening = schedule(node.timetable, momentOf(node.clock, timer.due) + 0.001, () =>
      runOut(node, epoch, expired),
    );
    return;
  }
  mailbox.timers.delete(name);
  hand(node, actor, actor, { type: "timeout", timer: name });
}

/** Changes how fast the node's clock runs; timers follow it. */
export function setClockRate(node: SimNode, rate: number): void {
  const { epoch, timetable, clock } = node;
  setRate(clock, timetable.now, rate);
  for (const [actor, mailbox] of node.mailboxes) {
    for (const [name, timer] of mailbox.timers) {
      callOff(timer.happening);
      timer.happening = schedule(timetable, momentOf(clock, timer.due), () =>
        runOut(node, epoch, { actor, name, timer }),
      );
    }
  }
}

/** SIGSTOP of the whole node, or a blocked event loop of some of its actors. */
export function pause(node: SimNode, actors: readonly ActorName[]): void {
  for (const actor of actors) mailboxOf(node, actor).paused = true;
}

/** SIGCONT: what was held back is handed over within moments; timers and letters in any order, each arrow in its own. */
export function resume(node: SimNode, actors: readonly ActorName[]): void {
  const { random, timetable, pace } = node;
  for (const actor of actors) {
    const mailbox = mailboxOf(node, actor);
    mailbox.paused = false;
    for (const delivery of mailbox.owed.splice(0)) {
      schedule(timetable, timetable.now + random.between(0, 2 * pace.delayMax), delivery);
    }
  }
}

export const isPaused = (node: SimNode, actor: ActorName): boolean => node.mailboxes.get(actor)?.paused ?? false;
