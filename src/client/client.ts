// A client: what a program can ask, each call one step here, with the renewing thread behind it.

import { acquire as acquireLock } from "./acquiring.ts";
import {
  booleanIn,
  contextOf,
  demandOf,
  demandsOf,
  filterIn,
  type GivenMode,
  graceIn,
  invalid,
  limitIn,
  metadataIn,
  nameIn,
  numberIn,
  objectIn,
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
import { closedError, type Link } from "./link.ts";
import { lostError } from "./lock.ts";
import type { ElectOptions, GrantOptions, WaitOptions } from "./options.ts";
import { optionsIn, watchOptionsIn } from "./options-given.ts";
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
  const openLink = () => {
    if (closed.signal.aborted) throw closedError();
    return link;
  };
  return {
    owner: setting.owner,
    get leaseId() {
      return parts.leaseId();
    },
    closed: closed.signal,
    ...locking(parts),
    ...looking(parts),
    ...intervening(parts),
    elect: async (name, options) => elect(parts, name, optionsIn(options)),
    observe: (name, options) => observe(openLink(), nameIn(name), watchOptionsIn(options)),
    watch: (wish, options) => watch(openLink(), wishIn(wish), watchOptionsIn(options)),
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
  const acquire = async (name: string, options: GivenOptions): Promise<Lock> => {
    const { mode, permits, limit } = options;
    const spec = specOf([demandOf(name, { mode, permits, limit })], options, options.context ?? tasks.context());
    return acquireLock(parts, spec, options);
  };
  return {
    acquire: async (name, options) => acquire(name, optionsIn(options)),
    acquireMany: async (names, given) => {
      const options = optionsIn(given);
      const spec = specOf(demandsOf(names, options), options, options.context ?? tasks.context());
      return acquireLock(parts, spec, options);
    },
    tryAcquire: async (name, options) => {
      try {
        return { acquired: true, lock: await acquire(name, { ...optionsIn(options), waitMs: 0 }) };
      } catch (error) {
        return attemptOf(error, name);
      }
    },
    withLock: async <Result>(name: string, ...rest: readonly unknown[]): Promise<Result> => {
      const [given, use] = (rest.length > 1 ? rest : [{}, rest[0]]) as [GivenOptions, Use<Result>];
      if (typeof use !== "function") throw invalid("withLock needs a function to call");
      const options = optionsIn(given);
      const context = options.context ?? tasks.context();
      const lock = await acquire(name, { ...options, context });
      return hold(lock, (held) => tasks.within(context, async () => use(held)));
    },
    acquireDetached: async (names, given) => {
      const options = optionsIn(given);
      const demands = demandsOf(names, options);
      const context = contextOf(options.context ?? tasks.context());
      const terms = { ttlMs: ttlIn(options.ttlMs), ...termsOf(options), context };
      return link.ask<DetachedGrant>({ type: "acquireDetached", demands, ...terms }, options.signal);
    },
    releaseGrant: async (grant, options) => {
      const { leaseId, token, name = "" } = objectIn("a grant", grant);
      const numbers = { leaseId: numberIn("leaseId", leaseId), token: numberIn("token", token) };
      const lock = filterIn("name", name);
      return link.ask<Ending>({ type: "releaseGrant", lock, ...numbers }, optionsIn(options).signal);
    },
  };
}

/** What is given, whether it goes together or not. */
type GivenOptions = GivenMode & GrantOptions & WaitOptions;

type Use<Result> = (held: Held) => Promise<Result> | Result;

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
  if (how !== "released" && (isTaken || !wasHeld)) {
    throw lock.signal.aborted ? lock.signal.reason : lostError(lock.name, how);
  }
  return result;
}

function attemptOf(error: unknown, name: string): Attempt {
  if (!(error instanceof LockError) || (error.code !== "LOCKED" && error.code !== "LOCK_DELAYED")) throw error;
  const { lock = name, holder = null, delay = null, queueLength = 0 } = error.details;
  return { acquired: false, name: lock, holder, delay, queueLength };
}

