// How a lock was lost, in a word, and with what whoever took it has said.

import type { Lock, LockError } from "../client/index.ts";
import { shown } from "./output.ts";

export function lossOf(lock: Lock): string | null {
  const { lossReason, signal } = lock;
  const { why } = (signal.reason as LockError | undefined)?.details ?? {};
  return why === undefined ? lossReason : `${lossReason} (${shown(why)})`;
}
