// Whatever a program gives the SDK is checked here, before anything is sent: an error names what is at fault, its value and the limit.

import { hostname } from "node:os";
import { LockError } from "./errors.cts";
import type { AcquireSpec, Setting } from "./letters.ts";
import type { ConnectOptions, GrantOptions, ModeOptions, Wanted, WatchOptions, WatchWish } from "./options.ts";
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
    throw invalid(`${what} must be a whole number from ${min} to ${max}, not ${String(value)}`);
  }
  return value as number;
}

export const nameIn = (name: unknown, what = "the name of a lock"): string => textIn(what, name, 1, nameBytesMax);

/** A name, a beginning of names or an owner to look for; empty for all. */
export const filterIn = (what: string, text: unknown): string => textIn(what, text, 0, nameBytesMax);

export const metadataIn = (what: string, text: unknown): string => textIn(what, text, 0, metadataBytesMax);

/** The number of a lease, a token, a revision. */
export const numberIn = (what: string, value: unknown): number => wholeIn(what, value, 0, Number.MAX_SAFE_INTEGER);

/** How many at most; `Infinity` is as many as there are. */
export function limitIn(limit: unknown): number {
  if (limit === Number.POSITIVE_INFINITY) return limit;
  return wholeIn("limit", limit, 1, Number.MAX_SAFE_INTEGER);
}

export function wishIn(wish: WatchWish): WatchWish {
  const given = Object.entries(wish ?? {}).filter(([, value]) => value !== undefined);
  const [[what, value] = []] = given;
  if (given.length === 1 && what === "prefix") return { prefix: filterIn("prefix", value) };
  if (given.length === 1 && what === "lock") return { lock: nameIn(value) };
  if (given.length === 1 && what === "leaseId") return { leaseId: numberIn("leaseId", value) };
  throw invalid("a watch is of a prefix, of a lock or of a leaseId: one of the three");
}

export const revisionIn = ({ afterRevision }: WatchOptions): number =>
  afterRevision === undefined ? 0 : numberIn("afterRevision", afterRevision);

export const ttlMsMin = 1_000;
const nameBytesMax = 512;
const waitMsMax = 86_400_000;
const delayMsMax = 3_600_000;
const metadataBytesMax = 4_096;
const permitsMax = 1_000_000;
const spanMsMax = 2 ** 31 - 1;
const demandsMax = 64;

export function settingOf(endpoints: string | readonly string[], options: ConnectOptions): Setting {
  const list = (typeof endpoints === "string" ? endpoints.split(",") : [...endpoints])
    .map((endpoint) => endpoint.trim().replace(/\/+$/, ""))
    .filter((endpoint) => endpoint !== "");
  if (list.length === 0) throw invalid("endpoints must name at least one node, as host:port");
  for (const endpoint of list) {
    const [, , , port] = /^(https?:\/\/)?(\[[0-9a-fA-F:.%\w]+\]|[^\s:/[\]]+):(\d{1,5})$/.exec(endpoint) ?? [];
    if (port === undefined || Number(port) > 65_535) throw invalid(`endpoint ${endpoint} must be host:port`);
  }
  const ttlMs = wholeIn("ttlMs", options.ttlMs ?? 10_000, ttlMsMin, spanMsMax);
  const third = Math.floor(ttlMs / 3);
  const atRiskMs = options.atRiskMs ?? third;
  return {
    endpoints: list,
    owner: textIn("owner", options.owner ?? `${hostname()}/${process.pid}`, 1, 512),
    ttlMs,
    renewMs: wholeIn("renewMs", options.renewMs ?? third, 100, third),
    // A healthy lease never has less than half of its ttl left, so that below that something is wrong.
    atRiskMs: wholeIn("atRiskMs", atRiskMs, 0, Math.floor(ttlMs / 2)),
    metadata: metadataOf(options.metadata),
    requestTimeoutMs: wholeIn("requestTimeoutMs", options.requestTimeoutMs ?? 10_000, 1, spanMsMax),
    tls: options.tls ?? false,
  };
}

function metadataOf(metadata: ConnectOptions["metadata"]): string {
  const pairs = metadata ?? { host: hostname(), pid: process.pid, version };
  return metadataIn("metadata", typeof pairs === "string" ? pairs : JSON.stringify(pairs));
}

const modes: readonly Mode[] = ["exclusive", "shared", "semaphore"];

export function demandOf(wanted: Wanted, common: ModeOptions = {}): Demand {
  const { name, ...own } = typeof wanted === "string" ? { name: wanted } : wanted;
  const given: ModeOptions = { ...common, ...own };
  const mode = given.mode ?? (given.limit === undefined ? "exclusive" : "semaphore");
  if (!modes.includes(mode)) throw invalid(`mode must be one of ${modes.join(", ")}, not ${String(mode)}`);
  const lock = nameIn(name);
  if (mode !== "semaphore") {
    if (given.permits !== undefined) throw invalid("permits are those of a semaphore");
    if (given.limit !== undefined) throw invalid("a limit is that of a semaphore");
    return { lock, mode, permits: 1, limit: 0 };
  }
  if (given.limit === undefined) throw invalid("a semaphore needs a limit: how many permits there are");
  const limit = wholeIn("limit", given.limit, 1, permitsMax);
  return { lock, mode, permits: wholeIn("permits", given.permits ?? 1, 1, limit), limit };
}

export function demandsOf(names: readonly Wanted[], common: ModeOptions = {}): Demand[] {
  if (!Array.isArray(names) || names.length === 0 || names.length > demandsMax) {
    throw invalid(`between 1 and ${demandsMax} locks can be taken at once`);
  }
  const demands = names.map((wanted) => demandOf(wanted, common));
  const twice = demands.find(({ lock }, place) => demands.findIndex((other) => other.lock === lock) !== place);
  if (twice !== undefined) throw invalid(`${twice.lock} is wanted twice in one request`);
  return demands;
}

/** What all kinds of acquiring have in common. */
export const termsOf = (options: Omit<GrantOptions, "signal" | "ttlMs" | "context">) => ({
  priority: wholeIn("priority", options.priority ?? 0, 0, 9),
  lockDelayMs: wholeIn("lockDelayMs", options.lockDelayMs ?? 0, 0, delayMsMax),
  metadata: metadataIn("metadata", options.metadata ?? ""),
});

export const contextOf = (context: unknown): string => textIn("context", context, 0, 128);

export const ttlIn = (ttlMs: unknown): number => wholeIn("ttlMs", ttlMs, ttlMsMin, spanMsMax);

/** Null: for as long as it takes. */
export function waitOf(waitMs: number | undefined): number | null {
  if (waitMs === undefined || waitMs === Number.POSITIVE_INFINITY) return null;
  return wholeIn("waitMs", waitMs, 0, waitMsMax);
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
