// A queue that is taken from at the front in constant time. A Map is no substitute: V8 keeps the holes that deletions leave
// and walks over them at every look at the first key, so that a Map used as a queue costs the square of its length.

/** Oldest first. Change it only through the functions of this file. */
export interface Fifo<Item> {
  /** What has been taken stays as a hole until there are more holes than items. */
  items: (Item | undefined)[];
  /** Where the oldest item is. */
  head: number;
}

/** Below this many holes it is not worth moving anything. */
const holesMin = 1024;

export const emptyFifo = <Item>(): Fifo<Item> => ({ items: [], head: 0 });

export const fifoSize = <Item>(fifo: Fifo<Item>): number => fifo.items.length - fifo.head;

/** All items, oldest first. */
export const fifoItems = <Item>({ items, head }: Fifo<Item>): readonly Item[] => items.slice(head) as Item[];

export const pushLast = <Item>(fifo: Fifo<Item>, item: Item): void => {
  fifo.items.push(item);
};

export const oldest = <Item>(fifo: Fifo<Item>): Item | undefined => fifo.items[fifo.head];

/** Removes the oldest item. Each item is moved at most once on average. */
export function dropOldest<Item>(fifo: Fifo<Item>): void {
  fifo.items[fifo.head] = undefined;
  fifo.head += 1;
  if (fifo.head < holesMin || fifo.head * 2 < fifo.items.length) return;
  fifo.items = fifo.items.slice(fifo.head);
  fifo.head = 0;
}
