// Hosts the actors of one thread. This is the only place where effects become I/O: a letter to another thread goes to the
// mailbox of its arrow, a letter to an actor of this thread into the queue below, a timer to the clock. Letters on one arrow
// stay in order. An actor that throws stops the node.

import type { MessagePort } from "node:worker_threads";
import type { Logger } from "pino";
import type { Behaviour, Effect, Inbox, Inspection, Timeout } from "../actors/actor.ts";
import type { Config } from "../actors/config.ts";
import type { ActorName, Timers } from "../actors/messages.ts";
import type { Instant } from "../actors/scalars.ts";
import { openPostOffice, type Post, takeLetters } from "./mailbox.ts";
import type { HostedActor } from "./placement.ts";
import type { Mail, Resident, StartResident, Surroundings } from "./resident.ts";
import type { Settings } from "./settings.ts";
import { type ActorTimers, type Clockwork, createTimers } from "./timers.ts";

/** An actor that decides, with its state inside. */
export interface Decider<Self extends ActorName> {
  readonly receive: (message: Inbox<Self>, now: Instant) => Effect<Self>[];
  readonly inspect: () => Inspection;
}

/** How an actor comes to life: as one that decides, or as one that does I/O. */
export type Part<Self extends ActorName> =
  | { readonly type: "decides"; readonly start: (config: Config) => Decider<Self> }
  | { readonly type: "acts"; readonly start: StartResident<Self> };

/** Which part each actor plays. Loaded by the thread that hosts it and by no other. */
export type Cast = { readonly [Self in HostedActor]: () => Promise<Part<Self>> };

/** The part of an actor that decides. */
export const decides = <Self extends ActorName, State>(behaviour: Behaviour<Self, State>): Part<Self> => ({
  type: "decides",
  start: (config) => {
    const state = behaviour.start(config);
    return {
      receive: (message, now) => behaviour.receive(state, message, now),
      inspect: () => behaviour.inspect(state),
    };
  },
});

/** The part of an actor that does I/O. */
export const acts = <Self extends ActorName>(start: StartResident<Self>): Part<Self> => ({ type: "acts", start });

/** This thread's end of an arrow that leaves it or leads to it. */
export interface ArrowEnd {
  readonly from: ActorName;
  readonly to: ActorName;
  readonly port: MessagePort;
}

/** What the host needs that is not the same in a worker and in a test. */
export interface ThreadOptions {
  readonly cast: Cast;
  readonly settings: Settings;
  readonly actors: readonly HostedActor[];
  readonly arrows: readonly ArrowEnd[];
  readonly clockwork: Clockwork;
  readonly log: Logger;
  /** An actor is broken: nothing of this node may go on. */
  readonly fail: (failure: Failure) => void;
  readonly inspectNode: Surroundings<ActorName>["inspectNode"];
}

export interface Failure {
  readonly actor: ActorName;
  readonly error: unknown;
  /** A broken actor, or surroundings that an actor found to be so bad that it must not go on. */
  readonly cause: "broken" | "io";
}

export interface HostedThread {
  /** Starts the actors that decide, then, one after the other, those that do I/O. */
  readonly start: () => Promise<void>;
  /** Stops an actor that does I/O; what is sent to it from now on is dropped. */
  readonly stop: (actor: HostedActor) => Promise<void>;
  readonly inspect: () => Readonly<Record<string, Inspection>>;
  /** Drops every connection that speaks HTTP/2, before the thread ends. */
  readonly cut: () => void;
  /** How many letters and timeouts have been read. */
  readonly lettersRead: () => number;
}

// Past this boundary the host no longer knows which actor it serves, so letters lose their types. The types of `Effect` and
// `Surroundings` have made sure that each is one that its receiver understands.
type AnyLetter = { readonly type: string };
type AnyEffect = Effect<"raft">;
interface Hosted {
  readonly name: HostedActor;
  read: (letter: AnyLetter) => void;
  inspect: () => Inspection;
  stop: () => Promise<void>;
  cut: () => void;
}

/** So many letters are read before I/O has its turn again. */
const lettersPerTurnMax = 4096;

