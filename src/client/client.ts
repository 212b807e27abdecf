// A client: what a program can ask, each call one step here, with the renewing thread behind it.

import { acquire as acquireLock } from "./acquiring.ts";
import {
  contextOf,
  demandOf,
  demandsOf,
  filterIn,
  graceIn,
  limitIn,
  metadataIn,
  nameIn,
  numberIn,
  reasonIn,
  specOf,
  termsOf,
  textIn,
  ttlIn,
  wishIn,
} from "./checking.ts";
import { LockError } from "./errors.cts";
import type { Holding } from "./holding.ts";
import type { Attempt, Client, DetachedGrant, Held, Leadership, Lock } from "./interface.ts";
import type { Page, Paged, Question, Setting } from "./letters.ts";
import type { Link } from "./link.ts";
import { lostError } from "./lock.ts";
import type { ElectOptions, LockOptions } from "./options.ts";
import type { Tasks } from "./tasks.ts";
import type { Ending, LeaseInfo, LockInfo, Verdict, WaiterInfo, WaitGraph } from "./views.ts";
import { observe, watch } from "./watching.ts";

/** What a client is made of. */
export interface Parts {
  readonly setting: Setting;
  readonly link: Link;
  readonly holding: Holding;
  readonly tasks: Tasks;
  readonly leaseId: () => number;
  /** Aborted when the client is closed. */
  readonly closed: AbortController;
}

export function newClient(parts: Parts): Client {
  const { setting, link, closed } = parts;
  return {
    owner: setting.owner,
    get leaseId() {
      return parts.leaseId();
    },
    closed: closed.signal,
    ...locking(parts),
    ...looking(parts),
    ...intervening(parts),
    elect: (name, options = {}) => elect(parts, name, options),
    observe: (name, options = {}) => observe(link, nameIn(name), options),
    watch: (wish, options = {}) => watch(link, wishIn(wish), options),
    close: () => close(parts),
    [Symbol.asyncDispose]: () => close(parts),
  };
}

async function close({ link, holding, closed }: Parts): Promise<void> {
  if (!closed.signal.aborted) {
    for (const lock of holding.all()) lock.close();
    closed.abort(new LockError("CLOSED", "the client is closed"));
  }
  await link.close();
}

type Locking = Pick<Client, "acquire" | "withLock" | "tryAcquire" | "acquireMany" | "acquireDetached" | "releaseGrant">;

function locking(parts: Parts): Locking {
  const { tasks, link } = parts;
  const acquire = async (name: string, options: LockOptions = {}): Promise<Lock> => {
    const spec = specOf([demandOf(name, modeOf(options))], options, options.context ?? tasks.context());
    return acquireLock(parts, spec, options);
  };
  return {
    acquire,
    acquireMany: async (names, options = {}) => {
      const demands = demandsOf(names, options.mode === undefined ? {} : { mode: options.mode });
      return acquireLock(parts, specOf(demands, options, options.context ?? tasks.context()), options);
    },
    tryAcquire: async (name, options = {}) => {
      try {
        return { acquired: true, lock: await acquire(name, { ...options, waitMs: 0 }) };
      } catch (error) {
        return attemptOf(error, name);
      }
    },
    withLock: async <Result>(name: string, ...rest: readonly unknown[]): Promise<Result> => {
      const [options, use] = (rest.length > 1 ? rest : [{}, rest[0]]) as [LockOptions, Use<Result>];
      if (typeof use !== "function") throw new LockError("INVALID", "withLock needs a function to call");
      const context = options.context ?? tasks.context();
      const lock = await acquire(name, { ...options, context });
      return hold(lock, (held) => tasks.within(context, async () => use(held)));
    },
    acquireDetached: async (names, options) => {
      const demands = demandsOf(names, options.mode === undefined ? {} : { mode: options.mode });
      const context = contextOf(options.context ?? tasks.context());
      const terms = { ttlMs: ttlIn(options.ttlMs), ...termsOf(options), context };
      return link.ask<DetachedGrant>({ type: "acquireDetached", demands, ...terms }, options.signal);
    },
    releaseGrant: async ({ leaseId, token, name = "" }, options = {}) => {
      const grant = { leaseId: numberIn("leaseId", leaseId), token: numberIn("token", token) };
      return link.ask<Ending>({ type: "releaseGrant", lock: filterIn("name", name), ...grant }, options.signal);
    },
  };
}

type Use<Result> = (held: Held) => Promise<Result> | Result;

/** Only what is given counts: an explicit `undefined` is as good as nothing. */
const modeOf = ({ mode, permits, limit }: LockOptions) => ({
  ...(mode === undefined ? {} : { mode }),
  ...(permits === undefined ? {} : { permits }),
  ...(limit === undefined ? {} : { limit }),
});

/** Calls `use` while the lock is held. What it throws comes first; then, whether the lock was held until its end: what becomes of
 *  the lock while it is given back, if nobody took it, harms nothing that `use` has done. */
