// The one clock of the SDK: this machine's monotonic one, which all threads read alike. Moments are nanoseconds as bigint,
// spans are milliseconds as numbers.

/** This moment. */
export const nowNs = (): bigint => process.hrtime.bigint();

/** The span as nanoseconds, never more than it is. */
export const toNs = (spanMs: number): bigint => BigInt(Math.floor(spanMs * 1e6));

/** The span from `earlier` to `later`; negative if they are the wrong way round. */
export const betweenMs = (earlier: bigint, later: bigint): number => Number(later - earlier) / 1e6;

/** What a timer of Node can be set to: a longer span is looked at again when it is over. */
export const timerMs = (spanMs: number): number => Math.max(0, Math.min(Math.ceil(spanMs), 2 ** 31 - 1));
