// What clients are told of requests that wait, of their ends, and of what they look at, held against what the log says.

import type { Answer, LockView } from "../../../src/actors/operations.ts";
import type { FencingToken } from "../../../src/actors/scalars.ts";
import type { ClientWitness, Crowd, Request } from "../clients.ts";
import { describe, isConnected } from "../clients.ts";
import type { Moment } from "../schedule.ts";
import { check } from "../witness.ts";
import { holderText, type Reference, type Version, versionsBetween } from "./reference.ts";

export function answerRulesOf(reference: Reference): ClientWitness {
  /** How many entries were known to be committed when something was asked. */
  const floors = new Map<number, number>();
  const { asked, toldToWait, timetable, twin } = reference;
  return {
    asked: (request) => {
      floors.set(request.id, twin.model.index);
      if (request.requestId !== null && !asked.has(request.requestId)) asked.set(request.requestId, timetable.now);
    },
    attempted: () => undefined,
    waiting: ({ requestId }) => {
      // It may wait a second time, if what became of it was forgotten in between.
      const waiter = twin.model.waiting.find((one) => one.requestId === requestId);
      if (waiter !== undefined && !toldToWait.has(waiter.index)) toldToWait.set(waiter.index, timetable.now);
    },
    settled: (request, answer) => {
      const from = floors.get(request.id) ?? 0;
      floors.delete(request.id);
      if (answer !== null) judge(reference, request, { answer, from });
    },
  };
}

function judge(reference: Reference, request: Request, { answer, from }: { answer: Answer; from: number }): void {
  check(answer.type !== "queued", "to wait is not the last word", () => describe(request));
  switch (request.operation.type) {
    case "acquireAll":
      return judgeEnd(reference, request, answer);
    case "releaseAll":
      return judgeRelease(reference, request, answer);
    case "inspect":
    case "list":
    case "waiters":
      return judgeLook(reference, request, { answer, from });
    default:
      return;
  }
}

function judgeEnd({ granted, ended, fates }: Reference, request: Request, answer: Answer): void {
  const { requestId } = request;
  const seen = (): string => `${describe(request)}: ${JSON.stringify(answer)}, in the log ${JSON.stringify(fateOf())}`;
  const fateOf = () => (requestId === null ? [] : (fates.get(requestId) ?? []));
  if (answer.type === "granted" || answer.type === "grantOver") {
    const grant = granted.get(answer.token);
    const isHis = grant !== undefined && (requestId === null || grant.requestId === requestId);
    check(isHis, "a grant that a client is told of is in the log", seen);
    if (answer.type === "grantOver") {
      check(ended.get(answer.token)?.how === answer.how, "a grant that is said to be over is over", seen);
    }
    return;
  }
  if (requestId === null || answer.type === "forgotten") return;
  const isTrue = fateOf().some(({ type }) => type === answer.type);
  check(isTrue, "what a client is told of its request is in the log", seen);
}

function judgeRelease({ ended, granted }: Reference, request: Request, answer: Answer): void {
  const { operation } = request;
  if (operation.type !== "releaseAll") return;
  const { token } = operation;
  const how = ended.get(token)?.how;
  const seen = (): string => `${describe(request)}: ${JSON.stringify(answer)}, ended by ${how}`;
  if (answer.type === "released") check(how === "released", "a release that is acknowledged is in the log", seen);
  else if (answer.type === "grantOver") check(how === answer.how, "a grant that is said to be over is over", seen);
  else if (answer.type === "notHeld") check(how !== undefined || !granted.has(token), "no grant is lost", seen);
}

// Whoever looks sees what was there between his question and the answer.

