// The rules that every recorded run must keep. Each takes the run and returns what broke it, one sentence each; an empty
// list is a pass. What one client cannot know is judged in its favour: only sure violations are reported.

import { byLock, type Header, type History, type Operation, operationsOf, validUntil } from "./history.ts";
import { checkLinearizable } from "./linearizability.ts";
import { lockModel } from "./lock-model.ts";

/** All rules at once. */
export function violations(history: History): string[] {
  const operations = operationsOf(history);
  return [
    ...countersOf(operations, history.header).flatMap((counted) => [
      ...tokensAreUnique(counted),
      ...tokensRise(counted),
    ]),
    ...oneHolder(operations, history.header),
    ...nothingAcknowledgedIsLost(operations, history.header),
    ...noLateRenewal(operations),
    ...neverEarly(operations, history.header),
    ...fencedInOrder(operations),
    ...everyLockIsLinearizable(operations, history.header),
  ];
}

const isGrant = (operation: Operation) => operation.action === "acquire" && operation.result === "granted";

/** Operations whose tokens are of one counter: all of them in one region; several regions promise it lock by lock. */
const countersOf = (operations: readonly Operation[], { regions }: Header): (readonly Operation[])[] =>
  regions === 1 ? [operations] : [...byLock(operations).values()];

/** One request per token, one token per request. */
export function tokensAreUnique(operations: readonly Operation[]): string[] {
  const requestOf = new Map<number, Operation>();
  const found: string[] = [];
  for (const operation of operations.filter(isGrant)) {
    const token = tokenOf(operation);
    const earlier = requestOf.get(token);
    if (earlier === undefined) requestOf.set(token, operation);
    else found.push(`token ${token} was given to ${describe(earlier)} and to ${describe(operation)}`);
  }
  return found;
}

/** A grant acknowledged before another was asked for has the smaller token, whichever locks they are of where there is one counter. */
export function tokensRise(operations: readonly Operation[]): string[] {
  const grants = operations.filter(isGrant);
  const byEnd = [...grants].sort((a, b) => a.endedAt - b.endedAt);
  const byStart = [...grants].sort((a, b) => a.invokedAt - b.invokedAt);
  const found: string[] = [];
  let next = 0;
  let highest: Operation | null = null;
  for (const grant of byStart) {
    for (let ended = byEnd[next]; ended !== undefined && ended.endedAt < grant.invokedAt; ended = byEnd[next]) {
      if (highest === null || tokenOf(ended) > tokenOf(highest)) highest = ended;
      next += 1;
    }
    if (highest !== null && tokenOf(highest) >= tokenOf(grant)) {
      found.push(`${describe(grant)} has a token that ${describe(highest)} had reached before it was asked for`);
    }
  }
  return found;
}

interface Window {
  readonly grant: Operation;
  readonly from: number;
  readonly to: number;
}

/** No two clients may believe at the same moment that they hold the same lock. */
export function oneHolder(operations: readonly Operation[], header: Header): string[] {
  const found: string[] = [];
  for (const ofLock of byLock(operations).values()) {
    const windows = ofLock
      .filter(isGrant)
      .map((grant) => windowOf(grant, ofLock, header))
      .sort((a, b) => a.from - b.from);
    let open: Window | null = null;
    for (const window of windows) {
      if (open !== null && window.from < open.to && window.to > window.from) {
        found.push(`${describe(window.grant)} was told that it holds the lock while ${describe(open.grant)} still did`);
      }
      if (open === null || window.to > open.to) open = window;
    }
  }
  return found;
}

/** From the answer until the release was sent, or until the client must have stopped. */
function windowOf(grant: Operation, ofLock: readonly Operation[], header: Header): Window {
  let until = validUntil(grant, header);
  const followUps = ofLock.filter((each) => each.token === grant.token && each.id !== grant.id);
  const renewals = followUps.filter((each) => each.action === "renew" && each.result === "renewed");
  for (const renewal of renewals.sort((a, b) => a.endedAt - b.endedAt)) {
    // An answer that comes after the client has stopped revives nothing.
    if (renewal.endedAt < until) until = Math.max(until, validUntil(renewal, header));
  }
  for (const each of followUps) if (each.action === "release") until = Math.min(until, each.invokedAt);
  return { grant, from: grant.endedAt, to: until };
}

