// Pure arithmetic of majorities. Knows numbers, not messages.

/** How many of `voters` are a majority. */
export const majority = (voters: number): number => Math.floor(voters / 2) + 1;

/** Whether `votes` of `voters` are a majority. */
export const isMajority = (votes: number, voters: number): boolean => votes >= majority(voters);

/** The highest value that a majority has reached; `values` has one for every voter and is not changed. */
export function reachedByMajority<Value extends number>(values: readonly Value[]): Value {
  const ascending = [...values].sort((a, b) => a - b);
  return ascending[ascending.length - majority(ascending.length)] as Value;
}
