// The named timers of one actor. An actor sets the same timer again and again, an election timer at every heartbeat, so
// setting one later only moves its deadline; the alarm that was set before rings too early, finds that out and is set anew.
// A timer never runs out early by the clock that all threads share.

import type { Millis } from "../actors/scalars.ts";
import { after, between, type Instant, instant } from "../actors/scalars.ts";

/** This machine's monotonic clock. All threads of a process see the same one; `performance.now()` differs between threads. */
export function now(): Instant {
  const [seconds, nanoseconds] = process.hrtime();
  return instant(seconds * 1e3 + nanoseconds / 1e6);
}

/** What timers need of the machine. */
export interface Clockwork {
  readonly now: () => Instant;
  /** Calls `ring` once, about `span` from now; returns what takes it back. */
  readonly alarm: (span: Millis, ring: () => void) => () => void;
  /** A number in [0, 1). */
  readonly random: () => number;
}

export interface ActorTimers<Timer extends string> {
  /** The timer runs out between `min` and `max` from now. */
  readonly set: (timer: Timer, span: { readonly min: Millis; readonly max: Millis }) => void;
  readonly cancel: (timer: Timer) => void;
  /** Whether the timer has run out and was neither set nor cancelled since. Asked when its letter is read, it says so once. */
  readonly take: (timer: Timer) => boolean;
  /** Cancels all of them. */
  readonly close: () => void;
}

interface NamedTimer {
  deadline: Instant | null;
  /** The alarm that is set, if any, and when it will ring. */
  alarm: { readonly at: Instant; readonly cancel: () => void } | null;
}

/** `onDue` is told the name of a timer that has run out; it then takes it, at once or later. */
export function createTimers<Timer extends string>(
  clockwork: Clockwork,
  onDue: (timer: Timer) => void,
): ActorTimers<Timer> {
  const timers = new Map<Timer, NamedTimer>();

  function arm(name: Timer, timer: NamedTimer, at: Instant, moment: Instant): void {
    timer.alarm?.cancel();
    timer.alarm = { at, cancel: clockwork.alarm(between(moment, at), () => ring(name, timer)) };
  }

  function ring(name: Timer, timer: NamedTimer): void {
    timer.alarm = null;
    const { deadline } = timer;
    if (deadline === null) return;
    const moment = clockwork.now();
    if (deadline <= moment) onDue(name);
    else arm(name, timer, deadline, moment);
  }

  return {
    set: (name, { min, max }) => {
      let timer = timers.get(name);
      if (timer === undefined) {
        timer = { deadline: null, alarm: null };
        timers.set(name, timer);
      }
      const moment = clockwork.now();
      const deadline = after(moment, (min === max ? min : min + clockwork.random() * (max - min)) as Millis);
      timer.deadline = deadline;
      if (timer.alarm === null || timer.alarm.at > deadline) arm(name, timer, deadline, moment);
    },
    cancel: (name) => {
      const timer = timers.get(name);
      if (timer !== undefined) timer.deadline = null;
    },
    take: (name) => {
      const timer = timers.get(name);
      if (timer === undefined || timer.deadline === null || timer.deadline > clockwork.now()) return false;
      timer.deadline = null;
      return true;
    },
    close: () => {
      for (const timer of timers.values()) timer.alarm?.cancel();
      timers.clear();
    },
  };
}

/** The real thing. An alarm of no span at all rings after the I/O that is waiting, not a millisecond later. */
export const machineClockwork: Clockwork = {
  now,
  random: Math.random,
  alarm: (span, ring) => {
    if (span <= 0) {
      const immediate = setImmediate(ring);
      return () => clearImmediate(immediate);
    }
    // Beyond 2^31 - 1 ms Node rings at once; an early ring is harmless.
    const timeout = setTimeout(ring, Math.min(Math.ceil(span), 2 ** 31 - 1));
    return () => clearTimeout(timeout);
  },
};
