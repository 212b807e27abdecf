// One entry of the log at work on the model: what is remembered, told and timed, whatever it is that is done.

import { delayAlarm, waitAlarm, yieldAlarm } from "../../../src/actors/alarms.ts";
import type { AlarmId } from "../../../src/actors/messages.ts";
import type { Ending, Holder, Outcome } from "../../../src/actors/operations.ts";
import {
  fencingToken,
  implicitLease,
  isImplicit,
  type LeaseId,
  logIndex,
  type Millis,
  millis,
  type RequestId,
} from "../../../src/actors/scalars.ts";
import type { Effected, Hold, Model, Waiting } from "./table.ts";

/** The model leaves open who of those in the way is named. */
export const nobody = {} as Holder;

export const none = millis(0);

/** Where an entry stands, and what it has done so far. */
export interface Turn {
  readonly model: Model;
  readonly index: number;
  readonly requestId: RequestId;
  readonly did: Effected;
}

export function remember({ model, index }: Turn, requestId: RequestId, outcome: Outcome): void {
  model.past = model.past.filter((one) => one.requestId !== requestId);
  model.past.push({ requestId, index: logIndex(index), outcome });
}

export const isLive = ({ leases }: Model, id: LeaseId): boolean => leases.some((lease) => lease.id === id);

/** What there is to say to somebody who names a lease that is not live; null if it is. */
export function withoutLease(model: Model, lease: LeaseId): Outcome | null {
  if (isLive(model, lease)) return null;
  const last = isImplicit(lease) ? implicitLease(fencingToken(model.fencingToken)) : model.leaseId;
  return { type: lease >= 1 && lease <= last ? "leaseEnded" : "leaseUnknown", lease };
}

export const granted = ({ leases }: Model, { lease, token }: Pick<Hold, "lease" | "token">): Outcome => ({
  type: "granted",
  lease,
  token,
  ttl: leases.find(({ id }) => id === lease)?.ttl ?? none,
});

export function endLease(turn: Turn, lease: LeaseId, how: Ending): void {
  const { model } = turn;
  for (const waiting of model.waiting.filter((one) => one.lease === lease)) {
    leave(turn, waiting, { type: "leaseEnded", lease });
  }
  for (const hold of model.holds.filter((one) => one.lease === lease)) end(turn, hold, how);
  model.leases = model.leases.filter(({ id }) => id !== lease);
}

/** Somebody waits no more and was not granted. */
export function leave(turn: Turn, waiting: Waiting, outcome: Outcome): void {
  const { model, did } = turn;
  model.waiting = model.waiting.filter((one) => one !== waiting);
  quiet(turn, waitAlarm(waiting.requestId));
  remember(turn, waiting.requestId, outcome);
  did.answers.push({ requestId: waiting.requestId, outcome });
  for (const { lock } of waiting.demands) tell(turn, { ...waiting, lock, kind: "unqueued", text: "" });
}

/** A grant is over, in all its locks. What was lost stays taken for its delay. */
export function end(turn: Turn, { token, lease }: Hold, how: Ending, text?: string): void {
  const { model } = turn;
  const holds = model.holds.filter((one) => one.token === token);
  model.holds = model.holds.filter((one) => one.token !== token);
  for (const hold of holds) endHold(turn, hold, { how, text: text ?? hold.metadata });
  for (const { requestId } of holds.slice(0, 1)) remember(turn, requestId, { type: "grantOver", token, how });
  if (isImplicit(lease)) model.leases = model.leases.filter(({ id }) => id !== lease);
}

function endHold(turn: Turn, hold: Hold, { how, text }: { how: Ending; text: string }): void {
  const { model, did, index } = turn;
  const { lock, token, delay } = hold;
  model.over.push({ lock, token, how, index: logIndex(index) });
  quiet(turn, yieldAlarm(lock, token));
  did.ended.push({ hold, how });
  tell(turn, { ...hold, kind: how, text });
  if (how === "released" || delay === 0) return;
  model.delays.push({ ...hold, how });
  setAlarm(turn, delayAlarm(lock, token), delay);
  tell(turn, { ...hold, kind: "delayed", text: "", span: delay });
}

/** Set again it begins anew. */
export function setAlarm({ model, did }: Turn, alarm: AlarmId, span: Millis): void {
  model.alarms = model.alarms.filter((one) => one !== alarm);
  model.alarms.push(alarm);
  did.alarms.push({ set: alarm, span });
}

/** An alarm rings no more. */
export function quiet({ model, did }: Turn, alarm: AlarmId): void {
  if (!model.alarms.includes(alarm)) return;
  model.alarms = model.alarms.filter((one) => one !== alarm);
  did.alarms.push({ gone: alarm });
}

type Told = Pick<Hold, "lock" | "owner" | "lease"> & {
  readonly token?: Hold["token"];
  readonly kind: Effected["events"][number]["kind"];
  readonly text: string;
  readonly span?: Effected["events"][number]["span"];
};

export function tell({ did }: Turn, { lock, owner, lease, token, kind, text, span }: Told): void {
  did.events.push({ kind, lock, owner, lease, token: token ?? fencingToken(0), text, span: span ?? none });
}
