// What may stand in the fields of the native interface: checks beside those of `fields.ts`, and what becomes of numbers and
// page tokens. A problem is a sentence that names the field, what is wrong and the limit.

import { type LeaseId, type LogIndex, leaseId, logIndex, type Millis, millis } from "../../actors/scalars.ts";
import type { Demand } from "../generated/lockmgr/v1/types.ts";
import { Mode } from "../generated/lockmgr/v1/types.ts";
import { textBytesMax, textProblem } from "./fields.ts";

export const demandsMax = 64;
const permitsMax = 1_000_000;
export const metadataBytesMax = 4096;
const reasonBytesMax = 1024;
const requestIdBytesMax = 128;
const contextBytesMax = 128;
export const leaseMsMin = 1_000;
export const waitMsMax = 86_400_000;
export const lockDelayMsMax = 3_600_000;
export const graceMsMax = 3_600_000;
const priorityMax = 9;
const pageDefault = 100;
const pageMax = 1_000;
const waitsDefault = 1_000;
const waitsMax = 10_000;

const loneSurrogate = /\p{Surrogate}/u;

/** Why `value`, which may be empty, is no text of at most so many bytes, or null. */
function wordsProblem(field: string, value: string, bytesMax: number): string | null {
  if (loneSurrogate.test(value)) return `${field} is not valid UTF-8`;
  if (value.length * 3 <= bytesMax) return null;
  const bytes = Buffer.byteLength(value);
  return bytes > bytesMax ? `${field} is ${bytes} bytes long; the limit is ${bytesMax}` : null;
}

export const metadataProblem = (field: string, value: string): string | null =>
  wordsProblem(field, value, metadataBytesMax);
export const contextProblem = (value: string): string | null => wordsProblem("context", value, contextBytesMax);
/** The client's word for a request; it need not give one. */
export const requestIdProblem = (value: string): string | null => wordsProblem("request_id", value, requestIdBytesMax);
/** A name, a beginning of names or an owner to look for; empty for all. */
export const filterProblem = (field: string, value: string): string | null => wordsProblem(field, value, textBytesMax);
export const reasonProblem = (value: string): string | null =>
  value === ""
    ? `reason must not be empty; it takes 1 to ${reasonBytesMax} bytes of UTF-8`
    : wordsProblem("reason", value, reasonBytesMax);

/** Why `value` is no span from `min` to `max`, in milliseconds, or null. */
export const spanProblem = (field: string, value: bigint, { min, max }: { min: number; max: number }): string | null =>
  value < BigInt(Math.ceil(min)) || value > BigInt(Math.floor(max))
    ? `${field} is ${value}; it must be at least ${Math.ceil(min)} and at most ${Math.floor(max)} milliseconds`
    : null;

export const priorityProblem = (value: number): string | null =>
  value > priorityMax ? `priority is ${value}; it must be at most ${priorityMax}` : null;

export const tokenProblem = (value: bigint): string | null =>
  value === 0n ? "token must be given; fencing tokens count from 1" : null;

const modes: ReadonlySet<number> = new Set([
  Mode.MODE_UNSPECIFIED,
  Mode.MODE_EXCLUSIVE,
  Mode.MODE_SHARED,
  Mode.MODE_SEMAPHORE,
]);

/** Why these cannot be the demands of a request, or null. */
export function demandsProblem(demands: readonly Demand[]): string | null {
  if (demands.length === 0) return `demands must not be empty; it takes 1 to ${demandsMax} locks`;
  if (demands.length > demandsMax) return `demands has ${demands.length} locks; the limit is ${demandsMax}`;
  const names = new Set<string>();
  for (const [place, demand] of demands.entries()) {
    const problem = demandProblem(`demands[${place}]`, demand);
    if (problem !== null) return problem;
    if (names.has(demand.lock)) return `demands[${place}].lock is the name of an earlier one; no name may stand twice`;
    names.add(demand.lock);
  }
  return null;
}

function demandProblem(field: string, { lock, mode, permits, limit }: Demand): string | null {
  const problem = textProblem(`${field}.lock`, lock);
  if (problem !== null) return problem;
  if (!modes.has(mode)) return `${field}.mode is ${mode}; it must be MODE_EXCLUSIVE, MODE_SHARED or MODE_SEMAPHORE`;
  if (mode !== Mode.MODE_SEMAPHORE) {
    if (permits > 1) return `${field}.permits is ${permits}; only a semaphore has more than 1`;
    return limit === 0 ? null : `${field}.limit is ${limit}; only a semaphore has a limit`;
  }
  if (limit < 1 || limit > permitsMax)
    return `${field}.limit is ${limit}; it must be at least 1 and at most ${permitsMax}`;
  return permits > limit ? `${field}.permits is ${permits}; the limit of the semaphore is ${limit}` : null;
}

/** How many a page shall have, or why that cannot be. */
export const pageSize = (value: number): number | string =>
  value > pageMax ? `page_size is ${value}; the limit is ${pageMax}` : value === 0 ? pageDefault : value;

/** How many waits shall be told, or why that cannot be. */
export const waitsLimit = (value: number): number | string =>
  value > waitsMax ? `limit is ${value}; it must be at most ${waitsMax}` : value === 0 ? waitsDefault : value;

/** The revision after which a watch goes on; null for 0, a sentence if there can be none. */
export function revisionAfter(value: bigint): LogIndex | null | string {
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    return `after_revision is ${value}; the limit is ${Number.MAX_SAFE_INTEGER}`;
  return value === 0n ? null : logIndex(Number(value));
}

export const spanOf = (value: bigint): Millis => millis(Number(value));

/** The lease that a client means, which may be the one that a grant opened for itself. A number that no lease can have becomes
 *  one that no lease has. */
export const anyLeaseNamed = (value: bigint): LeaseId =>
  leaseId(value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : 2 ** 52);

// Page tokens mean nothing to clients. One that this service has not made is refused, or begins somewhere else: nothing is hidden
// behind a page.

const foreignToken = "page_token is not one that a page before has told";

/** The name behind which a page begins. */
export function nameOfToken(token: string): { readonly name: string } | string {
  const name = Buffer.from(token, "base64url").toString("utf8");
  return tokenOfName(name) === token ? { name } : foreignToken;
}
export const tokenOfName = (name: string): string => Buffer.from(name, "utf8").toString("base64url");

/** The number behind which a page begins; 0 for the first. */
export function numberOfToken(token: string): number | string {
  if (token === "") return 0;
  const number = /^[1-9]\d{0,15}$/.test(token) ? Number(token) : Number.NaN;
  return Number.isSafeInteger(number) ? number : foreignToken;
}
