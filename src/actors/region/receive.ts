// The actor between regions. With one region there is nothing to agree upon: it stands aside, remembers who leads its own
// region, and sends nothing.

import type { Behaviour, Effect, Inbox } from "../actor.ts";
import { type Term, term } from "../scalars.ts";

export interface RegionState {
  leading: boolean;
  term: Term;
}

function receive(state: RegionState, message: Inbox<"region">): Effect<"region">[] {
  switch (message.type) {
    case "leading":
    case "following":
      state.leading = message.type === "leading";
      state.term = message.term;
      return [];
    case "timeout":
      return [];
  }
}

export const region: Behaviour<"region", RegionState> = {
  start: () => ({ leading: false, term: term(0) }),
  receive,
  inspect: (state) => ({ leading: state.leading ? 1 : 0, term: state.term }),
};
