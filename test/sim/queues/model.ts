// The reference model of the lock table where there is one region: what every entry of the log does, written once more, on plain
// lists and for reading only. The table that ships is held against it entry by entry.

import type { Entry } from "../../../src/actors/messages.ts";
import type { Outcome, Write } from "../../../src/actors/operations.ts";
import { isImplicit, type LeaseId, leaseId, requestId } from "../../../src/actors/scalars.ts";
import { askYield, cancel, namedHolds, proclaim, release, releaseAll, ring } from "./giving.ts";
import type { Effected, Model } from "./table.ts";
import { acquire, acquireAll, grantAllWhoMay, queued } from "./taking.ts";
import { end, endLease, granted, isLive, remember, type Turn, withoutLease } from "./turn.ts";

type Asked<Type extends Write["type"]> = Extract<Write, { type: Type }>;

const noName = requestId("");

/** Applies the next entry. */
export function applyEntry(model: Model, { index, term, command }: Entry): Effected {
  const did: Effected = { answers: [], events: [], alarms: [], granted: [], ended: [], refusing: null };
  const turn: Turn = { model, index, did, requestId: command.type === "write" ? command.requestId : noName };
  switch (command.type) {
    case "noop":
      break;
    case "write":
      did.answers.push({ requestId: turn.requestId, outcome: write(turn, command.write, command.bornAt) });
      break;
    case "expire": {
      const lease = model.leases.find(({ id }) => id === command.lease);
      if (lease?.renewals === command.renewals && command.term === term) endLease(turn, lease.id, "expired");
      break;
    }
    case "alarm":
      if (command.term === term && model.alarms.includes(command.alarm)) ring(turn, command.alarm);
      break;
    default:
      throw new Error(`the model is of one region: ${command.type}`);
  }
  grantAllWhoMay(turn);
  model.index = index;
  const oldest = index - model.requestsRemembered;
  model.past = model.past.filter((one) => one.index > oldest);
  model.over = model.over.filter((one) => one.index > oldest);
  return did;
}

function write(turn: Turn, asked: Write, bornAt: number): Outcome {
  const { model, requestId } = turn;
  const past = model.past.find((one) => one.requestId === requestId);
  if (past !== undefined) return repeat(turn, past.outcome);
  const waiting = model.waiting.find((one) => one.requestId === requestId);
  if (waiting !== undefined) return queued(model, waiting);
  const held = model.holds.find((one) => one.requestId === requestId && isWanted(asked, one.lock));
  if (held !== undefined) return repeat(turn, granted(model, held));
  if (bornAt < model.index - model.requestsRemembered) return { type: "forgotten" };
  const outcome = done(turn, asked);
  if (outcome.type !== "queued") remember(turn, requestId, outcome);
  return outcome;
}

const isWanted = (asked: Write, lock: string): boolean =>
  asked.type === "acquire" ? asked.lock === lock : asked.type === "acquireAll" && asked.demands[0]?.lock === lock;

function repeat({ model }: Turn, outcome: Outcome): Outcome {
  if (outcome.type === "granted") {
    const over = model.over.find(({ token }) => token === outcome.token);
    if (over !== undefined) return { type: "grantOver", token: over.token, how: over.how };
    if (isImplicit(outcome.lease)) renew(model, outcome.lease);
  }
  if (outcome.type === "leaseOpened") {
    if (!isLive(model, outcome.lease)) return { type: "leaseEnded", lease: outcome.lease };
    renew(model, outcome.lease);
  }
  return outcome;
}

function renew({ leases }: Model, id: LeaseId): void {
  for (const lease of leases) if (lease.id === id) lease.renewals += 1;
}

function done(turn: Turn, asked: Write): Outcome {
  switch (asked.type) {
    case "openLease":
      return openLease(turn, asked);
    case "endLease":
      return withoutLease(turn.model, asked.lease) ?? closeLease(turn, asked.lease);
    case "acquire":
      return acquire(turn, asked);
    case "acquireAll":
      return acquireAll(turn, asked);
    case "release":
      return release(turn, asked);
    case "releaseAll":
      return releaseAll(turn, asked);
    case "cancel":
      return cancel(turn, asked);
    case "proclaim":
      return proclaim(turn, asked);
    case "askYield":
      return askYield(turn, asked);
    case "forceRelease": {
      const holds = namedHolds(turn.model, asked);
      for (const hold of holds) end(turn, hold, "forced", asked.reason);
      return { type: "forced", tokens: holds.map(({ token }) => token) };
    }
  }
}

function openLease({ model }: Turn, { owner, ttl }: Asked<"openLease">): Outcome {
  model.leaseId += 1;
  const lease = leaseId(model.leaseId);
  model.leases.push({ id: lease, owner, ttl, renewals: 0 });
  return { type: "leaseOpened", lease, ttl };
}

function closeLease(turn: Turn, lease: LeaseId): Outcome {
  const locks = turn.model.holds.filter((hold) => hold.lease === lease).length;
  endLease(turn, lease, "revoked");
  return { type: "leaseClosed", locks };
}
