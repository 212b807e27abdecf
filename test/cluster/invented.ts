// Histories that nobody lived through, for tests of the checker: of a lock that keeps its rules, with clients whose answers
// are lost; the same with one answer changed; and small ones drawn at random, with a search so plain that it must be right.

import type { Action, Operation, Result } from "./history.ts";
import type { Lock, LockModel } from "./lock-model.ts";
import { randomFrom } from "./workload.ts";

export const inventedTtlMs = 1_000;

interface Facts {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  readonly token?: number | null;
}

export const invented = (action: Action, result: Result, { id, from, to, token }: Facts): Operation => ({
  id,
  proc: id,
  action,
  lock: "a",
  req: `${id}`,
  invokedAt: from,
  sentAt: from,
  endedAt: result === "unknown" ? Number.POSITIVE_INFINITY : to,
  result,
  token: token ?? null,
  ttlMs: inventedTtlMs,
});

/** Whether any order fits, by trying all. */
export function someOrderFits(operations: readonly Operation[], model: LockModel, lock: Lock = model.initial): boolean {
  const latest = operations.reduce((earliest, { endedAt }) => Math.min(earliest, endedAt), Number.POSITIVE_INFINITY);
  if (latest === Number.POSITIVE_INFINITY) return true;
  return operations.some((operation) => {
    const next = operation.invokedAt <= latest ? model.step(lock, operation, latest) : null;
    const rest = operations.filter((other) => other !== operation);
    return next !== null && someOrderFits(rest, model, next);
  });
}

const anything: readonly (readonly [Action, Result])[] = [
  ["acquire", "granted"],
  ["acquire", "granted"],
  ["acquire", "held"],
  ["acquire", "unknown"],
  ["acquire", "unknown"],
  ["release", "released"],
  ["release", "unknown"],
  ["release", "notHeld"],
  ["release", "stale"],
  ["release", "lost"],
  ["check", "free"],
  ["check", "locked"],
  ["check", "locked"],
  ["check", "unknown"],
  ["renew", "renewed"],
  ["renew", "lost"],
  ["renew", "unknown"],
];

/** A few operations drawn without any regard to sense; about as many have an order as have none. */
export function drawnOperations(seed: number): Operation[] {
  const random = randomFrom(seed);
  const upTo = (limit: number) => Math.floor(random() * limit);
  const count = 3 + upTo(5);
  const tokens = 2 + upTo(3);
  // Spans are drawn too, so that of grants that nobody saw it is not always the older that ends first.
  return Array.from({ length: count }, (_, id) => {
    const [action, result] = anything[upTo(anything.length)] as readonly [Action, Result];
    const from = upTo(30);
    const needsToken = result !== "held" && result !== "free" && !(action === "acquire" && result === "unknown");
    const facts = { id, from, to: from + 1 + upTo(20), ...(needsToken ? { token: 1 + upTo(tokens) } : {}) };
    return { ...invented(action, result, facts), ttlMs: 1 + upTo(20) };
  });
}

export interface Plan {
  readonly seed: number;
  readonly clients: number;
  readonly operations: number;
  /** The share of answers that are lost. */
  readonly lost: number;
}

/**
 * What clients of a real lock see: each does one thing after the other, every operation takes effect at one moment of its
 * time, grants end when their time is over, and of those whose answers are lost some take effect, late, and some never.
 */
