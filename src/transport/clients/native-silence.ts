// Who has been silent for too long. Proxies cut streams on which nothing is said.

/** How long either side of a stream may be silent. */
export const silenceMs = 10_000;

export interface Silence {
  /** Something was said: the span begins anew. */
  readonly broken: () => void;
  readonly stop: () => void;
}

/** Tells whenever nothing has been said for `spanMs`. */
export function newSilence(spanMs: number, tooLong: () => void): Silence {
  const timer: NodeJS.Timeout = setTimeout(() => {
    timer.refresh();
    tooLong();
  }, spanMs);
  // The stream keeps the process running, not that it is silent.
  timer.unref();
  return { broken: () => void timer.refresh(), stop: () => clearTimeout(timer) };
}
