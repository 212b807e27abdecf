// What the lock table says, in the words of the native interface. Pure: spans are rounded so that nobody is promised more than
// there is, and everything else is told as it is.

import type * as words from "../../actors/operations.ts";
import type { Millis } from "../../actors/scalars.ts";
import type {
  ListLeasesResponse,
  ListLocksResponse,
  ListWaitersResponse,
  Queued,
} from "../generated/lockmgr/v1/lock.ts";
import {
  type Delay,
  type Demand,
  Ending,
  type Event,
  EventKind,
  type Holder,
  type Lease,
  type Lock,
  Mode,
  type Obstacle,
  type Party,
  type Wait,
  type Waiter,
} from "../generated/lockmgr/v1/types.ts";
import { tokenOfName } from "./native-fields.ts";

export const endings = {
  released: Ending.ENDING_RELEASED,
  expired: Ending.ENDING_EXPIRED,
  revoked: Ending.ENDING_REVOKED,
  forced: Ending.ENDING_FORCED,
} as const satisfies Record<words.Ending, Ending>;

const modes = {
  exclusive: Mode.MODE_EXCLUSIVE,
  shared: Mode.MODE_SHARED,
  semaphore: Mode.MODE_SEMAPHORE,
} as const satisfies Record<words.Mode, Mode>;

const eventKinds = {
  present: EventKind.EVENT_KIND_PRESENT,
  granted: EventKind.EVENT_KIND_GRANTED,
  released: EventKind.EVENT_KIND_RELEASED,
  expired: EventKind.EVENT_KIND_EXPIRED,
  revoked: EventKind.EVENT_KIND_REVOKED,
  forced: EventKind.EVENT_KIND_FORCED,
  delayed: EventKind.EVENT_KIND_DELAYED,
  available: EventKind.EVENT_KIND_AVAILABLE,
  queued: EventKind.EVENT_KIND_QUEUED,
  unqueued: EventKind.EVENT_KIND_UNQUEUED,
  proclaimed: EventKind.EVENT_KIND_PROCLAIMED,
  yieldAsked: EventKind.EVENT_KIND_YIELD_ASKED,
} as const satisfies Record<words.EventKind, EventKind>;

/** A span in whole milliseconds; what is left is never told as nothing. */
export const wholeMs = (span: Millis): bigint => BigInt(Math.max(0, Math.ceil(span)));
/** A moment for people. */
const moment = (time: number): bigint => BigInt(Math.floor(time));

/** A holder of whom no more is known than that. */
export const toHolder = (holder: words.Holder, metadata: string): Holder => ({
  owner: holder.owner,
  leaseId: BigInt(holder.lease),
  token: BigInt(holder.token),
  grantedAtMs: moment(holder.grantedAt),
  remainingMs: wholeMs(holder.remaining),
  ttlMs: wholeMs(holder.ttl),
  mode: Mode.MODE_UNSPECIFIED,
  permits: 0,
  metadata,
  context: "",
  lockDelayMs: 0n,
  yielding: undefined,
});

export const toFullHolder = (view: words.GrantView): Holder => ({
  ...toHolder(view, view.metadata),
  mode: modes[view.mode],
  permits: view.mode === "semaphore" ? view.permits : 0,
  context: view.context,
  lockDelayMs: wholeMs(view.delay),
  yielding:
    view.yielding === null
      ? undefined
      : { reason: view.yielding.reason, graceMs: wholeMs(view.yielding.grace), force: view.yielding.force },
});

const toDelay = (view: words.DelayView): Delay => ({
  token: BigInt(view.token),
  owner: view.owner,
  remainingMs: wholeMs(view.remaining),
  lockDelayMs: wholeMs(view.delay),
});

export const toLock = (view: words.LockView): Lock => ({
  name: view.lock,
  holders: view.grants.map(toFullHolder),
  delays: view.delays.map(toDelay),
  queueLength: view.queue,
  limit: view.grants.find(({ mode }) => mode === "semaphore")?.limit ?? 0,
});

export const toObstacle = (obstacle: words.Obstacle): Obstacle => ({
  lock: obstacle.lock,
  holder: obstacle.holder === null ? undefined : toHolder(obstacle.holder, obstacle.metadata),
  delay:
    obstacle.delayed === null
      ? undefined
      : {
          token: BigInt(obstacle.delayedBy ?? 0),
          owner: "",
          remainingMs: wholeMs(obstacle.delayed),
          lockDelayMs: 0n,
        },
  queueLength: obstacle.queue,
});

