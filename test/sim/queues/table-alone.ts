// The rules of the lock table as its actor calls upon them, without the actor: for tests that give it one entry after another.

import * as assert from "uvu/assert";
import { apply } from "../../../src/actors/lock/apply.ts";
import {
  addSlice,
  capture,
  finishRestoration,
  nextSlice,
  type Restoration,
} from "../../../src/actors/lock/snapshot.ts";
import { emptyTable, stateDigest, type Table } from "../../../src/actors/lock/table.ts";
import type { Command, Entry } from "../../../src/actors/messages.ts";
import type { Receive } from "./twin.ts";

/** Every so many entries the table is taken apart for a snapshot and put together from it. */
export function tableAlone(requestsRemembered: number, entriesBetween = Number.POSITIVE_INFINITY): Receive {
  let table = emptyTable();
  return (letter) => {
    const { type, entries } = letter as { type: string; entries: readonly Entry[] };
    if (type !== "apply") return [];
    const entry = entries[0] as Entry;
    if (entry.index % entriesBetween === 0) table = restored(table);
    const { outcome, changes, told = [], events = [] } = apply(table, entry, requestsRemembered);
    const { requestId } = entry.command as Extract<Command, { type: "write" }>;
    const own = outcome === null ? [] : [{ requestId, answer: outcome }];
    const letters = [
      { type: "answers", answers: [...own, ...told] },
      { type: "changed", changes },
      { type: "watched", events },
    ];
    return letters.map((one) => ({ type: "send", letter: one }));
  };
}

function restored(table: Table): Table {
  const captured = capture(table);
  let restoration: Restoration | null = null;
  for (let isLast = false; !isLast; ) {
    const slice = nextSlice(captured, 3);
    restoration = addSlice(restoration, slice);
    isLast = slice.last;
  }
  const copy = finishRestoration(restoration as Restoration);
  assert.is(stateDigest(copy), stateDigest(table));
  return copy;
}
