// Signals that end a command which would go on for ever, or wait.

/** Signals that may end a command, and the numbers that exit codes are made of. */
export const signalNumbers = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
} as const;

export type EndingSignal = keyof typeof signalNumbers;

export interface Interrupts {
  /** Aborted by the first signal that comes. */
  readonly signal: AbortSignal;
  /** That signal. */
  readonly first: () => EndingSignal | null;
  readonly stop: () => void;
}

/** From now on these signals do not end the process, but abort `signal`; each is told to `onSignal` as well. */
export function catchInterrupts(
  caught: readonly EndingSignal[],
  onSignal: (signal: EndingSignal) => void = () => undefined,
): Interrupts {
  const controller = new AbortController();
  let first: EndingSignal | null = null;
  const handlers = caught.map((signal) => {
    const handle = () => {
      first ??= signal;
      onSignal(signal);
      controller.abort();
    };
    process.on(signal, handle);
    return { signal, handle };
  });
  return {
    signal: controller.signal,
    first: () => first,
    stop: () => {
      for (const { signal, handle } of handlers) process.off(signal, handle);
    },
  };
}
