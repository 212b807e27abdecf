// What may be asked on a session: which row of the table each message of a client is, and as which message it is answered.
// `lease_id` 0 stands for the session's own lease wherever a request is about one.

import type { CallId } from "../../actors/messages.ts";
import type { CancelRequest, ClientMessage, ServerMessage } from "../generated/lockmgr/v1/lock.ts";
import { type Failure, isFailure } from "../status.ts";
import type { NativeMethod, NativeMethods } from "./native-methods.ts";
import { beginNative, type NativeAsked } from "./native-procedure.ts";
import type { Desk } from "./procedure.ts";

export type Said = NonNullable<ClientMessage["message"]>;
export type Told = NonNullable<ServerMessage["message"]>;

/** The messages that are neither about the session itself nor watches. */
export type CallCase = Exclude<Said["$case"], "hello" | "watch" | "forget" | "ping" | "pong">;

export interface SessionCall {
  /** The row's name. */
  readonly name: string;
  /** Begins it. `done` is told once, now or later, unless the call is cancelled; null if it has been told already. */
  readonly begin: (
    said: Said,
    asked: Omit<NativeAsked<unknown>, "request"> & { readonly lease: bigint },
    done: (told: Told | Failure) => void,
  ) => CallId | null;
}

export function newSessionCalls(desk: Desk, rows: NativeMethods): Readonly<Record<CallCase, SessionCall>> {
  /** `own`: the request as it is under the session's lease. */
  const call = <Request, Response extends object>(
    method: NativeMethod<Request, Response>,
    tell: (response: Response) => Told,
    own: (request: Request, lease: bigint) => Request = (request) => request,
  ): SessionCall => ({
    name: method.name,
    // Whoever calls has found this row by the case of what was said.
    begin: ({ value }, { lease, ...asked }, done) =>
      beginNative(desk, method, { ...asked, request: own(value as Request, lease) }, (result) =>
        done(isFailure(result) ? result : tell(result)),
      ),
  });
  return {
    renew: call(rows.renewLease, (value) => ({ $case: "renewed", value }), underLease),
    acquire: call(rows.acquire, (value) => ({ $case: "acquired", value }), underCase),
    release: call(rows.release, (value) => ({ $case: "released", value }), underLease),
    cancel: call(rows.cancel, (value) => ({ $case: "cancelled", value }), underCase<CancelRequest>),
    verify: call(rows.verify, (value) => ({ $case: "verified", value })),
    check: call(rows.check, (value) => ({ $case: "checked", value })),
    listLocks: call(rows.listLocks, (value) => ({ $case: "locks", value })),
    listWaiters: call(rows.listWaiters, (value) => ({ $case: "waiters", value })),
    listLeases: call(rows.listLeases, (value) => ({ $case: "leases", value })),
    proclaim: call(rows.proclaim, (value) => ({ $case: "proclaimed", value }), underLease),
    askYield: call(rows.askYield, (value) => ({ $case: "yieldAsked", value })),
    forceRelease: call(rows.forceRelease, (value) => ({ $case: "forced", value })),
    getWaitGraph: call(rows.getWaitGraph, (value) => ({ $case: "waitGraph", value })),
    revokeLease: call(rows.revokeLease, (value) => ({ $case: "revoked", value }), underLease),
    openLease: call(rows.openLease, (value) => ({ $case: "leaseOpened", value })),
  };
}

const underLease = <Request extends { readonly leaseId: bigint }>(request: Request, lease: bigint): Request =>
  request.leaseId === 0n ? { ...request, leaseId: lease } : request;

type Under =
  | { readonly $case: "leaseId"; readonly value: bigint }
  | { readonly $case: string; readonly value: unknown };

/** What names neither a lease nor anything else instead is under the session's lease. */
function underCase<Request extends { readonly under: Under | undefined }>(request: Request, lease: bigint): Request {
  const { under } = request;
  const isOwn = under === undefined || (under.$case === "leaseId" && under.value === 0n);
  return isOwn ? { ...request, under: { $case: "leaseId", value: lease } } : request;
}
