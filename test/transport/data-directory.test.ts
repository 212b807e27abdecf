import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nodeId, regionId } from "../../src/actors/scalars.ts";
import { type Identity, openDataDirectory } from "../../src/transport/data-directory.ts";
import { exitCodes, StartError } from "../../src/transport/resident.ts";
import { patienceMs } from "../patience.ts";
import { freshDirectory } from "./surroundings.ts";

const test = suite("transport/data-directory");

const region = regionId("default");
const names = { clusterId: "test", regionId: region, nodeId: nodeId("a") };
const voters = [names.nodeId];
const ours: Identity = { ...names, regions: [region], voters };
const withEu: Identity = { ...names, regions: [region, regionId("eu")], voters };
const ofThree: Identity = { ...ours, voters: ["a", "b", "c"].map(nodeId) };
const notLost = (error: Error): void => {
  throw error;
};
const openAs = (path: string, identity = ours) => openDataDirectory(path, identity, notLost);

async function refusal(path: string, identity = ours): Promise<StartError> {
  try {
    await openAs(path, identity);
  } catch (error) {
    assert.instance(error, StartError);
    return error as StartError;
  }
  throw new Error("the directory is accepted");
}

const identityOf = (path: string) => JSON.parse(readFileSync(join(path, "identity.json"), "utf8"));

/** Everything in a directory, for comparison. */
const contents = (path: string): [string, string][] =>
  readdirSync(path).map((name) => [name, readFileSync(join(path, name), "utf8")]);

test("a directory that is missing is created, and says whose it is", async () => {
  const path = freshDirectory();
  const directory = await openAs(path);
  assert.is(directory.inUse, false);
  directory.release();
  assert.equal(identityOf(path), { format: 1, ...names, voters, inUse: false });
});

test("the directory of another node, region or cluster is left alone, and both values are named", async () => {
  const path = freshDirectory();
  (await openAs(path)).release();
  const before = contents(path);
  const others = [
    { ...ours, nodeId: nodeId("b") },
    { ...ours, regionId: regionId("eu") },
    { ...ours, clusterId: "other" },
  ];
  for (const [at, expected] of [
    'nodeId is "a" there and "b"',
    'regionId is "default" there and "eu"',
    'clusterId is "test" there and "other"',
  ].entries()) {
    const error = await refusal(path, others[at]);
    assert.is(error.exitCode, exitCodes.usage);
    assert.match(error.message, expected);
  }
  assert.equal(contents(path), before);
});

test("the directory of another set of regions is left alone, and both sets are named", async () => {
  for (const [made, used, expected] of [
    [ours, withEu, "belongs to the region default alone, and REGION_ID and REGION_PEERS name the regions default, eu"],
    [withEu, ours, "belongs to the regions default, eu, and REGION_ID and REGION_PEERS name the region default alone"],
  ] as const) {
    const path = freshDirectory();
    (await openAs(path, made)).release();
    const before = contents(path);
    const error = await refusal(path, used);
    assert.is(error.exitCode, exitCodes.usage);
    assert.match(error.message, expected);
    assert.match(error.message, "stop all nodes of all regions");
    assert.equal(contents(path), before);
    (await openAs(path, made)).release();
  }
});

test("a directory of one of several regions says so in a format that earlier versions do not read", async () => {
  const path = freshDirectory();
  const directory = await openAs(path, withEu);
  directory.markInUse();
  directory.release();
  assert.equal(identityOf(path), { format: 2, ...withEu, inUse: true });
});

test("the directory of another group of nodes is left alone, and the members of both are named", async () => {
  const fromAlone = "belongs to the member a alone, and NODE_ID and RAFT_PEERS name the members a, b, c";
  const toAlone = "belongs to the members a, b, c, and NODE_ID and RAFT_PEERS name the member a alone";
  const replaced = { ...ofThree, voters: ["a", "b", "d"].map(nodeId) };
  const ofThreeWithEu = { ...withEu, voters: ofThree.voters };
  for (const [made, used, expected] of [
    [ours, ofThree, fromAlone],
    [ofThree, ours, toAlone],
    [withEu, ofThreeWithEu, fromAlone],
    [ofThreeWithEu, withEu, toAlone],
    [ofThree, replaced, "belongs to the members a, b, c, and NODE_ID and RAFT_PEERS name the members a, b, d"],
  ] as const) {
    const path = freshDirectory();
    const directory = await openAs(path, made);
    writeFileSync(directory.databasePath, "");
    directory.markInUse();
    directory.release();
    const before = contents(path);
    const error = await refusal(path, used);
    assert.is(error.exitCode, exitCodes.usage);
    assert.match(error.message, expected);
    assert.match(error.message, "Members are neither added nor removed");
    assert.match(error.message, "stop all nodes of all regions");
    assert.not.match(error.message, /\n/);
    assert.equal(contents(path), before);
    (await openAs(path, made)).release();
  }
});

