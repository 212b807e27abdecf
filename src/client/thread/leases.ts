// The leases of a client: that of its session, and one for each other ttl that locks were asked for with. A lease that is lost
// is replaced by another.

import type { CallError, Hello, Welcome } from "../../transport/generated/lockmgr/v1/lock.ts";
import type { Event } from "../../transport/generated/lockmgr/v1/types.ts";
import { remainingMs } from "../cells.ts";
import type { LossReason } from "../errors.cts";
import type { ErrorData, Setting } from "../letters.ts";
import { betweenMs, nowNs } from "../monotonic.ts";
import { failureFrom, isLeaseGone, isUnread, status } from "./failures.ts";
import { type Lease, loseLease, renew, startLease, stopLease } from "./lease.ts";
import type { Heard } from "./questions.ts";
import type { Session } from "./session.ts";

export interface Leases {
  /** The session's lease; null while there is none. */
  readonly own: () => Lease | null;
  readonly hello: () => Hello;
  readonly onWelcome: (welcome: Welcome) => void;
  /** Answers whether the refusal is dealt with. */
  readonly onRefused: (error: CallError) => boolean;
  readonly onLeaseEvents: (heard: Heard & { $case: "events" }) => void;
  /** Calls `use` with a lease of this ttl (null: the session's), as soon as there is one. */
  readonly want: (ttlMs: number | null, use: (lease: Lease) => void, fail: (error: ErrorData) => void) => Wish;
  /** Something has been heard that says that it is no more. */
  readonly lost: (lease: Lease, reason: LossReason) => void;
  /** Ends it on the service. */
  readonly revoke: (lease: Lease, done?: () => void) => void;
  /** Renews none of them any more, and opens none. Answers those that are live. */
  readonly stop: () => readonly Lease[];
}

export interface Wish {
  readonly withdraw: () => void;
}

export interface LeasesWishes {
  readonly requestId: () => string;
  readonly onOwn: (lease: Lease) => void;
  readonly onLost: (lease: Lease, reason: LossReason) => void;
  readonly onSaved: (lease: Lease) => void;
  readonly onEvents: (lease: Lease, events: readonly Event[]) => void;
  /** Events may have been missed. */
  readonly onGap: (lease: Lease) => void;
}

interface Wanting {
  readonly use: (lease: Lease) => void;
  readonly fail: (error: ErrorData) => void;
}

/** The leases of one ttl: the one that is live, and who waits for the next. */
interface Line {
  readonly ttlMs: number;
  lease: Lease | null;
  isOpening: boolean;
  readonly wanting: Set<Wanting>;
}