async function elect(parts: Parts, name: string, options: ElectOptions): Promise<Leadership> {
  const { value = "", ...rest } = options;
  let proclaimed = metadataIn(value, "value");
  const context = options.context ?? parts.tasks.context();
  const spec = specOf([demandOf(name)], { ...rest, metadata: value }, context);
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
      await lock.proclaim(metadataIn(next, "value"), asked);
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
    check: async (name, options) =>
      link.ask<LockInfo>({ type: "check", lock: nameIn(name) }, optionsIn(options).signal),
    verify: async (name, token, options) => {
      const question = { type: "verify", lock: nameIn(name), token: numberIn("token", token) } as const;
      return link.ask<Verdict>(question, optionsIn(options).signal);
    },
    list: async (given) => {
      const filter = optionsIn(given);
      const { prefix = "", owner = "", leaseId = 0, minAgeMs = 0 } = filter;
      const wanted = {
        prefix: filterIn("prefix", prefix),
        owner: filterIn("owner", owner),
        leaseId: numberIn("leaseId", leaseId),
        minAgeMs: numberIn("minAgeMs", minAgeMs),
      };
      return pages<LockInfo>((page) => ({ type: "list", ...wanted, page }), filter);
    },
    waiters: async (name, options) => {
      const lock = nameIn(name);
      return pages<WaiterInfo>((page) => ({ type: "waiters", lock, page }), optionsIn(options));
    },
    leases: async (given) => {
      const filter = optionsIn(given);
      const owner = filterIn("owner", filter.owner ?? "");
      return pages<LeaseInfo>((page) => ({ type: "leases", owner, page }), filter);
    },
    waitGraph: async (options) => {
      const { limit = limitDefault, signal } = optionsIn(options);
      return link.ask<WaitGraph>({ type: "waitGraph", limit: Math.min(limitIn(limit), waitsMax) }, signal);
    },
  };
}

type Intervening = Pick<Client, "revokeLease" | "forceRelease" | "askYield" | "cancelWait" | "cancel">;

const intervening = ({ link }: Parts): Intervening => ({
  revokeLease: async (leaseId, options) =>
    link.ask<number>({ type: "revokeLease", leaseId: numberIn("leaseId", leaseId) }, optionsIn(options).signal),
  forceRelease: async (name, options) => {
    const { reason, token = 0, signal } = optionsIn(options);
    const which = { lock: nameIn(name), token: numberIn("token", token) };
    return link.ask<number[]>({ type: "forceRelease", ...which, reason: reasonIn(reason) }, signal);
  },
  askYield: async (name, options) => {
    const { reason, token = 0, graceMs = 0, force = false, signal } = optionsIn(options);
    const which = { lock: nameIn(name), token: numberIn("token", token) };
    const asked = { reason: reasonIn(reason), graceMs: graceIn(graceMs), force: booleanIn("force", force) };
    return link.ask<number[]>({ type: "askYield", ...which, ...asked }, signal);
  },
  cancelWait: async (request, options) => {
    const question = { type: "cancelWait", requestId: textIn("request", request, 1, 128) } as const;
    await link.ask(question, optionsIn(options).signal);
  },
  cancel: async (request, options) => {
    const { requestId, name = "", leaseId, owner } = objectIn<Partial<Cancelled>>("a request", request);
    if ((leaseId === undefined) === (owner === undefined))
      throw invalid("a request is one of a leaseId or of an owner");
    const under = owner === undefined ? { leaseId: numberIn("leaseId", leaseId) } : { owner: nameIn(owner, "owner") };
    const question = { type: "cancel", requestId: textIn("requestId", requestId, 1, 128), under } as const;
    const lock = filterIn("name", name);
    return link.ask<number | null>({ ...question, lock }, optionsIn(options).signal);
  },
});

interface Cancelled {
  readonly requestId: string;
  readonly name: string;
  readonly leaseId: number;
  readonly owner: string;
}
