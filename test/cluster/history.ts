// What clients did and saw, as JSON lines, so that a run can be judged after the fact, here or by a checker that somebody
// else wrote. One harness process runs all clients, so all times are of one monotonic clock.

import { writeFileSync } from "node:fs";

export interface Header {
  readonly v: 1;
  readonly kind: "hdr";
  readonly seed: number;
  readonly git: string;
  readonly locks: number;
  readonly ttlMs: number;
  readonly rho: number;
  readonly epsMs: number;
  readonly electionMs: number;
  readonly regions: number;
  readonly nodes: number;
}

export type Action = "acquire" | "renew" | "release" | "check" | "cancel" | "write";

/** What came of an operation. `info` lines say `unknown`. */
export type Result =
  | "granted"
  | "held"
  | "released"
  | "notHeld"
  | "expired"
  | "stale"
  | "locked"
  | "free"
  | "renewed"
  | "lost"
  | "written"
  | "refused"
  | "unknown";

interface Common {
  /** Names the operation. */
  readonly id: number;
  /** Who did it: a client that has one operation under way at a time. */
  readonly proc: number;
  /** Nanoseconds of the harness' monotonic clock. */
  readonly t: string;
  readonly f: Action;
  readonly lock: string;
  /** The request id, equal for all attempts. */
  readonly req: string;
  /** Of an invocation: the grant that is renewed or released. Of a completion: the grant given or seen. */
  readonly token?: number;
  readonly ttlMs?: number;
}

export interface Invocation extends Common {
  readonly kind: "inv";
}

/** `ok`: it was done. `fail`: it was not done. `info`: nobody knows; that proc does nothing more. */
export interface Completion extends Common {
  readonly kind: "ok" | "fail" | "info";
  readonly out: Result;
}

/** One try of an operation: sent at `t0`, answered or given up at `t1`. */
export interface Attempt {
  readonly kind: "att";
  readonly id: number;
  readonly t0: string;
  readonly t1: string;
  readonly node: string;
}

export interface Fault {
  readonly kind: "fault";
  readonly t: string;
  readonly fault: string;
  readonly node: string;
}

export interface Phase {
  readonly kind: "phase";
  readonly p: "faults" | "heal" | "final";
}

/** What was seen of a node, about at `t`. */
export interface Server {
  readonly kind: "srv";
  readonly node: string;
  readonly t: string;
  readonly ev: "leader" | "stepdown";
}

export type Line = Header | Invocation | Completion | Attempt | Fault | Phase | Server;

/** A recorded run. Lines are in the order in which they happened. */
export interface History {
  readonly header: Header;
  readonly lines: Line[];
}

/** An operation from its invocation to its end; times in milliseconds since the first of the run. */
export interface Operation {
  readonly id: number;
  readonly proc: number;
  readonly action: Action;
  readonly lock: string;
  readonly req: string;
  readonly invokedAt: number;
  /**
   * When the span that the client counts on begins: with the attempt that was answered. Several regions may have granted to an
   * earlier one and shown the same grant to the later, so that theirs begins with the first.
   */
  readonly sentAt: number;
  /** Infinite if the outcome is unknown: it may yet take effect. */
  readonly endedAt: number;
  readonly result: Result;
  readonly token: number | null;
  readonly ttlMs: number;
}

export const clock = (): string => process.hrtime.bigint().toString();

export const newHistory = (header: Omit<Header, "v" | "kind">): History => {
  const whole: Header = { v: 1, kind: "hdr", ...header };
  return { header: whole, lines: [whole] };
};

export const recordFault = (history: History, fault: string, node: string): void => {
  history.lines.push({ kind: "fault", t: clock(), fault, node });
};

export const recordPhase = (history: History, p: Phase["p"]): void => {
  history.lines.push({ kind: "phase", p });
};

export const writeHistory = (history: History, file: string): void =>
  writeFileSync(file, history.lines.map((line) => `${JSON.stringify(line)}\n`).join(""));

export const parseHistory = (text: string): History => {
  const lines = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
  const header = lines[0];
  if (header?.kind !== "hdr") throw new Error("a history begins with its header");
  return { header, lines };
};

/** Joins invocations and ends. Throws if an operation was begun and never closed: such a run proves nothing. */
export function operationsOf(history: History): Operation[] {
  const begun = new Map<number, Invocation>();
  const sent = new Map<number, string>();
  const operations: Operation[] = [];
  const origin = firstMoment(history);
  const countsFromFirst = history.header.regions > 1;
  const moment = (t: string) => Number(BigInt(t) - origin) / 1e6;
  for (const line of history.lines) {
    switch (line.kind) {
      case "inv":
        begun.set(line.id, line);
        break;
      case "att":
        sent.set(line.id, line.t0);
        break;
      case "ok":
      case "fail":
      case "info": {
        const invocation = begun.get(line.id);
        if (invocation === undefined) throw new Error(`operation ${line.id} ended before it began`);
        begun.delete(line.id);
        operations.push({
          id: line.id,
          proc: line.proc,
          action: line.f,
          lock: line.lock,
          req: line.req,
          invokedAt: moment(invocation.t),
          sentAt: moment(countsFromFirst && line.f === "acquire" ? invocation.t : (sent.get(line.id) ?? invocation.t)),
          endedAt: line.kind === "info" ? Number.POSITIVE_INFINITY : moment(line.t),
          result: line.out,
          token: line.token ?? invocation.token ?? null,
          ttlMs: line.ttlMs ?? invocation.ttlMs ?? history.header.ttlMs,
        });
        break;
      }
      default:
    }
  }
  if (begun.size > 0) throw new Error(`${begun.size} operations were never closed`);
  return operations;
}

/** Until when a client may act under what it was told: it stops before any server can give the lock away. */
export const validUntil = (operation: Operation, { rho, epsMs }: Pick<Header, "rho" | "epsMs">): number =>
  operation.sentAt + operation.ttlMs * (1 - rho) - epsMs;

export const byLock = (operations: readonly Operation[]): Map<string, Operation[]> => {
  const locks = new Map<string, Operation[]>();
  for (const operation of operations) {
    const list = locks.get(operation.lock);
    if (list === undefined) locks.set(operation.lock, [operation]);
    else list.push(operation);
  }
  return locks;
};

const firstMoment = (history: History): bigint => {
  for (const line of history.lines) if (line.kind === "inv") return BigInt(line.t);
  return 0n;
};
