// Watches as loops: events wait here until the program comes for them. One that lets too many wait is not told more until it
// has read these; then the watch goes on where it was.

import { revisionIn } from "./checking.ts";
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

async function* portions(link: Link, wish: WatchWish, options: WatchOptions): AsyncGenerator<Portion, void, void> {
  const { signal } = options;
  let waiting: Portion[] = [];
  let kept = 0;
  let after = revisionIn(options);
  let call: CallNumber | null = null;
  let error: LockError | null = null;
  let wake: (() => void) | null = null;

  const hear = (letter: CallLetter) => {
    if (letter.type === "failed") error = toError(letter.error);
    if (letter.type === "events") {
      after = letter.after;
      kept += letter.events.length;
      waiting.push({ events: letter.events, after });
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
  try {
    for (;;) {
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

export async function* watch(
  link: Link,
  wish: WatchWish,
  options: WatchOptions,
): AsyncGenerator<LockEvent, void, void> {
  try {
    for await (const { events } of portions(link, wish, options)) yield* events;
  } catch (error) {
    endQuietly(error);
  }
}

/** An election is a lock; its leader is whoever holds it, and what it proclaims is what the grant says of itself. */
export async function* observe(
  link: Link,
  name: string,
  options: WatchOptions,
): AsyncGenerator<Leader | null, void, void> {
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
