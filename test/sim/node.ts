// Hosts the actors of one node: hands letters over and rings timers by the node's own clock. Letters on one arrow stay in
// order; across arrows there is none. A crash forgets everything that is in here; a pause (SIGSTOP) holds every letter and
// timer back while the clock goes on.

import type { Config } from "../../src/actors/config.ts";
import type { ActorName, Letters } from "../../src/actors/messages.ts";
import type { Instant } from "../../src/actors/scalars.ts";
import { momentOf, readClock, setRate } from "./clock.ts";
import { copyLetter } from "./copy.ts";
import type {
  Acting,
  AnyEffect,
  AnyResident,
  Arrow,
  Hosted,
  Hosting,
  Mailbox,
  Resident,
  SimNode,
  Timer,
} from "./node-shape.ts";
import { callOff, schedule } from "./schedule.ts";
import { Violation } from "./witness.ts";

export {
  type Acting,
  type AnyEffect,
  createNode,
  type Hosting,
  hosting,
  type Pace,
  type Resident,
  type SimNode,
} from "./node-shape.ts";

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
  node.actors = new Map(acting.map(([name, begin]) => [name, begin(config)] as const));
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
  if (node.isRunning) accept(node, arrowOf(node, from, to), letter, false);
}

/** The same from the outer world, which at most times has waited long enough already. */
export function bring<From extends ActorName, To extends keyof Letters[From] & ActorName>(
  node: SimNode,
  from: From,
  to: To,
  letter: Letters[From][To],
): void {
  if (node.isRunning) accept(node, arrowOf(node, from, to), letter, true);
}

/** `mayHurry`: hands it over at once if nothing is in its way. */
function accept(node: SimNode, arrow: Arrow, letter: unknown, mayHurry: boolean): void {
  const { pace, random, timetable, copying, witness, lookout } = node;
  const { from, to, mailbox } = arrow;
  const copy = copying === "shared" ? letter : copyLetter(letter, copying);
  witness.said?.(node.id, from, to, copy);
  if (lookout !== null) lookout(from, to, copy);
  const luck = random.next();
  if (mayHurry && luck >= pace.stallChance + (pace.hopChance ?? 1) && arrow.given === 0 && !mailbox.paused) {
    hand(node, from, mailbox, copy);
    return;
  }
  arrow.letters[arrow.given] = copy;
  arrow.given += 1;
  const delay =
    luck < pace.stallChance ? random.between(0, pace.stallMax) : random.between(pace.delayMin, pace.delayMax);
  // Whichever delivery comes first takes the oldest letter, so that an arrow keeps its order whatever delays are drawn.
  schedule(timetable, timetable.now + delay, arrow.turn);
}

function mailboxOf(node: SimNode, owner: ActorName): Mailbox {
  let mailbox = node.mailboxes.get(owner);
  if (mailbox === undefined) {
    const hosted = node.actors.get(owner) ?? null;
    const resident = (node.residents.get(owner) as AnyResident | undefined) ?? null;
    const [arrows, outgoing] = [new Map(), new Map()];
    mailbox = { owner, hosted, resident, arrows, outgoing, timers: new Map(), owed: [], paused: false };
    node.mailboxes.set(owner, mailbox);
  }
  return mailbox;
}

function arrowOf(node: SimNode, from: ActorName, to: ActorName): Arrow {
  const mailbox = mailboxOf(node, to);
  let arrow = mailbox.arrows.get(from);
  if (arrow === undefined) {
    const { epoch } = node;
    const made: Arrow = { from, to, mailbox, letters: [], taken: 0, given: 0, turn: () => deliver(node, epoch, made) };
    mailbox.arrows.set(from, made);
    arrow = made;
  }
  return arrow;
}

function deliver(node: SimNode, epoch: number, arrow: Arrow): void {
  if (node.epoch !== epoch) return;
  const { letters, mailbox } = arrow;
  if (mailbox.paused) {
    mailbox.owed.push(arrow.turn);
    return;
  }
  const letter = letters[arrow.taken];
  letters[arrow.taken] = undefined;
  arrow.taken += 1;
  if (arrow.taken === arrow.given) {
    arrow.taken = 0;
    arrow.given = 0;
  }
  hand(node, arrow.from, mailbox, letter);
}

