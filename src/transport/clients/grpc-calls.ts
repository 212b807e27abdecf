// How procedures are served over gRPC: unary calls, and the list of streams that must be ended when the node stops.

import { type handleUnaryCall, Metadata, type ServerUnaryCall, type ServiceError, status } from "@grpc/grpc-js";
import { millis } from "../../actors/scalars.ts";
import { type Failure, grpcStatus, isFailure } from "../status.ts";
import type { Meter } from "./metrics.ts";
import { budgetWithin, type Desk, type Procedure } from "./procedure.ts";
import { type Received, unreadable } from "./received.ts";

/** A failure as grpc-js wants it. */
export const grpcError = ({ reason, message }: Failure): Pick<ServiceError, "code" | "details"> => ({
  code: grpcStatus[reason],
  details: message,
});

/** How long the client of this call will still wait, in milliseconds. */
export const timeLeft = (call: { getDeadline: () => Date | number }): number => Number(call.getDeadline()) - Date.now();

/** What is served beside the response. */
export interface Extras<Response> {
  /** The LockStatus in the response, to be counted; 0 if it has none. */
  readonly lockStatus: (response: Response) => number;
  readonly trailer: (response: Response) => Metadata | undefined;
}

const noExtras: Extras<unknown> = { lockStatus: () => 0, trailer: () => undefined };

/** Serves a procedure as a unary call. */
export function unary<Request, Response extends object>(
  desk: Desk,
  procedure: Procedure<Request, Response>,
  meter: Meter,
  { lockStatus, trailer }: Extras<Response> = noExtras,
): handleUnaryCall<Received<Request>, Response> {
  return (call, respond) => {
    const startedAt = desk.now();
    const tell = (code: status, told: number): void => meter.count(code, told, millis(desk.now() - startedAt));
    const { message: request, bytes } = call.request;
    if (request === null) {
      tell(status.INVALID_ARGUMENT, 0);
      return respond(unreadable(call.getPath()));
    }
    const budget = budgetWithin(timeLeft(call), desk.settings);
    const id = procedure({ request, bytes, requestId: requestIdOf(call), budget }, (result) => {
      if (isFailure(result)) {
        const error = grpcError(result);
        tell(error.code, 0);
        respond(error);
      } else {
        tell(status.OK, lockStatus(result));
        respond(null, result, trailer(result));
      }
    });
    if (id === null) return;
    // Told at the end of every call; only one that is still under way has been given up by its client.
    call.on("cancelled", () => {
      if (desk.calls.cancel(id)) tell(timeLeft(call) <= 0 ? status.DEADLINE_EXCEEDED : status.CANCELLED, 0);
    });
  };
}

function requestIdOf({ metadata }: ServerUnaryCall<unknown, unknown>): string | null {
  const [header] = metadata.get("x-request-id");
  return header === undefined || header === "" ? null : header.toString();
}

/** A trailer that names the problem of a call whose response has no field for it. */
export function problemTrailer({ problem }: { readonly problem: string }): Metadata | undefined {
  if (problem === "") return undefined;
  const metadata = new Metadata();
  metadata.set("error-message", encodeURI(problem));
  return metadata;
}

/** The streams that are open: grpc-js would wait for them for ever. */
export interface OpenStreams {
  readonly add: (end: () => void) => void;
  readonly delete: (end: () => void) => void;
  readonly size: () => number;
  /** Ends them all. */
  readonly end: () => void;
}

export function newOpenStreams(): OpenStreams {
  const ends = new Set<() => void>();
  return {
    add: (end) => void ends.add(end),
    delete: (end) => void ends.delete(end),
    size: () => ends.size,
    end: () => {
      for (const end of ends) end();
    },
  };
}
