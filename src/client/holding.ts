// Everything that this client holds, as the program's thread sees it: one timer for each lease looks when a lock may be at risk
// or lost, so that signals are aborted even if the renewing thread should be gone.

import { type LeaseCell, leaseCell, remainingMs } from "./cells.ts";
import type { LockNumber } from "./letters.ts";
import { timerMs } from "./monotonic.ts";
import type { YieldAsked } from "./views.ts";

/** A lock, as far as others here have to do with it. */
export interface Watched {
  readonly number: LockNumber;
  /** Finds out how the lock is, and tells its listeners. `why`: what whoever took it has said. */
  readonly look: (why?: string) => void;
  readonly askToYield: (asked: YieldAsked) => void;
  /** The client is being closed: it is lost, if it is held still. */
  readonly close: () => void;
}

export interface LeaseSeen {
  readonly key: number;
  readonly cell: LeaseCell;
  readonly atRiskMs: number;
  readonly locks: Set<Watched>;
  timer: NodeJS.Timeout | undefined;
}

export interface Holding {
  readonly lease: (key: number, memory: SharedArrayBuffer, atRiskMs: number) => LeaseSeen;
  readonly add: (lease: LeaseSeen, lock: Watched) => void;
  readonly remove: (lease: LeaseSeen, lock: Watched) => void;
  readonly lookAtLease: (key: number) => void;
  readonly lockOf: (number: LockNumber) => Watched | undefined;
  readonly all: () => readonly Watched[];
}

export function newHolding(): Holding {
  const leases = new Map<number, LeaseSeen>();
  const locks = new Map<LockNumber, Watched>();

  const lookAt = (lease: LeaseSeen) => {
    for (const lock of [...lease.locks]) lock.look();
    arm(lease);
  };

  /** Sets the timer to the next moment at which something can have changed that no letter tells of. */
  const arm = (lease: LeaseSeen) => {
    clearTimeout(lease.timer);
    const leftMs = remainingMs(lease.cell);
    if (lease.locks.size === 0 || leftMs === 0) return;
    const spanMs = leftMs > lease.atRiskMs ? leftMs - lease.atRiskMs : leftMs;
    lease.timer = setTimeout(() => lookAt(lease), timerMs(spanMs));
    lease.timer.unref();
  };

  return {
    lease: (key, memory, atRiskMs) => {
      const known = leases.get(key);
      if (known !== undefined) return known;
      const lease: LeaseSeen = { key, cell: leaseCell(memory), atRiskMs, locks: new Set(), timer: undefined };
      leases.set(key, lease);
      return lease;
    },
    add: (lease, lock) => {
      lease.locks.add(lock);
      locks.set(lock.number, lock);
      if (lease.locks.size === 1) arm(lease);
    },
    remove: (lease, lock) => {
      lease.locks.delete(lock);
      locks.delete(lock.number);
      if (lease.locks.size > 0) return;
      clearTimeout(lease.timer);
      leases.delete(lease.key);
    },
    lookAtLease: (key) => {
      const lease = leases.get(key);
      if (lease !== undefined) lookAt(lease);
    },
    lockOf: (number) => locks.get(number),
    all: () => [...locks.values()],
  };
}
