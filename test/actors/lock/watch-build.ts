// Builders for tests of watches: a watch is begun, and what it is told is gathered.

import type { Effect } from "../../../src/actors/actor.ts";
import type { LockState } from "../../../src/actors/lock/state.ts";
import type { LockEvent, WatchWish, Write } from "../../../src/actors/operations.ts";
import { logIndex } from "../../../src/actors/scalars.ts";
import { applyNext, receive, writeCommand } from "./build.ts";
import { short } from "./queue-build.ts";

/** What a watcher has been told. */
export interface Seen {
  readonly events: LockEvent[];
  revision: number;
  isGone: boolean;
  letters: number;
}

export const unseen = (revision = 0): Seen => ({ events: [], revision, isGone: false, letters: 0 });

export function show(seen: Seen, effects: readonly Effect<"lock">[], call = 1): Seen {
  for (const effect of effects) {
    if (effect.type !== "send") continue;
    const { letter } = effect;
    if (letter.type === "watchGone" && letter.call === call) seen.isGone = true;
    if (letter.type !== "watched" || letter.call !== call) continue;
    seen.events.push(...letter.events);
    seen.revision = letter.revision;
    seen.letters += 1;
  }
  return seen;
}

export const watch = (
  state: LockState,
  what: WatchWish["what"],
  after: number | null = null,
  call = 1,
): Effect<"lock">[] =>
  receive(state, { type: "watch", call, wish: { what, after: after === null ? null : logIndex(after) } });

export const all = { prefix: "" };

/** Applies a write and tells what the watcher of call 1 hears. */
export const hear = (state: LockState, write: Write, as?: string): readonly string[] =>
  short(show(unseen(), applyNext(state, writeCommand(state, write, as === undefined ? {} : { as }))).events);
