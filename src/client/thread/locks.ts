// The locks that a client holds: given back when the program says so, and lost when their lease is, or when they are taken. The
// program is told through words that its thread shares, and by a letter.

import { type Event, EventKind } from "../../transport/generated/lockmgr/v1/types.ts";
import type { LossReason } from "../errors.cts";
import type { Ended } from "../interface.ts";
import type { AcquireSpec, CallNumber, FromThread, LockNumber } from "../letters.ts";
import { type Boards, newBoards, type Place } from "./boards.ts";
import { failureFrom, lossOf } from "./failures.ts";
import { endingFrom } from "./from-wire.ts";
import type { Lease } from "./lease.ts";
import type { Leases } from "./leases.ts";
import type { Said } from "./questions.ts";
import type { CallHandle, Session } from "./session.ts";

export interface Locks {
  readonly add: (
    call: CallNumber,
    spec: AcquireSpec,
    granted: { readonly lease: Lease; readonly token: number },
  ) => void;
  readonly release: (call: CallNumber, lock: LockNumber) => void;
  readonly onLeaseLost: (lease: Lease, reason: LossReason) => void;
  readonly onEvents: (lease: Lease, events: readonly Event[]) => void;
  /** Events may have been missed. */
  readonly onGap: (lease: Lease) => void;
  /** Gives back what is held; `done` when the service has said so. */
  readonly close: (done: () => void) => void;
}

/** A lock that the program has and has not released. */
interface Held {
  readonly number: LockNumber;
  readonly names: readonly string[];
  readonly token: number;
  readonly lease: Lease;
  readonly place: Place;
  loss: LossReason | null;
  /** Told when it is over. */
  ended: ((how: Ended) => void) | null;
}

interface Loss {
  readonly reason: LossReason;
  /** What whoever took it has said. */
  readonly why: string;
}

const lostEarlyMax = 1_000;

