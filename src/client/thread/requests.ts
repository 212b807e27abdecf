// Requests for locks on their way: asked for under a lease, asked for again under another when that is lost before they are
// granted, and cancelled when they are given up.

import type { AcquireRequest, AcquireResponse } from "../../transport/generated/lockmgr/v1/lock.ts";
import { WaitEnd } from "../../transport/generated/lockmgr/v1/lock.ts";
import type { Lock as WireLock } from "../../transport/generated/lockmgr/v1/types.ts";
import { remainingMs } from "../cells.ts";
import type { AcquireSpec, CallNumber, ErrorData, FromThread, Setting } from "../letters.ts";
import { betweenMs, nowNs, timerMs } from "../monotonic.ts";
import { failureFrom, heldBy, isLeaseGone, refusalFrom } from "./failures.ts";
import { blockerFrom, demandToWire } from "./from-wire.ts";
import type { Lease } from "./lease.ts";
import type { Leases, Wish } from "./leases.ts";
import type { Heard, Said } from "./questions.ts";
import type { CallHandle, Session } from "./session.ts";

export interface Requests {
  readonly acquire: (call: CallNumber, spec: AcquireSpec) => void;
  readonly abandon: (call: CallNumber) => void;
  /** What waits under the lease goes on under another. */
  readonly onLeaseLost: (lease: Lease) => void;
  /** Fails all of them: their leases are about to be ended. */
  readonly close: () => void;
}

export interface RequestsWishes {
  readonly requestId: () => string;
  readonly post: (letter: FromThread) => void;
  /** The request is one of the users of the lease still, as the lock that came of it. */
  readonly onGranted: (
    call: CallNumber,
    spec: AcquireSpec,
    granted: { readonly lease: Lease; readonly token: number },
  ) => void;
}

/** A request that is under way. */
interface Request {
  readonly call: CallNumber;
  readonly spec: AcquireSpec;
  readonly startedNs: bigint;
  timer: NodeJS.Timeout | undefined;
  wish: Wish | null;
  lease: Lease | null;
  requestId: string;
  handle: CallHandle | null;
  /** The lock that was in the way when it was told to wait. */
  obstacle: string;
}

const waitMsMost = 86_400_000;
/** The service says when a wait is over; the client says so itself if it does not hear of it. */
const waitMarginMs = 250;
/** For so long whoever gives up waits to hear that nothing is left of the request. It is cancelled all the same. */
const cancelMsMax = 500;
/** For so long whoever has waited in vain waits to hear who was in the way. */
const lookMsMax = 500;
/** More requests than this are not put on one session; the rest of what a session takes is for giving locks back. */
const requestsMax = 9_000;

