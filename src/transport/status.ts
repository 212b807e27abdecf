// How what came of a request is told in the codes of each interface: one table a protocol, and the compiler counts the rows.

import { status } from "@grpc/grpc-js";
import type { Outcome, Refusal } from "../actors/operations.ts";
import { LockStatus } from "./generated/com/geastalt/lock/grpc/lock.ts";

/** The outcomes in which a client gets what it asked for, and the one that is not the last word. */
type Success =
  | "leaseOpened"
  | "leaseRenewed"
  | "granted"
  | "released"
  | "locked"
  | "free"
  | "queued"
  | "cancelled"
  | "leaseClosed"
  | "proclaimed"
  | "yieldAsked"
  | "forced"
  | "lockSeen"
  | "locksSeen"
  | "waitersSeen"
  | "leasesSeen"
  | "waitsSeen";

/** Why a client of an interface that speaks in statuses does not get what it asked for. */
export type Reason =
  | Refusal
  | Exclude<Outcome["type"], Success>
  /** A field, a header or the message as a whole is at fault. */
  | "invalid"
  /** The call exists and is not served. */
  | "unserved"
  /** A watch: nothing is known any more of what came after the revision that it named. */
  | "revisionGone"
  /** A stream: its client does not read what it has asked for. */
  | "unread"
  /** The answer does not fit the question: a node of another version, or a defect. */
  | "unexpected";

/** An error as a client sees it: the message is a sentence for people. */
export interface Failure {
  readonly reason: Reason;
  readonly message: string;
}

export const isFailure = (result: object): result is Failure => "reason" in result;

export const grpcStatus = {
  "no-leader": status.UNAVAILABLE,
  "unknown-outcome": status.UNAVAILABLE,
  overloaded: status.RESOURCE_EXHAUSTED,
  "disk-full": status.RESOURCE_EXHAUSTED,
  "no-quorum": status.UNAVAILABLE,
  stopping: status.UNAVAILABLE,
  held: status.FAILED_PRECONDITION,
  grantOver: status.FAILED_PRECONDITION,
  leaseUnknown: status.NOT_FOUND,
  leaseEnded: status.FAILED_PRECONDITION,
  leaseOfAnother: status.PERMISSION_DENIED,
  notHeld: status.NOT_FOUND,
  grantExpired: status.FAILED_PRECONDITION,
  staleToken: status.FAILED_PRECONDITION,
  heldByAnotherLease: status.PERMISSION_DENIED,
  heldByAnotherOwner: status.PERMISSION_DENIED,
  forgotten: status.FAILED_PRECONDITION,
  busy: status.FAILED_PRECONDITION,
  waitOver: status.FAILED_PRECONDITION,
  requestCancelled: status.FAILED_PRECONDITION,
  deadlock: status.FAILED_PRECONDITION,
  limitDiffers: status.FAILED_PRECONDITION,
  queueFull: status.RESOURCE_EXHAUSTED,
  invalid: status.INVALID_ARGUMENT,
  unserved: status.UNIMPLEMENTED,
  revisionGone: status.OUT_OF_RANGE,
  unread: status.RESOURCE_EXHAUSTED,
  unexpected: status.INTERNAL,
} as const satisfies Record<Reason, status>;

/** A reason as one word for programs, for instance "no-leader", "stale-token", "lease-ended". */
export const reasonWord = (reason: Reason): string => reason.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The reason why an answer is not what the client asked for; one that only a success of another call has is unexpected. */
export const reasonOf = (row: Success | Reason): Reason => (row in grpcStatus ? (row as Reason) : "unexpected");

/** 409: somebody else has the lock, and asking again later may help. 412: what the request builds on is over. */
export const httpStatus = {
  "no-leader": 503,
  "unknown-outcome": 503,
  overloaded: 429,
  "disk-full": 507,
  "no-quorum": 503,
  stopping: 503,
  held: 409,
  grantOver: 412,
  leaseUnknown: 404,
  leaseEnded: 412,
  leaseOfAnother: 403,
  notHeld: 404,
  grantExpired: 412,
  staleToken: 412,
  heldByAnotherLease: 403,
  heldByAnotherOwner: 403,
  forgotten: 412,
  busy: 409,
  waitOver: 409,
  requestCancelled: 409,
  deadlock: 409,
  limitDiffers: 409,
  queueFull: 429,
  invalid: 400,
  unserved: 501,
  revisionGone: 410,
  unread: 429,
  unexpected: 500,
} as const satisfies Record<Reason, number>;

/** The stateless interface tells outcomes in a field of the response. Null: by a gRPC error instead. */
export const lockStatus = {
  granted: LockStatus.LOCK_STATUS_OK,
  released: LockStatus.LOCK_STATUS_OK,
  locked: LockStatus.LOCK_STATUS_OK,
  free: LockStatus.LOCK_STATUS_NOT_FOUND,
  held: LockStatus.LOCK_STATUS_ALREADY_LOCKED,
  grantOver: LockStatus.LOCK_STATUS_EXPIRED,
  notHeld: LockStatus.LOCK_STATUS_NOT_FOUND,
  grantExpired: LockStatus.LOCK_STATUS_EXPIRED,
  staleToken: LockStatus.LOCK_STATUS_INVALID_TOKEN,
  heldByAnotherLease: LockStatus.LOCK_STATUS_INVALID_TOKEN,
  heldByAnotherOwner: LockStatus.LOCK_STATUS_ERROR,
  forgotten: LockStatus.LOCK_STATUS_ERROR,
  invalid: LockStatus.LOCK_STATUS_ERROR,
  leaseOpened: null,
  leaseRenewed: null,
  leaseUnknown: null,
  leaseEnded: null,
  leaseOfAnother: null,
  queued: null,
  busy: null,
  waitOver: null,
  requestCancelled: null,
  deadlock: null,
  limitDiffers: null,
  queueFull: null,
  cancelled: null,
  leaseClosed: null,
  proclaimed: null,
  yieldAsked: null,
  forced: null,
  lockSeen: null,
  locksSeen: null,
  waitersSeen: null,
  leasesSeen: null,
  waitsSeen: null,
  unserved: null,
  revisionGone: null,
  unread: null,
  unexpected: null,
  "no-leader": LockStatus.LOCK_STATUS_NOT_LEADER,
  "unknown-outcome": LockStatus.LOCK_STATUS_TIMEOUT,
  "no-quorum": LockStatus.LOCK_STATUS_QUORUM_FAILED,
  overloaded: null,
  "disk-full": null,
  stopping: null,
} as const satisfies Record<Success | Reason, LockStatus | null>;
