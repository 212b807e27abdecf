// The directory that a node keeps its data in: that it is this node's and nobody else's. `identity.json` says whose it is;
// a directory that says otherwise, or that holds something else, is left alone. `lockmgr.lock` (see directory-lock.ts) keeps two
// processes from sharing it.

import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { NodeId, RegionId } from "../actors/scalars.ts";
import { type DirectoryLock, lockDirectory, lockFile } from "./directory-lock.ts";
import { exitCodes, StartError } from "./resident.ts";

/** The versions of what the files in the directory mean: of a region alone, and of one of several. */
const formatAlone = 1;
const formatRegional = 2;

const identityFile = "identity.json";
const databaseFile = "raft.mdb";

/** What a directory may hold and still count as empty: what a file system puts there, the directories of `npm run cluster`, and
 *  what a first start that was cut short has left. */
const isOfNoAccount = (name: string): boolean =>
  name === "lost+found" ||
  name === "cluster" ||
  name === lockFile ||
  name.startsWith(`${lockFile}.`) ||
  name === `${identityFile}.new`;

/** Whose data a directory holds. */
export interface Identity {
  readonly clusterId: string;
  readonly regionId: RegionId;
  readonly nodeId: NodeId;
  /** All regions, sorted. What a region has promised to others counts only among these. */
  readonly regions: readonly RegionId[];
  /** All members of the region's group, sorted. What this node has voted for and stored counts only among these. */
  readonly voters: readonly NodeId[];
}

interface StoredIdentity extends Omit<Identity, "voters"> {
  readonly format: number;
  /** Null where an earlier version, which did not say, has written it. */
  readonly voters: readonly NodeId[] | null;
  /** Whether the database has been created. If so it must be there: a node that has lost it has lost its vote. */
  readonly inUse: boolean;
}

export interface DataDirectory {
  readonly databasePath: string;
  /** Whether a database was created here before. */
  readonly inUse: boolean;
  /** Says, durably, that the database has been created. */
  readonly markInUse: () => void;
  /** Lets another process have the directory. */
  readonly release: () => void;
}

/**
 * Takes the directory for this process, and creates it if it is missing. Throws a `StartError`, with nothing changed, if it
 * belongs to another node or group of nodes, holds something else, is in use, or cannot be written. `onLost` is told if
 * another process has taken the directory nevertheless.
 */
