// Whoever looks after the cluster. A node whose log, vote or snapshot is damaged refuses to start; its disk may be emptied only when all the
// others are up and hold something that was written after it had stopped: then nothing it has ever promised is needed.

import { millis, type NodeId, wallTime } from "../../src/actors/scalars.ts";
import { ask, type Client } from "./clients.ts";
import { type Cluster, crash, diskOf, nodeOf, start } from "./cluster.ts";
import { holds, perishable, replaceDisk } from "./disk.ts";
import { scheduleIn } from "./schedule.ts";

const lookMs = 300;
const operator: Client = { name: "operator", clockRate: 1 };

/** Bits flip in something that a node has stored, and the node is started again: it refuses. The operator replaces it from `wait` later on. */
export function rot(cluster: Cluster, id: NodeId, wait: number): void {
  const disk = diskOf(cluster, id);
  disk.ailments.rotten = cluster.random.pick(perishable(disk));
  crash(cluster, id);
  start(cluster, id);
  scheduleIn(cluster.timetable, wait, () => writeOnce(cluster, id));
}

/** One write must go through without the damaged node. */
function writeOnce(cluster: Cluster, id: NodeId): void {
  const { crowd, timetable, ledger } = cluster;
  const acquire = { type: "acquire", lock: "upkeep", owner: "operator", under: { ttl: millis(1000) } } as const;
  ask(crowd, operator, { operation: { ...acquire, askedAt: wallTime(0) } }, (answer) => {
    if (answer?.type === "granted") return replaceWhenSafe(cluster, id, ledger.committed.length);
    scheduleIn(timetable, lookMs, () => writeOnce(cluster, id));
  });
}

function replaceWhenSafe(cluster: Cluster, id: NodeId, index: number): void {
  const { ledger, timetable, ids } = cluster;
  const written = ledger.committed[index - 1];
  const isSafe = ids.every(
    (other) =>
      other === id ||
      (nodeOf(cluster, other).isRunning &&
        written !== undefined &&
        holds(diskOf(cluster, other), { index, term: written.term })),
  );
  if (!isSafe) {
    scheduleIn(timetable, lookMs, () => replaceWhenSafe(cluster, id, index));
    return;
  }
  cluster.witness.befell?.(`${id} is given an empty disk`);
  for (const key of ledger.votes.keys()) if (key.startsWith(`${id}/`)) ledger.votes.delete(key);
  const disk = diskOf(cluster, id);
  replaceDisk(disk);
  disk.ailments.rotten = null;
  start(cluster, id);
}