export function hostThread(options: ThreadOptions): HostedThread {
  const { actors, clockwork, settings } = options;
  const office = openPostOffice();
  const hosted = new Map<ActorName, Hosted>();
  /** Letters to read: receiver and letter by turns, so that nothing is allocated for a letter. */
  let queue: (Hosted | AnyLetter)[] = [];
  let head = 0;
  let reading = false;
  let scheduled = false;
  let broken = false;
  let lettersRead = 0;

  function fail(failure: Failure): void {
    if (broken) return;
    broken = true;
    queue = [];
    head = 0;
    options.fail(failure);
  }

  function enqueue(receiver: Hosted, letter: AnyLetter): void {
    if (!broken) queue.push(receiver, letter);
  }

  /** Reads what is in the queue, and what that puts into it, to its end or to the limit of a turn. */
  function read(): void {
    if (reading) return;
    reading = true;
    for (let count = 0; head < queue.length && count < lettersPerTurnMax; count++) {
      const receiver = queue[head++] as Hosted;
      const letter = queue[head++] as AnyLetter;
      lettersRead++;
      try {
        receiver.read(letter);
      } catch (error) {
        fail({ actor: receiver.name, error, cause: "broken" });
      }
    }
    reading = false;
    queue = head < queue.length ? queue.slice(head) : [];
    head = 0;
    if (queue.length > 0) readSoon(setImmediate);
  }

  function readSoon(schedule: (run: () => void) => void): void {
    if (scheduled || reading) return;
    scheduled = true;
    schedule(() => {
      scheduled = false;
      read();
    });
  }

  /** Where an actor's letters go: to each receiver its way. */
  function waysFrom(sender: HostedActor): Record<string, Post<AnyLetter>> {
    const ways: Record<string, Post<AnyLetter>> = {};
    for (const receiver of hosted.values()) {
      ways[receiver.name] = (letter) => {
        enqueue(receiver, letter);
        readSoon(queueMicrotask);
      };
    }
    for (const { from, to, port } of options.arrows) {
      if (from === sender) ways[to] = office.open(`${from} → ${to}`, port);
    }
    return ways;
  }

  function decide(actor: Hosted, decider: Decider<"raft">): void {
    const ways = waysFrom(actor.name);
    const timers: ActorTimers<Timers["raft"]> = createTimers(clockwork, (timer) => {
      const timeout: Timeout<"raft"> = { type: "timeout", timer };
      enqueue(actor, timeout);
      read();
    });
    actor.inspect = decider.inspect;
    actor.stop = async () => timers.close();
    actor.read = (letter) => {
      const message = letter as Inbox<"raft">;
      if (message.type === "timeout" && !timers.take(message.timer)) return;
      perform(decider.receive(message, clockwork.now()), ways, timers);
    };
  }

  async function act(actor: Hosted, start: StartResident<"peers">): Promise<void> {
    const ways = waysFrom(actor.name);
    const early: AnyLetter[] = [];
    actor.read = (letter) => void early.push(letter);
    const surroundings: Surroundings<"peers"> = {
      settings,
      log: options.log.child({ actor: actor.name }),
      post: (to, letter) => ways[to]?.(letter),
      now: clockwork.now,
      fail: (error) => fail({ actor: actor.name, error, cause: "io" }),
      inspectNode: options.inspectNode,
    };
    const resident: Resident<"peers"> = await start(surroundings);
    actor.inspect = resident.inspect;
    actor.read = (letter) => resident.receive(letter as Mail<"peers">);
    actor.cut = () => resident.cut?.();
    actor.stop = async () => {
      actor.stop = async () => undefined;
      actor.read = () => undefined;
      await resident.stop();
    };
    for (const letter of early) actor.read(letter);
  }

  async function start(): Promise<void> {
    const parts = await Promise.all(actors.map(async (name) => [name, await options.cast[name]()] as const));
    for (const name of actors) hosted.set(name, unborn(name));
    for (const [name, part] of parts) {
      if (part.type !== "decides") continue;
      decide(hosted.get(name) as Hosted, part.start(settings.config) as unknown as Decider<"raft">);
    }
    for (const { from, to, port } of options.arrows) {
      const receiver = hosted.get(to);
      if (receiver !== undefined && !hosted.has(from)) {
        takeLetters<AnyLetter>(port, (letters) => {
          for (const letter of letters) enqueue(receiver, letter);
          read();
        });
      }
    }
    for (const [name, part] of parts) {
      if (part.type === "acts") await act(hosted.get(name) as Hosted, part.start as unknown as StartResident<"peers">);
    }
  }

  return {
    start,
    stop: async (actor) => hosted.get(actor)?.stop(),
    inspect: () => Object.fromEntries([...hosted.values()].map((actor) => [actor.name, actor.inspect()])),
    cut: () => {
      for (const actor of hosted.values()) actor.cut();
    },
    lettersRead: () => lettersRead,
  };
}

function unborn(name: HostedActor): Hosted {
  return { name, read: () => undefined, inspect: () => ({}), stop: async () => undefined, cut: () => undefined };
}

function perform(
  effects: readonly AnyEffect[],
  ways: Record<string, Post<AnyLetter>>,
  timers: ActorTimers<Timers["raft"]>,
): void {
  for (const effect of effects) {
    switch (effect.type) {
      case "send":
        (ways[effect.to] as Post<AnyLetter>)(effect.letter as AnyLetter);
        break;
      case "setTimer":
        timers.set(effect.timer, effect);
        break;
      case "cancelTimer":
        timers.cancel(effect.timer);
        break;
    }
  }
}
