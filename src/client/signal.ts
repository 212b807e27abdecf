// An abort signal that looks before it answers: whoever reads it sees an abort that is due in the very step in which it reads,
// not only when the event loop comes to it.

export interface LookingSignal {
  readonly signal: AbortSignal;
  readonly abort: (reason: unknown) => void;
}

/** `look` calls `abort` if it is time. */
export function lookingSignal(look: () => void): LookingSignal {
  const controller = new AbortController();
  const { signal } = controller;
  let isAborted = false;
  let reason: unknown;
  const seen = () => {
    if (!isAborted) look();
    return isAborted;
  };
  Object.defineProperties(signal, {
    aborted: { get: seen, enumerable: true, configurable: true },
    reason: { get: () => (seen() ? reason : undefined), enumerable: true, configurable: true },
    throwIfAborted: {
      value: () => {
        if (seen()) throw reason;
      },
      configurable: true,
    },
  });
  return {
    signal,
    abort: (why) => {
      if (isAborted) return;
      isAborted = true;
      reason = why;
      controller.abort(why);
    },
  };
}
