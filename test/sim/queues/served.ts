// The liveness mode where somebody waits. Once everything is healed nobody begins anything new; whoever waits keeps his lease alive,
// and gives back in good time what he holds and what he is granted; the others are dead. From then on clocks are watched: of what
// the dead held nothing is left after a while, then everybody is served in his turn, and nobody is left over.

import { describe } from "../clients.ts";
import type { Cluster } from "../cluster.ts";
import { runUntil } from "../schedule.ts";
import { check } from "../witness.ts";
import type { Work } from "../workload.ts";
import { judgeAlarms, judgeHearing, judgeRest } from "./answers.ts";
import type { Reference } from "./reference.ts";

/** Moments after a healing, and spans. */
export interface Bounds {
  /** Somebody leads, and will go on leading. */
  readonly elected: number;
  /** Whoever waits is known to the node that he asked, and to that which leads. */
  readonly linked: number;
  /** What the dead held can be had. */
  readonly deadGone: number;
  /** From when somebody is granted a lock until the next one is, at most. */
  readonly turnMs: number;
  readonly restMs: number;
}

/** How often it is looked whether somebody is late. */
const lookMs = 50;

export function requireTurns(cluster: Cluster, reference: Reference, work: Work, bounds: Bounds): void {
  const { timetable, crowd } = cluster;
  const { model } = reference.twin;
  const { elected, linked, deadGone, turnMs, restMs } = bounds;
  const look = (): void => {
    runUntil(timetable, timetable.now + lookMs);
    judgeAlarms(reference, elected, restMs);
    if (timetable.now > linked + restMs) judgeHearing(reference, crowd, restMs);
  };
  const turns = new Set(model.holds.map(({ token }) => token)).size + work.waiting.size;
  const until = deadGone + turns * turnMs;
  while (work.waiting.size > 0 && timetable.now < until) look();
  check(
    work.waiting.size === 0,
    "whoever waits when everything is healed is served in his turn",
    () =>
      `${work.waiting.size} still wait at ${timetable.now}, after ${turns} turns: ${describe([...work.waiting][0])}`,
  );
  const givenBack = timetable.now + turnMs;
  while (timetable.now < Math.max(givenBack, deadGone)) look();
  // Those who live hold nothing any more, though their leases last.
  judgeRest(reference);
}

/** Nothing lasts that nobody renews. */
export function requireNoLeases({ twin }: Reference): void {
  const { leases } = twin.model;
  check(leases.length === 0, "a dead client's lease ends within its span", () => JSON.stringify(leases));
}
