// Clients who wait for locks under a lease that they keep alive: for one or several, in any mode, at any priority, in two
// contexts at once; who hold on to them and ask for more, cancel, repeat themselves, vanish, and end their leases. Others take
// locks away from them, look, and watch.

import type { AcquireAll, Answer, Demand, Look, Operation, WatchWish } from "../../../src/actors/operations.ts";
import { type FencingToken, type LeaseId, leaseId, millis, wallTime } from "../../../src/actors/scalars.ts";
import { ask, type Client, type Request, type Settled } from "../clients.ts";
import type { Cluster } from "../cluster.ts";
import type { QueueWork } from "../plan.ts";
import { createRandom, type Random } from "../random.ts";
import { scheduleIn } from "../schedule.ts";
import type { Work } from "../workload.ts";
import { watch } from "./watching.ts";

interface Queueing {
  readonly work: Work;
  readonly queues: QueueWork;
  readonly random: Random;
  readonly ttlMin: number;
  readonly ttlMax: number;
}

/** A lease that is kept alive, and who works under it. */
interface Tenant {
  readonly client: Client;
  readonly lease: LeaseId;
  readonly ttl: number;
  isLost: boolean;
}

export function beginQueueing(cluster: Cluster, work: Work, shift: number): void {
  const { plan, reference, crowd } = cluster;
  const { queues, clockError, workload } = plan;
  if (queues === null || reference === null) return;
  const random = createRandom(plan.seed, `queueing ${shift}`);
  const { ttlMin, ttlMax } = workload;
  const queueing: Queueing = { work, queues, random, ttlMin, ttlMax };
  const begin = (kind: string, count: number, live: (client: Client) => void): void => {
    for (let at = 1; at <= count; at += 1) {
      const error = plan.clocksAtBound ? -clockError : random.between(-clockError, clockError);
      const client = { name: `${kind}${at}`, clockRate: 1 + error };
      later(queueing, random.between(0, queues.thinkMax), () => live(client));
    }
  };
  begin("waiting", queues.waiting, (client) => open(queueing, client));
  begin("ruling", queues.ruling, (client) => rule(queueing, client));
  begin("looking", queues.looking, (client) => look(queueing, client));
  const count = (what: string): void => bump(work, `watch: ${what}`);
  const isOver = (): boolean => work.isOver;
  const wishes: readonly WatchWish["what"][] = [{ prefix: "" }, { lock: lockAt(0) }, { lease: leaseId(1) }];
  for (let at = 0; at < queues.watching; at += 1) {
    watch({ crowd, reference, random, isOver, count }, wishes[at % wishes.length] as WatchWish["what"]);
  }
}

const bump = ({ answers }: Work, kind: string): void => void answers.set(kind, (answers.get(kind) ?? 0) + 1);

const lockAt = (at: number): string => `lock-${at}`;
const lockName = ({ random, queues }: Queueing): string => lockAt(random.below(queues.locks));

function later({ work }: Queueing, span: number, act: () => void): void {
  scheduleIn(work.crowd.timetable, span, () => {
    if (!work.isOver) act();
  });
}

const think = (queueing: Queueing, act: () => void): void =>
  later(queueing, queueing.random.between(0, queueing.queues.thinkMax), act);

function want(
  { work }: Queueing,
  client: Client,
  { operation, repeats }: { operation: Operation; repeats?: Request },
  settled: Settled,
): Request {
  const wish = { operation, ...(repeats === undefined ? {} : { repeats }) };
  const request = ask(work.crowd, client, wish, (answer, attempt) => {
    work.waiting.delete(request);
    bump(work, `${operation.type}: ${answer?.type ?? "unknown"}`);
    settled(answer, attempt);
  });
  if (operation.type === "acquireAll") work.waiting.add(request);
  return request;
}

// A lease, and two who work under it.

