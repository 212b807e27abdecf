// A failure of the native interface as gRPC tells it: a status, a sentence, and one word for programs in a trailer.

import { Metadata, type ServiceError } from "@grpc/grpc-js";
import { type Failure, reasonWord } from "../status.ts";
import { grpcError } from "./grpc-calls.ts";

/** The trailer with the word. */
export const reasonTrailer = "lockmgr-reason";

export function nativeError({ reason, message }: Failure): Pick<ServiceError, "code" | "details" | "metadata"> {
  const metadata = new Metadata();
  metadata.set(reasonTrailer, reasonWord(reason));
  return { ...grpcError({ reason, message }), metadata };
}
