// Chance, where many clients would otherwise do the same thing at the same moment.

const firstMs = 50;
const mostMs = 2_000;

/** How long to wait before attempt number `attempt` (from 1): twice as long each time, and never the same. */
export const backOffMs = (attempt: number): number =>
  jittered(Math.min(mostMs, firstMs * 2 ** Math.min(attempt - 1, 10)));

/** Between half of a span and all of it. */
export const jittered = (spanMs: number): number => spanMs * (0.5 + Math.random() / 2);

/** The same in another order, so that clients spread over the nodes. */
export function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, rank: Math.random() }))
    .sort((one, two) => one.rank - two.rank)
    .map(({ item }) => item);
}
