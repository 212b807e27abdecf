// The real storage by itself, and the words with which its contracts are written.

import type { SnapshotSlice } from "../../../src/actors/messages.ts";
import type { Resident } from "../../../src/transport/resident.ts";
import { startStorage } from "../../../src/transport/storage.ts";
import { patienceMs } from "../../patience.ts";
import { mailroom, settingsOf } from "../../transport/surroundings.ts";
import { modelDisk, type Said } from "./model-disk.ts";

/** The real storage, and everything that it says. `onSaid` sees each letter at the moment at which it is written. */
export async function startReal(dataDir: string, said: Said[], onSaid: (one: Said) => void) {
  const room = mailroom<"storage">(settingsOf({ dataDir }));
  const storage: Resident<"storage"> = await startStorage({
    ...room,
    post: (to, letter) => {
      const one: Said = { to, letter };
      said.push(one);
      onSaid(one);
    },
  });
  return { storage, failures: room.failures };
}

/** What lock is sent where there is no snapshot. */
export const emptySlice = (): SnapshotSlice =>
  modelDisk(0)
    .start()
    .find(({ to }) => to === "lock")?.letter.slice;

export async function until(condition: () => boolean, what: () => string): Promise<void> {
  const begun = performance.now();
  while (!condition()) {
    if (performance.now() - begun > patienceMs) throw new Error(`what was waited for did not come: ${what()}`);
    await new Promise(setImmediate);
  }
}
