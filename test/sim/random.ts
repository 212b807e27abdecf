// The only source of chance in a simulation: sfc32, seeded from a number and a label. Every concern (network, disk, clients,
// faults, each node) draws from a stream of its own, so that a change in one does not reshuffle all the others.

export interface Random {
  /** From 0 up to, not including, 1. */
  readonly next: () => number;
  /** A whole number from 0 up to, not including, `bound`. */
  readonly below: (bound: number) => number;
  /** A number from `min` up to `max`, in thousandths, so that traces stay readable. */
  readonly between: (min: number, max: number) => number;
  /** True with this probability. Draws nothing for 0. */
  readonly chance: (probability: number) => boolean;
  readonly pick: <Item>(items: readonly Item[]) => Item;
  /** The same items in a drawn order. */
  readonly shuffle: <Item>(items: readonly Item[]) => Item[];
}

/** FNV-1a, stirred: turns a seed and a label into one of the four words of the generator's state. */
function word(seed: number, label: string): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let at = 0; at < label.length; at += 1) hash = Math.imul(hash ^ label.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0;
}

/** A stream that depends on nothing but `seed` and `label`. */
export function createRandom(seed: number, label: string): Random {
  let a = word(seed, `${label}/a`);
  let b = word(seed, `${label}/b`);
  let c = word(seed, `${label}/c`);
  let counter = 1;
  const draw = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let warmUp = 0; warmUp < 12; warmUp += 1) draw();

  const next = (): number => draw() / 2 ** 32;
  const below = (bound: number): number => Math.floor(next() * bound);
  const between = (min: number, max: number): number => Math.round((min + next() * (max - min)) * 1000) / 1000;
  const chance = (probability: number): boolean => probability > 0 && next() < probability;
  const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)] as Item;
  const shuffle = <Item>(items: readonly Item[]): Item[] => {
    const shuffled = [...items];
    for (let last = shuffled.length - 1; last > 0; last -= 1) {
      const other = below(last + 1);
      const item = shuffled[last] as Item;
      shuffled[last] = shuffled[other] as Item;
      shuffled[other] = item;
    }
    return shuffled;
  };
  return { next, below, between, chance, pick, shuffle };
}
