// The actors that are explored: the behaviours as they ship, and raft without PreVote. PreVote only spares a cluster needless
// elections; safety must not rest on it, and without it more can happen in fewer steps.

import type { Behaviour } from "../../src/actors/actor.ts";
import { gateway } from "../../src/actors/gateway/receive.ts";
import { lease } from "../../src/actors/lease/receive.ts";
import { lock } from "../../src/actors/lock/receive.ts";
import type { ActorName } from "../../src/actors/messages.ts";
import { raft } from "../../src/actors/raft/receive.ts";
import type { RaftState } from "../../src/actors/raft/state.ts";
import type { AnyEffect } from "../sim/node.ts";
import type { Actor, Actors } from "./node.ts";

/** The type of its state ends here. */
function actor<Self extends ActorName, State>(behaviour: Behaviour<Self, State>): Actor {
  type Message = Parameters<typeof behaviour.receive>[1];
  return {
    start: behaviour.start,
    receive: (state, letter, now) =>
      behaviour.receive(state as State, letter as Message, now) as unknown as readonly AnyEffect[],
  };
}

export const shipped = {
  raft: actor(raft),
  lock: actor(lock),
  lease: actor(lease),
  gateway: actor(gateway),
} as const satisfies Actors;

/** Whoever would only ask is told yes at once by somebody, and so campaigns. */
export const campaignAtOnce = (raft: Actor): Actor => ({
  start: raft.start,
  receive: (state, letter, now) => {
    const effects = raft.receive(state, letter, now);
    const { role, term, peers } = state as RaftState;
    if (role.type !== "candidate" || !role.pre) return effects;
    const message = { type: "preVoteResponse", term: term + 1, granted: true };
    const campaign = raft.receive(state, { type: "received", from: peers[0], message }, now);
    return [...effects.filter((effect) => effect.type !== "send" || effect.to !== "peers"), ...campaign];
  },
});
