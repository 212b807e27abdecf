// What clients do all day: take a lock and release it, vanish with it, keep a lease alive and hold several locks under it, or
// only look. Each client does one thing at a time; renewals go on beside it.

import type { Answer, Operation } from "../../src/actors/operations.ts";
import { type LeaseId, millis, wallTime } from "../../src/actors/scalars.ts";
import type { Beliefs } from "./beliefs.ts";
import { ask, type Client, type Crowd, type Request, type Settled } from "./clients.ts";
import type { Cluster } from "./cluster.ts";
import type { Workload } from "./plan.ts";
import { beginQueueing } from "./queues/workload.ts";
import { createRandom, type Random } from "./random.ts";
import { scheduleIn } from "./schedule.ts";

export interface Work {
  readonly crowd: Crowd;
  readonly beliefs: Beliefs;
  readonly workload: Workload;
  readonly random: Random;
  /** Set at the end: clients begin nothing new and renew nothing. */
  isOver: boolean;
  /** Set before that by whoever wants to see all served: those in queues begin nothing new, but renew what they have, wait for what
   *  they have asked for and give it back; the others are as good as dead. */
  isClosing: boolean;
  /** What has been asked for that may have to wait, and is not answered. */
  readonly waiting: Set<Request>;
  /** How many answers of each kind were given: a run in which nothing happens proves nothing. */
  readonly answers: Map<string, number>;
}

export const lockName = (at: number): string => `lock-${at}`;

/** Sets the clients of the plan to work; in one run not twice in the same `shift`. */
export function beginWork(cluster: Cluster, shift = 0, answers: Work["answers"] = new Map()): Work {
  const { crowd, beliefs, plan } = cluster;
  const random = createRandom(plan.seed, shift === 0 ? "workload" : `workload ${shift}`);
  const { workload, clockError } = plan;
  const work: Work = { crowd, beliefs, workload, random, isOver: false, isClosing: false, waiting: new Set(), answers };
  const begin = (kind: string, count: number, live: (work: Work, client: Client) => void): void => {
    for (let at = 1; at <= count; at += 1) {
      const error = plan.clocksAtBound ? -clockError : random.between(-clockError, clockError);
      const client = { name: `${kind}${at}`, clockRate: 1 + error };
      think(work, () => live(work, client));
    }
  };
  begin("stateless", workload.stateless, takeOne);
  begin("leased", workload.leased, openLease);
  begin("repeating", workload.repeating, takeAndRepeat);
  begin("watching", workload.watching, look);
  beginQueueing(cluster, work, shift);
  return work;
}

const pickLock = ({ random, workload }: Work): string => lockName(random.below(workload.locks));
const drawTtl = ({ random, workload }: Work) => millis(Math.round(random.between(workload.ttlMin, workload.ttlMax)));

function want(work: Work, client: Client, operation: Operation, settled: Settled, repeats?: Request): Request {
  const isNamed = !work.random.chance(work.workload.namelessChance);
  const wish = { operation, isNamed, ...(repeats === undefined ? {} : { repeats }) };
  return ask(work.crowd, client, wish, (answer, attempt) => {
    const kind = `${operation.type}: ${answer?.type ?? "unknown"}`;
    work.answers.set(kind, (work.answers.get(kind) ?? 0) + 1);
    settled(answer, attempt);
  });
}

function later(work: Work, span: number, act: () => void): void {
  scheduleIn(work.crowd.timetable, span, () => {
    if (!work.isOver && !work.isClosing) act();
  });
}

const think = (work: Work, act: () => void): void => later(work, work.random.between(0, work.workload.thinkMax), act);

function takeOne(work: Work, client: Client): void {
  const { random, workload } = work;
  const lock = pickLock(work);
  const owner = client.name;
  const again = (): void => think(work, () => takeOne(work, client));
  const acquire: Operation = { type: "acquire", lock, owner, under: { ttl: drawTtl(work) }, askedAt: wallTime(0) };
  want(work, client, acquire, (answer) => {
    if (answer?.type !== "granted" || random.chance(workload.vanishChance)) return again();
    const { token } = answer;
    later(work, random.between(0, workload.holdMax), () => {
      want(work, client, { type: "release", lock, grant: { token, owner } }, again);
    });
  });
}

