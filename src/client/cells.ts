// What the two threads of a client share: the deadline of a lease, and whether a lock has been taken from it. One cell is one
// atomic word, so that a loss that either thread has seen is seen by both, and a deadline that has passed is never moved.

import type { LossReason } from "./errors.cts";
import { betweenMs, nowNs } from "./monotonic.ts";

/** A lease's words: its deadline in nanoseconds of the monotonic clock, 0 once it is lost; and how it is, or would be, lost. */
export interface LeaseCell {
  readonly words: BigInt64Array;
}

const deadlineWord = 0;
const reasonWord = 1;

export const leaseCellBytes = 16;

export const leaseCell = (memory: SharedArrayBuffer): LeaseCell => ({ words: new BigInt64Array(memory) });

/** The cell of a lease that lasts until `deadlineNs`. */
export function newLeaseCell(deadlineNs: bigint): { readonly memory: SharedArrayBuffer; readonly cell: LeaseCell } {
  const memory = new SharedArrayBuffer(leaseCellBytes);
  const cell = leaseCell(memory);
  Atomics.store(cell.words, deadlineWord, deadlineNs);
  return { memory, cell };
}

/** How long the lease lasts from now on, as far as is known; 0 if it is lost. Whoever finds its deadline passed makes it lost for
 *  everybody: a renewal that is acknowledged later finds the word changed. */
export function remainingMs({ words }: LeaseCell): number {
  for (;;) {
    const deadline = Atomics.load(words, deadlineWord);
    if (deadline === 0n) return 0;
    const left = betweenMs(nowNs(), deadline);
    if (left > 0) return left;
    if (Atomics.compareExchange(words, deadlineWord, deadline, 0n) === deadline) return 0;
  }
}

/** Moves the deadline. Answers false if the lease is lost. A deadline is never moved back. */
export function extend({ words }: LeaseCell, deadlineNs: bigint): boolean {
  for (;;) {
    const deadline = Atomics.load(words, deadlineWord);
    if (deadline === 0n || nowNs() >= deadline) return remainingMs({ words }) > 0;
    if (deadline >= deadlineNs) return true;
    if (Atomics.compareExchange(words, deadlineWord, deadline, deadlineNs) === deadline) return true;
  }
}

/** Makes the lease lost. */
export function lose(cell: LeaseCell, reason: LossReason): void {
  foresee(cell, reason);
  Atomics.store(cell.words, deadlineWord, 0n);
}

/** Says how the lease is lost if its deadline passes: `unreachable` once a renewal has not got through, else `expired`. */
export const foresee = ({ words }: LeaseCell, reason: LossReason): void =>
  void Atomics.store(words, reasonWord, BigInt(reasons.indexOf(reason)));

/** How it was lost, or would be if its deadline passed now. */
export const foreseen = ({ words }: LeaseCell): LossReason =>
  reasons[Number(Atomics.load(words, reasonWord))] ?? "expired";

const reasons: readonly LossReason[] = ["expired", "revoked", "forced", "closed", "unreachable"];

/** Words of locks: 0 while nothing is known against it, then how it was lost. */
export interface LockBoard {
  readonly words: Int32Array;
}

export const lockBoard = (memory: SharedArrayBuffer): LockBoard => ({ words: new Int32Array(memory) });

/** How the lock at `place` was lost; null if nothing is known against it. The first word stands. */
export const lossAt = ({ words }: LockBoard, place: number): LossReason | null =>
  reasons[Atomics.load(words, place) - 1] ?? null;

export const setLossAt = ({ words }: LockBoard, place: number, reason: LossReason): void =>
  void Atomics.compareExchange(words, place, 0, reasons.indexOf(reason) + 1);

export const clearAt = ({ words }: LockBoard, place: number): void => void Atomics.store(words, place, 0);