async function hold<Result>(lock: Lock, use: Use<Result>): Promise<Result> {
  let result: Result;
  try {
    result = await use({ token: lock.token, signal: lock.signal, lock });
  } catch (error) {
    await lock.release();
    throw error;
  }
  const wasHeld = lock.state !== "lost";
  const how = await lock.release();
  const isTaken = how === "forced" || how === "revoked";
  if (how !== "released" && (isTaken || !wasHeld)) throw lostError(lock.name, how);
  return result;
}

function attemptOf(error: unknown, name: string): Attempt {
  if (!(error instanceof LockError) || (error.code !== "LOCKED" && error.code !== "LOCK_DELAYED")) throw error;
  const { lock = name, holder = null, delay = null, queueLength = 0 } = error.details;
  return { acquired: false, name: lock, holder, delay, queueLength };
}

async function elect(parts: Parts, name: string, options: ElectOptions): Promise<Leadership> {
  const { value = "", ...rest } = options;
  metadataIn("value", value);
  let proclaimed = value;
  const spec = specOf([demandOf(name)], { ...rest, metadata: value }, parts.tasks.context());
  const lock = await acquireLock(parts, spec, rest);
  return {
    name,
    lock,
    signal: lock.signal,
    get token() {
      return lock.token;
    },
    get value() {
      return proclaimed;
    },
    get state() {
      return lock.state;
    },
    proclaim: async (next, asked = {}) => {
      await lock.proclaim(metadataIn("value", next), asked);
      proclaimed = next;
    },
    resign: () => lock.release(),
    [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose](),
  };
}

type Looking = Pick<Client, "check" | "verify" | "list" | "waiters" | "leases" | "waitGraph">;

const pageSizeMax = 1_000;
const limitDefault = 1_000;
/** The service tells no more waits than that at once. */
const waitsMax = 10_000;

function looking({ link }: Parts): Looking {
  /** Asks for page after page until there is no more, or enough. */
  const pages = async <Item>(
    question: (page: Page) => Question,
    { limit = limitDefault, signal }: { readonly limit?: number; readonly signal?: AbortSignal },
  ): Promise<Item[]> => {
    const items: Item[] = [];
    let left = limitIn(limit);
    for (let token = ""; ; ) {
      const size = Math.min(left, pageSizeMax);
      const page = await link.ask<Paged<Item>>(question({ size, token }), signal);
      for (const item of page.items.slice(0, left)) items.push(item);
      left -= page.items.length;
      token = page.next;
      if (token === "" || left <= 0) return items;
    }
  };
  return {
    check: async (name, { signal } = {}) => link.ask<LockInfo>({ type: "check", lock: nameIn(name) }, signal),
    verify: async (name, token, { signal } = {}) =>
      link.ask<Verdict>({ type: "verify", lock: nameIn(name), token: numberIn("token", token) }, signal),
    list: async (filter = {}) => {
      const { prefix = "", owner = "", leaseId = 0, minAgeMs = 0 } = filter;
      const names = { prefix: filterIn("prefix", prefix), owner: filterIn("owner", owner) };
      const numbers = { leaseId: numberIn("leaseId", leaseId), minAgeMs: numberIn("minAgeMs", minAgeMs) };
      return pages<LockInfo>((page) => ({ type: "list", ...names, ...numbers, page }), filter);
    },
    waiters: async (name, options = {}) =>
      pages<WaiterInfo>((page) => ({ type: "waiters", lock: nameIn(name), page }), options),
    leases: async (filter = {}) => {
      const owner = filterIn("owner", filter.owner ?? "");
      return pages<LeaseInfo>((page) => ({ type: "leases", owner, page }), filter);
    },
    waitGraph: async ({ limit = limitDefault, signal } = {}) =>
      link.ask<WaitGraph>({ type: "waitGraph", limit: Math.min(limitIn(limit), waitsMax) }, signal),
  };
}

type Intervening = Pick<Client, "revokeLease" | "forceRelease" | "askYield" | "cancel">;

const intervening = ({ link }: Parts): Intervening => ({
  revokeLease: async (leaseId, { signal } = {}) =>
    link.ask<number>({ type: "revokeLease", leaseId: numberIn("leaseId", leaseId) }, signal),
  forceRelease: async (name, { reason, token = 0, signal }) =>
    link.ask<number[]>(
      { type: "forceRelease", lock: nameIn(name), token: numberIn("token", token), reason: reasonIn(reason) },
      signal,
    ),
  askYield: async (name, { reason, token = 0, graceMs = 0, force = false, signal }) => {
    const asked = { reason: reasonIn(reason), graceMs: graceIn(graceMs), force: Boolean(force) };
    return link.ask<number[]>(
      { type: "askYield", lock: nameIn(name), token: numberIn("token", token), ...asked },
      signal,
    );
  },
  cancel: async (request, { signal } = {}) => {
    const under =
      "leaseId" in request
        ? { leaseId: numberIn("leaseId", request.leaseId) }
        : { owner: nameIn(request.owner, "owner") };
    const requestId = textIn("requestId", request.requestId, 1, 128);
    return link.ask<number | null>(
      { type: "cancel", requestId, under, lock: filterIn("name", request.name ?? "") },
      signal,
    );
  },
});
