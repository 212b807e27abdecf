// The simulated disk by itself: what the simulator takes a node's storage for. Whoever gives it letters sees every letter that it
// writes, and virtual time passes until it has nothing left to do.

import type { LockToStorage, RaftToStorage } from "../../../src/actors/messages.ts";
import { nodeId } from "../../../src/actors/scalars.ts";
import { createClock } from "../clock.ts";
import { createDisk, type Disk, load, loseUnflushed, storageOf } from "../disk.ts";
import { createNode } from "../node.ts";
import { createRandom } from "../random.ts";
import { createSchedule, runUntil } from "../schedule.ts";
import type { Witness } from "../witness.ts";

/** A letter that storage has written, and to whom. */
export interface Said {
  readonly to: string;
  // What is compared are letters as a whole, whatever they are.
  // biome-ignore lint/suspicious/noExplicitAny: a letter of any kind.
  readonly letter: any;
}

export interface ModelDisk {
  readonly disk: Disk;
  /** Starts the node; tells what storage says first. */
  readonly start: () => Said[];
  /** Gives it letters, and tells everything that it says to them. */
  readonly give: (letters: readonly (RaftToStorage | LockToStorage)[]) => Said[];
  /** The node ends; everything is flushed before. */
  readonly stop: () => void;
}

const forever = 1e12;

export function modelDisk(seed: number): ModelDisk {
  const said: Said[] = [];
  const witness: Witness = { said: (_node, from, to, letter) => from === "storage" && said.push({ to, letter }) };
  const timetable = createSchedule();
  const random = createRandom(seed, "model");
  const disk = createDisk({ pace: { flushMin: 1, flushMax: 2, stallChance: 0, stallMax: 0 }, random, witness });
  const pace = { delayMin: 0.1, delayMax: 0.1, stallChance: 0, stallMax: 0, latenessMax: 0 };
  const clock = createClock({ rate: 1, reading: 0 });
  const node = createNode({ id: nodeId("a"), clock, timetable, random, pace, copying: "plain", witness });
  const settle = (): Said[] => {
    runUntil(timetable, forever, () => timetable.heap.length === 0);
    return said.splice(0);
  };
  return {
    disk,
    start: () => {
      node.epoch += 1;
      node.isRunning = true;
      node.mailboxes = new Map();
      load(disk, node);
      return settle();
    },
    give: (letters) => {
      const { receive } = storageOf(disk, node);
      for (const letter of letters) receive(letter as never, letter.type === "snapshotTaken" ? "lock" : "raft");
      return settle();
    },
    stop: () => {
      node.isRunning = false;
      loseUnflushed(disk);
    },
  };
}
