// A lock in the program's hands. Whatever it is asked, it looks at the words that the renewing thread shares with it first: a lock
// that has been found lost is never held again.

import { foreseen, lockBoard, lossAt, remainingMs } from "./cells.ts";
import { invalid, metadataIn } from "./checking.ts";
import { LockError, type LossReason } from "./errors.cts";
import type { Holding, Watched } from "./holding.ts";
import type { Ended, Lock, LockState } from "./interface.ts";
import type { LockGrant } from "./letters.ts";
import type { Link } from "./link.ts";
import { optionsIn } from "./options-given.ts";
import { lookingSignal } from "./signal.ts";
import type { YieldAsked } from "./views.ts";

type StateListener = (state: LockState, reason: LossReason | null) => void;
type YieldListener = (asked: YieldAsked) => void;

export function newLock(grant: LockGrant, link: Link, holding: Holding): Lock {
  const { names, token, leaseId, place } = grant;
  const name = names[0] ?? "";
  const lease = holding.lease(grant.lease, grant.leaseMemory, grant.atRiskMs);
  const board = lockBoard(grant.boardMemory);
  const stateListeners = new Set<StateListener>();
  const yieldListeners = new Set<YieldListener>();
  let state: LockState = "held";
  let reason: LossReason | null = null;
  let loss: LockError | null = null;
  let releasing: Promise<Ended> | null = null;

  const become = (next: LockState) => {
    state = next;
    const told = reason;
    // After the step in which it was found out: a listener that throws does not harm whoever only looked.
    for (const listener of stateListeners) queueMicrotask(() => listener(next, told));
  };
  const lose = (how: LossReason, why = "") => {
    if (state === "lost" || state === "released") return;
    reason = how;
    loss = lostError(name, how, why);
    become("lost");
    aborting.abort(loss);
  };
  const look = (why?: string) => {
    if (state === "lost" || state === "released") return;
    const taken = lossAt(board, place);
    const leftMs = remainingMs(lease.cell);
    if (taken !== null) return lose(taken, why);
    if (leftMs === 0) return lose(foreseen(lease.cell));
    const next = leftMs < lease.atRiskMs ? "at-risk" : "held";
    if (next !== state) become(next);
  };
  const aborting = lookingSignal(() => look());

  const watched: Watched = {
    number: grant.lock,
    look,
    askToYield: (asked) => {
      for (const listener of yieldListeners) queueMicrotask(() => listener(asked));
    },
    close: () => {
      look();
      lose("closed");
    },
  };
  holding.add(lease, watched);

  const release = (): Promise<Ended> => {
    releasing ??= new Promise<Ended>((resolve) => {
      look();
      const lost = reason;
      if (lost === null) become("released");
      holding.remove(lease, watched);
      try {
        const call = link.newCall((letter) => {
          link.endCall(call);
          if (letter.type === "ended") resolve(lost ?? letter.how);
          else if (letter.type === "failed") resolve(lost ?? "closed");
        });
        link.post({ type: "release", call, lock: grant.lock });
      } catch {
        // The client is closed, and everything was given back with it.
        resolve(lost ?? "closed");
      }
      // There is nothing to wait for.
      if (lost !== null) resolve(lost);
    });
    return releasing;
  };

  const lock: Lock = {
    name,
    names,
    leaseId,
    get token() {
      look();
      return token;
    },
    get state() {
      look();
      return state;
    },
    get lossReason() {
      look();
      return reason;
    },
    get remainingMs() {
      look();
      return state === "held" || state === "at-risk" ? remainingMs(lease.cell) : 0;
    },
    signal: aborting.signal,
    throwIfLost: () => {
      look();
      if (loss !== null) throw loss;
      if (state === "released")
        throw new LockError("NOT_HELD", `${name} has been released`, { details: { lock: name } });
    },
    release,
    proclaim: async (metadata, options) => {
      const text = metadataIn(metadata);
      lock.throwIfLost();
      const { signal } = optionsIn(options);
      const said = { type: "proclaim", leaseId, token, metadata: text } as const;
      await Promise.all(names.map((each) => link.ask({ ...said, lock: each }, signal)));
    },
    on: (event: "state" | "yield", listener: StateListener | YieldListener) => {
      if (event !== "state" && event !== "yield")
        throw invalid(`a lock tells of state and yield, not of ${String(event)}`);
      if (typeof listener !== "function") throw invalid("a listener must be a function");
      const listeners: Set<unknown> = event === "state" ? stateListeners : yieldListeners;
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    [Symbol.asyncDispose]: async () => void (await release()),
  };
  return lock;
}

const sentences: Readonly<Record<LossReason, string>> = {
  expired: "its lease was not renewed in time",
  revoked: "its lease was revoked",
  forced: "it was taken by force",
  closed: "its client was closed",
  unreachable: "no renewal got through in time",
};

export function lostError(name: string, reason: LossReason, why = ""): LockError {
  const [said, more] = why === "" ? ["", {}] : [` (${why})`, { why }];
  return new LockError("LOST", `${name} is lost: ${sentences[reason]}${said}`, {
    details: { lock: name, reason, ...more },
  });
}
