// The monotonic clock of one machine: it starts anywhere and runs a little too fast or too slow. Its rate may change, even
// to 0; it never goes back.

import { type Instant, instant } from "../../src/actors/scalars.ts";
import type { Moment } from "./schedule.ts";

export interface Clock {
  /** Milliseconds of this clock to one of true time. */
  rate: number;
  /** Since `moment`, when the clock showed `reading`. */
  moment: Moment;
  reading: number;
}

export const createClock = (options: { rate: number; reading: number }): Clock => ({ ...options, moment: 0 });

export const readClock = (clock: Clock, moment: Moment): Instant =>
  instant(clock.reading + (moment - clock.moment) * clock.rate);

/** When the clock will show `reading`; never if it stands still. */
export const momentOf = (clock: Clock, reading: number): Moment =>
  clock.rate === 0 ? Number.POSITIVE_INFINITY : clock.moment + (reading - clock.reading) / clock.rate;

export function setRate(clock: Clock, moment: Moment, rate: number): void {
  clock.reading = readClock(clock, moment);
  clock.moment = moment;
  clock.rate = rate;
}
