// One scripted story per rule, on a whole cluster: the checkers watch all the while.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { millis, type NodeId } from "../../src/actors/scalars.ts";
import { askToHandOver, type Cluster, crash, diskOf, goOn, start, startAll, stop } from "./cluster.ts";
import { replaceDisk } from "./disk.ts";
import { partition, unblockAll } from "./network.ts";
import { calmPlan } from "./plan.ts";
import { leaderCutOff, leaderPaused } from "./scenarios.ts";
import {
  acquire,
  acquireUnder,
  answerTo,
  awaitLeader,
  awaitThat,
  begin,
  client,
  leaderOf,
  open,
  othersThan,
  pass,
  release,
  request,
  send,
  take,
} from "./script.ts";
import { beginWork } from "./workload.ts";

const test = suite("sim/scenarios");
const seeds = [1, 2, 3, 4, 5];

const alice = client("alice");
const bob = client("bob");

/** The table of every node, by what its lock actor last said of it. */
const holderOf = (cluster: Cluster, lock: string): string => {
  const answer = request(cluster, client("looker"), { type: "check", lock });
  return answer?.type === "locked" ? `${answer.holder.owner} ${answer.holder.token}` : `${answer?.type}`;
};

for (const seed of seeds) {
  test(`seed ${seed}: when the leader dies under load, another serves within 2 s and nothing is lost`, () => {
    const cluster = begin(seed);
    const held = take(cluster, alice, acquire("kept", "alice", 60_000));
    const work = beginWork(cluster);
    pass(cluster, 3000);
    const dead = leaderOf(cluster);
    crash(cluster, dead);
    const before = cluster.ledger.committed.length;
    awaitThat(cluster, "another leader commits", 2000, () => cluster.ledger.committed.length > before + 1);
    pass(cluster, 2000);
    start(cluster, dead);
    pass(cluster, 3000);
    work.isOver = true;
    awaitThat(cluster, "everything asked ends", 15_000, () => cluster.crowd.open === 0);
    assert.is(holderOf(cluster, "kept"), `alice ${held.token}`);
    assert.is.not(leaderOf(cluster), dead);
    assert.ok((work.answers.get("acquire: granted") ?? 0) > 10);
  });

  test(`seed ${seed}: when all nodes die, held locks stay held and tokens go on rising`, () => {
    const cluster = begin(seed);
    const first = take(cluster, alice, acquire("first", "alice", 60_000));
    const lease = open(cluster, bob, 60_000);
    const second = take(cluster, bob, acquireUnder("second", "bob", lease));
    for (const id of cluster.ids) crash(cluster, id);
    pass(cluster, 1000);
    startAll(cluster);
    awaitLeader(cluster);
    assert.is(holderOf(cluster, "first"), `alice ${first.token}`);
    assert.is(holderOf(cluster, "second"), `bob ${second.token}`);
    assert.is(request(cluster, bob, { type: "renewLease", lease })?.type, "leaseRenewed");
    const third = take(cluster, alice, acquire("third", "alice", 60_000));
    assert.ok(third.token > second.token && second.token > first.token);
  });

  test(`seed ${seed}: a leader that stood still for longer than a lease acknowledges nothing of it`, () => {
    const { answers, rival } = leaderPaused(seed);
    assert.is(rival?.type, "granted");
    for (const answer of answers) assert.is.not(answer?.type, "leaseRenewed");
  });

  test(`seed ${seed}: a leader that is cut off acknowledges no renewal`, () => {
    const { answers, rival } = leaderCutOff(seed);
    assert.is(rival?.type, "granted");
    for (const answer of answers) assert.is(answer, null);
  });

  test(`seed ${seed}: a follower that was away too long is caught up by a snapshot`, () => {
    const cluster = begin(seed);
    const away = othersThan(cluster, leaderOf(cluster))[0] as NodeId;
    partition(cluster.network, [away], othersThan(cluster, away));
    churn(cluster, 200);
    const { ledger } = cluster;
    assert.ok((ledger.handed.get(away) ?? 0) < 20);
    unblockAll(cluster.network);
    awaitThat(cluster, "the follower catches up", 5000, () => ledger.handed.get(away) === ledger.committed.length);
    assert.ok((diskOf(cluster, away).snapshot?.position.index ?? 0) > 300);
  });

  test(`seed ${seed}: an acquire whose answer was lost has the same token when it is repeated elsewhere`, () => {
    const cluster = begin(seed);
    const one = cluster.ids[0] as NodeId;
    const { crowd, ledger } = cluster;
    const asked = send(cluster, alice, { operation: acquire("job", "alice", 20_000), at: one });
    const before = ledger.committed.length;
    awaitThat(cluster, "the grant is committed", 2000, () => ledger.committed.length > before);
    // The request has got through; its answer does not.
    crowd.unreachable.add(one);
    const answer = answerTo(cluster, asked);
    assert.is(answer?.type, "granted");
    assert.is(answer?.type === "granted" && answer.token, 1);
    assert.ok(asked.request.attempts.length > 1);
    assert.is(holderOf(cluster, "job"), "alice 1");
  });

  test(`seed ${seed}: a new leader gives every lease its full span`, () => {
    const cluster = begin(seed);
    const lease = open(cluster, alice, 3000);
    take(cluster, alice, acquireUnder("job", "alice", lease));
    pass(cluster, 2700);
    crash(cluster, leaderOf(cluster));
    awaitLeader(cluster);
    const electedAt = cluster.timetable.now;
    const { ended } = cluster.beliefs;
    awaitThat(cluster, "the lease ends", 6000, () => ended.has(lease));
    const span = (ended.get(lease) ?? 0) - electedAt;
    assert.ok(span >= 3000, `${span} ms`);
  });

  test(`seed ${seed}: a release that is repeated after another has taken the lock frees nobody`, () => {
    const cluster = begin(seed);
    const node = cluster.ids[0] as NodeId;
    const { token } = take(cluster, alice, acquire("job", "alice", 60_000));
    const { crowd, ledger } = cluster;
    const before = ledger.committed.length;
    const repeated = send(cluster, alice, { operation: release("job", "alice", token), at: node });
    awaitThat(cluster, "the release is committed", 2000, () => ledger.committed.length > before);
    crowd.unreachable.add(node);
    const away = cluster.ids[1] as NodeId;
    const next = take(cluster, bob, acquire("job", "bob", 60_000), away);
    assert.is(repeated.answer, undefined);
    assert.is(answerTo(cluster, repeated)?.type, "released");
    assert.is(holderOf(cluster, "job"), `bob ${next.token}`);
    assert.is(request(cluster, alice, release("job", "alice", token), away)?.type, "staleToken");
    assert.is(holderOf(cluster, "job"), `bob ${next.token}`);
  });

  test(`seed ${seed}: a node that is started anew with an empty disk catches up with a leader that knew its old one`, () => {
    const cluster = begin(seed);
    const { ledger } = cluster;
    churn(cluster, 5);
    const anew = othersThan(cluster, leaderOf(cluster))[0] as NodeId;
    crash(cluster, anew);
    // Nothing that it ever promised is needed any more.
    churn(cluster, 1);
    replaceDisk(diskOf(cluster, anew));
    start(cluster, anew);
    awaitThat(cluster, "the node catches up", 5000, () => ledger.handed.get(anew) === ledger.committed.length);
  });

  test(`seed ${seed}: a leader that is asked to hands over within one election timeout`, () => {
    const cluster = begin(seed);
    const old = leaderOf(cluster);
    const handedOverAt = cluster.timetable.now;
    askToHandOver(cluster, old);
    assert.is.not(awaitLeader(cluster), old);
    assert.ok(cluster.timetable.now - handedOverAt < calmPlan(seed).node.electionMsMin);
    take(cluster, alice, acquire("job", "alice", 1000));
  });
}

