// Letters between threads. What an actor writes during one turn of its thread's event loop is collected and posted when the
// turn is over, as one array per arrow: a post costs far more than a letter in it, and wakes the other thread once.

import type { MessagePort } from "node:worker_threads";

/** Collects the letters of one arrow. */
export type Post<Letter> = (letter: Letter) => void;

/** The outgoing side of all arrows that leave a thread. */
export interface PostOffice {
  /** Opens the outgoing end of an arrow. `arrow` names it in errors. */
  readonly open: <Letter>(arrow: string, port: MessagePort) => Post<Letter>;
  /** Posts at once what has been collected. Otherwise this happens when the turn ends. */
  readonly flush: () => void;
}

interface Pile {
  readonly arrow: string;
  readonly port: MessagePort;
  letters: unknown[];
}

/** `atEndOfTurn` runs a function once everything that this turn of the event loop found to do is done. */
export function openPostOffice(atEndOfTurn: (flush: () => void) => void = setImmediate): PostOffice {
  let waiting: Pile[] = [];

  const flush = (): void => {
    if (waiting.length === 0) return;
    const piles = waiting;
    waiting = [];
    for (const pile of piles) {
      const letters = pile.letters;
      pile.letters = [];
      deliver(pile, letters);
    }
  };

  const open = <Letter>(arrow: string, port: MessagePort): Post<Letter> => {
    const pile: Pile = { arrow, port, letters: [] };
    return (letter) => {
      if (pile.letters.push(letter) > 1) return;
      if (waiting.push(pile) === 1) atEndOfTurn(flush);
    };
  };

  return { open, flush };
}

function deliver(pile: Pile, letters: readonly unknown[]): void {
  try {
    pile.port.postMessage(letters);
  } catch (cause) {
    throw new Error(`a letter ${pile.arrow} is not plain data`, { cause });
  }
}

/** Takes in the letters of one arrow, in the order in which they were posted. The port keeps its thread alive until it is closed. */
export function takeLetters<Letter>(port: MessagePort, take: (letters: readonly Letter[]) => void): void {
  port.on("message", take);
  port.on("messageerror", (error) => {
    throw error;
  });
}
