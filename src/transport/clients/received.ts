// Protobuf as it arrives. What cannot be read becomes a value, so that the client is told what is wrong with which message
// (a throw would be told as an internal error), and the bytes stay at hand for request ids.

import { BinaryReader } from "@bufbuild/protobuf/wire";
import { type MethodDefinition, type ServerErrorResponse, status } from "@grpc/grpc-js";
import { notUtf8 } from "./fields.ts";

/** A message as it came in; null if it is no protobuf of its type. */
export interface Received<Message> {
  readonly message: Message | null;
  readonly bytes: Buffer;
}

/** The method, but with what it receives as `Received`. */
export const receiving = <Request, Response>(
  method: MethodDefinition<Request, Response>,
  decode: (bytes: Buffer) => Request = method.requestDeserialize,
): MethodDefinition<Received<Request>, Response> => ({
  ...method,
  requestSerialize: ({ bytes }) => bytes,
  requestDeserialize: (bytes) => {
    try {
      return { message: decode(bytes), bytes };
    } catch {
      return { message: null, bytes };
    }
  },
});

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A string that is no UTF-8 becomes `notUtf8`, so that the check of its field can name it. */
function decodeUtf8(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return notUtf8;
  }
}

/** Reads a message whose strings may be anything. */
export const strictly =
  <Message>(codec: { decode: (reader: BinaryReader) => Message }) =>
  (bytes: Buffer): Message =>
    codec.decode(new BinaryReader(bytes, decodeUtf8));

/** What a client is told whose message cannot be read. `path` is "/package.Service/Method". */
export const unreadable = (path: string): Partial<ServerErrorResponse> & { code: status; details: string } => ({
  code: status.INVALID_ARGUMENT,
  details: `the request of ${path.slice(1)} is not a message of its type: its protobuf is malformed`,
});
