// Pure arithmetic of majorities. Knows numbers, not messages.

/** How many of `voters` are a majority. */
export const majority = (voters: number): number => Math.floor(voters / 2) + 1;

/** Whether `votes` of `voters` are a majority. */
export const isMajority = (votes: number, voters: number): boolean => votes >= majority(voters);

/** The highest value that a majority has reached; `values` has one for every voter and is not changed. */
export function reachedByMajority<Value extends number>(values: readonly Value[]): Value {
  let highest = Number.NEGATIVE_INFINITY as Value;
  for (const value of values) {
    if (value <= highest) continue;
    let reached = 0;
    for (const other of values) if (other >= value) reached += 1;
    if (isMajority(reached, values.length)) highest = value;
  }
  return highest;
}
