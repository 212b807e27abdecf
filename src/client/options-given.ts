// What a program gives as options is looked at here before anything is made of it: it is an object, its signal is a signal, and there
// is nothing in it that no call knows. A `wait` that was meant as `waitMs` would otherwise be a call that waits for ever.

import { invalid, numberIn } from "./checking.ts";
import type {
  ConnectOptions,
  DetachedOptions,
  ElectOptions,
  ForceOptions,
  LeaseFilter,
  LimitOptions,
  ListFilter,
  LockOptions,
  ManyOptions,
  WatchOptions,
  YieldOptions,
} from "./options.ts";

type AllOptions = LockOptions &
  ManyOptions &
  DetachedOptions &
  ElectOptions &
  WatchOptions &
  ListFilter &
  LimitOptions &
  LeaseFilter &
  ForceOptions &
  YieldOptions;

/** Options of all calls, in one: whoever keeps his options in one place gives each call more than it needs. */
const optionNames: ReadonlySet<string> = new Set(
  Object.keys({
    mode: 0,
    permits: 0,
    limit: 0,
    priority: 0,
    lockDelayMs: 0,
    metadata: 0,
    ttlMs: 0,
    context: 0,
    signal: 0,
    waitMs: 0,
    onQueued: 0,
    value: 0,
    afterRevision: 0,
    onBegun: 0,
    prefix: 0,
    owner: 0,
    leaseId: 0,
    minAgeMs: 0,
    reason: 0,
    token: 0,
    graceMs: 0,
    force: 0,
  } satisfies Record<keyof AllOptions, 0>),
);

const connectOptionNames: ReadonlySet<string> = new Set(
  Object.keys({
    owner: 0,
    ttlMs: 0,
    atRiskMs: 0,
    renewMs: 0,
    metadata: 0,
    connectTimeoutMs: 0,
    requestTimeoutMs: 0,
    signal: 0,
    tls: 0,
  } satisfies Record<keyof ConnectOptions, 0>),
);

/** The options of a call. */
export const optionsIn = <Options extends object>(options: Options | undefined): Partial<Options> =>
  checked<Partial<Options>>(options ?? {}, optionNames);

export function watchOptionsIn(given: WatchOptions | undefined): WatchOptions {
  const options = optionsIn(given);
  if (options.afterRevision !== undefined) numberIn("afterRevision", options.afterRevision);
  return options;
}

/** The options of `connect`. */
export const connectOptionsIn = (options: ConnectOptions | undefined): ConnectOptions =>
  checked(options ?? {}, connectOptionNames);

function checked<Options extends object>(options: Options, names: ReadonlySet<string>): Options {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw invalid(`options must be an object, not ${wordFor(options)}`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (!names.has(name) && value !== undefined) throw invalid(`there is no option ${name}`);
    if (name === "signal") signalIn(value);
    if (name.startsWith("on")) functionIn(name, value);
  }
  return options;
}

function signalIn(signal: unknown): void {
  if (signal === undefined) return;
  if (typeof signal !== "object" || signal === null || !("aborted" in signal) || !("addEventListener" in signal)) {
    throw invalid(`signal must be an AbortSignal, not ${wordFor(signal)}`);
  }
}

function functionIn(what: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function")
    throw invalid(`${what} must be a function, not ${wordFor(value)}`);
}

const wordFor = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "an array" : `a ${typeof value}`;
