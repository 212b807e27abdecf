// Many clients wait for one lock, each under a lease of its own, and each holds it for a moment when its turn comes: how many turns
// are made, what one costs the nodes, how many messages it takes, and whether the order is kept.

import { setTimeout as pause } from "node:timers/promises";
import { at, type Cluster } from "../../test/cluster/cluster.ts";
import { type Crowd, gives, newCrowd, type Session, type Told, tokenOf, wants } from "./client.ts";
import { cpuMs } from "./processes.ts";

export interface TurnsRow {
  readonly nodes: number;
  readonly clients: number;
  readonly holdMs: number;
  readonly turns: number;
  /** Of the median lap, and of the best. */
  readonly turnsPerSecond: number;
  readonly best: number;
  /** Of all nodes together. */
  readonly cpuMsPerTurn: number;
  readonly grantsPerRelease: number;
  /** Of whatever kind: grant, answer to the release, and what the session is told of its own locks. */
  readonly messagesPerTurn: number;
  /** How many turns came out of the order in which the clients stood in the queue. */
  readonly outOfOrder: number;
}

export interface TurnsOptions {
  readonly clients: number;
  readonly holdMs: number;
  /** How often all of them take their turn. */
  readonly laps: number;
}

const lock = "turn";
const waitMs = 600_000;
const openAtOnce = 50;

export async function measureTurns(
  { sites, nodes }: Cluster,
  { clients, holdMs, laps }: TurnsOptions,
): Promise<TurnsRow> {
  const crowd = newCrowd();
  const sessions: Session[] = [];
  while (sessions.length < clients) {
    const some = Array.from({ length: Math.min(openAtOnce, clients - sessions.length) }, (_, n) => {
      const number = sessions.length + n;
      return crowd.open(`client-${number}`, at(sites, number % sites.length).grpc);
    });
    sessions.push(...(await Promise.all(some)));
  }
  const gate = await crowd.open("gate", at(sites, 0).grpc);
  const rates: number[] = [];
  let [cpu, grants, messages, outOfOrder] = [0, 0, 0, 0];
  for (let lap = 0; lap < laps; lap += 1) {
    const { seconds, ...counted } = await runLap({ crowd, gate, sessions, holdMs, cpuOfNodes: () => cpuMs(nodes) });
    rates.push(clients / seconds);
    cpu += counted.cpu;
    grants += counted.grants;
    messages += counted.messages;
    outOfOrder += counted.outOfOrder;
  }
  crowd.close();
  const turns = clients * laps;
  rates.sort((one, other) => one - other);
  return {
    nodes: sites.length,
    clients,
    holdMs,
    turns,
    turnsPerSecond: at(rates, rates.length >> 1),
    best: at(rates, rates.length - 1),
    cpuMsPerTurn: cpu / turns,
    grantsPerRelease: grants / turns,
    messagesPerTurn: messages / turns,
    outOfOrder,
  };
}

interface Lap {
  readonly crowd: Crowd;
  readonly gate: Session;
  readonly sessions: readonly Session[];
  readonly holdMs: number;
  readonly cpuOfNodes: () => number;
}

/** The gate keeps the lock until all stand in the queue; then each takes it, holds it and gives it back. */
async function runLap({ crowd, gate, sessions, holdMs, cpuOfNodes }: Lap) {
  const { result } = await gate.ask(wants(lock, gate, 0), "acquired");
  const token = tokenOf({ $case: "acquired", value: { result } });
  const served: string[] = [];
  const { queued, done } = takeTurns(sessions, async (session, granted) => {
    served.push(session.owner);
    if (holdMs > 0) await pause(holdMs);
    await session.ask(gives(session.lease, granted), "released");
  });
  await Promise.race([queued, done]);
  const queue = await ownersWaiting(gate);
  // What is still to be told of the queueing is told before.
  await pause(200);
  const before = { ...totals(crowd), cpu: cpuOfNodes(), at: performance.now() };
  await gate.ask(gives(gate.lease, token), "released");
  await done;
  const seconds = (performance.now() - before.at) / 1_000;
  const after = totals(crowd);
  return {
    seconds,
    cpu: cpuOfNodes() - before.cpu,
    grants: after.grants - before.grants,
    messages: after.messages - before.messages,
    outOfOrder: served.filter((owner, place) => queue[place] !== owner).length,
  };
}

/** `queued` resolves when every session waits, `done` when every session has had its turn. */
function takeTurns(sessions: readonly Session[], turn: (session: Session, token: bigint) => Promise<void>) {
  const starts = sessions.map((session) => {
    let tellQueued = () => {};
    const queued = new Promise<void>((resolve) => {
      tellQueued = resolve;
    });
    const answered = new Promise<Told | Error>((done) => {
      session.say(wants(lock, session, waitMs), { queued: tellQueued, done });
    });
    return { queued, done: answered.then((told) => turn(session, tokenOf(told))) };
  });
  return {
    queued: Promise.all(starts.map(({ queued }) => queued)),
    done: Promise.all(starts.map(({ done }) => done)),
  };
}

async function ownersWaiting(session: Session): Promise<string[]> {
  const owners: string[] = [];
  let pageToken = "";
  do {
    const value = { lock, pageSize: 1_000, pageToken };
    const page = await session.ask({ $case: "listWaiters", value }, "waiters");
    owners.push(...page.waiters.map(({ owner }) => owner));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return owners;
}

function totals({ tally }: Crowd): { grants: number; messages: number } {
  const messages = [...tally.values()].reduce((sum, count) => sum + count, 0) - (tally.get("ping") ?? 0);
  return { grants: tally.get("acquired") ?? 0, messages };
}
