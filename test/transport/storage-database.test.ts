// How the database is opened. That a commit is told only after its own flush hangs on flags of lmdb which no test can tell from outside
// while disks are well; so they are read off the environment itself.

import * as lmdb from "lmdb";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openDataDirectory } from "../../src/transport/data-directory.ts";
import { openDatabase } from "../../src/transport/storage-database.ts";
import { freshDirectory, settingsOf } from "./surroundings.ts";

const test = suite("transport/storage-database");

/** The part of lmdb that speaks to the library in C; its types do not mention it. */
interface Lmdb {
  readonly nativeAddon: { readonly getEnvFlags: (environment: number) => number };
}

/** Flags with which a commit could be told before it is flushed, by their names in lmdb. */
const harmful = {
  overlappingSync: 0x1000,
  noSync: 0x10000,
  noMetaSync: 0x40000,
  useWritemap: 0x80000,
  mapAsync: 0x100000,
} as const;

test("a commit has its own flush: nothing that would spare it or put it off is switched on", async () => {
  const { nativeAddon } = lmdb as unknown as Lmdb;
  const { config } = settingsOf();
  const { clusterId, regionId, regions, voters } = config.cluster;
  const identity = { clusterId, regionId, regions, voters, nodeId: config.node.nodeId };
  const directory = await openDataDirectory(freshDirectory(), identity, () => assert.unreachable());
  const database = openDatabase(directory, { mapBytes: 1 << 20 });
  const { env } = database.tables.meta as unknown as { env: { address: number } };
  const flags = nativeAddon.getEnvFlags(env.address);
  // No file of its own in a directory: what is read are flags indeed.
  assert.is(flags & 0x4000, 0x4000);
  for (const [name, bit] of Object.entries(harmful)) assert.is(flags & bit, 0, name);
  await database.close();
  directory.release();
});

test.run();