export function newLeases(setting: Setting, session: Session, wishes: LeasesWishes): Leases {
  const own: Line = { ttlMs: setting.ttlMs, lease: null, isOpening: false, wanting: new Set() };
  const others = new Map<number, Line>();
  const live = new Set<Lease>();
  let lastKey = 0;
  let isStopped = false;
  /** The request to open the session's lease: repeated for a while, so that an answer that was lost opens no second one. */
  let opening: { readonly requestId: string; readonly sentNs: bigint } | null = null;

  const lineOf = (lease: Lease): Line | undefined =>
    [own, ...others.values()].find(({ lease: known }) => known === lease);

  const leaseWishes = {
    onLost: (lease: Lease, reason: LossReason) => {
      live.delete(lease);
      const line = lineOf(lease);
      if (line !== undefined) line.lease = null;
      wishes.onLost(lease, reason);
      if (line === own) setImmediate(reopen);
    },
    onSaved: wishes.onSaved,
    isKept: (lease: Lease) => {
      if (lease === own.lease) return true;
      retire(lease);
      return false;
    },
  };

  const reopen = () => {
    if (own.lease === null && !isStopped) session.restart("the session's lease is lost");
  };

  const started = (line: Line, opened: { id: number; ttlMs: number; usableMs: number; sentNs: bigint }) => {
    const atRiskMs = (setting.atRiskMs * opened.ttlMs) / setting.ttlMs;
    const renewMs = (setting.renewMs * opened.ttlMs) / setting.ttlMs;
    const lease = startLease({ key: ++lastKey, atRiskMs, renewMs, ...opened }, session, leaseWishes);
    if (lease === null) return null;
    live.add(lease);
    line.lease = lease;
    return lease;
  };

  const serve = (line: Line, lease: Lease) => {
    const wanting = [...line.wanting];
    line.wanting.clear();
    for (const { use } of wanting) use(lease);
  };

  const revoke = (lease: Lease, done?: () => void) => {
    session.call(
      { $case: "revokeLease", value: { leaseId: BigInt(lease.id), requestId: wishes.requestId() } },
      { budgetMs: lease.ttlMs, onHeard: () => done?.(), onError: () => done?.() },
    );
  };

  /** Nobody has used it for a while. */
  const retire = (lease: Lease) => {
    stopLease(lease);
    live.delete(lease);
    const line = lineOf(lease);
    if (line !== undefined) others.delete(line.ttlMs);
    revoke(lease);
  };

  const openOther = (line: Line) => {
    line.isOpening = true;
    const sentNs = nowNs();
    const { owner, metadata } = setting;
    const open = { owner, ttlMs: BigInt(line.ttlMs), metadata, requestId: wishes.requestId() };
    session.call(
      { $case: "openLease", value: open },
      {
        onHeard: (heard) => {
          line.isOpening = false;
          if (heard.$case !== "leaseOpened") return;
          const { leaseId, ttlMs, usableMs } = heard.value;
          const opened = { id: Number(leaseId), ttlMs: Number(ttlMs), usableMs: Number(usableMs), sentNs };
          const lease = started(line, opened);
          if (lease === null) return openOther(line);
          watchOther(lease);
          serve(line, lease);
        },
        onError: (error) => {
          line.isOpening = false;
          // It was opened, and has ended before that was heard of.
          if (isLeaseGone(error)) return openOther(line);
          for (const { fail } of line.wanting) fail(failureFrom(error));
          line.wanting.clear();
        },
      },
    );
  };

  /** The session tells of its own lease; of others it must be asked. */
  const watchOther = (lease: Lease) => {
    const what = { $case: "leaseId", value: BigInt(lease.id) } as const;
    lease.watch = session.call(() => ({ $case: "watch", value: { what, afterRevision: BigInt(lease.revision) } }), {
      onHeard: (heard) => {
        if (heard.$case === "events") hearEvents(lease, heard);
      },
      onError: (error) => {
        lease.watch = null;
        if (lease.loss !== null) return;
        if (isUnread(error)) return watchOther(lease);
        if (error.code !== status.outOfRange) return;
        lease.revision = 0;
        wishes.onGap(lease);
        watchOther(lease);
      },
    });
  };

  const hearEvents = (lease: Lease, { value }: Heard & { $case: "events" }) => {
    wishes.onEvents(lease, value.events);
    lease.revision = Math.max(lease.revision, Number(value.revision));
  };

  const hello = (): Hello => {
    if (own.lease !== null && remainingMs(own.lease.cell) === 0) loseLease(own.lease, "unreachable", leaseWishes);
    if (own.lease !== null) {
      return { leaseId: BigInt(own.lease.id), open: undefined, afterRevision: BigInt(own.lease.revision) };
    }
    // An answer to an older request would tell of a lease that has little time left.
    const isFresh = opening !== null && betweenMs(opening.sentNs, nowNs()) < setting.ttlMs / 2;
    if (opening === null || !isFresh) opening = { requestId: wishes.requestId(), sentNs: nowNs() };
    const { owner, metadata } = setting;
    const open = { owner, ttlMs: BigInt(setting.ttlMs), metadata, requestId: opening.requestId };
    return { leaseId: 0n, open, afterRevision: 0n };
  };

  const onWelcome = ({ lease: opened, revision }: Welcome) => {
    if (own.lease === null && opened !== undefined) {
      // The lease that was said hello with has been lost since. Nobody knows any more since when this welcome counts: another
      // session is on its way.
      if (opening === null) return;
      const { sentNs } = opening;
      opening = null;
      const { leaseId, ttlMs, usableMs } = opened;
      const span = { ttlMs: Number(ttlMs), usableMs: Number(usableMs) };
      const lease = started(own, { id: Number(leaseId), ...span, sentNs });
      if (lease === null) {
        setImmediate(() => session.restart("the lease was opened too late"));
        return;
      }
      lease.revision = Number(revision);
      wishes.onOwn(lease);
      serve(own, lease);
    } else if (own.lease?.isGap === true) {
      own.lease.isGap = false;
      own.lease.revision = Number(revision);
      wishes.onGap(own.lease);
    }
    if (!isStopped) for (const lease of live) renewAtOnce(lease);
  };

  /** A lease that the last stream has left without a renewal for a while must not wait for its turn. */
  const renewAtOnce = (lease: Lease) => {
    if (remainingMs(lease.cell) < lease.ttlMs * 0.9) renew(lease, session, leaseWishes);
  };

  const onRefused = (error: CallError): boolean => {
    if (own.lease === null) return false;
    if (isLeaseGone(error)) loseLease(own.lease, "expired", leaseWishes);
    else if (error.code === status.outOfRange) {
      own.lease.isGap = true;
      own.lease.revision = 0;
    } else return false;
    return true;
  };

  const want: Leases["want"] = (ttlMs, use, fail) => {
    const wanted = ttlMs ?? setting.ttlMs;
    const line = wanted === setting.ttlMs ? own : (others.get(wanted) ?? newLine(wanted));
    if (line.lease !== null && remainingMs(line.lease.cell) > 0) {
      use(line.lease);
      return { withdraw: () => undefined };
    }
    const wanting = { use, fail };
    line.wanting.add(wanting);
    if (line !== own && !line.isOpening) openOther(line);
    return { withdraw: () => void line.wanting.delete(wanting) };
  };

  const newLine = (ttlMs: number): Line => {
    const line: Line = { ttlMs, lease: null, isOpening: false, wanting: new Set() };
    others.set(ttlMs, line);
    return line;
  };

  return {
    own: () => own.lease,
    hello,
    onWelcome,
    onRefused,
    onLeaseEvents: (heard) => {
      if (own.lease !== null) hearEvents(own.lease, heard);
    },
    want,
    lost: (lease, reason) => loseLease(lease, reason, leaseWishes),
    revoke,
    stop: () => {
      isStopped = true;
      for (const lease of live) stopLease(lease);
      return [...live];
    },
  };
}