export const toQueued = ({ position, obstacle }: { position: number; obstacle: words.Obstacle }): Queued => ({
  position,
  obstacle: toObstacle(obstacle),
});

const toDemand = ({ lock, mode, permits, limit }: words.Demand): Demand => ({
  lock,
  mode: modes[mode],
  permits: mode === "semaphore" ? permits : 0,
  limit,
});

export const toWaiter = (view: words.WaiterView): Waiter => ({
  request: view.requestId,
  owner: view.owner,
  leaseId: BigInt(view.lease),
  context: view.context,
  demands: view.demands.map(toDemand),
  priority: view.priority,
  metadata: view.metadata,
  askedAtMs: moment(view.askedAt),
  position: view.position,
  estimateMs: view.estimate === null ? undefined : wholeMs(view.estimate),
});

export const toLease = (view: words.LeaseView): Lease => ({
  leaseId: BigInt(view.lease),
  owner: view.owner,
  ttlMs: wholeMs(view.ttl),
  remainingMs: wholeMs(view.remaining),
  metadata: view.metadata,
  locks: view.locks,
  waiting: view.waiting,
});

const toParty = ({ lease, context, owner }: words.Party): Party => ({ leaseId: BigInt(lease), context, owner });

export const toWait = ({ waiter, lock, blocker, isHolder }: words.WaitEdge): Wait => ({
  waiter: toParty(waiter),
  lock,
  blocker: toParty(blocker),
  blockerHolds: isHolder,
});

export const toEvent = (event: words.LockEvent): Event => ({
  revision: BigInt(event.revision),
  kind: eventKinds[event.kind],
  lock: event.lock,
  owner: event.owner,
  leaseId: BigInt(event.lease),
  token: BigInt(event.token),
  text: event.text,
  spanMs: wholeMs(event.span),
  queueLength: event.queue,
});

// Pages. A page that would be too large for a message ends early; at least one stands on each.

/** How large the rows of a page may be together, in UTF-16 units. No character takes more than three bytes per unit. */
const pageUnitsMax = 1_000_000;

/** The first of `rows` that fit on a page. */
function fitting<Row>(rows: readonly Row[], unitsOf: (row: Row) => number): readonly Row[] {
  let units = 0;
  const end = rows.findIndex((row) => {
    units += unitsOf(row);
    return units > pageUnitsMax;
  });
  return end === -1 ? rows : rows.slice(0, Math.max(1, end));
}

const rowUnits = 64;
const grantUnits = ({ owner, metadata, context, yielding }: words.GrantView): number =>
  rowUnits + owner.length + metadata.length + context.length + (yielding?.reason.length ?? 0);
const lockUnits = ({ lock, grants, delays }: words.LockView): number =>
  rowUnits +
  lock.length +
  grants.reduce((sum, grant) => sum + grantUnits(grant), 0) +
  delays.reduce((sum, { owner }) => sum + rowUnits + owner.length, 0);
const waiterUnits = ({ owner, metadata, context, demands }: words.WaiterView): number =>
  rowUnits +
  owner.length +
  metadata.length +
  context.length +
  demands.reduce((sum, { lock }) => sum + rowUnits + lock.length, 0);
const leaseUnits = ({ owner, metadata }: words.LeaseView): number => rowUnits + owner.length + metadata.length;

type Seen<Type extends words.Outcome["type"]> = Extract<words.Outcome, { type: Type }>;

export function toLocksPage({ locks, next }: Seen<"locksSeen">): ListLocksResponse {
  const page = fitting(locks, lockUnits);
  const behind = page.length < locks.length ? (page.at(-1)?.lock ?? null) : next;
  return { locks: page.map(toLock), nextPageToken: behind === null ? "" : tokenOfName(behind) };
}

export function toWaitersPage({ waiters, total }: Seen<"waitersSeen">, after: number): ListWaitersResponse {
  const page = fitting(waiters, waiterUnits);
  const end = after + page.length;
  return {
    waiters: page.map(toWaiter),
    nextPageToken: page.length > 0 && end < total ? String(end) : "",
    total,
  };
}

export function toLeasesPage({ leases, next }: Seen<"leasesSeen">): ListLeasesResponse {
  const page = fitting(leases, leaseUnits);
  const behind = page.length < leases.length ? (page.at(-1)?.lease ?? null) : next;
  return { leases: page.map(toLease), nextPageToken: behind === null ? "" : String(behind) };
}
