// Run by storage.test.ts in a process that may write only so much to a file: appends until the disk refuses, then says what was
// told to be durable, and ends with the exit code that the node would end with.

import type { Entry } from "../../src/actors/messages.ts";
import { logIndex, millis, requestId, term } from "../../src/actors/scalars.ts";
import { exitCodes } from "../../src/transport/resident.ts";
import { startStorage } from "../../src/transport/storage.ts";
import { mailroom, settingsOf } from "./surroundings.ts";

const entry = (index: number): Entry => ({
  index: logIndex(index),
  term: term(1),
  command: {
    type: "write",
    requestId: requestId("x".repeat(1_000)),
    bornAt: logIndex(0),
    write: { type: "openLease", owner: "owner", ttl: millis(1000) },
  },
});

const room = mailroom<"storage">(settingsOf({ dataDir: process.argv[2] as string }));
const storage = await startStorage(room);
await room.letter("raft", "loaded");
let durable = 0;
try {
  for (let index = 1; index < 100_000; index += 100) {
    const entries = Array.from({ length: 100 }, (_, offset) => entry(index + offset));
    storage.receive({ type: "append", hardState: null, entries, replacements: 0, release: [] });
    durable = (await room.letter("raft", "persisted")).lastIndex;
  }
} catch (error) {
  console.log((error as Error).message);
  console.log(JSON.stringify({ durable }));
  process.exit(exitCodes.io);
}
