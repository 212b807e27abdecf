// Whoever watches a simulated cluster: the checkers, the trace, a test's own probe. A witness sees every letter when it is
// sent, not when it arrives, because what an actor has said binds its node even if it crashes the next moment.

import type { ActorName } from "../../src/actors/messages.ts";
import type { NodeId } from "../../src/actors/scalars.ts";
import type { Cargo } from "./network.ts";

export interface Witness {
  readonly started?: (node: NodeId) => void;
  readonly stopped?: (node: NodeId) => void;
  /** One actor has written to another of the same node. */
  readonly said?: (node: NodeId, from: ActorName, to: ActorName, letter: unknown) => void;
  /** An actor has been handed a letter, or its timer has run out (`from` is then the actor itself). */
  readonly handed?: (node: NodeId, from: ActorName, to: ActorName, letter: unknown) => void;
  /** Something left a node for another. */
  readonly transmitted?: (from: NodeId, to: NodeId, cargo: Cargo) => void;
  /** A disk has become something else. */
  readonly flushed?: (node: NodeId) => void;
  /** Something was done to the cluster from outside, in words. */
  readonly befell?: (what: string) => void;
}

/** A rule of the system was broken: the run has failed. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** Fails the run with `rule` and what was seen unless `holds`. `seen` is only called upon to explain. */
export function check(holds: boolean, rule: string, seen: () => string): asserts holds {
  if (!holds) throw new Violation(`${rule}: ${seen()}`);
}