/** About when a lease ends that began a moment ago: ttl·(1+ρ) + ε, a little more or less. */
function aboutTheEnd({ random, beliefs }: Work, ttl: number): number {
  const span = ttl * (1 + beliefs.rateError) + beliefs.allowance;
  return span + random.pick([random.between(-150, 150), random.between(-30, 30)]);
}

/** Takes a lock and repeats the request about when the grant ends, until it has ended. */
function takeAndRepeat(work: Work, client: Client): void {
  const ttl = drawTtl(work);
  const lock = pickLock(work);
  const acquire: Operation = { type: "acquire", lock, owner: client.name, under: { ttl }, askedAt: wallTime(0) };
  const onAnswer = (request: Request, answer: Answer | null): void => {
    if (answer?.type !== "granted") return think(work, () => takeAndRepeat(work, client));
    later(work, aboutTheEnd(work, ttl), () => repeat(request));
  };
  const repeat = (former: Request): void => {
    const request = want(work, client, acquire, (answer) => onAnswer(request, answer), former);
  };
  const first = want(work, client, acquire, (answer) => onAnswer(first, answer));
}

/** A lease that a client keeps alive as long as it works under it. */
interface Tenancy {
  readonly client: Client;
  readonly lease: LeaseId;
  isLost: boolean;
}

function openLease(work: Work, client: Client): void {
  const ttl = drawTtl(work);
  want(work, client, { type: "openLease", owner: client.name, ttl }, (answer) => {
    if (answer?.type !== "leaseOpened") return think(work, () => openLease(work, client));
    const tenancy: Tenancy = { client, lease: answer.lease, isLost: false };
    renewLater(work, tenancy, ttl);
    workUnder(work, tenancy, []);
  });
}

function renewLater(work: Work, tenancy: Tenancy, ttl: number): void {
  const isLate = work.random.chance(work.workload.lateRenewalChance);
  later(work, isLate ? aboutTheEnd(work, ttl) : ttl / 3, () => {
    if (tenancy.isLost) return;
    want(work, tenancy.client, { type: "renewLease", lease: tenancy.lease }, (answer) => {
      const isRenewed = answer === null || answer.type === "leaseRenewed";
      if (isRenewed && (isLate || counts(work, tenancy))) renewLater(work, tenancy, ttl);
      else tenancy.isLost = true;
    });
  });
}

const counts = ({ beliefs, crowd }: Work, { lease }: Tenancy): boolean =>
  (beliefs.leases.get(lease)?.until ?? 0) > crowd.timetable.now;

interface Held {
  readonly lock: string;
  readonly token: Extract<Operation, { type: "release" }>["grant"]["token"];
}

/** Takes and releases locks until the lease is lost or the client vanishes. */
function workUnder(work: Work, tenancy: Tenancy, held: readonly Held[]): void {
  const { random, workload } = work;
  const { client, lease } = tenancy;
  if (tenancy.isLost || !counts(work, tenancy) || random.chance(workload.vanishChance / 4)) {
    tenancy.isLost = true;
    return think(work, () => openLease(work, client));
  }
  const goOn = (now: readonly Held[]): void => think(work, () => workUnder(work, tenancy, now));
  const oldest = held[0];
  if (oldest !== undefined && random.chance(held.length / 3)) {
    const { lock, token } = oldest;
    const grant = { lease, ...(token === undefined ? {} : { token }) };
    want(work, client, { type: "release", lock, grant }, () => goOn(held.slice(1)));
    return;
  }
  const lock = pickLock(work);
  const acquire: Operation = { type: "acquire", lock, owner: client.name, under: { lease }, askedAt: wallTime(0) };
  want(work, client, acquire, (answer) => {
    if (answer?.type !== "granted" || held.some((one) => one.lock === lock)) return goOn(held);
    goOn([...held, { lock, token: answer.token }]);
  });
}

function look(work: Work, client: Client): void {
  want(work, client, { type: "check", lock: pickLock(work) }, () => think(work, () => look(work, client)));
}
