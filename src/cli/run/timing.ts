// When a command has to be ended so that nothing of it is left when the service may give its lock away. Spans are
// milliseconds; moments are nanoseconds of the monotonic clock, which all processes of a machine share.

/** For how long before the deadline nothing may be left: what a signal and a late timer take. */
export const marginMs = (ttlMs: number): number => Math.min(1_000, Math.max(100, ttlMs / 20));

/** What a client may count on of a ttl, as the service reckons unless it is told otherwise. */
const usableMs = (ttlMs: number): number => ttlMs * 0.99 - 50;

/** What must be left of a ttl for renewals to be late without harm. */
const roomShare = 0.4;

/** Whether a command that is given `graceMs` to end can be run under `ttlMs` and not be ended without need. */
export const leavesRoom = (ttlMs: number, graceMs: number): boolean =>
  usableMs(ttlMs) - marginMs(ttlMs) - graceMs >= ttlMs * roomShare;

/** The shortest ttl, in tenths of a second, that goes with a grace. */
export function ttlMsMin(graceMs: number): number {
  let ttlMs = Math.max(1_000, Math.ceil(graceMs / 100) * 100);
  while (!leavesRoom(ttlMs, graceMs)) ttlMs += 100;
  return ttlMs;
}

/** How often to renew: three times within what may pass before the command has to be told to end. */
export const renewMs = (ttlMs: number, graceMs: number): number =>
  Math.floor((usableMs(ttlMs) - marginMs(ttlMs) - graceMs) / 3);

/** How often the guardian is told the deadline. */
export const beatMs = (ttlMs: number): number => Math.min(250, Math.max(20, Math.floor(ttlMs / 40)));

export const toNs = (spanMs: number): bigint => BigInt(Math.floor(spanMs * 1e6));
