// Watches of the program's: begun again behind what has been told, on every new stream.

import type { CallNumber, FromThread } from "../letters.ts";
import type { WatchWish } from "../options.ts";
import { failureFrom, isUnread } from "./failures.ts";
import { eventsFrom } from "./from-wire.ts";
import type { Said } from "./questions.ts";
import type { CallHandle, Session } from "./session.ts";

export interface Watches {
  readonly watch: (call: CallNumber, wish: WatchWish, after: number) => void;
  readonly unwatch: (call: CallNumber) => void;
}

export function newWatches(session: Session, post: (letter: FromThread) => void): Watches {
  const handles = new Map<CallNumber, CallHandle>();
  return {
    watch: (call, wish, after) => {
      let told = after;
      const begin = (): void => {
        const handle = session.call(() => watchMessage(wish, told), {
          onHeard: (heard) => {
            if (heard.$case !== "events") return;
            const revision = Number(heard.value.revision);
            const events = eventsFrom(heard.value.events, told, revision);
            told = Math.max(told, revision);
            post({ type: "events", call, events, after: told });
          },
          onError: (error) => {
            if (isUnread(error)) return begin();
            handles.delete(call);
            post({ type: "failed", call, error: failureFrom(error) });
          },
        });
        handles.set(call, handle);
      };
      begin();
    },
    unwatch: (call) => {
      handles.get(call)?.forget();
      handles.delete(call);
    },
  };
}

function watchMessage(wish: WatchWish, after: number): Said {
  const afterRevision = BigInt(after);
  if ("prefix" in wish) return watching({ $case: "prefix", value: wish.prefix }, afterRevision);
  if ("lock" in wish) return watching({ $case: "lock", value: wish.lock }, afterRevision);
  return watching({ $case: "leaseId", value: BigInt(wish.leaseId) }, afterRevision);
}

type What = Extract<Said, { $case: "watch" }>["value"]["what"];

const watching = (what: What, afterRevision: bigint): Said => ({ $case: "watch", value: { what, afterRevision } });
