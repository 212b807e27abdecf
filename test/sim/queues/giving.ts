// How locks are given back in the model, and taken away; and what is said to holders, and of them.

import { parseAlarm, yieldAlarm } from "../../../src/actors/alarms.ts";
import type { AlarmId } from "../../../src/actors/messages.ts";
import type { Outcome, Write } from "../../../src/actors/operations.ts";
import type { LeaseId } from "../../../src/actors/scalars.ts";
import type { Hold, Model } from "./table.ts";
import { end, leave, nobody, quiet, remember, setAlarm, type Turn, tell, withoutLease } from "./turn.ts";

type Asked<Type extends Write["type"]> = Extract<Write, { type: Type }>;

export function release(turn: Turn, { lock, grant: named }: Asked<"release">): Outcome {
  const { model } = turn;
  const hold = model.holds.find((one) => one.lock === lock && fits(one, named));
  if (hold === undefined) return notFound(model, lock, named);
  end(turn, hold, "released");
  return { type: "released", token: hold.token };
}

type Named = { readonly lease?: LeaseId; readonly token?: number; readonly owner?: string };

/** Whatever is named must fit; an owner alone names nothing. */
const fits = (hold: Hold, { lease, token, owner }: Named): boolean =>
  (lease !== undefined || token !== undefined) &&
  (lease === undefined || hold.lease === lease) &&
  (token === undefined || hold.token === token) &&
  (owner === undefined || hold.owner === owner);

/** Why a grant that is named does not hold the lock: lease before token before owner. */
function notFound(model: Model, lock: string, { lease, token }: Named): Outcome {
  const refused = lease === undefined ? null : withoutLease(model, lease);
  if (refused !== null) return refused;
  const holds = model.holds.filter((one) => one.lock === lock);
  const over = model.over.find((one) => one.lock === lock && one.token === token);
  if (holds.length === 0) return { type: over?.how === "expired" ? "grantExpired" : "notHeld" };
  const ofLease = holds.filter((one) => lease === undefined || one.lease === lease);
  if (ofLease.length === 0) return { type: "heldByAnotherLease", holder: nobody };
  const isNamed = ofLease.some((one) => (token === undefined ? lease !== undefined : one.token === token));
  return { type: isNamed ? "heldByAnotherOwner" : "staleToken", holder: nobody };
}

export function releaseAll(turn: Turn, { lease, token }: Asked<"releaseAll">): Outcome {
  const { model } = turn;
  const holds = model.holds.filter((one) => one.lease === lease && one.token === token);
  const hold = holds[0];
  if (hold !== undefined) {
    end(turn, hold, "released");
    return { type: "released", token };
  }
  if (model.holds.some((one) => one.token === token)) return { type: "heldByAnotherLease", holder: nobody };
  const over = model.over.find((one) => one.token === token);
  return over === undefined ? { type: "notHeld" } : { type: "grantOver", token, how: over.how };
}

export function cancel(turn: Turn, { request, onlyWaiting }: Asked<"cancel">): Outcome {
  const { model } = turn;
  const waiting = model.waiting.find((one) => one.requestId === request);
  if (waiting !== undefined) {
    leave(turn, waiting, { type: "requestCancelled" });
    return { type: "cancelled", token: null };
  }
  if (onlyWaiting) return { type: "cancelled", token: null };
  const past = model.past.find((one) => one.requestId === request)?.outcome;
  const token = past?.type === "granted" ? past.token : null;
  const hold = model.holds.find((one) => one.requestId === request || one.token === token);
  if (hold !== undefined) {
    end(turn, hold, "released");
    return { type: "cancelled", token: hold.token };
  }
  // If it comes later it does nothing.
  if (!model.past.some((one) => one.requestId === request)) remember(turn, request, { type: "requestCancelled" });
  return { type: "cancelled", token: null };
}

export function proclaim(turn: Turn, { lock, lease, token, metadata }: Asked<"proclaim">): Outcome {
  const { model } = turn;
  const hold = model.holds.find((one) => one.lock === lock && one.token === token && one.lease === lease);
  if (hold === undefined) {
    const isFree = model.holds.every((one) => one.lock !== lock);
    return isFree ? { type: "notHeld" } : { type: "staleToken", holder: nobody };
  }
  hold.metadata = metadata;
  tell(turn, { ...hold, kind: "proclaimed", text: metadata });
  return { type: "proclaimed", token };
}

export function askYield(turn: Turn, asked: Asked<"askYield">): Outcome {
  const { reason, grace, force } = asked;
  const holds = namedHolds(turn.model, asked);
  for (const hold of holds) {
    const alarm = yieldAlarm(hold.lock, hold.token);
    hold.yielding = { reason, grace, force };
    if (force) setAlarm(turn, alarm, grace);
    else quiet(turn, alarm);
    tell(turn, { ...hold, kind: "yieldAsked", text: reason, span: grace });
  }
  return { type: "yieldAsked", tokens: holds.map(({ token }) => token) };
}

export const namedHolds = ({ holds }: Model, { lock, token }: Pick<Asked<"forceRelease">, "lock" | "token">): Hold[] =>
  holds.filter((hold) => hold.lock === lock && (token === null || hold.token === token));

export function ring(turn: Turn, id: AlarmId): void {
  const { model } = turn;
  const alarm = parseAlarm(id);
  quiet(turn, id);
  if (alarm?.type === "wait") {
    for (const one of model.waiting.filter((waiting) => waiting.requestId === alarm.requestId)) {
      leave(turn, one, { type: "waitOver" });
    }
  } else if (alarm?.type === "delay") {
    const over = model.delays.filter(({ lock, token }) => lock === alarm.lock && token === alarm.token);
    model.delays = model.delays.filter((delay) => !over.includes(delay));
    for (const delay of over) tell(turn, { ...delay, kind: "available", text: "" });
  } else if (alarm?.type === "yield") {
    for (const hold of namedHolds(model, alarm)) end(turn, hold, "forced", hold.yielding?.reason ?? "");
  }
}
