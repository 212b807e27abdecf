// What the lock table asks the lease actor to time, and by which name: a lock-delay, a waiter's own deadline, the grace of a
// yield that will be forced. The names are equal on every replica, and two things never have the same.

import type { AlarmId } from "./messages.ts";
import { type FencingToken, fencingToken, type RequestId, requestId } from "./scalars.ts";

/** What an alarm is for. */
export type Alarm =
  /** The lock-delay after this grant, on one of its locks. */
  | { readonly type: "delay"; readonly lock: string; readonly token: FencingToken }
  /** How long this request may wait. */
  | { readonly type: "wait"; readonly requestId: RequestId }
  /** How long this grant may keep one of its locks after it was asked to give it up. */
  | { readonly type: "yield"; readonly lock: string; readonly token: FencingToken };

export const delayAlarm = (lock: string, token: FencingToken): AlarmId => `d:${token}:${lock}`;
export const waitAlarm = (requestId: RequestId): AlarmId => `w:${requestId}`;
export const yieldAlarm = (lock: string, token: FencingToken): AlarmId => `y:${token}:${lock}`;

/** Undoes the three above; null if none of them made it. */
export function parseAlarm(alarm: AlarmId): Alarm | null {
  if (alarm.startsWith("w:")) return { type: "wait", requestId: requestId(alarm.slice(2)) };
  // Only digits stand before the second colon, so a lock's name may hold as many colons as it likes, and line breaks.
  const [, kind, token, lock] = /^([dy]):(\d+):(.*)$/s.exec(alarm) ?? [];
  if (lock === undefined) return null;
  return { type: kind === "d" ? "delay" : "yield", lock, token: fencingToken(Number(token)) };
}
