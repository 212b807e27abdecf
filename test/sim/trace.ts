// What happened, line by line. The last events are kept as they are and made into text only when somebody asks, so that a
// run that goes well pays next to nothing.

import type { ActorName } from "../../src/actors/messages.ts";
import type { NodeId } from "../../src/actors/scalars.ts";
import type { Cargo } from "./network.ts";
import type { Moment, Schedule } from "./schedule.ts";
import type { Witness } from "./witness.ts";

type Line =
  | { readonly at: Moment; readonly what: string }
  | {
      readonly at: Moment;
      readonly node: NodeId;
      readonly from: ActorName;
      readonly to: ActorName;
      readonly letter: unknown;
    };

export interface Trace extends Witness {
  /** The last lines, oldest first. */
  readonly lines: () => string[];
}

const withoutBytes = (_key: string, value: unknown): unknown =>
  value instanceof Uint8Array ? `${value.length} bytes` : value;

function toText(line: Line): string {
  const at = line.at.toFixed(3).padStart(11);
  if ("what" in line) return `${at} ── ${line.what}`;
  const way = line.from === line.to ? line.to : `${line.from}→${line.to}`;
  return `${at} ${line.node} ${way} ${JSON.stringify(line.letter, withoutBytes)}`;
}

/** Keeps the last `linesMax` events; hands each to `print`, if given, at once. */
export function createTrace(timetable: Schedule, linesMax: number, print?: (line: string) => void): Trace {
  const ring: Line[] = [];
  let next = 0;
  const note = (line: Line): void => {
    print?.(toText(line));
    ring[next % linesMax] = line;
    next += 1;
  };
  const befell = (what: string): void => note({ at: timetable.now, what });
  return {
    befell,
    handed: (node, from, to, letter) => note({ at: timetable.now, node, from, to, letter }),
    started: (node) => befell(`${node} starts`),
    stopped: (node) => befell(`${node} is dead`),
    ...(print === undefined
      ? {}
      : {
          transmitted: (from: NodeId, to: NodeId, cargo: Cargo) =>
            befell(`${from} ⇒ ${to} ${JSON.stringify(cargo, withoutBytes)}`),
        }),
    lines: () => [...ring.slice(next % linesMax), ...ring.slice(0, next % linesMax)].map(toText),
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
  type Telling = (...what: unknown[]) => void;
  const names = ["started", "stopped", "said", "handed", "transmitted", "flushed", "befell"] as const;
  const whole: Record<string, Telling> = {};
  for (const name of names) {
    const told = witnesses.map((witness) => witness[name]).filter((tell) => tell !== undefined) as Telling[];
    const tellAll: Telling = (...what) => {
      for (const tell of told) tell(...what);
    };
    const only = told.length === 1 ? told[0] : tellAll;
    if (only !== undefined && told.length > 0) whole[name] = only;
  }
  return whole as Witness;
}
