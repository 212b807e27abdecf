// What has become of everything, as the log says: the lock table that ships and the model beside it are given every entry as soon
// as it is known to be committed, and what they say is kept, with the moment. Whatever nodes answer, tell and show later is
// held against it.

import type { AlarmId, Entry } from "../../../src/actors/messages.ts";
import type { Demand, Ending, LockEvent, Outcome } from "../../../src/actors/operations.ts";
import type { FencingToken, LeaseId, RequestId } from "../../../src/actors/scalars.ts";
import type { Moment, Schedule } from "../schedule.ts";
import { check } from "../witness.ts";
import { clash } from "./rules.ts";
import { type Hold, isBefore, type Model, rivals } from "./table.ts";
import { applyToBoth, createTwin, type Receive, type Told, type Twin } from "./twin.ts";

/** A grant, as the log has it. */
export interface Granted {
  readonly at: Moment;
  readonly index: number;
  readonly requestId: RequestId;
  readonly lease: LeaseId;
  readonly demands: readonly Demand[];
}

export interface Ended {
  readonly at: Moment;
  readonly how: Ending;
}

/** What a lock was like from an entry on. */
export interface Version {
  readonly index: number;
  readonly holders: readonly string[];
  readonly delays: readonly number[];
  readonly queue: readonly RequestId[];
}

export type Fate = Outcome & { readonly index: number; readonly at: Moment };

interface Lost {
  readonly demand: Demand;
  readonly token: FencingToken;
  readonly at: Moment;
  readonly until: Moment;
}

export interface Reference {
  readonly twin: Twin;
  readonly timetable: Schedule;
  /** How much faster than true time a clock may run; null if that is not known. */
  readonly clockError: number | null;
  /** All events, in order. */
  readonly events: LockEvent[];
  /** What each entry was answered with. */
  readonly answers: Map<number, readonly Told[]>;
  readonly granted: Map<FencingToken, Granted>;
  readonly ended: Map<FencingToken, Ended>;
  /** What requests have come to in the end; more than once only after it was forgotten. */
  readonly fates: Map<RequestId, Fate[]>;
  readonly versions: Map<string, Version[]>;
  /** The alarms that are set, and since when. */
  readonly alarms: Map<AlarmId, { readonly at: Moment; readonly span: number }>;
  /** Losses whose lock-delay may still last, by lock. */
  lost: Lost[];
  /** When clients first asked for something, and when they were first told that it waits; by the entry that queued it. */
  readonly asked: Map<RequestId, Moment>;
  readonly toldToWait: Map<number, Moment>;
}

export const createReference = (
  parts: Pick<Reference, "timetable" | "clockError">,
  { requestsRemembered, receive }: { requestsRemembered: number; receive: Receive },
): Reference => ({
  ...parts,
  twin: createTwin(requestsRemembered, receive),
  events: [],
  answers: new Map(),
  granted: new Map(),
  ended: new Map(),
  fates: new Map(),
  versions: new Map(),
  alarms: new Map(),
  lost: [],
  asked: new Map(),
  toldToWait: new Map(),
});

/** An entry is known to be committed. */
export function noteEntry(reference: Reference, entry: Entry): void {
  const { twin, timetable } = reference;
  const { model } = twin;
  const { index } = entry;
  const { did, said } = applyToBoth(twin, entry);
  const { now: at } = timetable;
  reference.events.push(...said.events);
  if (said.answers.length > 0) reference.answers.set(index, said.answers);
  for (const { requestId, outcome } of did.answers)
    if (outcome.type !== "queued") noteFate(reference, requestId, { outcome, index });
  for (const alarm of did.alarms) {
    if ("set" in alarm) reference.alarms.set(alarm.set, { at, span: alarm.span });
    else reference.alarms.delete(alarm.gone);
  }
  for (const { hold, how } of did.ended) {
    reference.ended.set(hold.token, { at, how });
    if (how !== "released" && hold.delay > 0) noteLost(reference, hold);
  }
  for (const token of did.granted) {
    const demands = model.holds.filter((hold) => hold.token === token);
    const [any] = demands;
    if (any === undefined) continue;
    const { requestId, lease } = any;
    reference.granted.set(token, { at, index, requestId, lease, demands });
    for (const hold of demands) judgeGrant(reference, hold);
  }
  const touched = new Set(did.events.map(({ lock }) => lock));
  for (const lock of touched) noteVersion(reference, lock);
}

