// What crossing from thread to thread does to a letter: the receiver gets a copy, and whatever is not plain data does not
// survive. `structuredClone` is the real thing; `copyPlain` does the same for letters, several times faster, and refuses
// what a letter must not contain.

/** How letters cross between the actors of a node. `none` shares them: fast, and blind to actors that share insides. */
export type Copying = "structured" | "plain" | "none";

/** A deep copy of plain data. Throws on functions, class instances and whatever else a letter must not hold. */
export function copyPlain<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) {
    if (typeof value === "function" || typeof value === "symbol") throw new TypeError("a letter holds a function");
    return value;
  }
  if (Array.isArray(value)) {
    const copy = new Array(value.length);
    for (let at = 0; at < value.length; at += 1) copy[at] = copyPlain(value[at]);
    return copy as Value;
  }
  if (value instanceof Uint8Array) return new Uint8Array(value) as Value;
  if (Object.getPrototypeOf(value) !== Object.prototype) throw new TypeError("a letter holds more than plain data");
  const copy: Record<string, unknown> = {};
  for (const key in value) copy[key] = copyPlain(value[key]);
  return copy as Value;
}

export function copyLetter<Letter>(letter: Letter, copying: Copying): Letter {
  if (copying === "plain") return copyPlain(letter);
  return copying === "structured" ? structuredClone(letter) : letter;
}
