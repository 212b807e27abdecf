// The messages of the service as the SDK tells them: numbers for 64-bit integers, words for enums, Dates for moments.

import * as wire from "../../transport/generated/lockmgr/v1/types.ts";
import type {
  Blocker,
  BlockingDelay,
  Delay,
  Demand,
  Ending,
  EventKind,
  Holder,
  LeaseInfo,
  LockEvent,
  LockInfo,
  Mode,
  Wait,
  WaiterInfo,
} from "../views.ts";

const modes: Readonly<Record<number, Mode>> = {
  [wire.Mode.MODE_SHARED]: "shared",
  [wire.Mode.MODE_SEMAPHORE]: "semaphore",
};
const wireModes: Readonly<Record<Mode, wire.Mode>> = {
  exclusive: wire.Mode.MODE_EXCLUSIVE,
  shared: wire.Mode.MODE_SHARED,
  semaphore: wire.Mode.MODE_SEMAPHORE,
};

const modeFrom = (mode: wire.Mode): Mode => modes[mode] ?? "exclusive";

export const demandToWire = ({ lock, mode, permits, limit }: Demand): wire.Demand => ({
  lock,
  mode: wireModes[mode],
  permits: mode === "semaphore" ? permits : 0,
  limit,
});

const demandFrom = ({ lock, mode, permits, limit }: wire.Demand): Demand => ({
  lock,
  mode: modeFrom(mode),
  permits: Math.max(1, permits),
  limit,
});

/** The other fields of a holder who is in the way are not filled in. */
export const blockerFrom = (holder: wire.Holder): Blocker => ({
  owner: holder.owner,
  leaseId: Number(holder.leaseId),
  token: Number(holder.token),
  grantedAt: new Date(Number(holder.grantedAtMs)),
  remainingMs: Number(holder.remainingMs),
  ttlMs: Number(holder.ttlMs),
  metadata: holder.metadata,
});

export const holderFrom = (holder: wire.Holder): Holder => ({
  ...blockerFrom(holder),
  mode: modeFrom(holder.mode),
  permits: Math.max(1, holder.permits),
  context: holder.context,
  lockDelayMs: Number(holder.lockDelayMs),
  yielding:
    holder.yielding === undefined
      ? null
      : {
          reason: holder.yielding.reason,
          graceMs: Number(holder.yielding.graceMs),
          force: holder.yielding.force,
        },
});

/** Nor are those of a lock-delay. */
export const blockingDelayFrom = ({ token, remainingMs }: wire.Delay): BlockingDelay => ({
  token: Number(token),
  remainingMs: Number(remainingMs),
});

const delayFrom = ({ token, owner, remainingMs, lockDelayMs }: wire.Delay): Delay => ({
  token: Number(token),
  owner,
  remainingMs: Number(remainingMs),
  lockDelayMs: Number(lockDelayMs),
});

export const lockFrom = ({ name, holders, delays, queueLength, limit }: wire.Lock): LockInfo => ({
  name,
  holders: holders.map(holderFrom),
  delays: delays.map(delayFrom),
  queueLength,
  limit,
});

export const waiterFrom = (waiter: wire.Waiter): WaiterInfo => ({
  request: waiter.request,
  owner: waiter.owner,
  leaseId: Number(waiter.leaseId),
  context: waiter.context,
  demands: waiter.demands.map(demandFrom),
  priority: waiter.priority,
  metadata: waiter.metadata,
  askedAt: new Date(Number(waiter.askedAtMs)),
  position: waiter.position,
  estimateMs: waiter.estimateMs === undefined ? null : Number(waiter.estimateMs),
});

export const leaseFrom = (lease: wire.Lease): LeaseInfo => ({
  leaseId: Number(lease.leaseId),
  owner: lease.owner,
  ttlMs: Number(lease.ttlMs),
  remainingMs: Number(lease.remainingMs),
  metadata: lease.metadata,
  locks: lease.locks,
  waiting: lease.waiting,
});

const partyFrom = (party: wire.Party | undefined) => ({
  leaseId: Number(party?.leaseId ?? 0n),
  context: party?.context ?? "",
  owner: party?.owner ?? "",
});

export const waitFrom = ({ waiter, lock, blocker, blockerHolds }: wire.Wait): Wait => ({
  waiter: partyFrom(waiter),
  lock,
  blocker: partyFrom(blocker),
  blockerHolds,
});

const endings: Readonly<Record<number, Ending>> = {
  [wire.Ending.ENDING_EXPIRED]: "expired",
  [wire.Ending.ENDING_REVOKED]: "revoked",
  [wire.Ending.ENDING_FORCED]: "forced",
};

export const endingFrom = (ending: wire.Ending): Ending => endings[ending] ?? "released";

const kinds: Readonly<Record<number, EventKind>> = {
  [wire.EventKind.EVENT_KIND_PRESENT]: "present",
  [wire.EventKind.EVENT_KIND_GRANTED]: "granted",
  [wire.EventKind.EVENT_KIND_RELEASED]: "released",
  [wire.EventKind.EVENT_KIND_EXPIRED]: "expired",
  [wire.EventKind.EVENT_KIND_REVOKED]: "revoked",
  [wire.EventKind.EVENT_KIND_FORCED]: "forced",
  [wire.EventKind.EVENT_KIND_DELAYED]: "delayed",
  [wire.EventKind.EVENT_KIND_AVAILABLE]: "available",
  [wire.EventKind.EVENT_KIND_QUEUED]: "queued",
  [wire.EventKind.EVENT_KIND_UNQUEUED]: "unqueued",
  [wire.EventKind.EVENT_KIND_PROCLAIMED]: "proclaimed",
  [wire.EventKind.EVENT_KIND_YIELD_ASKED]: "yield-asked",
};

/** The events of one portion. `told`: everything up to there had been told before; `revision`: with this portion. */
export function eventsFrom(events: readonly wire.Event[], told: number, revision: number): LockEvent[] {
  let complete = told;
  return events.map((event, place) => {
    const next = events[place + 1];
    if (next === undefined) complete = Math.max(complete, revision);
    // What is present has no order, so it can only be told again from the beginning.
    else if (event.kind !== wire.EventKind.EVENT_KIND_PRESENT && next.revision !== event.revision) {
      complete = Number(event.revision);
    }
    return {
      kind: kinds[event.kind] ?? "unknown",
      lock: event.lock,
      owner: event.owner,
      leaseId: Number(event.leaseId),
      token: Number(event.token),
      text: event.text,
      spanMs: Number(event.spanMs),
      queueLength: event.queueLength,
      revision: Number(event.revision),
      resumeAfter: complete,
    };
  });
}
