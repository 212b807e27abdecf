// Whatever a program gives the SDK is checked here, before anything is sent: an error names what is at fault, its value and the limit.

import { hostname } from "node:os";
import { LockError } from "./errors.cts";
import type { AcquireSpec, Setting } from "./letters.ts";
import type { ConnectOptions, GrantOptions, ModeOptions, TlsOptions, WatchWish } from "./options.ts";
import { version } from "./version.ts";
import type { Demand, Mode } from "./views.ts";

export const invalid = (message: string): LockError => new LockError("INVALID", message);

const bytesOf = (text: string): number => Buffer.byteLength(text);

/** `text`, if it is one of `min` to `max` bytes. */
export function textIn(what: string, text: unknown, min: number, max: number): string {
  if (typeof text !== "string") throw invalid(`${what} must be a string, not ${typeof text}`);
  if (/\p{Surrogate}/u.test(text)) throw invalid(`${what} must be well-formed unicode`);
  const bytes = bytesOf(text);
  if (bytes < min || bytes > max) throw invalid(`${what} must have ${min} to ${max} bytes of UTF-8, not ${bytes}`);
  return text;
}

/** `value`, if it is a whole number of that range. */
export function wholeIn(what: string, value: unknown, min: number, max: number): number {
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    throw invalid(`${what} must be a whole number from ${min} to ${max}, not ${shown(value)}`);
  }
  return value as number;
}

/** A string and a bigint look like numbers unless they are shown as what they are. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  return typeof value === "bigint" ? `${value}n` : String(value);
}

export function booleanIn(what: string, value: unknown): boolean {
  if (typeof value !== "boolean") throw invalid(`${what} must be true or false, not ${shown(value)}`);
  return value;
}

/** What stands in `value`, if it is something that things can stand in. */
export function objectIn<Value extends object>(what: string, value: Value): Value {
  if (typeof value !== "object" || value === null) throw invalid(`${what} must be an object, not ${shown(value)}`);
  return value;
}

export const nameIn = (name: unknown, what = "the name of a lock"): string => textIn(what, name, 1, nameBytesMax);

/** How many at most; `Infinity` is as many as there are. */
export function limitIn(limit: unknown): number {
  if (limit === Number.POSITIVE_INFINITY) return limit;
  return wholeIn("limit", limit, 1, Number.MAX_SAFE_INTEGER);
}

export const ttlMsMin = 1_000;
const nameBytesMax = 512;
const waitMsMax = 86_400_000;
const delayMsMax = 3_600_000;
const metadataBytesMax = 4_096;
const permitsMax = 1_000_000;
const spanMsMax = 2 ** 31 - 1;
const demandsMax = 64;

function endpointsIn(endpoints: unknown): readonly string[] {
  const given = typeof endpoints === "string" ? endpoints.split(",") : endpoints;
  if (!Array.isArray(given) || !given.every((endpoint) => typeof endpoint === "string")) {
    throw invalid("endpoints must be host:port, several with commas, or a list of them");
  }
  const list = given
    .map((endpoint: string) => endpoint.trim().replace(/\/+$/, ""))
    .filter((endpoint: string) => endpoint !== "");
  if (list.length === 0) throw invalid("endpoints must name at least one node, as host:port");
  for (const endpoint of list) {
    const port = /^(?:https?:\/\/)?(?:\[[0-9a-fA-F:.%\w]+\]|[^\s:/[\]]+):(\d{1,5})$/.exec(endpoint)?.[1];
    if (port === undefined) throw invalid(`endpoint ${endpoint} must be host:port`);
    if (Number(port) < 1 || Number(port) > 65_535) throw invalid(`the port of ${endpoint} must be from 1 to 65535`);
  }
  return list;
}

function tlsIn(tls: ConnectOptions["tls"]): boolean | TlsOptions {
  if (typeof tls === "boolean") return tls;
  if (typeof tls !== "object" || tls === null) throw invalid("tls must be true, false, or { ca, cert, key }");
  const { ca, cert, key } = tls;
  for (const [name, text] of Object.entries({ ca, cert, key })) {
    if (text !== undefined && typeof text !== "string") throw invalid(`tls.${name} must be PEM text, as a string`);
  }
  return tls;
}

export function settingOf(endpoints: string | readonly string[], options: ConnectOptions): Setting {
  const list = endpointsIn(endpoints);
  const ttlMs = wholeIn("ttlMs", options.ttlMs ?? 10_000, ttlMsMin, spanMsMax);
  const third = Math.floor(ttlMs / 3);
  const atRiskMs = options.atRiskMs ?? third;
  return {
    endpoints: list,
    owner: textIn("owner", options.owner ?? `${hostname()}/${process.pid}`, 1, nameBytesMax),
    ttlMs,
    renewMs: wholeIn("renewMs", options.renewMs ?? third, 100, third),
    // A healthy lease never has less than half of its ttl left, so that below that something is wrong.
    atRiskMs: wholeIn("atRiskMs", atRiskMs, 0, Math.floor(ttlMs / 2)),
    metadata: metadataOf(options.metadata),
    requestTimeoutMs: wholeIn("requestTimeoutMs", options.requestTimeoutMs ?? 10_000, 1, spanMsMax),
    tls: tlsIn(options.tls ?? false),
  };
}