export function newLocks(
  session: Session,
  leases: Leases,
  { requestId, post }: { readonly requestId: () => string; readonly post: (letter: FromThread) => void },
): Locks {
  const held = new Map<LockNumber, Held>();
  const byToken = new Map<number, Held>();
  /** Losses that were told before the grant was: answers and events come by different ways. The last ones. */
  const lostEarly = new Map<number, Loss>();
  const boards: Boards = newBoards();
  let lastLock = 0;

  const add: Locks["add"] = (call, { demands }, { lease, token }) => {
    const place = boards.take();
    const names = demands.map(({ lock }) => lock);
    const number = ++lastLock;
    const lock: Held = { number, names, token, lease, place, loss: null, ended: null };
    held.set(number, lock);
    byToken.set(token, lock);
    lease.locks++;
    const { id: leaseId, key, memory: leaseMemory, atRiskMs } = lease;
    const shared = { lease: key, leaseMemory, atRiskMs, boardMemory: place.memory, place: place.index };
    post({ type: "granted", call, grant: { lock: number, names, token, leaseId, ...shared } });
    const early = lostEarly.get(token);
    if (early !== undefined) lost(lock, early.reason, early.why);
  };

  const lost = (lock: Held, reason: LossReason, why = "") => {
    if (lock.loss !== null) return;
    lock.loss = reason;
    boards.lose(lock.place, reason);
    post({ type: "lookAtLock", lock: lock.number, why });
    lock.ended?.(reason);
  };

  const drop = (lock: Held) => {
    const { lease } = lock;
    if (!held.delete(lock.number)) return;
    byToken.delete(lock.token);
    boards.giveBack(lock.place);
    lease.locks--;
    // Its locks are lost, and the program knows: nobody has to wait until it expires on the service.
    if (lease.loss !== null && lease.locks === 0) leases.revoke(lease);
  };

  const release = (call: CallNumber, number: LockNumber) => {
    const lock = held.get(number);
    if (lock === undefined) return post({ type: "ended", call, how: "released" });
    lock.lease.users--;
    giveBack(lock, (how) => post({ type: "ended", call, how }));
  };

  const giveBack = (lock: Held, done: (how: Ended) => void) => {
    const { lease } = lock;
    let handle: CallHandle | null = null;
    lock.ended = (how) => {
      lock.ended = null;
      // Of several locks that were granted together some may still be held, if not all were taken.
      if (lock.loss !== "forced" || lock.names.length === 1) handle?.forget();
      done(how);
      drop(lock);
    };
    if (lock.loss !== null && (lease.loss !== null || lock.names.length === 1)) return lock.ended(lock.loss);
    handle = session.call(releaseMessage(lock, requestId()), {
      isOwed: true,
      onHeard: (heard) => {
        if (heard.$case !== "released") return;
        const how = endingFrom(heard.value.how);
        lock.ended?.(lock.loss ?? (how === "released" ? how : lossOf(how)));
      },
      onError: (error) => lock.ended?.(lock.loss ?? (failureFrom(error).code === "STALE_TOKEN" ? "forced" : "expired")),
    });
    if (lock.loss !== null) lock.ended(lock.loss);
  };

  const onLeaseLost = (lease: Lease, reason: LossReason) => {
    post({ type: "lookAtLease", lease: lease.key });
    for (const lock of [...held.values()]) if (lock.lease === lease) lost(lock, reason);
  };

  const onEvents = (lease: Lease, events: readonly Event[]) => {
    for (const event of events) {
      const token = Number(event.token);
      const lock = byToken.get(token);
      const reason = lossKinds[event.kind];
      if (reason !== undefined) {
        const why = reason === "forced" ? event.text : "";
        if (lock !== undefined) lost(lock, reason, why);
        else rememberEarly(token, { reason, why });
        // Locks expire and are revoked with their lease alone.
        if (lock !== undefined && reason !== "forced" && lease.loss === null) leases.lost(lease, reason);
      } else if (event.kind === EventKind.EVENT_KIND_YIELD_ASKED && lock !== undefined) {
        const asked = { lock: event.lock, reason: event.text, graceMs: Number(event.spanMs) };
        post({ type: "yielding", lock: lock.number, asked });
      }
    }
  };

  const rememberEarly = (token: number, loss: Loss) => {
    lostEarly.set(token, loss);
    for (const oldest of lostEarly.keys()) {
      if (lostEarly.size <= lostEarlyMax) break;
      lostEarly.delete(oldest);
    }
  };

  /** Asks of every lock whether it is held still. */
  const onGap = (lease: Lease) => {
    for (const lock of held.values()) {
      if (lock.lease !== lease) continue;
      for (const name of lock.names) {
        session.call(
          { $case: "verify", value: { lock: name, token: BigInt(lock.token) } },
          {
            isOwed: true,
            onHeard: (heard) => {
              if (heard.$case === "verified" && !heard.value.current && lock.ended === null) lost(lock, "forced");
            },
            onError: () => undefined,
          },
        );
      }
    }
  };

  const close = (done: () => void) => {
    const open = [...held.values()].filter((lock) => lock.ended === null);
    let left = held.size;
    const count = () => {
      left--;
      if (left <= 0) done();
    };
    if (left === 0) return done();
    for (const lock of held.values()) {
      const before = lock.ended;
      if (before !== null) {
        lock.ended = (how) => {
          before(how);
          count();
        };
      }
    }
    for (const lock of open) giveBack(lock, count);
  };

  return { add, release, onLeaseLost, onEvents, onGap, close };
}

const lossKinds: Readonly<Record<number, LossReason>> = {
  [EventKind.EVENT_KIND_EXPIRED]: "expired",
  [EventKind.EVENT_KIND_REVOKED]: "revoked",
  [EventKind.EVENT_KIND_FORCED]: "forced",
};

const releaseMessage = ({ lease, token, names }: Held, requestId: string): Said => ({
  $case: "release",
  value: { leaseId: BigInt(lease.id), token: BigInt(token), requestId, lock: names[0] ?? "" },
});
