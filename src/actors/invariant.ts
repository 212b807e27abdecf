// The loud stop for the impossible. A broken invariant is a defect of this program or of its disk, never of a client's
// input: the node stops, keeps its log, and says what it found.

/** Thrown when something that must hold does not. No actor catches it; the supervisor stops the node. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** Stops the node with `rule` unless `condition` holds. `rule` is a sentence in the present tense. */
export function invariant(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new InvariantError(rule);
}
