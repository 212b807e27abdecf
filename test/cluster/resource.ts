// What locks are for: something that is written to by whoever holds the lock, and that refuses a token lower than one that it
// has seen. A client that went on after its lease had ended is told so here at the latest.

import type { History } from "./history.ts";
import { perform } from "./workload.ts";

export interface Resource {
  readonly write: (by: { readonly proc: number; readonly lock: string; readonly token: number }) => Promise<void>;
}

/** One for each lock, in this process. */
export function newResource(history: History): Resource {
  const highest = new Map<string, number>();
  return {
    write: async ({ proc, lock, token }) => {
      await perform(history, { proc, action: "write", lock, token }, async () => {
        const isStale = token < (highest.get(lock) ?? 0);
        if (!isStale) highest.set(lock, token);
        return { node: "resource", told: isStale ? { kind: "fail", out: "stale" } : { kind: "ok", out: "written" } };
      });
    },
  };
}
