// One job of the pool: a story, told with some seeds.

import { hunterNamed, stories } from "./hunters.ts";

export type StoryName = keyof typeof stories;

export const storyNames = Object.keys(stories) as StoryName[];

export interface Told {
  readonly name: StoryName;
  /** The first seed with which it ended badly, and how; null if it never did. */
  readonly failed: { readonly seed: number; readonly message: string } | null;
}

/** Called by the pool. Seeds count from 1. */
export function tellStory({ name, seeds }: { name: StoryName; seeds: number }): Told {
  const tell = hunterNamed(name);
  for (let seed = 1; seed <= seeds; seed += 1) {
    const message = tell(seed);
    if (message !== null) return { name, failed: { seed, message } };
  }
  return { name, failed: null };
}