export function livedOperations({ seed, clients, operations: count, lost }: Plan): Operation[] {
  const random = randomFrom(seed);
  const free = Array.from({ length: clients }, () => ({ at: random() * 10, token: 0 }));
  const begun: { client: (typeof free)[number]; effectAt: number; facts: Facts; action: Action; isLost: boolean }[] =
    [];
  const found: Operation[] = [];
  let lock = { token: 0, until: 0 };
  let highest = 0;
  const takeEffect = (now: number): void => {
    begun.sort((a, b) => a.effectAt - b.effectAt);
    for (let next = begun[0]; next !== undefined && next.effectAt <= now; next = begun[0]) {
      begun.shift();
      if (lock.until + inventedTtlMs * 0.1 <= next.effectAt) lock = { token: 0, until: 0 };
      const { action, facts, client, effectAt, isLost } = next;
      let [result, token]: [Result, number] = ["unknown", facts.token ?? 0];
      if (action === "acquire" && lock.token === 0) {
        highest += 1;
        lock = { token: highest, until: effectAt + inventedTtlMs };
        [result, token] = ["granted", highest];
      } else if (action === "acquire") result = "held";
      else if (action === "check") [result, token] = lock.token === 0 ? ["free", 0] : ["locked", lock.token];
      else if (lock.token !== token) result = lock.token === 0 ? "notHeld" : "stale";
      else {
        lock = { token: 0, until: 0 };
        result = "released";
      }
      if (isLost) continue;
      if (action !== "check") client.token = result === "granted" ? token : 0;
      const shows = token > 0 && result !== "held" && result !== "free";
      found.push(invented(action, result, { ...facts, ...(shows ? { token } : {}) }));
    }
  };
  for (let id = 0; id < count; id += 1) {
    const client = free.reduce((first, each) => (each.at < first.at ? each : first));
    takeEffect(client.at);
    const from = client.at;
    const to = from + 2 + random() * (random() < 0.05 ? 200 : 8);
    const isLost = random() < lost;
    const chosen = random();
    let action: Action = "acquire";
    if (chosen < 0.2) action = "check";
    else if (client.token > 0) action = "release";
    const facts = { id, from, to, token: action === "release" ? client.token : null };
    if (isLost) found.push(invented(action, "unknown", facts));
    if (!isLost || random() < 0.5) {
      const effectAt = from + random() * (isLost ? 500 : to - from);
      begun.push({ client, effectAt, facts, action, isLost });
    }
    client.at = to + random() * 3;
    // Somebody else begins anew in the place of a client that does not know what it has done.
    if (isLost) client.token = 0;
  }
  takeEffect(Number.POSITIVE_INFINITY);
  return found;
}

/** The same run with one answer changed into one that the lock cannot have given; null where there is none to change. */
export function spoiled(
  operations: readonly Operation[],
  seed: number,
): { readonly what: string; readonly operations: readonly Operation[] } | null {
  const random = randomFrom(seed);
  const one = <Element>(elements: readonly Element[]) => elements[Math.floor(random() * elements.length)];
  const grants = operations.filter(({ result }) => result === "granted");
  const releases = operations.filter(({ result }) => result === "released");
  const spans = releases.flatMap((release) =>
    grants.filter(({ token }) => token === release.token).map((grant) => ({ grant, release })),
  );
  const span = one(spans);
  if (span === undefined) return null;
  const { grant, release } = span;
  const isWithin = ({ invokedAt, endedAt, result }: Operation): boolean =>
    result !== "unknown" && spans.some((each) => each.grant.endedAt < invokedAt && endedAt < each.release.invokedAt);
  const within = one(operations.filter(isWithin));
  const from = release.endedAt + 1;
  const late = { ...release, id: -1, invokedAt: from, sentAt: from, endedAt: from + 1 };
  const changes = [
    { what: "a token given twice", operations: [...operations, { ...grant, id: -1 }] },
    { what: "a grant released twice", operations: [...operations, late] },
    {
      what: "seen after its release",
      operations: [...operations, { ...late, action: "check", result: "locked" } as const],
    },
  ];
  if (within !== undefined) {
    const change = (changed: Partial<Operation>) =>
      operations.map((each) => (each === within ? { ...each, ...changed } : each));
    const token = Math.max(...grants.map((each) => each.token ?? 0)) + 1;
    changes.push(
      { what: "free while held", operations: change({ action: "check", result: "free", token: null }) },
      { what: "granted while held", operations: change({ action: "acquire", result: "granted", token }) },
    );
  }
  return one(changes) ?? null;
}
