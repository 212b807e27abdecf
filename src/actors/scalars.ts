// The units of the system. Each is a number or a string at run time and its own type at compile time, so that a term
// cannot stand where an index is meant. Every other file speaks in these words.

declare const unit: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [unit]: Name };

/** A Raft term: how many elections have been started, as far as this node knows. */
export type Term = Branded<number, "Term">;
/** The position of an entry in the replicated log. The first entry has index 1. */
export type LogIndex = Branded<number, "LogIndex">;
/** A number that grows with every grant of the cluster, so that a resource can refuse a holder that has been overtaken. */
export type FencingToken = Branded<number, "FencingToken">;
/** The number of a lease. Leases opened by a client count from 1; see `implicitLease` for the others. */
export type LeaseId = Branded<number, "LeaseId">;
/** The name of a node, unique in its region. */
export type NodeId = Branded<string, "NodeId">;
/** The name of a region. */
export type RegionId = Branded<string, "RegionId">;
/** The name under which a write is known, however often it is repeated and whichever node it reaches. */
export type RequestId = Branded<string, "RequestId">;
/** A span of time in milliseconds. */
export type Millis = Branded<number, "Millis">;
/** A moment of this machine's monotonic clock, in milliseconds. Means nothing to another machine. */
export type Instant = Branded<number, "Instant">;
/** A moment for people, in milliseconds since 1970. Nothing is ever decided by it. */
export type WallTime = Branded<number, "WallTime">;

export const term = (value: number): Term => value as Term;
export const logIndex = (value: number): LogIndex => value as LogIndex;
export const fencingToken = (value: number): FencingToken => value as FencingToken;
export const leaseId = (value: number): LeaseId => value as LeaseId;
export const nodeId = (value: string): NodeId => value as NodeId;
export const regionId = (value: string): RegionId => value as RegionId;
export const requestId = (value: string): RequestId => value as RequestId;
export const millis = (value: number): Millis => value as Millis;
export const instant = (value: number): Instant => value as Instant;
export const wallTime = (value: number): WallTime => value as WallTime;

/** The moment that lies `span` after `moment`. */
export const after = (moment: Instant, span: Millis): Instant => (moment + span) as Instant;
/** The span from `earlier` to `later`; negative if they are the wrong way round. */
export const between = (earlier: Instant, later: Instant): Millis => (later - earlier) as Millis;

/** Where the numbers of implicit leases start. Half of the numbers a double holds exactly. */
const implicitLeaseBase = 2 ** 52;
/** The lease that a grant opened for itself. Its number follows from the token, which is unique, so that the leases
 *  opened by clients count 1, 2, 3 … undisturbed. */
export const implicitLease = (token: FencingToken): LeaseId => (implicitLeaseBase + token) as LeaseId;
/** The most regions there can be. */
export const regionsMax = 16;
/** The number of the `count`th lease that region number `place` (from 0) numbers, so that no two regions number alike. */
export const regionalLease = (count: number, place: number): LeaseId =>
  ((count - 1) * regionsMax + place + 1) as LeaseId;
/** Undoes `regionalLease`, for implicit leases too. */
export function regionalNumber(lease: LeaseId): { readonly count: number; readonly place: number } {
  const number = (lease > implicitLeaseBase ? lease - implicitLeaseBase : lease) - 1;
  return { count: Math.floor(number / regionsMax) + 1, place: number % regionsMax };
}
/** Across regions tokens of different locks may be equal, so an implicit lease is numbered as others are. */
export const implicitRegionalLease = (count: number, place: number): LeaseId =>
  (implicitLeaseBase + regionalLease(count, place)) as LeaseId;
export const isImplicit = (lease: LeaseId): boolean => lease > implicitLeaseBase;

/** The token of the grant that opened this lease, or null for a lease that a client opened. */
export const implicitLeaseToken = (lease: LeaseId): FencingToken | null =>
  lease > implicitLeaseBase ? ((lease - implicitLeaseBase) as FencingToken) : null;
