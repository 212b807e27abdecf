// Scripted scenarios that a test runs with the behaviours as they ship, and the tests of the checkers with broken ones.

import type { Answer } from "../../src/actors/operations.ts";
import { type Cluster, goOn, stop, type Watching } from "./cluster.ts";
import { partition } from "./network.ts";
import {
  acquireUnder,
  answerTo,
  awaitLeader,
  begin,
  client,
  leaderOf,
  open,
  othersThan,
  pass,
  request,
  send,
  take,
} from "./script.ts";

const holder = client("holder");
const rival = client("rival");

/** What the leader of old answered to renewals that reached it after it had been overtaken, and who took the lock meanwhile. */
export interface Overtaken {
  readonly cluster: Cluster;
  readonly answers: readonly (Answer | null)[];
  readonly rival: Answer | null;
}

/** A leader is stopped for longer than a lease. Renewals reach it while it stands still; then it goes on. */
export function leaderPaused(seed: number, watching: Watching = {}): Overtaken {
  const cluster = begin(seed, {}, watching);
  const old = leaderOf(cluster);
  const lease = open(cluster, holder, 2000);
  take(cluster, holder, acquireUnder("job", "holder", lease));
  stop(cluster, old);
  awaitLeader(cluster);
  pass(cluster, 4000);
  const renewals = [1, 2, 3].map(() =>
    send(cluster, holder, { operation: { type: "renewLease", lease }, isNamed: false, at: old }),
  );
  const next = leaderOf(cluster);
  const rivalLease = open(cluster, rival, 5000);
  const answer = request(cluster, rival, acquireUnder("job", "rival", rivalLease), next);
  goOn(cluster, old);
  return { cluster, answers: renewals.map((renewal) => answerTo(cluster, renewal)), rival: answer };
}

/** A leader is cut off from its group, and clients go on talking to it. */
export function leaderCutOff(seed: number, watching: Watching = {}): Overtaken {
  const cluster = begin(seed, {}, watching);
  const old = leaderOf(cluster);
  const lease = open(cluster, holder, 1000);
  take(cluster, holder, acquireUnder("job", "holder", lease));
  partition(cluster.network, [old], othersThan(cluster, old));
  const renewals = [];
  for (let at = 0; at < 30; at += 1) {
    pass(cluster, 200);
    renewals.push(send(cluster, holder, { operation: { type: "renewLease", lease }, isNamed: false, at: old }));
  }
  const next = leaderOf(cluster);
  const rivalLease = open(cluster, rival, 5000);
  const answer = request(cluster, rival, acquireUnder("job", "rival", rivalLease), next);
  return { cluster, answers: renewals.map((renewal) => answerTo(cluster, renewal)), rival: answer };
}
