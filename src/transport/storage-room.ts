// Watches how much room is left for this node's data, in the disk and in the map that the operator has allowed. From 80 % on
// nothing new shall be begun, so that a full disk is a clear refusal and never a failed commit.

import type { StatsFs } from "node:fs";
import { statfs } from "node:fs/promises";

/** From this share on room is scarce, and it is again plenty below `plenty`, so that it does not flutter between the two. */
const scarce = 0.8;
const plenty = 0.78;

const checkMs = 1_000;

export interface Room {
  /** How many bytes the database uses, and how many it may. */
  readonly usedBytes: number;
  readonly mapBytes: number;
  /** The share of the disk that is in use, between 0 and 1. */
  readonly diskShare: number;
}

/** Whether room is scarce, having been `before`. */
export function isScarce({ usedBytes, mapBytes, diskShare }: Room, before: boolean): boolean {
  return Math.max(usedBytes / mapBytes, diskShare) >= (before ? plenty : scarce);
}

/** The share of a disk that is in use, as `df` tells it: what the system keeps for itself is neither used nor free. */
export function diskShareOf({ blocks, bfree, bavail }: Pick<StatsFs, "blocks" | "bfree" | "bavail">): number {
  const used = blocks - bfree;
  return used / (used + bavail);
}

export interface RoomWatch {
  readonly isScarce: () => boolean;
  /** Looks at once: for when much has been written since the last look. */
  readonly look: () => Promise<void>;
  readonly close: () => void;
}

/** Looks every second, and tells `onChange` when room becomes scarce or plenty. It is plenty at the start. */
export function watchRoom(
  { directory, mapBytes, usedBytes }: { directory: string; mapBytes: number; usedBytes: () => number },
  onChange: (scarce: boolean) => void,
): RoomWatch {
  let state = false;
  let open = true;
  async function look(): Promise<void> {
    const disk = await statfs(directory);
    if (!open) return;
    const now = isScarce({ usedBytes: usedBytes(), mapBytes, diskShare: diskShareOf(disk) }, state);
    if (now === state) return;
    state = now;
    onChange(now);
  }
  const timer = setInterval(() => void look().catch(() => undefined), checkMs);
  timer.unref();
  return {
    isScarce: () => state,
    look,
    close: () => {
      open = false;
      clearInterval(timer);
    },
  };
}
