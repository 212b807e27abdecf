// A process group as the system knows it: signals to all of it, and whether anybody of it is left. Whoever only waits for
// its parent to take note of its end is not left: it runs no more.

import { readdirSync, readFileSync } from "node:fs";

/** Sends a signal to everybody in the group; nobody may be left. */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // Nobody is left, or nobody who may be signalled: `isGone` tells.
  }
}

/** Whether nobody of the group runs any more. */
export function isGone(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
  // Where process 1 takes note of nobody, the ended stay in the table of processes.
  return process.platform === "linux" && hasEnded(group);
}

/** Whether all of the group that can be seen have ended, and some can be seen. */
function hasEnded(group: number): boolean {
  try {
    const members = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && groupOf(name)?.group === group);
    return members.length > 0 && members.every((id) => groupOf(id)?.isRunning !== true);
  } catch {
    return false;
  }
}

function groupOf(id: string): { readonly group: number; readonly isRunning: boolean } | null {
  try {
    // "pid (name) state parent group …", and the name may hold anything.
    const stat = readFileSync(`/proc/${id}/stat`, "utf8");
    const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A process whose first thread has ended looks as if it had ended itself.
    const isRunning = (state !== "Z" && state !== "X") || readdirSync(`/proc/${id}/task`).length > 1;
    return { group: Number(group), isRunning };
  } catch {
    return null;
  }
}