function metadataOf(metadata: ConnectOptions["metadata"]): string {
  const pairs = metadata ?? { host: hostname(), pid: process.pid, version };
  if (typeof pairs !== "string" && typeof pairs !== "object") throw invalid("metadata must be text, or pairs");
  return textIn("metadata", typeof pairs === "string" ? pairs : JSON.stringify(pairs), 0, metadataBytesMax);
}

const modeOptionNames: readonly string[] = ["mode", "permits", "limit"] satisfies (keyof ModeOptions)[];

const modes: readonly Mode[] = ["exclusive", "shared", "semaphore"];

/** How a lock is to be held, as it was given: an explicit `undefined` is as good as nothing. */
export interface GivenMode {
  readonly mode?: Mode | undefined;
  readonly permits?: number | undefined;
  readonly limit?: number | undefined;
}

type GivenLock = string | ({ readonly name: string } & GivenMode);

export function demandOf(wanted: GivenLock, common: GivenMode = {}): Demand {
  const { name, ...own } = typeof wanted === "object" && wanted !== null ? wanted : { name: wanted };
  for (const word of Object.keys(own)) {
    if (!modeOptionNames.includes(word)) {
      throw invalid(`a lock is asked for by name, mode, permits and limit, not by ${word}`);
    }
  }
  const given: GivenMode = own;
  const permits = given.permits ?? common.permits;
  const limitGiven = given.limit ?? common.limit;
  const mode = given.mode ?? common.mode ?? (limitGiven === undefined ? "exclusive" : "semaphore");
  if (!modes.includes(mode)) throw invalid(`mode must be one of ${modes.join(", ")}, not ${String(mode)}`);
  const lock = nameIn(name);
  if (mode !== "semaphore") {
    if (permits !== undefined) throw invalid("permits are those of a semaphore");
    if (limitGiven !== undefined) throw invalid("a limit is that of a semaphore");
    return { lock, mode, permits: 1, limit: 0 };
  }
  if (limitGiven === undefined) throw invalid("a semaphore needs a limit: how many permits there are");
  const limit = wholeIn("limit", limitGiven, 1, permitsMax);
  return { lock, mode, permits: wholeIn("permits", permits ?? 1, 1, limit), limit };
}

export function demandsOf(names: readonly GivenLock[], { mode, permits, limit }: GivenMode = {}): Demand[] {
  if (permits !== undefined || limit !== undefined) {
    throw invalid("of several locks each says its own permits and limit: { name, permits, limit }");
  }
  if (!Array.isArray(names) || names.length === 0 || names.length > demandsMax) {
    throw invalid(`between 1 and ${demandsMax} locks can be taken at once`);
  }
  const demands = names.map((wanted) => demandOf(wanted, { mode }));
  const twice = demands.find(({ lock }, place) => demands.findIndex((other) => other.lock === lock) !== place);
  if (twice !== undefined) throw invalid(`${twice.lock} is wanted twice in one request`);
  return demands;
}

/** What all kinds of acquiring have in common. */
export const termsOf = (options: Omit<GrantOptions, "signal" | "ttlMs" | "context">) => ({
  priority: wholeIn("priority", options.priority ?? 0, 0, 9),
  lockDelayMs: wholeIn("lockDelayMs", options.lockDelayMs ?? 0, 0, delayMsMax),
  metadata: metadataIn(options.metadata ?? ""),
});

export const contextOf = (context: unknown): string => textIn("context", context, 0, 128);

export const ttlIn = (ttlMs: unknown): number => wholeIn("ttlMs", ttlMs, ttlMsMin, spanMsMax);

/** Null: for as long as it takes. */
export function waitOf(waitMs: number | undefined): number | null {
  if (waitMs === undefined || waitMs === Number.POSITIVE_INFINITY) return null;
  return wholeIn("waitMs", waitMs, 0, waitMsMax);
}

/** A name, or the beginning of names; or an owner. Empty: every one. */
export const filterIn = (what: string, text: unknown): string => textIn(what, text, 0, nameBytesMax);

export const metadataIn = (metadata: unknown, what = "metadata"): string => textIn(what, metadata, 0, metadataBytesMax);

export const numberIn = (what: string, value: unknown): number => wholeIn(what, value, 0, Number.MAX_SAFE_INTEGER);

export function wishIn(wish: WatchWish): WatchWish {
  const given: Partial<Record<"prefix" | "lock" | "leaseId", unknown>> =
    typeof wish === "object" && wish !== null ? { ...wish } : {};
  const [what, ...more] = Object.entries(given).flatMap(([word, value]) => (value === undefined ? [] : [word]));
  if (more.length === 0) {
    if (what === "prefix") return { prefix: filterIn("prefix", given.prefix) };
    if (what === "lock") return { lock: nameIn(given.lock) };
    if (what === "leaseId") return { leaseId: wholeIn("leaseId", given.leaseId, 1, Number.MAX_SAFE_INTEGER) };
  }
  throw invalid("a watch is one of { prefix }, { lock } and { leaseId }");
}

export const graceIn = (graceMs: unknown): number => wholeIn("graceMs", graceMs, 0, delayMsMax);

export const reasonIn = (reason: unknown): string => textIn("reason", reason, 1, 1_024);

export function specOf(
  demands: readonly Demand[],
  options: GrantOptions & { readonly waitMs?: number },
  context: string,
): AcquireSpec {
  return {
    demands,
    waitMs: waitOf(options.waitMs),
    ...termsOf(options),
    context: contextOf(context),
    ttlMs: options.ttlMs === undefined ? null : ttlIn(options.ttlMs),
  };
}