function judgeLook(reference: Reference, request: Request, { answer, from }: { answer: Answer; from: number }): void {
  const seen = (): string => `${describe(request)}: ${JSON.stringify(answer)}, since ${from}`;
  if (answer.type === "lockSeen") judgeView(reference, answer.lock, { from, seen });
  else if (answer.type === "locksSeen") {
    const names = answer.locks.map(({ lock }) => lock);
    check(
      names.every((name, at) => at === 0 || name > (names[at - 1] as string)),
      "a page is in order",
      seen,
    );
    for (const view of answer.locks) judgeView(reference, view, { from, seen });
    if (answer.next === null) judgeWhole(reference, names, { from, seen });
  } else if (answer.type === "waitersSeen" && request.operation.type === "waiters") {
    const queue = answer.waiters.map(({ requestId }) => requestId);
    const isTrue = versionsBetween(reference, request.operation.lock, from).some((one) => sameItems(one.queue, queue));
    check(isTrue && answer.total >= queue.length, "a queue is seen as it is", seen);
  }
}

type Looking = { readonly from: number; readonly seen: () => string };

const sameItems = (one: readonly unknown[], other: readonly unknown[]): boolean =>
  one.length === other.length && one.every((item, at) => item === other[at]);

function judgeView(reference: Reference, view: LockView, { from, seen }: Looking): void {
  const holders = view.grants.map(holderText).sort();
  const delays = view.delays.map(({ token }) => token).sort();
  const isLike = (one: Version): boolean =>
    sameItems([...one.holders].sort(), holders) &&
    sameItems([...one.delays].sort(), delays) &&
    one.queue.length === view.queue;
  check(
    versionsBetween(reference, view.lock, from).some(isLike),
    "a lock is seen as it is",
    () => `${seen()}: ${JSON.stringify(versionsBetween(reference, view.lock, from))}`,
  );
}

const isEmpty = ({ holders, delays, queue }: Version): boolean => holders.length + delays.length + queue.length === 0;

/** Whatever was in use all the time is in the list. */
function judgeWhole(reference: Reference, names: readonly string[], { from, seen }: Looking): void {
  for (const lock of reference.versions.keys()) {
    const isUsed = versionsBetween(reference, lock, from).every((version) => !isEmpty(version));
    check(!isUsed || names.includes(lock), "no lock is left out of a list", () => `${lock}: ${seen()}`);
  }
}

/** What the log says of a grant to whoever judges what clients believe. */
export const knownOf = ({ granted, ended }: Reference) => ({
  grantedAt: (token: FencingToken) => granted.get(token)?.at,
  demandsOf: (token: FencingToken) => granted.get(token)?.demands,
  takenAt: (token: FencingToken) => {
    const end = ended.get(token);
    return end?.how === "forced" || end?.how === "revoked" ? end.at : undefined;
  },
});

/** While all is well nobody whose node knows of him waits on after his waiting has ended: `soon` is enough to be sent anew to
 *  whoever leads now, and to be answered. */
export function judgeHearing({ fates, timetable }: Reference, crowd: Crowd, soon: number): void {
  for (const call of crowd.calls.values()) {
    const { request, attempt } = call;
    const { requestId, operation } = request;
    if (operation.type !== "acquireAll" || requestId === null || !isConnected(crowd, call)) continue;
    const end = fates.get(requestId)?.at(-1);
    check(
      end === undefined || attempt.sentAt >= end.at || timetable.now - end.at < soon,
      "whoever has waited is told soon how it ended",
      () => `${describe(request)}: ${JSON.stringify(end)}, at ${timetable.now} ${attempt.node} has not told him`,
    );
  }
}

/** While all is well, since `calmSince`, every alarm rings when its span is over, and `soon` enough to be in the log. */
export function judgeAlarms({ alarms, timetable }: Reference, calmSince: Moment, soon: number): void {
  for (const [alarm, { at, span }] of alarms) {
    const due = Math.max(at, calmSince) + 1.02 * span + soon;
    check(
      timetable.now < due,
      "every alarm rings in time",
      () => `${alarm}, set at ${at} for ${span} ms, has not rung by ${timetable.now}`,
    );
  }
}

/** In the end nobody waits, nothing is held or delayed, and nothing is still to be told. */
export function judgeRest({ twin }: Reference): void {
  const { holds, delays, waiting, alarms } = twin.model;
  const left = { holds, delays, waiting, alarms };
  check(
    holds.length + delays.length + waiting.length + alarms.length === 0,
    "in the end nobody waits, nothing is held, and every alarm has rung",
    () => JSON.stringify(left),
  );
}
