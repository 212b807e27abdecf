// What crossing from thread to thread does to a letter: the receiver gets a copy, and whatever is not plain data does not
// survive. `structuredClone` is the real thing; `copyPlain` does the same for letters, several times faster, and refuses
// what a letter must not contain. Cheaper is to freeze: whoever then changes what he has sent, or what he has been sent, breaks
// down, and what was frozen once crosses again for nothing. Most runs, which are about other things, share letters as they are.

/** How letters cross between the actors of a node. */
export type Copying = "structured" | "plain" | "frozen" | "shared";

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

/** Freezes plain data all the way down. Throws on what a letter must not hold. */
export function freezePlain<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) {
    if (typeof value === "function" || typeof value === "symbol") throw new TypeError("a letter holds a function");
    return value;
  }
  if (Object.isFrozen(value)) return value;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += 1) freezePlain(value[at]);
    return Object.freeze(value);
  }
  // Bytes cannot be frozen; only copies keep them apart.
  if (value instanceof Uint8Array) return new Uint8Array(value) as Value;
  if (Object.getPrototypeOf(value) !== Object.prototype) throw new TypeError("a letter holds more than plain data");
  for (const key in value) freezePlain(value[key]);
  return Object.freeze(value);
}

export function copyLetter<Letter>(letter: Letter, copying: Copying): Letter {
  if (copying === "shared") return letter;
  if (copying === "frozen") return freezePlain(letter);
  return copying === "plain" ? copyPlain(letter) : structuredClone(letter);
}
