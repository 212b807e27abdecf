// What may stand in the fields of a request: checks that say in one sentence which field is at fault, what is wrong and
// what the limit is, and the clamps that the interfaces promise. Numbers of 64 bits never lose precision into a false match.

import { type FencingToken, fencingToken, type LeaseId, leaseId, type Millis, millis } from "../../actors/scalars.ts";
import type { Settings } from "../settings.ts";

/** The longest id, name or owner, in bytes of UTF-8. */
export const textBytesMax = 512;
/** The longest `x-request-id`, in bytes. */
export const requestIdBytesMax = 256;

/** What stands where bytes were no UTF-8: half of a surrogate pair, which no UTF-8 decodes to. */
export const notUtf8 = "\ud800";
const loneSurrogate = /\p{Surrogate}/u;

/** Why `value` cannot be an id, a name or an owner, or null. `field` is the name in the .proto file. */
export function textProblem(field: string, value: string): string | null {
  if (value === "") return `${field} must not be empty; it takes 1 to ${textBytesMax} bytes of UTF-8`;
  if (loneSurrogate.test(value)) return `${field} is not valid UTF-8`;
  // No character takes more than three bytes per UTF-16 unit: short texts need not be measured.
  if (value.length * 3 <= textBytesMax) return null;
  const bytes = Buffer.byteLength(value);
  return bytes > textBytesMax ? `${field} is ${bytes} bytes long; the limit is ${textBytesMax}` : null;
}

/** Why `value` cannot be a lease, or null. */
export const leaseProblem = (field: string, value: bigint): string | null =>
  value === 0n ? `${field} must be given; leases count from 1` : null;

/** Between the leases that clients open and the implicit ones: a number that no lease has. */
const noLease = 2 ** 52;
/** The lease that a client means. A number that no client's lease can have becomes one that no lease has. */
export const leaseNamed = (value: bigint): LeaseId => leaseId(value < BigInt(noLease) ? Number(value) : noLease);

/** The token that a client means. A number that no token can be becomes 0, the token of no grant. */
export const tokenNamed = (value: bigint): FencingToken =>
  fencingToken(value > 0n && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : 0);

/** The life of a lock: 0 is the default, everything else is clamped. */
export function lockTtl(value: bigint, { lockMsDefault, lockMsMin, lockMsMax }: Settings): Millis {
  if (value === 0n) return lockMsDefault;
  if (value < BigInt(Math.ceil(lockMsMin))) return lockMsMin;
  if (value > BigInt(Math.floor(lockMsMax))) return lockMsMax;
  return millis(Number(value));
}

/** Why `value` cannot be the ttl of a lease, in seconds, or null. */
export function ttlProblem(field: string, value: bigint, { leaseMsMax }: Settings): string | null {
  const secondsMax = Math.floor(leaseMsMax / 1000);
  return value < 1n || value > BigInt(secondsMax)
    ? `${field} is ${value}; it must be at least 1 and at most ${secondsMax} seconds`
    : null;
}

/** Whole seconds, rounded up: what is left is never told as 0. */
export const wholeSeconds = (span: Millis): bigint => BigInt(Math.ceil(span / 1000));