function open(queueing: Queueing, client: Client): void {
  if (queueing.work.isClosing) return;
  const ttl = Math.round(queueing.random.between(queueing.ttlMin, queueing.ttlMax));
  const operation: Operation = { type: "openLease", owner: client.name, ttl: millis(ttl), metadata: "somewhere" };
  want(queueing, client, { operation }, (answer) => {
    if (answer?.type !== "leaseOpened") return think(queueing, () => open(queueing, client));
    const tenant: Tenant = { client, lease: answer.lease, ttl, isLost: false };
    renew(queueing, tenant);
    toil(queueing, tenant, "");
    if (queueing.random.chance(0.3)) toil(queueing, tenant, "aside");
  });
}

function renew(queueing: Queueing, tenant: Tenant): void {
  later(queueing, tenant.ttl / 3, () => {
    if (tenant.isLost) return;
    const operation: Operation = { type: "renewLease", lease: tenant.lease };
    want(queueing, tenant.client, { operation }, (answer) => {
      const until = queueing.work.beliefs.leases.get(tenant.lease)?.until ?? 0;
      const counts = until > queueing.work.crowd.timetable.now;
      if (counts && (answer === null || answer.type === "leaseRenewed")) renew(queueing, tenant);
      else tenant.isLost = true;
    });
  });
}

/** Takes something, until the lease is lost. Whoever works in the first context begins anew with another lease. */
function toil(queueing: Queueing, tenant: Tenant, context: string): void {
  const { random, queues, work } = queueing;
  if (work.isClosing) return;
  if (!tenant.isLost && random.chance(queues.vanishChance)) leave(queueing, tenant);
  if (tenant.isLost) {
    if (context === "") think(queueing, () => open(queueing, tenant.client));
    return;
  }
  take(queueing, tenant, { context, held: 0, done: () => think(queueing, () => toil(queueing, tenant, context)) });
}

/** Vanishes, or ends the lease in good order. */
function leave(queueing: Queueing, tenant: Tenant): void {
  tenant.isLost = true;
  if (!queueing.random.chance(0.5)) return;
  want(queueing, tenant.client, { operation: { type: "endLease", lease: tenant.lease } }, () => undefined);
}

interface Task {
  readonly context: string;
  /** How many grants it has already. */
  readonly held: number;
  readonly done: () => void;
}

/** How late somebody who waits thinks better of it, or dies, if he does. Milliseconds. */
const resolveMax = 10_001;

function take(queueing: Queueing, tenant: Tenant, task: Task): void {
  const { random, queues } = queueing;
  const { client } = tenant;
  const operation = wish(queueing, tenant, task.context);
  let isEnded = false;
  const request = want(queueing, client, { operation }, (answer) => {
    isEnded = true;
    if (random.chance(queues.repeatChance)) repeatLater(queueing, request, operation);
    if (answer?.type === "granted") hold(queueing, tenant, { ...task, token: answer.token, operation });
    else task.done();
  });
  if (operation.wait === 0) return;
  if (random.chance(queues.cancelChance)) {
    later(queueing, random.between(0, Math.min(operation.wait, resolveMax)), () => {
      const { requestId } = request;
      if (isEnded || requestId === null) return;
      const cancel: Operation = { type: "cancel", request: requestId, lease: tenant.lease };
      want(queueing, client, { operation: cancel }, () => undefined);
    });
  }
  // Dies while it waits.
  if (random.chance(queues.vanishChance)) {
    later(queueing, random.between(0, Math.min(operation.wait, resolveMax)), () => {
      if (!isEnded && !queueing.work.isClosing) leave(queueing, tenant);
    });
  }
}

/** The same once more, whatever has become of it. */
function repeatLater(queueing: Queueing, repeats: Request, operation: Operation): void {
  later(queueing, queueing.random.between(0, 3000), () => {
    want(queueing, repeats.client, { operation, repeats }, () => undefined);
  });
}