/** What was acknowledged shows in every later check: a grant while it must hold, a release for ever. */
export function nothingAcknowledgedIsLost(operations: readonly Operation[], header: Header): string[] {
  const found: string[] = [];
  for (const ofLock of byLock(operations).values()) {
    const checks = ofLock.filter((each) => each.action === "check" && Number.isFinite(each.endedAt));
    const released = ofLock.filter((each) => each.action === "release" && each.result === "released");
    const windows = ofLock.filter(isGrant).map((grant) => windowOf(grant, ofLock, header));
    for (const check of checks.filter((each) => each.result === "free" || each.result === "locked")) {
      for (const release of released) {
        if (check.result === "locked" && release.token === check.token && release.endedAt < check.invokedAt) {
          found.push(`${describe(check)} shows a grant that ${describe(release)} had ended`);
        }
      }
      for (const { grant, from, to } of windows) {
        const mustShow = from < check.invokedAt && check.endedAt < to;
        if (mustShow && check.token !== grant.token) {
          found.push(`${describe(check)} does not show the grant of ${describe(grant)}`);
        }
      }
    }
  }
  return found;
}

/** A renewal that was sent after a later grant of the same lock had been acknowledged is refused. */
export function noLateRenewal(operations: readonly Operation[]): string[] {
  const found: string[] = [];
  for (const ofLock of byLock(operations).values()) {
    const grants = ofLock.filter(isGrant);
    for (const renewal of ofLock.filter((each) => each.action === "renew" && each.result === "renewed")) {
      const overtaking = grants.find((grant) => tokenOf(grant) > tokenOf(renewal) && grant.endedAt < renewal.invokedAt);
      if (overtaking !== undefined) {
        found.push(`${describe(renewal)} was acknowledged after ${describe(overtaking)} had the lock`);
      }
    }
  }
  return found;
}

/** Nobody is told that a lease is lost before it has run out by the client's own clock. */
export function neverEarly(operations: readonly Operation[], header: Header): string[] {
  const found: string[] = [];
  for (const ofLock of byLock(operations).values()) {
    for (const grant of ofLock.filter(isGrant)) {
      const window = windowOf(grant, ofLock, header);
      const lost = ofLock.find(
        (each) => each.token === grant.token && each.result === "lost" && each.endedAt < window.to,
      );
      if (lost !== undefined) found.push(`${describe(lost)} was told too early that its lease is lost`);
    }
  }
  return found;
}

/** What is protected by a lock accepts no write of an earlier holder after one of a later. */
export function fencedInOrder(operations: readonly Operation[]): string[] {
  const found: string[] = [];
  for (const ofLock of byLock(operations).values()) {
    let highest: Operation | null = null;
    const writes = ofLock.filter((each) => each.action === "write" && each.result === "written");
    for (const write of writes.sort((a, b) => a.endedAt - b.endedAt)) {
      if (highest !== null && highest.endedAt < write.invokedAt && tokenOf(write) < tokenOf(highest)) {
        found.push(`${describe(write)} was accepted after ${describe(highest)}`);
      }
      if (highest === null || tokenOf(write) > tokenOf(highest)) highest = write;
    }
  }
  return found;
}

/** Everything that was asked of a lock has an order in which one lock, used by one at a time, would have answered the same. */
export function everyLockIsLinearizable(operations: readonly Operation[], header: Header): string[] {
  const found: string[] = [];
  for (const [lock, ofLock] of byLock(operations)) {
    const known = ofLock.filter(({ result }) => result !== "refused");
    const verdict = checkLinearizable(known, lockModel(header));
    if (verdict.type === "refused") {
      found.push(`lock ${lock}: no order explains ${known.length} operations; stuck at ${describe(verdict.stuckAt)}`);
    }
    if (verdict.type === "undecided") found.push(`lock ${lock}: the search for an order took too long`);
  }
  return found;
}

const tokenOf = (operation: Operation): number => operation.token ?? 0;

const describe = (operation: Operation): string =>
  `${operation.action} ${operation.id} of client ${operation.proc} on ${operation.lock} ` +
  `(${operation.result}, token ${operation.token ?? "–"}, ${operation.invokedAt.toFixed(1)}–${operation.endedAt.toFixed(1)} ms)`;
