// What happened, line by line. The last events are kept as they are and made into text only when somebody asks, so that a
// run that goes well pays next to nothing.

import type { ActorName } from "../../src/actors/messages.ts";
import type { NodeId } from "../../src/actors/scalars.ts";
import type { Cargo } from "./network.ts";
import type { Moment, Schedule } from "./schedule.ts";
import type { Witness } from "./witness.ts";

/** A line that has been written; its place in the ring is written anew when its turn comes again. */
interface Line {
  at: Moment;
  /** What happened, in words; null if a letter was handed over. */
  what: string | null;
  node: NodeId | null;
  from: ActorName | null;
  to: ActorName | null;
  letter: unknown;
}

export interface Trace extends Witness {
  /** The last lines, oldest first. */
  readonly lines: () => string[];
}

const withoutBytes = (_key: string, value: unknown): unknown =>
  value instanceof Uint8Array ? `${value.length} bytes` : value;

function toText({ at: moment, what, node, from, to, letter }: Line): string {
  const at = moment.toFixed(3).padStart(11);
  if (what !== null) return `${at} ── ${what}`;
  const way = from === to ? to : `${from}→${to}`;
  return `${at} ${node} ${way} ${JSON.stringify(letter, withoutBytes)}`;
}

/** Keeps the last `linesMax` events; hands each to `print`, if given, at once. */
export function createTrace(timetable: Schedule, linesMax: number, print?: (line: string) => void): Trace {
  const ring: Line[] = [];
  let next = 0;
  const line = (): Line => {
    let free = ring[next];
    if (free === undefined) {
      free = { at: 0, what: null, node: null, from: null, to: null, letter: null };
      ring[next] = free;
    }
    free.at = timetable.now;
    next = next + 1 < linesMax ? next + 1 : 0;
    return free;
  };
  const handed = (node: NodeId, from: ActorName, to: ActorName, letter: unknown): void => {
    const free = line();
    free.what = null;
    free.node = node;
    free.from = from;
    free.to = to;
    free.letter = letter;
    if (print !== undefined) print(toText(free));
  };
  const befell = (what: string): void => {
    const free = line();
    free.what = what;
    free.letter = null;
    if (print !== undefined) print(toText(free));
  };
  return {
    befell,
    handed,
    started: (node) => befell(`${node} starts`),
    stopped: (node) => befell(`${node} is dead`),
    ...(print === undefined
      ? {}
      : {
          transmitted: (from: NodeId, to: NodeId, cargo: Cargo) =>
            befell(`${from} ⇒ ${to} ${JSON.stringify(cargo, withoutBytes)}`),
        }),
    lines: () => [...ring.slice(next), ...ring.slice(0, next)].map(toText),
  };
}

/** A running FNV-1a hash of lines: two runs of a seed come to the same. */
export function createFingerprint(): { readonly add: (line: string) => void; readonly value: () => string } {
  let hash = 0x811c9dc5;
  const add = (line: string): void => {
    for (let at = 0; at < line.length; at += 1) hash = Math.imul(hash ^ line.charCodeAt(at), 0x01000193);
  };
  return { add, value: () => (hash >>> 0).toString(16) };
}

/** Tells several witnesses the same. */
export function together(witnesses: readonly Witness[]): Witness {
  const all = <Name extends keyof Witness>(name: Name): NonNullable<Witness[Name]>[] =>
    witnesses.map((witness) => witness[name]).filter((tell) => tell !== undefined);
  const [started, stopped, befell] = [all("started"), all("stopped"), all("befell")];
  const [said, handed] = [all("said"), all("handed")];
  const [transmitted, flushed] = [all("transmitted"), all("flushed")];
  return {
    started: (node) => {
      for (const tell of started) tell(node);
    },
    stopped: (node) => {
      for (const tell of stopped) tell(node);
    },
    befell: (what) => {
      for (const tell of befell) tell(what);
    },
    said: (node, from, to, letter) => {
      for (let at = 0; at < said.length; at += 1) (said[at] as Said)(node, from, to, letter);
    },
    handed: (node, from, to, letter) => {
      for (let at = 0; at < handed.length; at += 1) (handed[at] as Said)(node, from, to, letter);
    },
    transmitted: (from, to, cargo) => {
      for (const tell of transmitted) tell(from, to, cargo);
    },
    flushed: (node) => {
      for (const tell of flushed) tell(node);
    },
  };
}

type Said = NonNullable<Witness["said"]>;