/** Takes and releases a lock again and again, through the leader. */
function churn(cluster: Cluster, times: number): void {
  for (let at = 0; at < times; at += 1) {
    const { token } = take(cluster, alice, acquire("job", "alice", 10_000), leaderOf(cluster));
    request(cluster, alice, release("job", "alice", token), leaderOf(cluster));
  }
}

test("a follower that is sent a snapshot while it takes one of its own takes others afterwards", () => {
  const { node, pace } = calmPlan(1);
  const cluster = begin(1, {
    node: { ...node, snapshotEntries: 32, trailingEntries: 0, sliceRecords: 1 },
    pace: { ...pace, latenessMax: 20 },
  });
  churn(cluster, 150);
  const away = othersThan(cluster, leaderOf(cluster))[0] as NodeId;
  const disk = diskOf(cluster, away);
  awaitThat(cluster, "a snapshot is begun", 30_000, () => {
    if (disk.taking === null) churn(cluster, 1);
    return disk.taking !== null;
  });
  stop(cluster, away, ["lock"]);
  partition(cluster.network, [away], othersThan(cluster, away));
  churn(cluster, 200);
  pass(cluster, 10_000);
  const newest = (): number => disk.snapshot?.position.index ?? 0;
  const own = newest();
  unblockAll(cluster.network);
  awaitThat(cluster, "the leader's snapshot is installed", 20_000, () => newest() > own);
  const installed = newest();
  goOn(cluster, away, ["lock"]);
  for (let round = 0; round < 10; round += 1) {
    churn(cluster, 20);
    pass(cluster, 3000);
  }
  assert.ok(newest() > installed + 200, `${newest()} after ${installed}`);
});

test("every lock of a client that died becomes free within its span", () => {
  const cluster = begin(1);
  const lease = open(cluster, alice, 2000);
  take(cluster, alice, acquireUnder("one", "alice", lease));
  take(cluster, alice, acquireUnder("two", "alice", lease));
  take(cluster, bob, acquire("three", "bob", 3000));
  pass(cluster, millis(3000 * 1.01 + 50 + 200));
  for (const lock of ["one", "two", "three"]) assert.is(holderOf(cluster, lock), "free");
});

test.run();
