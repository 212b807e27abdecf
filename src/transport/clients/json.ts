// JSON as clients of the leased interface write and read it. Reading: lowerCamelCase or snake_case, 64-bit numbers as numbers
// or strings, unknown fields ignored, wrong types refused by the field's name. Writing: snake_case, exact digits.

/** The types of fields that requests have. */
interface Kinds {
  readonly string: string;
  readonly int64: bigint;
  readonly uint64: bigint;
}

/** The fields of a request, in lowerCamelCase. */
export type Fields = Readonly<Record<string, keyof Kinds>>;
export type Values<F extends Fields> = { -readonly [Name in keyof F]: Kinds[F[Name]] };

/** What fits into 64 bits. */
export const limits = {
  int64: { min: -(2n ** 63n), max: 2n ** 63n - 1n },
  uint64: { min: 0n, max: 2n ** 64n - 1n },
} as const;

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

/** Reads the object that a body is; a sentence if it is none. An empty body has no fields. */
export function readObject(body: Uint8Array): object | string {
  let parsed: unknown;
  try {
    const text = strictUtf8.decode(body);
    parsed = text.trim() === "" ? {} : JSON.parse(text);
  } catch (error) {
    return error instanceof SyntaxError ? `the body is not JSON: ${error.message}` : "the body is not valid UTF-8";
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return "the body must be a JSON object";
  return parsed;
}

/** Reads a request from a body; a sentence if that cannot be done. */
export function readJson<F extends Fields>(body: Uint8Array, fields: F): Values<F> | string {
  const parsed = readObject(body);
  if (typeof parsed === "string") return parsed;
  const values: Record<string, string | bigint> = {};
  for (const [name, kind] of Object.entries(fields)) {
    const snake = snakeCase(name);
    const given = (key: string): unknown =>
      Object.hasOwn(parsed, key) ? (parsed as Record<string, unknown>)[key] : null;
    const spellings = name === snake ? [given(snake)] : [given(snake), given(name)];
    const [value, other] = spellings.filter((spelling) => spelling !== null);
    if (other !== undefined) return `${snake} is given twice, as ${snake} and as ${name}`;
    const read = value === undefined ? missing[kind] : readValue(snake, kind, value);
    if (typeof read === "object") return read.problem;
    values[name] = read;
  }
  return values as Values<F>;
}

const missing: Kinds = { string: "", int64: 0n, uint64: 0n };

interface Problem {
  readonly problem: string;
}

function readValue(name: string, kind: keyof Kinds, value: unknown): string | bigint | Problem {
  if (kind === "string") return typeof value === "string" ? value : { problem: `${name} must be a string` };
  const { min, max } = limits[kind];
  const number = wholeNumber(value);
  if (number === null) return { problem: `${name} must be a whole number, or a string of its digits` };
  if (number < min || number > max) return { problem: `${name} must be from ${min} to ${max}` };
  return number;
}

/** Beyond 2^53 a JSON number may lose digits here; every such number is out of every range that could match anything. */
export function wholeNumber(value: unknown): bigint | null {
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : null;
  if (typeof value === "string") return /^-?\d{1,20}$/.test(value) ? BigInt(value) : null;
  return null;
}

/** Writes a message. An empty list is left out, as is what is not there. */
export function writeJson(value: unknown): string {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(writeJson).join(",")}]`;
  const isThere = (field: unknown): boolean => field !== undefined && !(Array.isArray(field) && field.length === 0);
  const fields = Object.entries(value).filter(([, field]) => isThere(field));
  return `{${fields.map(([name, field]) => `"${snakeCase(name)}":${writeJson(field)}`).join(",")}}`;
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
