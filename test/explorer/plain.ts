// States as plain values: copied before an actor changes them in place, and written as text, so that equal states are found
// to be equal whatever way led to them.

/** What is in a state but cannot influence what an actor does: settings, which never change, and statistics. */
const blind = new Set(["config", "answered", "refused", "proposed", "looks"]);

/** A deep copy of an actor's state. `config` is shared: nobody changes it. */
export function copyState<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copyState) as Value;
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, copyState(item)])) as Value;
  if (value instanceof Set) return new Set(value) as Value;
  const copy: Record<string, unknown> = {};
  for (const key in value) copy[key] = key === "config" ? value[key] : copyState(value[key]);
  return copy as Value;
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
    if (!blind.has(key)) parts.push(`${key}:${toText((value as Record<string, unknown>)[key])}`);
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
