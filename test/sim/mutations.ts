// What is wrong outside the actors: bugs of the disk, which the simulator has in the place of the real one, are brought about by
// tampering with what is said to it. Bugs of the actors are changes of their text, see mutants/.

import type { RaftToStorage } from "../../src/actors/messages.ts";
import { type Behaviours, behaviours } from "./cluster.ts";
import type { AnyEffect, Hosting } from "./node.ts";
import type { Plan } from "./plan.ts";
import { simulate } from "./simulation.ts";

const release = (effect: AnyEffect): readonly AnyEffect[] => {
  if (effect.type !== "send" || effect.to !== "storage") return [effect];
  const letter = effect.letter as RaftToStorage;
  if (letter.type !== "append") return [effect];
  const early = letter.release.map((envelope): AnyEffect => ({ type: "send", to: "peers", letter: envelope }));
  return [{ ...effect, letter: { ...letter, release: [] } }, ...early];
};

/** A disk that releases before it has flushed: what should ride through it leaves at once. */
export const answerBeforeFlush: Hosting = (config) => {
  const actor = behaviours.raft(config);
  return { receive: (letter, now) => actor.receive(letter, now).flatMap(release) };
};

/** Runs until a rule is broken, and says which. */
export function overSeeds(
  seedsMax: number,
  planOfSeed: (seed: number) => Plan,
  broken: Partial<Behaviours>,
): string | null {
  for (let seed = 1; seed <= seedsMax; seed += 1) {
    const { violation } = simulate(seed, { plan: planOfSeed(seed), behaviours: broken });
    if (violation !== null) return violation.message;
  }
  return null;
}
