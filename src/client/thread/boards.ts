// Room for the words that tell the program's thread of a lock: given out when a lock is granted, given back when the program
// has released it.

import { clearAt, type LockBoard, lockBoard, setLossAt } from "../cells.ts";
import type { LossReason } from "../errors.cts";

export interface Place {
  readonly memory: SharedArrayBuffer;
  readonly index: number;
}

export interface Boards {
  readonly take: () => Place;
  readonly lose: (place: Place, reason: LossReason) => void;
  readonly giveBack: (place: Place) => void;
}

const wordsPerBoard = 1_024;

export function newBoards(): Boards {
  const boards = new Map<SharedArrayBuffer, LockBoard>();
  const free: Place[] = [];

  const grow = () => {
    const memory = new SharedArrayBuffer(wordsPerBoard * Int32Array.BYTES_PER_ELEMENT);
    boards.set(memory, lockBoard(memory));
    for (let index = wordsPerBoard - 1; index >= 0; index--) free.push({ memory, index });
  };
  const boardOf = ({ memory }: Place): LockBoard => boards.get(memory) ?? lockBoard(memory);

  return {
    take: () => {
      if (free.length === 0) grow();
      return free.pop() as Place;
    },
    lose: (place, reason) => setLossAt(boardOf(place), place.index, reason),
    giveBack: (place) => {
      clearAt(boardOf(place), place.index);
      free.push(place);
    },
  };
}