export async function openDataDirectory(
  directory: string,
  identity: Identity,
  onLost: (error: Error) => void,
): Promise<DataDirectory> {
  const path = resolve(directory);
  prepare(path);
  checkIdentity(path, identity);
  const lock = await takeLock(path, onLost);
  try {
    const stored = checkIdentity(path, identity);
    const inUse = stored?.inUse ?? false;
    // What does not say its members is taken over, and says them from now on.
    if (stored === null || stored.voters === null) writeIdentity(path, identity, { inUse });
    return {
      databasePath: join(path, databaseFile),
      inUse,
      markInUse: () => writeIdentity(path, identity, { inUse: true }),
      release: lock.release,
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function prepare(path: string): void {
  try {
    makeDirectory(resolve(path));
  } catch (error) {
    throw new StartError(`DATA_DIR ${path} cannot be created: ${reason(error)}`, exitCodes.cannotCreate);
  }
}

/** Makes a directory and those above it. Node's own way of doing so never returns where a mkdir fails with ENOENT although what
 *  is above exists, as in /proc. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Somebody else was quicker.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

async function takeLock(path: string, onLost: (error: Error) => void): Promise<DirectoryLock> {
  try {
    return await lockDirectory(path, onLost);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`DATA_DIR ${path} cannot be written: ${reason(error)}`, exitCodes.cannotCreate);
  }
}

/** The identity of the directory, which is this node's, or null if the directory is empty. */
function checkIdentity(path: string, identity: Identity): StoredIdentity | null {
  const stored = readIdentity(path);
  if (stored === null) {
    const foreign = listing(path).find((name) => !isOfNoAccount(name));
    if (foreign === undefined) return null;
    throw new StartError(
      `DATA_DIR ${path} is not empty and not a data directory of lockmgr: it holds ${foreign}. Give it a directory of its own.`,
      exitCodes.usage,
    );
  }
  const differences = (["clusterId", "regionId", "nodeId"] as const)
    .filter((field) => stored[field] !== identity[field])
    .map((field) => `${field} is "${stored[field]}" there and "${identity[field]}" here`);
  if (differences.length > 0) {
    throw new StartError(`DATA_DIR ${path} belongs to another node: ${differences.join(", ")}.`, exitCodes.usage);
  }
  if (stored.format !== formatAlone && stored.format !== formatRegional) {
    throw new StartError(
      `DATA_DIR ${path} has format ${stored.format}, this version reads formats ${formatAlone} and ${formatRegional}. Start the version that wrote it.`,
      exitCodes.usage,
    );
  }
  if (stored.regions.join() !== identity.regions.join()) {
    throw new StartError(
      `DATA_DIR ${path} belongs to ${listed("region", stored.regions)}, and REGION_ID and REGION_PEERS name ${listed("region", identity.regions)}. Regions are neither added nor removed: ${howToBeginAnew}`,
      exitCodes.usage,
    );
  }
  if (stored.voters !== null && stored.voters.join() !== identity.voters.join()) {
    throw new StartError(
      `DATA_DIR ${path} belongs to ${listed("member", stored.voters)}, and NODE_ID and RAFT_PEERS name ${listed("member", identity.voters)}. Members are neither added nor removed, because new ones without a memory could outvote what the old ones hold: ${howToBeginAnew}`,
      exitCodes.usage,
    );
  }
  if (stored.inUse && !existsSync(join(path, databaseFile))) {
    throw new StartError(
      `DATA_DIR ${path} is damaged: ${databaseFile} is missing. ${howToRejoin}`,
      exitCodes.damagedData,
    );
  }
  return stored;
}

/** What to do about a directory that is damaged. */
export const howToRejoin =
  "Nothing was changed. To rejoin: move the directory away, and start this node with an empty one when all other nodes are up and a write has succeeded without it.";

const listed = (noun: string, names: readonly string[]): string =>
  names.length === 1 ? `the ${noun} ${names[0]} alone` : `the ${noun}s ${names.join(", ")}`;

/** The set of regions, or of members, decides what a majority is, and what each has promised counts only in it. All regions begin
 *  anew even if the members of only one change: that region forgets what it has promised to the others. */
const howToBeginAnew =
  "name those that it belongs to. Or begin anew: stop all nodes of all regions, wait until every lease must have ended, and start all with empty directories; fencing tokens then count from 1 again.";

function listing(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    throw new StartError(`DATA_DIR ${path} cannot be read: ${reason(error)}`, exitCodes.cannotCreate);
  }
}

function readIdentity(path: string): StoredIdentity | null {
  const file = join(path, identityFile);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new StartError(`DATA_DIR ${path} cannot be read: ${reason(error)}`, exitCodes.cannotCreate);
  }
  const stored = parseIdentity(text);
  if (stored === null) {
    throw new StartError(
      `DATA_DIR ${path} is damaged: ${identityFile} cannot be read. ${howToRejoin}`,
      exitCodes.damagedData,
    );
  }
  return stored;
}

function parseIdentity(text: string): StoredIdentity | null {
  try {
    const { format, clusterId, regionId, nodeId, regions, voters, inUse } = JSON.parse(text) as Partial<StoredIdentity>;
    const isWhole =
      typeof format === "number" &&
      typeof clusterId === "string" &&
      typeof regionId === "string" &&
      typeof nodeId === "string" &&
      typeof inUse === "boolean";
    if (!isWhole) return null;
    const names = { format, clusterId, regionId, nodeId, inUse };
    // A later format may say the rest in another way, and is told by its number.
    if (format !== formatAlone && format !== formatRegional) return { ...names, regions: [], voters: null };
    if (voters !== undefined && !isListOfNames(voters)) return null;
    const members = voters ?? null;
    if (format === formatAlone) return { ...names, regions: [regionId], voters: members };
    return isListOfNames(regions) ? { ...names, regions, voters: members } : null;
  } catch {
    return null;
  }
}

const isListOfNames = <Name extends string>(value: readonly Name[] | null | undefined): value is readonly Name[] =>
  Array.isArray(value) && value.every((each) => typeof each === "string");

/** Replaces the identity as a whole: a crash leaves the old one or the new one. */
function writeIdentity(path: string, identity: Identity, { inUse }: { inUse: boolean }): void {
  const { clusterId, regionId, nodeId, regions, voters } = identity;
  // A region alone is written as versions that know of no others read it; those must not take up what one of several has left.
  const isAlone = regions.length === 1;
  const written = isAlone
    ? { format: formatAlone, clusterId, regionId, nodeId, voters, inUse }
    : { format: formatRegional, clusterId, regionId, nodeId, regions, voters, inUse };
  const file = join(path, identityFile);
  try {
    writeFileSync(`${file}.new`, `${JSON.stringify(written, null, 2)}\n`, { flush: true });
    renameSync(`${file}.new`, file);
    flushDirectory(path);
  } catch (error) {
    throw new StartError(`DATA_DIR ${path} cannot be written: ${reason(error)}`, exitCodes.cannotCreate);
  }
}

/** Makes the names in a directory durable. */
function flushDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
