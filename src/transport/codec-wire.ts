// The ground that the codec stands on: text, numbers and checksums on the wire. Text is UTF-8 or an error, never text with
// replacement characters in it: two replicas must not read different names in the same bytes. Loading this file settles
// that for every protobuf message that this thread reads or writes.

import { crc32 } from "node:zlib";
import { configureTextEncoding } from "@bufbuild/protobuf/wire";

/** Bytes that are not what they should be: damaged on disk, or sent by somebody who does not speak this language. */
export class MalformedError extends Error {
  override readonly name: string = "MalformedError";
}

/** Bytes that say something that this version does not know. They must not be skipped. */
export class UnknownKindError extends MalformedError {
  override readonly name: string = "UnknownKindError";
}

/** An entry of the log with a command that this version does not know: a replica that is too old, and must stop. */
export class UnknownEntryError extends UnknownKindError {
  override readonly name = "UnknownEntryError";
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Half of a surrogate pair, which UTF-8 cannot carry. */
const loneSurrogate = /\p{Surrogate}/u;

function checkText(text: string): string {
  if (loneSurrogate.test(text)) throw new MalformedError("text with half of a surrogate pair cannot be written");
  return text;
}

configureTextEncoding({
  encodeUtf8: (text) => encoder.encode(checkText(text)) as Uint8Array<ArrayBuffer>,
  encodeUtf8Into: (text, target) => encoder.encodeInto(checkText(text), target),
  decodeUtf8: (bytes) => {
    try {
      return decoder.decode(bytes);
    } catch {
      throw new MalformedError("text is not UTF-8");
    }
  },
  checkUtf8: (text) => !loneSurrogate.test(text),
});

/** A count, an index or a whole span as protobuf writes it. */
export const toWire = (value: number): bigint => BigInt(value);

/** The reverse of `toWire`. What a double cannot hold exactly is malformed. */
export function fromWire<Value extends number>(value: bigint): Value {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new MalformedError(`${value} is too large a number`);
  return number as Value;
}

/** Like `toWire`, for what may be missing. */
export const optionalToWire = (value: number | null): bigint | undefined =>
  value === null ? undefined : toWire(value);

/** Like `fromWire`, for what may be left out. */
export const optionalFromWire = <Value extends number>(value: bigint | undefined): Value | undefined =>
  value === undefined ? undefined : fromWire<Value>(value);

/** A span that need not be whole. */
export function spanFromWire<Value extends number>(value: number): Value {
  if (!Number.isFinite(value)) throw new MalformedError(`${value} is not a span`);
  return value as Value;
}

/** Like `spanFromWire`, for what may be left out. */
export const optionalSpanFromWire = <Value extends number>(value: number | undefined): Value | undefined =>
  value === undefined ? undefined : spanFromWire<Value>(value);

/** What must be there. */
export function present<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) throw new MalformedError(`${name} is missing`);
  return value;
}

/** A case that this version does not have, or none at all: on the wire the two look the same. */
export function unknownKind(of: string): never {
  throw new UnknownKindError(`a kind of ${of} that this version does not know`);
}

/** Reads a message with `read`; whatever that throws says that the bytes are malformed. */
export function reading<Value>(what: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (error instanceof UnknownKindError) throw error;
    throw new MalformedError(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** How many bytes a checksum takes in front of a record. */
const checksumBytes = 4;

/** A record as it is stored: the CRC-32 of `body`, little endian, then `body`. */
export function withChecksum(body: Uint8Array): Uint8Array {
  const record = new Uint8Array(checksumBytes + body.length);
  new DataView(record.buffer).setUint32(0, crc32(body), true);
  record.set(body, checksumBytes);
  return record;
}

/** The body of a stored record, in a buffer of its own. */
export function checkedBody(record: Uint8Array): Uint8Array<ArrayBuffer> {
  if (record.length < checksumBytes) throw new MalformedError("the record is too short");
  const checksum = new DataView(record.buffer, record.byteOffset, checksumBytes).getUint32(0, true);
  // Not `slice`: that of a Buffer does not copy.
  const body = new Uint8Array(record.subarray(checksumBytes));
  if (crc32(body) !== checksum) throw new MalformedError("the checksum does not fit");
  return body;
}