/** A request that was not granted is never granted later, as long as that is remembered. */
function noteFate(
  { fates, twin, timetable }: Reference,
  requestId: RequestId,
  { outcome, index }: { outcome: Outcome; index: number },
): void {
  const known = fates.get(requestId) ?? [];
  fates.set(requestId, known);
  const last = known.at(-1);
  // A repeat is told the same again.
  if (last?.type === outcome.type) return;
  // That it was forgotten says of a repeat only that nobody knows: another, born later, is a request of its own.
  const end = known.findLast(({ type }) => type !== "forgotten");
  if (end !== undefined && end.type !== "grantOver" && index - end.index < twin.model.requestsRemembered) {
    check(
      outcome.type !== "granted",
      "a request that has come to an end is not granted later",
      () => `${requestId}: ${JSON.stringify(end)}, then ${JSON.stringify(outcome)} at ${index}`,
    );
  }
  // It may be remembered from an earlier entry on: of a request that was cancelled before it came.
  const past = twin.model.past.find((one) => one.requestId === requestId);
  known.push({ ...outcome, index: past?.index ?? index, at: timetable.now });
}

function noteLost(reference: Reference, hold: Hold): void {
  const { clockError, timetable } = reference;
  const { now } = timetable;
  if (clockError === null) return;
  reference.lost = reference.lost.filter(({ until }) => until > now);
  reference.lost.push({ demand: hold, token: hold.token, at: now, until: now + hold.delay / (1 + clockError) - 0.01 });
}

function judgeGrant(reference: Reference, hold: Hold): void {
  const { model } = reference.twin;
  const { now } = reference.timetable;
  const lost = reference.lost.filter(({ demand, until }) => demand.lock === hold.lock && until > now);
  const held = model.holds.filter(({ lock }) => lock === hold.lock);
  const permits = [...lost.map(({ demand }) => demand), ...held].reduce((sum, one) => sum + one.permits, 0);
  check(
    !lost.some(({ demand }) => clash(demand, hold)) && (hold.mode !== "semaphore" || permits <= hold.limit),
    "nothing is granted that conflicts with a lock-delay",
    () => `${hold.lock} by ${hold.token} at ${now}: ${JSON.stringify(lost)}`,
  );
  const asked = reference.asked.get(hold.requestId);
  if (asked === undefined) return;
  for (const other of model.waiting) {
    const told = reference.toldToWait.get(other.index);
    const isRival = other.priority >= hold.place.priority && other.demands.some((demand) => rivals(demand, hold));
    check(
      !isRival || told === undefined || told >= asked,
      "who was told that he waits before another asked is not overtaken by him",
      () => `${other.requestId} was told at ${told}; ${hold.requestId} asked at ${asked} and has ${hold.lock}`,
    );
  }
}

/** What there is to see of a grant. */
export const holderText = (hold: Omit<Hold, "place" | "lock" | "requestId">): string => {
  const { token, lease, owner, mode, permits, limit, context, delay, metadata, yielding } = hold;
  return JSON.stringify([token, lease, owner, mode, permits, limit, context, delay, metadata, yielding?.reason ?? ""]);
};

/** What a lock is like now. */
const versionOf = ({ index, holds, delays, waiting }: Model, lock: string): Version => ({
  index,
  holders: holds.filter((hold) => hold.lock === lock).map(holderText),
  delays: delays.filter((delay) => delay.lock === lock).map(({ token }) => token),
  queue: waiting
    .filter(({ demands }) => demands.some((demand) => demand.lock === lock))
    .sort((one, other) => (isBefore(one, other) ? -1 : 1))
    .map(({ requestId }) => requestId),
});

function noteVersion({ twin, versions }: Reference, lock: string): void {
  const known = versions.get(lock) ?? [];
  versions.set(lock, known);
  known.push(versionOf(twin.model, lock));
}

const nothing: Version = { index: 0, holders: [], delays: [], queue: [] };

/** What a lock may have been like between two entries. */
export function versionsBetween({ versions }: Reference, lock: string, from: number): readonly Version[] {
  const known = [nothing, ...(versions.get(lock) ?? [])];
  const first = known.findLastIndex(({ index }) => index <= from);
  return known.slice(Math.max(first, 0));
}