function hand(node: SimNode, from: ActorName, mailbox: Mailbox, letter: unknown): void {
  const { hosted, resident, owner } = mailbox;
  node.witness.handed?.(node.id, from, owner, letter);
  if (hosted === null) {
    resident?.receive(letter, from);
    return;
  }
  const effects = receive(node, hosted, owner, letter);
  for (let at = 0; at < effects.length; at += 1) perform(node, mailbox, effects[at] as AnyEffect);
}

function receive(node: SimNode, actor: Hosted, name: ActorName, letter: unknown): readonly AnyEffect[] {
  try {
    return actor.receive(letter, now(node));
  } catch (error) {
    const { message, stack } = error as Error;
    throw new Violation(`an actor broke down: ${name} of ${node.id}: ${message}`, { cause: stack });
  }
}

function perform(node: SimNode, actor: Mailbox, effect: AnyEffect): void {
  switch (effect.type) {
    case "send": {
      const arrow = outgoingOf(node, actor, effect.to);
      return accept(node, arrow, effect.letter, arrow.mailbox.hosted === null);
    }
    case "setTimer": {
      const span = effect.max > effect.min ? node.random.between(effect.min, effect.max) : effect.min;
      return armTimer(node, actor, effect.timer, now(node) + span);
    }
    case "cancelTimer": {
      const timer = actor.timers.get(effect.timer);
      if (timer !== undefined) timer.isSet = false;
    }
  }
}

function outgoingOf(node: SimNode, actor: Mailbox, to: ActorName): Arrow {
  let arrow = actor.outgoing.get(to);
  if (arrow === undefined) {
    arrow = arrowOf(node, actor.owner, to);
    actor.outgoing.set(to, arrow);
  }
  return arrow;
}

function armTimer(node: SimNode, mailbox: Mailbox, name: string, due: number): void {
  const { pace, random, clock } = node;
  let timer = mailbox.timers.get(name);
  if (timer === undefined) {
    timer = { name, isSet: true, due, rings: 0, happening: null };
    mailbox.timers.set(name, timer);
  }
  timer.isSet = true;
  timer.due = due;
  timer.rings = momentOf(clock, due) + random.between(0, pace.latenessMax);
  if (timer.happening === null || timer.happening.at > timer.rings) scheduleTimer(node, mailbox, timer);
}

function scheduleTimer(node: SimNode, mailbox: Mailbox, timer: Timer): void {
  const { epoch, timetable } = node;
  if (timer.happening !== null) callOff(timer.happening);
  timer.happening = schedule(timetable, timer.rings, () => {
    timer.happening = null;
    if (node.epoch === epoch) runOut(node, epoch, { mailbox, timer });
  });
}

function runOut(node: SimNode, epoch: number, expired: { mailbox: Mailbox; timer: Timer }): void {
  const { mailbox, timer } = expired;
  // Cancelled; or set anew by a letter that was handled while this waited for the actor to resume.
  if (node.epoch !== epoch || !timer.isSet || timer.happening !== null) return;
  if (mailbox.paused) {
    mailbox.owed.push(() => runOut(node, epoch, expired));
    return;
  }
  // Set anew meanwhile; or rounding, or a clock that was slowed down: a timer is late at times, never early.
  if (now(node) < timer.due) timer.rings = Math.max(timer.rings, momentOf(node.clock, timer.due) + 0.001);
  if (node.timetable.now < timer.rings) return scheduleTimer(node, mailbox, timer);
  timer.isSet = false;
  hand(node, mailbox.owner, mailbox, { type: "timeout", timer: timer.name });
}

/** Changes how fast the node's clock runs; timers follow it. */
export function setClockRate(node: SimNode, rate: number): void {
  const { timetable, clock } = node;
  setRate(clock, timetable.now, rate);
  for (const mailbox of node.mailboxes.values()) {
    for (const timer of mailbox.timers.values()) {
      if (!timer.isSet) continue;
      timer.rings = momentOf(clock, timer.due);
      scheduleTimer(node, mailbox, timer);
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
