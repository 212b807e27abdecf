// How tests of the SDK deal with time, on machines where any process or thread may stand still for seconds at any moment.

import { patienceMs } from "../patience.ts";

/** Options of a client for whom nothing runs out: neither a lease, nor a call. For whatever is not about time. */
export const patient = { ttlMs: 60_000, connectTimeoutMs: patienceMs, requestTimeoutMs: patienceMs };

/** Does something, and remembers how long it took. */
type Within = <Result>(act: () => Promise<Result>) => Promise<Result>;

/** What an attempt comes to in which whatever is done `within` was over before a limit of the client's own can have passed. If this
 *  machine stood still for longer, the attempt proves nothing, whatever came of it, and another is made. What is judged is up to
 *  the caller: no failure is passed over. */
export async function undisturbed<Result>(
  limitMs: number,
  attempt: (within: Within) => Promise<Result>,
): Promise<Result> {
  const giveUpAt = performance.now() + patienceMs;
  for (;;) {
    let spentMs = 0;
    const result = await attempt(async (act) => {
      const begunAt = performance.now();
      try {
        return await act();
      } finally {
        spentMs = Math.max(spentMs, performance.now() - begunAt);
      }
    });
    if (spentMs < limitMs) return result;
    if (performance.now() > giveUpAt) throw new Error(`it never takes less than ${limitMs} ms`);
  }
}

/** Tests that wait for time to go by: `meanwhile = together()`, and `test(name, meanwhile(run))`. They begin at the same time, all of
 *  a group when the first has its turn. */
export function together(): (run: () => Promise<void>) => () => Promise<void> {
  const runs: (() => Promise<void>)[] = [];
  let running: readonly Promise<void>[] | null = null;
  return (run) => {
    const place = runs.push(run) - 1;
    return async () => {
      running ??= runs.map((each) => each());
      // Each says for itself why it fails, when it is its turn.
      for (const each of running) each.catch(() => undefined);
      await running[place];
    };
  };
}
