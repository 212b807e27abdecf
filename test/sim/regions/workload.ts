// What the clients of several regions do all day: each has a region of its own, and turns to others now and then. They take a
// lock and release it, vanish with it, repeat themselves, keep a lease alive and hold several locks under it, or only look.

import type { Answer, Operation } from "../../../src/actors/operations.ts";
import { type FencingToken, type LeaseId, millis, type NodeId, wallTime } from "../../../src/actors/scalars.ts";
import { ask, type Client, type Request, type Settled } from "../clients.ts";
import { createRandom, type Random } from "../random.ts";
import { scheduleIn } from "../schedule.ts";
import type { World } from "./world.ts";

export interface Work {
  readonly world: World;
  readonly random: Random;
  /** How often who works under a lease waits for a lock that is held. */
  readonly patience: number;
  /** Set at the end: clients begin nothing new and renew nothing. */
  isOver: boolean;
  /** How many answers of each kind were given. */
  readonly answers: Map<string, number>;
}

interface Resident extends Client {
  /** The nodes of its region. */
  readonly home: readonly NodeId[];
}

export const lockName = (at: number): string => `lock-${at}`;

export function beginWork(world: World): Work {
  const { plan, regions } = world;
  const patience = createRandom(plan.seed, "patience").pick([0, 0.3, 0.8]);
  const random = createRandom(plan.seed, "workload");
  const work: Work = { world, random, patience, isOver: false, answers: new Map() };
  const homes = [...regions.values()];
  const { each } = plan;
  let count = 0;
  const begin = (kind: string, clients: number, live: (work: Work, client: Resident) => void): void => {
    for (let at = 1; at <= clients; at += 1) {
      const error = each.clocksAtBound ? -each.clockError : work.random.between(-each.clockError, each.clockError);
      const home = homes[count % homes.length]?.ids ?? [];
      count += 1;
      const client = { name: `${kind}${at}`, clockRate: 1 + error, home };
      think(work, () => live(work, client));
    }
  };
  begin("stateless", each.workload.stateless, takeOne);
  begin("leased", each.workload.leased, openLease);
  begin("repeating", each.workload.repeating, takeAndRepeat);
  begin("watching", each.workload.watching, look);
  return work;
}

const workloadOf = ({ world }: Work) => world.plan.each.workload;
const pickLock = (work: Work): string => lockName(work.random.below(workloadOf(work).locks));
const drawTtl = (work: Work) =>
  millis(Math.round(work.random.between(workloadOf(work).ttlMin, workloadOf(work).ttlMax)));

function want(work: Work, client: Resident, operation: Operation, settled: Settled, repeats?: Request): Request {
  const { world, random } = work;
  const roams = random.chance(world.plan.roamChance);
  const at = random.pick(roams ? [...world.nodes.keys()] : client.home);
  const wish = { operation, at, ...(repeats === undefined ? {} : { repeats }) };
  return ask(world.crowd, client, wish, (answer, attempt) => {
    const kind = `${operation.type}: ${answer?.type ?? "unknown"}`;
    work.answers.set(kind, (work.answers.get(kind) ?? 0) + 1);
    settled(answer, attempt);
  });
}

function later({ world }: Work, span: number, act: () => void, work?: Work): void {
  scheduleIn(world.timetable, span, () => {
    if (work?.isOver !== true) act();
  });
}

const think = (work: Work, act: () => void): void =>
  later(work, work.random.between(0, workloadOf(work).thinkMax), act, work);

function takeOne(work: Work, client: Resident): void {
  const { random } = work;
  const { vanishChance, holdMax } = workloadOf(work);
  const lock = pickLock(work);
  const owner = client.name;
  const again = (): void => think(work, () => takeOne(work, client));
  const acquire: Operation = { type: "acquire", lock, owner, under: { ttl: drawTtl(work) }, askedAt: wallTime(0) };
  want(work, client, acquire, (answer) => {
    if (answer?.type !== "granted" || random.chance(vanishChance)) return again();
    const { token } = answer;
    const release: Operation = { type: "release", lock, grant: { token, owner } };
    later(work, random.between(0, holdMax), () => want(work, client, release, again), work);
  });
}

/** About when a lease ends that began a moment ago: ttl·(1+ρ) + ε, a little more or less. */
function aboutTheEnd({ random, world }: Work, ttl: number): number {
  const { clockRateErrorMax, clockAllowanceMs } = world.plan.each.cluster;
  return (
    ttl * (1 + clockRateErrorMax) + clockAllowanceMs + random.pick([random.between(-150, 150), random.between(-30, 30)])
  );
}

