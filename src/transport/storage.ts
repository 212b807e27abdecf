// The disk, as an actor. Whatever raft asks to be kept is written in the order in which it was asked, and answered when the
// flush has returned. While one commit runs, letters queue; the next commit takes them all (group commit). A commit that
// fails stops the node: after a failed flush nobody knows what the page cache holds, so nothing is tried twice.

import { invariant } from "../actors/invariant.ts";
import { encodeHardState, encodeLogBounds } from "./codec.ts";
import { UnknownKindError } from "./codec-wire.ts";
import { type DataDirectory, howToRejoin, openDataDirectory } from "./data-directory.ts";
import { exitCodes, type Mail, type Resident, StartError, type Surroundings } from "./resident.ts";
import { openPress } from "./snapshot-press.ts";
import { openSnapshotStore } from "./snapshot-store.ts";
import { commitInGroups } from "./storage-commits.ts";
import { openDatabase, type StorageDatabase } from "./storage-database.ts";
import { isBlank, nothingStored, readAll, type Stored } from "./storage-load.ts";
import { keepLog } from "./storage-log.ts";
import { watchRoom } from "./storage-room.ts";

/** Reads and verifies everything that is on disk, and only then resolves. */
export async function startStorage(surroundings: Surroundings<"storage">): Promise<Resident<"storage">> {
  const { settings, fail } = surroundings;
  const { cluster, node } = settings.config;
  const { clusterId, regionId, regions, voters } = cluster;
  const identity = { clusterId, regionId, nodeId: node.nodeId, regions, voters };
  const directory = await openDataDirectory(settings.dataDir, identity, fail);
  let database: StorageDatabase | null = null;
  try {
    database = openDatabase(directory, { mapBytes: settings.mapBytes });
    const stored = await load(database, directory);
    return runStorage({ surroundings, directory, database, stored });
  } catch (error) {
    await database?.close();
    directory.release();
    throw asStartError(error, { dataDir: settings.dataDir, inUse: directory.inUse });
  }
}

async function load(database: StorageDatabase, directory: DataDirectory): Promise<Stored> {
  if (!directory.inUse) {
    if (isBlank(database.tables)) {
      await database.commit(({ put }) => {
        put("meta", "hardState", encodeHardState(nothingStored.hardState));
        put("meta", "logBounds", encodeLogBounds(nothingStored.bounds));
      });
    }
    directory.markInUse();
  }
  return readAll(database.tables);
}

function asStartError(error: unknown, { dataDir, inUse }: { dataDir: string; inUse: boolean }): StartError {
  if (error instanceof StartError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof UnknownKindError) {
    const message = `DATA_DIR ${dataDir} was written by a newer version: ${reason}. Nothing was changed; start the newer version.`;
    return new StartError(message, exitCodes.damagedData);
  }
  if (!inUse) return new StartError(`DATA_DIR ${dataDir} cannot be used: ${reason}`, exitCodes.cannotCreate);
  return new StartError(`DATA_DIR ${dataDir} is damaged: ${reason}. ${howToRejoin}`, exitCodes.damagedData);
}

interface Running {
  readonly surroundings: Surroundings<"storage">;
  readonly directory: DataDirectory;
  readonly database: StorageDatabase;
  readonly stored: Stored;
}

function runStorage({ surroundings, directory, database, stored }: Running): Resident<"storage"> {
  const { settings, post, fail } = surroundings;
  const press = openPress();
  const commits = commitInGroups(database, fail);
  const log = keepLog(surroundings, stored, commits.enqueue);
  const snapshots = openSnapshotStore({
    surroundings,
    tables: database.tables,
    stored,
    press,
    enqueue: commits.enqueue,
    replaceLog: log.replace,
  });
  const room = watchRoom(
    { directory: settings.dataDir, mapBytes: settings.mapBytes, usedBytes: database.usedBytes },
    (scarce) => {
      surroundings.log.warn(
        { scarce },
        scarce ? "room for data is scarce: nothing new is begun" : "there is room for data again",
      );
      post("gateway", { type: "room", scarce });
    },
  );

  // Whoever started this must know that it runs before the first letter comes.
  setImmediate(() => {
    const { hardState, entries, snapshot } = stored;
    post("raft", { type: "loaded", hardState, snapshot: snapshot?.position ?? null, entries });
    snapshots.begin();
    void room.look().catch(fail);
  });

  function receive(letter: Mail<"storage">): void {
    switch (letter.type) {
      case "append":
        log.append(letter);
        break;
      case "compact":
        invariant(letter.through <= (snapshots.installed()?.index ?? 0), "only what is in a snapshot leaves the log");
        log.compact(letter.through);
        break;
      case "readChunk":
        snapshots.read(letter);
        break;
      case "receiveChunk":
        snapshots.receive(letter);
        break;
      case "snapshotTaken":
        snapshots.take(letter.slice);
        break;
    }
  }

  return {
    receive,
    inspect: () => ({
      ...log.inspect(),
      snapshotIndex: snapshots.installed()?.index ?? 0,
      commits: commits.count(),
      queued: commits.queued(),
      usedBytes: database.usedBytes(),
      roomScarce: room.isScarce() ? 1 : 0,
    }),
    stop: async () => {
      room.close();
      await snapshots.stop();
      const isWhole = await commits.stop();
      await press.close();
      // After a failed commit the environment is not to be trusted to close.
      if (isWhole) await database.close();
      directory.release();
    },
  };
}
