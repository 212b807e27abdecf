// The messages of the native interface as JSON, by their schemas. Reading: snake_case or lowerCamelCase, 64-bit numbers as
// numbers or strings, words of enums as they are or in small letters without their prefix; whatever is unknown, of a wrong type
// or given twice is refused by its place. Writing: snake_case, exact digits, small words, empty lists, and nothing of what is
// absent.

import { limits as limits64, wholeNumber } from "./json.ts";
import type { EnumSchema, FieldSchema, MessageSchema, Scalar } from "./native-http-schema.ts";

/** Why a request cannot be read: a sentence that begins with the place. */
export interface Unreadable {
  readonly problem: string;
}

/** A message as the generated code has it. */
export type Message = Record<string, unknown>;

const unreadable = (problem: string): Unreadable => ({ problem });
export const isUnreadable = (value: object): value is Unreadable => "problem" in value;

/** Reads what a body, a query or a path has given, by name. `where` is where the message stands, "" for the request. */
export function readMessage(given: object, schema: MessageSchema, where = ""): Message | Unreadable {
  const fields = new Map<string, FieldSchema>();
  for (const field of schema.fields) fields.set(field.name, field).set(field.property, field);
  const values = new Map<FieldSchema, unknown>();
  for (const [name, value] of Object.entries(given)) {
    const field = fields.get(name);
    if (field === undefined) {
      const known = schema.fields.map((one) => one.name).join(", ");
      return unreadable(`${where}${quoted(name)} is not known here; what can be given is: ${known || "nothing"}`);
    }
    if (value === null) continue;
    if (values.has(field)) return unreadable(`${where}${field.name} is given twice`);
    values.set(field, value);
  }
  const message: Message = {};
  for (const field of schema.fields) {
    if (field.oneof === null) message[field.property] = missing(field);
    else message[field.oneof] ??= undefined;
  }
  const chosen = new Map<string, FieldSchema>();
  for (const [field, value] of values) {
    const read = readField(value, field, `${where}${field.name}`);
    if (typeof read === "object" && read !== null && isUnreadable(read)) return read;
    if (field.oneof === null) {
      message[field.property] = read;
      continue;
    }
    const other = chosen.get(field.oneof);
    if (other !== undefined) {
      return unreadable(`${where}${field.name} is given together with ${other.name}; only one of them can be`);
    }
    chosen.set(field.oneof, field);
    message[field.oneof] = { $case: field.property, value: read };
  }
  return message;
}

/** What a field is that is not given. */
function missing({ kind, isRepeated, isOptional }: FieldSchema): unknown {
  if (isRepeated) return [];
  if (isOptional || kind.type === "message") return undefined;
  if (kind.type === "enum") return 0;
  return zero[kind.type];
}

const zero: Readonly<Record<Scalar, unknown>> = {
  string: "",
  bool: false,
  uint32: 0,
  int32: 0,
  double: 0,
  int64: 0n,
  uint64: 0n,
};

function readField(value: unknown, field: FieldSchema, where: string): unknown {
  if (!field.isRepeated) return readValue(value, field, where);
  if (!Array.isArray(value)) return unreadable(`${where} must be a list`);
  const list: unknown[] = [];
  for (const [place, element] of value.entries()) {
    const read = readValue(element, field, `${where}[${place}]`);
    if (typeof read === "object" && read !== null && isUnreadable(read)) return read;
    list.push(read);
  }
  return list;
}

function readValue(value: unknown, { kind }: FieldSchema, where: string): unknown {
  if (kind.type === "message") {
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? readMessage(value, kind.of, `${where}.`) : unreadable(`${where} must be an object`);
  }
  if (kind.type === "enum") return readWord(value, kind.of, where);
  if (kind.type === "string") return typeof value === "string" ? value : unreadable(`${where} must be a string`);
  if (kind.type === "bool") return typeof value === "boolean" ? value : unreadable(`${where} must be true or false`);
  return readNumber(value, kind.type, where);
}

function readWord(value: unknown, { values }: EnumSchema, where: string): number | Unreadable {
  const found = values.find(({ name, word }) => value === name || value === word);
  if (found !== undefined) return found.number;
  const words = values.filter(({ number }) => number !== 0).map(({ word }) => quoted(word));
  return unreadable(`${where} must be one of ${words.join(", ")}`);
}

const limits = {
  uint32: { min: 0n, max: 2n ** 32n - 1n },
  int32: { min: -(2n ** 31n), max: 2n ** 31n - 1n },
  ...limits64,
} as const;

function readNumber(
  value: unknown,
  type: Exclude<Scalar, "string" | "bool">,
  where: string,
): number | bigint | Unreadable {
  // No request has a field of this kind.
  if (type === "double") return typeof value === "number" ? value : unreadable(`${where} must be a number`);
  const number = wholeNumber(value);
  if (number === null) return unreadable(`${where} must be a whole number, or a string of its digits`);
  const { min, max } = limits[type];
  if (number < min || number > max) return unreadable(`${where} is ${number}; it must be from ${min} to ${max}`);
  return type === "uint32" || type === "int32" ? Number(number) : number;
}

const quoted = (text: string): string => JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);

/** Writes a message. */
export function writeMessage(message: object, schema: MessageSchema): string {
  const parts: string[] = [];
  for (const field of schema.fields) {
    const value = given(message as Message, field);
    if (value !== undefined) parts.push(`"${field.name}":${writeField(value, field)}`);
  }
  return `{${parts.join(",")}}`;
}

function given(message: Message, { property, oneof }: FieldSchema): unknown {
  if (oneof === null) return message[property];
  const choice = message[oneof] as { readonly $case: string; readonly value: unknown } | undefined;
  return choice?.$case === property ? choice.value : undefined;
}

const writeField = (value: unknown, field: FieldSchema): string =>
  field.isRepeated
    ? `[${(value as readonly unknown[]).map((element) => writeValue(element, field)).join(",")}]`
    : writeValue(value, field);

function writeValue(value: unknown, { kind }: FieldSchema): string {
  if (kind.type === "message") return writeMessage(value as object, kind.of);
  if (kind.type === "enum") {
    return JSON.stringify(kind.of.values.find(({ number }) => number === value)?.word ?? String(value));
  }
  return typeof value === "bigint" ? value.toString() : JSON.stringify(value);
}