/** Takes a lock and repeats the request, soon or about when the grant ends, until it has ended. */
function takeAndRepeat(work: Work, client: Resident): void {
  const ttl = drawTtl(work);
  const lock = pickLock(work);
  const acquire: Operation = { type: "acquire", lock, owner: client.name, under: { ttl }, askedAt: wallTime(0) };
  const onAnswer = (request: Request, answer: Answer | null): void => {
    if (answer?.type !== "granted") return think(work, () => takeAndRepeat(work, client));
    const span = work.random.chance(0.5) ? aboutTheEnd(work, ttl) : work.random.between(0, ttl);
    later(work, span, () => repeat(request), work);
  };
  const repeat = (former: Request): void => {
    const request = want(work, client, acquire, (answer) => onAnswer(request, answer), former);
  };
  const first = want(work, client, acquire, (answer) => onAnswer(first, answer));
}

/** A lease that a client keeps alive as long as it works under it. */
interface Tenancy {
  readonly client: Resident;
  readonly lease: LeaseId;
  isLost: boolean;
}

function openLease(work: Work, client: Resident): void {
  const ttl = drawTtl(work);
  want(work, client, { type: "openLease", owner: client.name, ttl }, (answer) => {
    if (answer?.type !== "leaseOpened") return think(work, () => openLease(work, client));
    const tenancy: Tenancy = { client, lease: answer.lease, isLost: false };
    renewLater(work, tenancy, ttl);
    workUnder(work, tenancy, []);
  });
}

function renewLater(work: Work, tenancy: Tenancy, ttl: number): void {
  const isLate = work.random.chance(workloadOf(work).lateRenewalChance);
  const renew = (): void => {
    if (tenancy.isLost) return;
    want(work, tenancy.client, { type: "renewLease", lease: tenancy.lease }, (answer) => {
      const isRenewed = answer === null || answer.type === "leaseRenewed";
      if (isRenewed && (isLate || counts(work, tenancy))) renewLater(work, tenancy, ttl);
      else tenancy.isLost = true;
    });
  };
  later(work, isLate ? aboutTheEnd(work, ttl) : ttl / 3, renew, work);
}

const counts = ({ world }: Work, { lease }: Tenancy): boolean =>
  (world.beliefs.leases.get(lease)?.until ?? 0) > world.timetable.now;

interface Held {
  readonly lock: string;
  readonly token: FencingToken;
}

/** Takes and releases locks until the lease is lost or the client vanishes. */
function workUnder(work: Work, tenancy: Tenancy, held: readonly Held[]): void {
  const { random } = work;
  const { client, lease } = tenancy;
  if (tenancy.isLost || !counts(work, tenancy) || random.chance(workloadOf(work).vanishChance / 4)) {
    tenancy.isLost = true;
    return think(work, () => openLease(work, client));
  }
  const goOn = (now: readonly Held[]): void => think(work, () => workUnder(work, tenancy, now));
  const oldest = held[0];
  if (oldest !== undefined && random.chance(held.length / 3)) {
    const { lock, token } = oldest;
    const grant = random.chance(0.5) ? { lease, token } : { lease };
    want(work, client, { type: "release", lock, grant }, () => goOn(held.slice(1)));
    return;
  }
  const lock = pickLock(work);
  if (random.chance(work.patience) && !held.some((one) => one.lock === lock)) {
    return waitFor(work, tenancy, lock, (token) => goOn(token === null ? held : [...held, { lock, token }]));
  }
  const acquire: Operation = { type: "acquire", lock, owner: client.name, under: { lease }, askedAt: wallTime(0) };
  want(work, client, acquire, (answer) => {
    if (answer?.type !== "granted" || held.some((one) => one.lock === lock)) return goOn(held);
    goOn([...held, { lock, token: answer.token }]);
  });
}

/** Waits for a lock. Whoever does not hear what has become of it cancels it, before he does anything else. */
function waitFor(
  work: Work,
  { client, lease }: Tenancy,
  lock: string,
  goOn: (token: FencingToken | null) => void,
): void {
  const owner = client.name;
  const acquire: Operation = {
    type: "acquireAll",
    demands: [{ lock, mode: "exclusive", permits: 1, limit: 0 }],
    owner,
    under: { lease },
    context: "",
    wait: millis(Math.round(work.random.between(0, 6000))),
    priority: 0,
    delay: millis(0),
    metadata: "",
    askedAt: wallTime(0),
  };
  const request = want(work, client, acquire, (answer) => {
    if (answer?.type === "granted") return goOn(answer.token);
    if (answer !== null || request.requestId === null) return goOn(null);
    want(work, client, { type: "cancel", request: request.requestId, lease, lock, owner }, () => goOn(null));
  });
}

function look(work: Work, client: Resident): void {
  want(work, client, { type: "check", lock: pickLock(work) }, () => think(work, () => look(work, client)));
}
