// Asks the renewing thread for locks, and gives up when the program does: a grant that comes all the same is given back.

import { onAbort } from "./giving-up.ts";
import type { Holding } from "./holding.ts";
import type { Lock } from "./interface.ts";
import type { AcquireSpec } from "./letters.ts";
import { abortedError, closedError, type Link, toError } from "./link.ts";
import { newLock } from "./lock.ts";
import type { LockOptions } from "./options.ts";

export function acquire(
  { link, holding, closed }: { readonly link: Link; readonly holding: Holding; readonly closed: AbortController },
  spec: AcquireSpec,
  { signal, onQueued }: Pick<LockOptions, "signal" | "onQueued">,
): Promise<Lock> {
  return new Promise<Lock>((resolve, reject) => {
    if (signal?.aborted === true) throw abortedError(signal);
    if (closed.signal.aborted) throw closedError();
    const call = link.newCall((letter) => {
      switch (letter.type) {
        case "queued":
          // In a step of its own: one that throws does not harm the letters that came with this one.
          return queueMicrotask(() => onQueued?.(letter.queued));
        case "granted": {
          finish();
          // It crossed with the letter that closes: the thread gives it back.
          if (closed.signal.aborted) return reject(closedError());
          const lock = newLock(letter.grant, link, holding);
          if (signal?.aborted === true) void lock.release().then(() => reject(abortedError(signal)));
          else resolve(lock);
          return;
        }
        case "failed": {
          finish();
          const { error } = letter;
          return reject(error.code === "ABORTED" ? toError(error, signal?.reason) : toError(error));
        }
      }
    });
    const abandon = () => link.post({ type: "abandon", call });
    const finish = () => {
      link.endCall(call);
      stopListening();
    };
    const stopListening = onAbort(signal, abandon);
    link.post({ type: "acquire", call, spec });
  });
}
