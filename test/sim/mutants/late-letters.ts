// Letters between raft and the lease actor of one node that stay on their way for as long as a story wants: what raft says of
// leadership, and the expiries that the lease actor proposes. Their order is kept.

import type { NodeId } from "../../../src/actors/scalars.ts";
import type { AnyEffect, Hosting } from "../node.ts";

export interface Gate {
  /** The node whose letters wait; null lets everything pass. */
  node: NodeId | null;
  /** Whether the lease actor is told of leadership already. */
  isTold: boolean;
  /** How many proposals of expiries wait. */
  expiries: number;
}

const typeOf = (letter: unknown): string => (letter as { type: string }).type;

const isOfLeadership = (effect: AnyEffect): boolean =>
  effect.type === "send" && effect.to === "lease" && ["leading", "following"].includes(typeOf(effect.letter));

/** An expiry, and what the lease actor asks of raft beside it. */
const isOfLease = (letter: unknown): boolean => {
  const { type, commands = [] } = letter as { type: string; commands?: readonly { type: string }[] };
  return type === "confirm" || (type === "propose" && commands.some((command) => command.type === "expire"));
};

/** Wraps raft. */
export const lateLetters =
  (start: Hosting, gate: Gate): Hosting =>
  (config) => {
    const actor = start(config);
    const unsaid: AnyEffect[] = [];
    const unread: unknown[] = [];
    const { nodeId } = config.node;
    return {
      receive: (letter, now) => {
        const isShut = gate.node === nodeId;
        if (isShut && isOfLease(letter)) {
          unread.push(letter);
          gate.expiries += typeOf(letter) === "propose" ? 1 : 0;
          return [];
        }
        const read = isShut ? [letter] : [...unread.splice(0), letter];
        const effects = read.flatMap((one) => [...actor.receive(one, now)]);
        if (!isShut || gate.isTold) return [...unsaid.splice(0), ...effects];
        unsaid.push(...effects.filter(isOfLeadership));
        return effects.filter((effect) => !isOfLeadership(effect));
      },
    };
  };
