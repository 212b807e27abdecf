// Watches as loops: events wait here until the program comes for them. One that lets too many wait is not told more until it
// has read these; then the watch goes on where it was.

import { LockError } from "./errors.cts";
import { onAbort } from "./giving-up.ts";
import type { CallNumber } from "./letters.ts";
import { abortedError, type CallLetter, type Link, toError } from "./link.ts";
import type { WatchOptions, WatchWish } from "./options.ts";
import type { Leader, LockEvent, LockInfo } from "./views.ts";

/** What has been told at once. Empty at the beginning, if nothing is present. */
interface Portion {
  readonly events: readonly LockEvent[];
  readonly after: number;
}

const keptMax = 10_000;

/** How a loop is watched for, and `ended`, which its owner aborts when nobody comes for more. */
interface Watch extends WatchOptions {
  readonly ended: AbortSignal;
}

async function* portions(link: Link, wish: WatchWish, options: Watch): AsyncGenerator<Portion, void, void> {
  const { signal, ended, onBegun } = options;
  let hasBegun = false;
  let waiting: Portion[] = [];
  let kept = 0;
  let after = options.afterRevision ?? 0;
  let call: CallNumber | null = null;
  let error: LockError | null = null;
  let wake: (() => void) | null = null;

  const hear = (letter: CallLetter) => {
    if (letter.type === "failed") error = toError(letter.error);
    if (letter.type === "events") {
      after = letter.after;
      kept += letter.events.length;
      waiting.push({ events: letter.events, after });
      if (!hasBegun && after > 0) {
        hasBegun = true;
        const revision = after;
        queueMicrotask(() => onBegun?.(revision));
      }
      // What is present is told as a whole: a watch that stopped in the middle would begin from the beginning.
      if (kept > keptMax && after > 0) stop();
    }
    wake?.();
  };
  const start = () => {
    call = link.newCall(hear);
    link.post({ type: "watch", call, wish, after });
  };
  const stop = () => {
    if (call === null) return;
    link.endCall(call);
    link.post({ type: "unwatch", call });
    call = null;
  };
  const give = () => {
    const all = waiting;
    waiting = [];
    kept = 0;
    return all;
  };
  const stopListening = onAbort(signal, () => wake?.());
  ended.addEventListener("abort", () => wake?.(), { once: true });
  try {
    for (;;) {
      if (ended.aborted) return;
      if (signal?.aborted === true) throw abortedError(signal);
      if (waiting.length > 0) yield* give();
      else if (error !== null) throw error;
      else {
        if (call === null) start();
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = null;
      }
    }
  } finally {
    stopListening();
    stop();
  }
}

/** A generator that waits inside hears nothing of `return`: so the loop is ended first, whoever holds it. */
function endable<Item>(begin: (ended: AbortSignal) => AsyncGenerator<Item, void, void>): AsyncIterableIterator<Item> {
  const ending = new AbortController();
  const items = begin(ending.signal);
  return {
    next: () => items.next(),
    return: () => {
      ending.abort();
      return items.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

export const watch = (link: Link, wish: WatchWish, options: WatchOptions): AsyncIterableIterator<LockEvent> =>
  endable((ended) => events(link, wish, { ...options, ended }));

/** An election is a lock; its leader is whoever holds it, and what it proclaims is what the grant says of itself. */
export const observe = (link: Link, name: string, options: WatchOptions): AsyncIterableIterator<Leader | null> =>
  endable((ended) => leaders(link, name, { ...options, ended }));

async function* events(link: Link, wish: WatchWish, options: Watch): AsyncGenerator<LockEvent, void, void> {
  try {
    for await (const { events } of portions(link, wish, options)) yield* events;
  } catch (error) {
    endQuietly(error);
  }
}

async function* leaders(link: Link, name: string, options: Watch): AsyncGenerator<Leader | null, void, void> {
  const { afterRevision, signal } = options;
  // Whoever goes on behind a revision knows who led then, and is told of changes alone.
  let isDue = afterRevision === undefined;
  let leader: Leader | null | undefined;
  let lastToken = 0;
  let known: number | null = isDue ? null : 0;
  try {
    for await (const { events } of portions(link, { lock: name }, options)) {
      for (const { token } of events) lastToken = Math.max(lastToken, token);
      // The node may be behind others: whoever leads by now is waited for, and what came before is not told as new.
      known ??= await tokenOf(link, name, signal);
      for (const [place, event] of events.entries()) {
        const next = leaderAfter(event, leader);
        const isOver = isSame(next, leader) || (next === null && isHandover(event, events.slice(place)));
        if (!isSame(next, leader)) leader = next;
        if (isOver || lastToken < known) continue;
        isDue = false;
        yield next ?? null;
      }
      if (!isDue || lastToken < known) continue;
      isDue = false;
      yield leader ?? null;
    }
  } catch (error) {
    endQuietly(error);
  }
}

const tokenOf = async (link: Link, name: string, signal: AbortSignal | undefined): Promise<number> => {
  const { holders } = await link.ask<LockInfo>({ type: "check", lock: name }, signal);
  return Math.max(0, ...holders.map(({ token }) => token));
};

const isSame = (one: Leader | null | undefined, other: Leader | null | undefined): boolean =>
  one === other || (one?.token !== undefined && one.token === other?.token && one.value === other.value);

/** Those that happened at once are told as what they came to. */
const isHandover = (end: LockEvent, later: readonly LockEvent[]): boolean =>
  later.some(({ revision, kind }) => revision === end.revision && kind === "granted");

type Leading = Leader | null | undefined;

function leaderAfter({ kind, owner, leaseId, token, text }: LockEvent, leader: Leading): Leading {
  if (token === 0) return leader;
  switch (kind) {
    case "present":
    case "granted":
    case "proclaimed":
      return { owner, leaseId, token, value: text };
    case "released":
    case "expired":
    case "revoked":
    case "forced":
      return leader == null || leader.token === token ? null : leader;
    default:
      return leader;
  }
}

/** Whoever closes his client knows that its watches end. */
function endQuietly(error: unknown): void {
  if (!(error instanceof LockError) || error.code !== "CLOSED") throw error;
}