test("a directory that an earlier version left, which did not say its members, is taken over and says them from then on", async () => {
  for (const [earlier, now] of [
    [{ format: 1, ...names, inUse: true }, ofThree],
    [
      { format: 2, ...names, regions: withEu.regions, inUse: true },
      { ...withEu, voters: ofThree.voters },
    ],
    [{ format: 1, ...names, inUse: false }, ofThree],
  ] as const) {
    const path = freshDirectory();
    mkdirSync(path);
    writeFileSync(join(path, "identity.json"), JSON.stringify(earlier));
    writeFileSync(join(path, "raft.mdb"), "");
    const directory = await openAs(path, now);
    assert.is(directory.inUse, earlier.inUse);
    directory.release();
    assert.equal(identityOf(path), { ...earlier, voters: now.voters });
    assert.match((await refusal(path, { ...now, voters })).message, "belongs to the members a, b, c");
  }
});

test("a directory of an earlier version that is in use by another process is not taken over", async () => {
  const path = freshDirectory();
  const directory = await openAs(path);
  writeFileSync(join(path, "identity.json"), JSON.stringify({ format: 1, ...names, inUse: false }));
  const before = contents(path);
  assert.is((await refusal(path, ofThree)).exitCode, exitCodes.unavailable);
  assert.equal(contents(path), before);
  directory.release();
});

test("a directory that holds something else is left alone", async () => {
  const path = freshDirectory();
  mkdirSync(path);
  writeFileSync(join(path, "holiday.jpg"), "");
  const error = await refusal(path);
  assert.is(error.exitCode, exitCodes.usage);
  assert.match(error.message, "holiday.jpg");
  assert.equal(readdirSync(path), ["holiday.jpg"]);
});

test("a directory that cannot be created is a clear refusal", async () => {
  const path = freshDirectory();
  writeFileSync(path, "a file, where a directory should be");
  assert.is((await refusal(path)).exitCode, exitCodes.cannotCreate);
  assert.is((await refusal(join(path, "below"))).exitCode, exitCodes.cannotCreate);
});

test("a directory whose identity cannot be read is damaged", async () => {
  const path = freshDirectory();
  (await openAs(path)).release();
  const noRegions = JSON.stringify({ format: 2, ...names, inUse: true });
  const membersOf = (members: unknown) => JSON.stringify({ format: 1, ...names, voters: members, inUse: false });
  const regional = JSON.stringify({ format: 2, ...withEu, voters: "a", inUse: false });
  const noMembers = [membersOf("a"), membersOf(null), membersOf({ 0: "a" }), membersOf(["a", 1]), regional];
  for (const text of ["", "{}", "null", '{"format":1', noRegions, ...noMembers]) {
    writeFileSync(join(path, "identity.json"), text);
    assert.is((await refusal(path)).exitCode, exitCodes.damagedData, text);
  }
});

test("a directory of a later format is not read", async () => {
  const path = freshDirectory();
  (await openAs(path)).release();
  writeFileSync(join(path, "identity.json"), JSON.stringify({ format: 3, ...names, inUse: true }));
  assert.match((await refusal(path)).message, "has format 3");
});

test("two nodes do not share a directory", async () => {
  const path = freshDirectory();
  const directory = await openAs(path);
  const error = await refusal(path);
  assert.is(error.exitCode, exitCodes.unavailable);
  assert.match(error.message, `in use by process ${process.pid}`);
  directory.release();
  (await openAs(path)).release();
});

test("the lock of a process that was killed is taken over", async () => {
  const path = freshDirectory();
  const program = new URL("./data-directory-holder.js", import.meta.url).pathname;
  const { signal } = spawnSync(process.execPath, [program, path], { timeout: patienceMs });
  assert.is(signal, "SIGKILL");
  assert.ok(readdirSync(path).includes("lockmgr.lock"));
  const directory = await openAs(path);
  assert.is(JSON.parse(readFileSync(join(path, "lockmgr.lock"), "utf8")).pid, process.pid);
  directory.release();
});

test("a process that has the number of a dead one does not inherit its lock", async () => {
  const path = freshDirectory();
  (await openAs(path)).release();
  const directory = await openAs(path);
  const held = JSON.parse(readFileSync(join(path, "lockmgr.lock"), "utf8"));
  directory.release();
  writeFileSync(join(path, "lockmgr.lock"), JSON.stringify({ ...held, nonce: "old", startedAt: "1" }));
  (await openAs(path)).release();
});

test("a holder that cannot be looked up lives for as long as it touches its lock", async () => {
  const path = freshDirectory();
  (await openAs(path)).release();
  const file = join(path, "lockmgr.lock");
  writeFileSync(
    file,
    JSON.stringify({ nonce: "n", pid: 1, startedAt: "1", bootId: "another machine", pidNamespace: "" }),
  );
  let seconds = 0;
  const touching = setInterval(() => utimesSync(file, ++seconds, seconds), 100);
  assert.is((await refusal(path)).exitCode, exitCodes.unavailable);
  clearInterval(touching);
  (await openAs(path)).release();
});

test("a holder whose lock was taken is told", async () => {
  const path = freshDirectory();
  let tell: (error: Error) => void = () => undefined;
  const told = new Promise<Error>((resolve) => {
    tell = resolve;
  });
  const directory = await openDataDirectory(path, ours, (error) => tell(error));
  writeFileSync(join(path, "lockmgr.lock"), JSON.stringify({ nonce: "another", pid: 4711 }));
  const waiting = setTimeout(() => undefined, patienceMs);
  assert.match((await told).message, "taken by process 4711");
  clearTimeout(waiting);
  directory.release();
  assert.ok(readdirSync(path).includes("lockmgr.lock"), "what is another's is not removed");
});

test.run();