export function newRequests(
  setting: Setting,
  session: Session,
  leases: Leases,
  { requestId, post, onGranted }: RequestsWishes,
): Requests {
  const requests = new Map<CallNumber, Request>();

  const nameOf = ({ demands }: AcquireSpec): string => demands[0]?.lock ?? "";

  // On the way.

  const acquire = (call: CallNumber, spec: AcquireSpec) => {
    if (requests.size >= requestsMax) {
      const message = `${requestsMax} requests of this client are under way, which is as many as there may be`;
      post({ type: "failed", call, error: { code: "OVERLOADED", message } });
      return;
    }
    const state = { timer: undefined, wish: null, lease: null, requestId: "", handle: null, obstacle: "" };
    const request: Request = { call, spec, startedNs: nowNs(), ...state };
    requests.set(call, request);
    if (spec.waitMs !== null) {
      const patienceMs = spec.waitMs === 0 ? setting.requestTimeoutMs : spec.waitMs + waitMarginMs;
      request.timer = setTimeout(() => giveUp(request, lateError(request)), timerMs(patienceMs));
    }
    wish(request);
  };

  const lateError = ({ spec }: Request): ErrorData => {
    const name = nameOf(spec);
    const details = { lock: name };
    if (spec.waitMs !== 0) return { code: "WAIT_TIMEOUT", message: `${name} was not to be had in time`, details };
    if (session.isUp()) return { code: "NO_QUORUM", message: `nobody could decide on ${name} in time`, details };
    return { code: "UNREACHABLE", message: "no endpoint of the service answers", details };
  };

  const wish = (request: Request) => {
    request.lease = null;
    request.wish = leases.want(
      request.spec.ttlMs,
      (lease) => ask(request, lease),
      (error) => fail(request, error),
    );
  };

  const ask = (request: Request, lease: Lease) => {
    const { spec } = request;
    const spentMs = betweenMs(request.startedNs, nowNs());
    const waitMs = spec.waitMs === null ? waitMsMost : spec.waitMs === 0 ? 0 : Math.max(1, spec.waitMs - spentMs);
    request.lease = lease;
    lease.users++;
    request.requestId = requestId();
    request.handle = session.call(acquireMessage(spec, { owner: setting.owner, lease, waitMs, request }), {
      onHeard: (heard) => hear(request, lease, heard),
      onError: (error) => {
        leave(request);
        if (!isLeaseGone(error)) return fail(request, failureFrom(error));
        if (lease.loss === null) leases.lost(lease, "expired");
        wish(request);
      },
    });
  };

  /** It is not under its lease any more. */
  const leave = (request: Request) => {
    if (request.lease !== null) request.lease.users--;
    request.lease = null;
    request.handle = null;
  };

  const finish = (request: Request) => {
    clearTimeout(request.timer);
    request.wish?.withdraw();
    requests.delete(request.call);
  };

  const fail = (request: Request, error: ErrorData) => {
    if (requests.get(request.call) !== request) return;
    finish(request);
    post({ type: "failed", call: request.call, error });
  };

  /** Its wait is over: says who was in the way, if that can be learnt at once. */
  const failLate = (request: Request) => {
    finish(request);
    const error = lateError(request);
    const lock = request.obstacle || nameOf(request.spec);
    const tell = (failure: ErrorData) => post({ type: "failed", call: request.call, error: failure });
    session.call(
      { $case: "check", value: { lock } },
      {
        isVolatile: true,
        budgetMs: lookMsMax,
        onHeard: (heard) =>
          tell(heard.$case === "checked" ? withHolder(error, nameOf(request.spec), heard.value.lock) : error),
        onError: () => tell(error),
      },
    );
  };

  const hear = (request: Request, lease: Lease, heard: Heard) => {
    if (heard.$case === "queued") {
      const { position, obstacle } = heard.value;
      const queued = {
        position,
        lock: obstacle?.lock ?? nameOf(request.spec),
        owner: obstacle?.holder?.owner ?? null,
      };
      request.obstacle = queued.lock;
      post({ type: "queued", call: request.call, queued });
    } else if (heard.$case === "acquired") hearResult(request, lease, heard.value);
  };

  const hearResult = (request: Request, lease: Lease, { result }: AcquireResponse) => {
    if (result?.$case === "granted") return grant(request, lease, Number(result.value.token));
    leave(request);
    if (result?.$case === "waitEnded") {
      // The lease is over, not the wait.
      if (result.value.reason === WaitEnd.WAIT_END_LEASE_ENDED) {
        if (lease.loss === null) leases.lost(lease, "expired");
        return wish(request);
      }
      if (result.value.reason === WaitEnd.WAIT_END_TIMEOUT) {
        if (request.spec.waitMs === null) return wish(request);
        return failLate(request);
      }
    }
    const unreadable: ErrorData = { code: "INTERNAL", message: "the service's answer is of an unknown kind" };
    fail(request, result === undefined ? unreadable : refusalFrom(result, nameOf(request.spec)));
  };

  const grant = (request: Request, lease: Lease, token: number) => {
    if (remainingMs(lease.cell) === 0) {
      // It comes too late to be relied upon.
      cancel(request, lease);
      leave(request);
      if (lease.loss === null) leases.lost(lease, "expired");
      return wish(request);
    }
    request.handle = null;
    finish(request);
    onGranted(request.call, request.spec, { lease, token });
  };

  // Given up.

  const abandon = (call: CallNumber) => {
    const request = requests.get(call);
    if (request === undefined) return;
    giveUp(request, { code: "ABORTED", message: `the request for ${nameOf(request.spec)} was given up` });
  };

  const giveUp = (request: Request, error: ErrorData) => {
    const { lease, call } = request;
    finish(request);
    const tell = () => post({ type: "failed", call, error });
    if (lease === null) return tell();
    let isTold = false;
    const tellOnce = () => {
      clearTimeout(patience);
      if (!isTold) tell();
      isTold = true;
    };
    const patience = setTimeout(tellOnce, cancelMsMax);
    cancel(request, lease, tellOnce);
    leave(request);
  };

  /** Whatever the request comes to is undone, for as long as its lease can live. */
  const cancel = ({ handle, requestId: cancelled, spec }: Request, lease: Lease, done?: () => void) => {
    handle?.forget();
    const under = { $case: "leaseId", value: BigInt(lease.id) } as const;
    const named = { lock: spec.demands[0]?.lock ?? "", leaseOwner: setting.owner };
    session.call(
      { $case: "cancel", value: { requestId: cancelled, under, ...named } },
      { budgetMs: 2 * lease.ttlMs, isOwed: true, onHeard: () => done?.(), onError: () => done?.() },
    );
  };

  return {
    acquire,
    abandon,
    onLeaseLost: (lease) => {
      for (const request of [...requests.values()]) {
        if (request.lease !== lease) continue;
        cancel(request, lease);
        leave(request);
        wish(request);
      }
    },
    close: () => {
      const error: ErrorData = { code: "CLOSED", message: "the client is closed" };
      for (const request of [...requests.values()]) fail(request, error);
    },
  };
}

function withHolder(error: ErrorData, name: string, lock: WireLock | undefined): ErrorData {
  const holder = lock?.holders[0];
  if (lock === undefined || holder === undefined) return error;
  const blocker = blockerFrom(holder);
  const message = `${error.message}: ${heldBy(lock.name === name ? "it" : lock.name, blocker)}`;
  return { ...error, message, details: { lock: lock.name, holder: blocker, queueLength: lock.queueLength } };
}

interface Terms {
  readonly owner: string;
  readonly lease: Lease;
  readonly waitMs: number;
  readonly request: Request;
}

function acquireMessage(spec: AcquireSpec, { owner, lease, waitMs, request }: Terms): Said {
  const value: AcquireRequest = {
    demands: spec.demands.map(demandToWire),
    owner,
    under: { $case: "leaseId", value: BigInt(lease.id) },
    waitMs: BigInt(Math.ceil(Math.min(waitMs, waitMsMost))),
    priority: spec.priority,
    lockDelayMs: BigInt(spec.lockDelayMs),
    metadata: spec.metadata,
    context: spec.context,
    requestId: request.requestId,
  };
  return { $case: "acquire", value };
}