function wish(queueing: Queueing, { client, lease }: Tenant, context: string): AcquireAll {
  const { random, queues } = queueing;
  const count = random.chance(queues.severalChance) ? 2 + random.below(2) : 1;
  const names = new Set(Array.from({ length: count }, () => lockName(queueing)));
  const isPatient = random.chance(0.9);
  return {
    type: "acquireAll",
    demands: [...names].map((lock) => demand(queueing, lock)),
    owner: client.name,
    under: isPatient || random.chance(0.5) ? { lease } : { ttl: millis(1000) },
    context,
    wait: millis(isPatient ? 1 + Math.round(random.between(0, queues.waitMax)) : 0),
    priority: random.chance(queues.priorityChance) ? random.below(10) : 0,
    delay: millis(random.chance(queues.delayChance) ? Math.round(random.between(1, queues.delayMax)) : 0),
    metadata: random.pick(["", "for a reason"]),
    askedAt: wallTime(0),
  };
}

/** Hardly ever does anybody take a semaphore for one of another size. */
function demand({ random, queues }: Queueing, lock: string): Demand {
  const isShared = random.chance(queues.sharingChance);
  if (!isShared) return { lock, mode: "exclusive", permits: 1, limit: 0 };
  if (random.chance(0.5)) return { lock, mode: "shared", permits: 1, limit: 0 };
  return { lock, mode: "semaphore", permits: 1 + random.below(2), limit: random.chance(0.03) ? 4 : 3 };
}

function hold(
  queueing: Queueing,
  tenant: Tenant,
  task: Task & { readonly token: FencingToken; readonly operation: AcquireAll },
): void {
  const { random, queues, work } = queueing;
  const { token, operation } = task;
  const release = (): void => {
    const lease = "lease" in operation.under ? operation.under.lease : null;
    if (tenant.isLost || lease === null) return task.done();
    want(queueing, tenant.client, { operation: { type: "releaseAll", lease, token } }, task.done);
  };
  if (random.chance(0.1)) proclaim(queueing, tenant, { token, lock: operation.demands[0]?.lock ?? "" });
  // Asks for more while it holds this: so circles come about.
  if (!work.isClosing && task.held < 2 && random.chance(queues.moreChance)) {
    return take(queueing, tenant, { context: task.context, held: task.held + 1, done: release });
  }
  later(queueing, random.between(0, queues.holdMax), release);
}

function proclaim(
  queueing: Queueing,
  { client, lease }: Tenant,
  { token, lock }: { token: FencingToken; lock: string },
): void {
  const metadata = queueing.random.pick(["here", "there"]);
  want(queueing, client, { operation: { type: "proclaim", lock, lease, token, metadata } }, () => undefined);
}

// Those who rule, and those who look.

/** The longest that a holder is given who is asked to yield. Milliseconds. */
export const graceMax = 1000;

function rule(queueing: Queueing, client: Client): void {
  if (queueing.work.isClosing) return;
  const { random } = queueing;
  const lock = lockName(queueing);
  const reason = "it must be";
  const grace = millis(Math.round(random.between(0, graceMax)));
  const operation: Operation = random.chance(0.3)
    ? { type: "forceRelease", lock, token: null, reason }
    : { type: "askYield", lock, token: null, reason, grace, force: random.chance(0.5) };
  want(queueing, client, { operation }, () => {
    later(queueing, random.between(500, 3000), () => rule(queueing, client));
  });
}

function look(queueing: Queueing, client: Client): void {
  if (queueing.work.isClosing) return;
  const { random } = queueing;
  const lock = lockName(queueing);
  const looks: readonly Look[] = [
    { type: "inspect", lock, token: null },
    { type: "list", prefix: "", owner: "", lease: null, grantedBefore: null, after: "", limit: 100 },
    { type: "waiters", lock, after: 0, limit: 100 },
    { type: "leases", owner: "", after: leaseId(0), limit: 100 },
    { type: "waits", limit: 100 },
  ];
  const operation = random.pick(looks);
  want(queueing, client, { operation }, (_answer: Answer | null) => think(queueing, () => look(queueing, client)));
}
