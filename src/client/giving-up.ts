// Signals that programs give their calls: one listener for each signal, however many calls share it.

const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls `giveUp` when the signal is aborted. Returns what ends that. */
export function onAbort(signal: AbortSignal | undefined, giveUp: () => void): () => void {
  if (signal === undefined) return () => undefined;
  const calls = waiting.get(signal) ?? listen(signal);
  calls.add(giveUp);
  return () => void calls.delete(giveUp);
}

function listen(signal: AbortSignal): Set<() => void> {
  const calls = new Set<() => void>();
  waiting.set(signal, calls);
  const tell = () => {
    for (const giveUp of [...calls]) giveUp();
  };
  signal.addEventListener("abort", tell, { once: true });
  return calls;
}
