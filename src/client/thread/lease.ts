// One lease: renewed at a third of its ttl or more often, lost for good the moment its deadline passes. The deadline counts from the moment
// before the renewal was sent that has been acknowledged.

import { extend, foresee, foreseen, type LeaseCell, lose, newLeaseCell, remainingMs } from "../cells.ts";
import type { LossReason } from "../errors.cts";
import { betweenMs, nowNs, timerMs, toNs } from "../monotonic.ts";
import { backOffMs, jittered } from "./back-off.ts";
import { isLeaseGone, status } from "./failures.ts";
import type { CallHandle, Session } from "./session.ts";

export interface Lease {
  /** Numbers it within this client. */
  readonly key: number;
  readonly id: number;
  readonly ttlMs: number;
  readonly renewMs: number;
  readonly atRiskMs: number;
  readonly cell: LeaseCell;
  readonly memory: SharedArrayBuffer;
  /** Locks that are held, and requests that are under way. */
  users: number;
  /** Locks that the program has not released yet, lost or not. */
  locks: number;
  loss: LossReason | null;
  /** Everything up to this revision has been told of it. */
  revision: number;
  /** Something may have been missed: what is held must be asked for. */
  isGap: boolean;
  renewal: CallHandle | null;
  /** Tells of its events, if the session does not. */
  watch: CallHandle | null;
  failures: number;
  timers: { renew?: NodeJS.Timeout; deadline?: NodeJS.Timeout };
}

export interface LeaseWishes {
  readonly onLost: (lease: Lease, reason: LossReason) => void;
  /** It was at risk, and is not any more. */
  readonly onSaved: (lease: Lease) => void;
  /** Nobody uses it when it is time to renew it. Answers whether it shall go on all the same. */
  readonly isKept: (lease: Lease) => boolean;
}

export interface NewLease {
  readonly key: number;
  readonly id: number;
  readonly ttlMs: number;
  readonly usableMs: number;
  /** The moment before it was asked for. */
  readonly sentNs: bigint;
  /** How often it is renewed. */
  readonly renewMs: number;
  readonly atRiskMs: number;
}

/** A lease that has been opened; null if that was told so late that it cannot be relied upon. */
export function startLease(opened: NewLease, session: Session, wishes: LeaseWishes): Lease | null {
  const { key, id, ttlMs, usableMs, sentNs, renewMs, atRiskMs } = opened;
  const { memory, cell } = newLeaseCell(sentNs + toNs(usableMs));
  if (remainingMs(cell) === 0) return null;
  const state = {
    users: 0,
    locks: 0,
    loss: null,
    revision: 0,
    isGap: false,
    renewal: null,
    watch: null,
    failures: 0,
    timers: {},
  };
  const lease: Lease = { key, id, ttlMs, renewMs, atRiskMs, cell, memory, ...state };
  armDeadline(lease, wishes);
  renewIn(lease, Math.min(nextRenewalMs(lease), remainingMs(cell) / 2), session, wishes);
  return lease;
}

const nextRenewalMs = ({ renewMs }: Lease): number => renewMs * (1 - jittered(0.2) / 2);

/** A renewal that is not acknowledged for so long has not got through. */
const answerMs = ({ ttlMs }: Lease): number => Math.min(Math.max(ttlMs / 6, 300), 3_000);

/** Watches the deadline, which moves with every renewal. */
function armDeadline(lease: Lease, wishes: LeaseWishes): void {
  lease.timers.deadline = setTimeout(
    () => {
      if (remainingMs(lease.cell) > 0) armDeadline(lease, wishes);
      else loseLease(lease, foreseen(lease.cell), wishes);
    },
    timerMs(remainingMs(lease.cell)),
  );
}

function renewIn(lease: Lease, spanMs: number, session: Session, wishes: LeaseWishes): void {
  clearTimeout(lease.timers.renew);
  lease.timers.renew = setTimeout(() => renew(lease, session, wishes), timerMs(spanMs));
}

/** Renews now, unless that is under way. */
export function renew(lease: Lease, session: Session, wishes: LeaseWishes): void {
  if (lease.loss !== null || lease.renewal !== null) return;
  clearTimeout(lease.timers.renew);
  if (remainingMs(lease.cell) === 0) {
    loseLease(lease, foreseen(lease.cell), wishes);
    return;
  }
  if (lease.users === 0 && !wishes.isKept(lease)) return;
  // Without a session there is nobody to ask. The next one begins with a renewal, unless there is much time left.
  if (!session.isUp()) {
    foresee(lease.cell, "unreachable");
    return renewIn(lease, nextRenewalMs(lease), session, wishes);
  }
  const sentNs = nowNs();
  lease.renewal = session.call(
    { $case: "renew", value: { leaseId: BigInt(lease.id) } },
    {
      isVolatile: true,
      budgetMs: answerMs(lease),
      onHeard: (heard) => {
        lease.renewal = null;
        if (heard.$case === "renewed") acknowledge(lease, sentNs, Number(heard.value.usableMs), session, wishes);
      },
      onError: (error) => {
        lease.renewal = null;
        if (lease.loss !== null) return;
        if (isLeaseGone(error)) return loseLease(lease, "expired", wishes);
        foresee(lease.cell, "unreachable");
        lease.failures++;
        renewIn(lease, Math.min(backOffMs(lease.failures), lease.ttlMs / 10), session, wishes);
        // Silence: this node, or the way to it, is of no use.
        if (error.code === status.deadlineExceeded && error.reason === "")
          session.restart("a renewal was not answered");
      },
    },
  );
}

function acknowledge(lease: Lease, sentNs: bigint, usableMs: number, session: Session, wishes: LeaseWishes): void {
  if (lease.loss !== null) return;
  const wasAtRisk = remainingMs(lease.cell) < lease.atRiskMs;
  // What the deadline has overtaken is not revived by any answer.
  if (!extend(lease.cell, sentNs + toNs(usableMs))) {
    return loseLease(lease, foreseen(lease.cell), wishes);
  }
  foresee(lease.cell, "expired");
  lease.failures = 0;
  if (wasAtRisk) wishes.onSaved(lease);
  renewIn(lease, Math.max(0, nextRenewalMs(lease) - betweenMs(sentNs, nowNs())), session, wishes);
}

/** From now on it is lost, whatever is heard of it. */
export function loseLease(lease: Lease, reason: LossReason, wishes: LeaseWishes): void {
  if (lease.loss !== null) return;
  lease.loss = reason;
  stopLease(lease);
  lose(lease.cell, reason);
  wishes.onLost(lease, reason);
}

/** It is renewed no more. */
export function stopLease(lease: Lease): void {
  clearTimeout(lease.timers.renew);
  clearTimeout(lease.timers.deadline);
  lease.renewal?.forget();
  lease.renewal = null;
  lease.watch?.forget();
  lease.watch = null;
}
