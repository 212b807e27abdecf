// Scripted stories of votes, and of a leader of old that does not know that it is one. Each must end well with the service as it
// ships, and end badly with the mutants that are named for it.

import type { RaftMessage } from "../../../src/actors/messages.ts";
import type { NodeId } from "../../../src/actors/scalars.ts";
import { crash, diskOf, goOn, nodeOf, startAll, stop, type Watching } from "../cluster.ts";
import { type Cargo, partition } from "../network.ts";
import { post } from "../node.ts";
import { acquireUnder, awaitLeader, begin, client, leaderOf, open, othersThan, pass, send, take } from "../script.ts";
import { check } from "../witness.ts";

const alice = client("alice");

/** Leaders die one after another. Whatever is asked and answered meanwhile, the vote of a term that is on disk stays. */
export function voteStays(seed: number, watching: Watching = {}): void {
  const cluster = begin(seed, {}, watching);
  const votes = new Map<string, NodeId>();
  for (let round = 0; round < 6; round += 1) {
    const dead = leaderOf(cluster);
    crash(cluster, dead);
    for (let step = 0; step < 1500; step += 1) {
      pass(cluster, 1);
      for (const id of cluster.ids) {
        const { term, votedFor } = diskOf(cluster, id).hardState;
        if (votedFor === null) continue;
        const former = votes.get(`${id}/${term}`) ?? votedFor;
        check(
          former === votedFor,
          "the vote of a term is not changed",
          () => `${id} in ${term}: ${former}, ${votedFor}`,
        );
        votes.set(`${id}/${term}`, votedFor);
      }
    }
    startAll(cluster);
    pass(cluster, 1500);
  }
}

/** A leader is cut off. Answers that its followers gave before reach it one after another all the while; they say nothing of now
 *  (thesis §6.4). */
export function oldAnswers(seed: number, watching: Watching = {}): void {
  const answers = new Map<NodeId, RaftMessage>();
  const transmitted = (from: NodeId, _to: NodeId, cargo: Cargo): void => {
    if (cargo.type === "raft" && cargo.message.type === "appendResponse") answers.set(from, cargo.message);
  };
  const cluster = begin(seed, {}, { ...watching, witnesses: [...(watching.witnesses ?? []), { transmitted }] });
  const old = leaderOf(cluster);
  const lease = open(cluster, alice, 1000);
  take(cluster, alice, acquireUnder("job", "alice", lease));
  pass(cluster, 200);
  const late = [...answers];
  partition(cluster.network, [old], othersThan(cluster, old));
  for (let at = 0; at < 30; at += 1) {
    pass(cluster, 100);
    send(cluster, alice, { operation: { type: "renewLease", lease }, isNamed: false, at: old });
    pass(cluster, 100);
    for (const [from, message] of late) {
      post(nodeOf(cluster, old), "peers", "raft", { type: "received", from, message });
    }
  }
}

/** A leader stands still while another is elected, which opens a lease. What the leader of old is asked of it then, it must not
 *  answer from what it knows. */
export function unknownToTheOld(seed: number, watching: Watching = {}): void {
  const cluster = begin(seed, {}, watching);
  const old = leaderOf(cluster);
  stop(cluster, old);
  awaitLeader(cluster);
  pass(cluster, 500);
  const lease = open(cluster, alice, 60_000);
  for (let at = 0; at < 10; at += 1) {
    send(cluster, client(`alice${at}`), { operation: { type: "renewLease", lease }, isNamed: false, at: old });
  }
  pass(cluster, 50);
  goOn(cluster, old);
  pass(cluster, 4000);
}
