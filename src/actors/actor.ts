// The kernel: what an actor is. An actor is a function from its state, a letter and the time to effects. It never does
// anything by itself; a host (threads, simulator, explorer) carries the effects out.

import type { Config } from "./config.ts";
import type { ActorName, Letters, Timers } from "./messages.ts";
import type { Instant, Millis } from "./scalars.ts";

/** Everything that may be in `Self`'s mailbox: the letters on the edges that lead to it, and its own timers. */
export type Inbox<Self extends ActorName> =
  | { [From in ActorName]: Self extends keyof Letters[From] ? Letters[From][Self] : never }[ActorName]
  | Timeout<Self>;

/** Told to an actor when a timer of its own has run out. A timer runs out once; to run again it is set again. */
export interface Timeout<Self extends ActorName> {
  readonly type: "timeout";
  readonly timer: Timers[Self];
}

/** What an actor may ask of its host. There is nothing else. */
export type Effect<Self extends ActorName> =
  | { [To in keyof Letters[Self]]: Send<To, Letters[Self][To]> }[keyof Letters[Self]]
  | SetTimer<Timers[Self]>
  | CancelTimer<Timers[Self]>;

export interface Send<To, Letter> {
  readonly type: "send";
  readonly to: To;
  readonly letter: Letter;
}

/** Sets `timer` to run out between `min` and `max` from now; the host draws the moment. Replaces a setting of the same name. */
export interface SetTimer<Timer> {
  readonly type: "setTimer";
  readonly timer: Timer;
  readonly min: Millis;
  readonly max: Millis;
}

export interface CancelTimer<Timer> {
  readonly type: "cancelTimer";
  readonly timer: Timer;
}

export const send = <To extends ActorName, Letter>(to: To, letter: Letter): Send<To, Letter> => ({
  type: "send",
  to,
  letter,
});

/** Sets `timer` to run out exactly `span` from now. */
export const setTimer = <Timer extends string>(timer: Timer, span: Millis): SetTimer<Timer> => ({
  type: "setTimer",
  timer,
  min: span,
  max: span,
});

/** Sets `timer` to run out at a moment that the host draws between `min` and `max` from now. */
export const setTimerWithin = <Timer extends string>(
  timer: Timer,
  { min, max }: { min: Millis; max: Millis },
): SetTimer<Timer> => ({ type: "setTimer", timer, min, max });

export const cancelTimer = <Timer extends string>(timer: Timer): CancelTimer<Timer> => ({ type: "cancelTimer", timer });

/** Numbers and words that describe a state to people: for metrics, for status pages, for the control plane. */
export type Inspection = Readonly<Record<string, number | string>>;

/**
 * An actor. `receive` may change `state` in place; it keeps no reference to the insides of a letter and leaks none of its
 * own into one. It reads no clock, draws no random number, awaits nothing and throws only on a broken invariant.
 */
export interface Behaviour<Self extends ActorName, State> {
  readonly start: (config: Config) => State;
  readonly receive: (state: State, message: Inbox<Self>, now: Instant) => Effect<Self>[];
  readonly inspect: (state: State) => Inspection;
}
