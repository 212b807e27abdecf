// States as plain values: copied before an actor changes them in place, and written as text, so that equal states are found
// to be equal whatever way led to them.

/** What is in a state but cannot influence what an actor does: settings, which never change, statistics, and what is told to those
 *  who watch, of whom there are none. */
const blind = new Set(["config", "answered", "refused", "proposed", "looks", "paces", "watching"]);

/** A deep copy of an actor's state: what is in it twice is one thing in the copy, too. `config` is shared: nobody changes it. */
export function copyState<Value>(value: Value, copies = new Map<object, unknown>()): Value {
  if (typeof value !== "object" || value === null) return value;
  const known = copies.get(value);
  if (known !== undefined) return known as Value;
  const copy = emptyLike(value);
  copies.set(value, copy);
  if (Array.isArray(value)) for (const item of value) (copy as unknown[]).push(copyState(item, copies));
  else if (value instanceof Map) {
    for (const [key, item] of value) (copy as Map<unknown, unknown>).set(key, copyState(item, copies));
  } else if (value instanceof Set) for (const item of value) (copy as Set<unknown>).add(copyState(item, copies));
  else {
    for (const key in value) {
      (copy as Record<string, unknown>)[key] = key === "config" ? value[key] : copyState(value[key], copies);
    }
  }
  return copy as Value;
}

function emptyLike(value: object): object {
  if (Array.isArray(value)) return [];
  if (value instanceof Map) return new Map();
  return value instanceof Set ? new Set() : {};
}

/** Text that is equal for equal states. Maps keep their order, which an actor may go by. */
export function toText(value: unknown): string {
  if (typeof value !== "object" || value === null) {
    return typeof value === "string" ? JSON.stringify(value) : String(value);
  }
  if (Array.isArray(value)) return `[${value.map(toText).join(",")}]`;
  if (value instanceof Map) return `M${toText([...value])}`;
  if (value instanceof Set) return `S${toText([...value])}`;
  const parts: string[] = [];
  for (const key in value) {
    const item = (value as Record<string, unknown>)[key];
    // Whether something was proposed is no statistic; how often is.
    if (!blind.has(key) || typeof item === "boolean") parts.push(`${key}:${toText(item)}`);
  }
  return `{${parts.join(",")}}`;
}

/** Gives every value that is not equal to an earlier one a number of its own. What is in it must not be changed any more. */
export interface Pool<Value> {
  readonly values: Value[];
  readonly texts: string[];
  readonly numbers: Map<string, number>;
}

export const createPool = <Value>(): Pool<Value> => ({ values: [], texts: [], numbers: new Map() });

export function numberOf<Value>(pool: Pool<Value>, value: Value, text = toText(value)): number {
  const known = pool.numbers.get(text);
  if (known !== undefined) return known;
  const number = pool.values.length;
  pool.values.push(value);
  pool.texts.push(text);
  pool.numbers.set(text, number);
  return number;
}

export const itemOf = <Value>(pool: Pool<Value>, number: number): Value => pool.values[number] as Value;
