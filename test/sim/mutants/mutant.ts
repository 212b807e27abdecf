// A mutant is the service with one deliberate bug: a single change of the text of one source file. It is data; plant.ts builds
// it, hunters.ts look for it. Nothing in the sources knows of mutants.

import type { HunterName } from "./hunters.ts";

/** A test file that holds a real part against its model; it has one seed. */
export type Contract = `test/${string}.test.ts`;

export const isContract = (by: string): by is Contract => by.startsWith("test/");

export interface Mutant {
  /** Short, for the command line. */
  readonly name: string;
  /** What is wrong with it, in the present tense. */
  readonly bug: string;
  /** Which promise or rule it breaks. */
  readonly breaks: string;
  /** Under `src`. */
  readonly file: string;
  /** Must occur in the file exactly once. */
  readonly search: string;
  readonly replace: string;
  /** Who finds it, how many seeds it takes at most, and what must be said to be broken. */
  readonly hunt: { readonly by: HunterName | Contract; readonly seeds: number; readonly says: RegExp };
  /** Whether it is found so fast that every run of the tests looks for it. */
  readonly quick?: true;
}

/** What came of a hunt. */
export interface Report {
  readonly by: string;
  /** The seed that found it; null if none did. */
  readonly seed: number | null;
  /** What was said to be broken. */
  readonly message: string;
  readonly seconds: number;
}
