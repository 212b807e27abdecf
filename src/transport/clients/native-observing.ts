// Who leads, seen through the events of the one lock that an election is. Whoever observes is told of the leader first, or that
// there is none, and then of every change; what happened at once is told at once.

import type { Leader, ObserveResponse } from "../generated/lockmgr/v1/election.ts";
import type { WatchResponse } from "../generated/lockmgr/v1/lock.ts";
import { type Event, EventKind } from "../generated/lockmgr/v1/types.ts";

/** Who leads; null: nobody; undefined: it is not known, because the observer went on where he knew himself. */
type Leading = Leader | null | undefined;

export interface LeaderView {
  /** What there is to tell of these events, in order. */
  readonly see: (events: WatchResponse) => ObserveResponse[];
}

/** `goesOn`: the observer knows who leads; he is told of changes alone. */
export function newLeaderView({ goesOn }: { readonly goesOn: boolean }): LeaderView {
  let leading: Leading;
  let isFirst = !goesOn;
  return {
    see: ({ events, revision }) => {
      const told: ObserveResponse[] = [];
      for (const [place, event] of events.entries()) {
        const before = leading;
        leading = leadingAfter(event, leading);
        // The last of those that happened at once says what they came to.
        const next = events[place + 1];
        const atOnce = told.at(-1)?.revision === event.revision ? told.pop() : undefined;
        if (leading !== before || atOnce !== undefined) told.push(response(leading, event.revision));
        if (next === undefined && told.length > 0) told.push({ ...(told.pop() as ObserveResponse), revision });
      }
      // One who begins learns that nobody leads; one who is told nothing for long hears again who leads.
      const isSilence = events.length === 0 && leading !== undefined;
      if (told.length === 0 && (isFirst || isSilence)) told.push(response(leading, revision));
      if (isFirst) leading ??= null;
      isFirst = false;
      return told;
    },
  };
}

const response = (leading: Leading, revision: bigint): ObserveResponse => ({
  leader: leading ?? undefined,
  revision,
});

function leadingAfter(event: Event, leading: Leading): Leading {
  switch (event.kind) {
    case EventKind.EVENT_KIND_PRESENT:
    case EventKind.EVENT_KIND_GRANTED:
    case EventKind.EVENT_KIND_PROCLAIMED:
      return { owner: event.owner, leaseId: event.leaseId, token: event.token, value: event.text };
    case EventKind.EVENT_KIND_RELEASED:
    case EventKind.EVENT_KIND_EXPIRED:
    case EventKind.EVENT_KIND_REVOKED:
    case EventKind.EVENT_KIND_FORCED:
      return leading == null || leading.token === event.token ? null : leading;
    default:
      return leading;
  }
}
